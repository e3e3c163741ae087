/* rooms: emit kit */
/* C3 and C4: once an opt-out or a kill is acknowledged, not one request is written for what it covers. The proof watches send() itself, on
 * the courier's thread, where the acknowledgement is given too: so "after" is exact, not a matter of when a receiver looks. */
#include "emit_receiver.h"
#include "kit/hash.h"
#include "kit/rng.h"

#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define USERS   10000 /* withdrawals, two lanes together */
#define LETTERS 3     /* a user, at most */
#define NAMES   8

/* ---- the watch on send() ---- */

struct user_token {
  _Atomic bool acknowledged;
};
static struct user_token users[USERS];
static _Atomic uint32_t killed_names; /* bit n: "trigger:n" is killed; bit 31: all */
static _Atomic size_t writes, violations;

static void watch_request(const char *bytes, size_t length) {
  static const char header[] = "webhook-id: msg_d0-";
  const char *at = memmem(bytes, length, header, sizeof header - 1);
  if (!at) return; /* an answer of a receiver */
  uint64_t id = strtoull(at + sizeof header - 1, NULL, 10), user = id / 16, name = user % NAMES;
  writes++;
  if (user < USERS && users[user].acknowledged) violations++;
  if (killed_names & (UINT32_C(1) << name | UINT32_C(1) << 31)) violations++;
}

typedef ssize_t send_function(int, const void *, size_t, int);
__attribute__((visibility("default"))) ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
  union {
    void *pointer;
    send_function *function;
  } real = {dlsym(RTLD_NEXT, "send")}; /* courier and receivers call it at once: kept nowhere */
  watch_request(bytes, length);
  return real.function(descriptor, bytes, length, flags);
}

/* Look-ups of names below .test wait until they are let go. */
static _Atomic size_t lookups;
static _Atomic bool lookups_go;
typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict host, const char *restrict service,
                                                       const struct addrinfo *restrict hints, struct addrinfo **restrict out) {
  union {
    void *pointer;
    lookup *function;
  } real = {dlsym(RTLD_NEXT, "getaddrinfo")};
  if (!host || !str_ends(str_from(host), ".test")) return real.function(host, service, hints, out);
  lookups++;
  while (!lookups_go) usleep(200);
  struct addrinfo numeric = *hints;
  numeric.ai_flags = AI_NUMERICHOST;
  return real.function("127.0.0.1", service, &numeric, out);
}

static uint64_t trigger_name(uint64_t n) {
  char text[32];
  int length = snprintf(text, sizeof text, "trigger:%llu", (unsigned long long)n);
  return hash_64((struct str){text, (size_t)length});
}
static struct letter *user_letter(uint64_t user, uint64_t k, int64_t due) {
  struct letter *l = desk_letter(user * 16 + k, due, due + CLOCK_HOUR);
  l->user = (int64_t)user;
  l->volume = (uint32_t)(user % 2);
  l->endpoint = (uint32_t)(user % 4) + 1;
  l->names[user % 4] = trigger_name(user % NAMES);
  return l;
}
static int reset(void **state) {
  (void)state;
  memset(users, 0, sizeof users);
  killed_names = 0;
  writes = violations = 0;
  lookups = 0;
  lookups_go = false;
  return 0;
}

/* ---- thousands of opt-outs in the middle of everything ---- */

static bool slow_sometimes(struct receiver *r, int connection, size_t n) {
  if (n % 7 == 0) usleep((useconds_t)(n % 3000));
  return answer_204(r, connection, n);
}
static bool fails_often(struct receiver *r, int connection, size_t n) {
  if (n % 50 == 0) return false;
  return n % 2 ? answer_500(r, connection, n) : answer_204(r, connection, n);
}

struct lane {
  pthread_t thread;
  struct desk *desk;
  uint64_t number, pushed;
};
/* Pushes its users' letters and withdraws each user a random while later, without ever waiting for an acknowledgement. */
static void *lane_run(void *context) {
  struct lane *lane = context;
  struct rng chance = rng_from(lane->number + 1);
  uint64_t behind = lane->number;
  for (uint64_t user = lane->number; user < USERS; user += 2) {
    uint64_t count = 1 + rng_next(&chance) % LETTERS;
    for (uint64_t k = 0; k < count; k++)
      desk_push(lane->desk, user_letter(user, k, clock_now() + (rng_next(&chance) % 2 ? 0 : (int64_t)(rng_next(&chance) % 30))));
    lane->pushed += count;
    while (courier_figures(lane->desk->courier).waiting > 64 || rng_next(&chance) % 4 == 0) { /* let some go out, stop others */
      if (rng_next(&chance) % 4 || behind > user) {
        usleep((useconds_t)(rng_next(&chance) % 200));
        continue;
      }
      courier_withdraw(lane->desk->courier, (uint32_t)lane->number, (int64_t)behind, &users[behind]);
      behind += 2;
    }
  }
  for (; behind < USERS; behind += 2) courier_withdraw(lane->desk->courier, (uint32_t)lane->number, (int64_t)behind, &users[behind]);
  return NULL;
}

static void nothing_is_sent_after_an_opt_out_is_acknowledged(void **state) {
  (void)state;
  struct receiver *r[4];
  int ports[4];
  for (int i = 0; i < 4; i++) r[i] = receiver_start(i == 3 ? fails_often : slow_sometimes, NULL), ports[i] = r[i]->port;
  struct desk d;
  desk_init(&d, ports, 4);
  d.endpoints[1].rate = 2000, d.endpoints[1].burst = 10; /* some wait for their token */
  desk_open(&d);
  struct lane lanes[2] = {{.desk = &d, .number = 0}, {.desk = &d, .number = 1}};
  for (int i = 0; i < 2; i++) pthread_create(&lanes[i].thread, NULL, lane_run, &lanes[i]);
  for (int i = 0; i < 2; i++) pthread_join(lanes[i].thread, NULL);
  desk_wait(&d, &d.acknowledged, USERS);
  desk_wait(&d, &d.ends, lanes[0].pushed + lanes[1].pushed); /* every letter has exactly one end */
  desk_close(&d);
  size_t seen = 0;
  for (int i = 0; i < 4; i++) seen += r[i]->count, receiver_stop(r[i]);
  print_message("%llu letters, %zu requests, %zu results\n", (unsigned long long)(lanes[0].pushed + lanes[1].pushed), seen, d.count);
  assert_int_equal(violations, 0);
  assert_int_equal(writes, seen);
  assert_true(seen > USERS / 10); /* the race was a race: some went out, some were stopped */
  assert_true(lanes[0].pushed + lanes[1].pushed > seen);
}

/* ---- kills, set and lifted while letters flow ---- */

static _Atomic bool kills_end;
struct kill_order {
  uint32_t bits;
  _Atomic bool done;
};
static void killed(void *context, void *token) {
  struct kill_order *order = token;
  killed_names = order->bits;
  desk_withdrawn(context, NULL);
  order->done = true; /* last: who waits for it may leave */
}
static void *kills_run(void *context) {
  struct desk *d = context;
  struct rng chance = rng_from(9);
  while (!kills_end) {
    struct kill_order order = {.bits = (uint32_t)(rng_next(&chance) % (1 << NAMES))};
    uint64_t names[NAMES + 1];
    size_t count = 0;
    for (uint32_t n = 0; n < NAMES; n++)
      if (order.bits >> n & 1) names[count++] = trigger_name(n);
    if (rng_next(&chance) % 16 == 0) names[count++] = hash_64(STR("all")), order.bits |= UINT32_C(1) << 31;
    courier_kill(d->courier, killed_names_new(names, count), &order);
    while (!order.done) usleep(50);
    usleep((useconds_t)(rng_next(&chance) % 500));
  }
  return NULL;
}

static void nothing_killed_is_sent_while_it_is_killed(void **state) {
  (void)state;
  struct receiver *r[4];
  int ports[4];
  for (int i = 0; i < 4; i++) r[i] = receiver_start(slow_sometimes, NULL), ports[i] = r[i]->port;
  struct desk d;
  desk_init(&d, ports, 4);
  d.options.withdrawn = killed;
  desk_open(&d);
  pthread_t killer;
  kills_end = false;
  pthread_create(&killer, NULL, kills_run, &d);
  for (uint64_t user = 0; user < USERS; user++) {
    desk_push(&d, user_letter(user, 0, clock_now() + (int64_t)(user % 20)));
    while (courier_figures(d.courier).waiting > 100) usleep(200);
  }
  desk_wait(&d, &d.ends, USERS);
  kills_end = true;
  pthread_join(killer, NULL);
  size_t delivered = 0, withdrawn = 0;
  for (size_t i = 0; i < d.count; i++) {
    delivered += d.results[i].end == LETTER_DELIVERED;
    withdrawn += d.results[i].end == LETTER_WITHDRAWN;
    if (d.results[i].end == LETTER_WITHDRAWN) assert_string_equal(d.results[i].reason, "killed");
  }
  print_message("%zu sent, %zu killed, %zu orders\n", delivered, withdrawn, d.acknowledged);
  assert_int_equal(violations, 0);
  assert_int_equal(delivered + withdrawn, USERS);
  assert_true(delivered > 100 && withdrawn > 100 && d.acknowledged > 20);
  desk_close(&d);
  for (int i = 0; i < 4; i++) receiver_stop(r[i]);
}

static void ten_thousand_queued_letters_are_killed_at_once(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  int ports[4] = {r->port, r->port, r->port, r->port};
  struct desk d;
  desk_init(&d, ports, 4);
  d.options.withdrawn = killed;
  for (int i = 0; i < 4; i++) d.endpoints[i].rate = 0.001, d.endpoints[i].burst = 1; /* one goes, the rest is queued */
  desk_open(&d);
  for (uint64_t user = 0; user < USERS; user++) desk_push(&d, user_letter(user, 0, clock_now() + (user % 3 ? 0 : CLOCK_MINUTE)));
  desk_wait(&d, &d.ends, 4);
  struct kill_order order = {.bits = UINT32_C(1) << 31};
  uint64_t all = hash_64(STR("all"));
  courier_kill(d.courier, killed_names_new(&all, 1), &order);
  desk_wait(&d, &d.acknowledged, 1);
  assert_int_equal(d.ends, USERS);       /* the ends are told before the acknowledgement */
  for (size_t i = 5; i < d.count; i++) { /* in the order of their ids, whatever the tables' order is */
    assert_int_equal(d.results[i].end, LETTER_WITHDRAWN);
    assert_true(d.results[i].id > d.results[i - 1].id);
  }
  desk_push(&d, user_letter(0, 9, clock_now())); /* and what comes in later */
  desk_wait(&d, &d.ends, USERS + 1);
  assert_int_equal(d.results[USERS].end, LETTER_WITHDRAWN);
  assert_int_equal(r->count, 4);
  courier_kill(d.courier, killed_names_new(NULL, 0), NULL); /* lifted, nobody wants to know */
  desk_close(&d);
  receiver_stop(r);
}

/* ---- an attempt that has begun but has not written ---- */

enum stop { STOP_OPT_OUT, STOP_KILL, STOP_EXPIRY };

static void stopped_while_connecting(enum stop stop, enum letter_end end, const char *reason) {
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  reset(NULL);
  clock_freeze(INT64_C(1736925600000));
  desk_init(&d, &r->port, 1);
  snprintf(d.urls[0], sizeof d.urls[0], "http://slow.test:%d/", r->port);
  d.options.connect_ms = d.options.total_ms = 30000;
  desk_open(&d);
  struct letter *l = user_letter(7, 0, clock_now());
  l->endpoint = 0;
  desk_push(&d, l);
  while (lookups == 0) usleep(200);
  assert_int_equal(courier_figures(d.courier).in_flight, 1);
  uint64_t name = trigger_name(7);
  if (stop == STOP_OPT_OUT) courier_withdraw(d.courier, 1, 7, &users[7]);
  if (stop == STOP_KILL) courier_kill(d.courier, killed_names_new(&name, 1), &users[7]);
  if (stop == STOP_EXPIRY) clock_advance(CLOCK_HOUR);
  else desk_wait(&d, &d.acknowledged, 1);
  lookups_go = true;
  desk_wait(&d, &d.ends, 1);
  assert_int_equal(d.results[0].end, end);
  assert_int_equal(d.results[0].attempt, 0);
  assert_string_equal(d.results[0].reason, reason);
  assert_int_equal(r->count, 0);
  assert_int_equal(writes, 0);
  assert_int_equal(courier_figures(d.courier).attempts, 0);
  desk_close(&d);
  receiver_stop(r);
  clock_thaw();
}

static void the_gate_stops_what_has_not_been_written(void **state) {
  (void)state;
  stopped_while_connecting(STOP_OPT_OUT, LETTER_WITHDRAWN, "opted out");
  stopped_while_connecting(STOP_KILL, LETTER_WITHDRAWN, "killed");
  stopped_while_connecting(STOP_EXPIRY, LETTER_EXPIRED, "expired before the request could be written");
}

/* A look-up that hangs must not hold the courier when its attempt times out: others go on, and stopping does not wait for it. */
static void a_hanging_lookup_holds_nobody(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  int ports[2] = {r->port, r->port};
  struct desk d;
  desk_init(&d, ports, 2);
  snprintf(d.urls[0], sizeof d.urls[0], "http://slow.test:%d/", r->port);
  d.options.connect_ms = d.options.total_ms = 100;
  desk_open(&d);
  for (uint64_t i = 0; i < 4; i++) {
    struct letter *l = user_letter(i, 0, clock_now());
    l->endpoint = 1;
    desk_push(&d, l);
  }
  desk_wait(&d, &d.count, 4); /* comes only if the time-outs do not wait for the look-ups, which end when we say so below */
  for (size_t i = 0; i < 4; i++) assert_string_equal(d.results[i].reason, "timeout");
  for (uint64_t i = 10; i < 30; i++) {
    struct letter *l = user_letter(i, 0, clock_now());
    l->endpoint = 2;
    desk_push(&d, l);
  }
  desk_wait(&d, &d.count, 24);
  assert_int_equal(r->count, 20);
  desk_close(&d);
  lookups_go = true;
  while (lookups < 4) usleep(200);
  usleep(20000); /* the resolver's detached threads leave before the process does, or the leak checker counts them */
  receiver_stop(r);
}

/* Opt-outs by the thousand, without a pause and with every request for memory refused: each is carried out and acknowledged, and those who
 * did not opt out get their messages. A kill says beforehand that it has no room, and then nobody was told anything. */
static void no_command_needs_memory(void **state) {
  (void)state;
  enum { QUEUED = 3000 };
  struct receiver *r = receiver_start(answer_204, NULL);
  int ports[4] = {r->port, r->port, r->port, r->port};
  struct desk d;
  desk_init(&d, ports, 4);
  clock_freeze(clock_now());
  desk_open(&d);
  for (uint64_t user = 0; user < QUEUED; user++) desk_push(&d, user_letter(user, 0, clock_now() + CLOCK_MINUTE));
  courier_withdraw(d.courier, 0, QUEUED, &users[QUEUED]); /* nobody: they are all in when it is acknowledged */
  desk_wait(&d, &d.acknowledged, 1);
  const uint64_t name = trigger_name(1);
  for (uint64_t user = 1; user < QUEUED; user++) {
    kit_fail_allocation(1);
    courier_withdraw(d.courier, (uint32_t)(user % 2), (int64_t)user, &users[user]);
    kit_fail_allocation(1);
    courier_nudge(d.courier);
    kit_fail_allocation(1);
    courier_enable(d.courier, user % 4);
  }
  desk_wait(&d, &d.acknowledged, QUEUED);
  kit_fail_allocation(1);
  struct killed_names *none = killed_names_new(&name, 1);
  kit_fail_allocation(0);
  assert_null(none);
  assert_int_equal(d.ends, QUEUED - 1);
  for (size_t i = 0; i < d.count; i++) assert_int_equal(d.results[i].end, LETTER_WITHDRAWN);
  courier_kill(d.courier, killed_names_new(&name, 1), NULL); /* user 0 has another name */
  clock_advance(CLOCK_MINUTE + CLOCK_SECOND);
  courier_nudge(d.courier);
  desk_wait(&d, &d.ends, QUEUED);
  assert_int_equal(d.results[QUEUED - 1].end, LETTER_DELIVERED);
  desk_close(&d);
  receiver_stop(r);
  clock_thaw();
}

#define FRESH(test) cmocka_unit_test_setup(test, reset)
int main(void) {
  const struct CMUnitTest tests[] = {
      FRESH(nothing_is_sent_after_an_opt_out_is_acknowledged),
      FRESH(nothing_killed_is_sent_while_it_is_killed),
      FRESH(ten_thousand_queued_letters_are_killed_at_once),
      FRESH(the_gate_stops_what_has_not_been_written),
      FRESH(no_command_needs_memory),
      FRESH(a_hanging_lookup_holds_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
