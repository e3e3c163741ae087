/* The load generator: POST /v1/events over keep-alive connections, one thread, epoll.
 *
 * Closed loop (no --rate): each connection sends its next request when its answer is in; the latency counts from sending. Open loop
 * (--rate R, requests a second): request i is due at start + i / R whatever the engine does, waits for a free connection when all are busy,
 * and its latency counts from when it was due, so that a stalled engine cannot hide behind requests that were never sent (no coordinated
 * omission). Requests that were due and never sent are printed as unsent: then the quantiles are too good and the run has failed.
 *
 * Bounded by --count and --seconds, whichever comes first. Knows nothing of the engine but its API; shares the machine with it. */
#include "connection.h"
#include "events.h"
#include "histogram.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SECOND           INT64_C(1000000000)
#define DRAIN            (10 * SECOND) /* for answers that are still out, and for what was due and waits */
#define CONNECTIONS_MOST 4096

struct options {
  const char *host, *key, *query;
  int port, pid;
  uint32_t connections, batch, users;
  uint64_t count;
  double rate, seconds;
  bool ndjson, json, opt_in;
};

struct load {
  struct options o;
  struct events events;
  struct connection *connections;
  uint32_t *idle, idle_count;
  int poll;
  int64_t start, end;
  uint64_t sent, answered, accepted, interventions, refused, lost, unsent;
  int first_refusal;
  struct histogram latency, late; /* late: from due to sent, open loop */
  char error[500];
};

/* ---- requests ---- */
static bool write_opt_in(struct load *l, struct connection *c) {
  const int n = snprintf(c->out, c->out_room, "POST /v1/users/user-%07lu/opt-in HTTP/1.1\r\nHost: %s:%d\r\n%s%s%sContent-Length: 0\r\n\r\n",
                         l->sent % l->o.users, l->o.host, l->o.port, l->o.key ? "Authorization: Bearer " : "", l->o.key ? l->o.key : "",
                         l->o.key ? "\r\n" : "");
  c->out_length = (size_t)n;
  c->out_done = 0;
  return n > 0 && (size_t)n < c->out_room;
}

static bool write_request(struct load *l, struct connection *c) {
  const size_t wanted = 512 + (size_t)l->o.batch * (EVENT_BYTES + 1);
  if (c->out_room < wanted) {
    free(c->out);
    c->out = malloc(wanted);
    c->out_room = c->out ? wanted : 0;
    if (!c->out) return false;
  }
  if (l->o.opt_in) return write_opt_in(l, c);
  char *body = c->out + 512, *at = body; /* the head is put right in front of the body */
  const bool array = l->o.batch > 1 && !l->o.ndjson;
  for (uint32_t i = 0; i < l->o.batch; i++) {
    if (array) *at++ = i ? ',' : '[';
    at += events_write(&l->events, at);
    if (l->o.ndjson) *at++ = '\n';
  }
  if (array) *at++ = ']';
  char head[512];
  const int n = snprintf(head, sizeof head,
                         "POST /v1/events%s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/%s\r\n%s%s%sContent-Length: %zu\r\n\r\n",
                         l->o.query, l->o.host, l->o.port, l->o.ndjson ? "x-ndjson" : "json", l->o.key ? "Authorization: Bearer " : "",
                         l->o.key ? l->o.key : "", l->o.key ? "\r\n" : "", (size_t)(at - body));
  if (n < 0 || n >= (int)sizeof head) return false;
  memmove(c->out + n, body, (size_t)(at - body));
  memcpy(c->out, head, (size_t)n);
  c->out_length = (size_t)n + (size_t)(at - body);
  c->out_done = 0;
  return true;
}

static bool watch(struct load *l, uint32_t number, int how, uint32_t what) {
  struct epoll_event event = {.events = what, .data.u32 = number};
  return epoll_ctl(l->poll, how, l->connections[number].file, &event) == 0;
}

/* The connection is given up; the run goes on with the others and says how many were lost. */
static void lose(struct load *l, uint32_t number, const struct err *e) {
  if (!l->lost++) snprintf(l->error, sizeof l->error, "%s", e->text);
  connection_close(&l->connections[number]);
  l->connections[number].busy = false;
}

static void push(struct load *l, uint32_t number) {
  struct connection *c = &l->connections[number];
  bool blocked;
  struct err e = {0};
  const bool was_part = c->out_done > 0;
  if (!connection_send(c, &blocked, &e)) lose(l, number, &e);
  else if (blocked) watch(l, number, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  else if (was_part) watch(l, number, EPOLL_CTL_MOD, EPOLLIN);
}

static bool send_request(struct load *l, uint32_t number, int64_t since) {
  struct connection *c = &l->connections[number];
  if (!write_request(l, c)) return false;
  c->busy = true;
  c->since = since;
  l->sent++;
  push(l, number);
  return true;
}

/* ---- the schedule ---- */
static int64_t due_at(const struct load *l, uint64_t n) {
  return l->start + (int64_t)((double)n * 1e9 / l->o.rate);
}

static uint64_t wanted_requests(const struct load *l) {
  const uint64_t by_count = (l->o.count + l->o.batch - 1) / l->o.batch;
  if (l->o.rate <= 0) return by_count;
  const uint64_t by_time = (uint64_t)(l->o.rate * l->o.seconds);
  return by_count < by_time ? by_count : by_time;
}

/* Sends what may be sent now; returns when to look again (ns), or INT64_MAX when only an answer can bring something to do. */
static int64_t send_what_is_due(struct load *l, uint64_t wanted) {
  while (l->idle_count && l->sent < wanted) {
    const int64_t now = clock_monotonic();
    if (l->o.rate <= 0) {
      if (now >= l->end) return INT64_MAX;
      if (!send_request(l, l->idle[--l->idle_count], now)) return INT64_MAX;
      continue;
    }
    const int64_t due = due_at(l, l->sent);
    if (due > now) return due;
    if (now > l->end + DRAIN) return INT64_MAX;
    histogram_add(&l->late, now - due);
    if (!send_request(l, l->idle[--l->idle_count], due)) return INT64_MAX;
  }
  return INT64_MAX;
}

static void receive(struct load *l, uint32_t number) {
  struct connection *c = &l->connections[number];
  struct answer answer = {0};
  bool done;
  struct err e = {0};
  if (!connection_receive(c, &answer, &done, &e)) {
    lose(l, number, &e);
    return;
  }
  if (!done) return;
  histogram_add(&l->latency, clock_monotonic() - c->since);
  l->answered++;
  if (answer.status / 100 != 2) {
    if (!l->refused++) {
      l->first_refusal = answer.status;
      snprintf(l->error, sizeof l->error, "%.400s", c->in);
    }
  } else {
    l->accepted += answer.accepted > 0 ? (uint64_t)answer.accepted : 0;
    l->interventions += answer.interventions > 0 ? (uint64_t)answer.interventions : 0;
  }
  l->idle[l->idle_count++] = number;
}

static bool finished(const struct load *l, uint64_t wanted) {
  const int64_t now = clock_monotonic();
  const bool all_answered = l->answered + l->lost >= l->sent;
  if (l->lost >= l->o.connections || now > l->end + DRAIN) return true;
  if (l->sent >= wanted) return all_answered;
  return l->o.rate <= 0 && now >= l->end && all_answered;
}

static void run(struct load *l) {
  const uint64_t wanted = wanted_requests(l);
  l->start = clock_monotonic();
  l->end = l->start + (int64_t)(l->o.seconds * 1e9);
  struct epoll_event events[256];
  while (!finished(l, wanted)) {
    const int64_t next = send_what_is_due(l, wanted);
    int64_t wait = next == INT64_MAX ? SECOND / 10 : next - clock_monotonic();
    if (wait < 0) wait = 0;
    const struct timespec timeout = {wait / SECOND, wait % SECOND};
    const int n = epoll_pwait2(l->poll, events, 256, &timeout, NULL);
    if (n < 0 && errno != EINTR) {
      snprintf(l->error, sizeof l->error, "epoll_pwait2: %s", strerror(errno));
      l->lost = l->o.connections;
      return;
    }
    for (int i = 0; i < n; i++) {
      const uint32_t number = events[i].data.u32;
      if (events[i].events & EPOLLOUT) push(l, number);
      if (events[i].events & ~(uint32_t)EPOLLOUT && l->connections[number].file >= 0) receive(l, number);
    }
  }
  l->unsent = l->o.rate > 0 && l->sent < wanted ? wanted - l->sent : 0;
  l->end = clock_monotonic();
}

/* ---- the report ---- */
/* CPU seconds that the process has used, user and system; −1 when it cannot be read. */
static double cpu_seconds(int pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = pid > 0 ? fopen(path, "r") : NULL;
  if (!file) return -1;
  const size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = 0;
  const char *at = strrchr(text, ')'); /* the name may hold anything; fields are counted behind it */
  unsigned long user = 0, system = 0;
  if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) return -1;
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double milliseconds(int64_t ns) {
  return (double)ns / 1e6;
}

static void report(const struct load *l, double cpu) {
  const double took = (double)(l->end - l->start) / 1e9;
  const double requests = (double)l->answered / took, events = (double)l->accepted / took;
  const double cpu_each = cpu >= 0 && l->accepted ? cpu * 100000 / (double)l->accepted : -1;
  const struct histogram *h = &l->latency;
  const double p50 = milliseconds(histogram_quantile(h, 0.5)), p99 = milliseconds(histogram_quantile(h, 0.99)),
               p999 = milliseconds(histogram_quantile(h, 0.999)), most = milliseconds(h->most),
               late = milliseconds(histogram_quantile(&l->late, 0.99));
  if (l->o.json) {
    printf(
        "{\"seconds\":%.3f,\"requests\":%lu,\"events_accepted\":%lu,\"interventions\":%lu,\"requests_per_second\":%.0f,"
        "\"events_per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,\"late_p99_ms\":%.3f,\"non_2xx\":%lu,"
        "\"lost\":%lu,\"unsent\":%lu,\"cpu_seconds_per_100k\":%.3f,\"mean_event_bytes\":%.0f}\n",
        took, l->answered, l->accepted, l->interventions, requests, events, p50, p99, p999, most, late, l->refused, l->lost, l->unsent,
        cpu_each, events_mean_bytes(&l->events));
  } else {
    printf("%.2f s, %lu requests, %lu events accepted (%.0f bytes each), %lu interventions\n", took, l->answered, l->accepted,
           events_mean_bytes(&l->events), l->interventions);
    printf("%.0f requests/s, %.0f events/s\n", requests, events);
    printf("p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms\n", p50, p99, p999, most);
    if (l->o.rate > 0) printf("sent late: p99 %.3f ms (part of the latencies above)\n", late);
    if (cpu_each >= 0) printf("%.3f CPU seconds of the engine per 100 000 events\n", cpu_each);
    printf("%lu not 2xx, %lu connections lost, %lu unsent\n", l->refused, l->lost, l->unsent);
  }
  if (l->refused) fprintf(stderr, "first refusal, status %d:\n%s\n", l->first_refusal, l->error);
  else if (l->error[0]) fprintf(stderr, "%s\n", l->error);
}

/* ---- beginning ---- */
static const char usage[] =
    "usage: load [--host 127.0.0.1] --port P [--connections 64] [--count 500000] [--seconds 10] [--rate R] [--batch K [--ndjson]]\n"
    "            [--users 10000] [--key SECRET] [--history] [--pid ENGINE] [--json] [--opt-in]\n"
    "--rate counts requests a second (open loop); without it each connection sends as soon as it has its answer\n"
    "--opt-in sends no events but the consent of user 0, 1, 2 …: before a measurement, with --count of all users\n";

static bool read_option(struct options *o, int letter, const char *text) {
  switch (letter) {
  case 'h': o->host = text; return true;
  case 'p': return (o->port = atoi(text)) > 0 && o->port < 65536;
  case 'c': return (o->connections = (uint32_t)atoi(text)) > 0 && o->connections <= CONNECTIONS_MOST;
  case 'n': return (o->count = strtoull(text, NULL, 10)) > 0;
  case 's': return (o->seconds = strtod(text, NULL)) > 0 && o->seconds <= 3600;
  case 'r': return (o->rate = strtod(text, NULL)) > 0;
  case 'b': return (o->batch = (uint32_t)atoi(text)) > 0 && o->batch <= 2500;
  case 'u': return (o->users = (uint32_t)atoi(text)) > 0 && o->users <= 9999999;
  case 'k': o->key = text; return strlen(text) < 200;
  case 'P': return (o->pid = atoi(text)) > 0;
  case 'N': return o->ndjson = true;
  case 'H': o->query = "?clock=event"; return true;
  case 'O': return o->opt_in = true;
  case 'j': return o->json = true;
  default: return false;
  }
}

static bool read_options(struct options *o, int count, char **arguments) {
  static const struct option known[] = {{"host", 1, NULL, 'h'},  {"port", 1, NULL, 'p'},    {"connections", 1, NULL, 'c'},
                                        {"count", 1, NULL, 'n'}, {"seconds", 1, NULL, 's'}, {"rate", 1, NULL, 'r'},
                                        {"batch", 1, NULL, 'b'}, {"users", 1, NULL, 'u'},   {"key", 1, NULL, 'k'},
                                        {"pid", 1, NULL, 'P'},   {"ndjson", 0, NULL, 'N'},  {"history", 0, NULL, 'H'},
                                        {"json", 0, NULL, 'j'},  {"opt-in", 0, NULL, 'O'},  {NULL, 0, NULL, 0}};
  *o = (struct options){.host = "127.0.0.1", .query = "", .connections = 64, .batch = 1, .users = 10000, .count = 500000, .seconds = 10};
  int letter;
  while ((letter = getopt_long(count, arguments, "", known, NULL)) != -1)
    if (!read_option(o, letter, optarg)) return false;
  return optind == count && o->port > 0;
}

static bool connect_all(struct load *l, struct err *e) {
  l->poll = epoll_create1(EPOLL_CLOEXEC);
  l->connections = calloc(l->o.connections, sizeof *l->connections);
  l->idle = calloc(l->o.connections, sizeof *l->idle);
  if (l->poll < 0 || !l->connections || !l->idle) return err_set(e, ERR_INTERNAL, "no memory for %u connections", l->o.connections);
  for (uint32_t i = 0; i < l->o.connections; i++) {
    if (!connection_open(&l->connections[i], l->o.host, l->o.port, e)) return false;
    if (!watch(l, i, EPOLL_CTL_ADD, EPOLLIN)) return err_set(e, ERR_INTERNAL, "epoll: %s", strerror(errno));
    l->idle[l->idle_count++] = i;
  }
  return true;
}

int main(int count, char **arguments) {
  static struct load l;
  if (!read_options(&l.o, count, arguments)) {
    fputs(usage, stderr);
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1000UL); /* wake within a microsecond of what was asked: 20 000 a second are 50 µs apart */
  struct err e = {0};
  uint64_t run_number;
  rng_secret(&run_number, sizeof run_number);
  events_start(&l.events, l.o.users, run_number);
  if (!connect_all(&l, &e)) {
    fprintf(stderr, "load: %s\n", e.text);
    return 4;
  }
  const double before = cpu_seconds(l.o.pid);
  run(&l);
  const double after = cpu_seconds(l.o.pid);
  report(&l, before >= 0 && after >= 0 ? after - before : -1);
  for (uint32_t i = 0; i < l.o.connections; i++) connection_close(&l.connections[i]);
  free(l.connections);
  free(l.idle);
  close(l.poll);
  return l.refused || l.lost || l.unsent ? 1 : 0;
}
