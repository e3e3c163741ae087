/* Overload: far more requests than the engine can do, offered open loop over many pipelined connections. What is due and finds every
 * pipeline full is withheld, as by a sender that gives up; the rest is sent, and answers are counted by what they say: done (200) or
 * refused (429, 503), each with its own latency from sending. Meanwhile one more connection (urgent.c) opts a user out and sets a kill,
 * twenty times a second: those must be answered whatever else is. And patient senders (probe.c) keep to Retry-After and say what a
 * well-made client sees. One thread, epoll, beside theirs, which go before it. Shares the machine with the engine, but with --nice it
 * leaves the engine the processors it asks for, as a flood that comes over a wire does. */
#include "events.h"
#include "histogram.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include "probe.h"
#include "urgent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND     INT64_C(1000000000)
#define AFTERWARDS (200 * SECOND) /* for the answers that are owed when the clock has run out: a sanitized engine beside others is slow */
#define DEPTH_MOST 32
#define IN_ROOM    (256 * 1024)
#define HEAD_ROOM  256

struct peer {
  int file;
  char *out, *in;
  size_t out_length, out_done, in_length;
  int64_t since[DEPTH_MOST]; /* of the requests that are out, a ring */
  uint32_t first, count;
  bool blocked, dirty;
};
struct tally {
  uint64_t count, other, without_retry_after;
  struct histogram latency;
};
static struct {
  int port, nice;
  uint32_t connections, depth, batch;
  double rate, seconds;
  struct events events;
  struct peer *peers;
  uint32_t turn, *dirty, dirty_count;
  uint64_t out; /* requests that wait for their answers */
  int poll;
  size_t out_room;
  int64_t start, end;
  uint64_t sent, withheld, accepted, in_time, lost, reopened;
  struct tally done, refused;
  struct probe patient;
  struct urgent urgent;
} o = {.connections = 256, .depth = 16, .batch = 1, .seconds = 10, .patient = {.connections = 300}};

static bool peer_open(struct peer *p, uint32_t number) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int yes = 1;
  p->file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  p->out = malloc(o.out_room);
  p->in = malloc(IN_ROOM + 1);
  if (!p->out || !p->in || p->file < 0 || connect(p->file, (struct sockaddr *)&address, sizeof address) != 0) return false;
  setsockopt(p->file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
  return fcntl(p->file, F_SETFL, O_NONBLOCK) == 0 && epoll_ctl(o.poll, EPOLL_CTL_ADD, p->file, &event) == 0;
}

static uint32_t peer_number(const struct peer *p) {
  return (uint32_t)(p - o.peers);
}

/* A refusal may close: then the next request goes over a new connection. What was out on the old one is lost. */
static void peer_lose(struct peer *p) {
  if (p->file >= 0) close(p->file);
  o.lost += p->count;
  o.out -= p->count;
  free(p->out);
  free(p->in);
  *p = (struct peer){.dirty = p->dirty};
  if (peer_open(p, peer_number(p))) {
    o.reopened++;
  } else {
    if (p->file >= 0) close(p->file);
    p->file = -1;
  }
}

static void peer_push(struct peer *p) {
  while (p->file >= 0 && p->out_done < p->out_length) {
    const ssize_t n = send(p->file, p->out + p->out_done, p->out_length - p->out_done, MSG_NOSIGNAL);
    if (n > 0) p->out_done += (size_t)n;
    else if (n < 0 && errno == EAGAIN) break;
    else peer_lose(p);
  }
  if (p->out_done == p->out_length) p->out_done = p->out_length = 0;
  const bool blocked = p->out_length > 0;
  if (p->file < 0 || blocked == p->blocked) return;
  struct epoll_event event = {.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.u32 = peer_number(p)};
  epoll_ctl(o.poll, EPOLL_CTL_MOD, p->file, &event);
  p->blocked = blocked;
}

static void peer_started(struct peer *p, int64_t now) {
  p->since[(p->first + p->count++) % DEPTH_MOST] = now;
  o.out++;
}

static void write_events(struct peer *p) {
  char *head = p->out + p->out_length, *body = head + HEAD_ROOM, *at = body;
  for (uint32_t i = 0; i < o.batch; i++) {
    if (o.batch > 1) *at++ = i ? ',' : '[';
    at += events_write(&o.events, at);
  }
  if (o.batch > 1) *at++ = ']';
  const size_t length = (size_t)(at - body);
  const int n =
      snprintf(head, HEAD_ROOM,
               "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
  memmove(head + n, body, length);
  p->out_length += (size_t)n + length;
}

/* ---- what is due ---- */

static struct peer *peer_free(void) {
  if (o.out >= (uint64_t)o.connections * o.depth) return NULL;
  const size_t request = HEAD_ROOM + (size_t)o.batch * (EVENT_BYTES + 1) + 2;
  for (uint32_t tries = 0; tries < o.connections; tries++) {
    struct peer *p = &o.peers[o.turn++ % o.connections];
    if (p->file >= 0 && p->count < o.depth && p->out_length + request <= o.out_room) return p;
  }
  return NULL;
}

/* Sends what is due; how long until the next (ns). */
static int64_t send_due(int64_t now) {
  if (now >= o.end) return SECOND / 20;
  const double due = (double)(now - o.start) / 1e9 * o.rate;
  uint32_t round = 0;
  while ((double)(o.sent + o.withheld) < due && round++ < 4096) {
    struct peer *p = peer_free();
    if (!p) { /* so for all that are due by now */
      o.withheld = (uint64_t)due - o.sent + 1;
      break;
    }
    write_events(p);
    peer_started(p, now);
    o.sent++;
    if (p->dirty) continue;
    p->dirty = true;
    o.dirty[o.dirty_count++] = peer_number(p);
  }
  return SECOND / 2000;
}

/* ---- answers ---- */

static void answered(struct peer *p, int status, const char *head, const char *body) {
  const int64_t took = clock_monotonic() - p->since[p->first % DEPTH_MOST];
  p->first = (p->first + 1) % DEPTH_MOST;
  p->count--;
  o.out--;
  struct tally *t = status == 200 ? &o.done : &o.refused;
  t->count++;
  histogram_add(&t->latency, took);
  if (t == &o.refused) {
    t->other += status != 429 && status != 503;
    if (!strcasestr(head, "\r\nRetry-After:")) t->without_retry_after++;
  }
  const char *number = t == &o.done ? strstr(body, "\"accepted\":") : NULL;
  if (!number) return;
  const uint64_t taken = strtoull(number + 11, NULL, 10);
  o.accepted += taken;
  if (clock_monotonic() < o.end) o.in_time += taken; /* what comes while the queues empty is no part of the rate */
}

static void peer_read(struct peer *p) {
  const ssize_t n = recv(p->file, p->in + p->in_length, IN_ROOM - p->in_length, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    peer_lose(p);
    return;
  }
  p->in_length += (size_t)n;
  p->in[p->in_length] = 0;
  size_t at = 0;
  for (char *end; p->count && (end = strstr(p->in + at, "\r\n\r\n"));) {
    end[2] = 0; /* the head alone: what stands behind it may speak of lengths too */
    const char *length = strcasestr(p->in + at, "\r\nContent-Length:");
    const size_t whole = (size_t)(end + 4 - (p->in + at)) + (length ? strtoull(length + 17, NULL, 10) : 0);
    end[2] = '\r';
    if (at + whole > p->in_length) break;
    const char after = p->in[at + whole];
    p->in[at + whole] = 0;
    answered(p, (int)strtol(p->in + at + 9, NULL, 10), p->in + at, end + 4);
    p->in[at + whole] = after;
    at += whole;
  }
  memmove(p->in, p->in + at, p->in_length - at + 1);
  p->in_length -= at;
  if (p->in_length == IN_ROOM) peer_lose(p); /* an answer that long is none */
}

static void run(void) {
  struct epoll_event events[512];
  o.start = clock_monotonic();
  o.end = o.start + (int64_t)(o.seconds * 1e9);
  for (int64_t now = o.start; now < o.end + AFTERWARDS; now = clock_monotonic()) {
    const int64_t wait = send_due(now);
    if (now >= o.end && o.out == 0) break;
    for (; o.dirty_count; o.dirty_count--) {
      struct peer *p = &o.peers[o.dirty[o.dirty_count - 1]];
      p->dirty = false;
      if (!p->blocked) peer_push(p);
    }
    const struct timespec timeout = {0, wait};
    const int n = epoll_pwait2(o.poll, events, 512, &timeout, NULL);
    for (int i = 0; i < n; i++) {
      struct peer *p = &o.peers[events[i].data.u32];
      if (events[i].events & EPOLLOUT) peer_push(p);
      if (p->file >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) peer_read(p);
    }
  }
}

/* ---- beginning and end ---- */

static void put_tally(const char *name, const struct tally *t) {
  printf("\"%s\":%lu,\"%s_p50_ms\":%.3f,\"%s_p99_ms\":%.3f,", name, t->count, name, (double)histogram_quantile(&t->latency, 0.5) / 1e6,
         name, (double)histogram_quantile(&t->latency, 0.99) / 1e6);
}

static void put_patient(const char *name, const struct probe_tally *t) {
  printf("\"%s\":%lu,\"%s_p50_ms\":%.3f,\"%s_p99_ms\":%.3f,", name, t->count, name, (double)histogram_quantile(&t->latency, 0.5) / 1e6,
         name, (double)histogram_quantile(&t->latency, 0.99) / 1e6);
}

static void put_urgent(void) {
  printf("\"urgent\":%lu,\"urgent_p50_ms\":%.3f,\"urgent_p99_ms\":%.3f,", o.urgent.count,
         (double)histogram_quantile(&o.urgent.latency, 0.5) / 1e6, (double)histogram_quantile(&o.urgent.latency, 0.99) / 1e6);
}

static void report(void) {
  printf("{\"offered\":%lu,\"sent\":%lu,\"withheld\":%lu,\"events_accepted\":%lu,\"goodput_per_second\":%.0f,", o.sent + o.withheld, o.sent,
         o.withheld, o.accepted, (double)o.in_time / o.seconds);
  put_tally("done", &o.done);
  put_tally("refused", &o.refused);
  put_urgent();
  put_patient("patient_done", &o.patient.done);
  put_patient("patient_refused", &o.patient.refused);
  printf("\"patient_late\":%lu,\"other_status\":%lu,\"without_retry_after\":%lu,\"urgent_not_200\":%lu,\"unanswered\":%lu,\"lost\":%lu,"
         "\"reopened\":%lu}\n",
         o.patient.late, o.refused.other + o.patient.other, o.refused.without_retry_after, o.urgent.other, o.out, o.lost + o.urgent.lost,
         o.reopened);
}

static bool read_options(int count, char **arguments) {
  static const struct option known[] = {
      {"port", 1, NULL, 'p'}, {"connections", 1, NULL, 'c'}, {"depth", 1, NULL, 'd'}, {"batch", 1, NULL, 'b'},
      {"rate", 1, NULL, 'r'}, {"seconds", 1, NULL, 's'},     {"nice", 1, NULL, 'n'},  {NULL, 0, NULL, 0}};
  for (int letter; (letter = getopt_long(count, arguments, "", known, NULL)) != -1;) {
    switch (letter) {
    case 'p': o.port = atoi(optarg); break;
    case 'c': o.connections = (uint32_t)atoi(optarg); break;
    case 'd': o.depth = (uint32_t)atoi(optarg); break;
    case 'n': o.nice = atoi(optarg); break;
    case 'b': o.batch = (uint32_t)atoi(optarg); break;
    case 'r': o.rate = strtod(optarg, NULL); break;
    case 's': o.seconds = strtod(optarg, NULL); break;
    default: return false;
    }
  }
  return optind == count && o.port > 0 && o.rate > 0 && o.seconds > 0 && o.connections > 0 && o.depth > 0 && o.depth <= DEPTH_MOST &&
         o.batch > 0 && o.batch <= 1500;
}

int main(int count, char **arguments) {
  if (!read_options(count, arguments)) {
    fputs("usage: overload --port P --rate REQUESTS-A-SECOND [--connections 256] [--depth 16] [--batch 1] [--seconds 10]\n"
          "                [--nice 0]\n",
          stderr);
    return 2;
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  uint64_t run_number;
  rng_secret(&run_number, sizeof run_number);
  events_start(&o.events, 10000, run_number);
  o.poll = epoll_create1(EPOLL_CLOEXEC);
  o.peers = calloc(o.connections, sizeof *o.peers);
  o.dirty = calloc(o.connections, sizeof *o.dirty);
  o.out_room = (HEAD_ROOM + (size_t)o.batch * (EVENT_BYTES + 1) + 2) * (o.batch > 1 ? 2 : o.depth);
  for (uint32_t i = 0; o.peers && o.dirty && i < o.connections; i++) {
    if (peer_open(&o.peers[i], i)) continue;
    perror("overload: no connection");
    return 4;
  }
  o.patient.port = o.port;
  o.patient.batch = o.batch;
  o.patient.seconds = o.seconds;
  o.patient.gap_ns = SECOND / (o.rate > 10000 ? 200 : o.rate < 1000 ? 20 : (int64_t)o.rate / 50); /* a trickle beside the flood */
  o.urgent.port = o.port;
  o.urgent.users = o.events.users;
  o.urgent.seconds = o.seconds;
  if (!probe_start(&o.patient) || !urgent_start(&o.urgent)) {
    perror("overload: no patient or urgent senders");
    return 4;
  }
  if (o.nice) setpriority(PRIO_PROCESS, 0, o.nice); /* this thread; the others have their own */
  run();
  urgent_stop();
  probe_stop();
  report();
  return 0;
}
