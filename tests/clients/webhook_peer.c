/* helper: emit kit; libraries: lib_uv */
/* The other end for webhooks.mjs:
 *   webhook_peer send URL COUNT SECRET [OLD_SECRET]   the courier sends COUNT letters; a failed attempt's pause is skipped on a frozen
 * clock webhook_peer receive SECRET                       the sink prints its port, then a line a webhook, until its input ends */
#include "emit/emit.h"
#include "kit/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static _Atomic size_t ended, delivered;
static _Atomic int64_t next_due;

static size_t results(void *context, const struct attempt_result *r, size_t count) {
  (void)context;
  for (size_t i = 0; i < count; i++) {
    printf("%llu attempt %u status %d %s\n", (unsigned long long)r[i].id, r[i].attempt, (int)r[i].status, r[i].reason);
    if (r[i].end == LETTER_DELIVERED) delivered++;
    if (r[i].end == LETTER_AGAIN && r[i].next_due > next_due) next_due = r[i].next_due;
    ended += r[i].end != LETTER_AGAIN;
  }
  return count;
}
static bool hungry(void *context, uint32_t volume) {
  (void)context, (void)volume;
  return true;
}
static void withdrawn(void *context, void *token) {
  (void)context, (void)token;
}

static int send_all(const char *url, size_t count, const char *secret, const char *old) {
  clock_freeze(clock_now());
  struct endpoint endpoint = {.name = "peer", .url = url, .secrets = {secret, old}, .allow_http = true, .allow_private = true};
  struct courier_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .results = results, .hungry = hungry, .withdrawn = withdrawn, .origin = "peer"};
  struct err e;
  struct courier *c = courier_start(&options, &e);
  if (!c) {
    fprintf(stderr, "%s\n", e.text);
    return 1;
  }
  for (size_t i = 0; i < count; i++) {
    char body[512];
    int length =
        snprintf(body, sizeof body,
                 "{\"type\":\"intervention.sent\",\"timestamp\":\"2025-01-15T07:45:00Z\",\"data\":{\"userId\":\"u%zu\",\"message\":"
                 "\"Пройдитесь %zu минут — \\\"сейчас\\\" 🙂\",\"values\":{}}}",
                 i, i);
    struct letter *l = letter_new((struct str){body, (size_t)length});
    l->id = (uint64_t)(i % 16) << 48 | (i + 1), l->user = (int64_t)i, l->due = clock_now(), l->send_before = clock_now() + CLOCK_HOUR;
    if (!courier_push(c, l)) return 1;
  }
  while (ended < count) {
    int64_t due = next_due;
    if (due > clock_now()) clock_advance(due - clock_now()), courier_nudge(c);
    usleep(1000);
  }
  courier_stop(c);
  return delivered == count ? 0 : 1;
}

static void each(void *context, bool verified, const char *why, struct str body) {
  (void)context;
  printf("%s|%s|%zu\n", verified ? "verified" : "refused", why, body.len);
  fflush(stdout);
}
static void input(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  char bytes[64];
  if (read(0, bytes, sizeof bytes) <= 0) uv_stop(poll->loop);
}

static int receive(const char *secret) {
  uv_loop_t loop;
  uv_poll_t poll;
  struct err e;
  uv_loop_init(&loop);
  struct sink *s = sink_open(&loop, "127.0.0.1:0", secret, each, NULL, &e);
  if (!s) {
    fprintf(stderr, "%s\n", e.text);
    return 1;
  }
  printf("%d\n", sink_port(s));
  fflush(stdout);
  uv_poll_init(&loop, &poll, 0);
  uv_poll_start(&poll, UV_READABLE, input);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&poll, NULL);
  sink_close(s);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc >= 5 && strcmp(argv[1], "send") == 0) return send_all(argv[2], strtoul(argv[3], NULL, 10), argv[4], argc > 5 ? argv[5] : NULL);
  if (argc == 3 && strcmp(argv[1], "receive") == 0) return receive(argv[2]);
  return 2;
}
