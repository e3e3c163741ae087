/* rooms: lane flow program accept emit book kit; libraries: lib_uv */
/* C3 with everything that takes part in it: events that decide, opt-outs and erasures at the same moment, lanes, their commits, and the
 * courier. Once an opt-out is answered not one request is written for that user. The watch is on send() itself. */
#include "emit_receiver.h"
#include "lane_world.h"

#include <dlfcn.h>
#include <signal.h>

#define USERS 2400
#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"
#define NOON at("2025-03-03T12:00:00+01:00")

static _Atomic bool answered[USERS];
static _Atomic size_t written, violations;
static _Atomic uint32_t written_for[USERS];

static void watch(const char *bytes, size_t length) {
  static const char field[] = "\"userId\":\"u";
  const char *found = memmem(bytes, length, field, sizeof field - 1);
  if (!found) return;
  unsigned long user = strtoul(found + sizeof field - 1, NULL, 10);
  must(user < USERS);
  written++;
  written_for[user]++;
  if (answered[user]) violations++;
}

/* The courier's thread stands still with a request in its hand, for as long as `holds`. */
static _Atomic bool holds, held;
static void hold_up(const char *bytes, size_t length) {
  if (!holds || !memmem(bytes, length, "webhook-id:", 11)) return;
  held = true;
  while (holds) usleep(200);
}

typedef ssize_t send_function(int, const void *, size_t, int);
__attribute__((visibility("default"))) ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
  union {
    void *pointer;
    send_function *function;
  } real = {dlsym(RTLD_NEXT, "send")};
  watch(bytes, length);
  hold_up(bytes, length);
  return real.function(descriptor, bytes, length, flags);
}

static bool slow_sometimes(struct receiver *r, int connection, size_t n) {
  if (n % 11 == 0) usleep((useconds_t)(n % 2000));
  return n % 5 == 4 ? answer_500(r, connection, n) : answer_204(r, connection, n);
}

static void opted_out(void *context, struct job *j) {
  size_t user = (size_t)(uintptr_t)context;
  assert_int_equal(j->err.kind, ERR_NONE);
  answered[user] = true;
}

static void erase(struct job *j, struct flow *f) {
  struct user *u = volume_user(flow_volume(f), j->user, false, &j->err);
  must(u != NULL);
  j->number = u->number;
  if (!flow_erase(f, u, &j->err)) abort();
}

static void leave(struct fleet *f, const char *name, size_t user, bool erased) {
  struct errand errand = {.done = opted_out, .context = (void *)(uintptr_t)user};
  if (erased) fleet_call(f, name, erase, true, &errand);
  else fleet_say(f, ENTRY_CONSENT, name, NULL, "opt_out", NULL, &errand);
}

/* Each user: something that sends; then, at once, in the same turn, or a little later, the end of consent; then more of what would send. */
static void come_and_go(struct fleet *f, struct rng *r, size_t user) {
  char name[16];
  snprintf(name, sizeof name, "u%zu", user);
  fleet_say(f, ENTRY_EVENT, name, "a", "ping", "{\"n\":1}", NULL);
  uint64_t dice = rng_next(r) % 8;
  if (dice >= 4) uv_run(&f->loop, UV_RUN_NOWAIT);
  if (dice >= 6) usleep((useconds_t)(rng_next(r) % 4000));
  if (dice == 7) fleet_wait(f);
  if (rng_next(r) % 10 == 0) return; /* some stay */
  leave(f, name, user, rng_next(r) % 10 == 0);
  fleet_say(f, ENTRY_EVENT, name, "b", "ping", "{\"n\":1}", NULL);
}

static void count_ends(struct world *w, size_t ends[5]) {
  memset(ends, 0, 5 * sizeof *ends);
  for (size_t user = 0; user < USERS; user++) {
    char name[16];
    struct outbox_row row;
    snprintf(name, sizeof name, "u%zu", user);
    struct flow *f = world_flow(w, name);
    const struct user *u = volume_user(flow_volume(f), str_from(name), false, &w->e);
    if (!u || !u->send_count) continue;
    assert_int_equal(u->send_count, 1);
    fine(&w->e, volume_outbox(flow_volume(f), u->sends[0].decision, &w->arena, &row, &w->e));
    ends[row.end]++;
    if (answered[user] && row.end == OUTBOX_WAITING) fail_msg("%s has opted out, and its message waits still", name);
  }
}

static void test_nothing_starts_after_the_answer(void **state) {
  (void)state;
  struct receiver *receiver = receiver_start(slow_sometimes, NULL);
  char url[96];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver->port);
  struct endpoint endpoint = {.name = "hook", .url = url, .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-withdraw", 4, RULES), 2, &endpoint, 1);
  struct rng r = rng_from(3);
  for (size_t user = 0; user < USERS; user++) {
    char name[16];
    snprintf(name, sizeof name, "u%zu", user);
    fleet_person(f, name);
    if (user % 200 == 199) fleet_wait(f);
  }
  fleet_wait(f);
  for (size_t user = 0; user < USERS; user++) come_and_go(f, &r, user);
  fleet_wait(f);
  for (int i = 0; i < 4; i++) { /* what was refused is tried again, but never for who has left */
    usleep(100000);
    clock_advance(8 * CLOCK_SECOND);
    courier_nudge(lanes_courier(f->lanes));
  }
  struct lanes_figures figures = {0};
  for (int i = 0; i < 6000 && figures.courier.delivered < 100; i++) {
    usleep(10000);
    lanes_figures(f->lanes, &figures);
  }
  usleep(200000);
  assert_int_equal(violations, 0);
  struct world *w = fleet_close(f);
  assert_int_equal(violations, 0);
  size_t ends[5];
  count_ends(w, ends);
  print_message("%zu requests, %zu delivered, %zu withdrawn\n", (size_t)written, ends[OUTBOX_DELIVERED], ends[OUTBOX_WITHDRAWN]);
  assert_in_range(ends[OUTBOX_DELIVERED], 100, USERS);
  assert_in_range(ends[OUTBOX_WITHDRAWN], 100, USERS);
  world_free(w);
  clock_thaw();
  receiver_stop(receiver);
}

static void note(void *context, struct job *j) {
  assert_int_equal(j->err.kind, ERR_NONE);
  *(bool *)context = true;
}
static void nothing(struct job *j, struct flow *f) {
  (void)j, (void)f;
}

static void ask(struct fleet *f, bool stops, bool *done) {
  const struct errand errand = {.done = note, .context = done};
  struct job *j = fleet_job(f, "u0", &errand);
  *done = false;
  j->call = nothing;
  j->stops = j->urgent = stops;
  fleet_submit(f, j);
}

static void turn(struct fleet *f, int milliseconds) {
  for (int i = 0; i < milliseconds; i++) {
    uv_run(&f->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
}

/* C4: what stops something is answered when the courier knows of it, and nothing else waits for the courier. */
static void test_a_stop_is_answered_when_the_courier_knows(void **state) {
  (void)state;
  bool plain = false, stop = false;
  struct receiver *receiver = receiver_start(answer_204, NULL);
  char url[96];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver->port);
  struct endpoint endpoint = {.name = "hook", .url = url, .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
  memset((void *)answered, 0, sizeof answered);
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-stop", 1, RULES), 1, &endpoint, 1);
  fleet_person(f, "u0");
  fleet_wait(f);
  holds = true;
  fleet_say(f, ENTRY_EVENT, "u0", NULL, "ping", "{\"n\":1}", NULL);
  for (int i = 0; i < 20000 && !held; i++) turn(f, 1);
  assert_true(held);
  ask(f, false, &plain);
  for (int i = 0; i < 20000 && !plain; i++) turn(f, 1);
  assert_true(plain);
  ask(f, true, &stop);
  turn(f, 300);
  assert_false(stop);
  holds = false;
  fleet_wait(f);
  assert_true(stop);
  world_free(fleet_close(f));
  clock_thaw();
  receiver_stop(receiver);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_starts_after_the_answer),
                                     cmocka_unit_test(test_a_stop_is_answered_when_the_courier_knows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
