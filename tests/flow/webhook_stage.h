/* An engine that sends, and a receiver of this process that is as slow as the test likes. */
#pragma once
#include "engine_client.h"
#include "unit/emit_receiver.h"

static struct stage stage;
static struct receiver *receiver;
static _Atomic long slow;                       /* microseconds an answer takes */
static _Atomic size_t answered_most = 1u << 30; /* requests; those behind wait for their answers */
static char url[96];

static inline bool answers_slowly(struct receiver *r, int connection, size_t n) {
  client_rest(slow);
  while (n >= answered_most && !r->closing) client_rest(1000);
  return answer_204(r, connection, n);
}

static inline void start(void) {
  const char *const more[] = {"--webhook", url, "--webhook-secret", TEST_SECRET, "--allow-http", "--allow-private", "--lanes", "2", NULL};
  engine_start(&stage, more);
}

/* A zone in which it is about noon: the test runs at any hour. */
static inline const char *noon_zone(void) {
  static char name[32];
  int hour = (int)(clock_now() / CLOCK_HOUR % 24), east = 12 - hour;
  snprintf(name, sizeof name, "Etc/GMT%+d", -east); /* POSIX counts westward */
  return east ? name : "Etc/GMT";
}

static inline uint64_t engine_metric(const char *name) {
  struct reply r = client_ask(stage.port, "GET", "/metrics", NULL, NULL, (struct str){0});
  char line[80];
  snprintf(line, sizeof line, "\n%s ", name);
  buf_char(&r.text, 0);
  const char *at = strstr(r.body.at, line);
  if (!at) client_fail("no metric %s", name);
  uint64_t value = strtoull(at + strlen(line), NULL, 10);
  buf_free(&r.text);
  return value;
}

/* Until nothing is on the wire any more: what was sent has been counted by the receiver, however slow the machine is. */
static inline void wire_empty(void) {
  for (int i = 0; engine_metric("kairos_webhooks_in_flight") > 0; i++) {
    if (i > CLIENT_WAIT_SECONDS * 100) client_fail("requests to the receiver do not end");
    client_rest(10000);
  }
}
static inline void engine_dies(void) {
  engine_end(&stage, SIGKILL);
  answered_most = 1u << 30;
  for (int i = 0; receiver->open > 0; i++) {
    if (i > CLIENT_WAIT_SECONDS * 100) client_fail("connections of an engine that is dead do not end");
    client_rest(10000);
  }
}

static inline void receiver_ready(void) {
  receiver = receiver_start(answers_slowly, NULL);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver->port);
}
