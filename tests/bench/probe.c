/* The patient senders' thread. Sends a request when it is due and one of its connections is free; one that was refused is left alone for
 * the seconds that Retry-After named. Opens a connection again when it was closed. Blocking sends (a request fits the socket's buffer),
 * epoll for answers. Called by overload.c. */
#include "probe.h"
#include "events.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include "urgent.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND  INT64_C(1000000000)
#define IN_ROOM 65536

struct line { /* a connection */
  int file;
  int64_t since, free_at; /* sent at, 0: nothing is out; not before */
  size_t length;
  char in[IN_ROOM + 1];
};
static struct {
  struct probe *p;
  struct line *lines;
  struct events events;
  char *out;
  int poll;
  uint32_t turn;
  int64_t due;
  pthread_t thread;
  _Atomic bool stop;
} o;

static bool line_open(struct line *l) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.p->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int yes = 1;
  l->since = 0;
  l->length = 0;
  l->file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (l->file < 0) return false;
  setsockopt(l->file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
  if (connect(l->file, (struct sockaddr *)&address, sizeof address) == 0 && epoll_ctl(o.poll, EPOLL_CTL_ADD, l->file, &event) == 0)
    return true;
  close(l->file);
  l->file = -1;
  return false;
}

static void line_lose(struct line *l) {
  o.p->other += l->since != 0;
  if (l->file >= 0) close(l->file);
  line_open(l);
}

static void line_send(struct line *l) {
  char *body = o.out + 256, *at = body, head[256];
  for (uint32_t i = 0; i < o.p->batch; i++) {
    if (o.p->batch > 1) *at++ = i ? ',' : '[';
    at += events_write(&o.events, at);
  }
  if (o.p->batch > 1) *at++ = ']';
  const int n = snprintf(head, sizeof head,
                         "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                         (size_t)(at - body));
  char *from = body - n;
  memcpy(from, head, (size_t)n);
  l->since = clock_monotonic();
  while (from < at) {
    const ssize_t sent = send(l->file, from, (size_t)(at - from), MSG_NOSIGNAL);
    if (sent <= 0) {
      line_lose(l);
      return;
    }
    from += sent;
  }
}

static void line_answered(struct line *l, const char *head) {
  const int64_t now = clock_monotonic(), took = now - l->since;
  const long status = strtol(head + 9, NULL, 10);
  const char *later = strcasestr(head, "\r\nRetry-After:");
  l->since = 0;
  if (status != 200) l->free_at = now + (later ? strtol(later + 14, NULL, 10) : 1) * SECOND;
  struct probe_tally *t = status == 200 ? &o.p->done : &o.p->refused;
  o.p->other += status != 200 && status != 429 && status != 503;
  t->count++;
  histogram_add(&t->latency, took);
}

static void line_read(struct line *l) {
  const ssize_t n = recv(l->file, l->in + l->length, IN_ROOM - l->length, 0);
  if (n <= 0) {
    line_lose(l);
    return;
  }
  l->length += (size_t)n;
  l->in[l->length] = 0;
  const char *end = strstr(l->in, "\r\n\r\n"), *length = strcasestr(l->in, "\r\nContent-Length:");
  if (!end || !length || length > end) return;
  if (l->length < (size_t)(end + 4 - l->in) + strtoull(length + 17, NULL, 10)) return;
  l->length = 0;
  if (l->since) line_answered(l, l->in);
}

static void send_due(int64_t now) {
  for (; o.due <= now; o.due += o.p->gap_ns) {
    struct line *l = NULL;
    for (uint32_t tries = 0; !l && tries < o.p->connections; tries++) {
      struct line *next = &o.lines[o.turn++ % o.p->connections];
      if (next->file >= 0 && !next->since && now >= next->free_at) l = next;
    }
    if (l) line_send(l);
    else o.p->late++;
  }
}

static void *probe_main(void *unused) {
  (void)unused;
  struct epoll_event events[64];
  urgent_first();
  o.due = clock_monotonic();
  const int64_t end = o.due + (int64_t)(o.p->seconds * 1e9);
  while (!o.stop) {
    const int64_t now = clock_monotonic();
    if (now < end) send_due(now);
    const struct timespec rest = {0, now >= end ? SECOND / 20 : o.due > now ? (o.due - now) % SECOND : 0};
    const int n = epoll_pwait2(o.poll, events, 64, &rest, NULL);
    for (int i = 0; i < n; i++) line_read(events[i].data.ptr);
  }
  return NULL;
}

bool probe_start(struct probe *p) {
  uint64_t run;
  rng_secret(&run, sizeof run);
  events_start(&o.events, 10000, run);
  o.p = p;
  o.poll = epoll_create1(EPOLL_CLOEXEC);
  o.lines = calloc(p->connections, sizeof *o.lines);
  o.out = malloc(256 + (size_t)p->batch * (EVENT_BYTES + 1) + 2);
  if (!o.lines || !o.out) return false;
  for (uint32_t i = 0; i < p->connections; i++)
    if (!line_open(&o.lines[i])) return false;
  return pthread_create(&o.thread, NULL, probe_main, NULL) == 0;
}

void probe_stop(void) {
  o.stop = true;
  pthread_join(o.thread, NULL);
  for (uint32_t i = 0; i < o.p->connections; i++)
    if (o.lines[i].file >= 0) close(o.lines[i].file);
  close(o.poll);
  free(o.lines);
  free(o.out);
}
