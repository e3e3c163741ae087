/* For tests of the door: a real door on a free port of loopback and real sockets, driven by one thread: the loop turns whenever a client
 * waits for something. Nothing here measures time; waiting ends by a number of turns. */
#pragma once
#include "accept/accept.h"
#include "kit/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORLD_TURNS 3000 /* of at most 2 ms: how long a client waits for what must come */

struct world {
  uv_loop_t loop;
  struct door *door;
  struct request *waiting[128]; /* given to handle_later, in order */
  size_t waiting_count;
  char seen[1 << 16]; /* what handle_echo saw, a line a request */
};

struct client {
  int socket;
  char *bytes; /* received, not taken yet */
  size_t length, room;
  bool ended;
};

struct reply {
  int status;
  char head[4096];
  char *body; /* NUL-terminated, lives until the next reply */
  size_t length;
};

static inline void world_turn(struct world *w) {
  uv_run(&w->loop, UV_RUN_NOWAIT);
}

static inline void world_open(struct world *w, struct door_options options) {
  memset(w, 0, sizeof *w);
  assert_int_equal(uv_loop_init(&w->loop), 0);
  if (!options.listen) options.listen = "127.0.0.1:0";
  options.context = w;
  struct err e = {0};
  w->door = door_open(&w->loop, &options, &e);
  if (!w->door) print_error("%s\n", e.text);
  assert_non_null(w->door);
}

static inline void world_close(struct world *w) {
  door_close(w->door);
  for (size_t i = 0; i < w->waiting_count; i++) request_answer(w->waiting[i], 503, "text/plain", STR("late"));
  while (uv_run(&w->loop, UV_RUN_DEFAULT)) {
  }
  assert_int_equal(uv_loop_close(&w->loop), 0);
}

static inline struct client client_open(struct world *w) {
  struct client c = {.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  assert_true(c.socket >= 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)door_port(w->door))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(connect(c.socket, (struct sockaddr *)&to, sizeof to), 0);
  fcntl(c.socket, F_SETFL, O_NONBLOCK);
  world_turn(w);
  return c;
}

static inline void client_close(struct client *c) {
  close(c->socket);
  free(c->bytes);
}

/* Sends what the other side takes; false when it has closed. */
static inline bool client_send(struct world *w, struct client *c, const char *bytes, size_t length) {
  for (int turns = 0; length && turns < WORLD_TURNS;) {
    const ssize_t n = send(c->socket, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return false;
    if (n > 0) {
      bytes += n;
      length -= (size_t)n;
    } else {
      turns++;
    }
    world_turn(w);
  }
  return length == 0;
}

static inline void client_say(struct world *w, struct client *c, const char *text) {
  client_send(w, c, text, strlen(text));
}

/* Turns the loop until more bytes or the end came. False when neither came in time. */
static inline bool client_more(struct world *w, struct client *c) {
  if (c->room - c->length < 65536) {
    c->room = c->room * 2 + 131072;
    c->bytes = realloc(c->bytes, c->room);
    assert_non_null(c->bytes);
  }
  for (int turn = 0; turn < WORLD_TURNS && !c->ended; turn++) {
    world_turn(w);
    struct pollfd wait = {.fd = c->socket, .events = POLLIN};
    if (poll(&wait, 1, 2) == 0) continue;
    const ssize_t n = recv(c->socket, c->bytes + c->length, c->room - c->length - 1, 0);
    if (n > 0) {
      c->length += (size_t)n;
      c->bytes[c->length] = '\0';
      return true;
    }
    if (n == 0 || errno != EAGAIN) c->ended = true;
  }
  return false;
}

/* A few turns in which nothing may come. */
static inline bool client_silent(struct world *w, struct client *c) {
  for (int turn = 0; turn < 20; turn++) {
    world_turn(w);
    struct pollfd wait = {.fd = c->socket, .events = POLLIN};
    if (poll(&wait, 1, 1) != 0) return false;
  }
  return c->length == 0;
}

static inline bool client_sees_end(struct world *w, struct client *c) {
  while (!c->ended && client_more(w, c)) {
  }
  return c->ended && c->length == 0;
}

static inline size_t reply_length(const char *head, int status, bool to_head) {
  const char *length = strcasestr(head, "\r\ncontent-length: ");
  return to_head || status == 100 || status == 204 || !length ? 0 : (size_t)strtoul(length + 18, NULL, 10);
}

/* The next whole answer; false when the connection ended (or nothing came) before one. */
static inline bool client_reply(struct world *w, struct client *c, struct reply *r, bool to_head) {
  char *end = NULL;
  while (!(end = c->length ? strstr(c->bytes, "\r\n\r\n") : NULL)) {
    if (!client_more(w, c)) return false;
  }
  const size_t head = (size_t)(end - c->bytes) + 4;
  assert_true(head < sizeof r->head && strncmp(c->bytes, "HTTP/1.1 ", 9) == 0);
  memcpy(r->head, c->bytes, head);
  r->head[head] = '\0';
  r->status = atoi(c->bytes + 9);
  r->length = reply_length(r->head, r->status, to_head);
  while (c->length < head + r->length) {
    if (!client_more(w, c)) return false;
  }
  free(r->body);
  r->body = malloc(r->length + 1);
  memcpy(r->body, c->bytes + head, r->length);
  r->body[r->length] = '\0';
  c->length -= head + r->length;
  memmove(c->bytes, c->bytes + head + r->length, c->length + 1);
  return true;
}

/* One request on its own connection: the status, or 0 when it was closed without an answer. */
static inline int ask(struct world *w, const char *request, struct reply *r) {
  struct client c = client_open(w);
  client_say(w, &c, request);
  const bool answered = client_reply(w, &c, r, strncmp(request, "HEAD ", 5) == 0);
  client_close(&c);
  world_turn(w);
  return answered ? r->status : 0;
}

/* ---- handlers ---- */

/* Says what arrived. */
static inline void handle_echo(struct request *r, void *context) {
  struct world *w = context;
  char text[2048];
  snprintf(text, sizeof text, "%.*s?%.*s|%.*s|%.*s|%zu:%.*s\n", STR_ARG(r->path), STR_ARG(r->query), STR_ARG(r->params[0]),
           STR_ARG(r->params[1]), r->body.len, (int)(r->body.len < 600 ? r->body.len : 600), r->body.at);
  if (strlen(w->seen) + strlen(text) < sizeof w->seen) strcat(w->seen, text);
  request_answer(r, 200, "text/plain", str_from(text));
}

static inline void handle_later(struct request *r, void *context) {
  struct world *w = context;
  assert_true(w->waiting_count < 128);
  w->waiting[w->waiting_count++] = r;
}

static inline void world_answer(struct world *w, size_t at, const char *text) {
  struct request *r = w->waiting[at];
  w->waiting_count--;
  memmove(&w->waiting[at], &w->waiting[at + 1], (w->waiting_count - at) * sizeof r);
  request_answer(r, 200, "text/plain", str_from(text));
}
