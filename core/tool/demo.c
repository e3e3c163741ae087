/* demo: the whole engine on a fresh directory, a small population played into it over HTTP, and the built-in receiver printing each signed
 * intervention with its reasons. Ends by itself and leaves nothing behind. The engine and the receiver run on the main thread's loop; the
 * player is a thread that speaks HTTP like any application. */
#include "arguments.h"
#include "client.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/json.h"
#include "kit/log.h"
#include "population.h"
#include "serve.h"
#include "workshop.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEMO_USERS  160
#define DEMO_DAYS   35
#define DEMO_SEED   2025
#define DEMO_SHOWN  8
#define DEMO_SECRET "whsec_a2Fpcm9zLWRlbW8tc2VjcmV0LW9mLTMyLWJ5dGVzISE="

struct demo {
  struct engine *engine;
  struct client client;
  struct sink *sink;
  uv_async_t finished;
  struct buf users; /* names, one a line, in order of appearance */
  uint64_t events, sends;
  struct err err;
  pthread_mutex_t lock;
  /* Under the lock: what the receiver got on the main thread, and who of the two threads has ended. */
  char received[DEMO_SHOWN][32];
  size_t received_count;
  uint64_t verified, unverified;
  bool played, over; /* the player has ended; its asking is not awaited any more */
  char url[64], directory[4096];
};

static bool is_known(const struct demo *d, struct str user) {
  struct str rest = buf_view(&d->users), line;
  while (str_split(&rest, '\n', &line))
    if (str_eq(line, user)) return true;
  return false;
}

static bool post(struct demo *d, const char *path, const char *type, struct str body, struct buf *answer) {
  buf_clear(answer);
  return client_call(&d->client, "POST", path, type, body, answer, NULL, &d->err);
}

static void note_user(struct demo *d, struct str line, struct arena *a) {
  struct json j;
  if (!json_parse(&j, a, line, &json_limits_default, NULL)) return;
  struct str user = json_text(&j, json_get(&j, 0, "userId"), a);
  if (is_known(d, user)) return;
  buf_str(&d->users, user);
  buf_char(&d->users, '\n');
}

/* Five weeks of the population's past, on its own time: states and habits exist before the first live event. */
static bool play_history(struct demo *d) {
  struct population *p = population_new(DEMO_USERS, DEMO_DAYS, DEMO_SEED, clock_now() - DEMO_DAYS * CLOCK_DAY, &d->err);
  struct buf line = {0}, batch = {0}, answer = {0};
  struct arena a = {0};
  uint32_t in_batch = 0;
  bool ok = p != NULL, more = ok;
  while (ok && more) {
    buf_clear(&line);
    more = population_next(p, &line);
    if (more) {
      note_user(d, buf_view(&line), &a);
      arena_reset(&a);
      buf_str(&batch, buf_view(&line));
      buf_char(&batch, '\n');
      in_batch++;
      d->events++;
    }
    if (in_batch == 0 || (more && in_batch < 1000)) continue;
    ok = post(d, "/v1/events?clock=event", "application/x-ndjson", buf_view(&batch), &answer);
    buf_clear(&batch);
    in_batch = 0;
  }
  population_free(p);
  arena_free(&a);
  buf_free(&line);
  buf_free(&batch);
  buf_free(&answer);
  return ok;
}

/* One live moment of a user: the application is opened, after a bad night and with little motivation. */
static bool play_moment(struct demo *d, struct str user, int n, struct buf *answer) {
  char path[256], body[512], at[32];
  snprintf(path, sizeof path, "/v1/users/" STR_FORMAT "/opt-in", STR_ARG(user));
  if (!post(d, path, "application/json", STR("{}"), answer)) return false;
  size_t length = clock_format(clock_now(), at);
  int size = snprintf(body, sizeof body,
                      "{\"id\":\"demo-%d\",\"userId\":\"" STR_FORMAT "\",\"eventType\":\"app_interaction\",\"timestamp\":\"%.*s\","
                      "\"data\":{\"screenTime\":%d,\"motivationLevel\":%d},\"context\":{\"stressLevel\":%d,\"socialContext\":\"alone\"}}",
                      n, STR_ARG(user), (int)length, at, 40 + n, 2 + n % 4, 6 + n % 4);
  d->events++;
  return post(d, "/v1/events", "application/json", (struct str){body, (size_t)size}, answer);
}

static bool play_now(struct demo *d) {
  struct buf answer = {0};
  struct str rest = buf_view(&d->users), user;
  bool ok = true;
  int n = 0;
  while (ok && str_split(&rest, '\n', &user)) {
    if (user.len == 0) continue;
    struct arena a = {0};
    struct json j;
    int64_t sends = 0;
    ok = play_moment(d, user, n++, &answer);
    if (ok && json_parse(&j, &a, buf_view(&answer), &json_limits_default, NULL))
      json_int(&j, json_get(&j, 0, "interventions_triggered"), &sends);
    d->sends += (uint64_t)sends;
    arena_free(&a);
  }
  buf_free(&answer);
  return ok;
}

static void show_why(struct demo *d, const char *id) {
  char path[128];
  struct buf words = {0};
  struct err e = {0};
  snprintf(path, sizeof path, "/v1/decisions/%s/why", id);
  if (client_call(&d->client, "GET", path, NULL, (struct str){0}, &words, NULL, &e)) printf(STR_FORMAT, STR_ARG(buf_view(&words)));
  putchar('\n');
  buf_free(&words);
}

/* How many of those that are shown have come; an id that is there stays as it is. */
static size_t received(struct demo *d, bool *all) {
  pthread_mutex_lock(&d->lock);
  const size_t count = d->received_count;
  *all = d->verified + d->unverified >= d->sends;
  pthread_mutex_unlock(&d->lock);
  return count;
}

static void *play(void *argument) {
  struct demo *d = argument;
  if (play_history(d) && play_now(d)) {
    bool all;
    size_t count = received(d, &all);
    for (int i = 0; i < 100 && !all; i++) {
      nanosleep(&(struct timespec){0, 50000000}, NULL);
      count = received(d, &all);
    }
    printf("\nWhy? The engine keeps the reasons of each:\n\n");
    for (size_t i = 0; i < count && i < 3; i++) show_why(d, d->received[i]);
  }
  pthread_mutex_lock(&d->lock);
  d->played = true;
  if (!d->over) uv_async_send(&d->finished);
  pthread_mutex_unlock(&d->lock);
  return NULL;
}

static void show_webhook(struct demo *d, bool verified, const char *why, struct str body) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, body, &json_limits_default, NULL)) {
    uint32_t data = json_get(&j, 0, "data");
    struct str id = json_text(&j, json_get(&j, data, "decisionId"), &a);
    printf("%s %-7s " STR_FORMAT " -> " STR_FORMAT "\n    \"" STR_FORMAT "\"\n", verified ? "signature ok " : why, "",
           STR_ARG(json_text(&j, json_get(&j, data, "trigger"), &a)), STR_ARG(json_text(&j, json_get(&j, data, "userId"), &a)),
           STR_ARG(json_text(&j, json_get(&j, data, "message"), &a)));
    snprintf(d->received[d->received_count++], sizeof d->received[0], STR_FORMAT, STR_ARG(id));
  }
  arena_free(&a);
}

static void on_webhook(void *context, bool verified, const char *why, struct str body) {
  struct demo *d = context;
  pthread_mutex_lock(&d->lock);
  if (verified) d->verified++;
  else d->unverified++;
  if (d->received_count < DEMO_SHOWN) show_webhook(d, verified, why, body);
  pthread_mutex_unlock(&d->lock);
}

static void on_finished(uv_async_t *async) {
  engine_stop(((struct demo *)async->data)->engine);
}

static bool prepare(struct demo *d, struct err *e) {
  struct engine *s = d->engine;
  if (!workshop_store(d->directory, sizeof d->directory, e)) return false;
  engine_prepare(s);
  if (!(d->sink = sink_open(&s->loop, "127.0.0.1:0", DEMO_SECRET, on_webhook, d, e))) return false;
  snprintf(d->url, sizeof d->url, "http://127.0.0.1:%d/hook", sink_port(d->sink));
  struct endpoint *endpoint = ARENA_NEW(&s->arena, struct endpoint);
  *endpoint = (struct endpoint){.name = "sink", .url = d->url, .secrets = {DEMO_SECRET, NULL}, .allow_http = true, .allow_private = true};
  s->options.endpoints = endpoint;
  s->options.endpoint_count = 1;
  s->options.data = d->directory;
  s->options.listen = "127.0.0.1:0";
  uv_async_init(&s->loop, &d->finished, on_finished);
  d->finished.data = d;
  return engine_open(s, e);
}

int tool_demo(struct engine *s) {
  struct demo d = {.engine = s, .lock = PTHREAD_MUTEX_INITIALIZER};
  struct err e = {0};
  char address[64];
  pthread_t player;
  bool ok = prepare(&d, &e);
  if (ok) {
    snprintf(address, sizeof address, "http://127.0.0.1:%d", door_port(s->door));
    d.client.url = address;
    printf("Kairos %s, program %.16s, fresh data in %s\n%d people, %d days of their past, then one live moment each:\n\n", KAIROS_VERSION,
           s->api.program->digest, d.directory, DEMO_USERS, DEMO_DAYS);
    fflush(stdout);
    ok = pthread_create(&player, NULL, play, &d) == 0 || err_set(&e, ERR_INTERNAL, "the player's thread cannot be started");
  }
  const bool plays = ok;
  if (plays) {
    uv_run(&s->loop, UV_RUN_DEFAULT);
    pthread_mutex_lock(&d.lock);
    d.over = true;
    ok = d.played || err_set(&e, ERR_STOPPING, "interrupted before all was played");
    pthread_mutex_unlock(&d.lock);
  }
  if (d.sink) {
    sink_close(d.sink);
    uv_close((uv_handle_t *)&d.finished, NULL);
  }
  engine_close(s); /* with its door: a player who still asks is told that nobody is there */
  if (plays) pthread_join(player, NULL);
  if (ok) {
    e = d.err;
    ok = e.kind == ERR_NONE;
  }
  if (ok)
    printf("%llu events taken, %llu interventions decided, %llu received with a good signature\n", (unsigned long long)d.events,
           (unsigned long long)d.sends, (unsigned long long)d.verified);
  if (d.directory[0]) file_remove_tree(d.directory, NULL);
  buf_free(&d.users);
  return ok && d.unverified == 0 ? EXIT_OK : tool_fail(&e);
}
