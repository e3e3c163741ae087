/* What the courier's tests share: a receiver that behaves as badly as it is told, and a desk that keeps what the courier reports. The
 * receiver has a thread for each connection, so that it may block; it remembers every request in the order in which they came. */
#pragma once
#include "emit/emit.h"
#include "kit/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TEST_SECRET       "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define TEST_SECRET_OLD   "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define TEST_CONNECTIONS  512
#define TEST_REQUESTS     65536
#define TEST_WAIT_SECONDS 60 /* against a hang only */

/* ---- the receiver ---- */

struct seen {
  char id[96], timestamp[24], signature[128], traceparent[80];
  bool verified;
};
struct receiver;
/* Answers the n-th request (from 0); false: close the connection. */
typedef bool behaviour(struct receiver *r, int connection, size_t n);
struct receiver {
  int listener, port;
  behaviour *behave;
  void *context;
  pthread_t thread;
  pthread_mutex_t lock;
  int connections[TEST_CONNECTIONS];
  pthread_t threads[TEST_CONNECTIONS];
  size_t connection_count;
  struct seen *seen;
  _Atomic size_t open; /* connections whose peer has not left */
  _Atomic size_t count;
  _Atomic bool closing;
};
struct receiver_thread {
  struct receiver *receiver;
  int connection;
};

static inline void receiver_say(int connection, const char *text) {
  for (size_t length = strlen(text); length > 0;) {
    ssize_t n = send(connection, text, length, MSG_NOSIGNAL);
    if (n <= 0) return;
    text += n, length -= (size_t)n;
  }
}
static inline bool answer_204(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 204 No Content\r\n\r\n");
  return true;
}
static inline bool answer_500(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  return true;
}

static inline struct str receiver_header(const char *head, const char *name) {
  const char *at = strcasestr(head, name);
  if (!at) return (struct str){"", 0};
  at += strlen(name);
  return str_trim((struct str){at, (size_t)(strstr(at, "\r\n") - at)});
}
static inline void receiver_copy(char *to, size_t size, struct str s) {
  snprintf(to, size, STR_FORMAT, STR_ARG(s));
}

/* Reads one request; its number, or SIZE_MAX when the connection is over. */
static inline size_t receiver_read(struct receiver *r, int connection) {
  char text[65536];
  size_t have = 0, whole = SIZE_MAX;
  char *end = NULL;
  while (have < whole) {
    ssize_t n = recv(connection, text + have, end ? whole - have : 1, 0); /* byte by byte to the blank line: nothing of the next is taken */
    if (n <= 0) return SIZE_MAX;
    have += (size_t)n;
    text[have] = 0;
    if (!end && have >= 4 && memcmp(text + have - 4, "\r\n\r\n", 4) == 0) {
      int64_t length = 0;
      end = text + have;
      if (!str_to_int(receiver_header(text, "\r\ncontent-length:"), &length) || length < 0 || length > 30000) abort();
      whole = have + (size_t)length;
    }
  }
  struct seen seen;
  struct str body = {end, whole - (size_t)(end - text)}, id = receiver_header(text, "\r\nwebhook-id:"),
             timestamp = receiver_header(text, "\r\nwebhook-timestamp:"), signature = receiver_header(text, "\r\nwebhook-signature:");
  receiver_copy(seen.id, sizeof seen.id, id);
  receiver_copy(seen.timestamp, sizeof seen.timestamp, timestamp);
  receiver_copy(seen.signature, sizeof seen.signature, signature);
  receiver_copy(seen.traceparent, sizeof seen.traceparent, receiver_header(text, "\r\ntraceparent:"));
  seen.verified = webhook_verify(TEST_SECRET, id, timestamp, signature, body, clock_now(), NULL);
  pthread_mutex_lock(&r->lock);
  size_t n = r->count;
  if (n >= TEST_REQUESTS) abort();
  r->seen[n] = seen;
  r->count = n + 1;
  pthread_mutex_unlock(&r->lock);
  return n;
}

static inline void *receiver_connection(void *context) {
  struct receiver_thread t = *(struct receiver_thread *)context;
  free(context);
  for (size_t n; (n = receiver_read(t.receiver, t.connection)) != SIZE_MAX;)
    if (!t.receiver->behave(t.receiver, t.connection, n)) break;
  t.receiver->open--;
  shutdown(t.connection, SHUT_RDWR); /* closed when the receiver stops, so that no descriptor is shut down twice */
  return NULL;
}

static inline void *receiver_accept(void *context) {
  struct receiver *r = context;
  for (int connection; (connection = accept(r->listener, NULL, NULL)) >= 0;) {
    pthread_mutex_lock(&r->lock);
    if (r->closing || r->connection_count == TEST_CONNECTIONS) {
      close(connection);
    } else {
      struct receiver_thread *t = malloc(sizeof *t);
      *t = (struct receiver_thread){r, connection};
      r->connections[r->connection_count] = connection;
      r->open++;
      if (pthread_create(&r->threads[r->connection_count++], NULL, receiver_connection, t) != 0) abort();
    }
    pthread_mutex_unlock(&r->lock);
  }
  return NULL;
}

static inline struct receiver *receiver_start(behaviour *behave, void *context) {
  struct receiver *r = calloc(1, sizeof *r);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  r->seen = calloc(TEST_REQUESTS, sizeof *r->seen);
  r->behave = behave, r->context = context;
  pthread_mutex_init(&r->lock, NULL);
  r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(r->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(r->listener, 511) != 0) abort();
  if (getsockname(r->listener, (struct sockaddr *)&address, &length) != 0) abort();
  r->port = ntohs(address.sin_port);
  if (pthread_create(&r->thread, NULL, receiver_accept, r) != 0) abort();
  return r;
}

static inline void receiver_stop(struct receiver *r) {
  r->closing = true;
  shutdown(r->listener, SHUT_RDWR);
  pthread_join(r->thread, NULL);
  for (size_t i = 0; i < r->connection_count; i++) shutdown(r->connections[i], SHUT_RDWR);
  for (size_t i = 0; i < r->connection_count; i++) pthread_join(r->threads[i], NULL), close(r->connections[i]);
  close(r->listener);
  pthread_mutex_destroy(&r->lock);
  free(r->seen);
  free(r);
}

/* ---- the desk ---- */

struct desk {
  pthread_mutex_t lock;
  pthread_cond_t news;
  struct attempt_result *results;
  size_t count, cap, ends, hungry, acknowledged, changes;
  bool refuses; /* results: no memory */
  size_t refused;
  char state[16]; /* what endpoint_changed said last */
  struct courier *courier;
  char urls[64][96];
  struct endpoint endpoints[64];
  struct courier_options options;
};

static inline size_t desk_results(void *context, const struct attempt_result *results, size_t count) {
  struct desk *d = context;
  pthread_mutex_lock(&d->lock);
  if (d->refuses) { /* as a lane without memory: takes a part, or nothing */
    d->refused++;
    count = count > 3 ? 3 : 0;
  }
  if (d->count + count > d->cap) {
    d->cap = (d->count + count) * 2;
    d->results = realloc(d->results, d->cap * sizeof *d->results);
  }
  if (count) memcpy(d->results + d->count, results, count * sizeof *results);
  d->count += count;
  for (size_t i = 0; i < count; i++) d->ends += results[i].end != LETTER_AGAIN;
  pthread_cond_broadcast(&d->news);
  pthread_mutex_unlock(&d->lock);
  return count;
}
static inline bool desk_hungry(void *context, uint32_t volume) {
  struct desk *d = context;
  (void)volume;
  pthread_mutex_lock(&d->lock);
  d->hungry++;
  pthread_cond_broadcast(&d->news);
  pthread_mutex_unlock(&d->lock);
  return true;
}
static inline void desk_withdrawn(void *context, void *token) {
  struct desk *d = context;
  pthread_mutex_lock(&d->lock);
  d->acknowledged++;
  if (token) *(_Atomic bool *)token = true;
  pthread_cond_broadcast(&d->news);
  pthread_mutex_unlock(&d->lock);
}
static inline void desk_changed(void *context, size_t endpoint, const char *state, const char *why) {
  struct desk *d = context;
  (void)endpoint, (void)why;
  pthread_mutex_lock(&d->lock);
  d->changes++;
  snprintf(d->state, sizeof d->state, "%s", state);
  pthread_cond_broadcast(&d->news);
  pthread_mutex_unlock(&d->lock);
}

/* Room for `count` endpoints on the given loopback ports; change d->endpoints and d->options before desk_open. */
static inline void desk_init(struct desk *d, const int *ports, size_t count) {
  memset(d, 0, sizeof *d);
  pthread_mutex_init(&d->lock, NULL);
  pthread_cond_init(&d->news, NULL);
  for (size_t i = 0; i < count; i++) {
    snprintf(d->urls[i], sizeof d->urls[i], "http://127.0.0.1:%d/hook", ports[i]);
    d->endpoints[i] =
        (struct endpoint){.name = d->urls[i], .url = d->urls[i], .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
  }
  d->options = (struct courier_options){.endpoints = d->endpoints,
                                        .endpoint_count = count,
                                        .results = desk_results,
                                        .hungry = desk_hungry,
                                        .withdrawn = desk_withdrawn,
                                        .endpoint_changed = desk_changed,
                                        .context = d,
                                        .connect_ms = 1000,
                                        .total_ms = 1000};
}
static inline void desk_open(struct desk *d) {
  struct err e;
  d->courier = courier_start(&d->options, &e);
  if (!d->courier) fprintf(stderr, "%s\n", e.text), abort();
}
static inline void desk_close(struct desk *d) {
  courier_stop(d->courier);
  free(d->results);
  pthread_cond_destroy(&d->news);
  pthread_mutex_destroy(&d->lock);
}

/* Waits until *counter (one of the desk's) is at least `least`; aborts when that does not come. */
static inline void desk_wait(struct desk *d, const size_t *counter, size_t least) {
  struct timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += TEST_WAIT_SECONDS;
  pthread_mutex_lock(&d->lock);
  while (*counter < least)
    if (pthread_cond_timedwait(&d->news, &d->lock, &limit) != 0)
      fprintf(stderr, "waited in vain for %zu, have %zu\n", least, *counter), abort();
  pthread_mutex_unlock(&d->lock);
}

static inline struct letter *desk_letter(uint64_t id, int64_t due, int64_t send_before) {
  struct letter *l = letter_new(STR("{\"type\":\"intervention.sent\"}"));
  l->id = id, l->user = (int64_t)(id & 0xffffffff), l->due = due, l->created = due, l->send_before = send_before;
  return l;
}
static inline void desk_push(struct desk *d, struct letter *l) {
  while (!courier_push(d->courier, l)) usleep(200);
}
