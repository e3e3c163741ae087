/* helper: kit */
/* Calls a running engine all the while, as applications do: events of many users over some connections, at a rate. SIGTERM ends it; then it
 * says how many requests there were, how many a second, how many were not answered 2xx, the median and the 99th percentile, and leaves with
 * 1 if any was not.
 *
 *     calling PORT [LINKS [RATE [USERS]]]     RATE: requests a second, 0: as fast as answers come
 *
 * With a rate the loop is open: request i is due at i / RATE whatever the engine does, and what is late is sent as soon as a connection is
 * free. Its time counts from when it was due, so that a stall cannot hide behind requests that were not sent. What was due and never sent
 * is said as well. */
#include "engine_client.h"

#define LATENCIES_MOST 4000000
#define REST_NS        20000000 /* most of one rest: a signal may have come just before it */

static volatile sig_atomic_t ending;
static void on_term(int number) {
  (void)number;
  ending = 1;
}

struct calling {
  uint64_t sent, bad, decided;
  int64_t begun, rate;
  uint64_t users;
  int64_t *since; /* by link: when its request was due, or sent */
  uint32_t *micros;
  size_t micros_count;
  struct swarm *swarm;
  char worst[300];
};

static int64_t due_at(const struct calling *c, uint64_t number) {
  return c->begun + (int64_t)(number * 1000000000 / (uint64_t)c->rate);
}

static bool next(void *context, struct link *l) {
  struct calling *c = context;
  const int64_t now = clock_monotonic(), due = c->rate ? due_at(c, c->sent) : now;
  char time[32];
  struct buf body = {0};
  if (ending || due > now) return false;
  const int length = (int)clock_format(clock_now(), time);
  buf_printf(&body, "{\"userId\":\"caller-%llu\",\"eventType\":\"check_in\",\"timestamp\":\"%.*s\",\"data\":{\"stressLevel\":%llu}}",
             (unsigned long long)(c->sent % c->users), length, time, (unsigned long long)(c->sent * 7 % 10));
  client_request(&l->out, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
  buf_free(&body);
  c->since[l - c->swarm->links] = due;
  c->sent++;
  return true;
}

static void answered(void *context, struct link *l, int status, struct str body) {
  struct calling *c = context;
  const int64_t took = (clock_monotonic() - c->since[l - c->swarm->links]) / 1000;
  if (c->micros_count < LATENCIES_MOST) c->micros[c->micros_count++] = (uint32_t)(took > UINT32_MAX ? UINT32_MAX : took);
  c->decided += memmem(body.at, body.len, "\"trigger\":", 10) != NULL;
  if (status >= 200 && status < 300) return;
  c->bad++;
  snprintf(c->worst, sizeof c->worst, "%d: %.*s", status, (int)(body.len < 200 ? body.len : 200), body.at);
}

/* Until the next request is due, or something was answered. */
static void rest(const struct calling *c) {
  const int64_t wait = due_at(c, c->sent) - clock_monotonic();
  if (wait <= 0 && c->swarm->open < c->swarm->count) return;
  const struct timespec most = {0, wait > 0 && wait < REST_NS ? wait : REST_NS};
  struct epoll_event event;
  epoll_pwait2(c->swarm->epoll, &event, 1, &most, NULL); /* level-triggered: the step reads it */
}

static uint64_t late(const struct calling *c) {
  uint64_t number = c->sent;
  const int64_t now = clock_monotonic();
  while (c->rate && due_at(c, number) <= now) number++;
  return number - c->sent;
}

static int by_size(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  static struct swarm swarm;
  const size_t links = argc > 2 ? (size_t)atol(argv[2]) : 4;
  if (argc < 2 || links < 1 || links > SWARM_MOST || (argc > 4 && atol(argv[4]) < 1)) return 2;
  struct calling c = {.rate = argc > 3 ? atol(argv[3]) : 500, .users = argc > 4 ? (uint64_t)atol(argv[4]) : 5000, .swarm = &swarm};
  c.since = calloc(links, sizeof *c.since);
  c.micros = calloc(LATENCIES_MOST, sizeof *c.micros);
  if (!c.since || !c.micros) return 2;
  struct sigaction action = {.sa_handler = on_term};
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  swarm = (struct swarm){.next = next, .answered = answered, .context = &c};
  swarm_open(&swarm, atoi(argv[1]), links);
  c.begun = clock_monotonic();
  while (!swarm.lost && !ending) {
    swarm_step(&swarm, c.rate ? 0 : 1);
    if (c.rate) rest(&c);
  }
  const int64_t took = clock_monotonic() - c.begun;
  const uint64_t unsent = late(&c);
  while (!swarm.lost && swarm.open) swarm_step(&swarm, 1);
  if (swarm.lost) snprintf(c.worst, sizeof c.worst, "a connection broke");
  const uint64_t lost = swarm.open;
  swarm_close(&swarm);
  qsort(c.micros, c.micros_count, sizeof *c.micros, by_size);
  const double p50 = c.micros_count ? c.micros[c.micros_count / 2] : 0, p99 = c.micros_count ? c.micros[c.micros_count * 99 / 100] : 0;
  printf("%llu requests (%.0f/s, %llu due and not sent), %llu not 2xx, %llu without an answer, %llu with a decision; p50 %.2f ms, p99 %.2f "
         "ms%s%s\n",
         (unsigned long long)c.sent, (double)c.sent * 1e9 / (double)took, (unsigned long long)unsent, (unsigned long long)c.bad,
         (unsigned long long)lost, (unsigned long long)c.decided, p50 / 1000, p99 / 1000, c.worst[0] ? "; the last: " : "", c.worst);
  free(c.since);
  free(c.micros);
  return c.bad || lost || swarm.lost;
}
