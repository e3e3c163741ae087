/* A real engine as a child process, and clients for it: one connection that waits for its answer, and a swarm of connections that do not.
 * For tests that need sockets and processes; what cannot go wrong in a test aborts it. */
#pragma once
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/json.h"
#include "kit/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_WAIT_SECONDS 120 /* against a hang only */

#define client_fail(...)                                                                                                                   \
  (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__), fprintf(stderr, "\n"), client_abort())

/* ---- a directory of its own ---- */

struct stage {
  char directory[300], data[320], program[320], log[320];
  pid_t engine; /* 0: none runs */
  int port;
  size_t logged; /* of the log, before this engine */
};
static struct stage *stage_here; /* ended with the process, however it ends */

static inline void engine_end(struct stage *s, int signal_number) {
  if (s->engine <= 0) return;
  kill(s->engine, signal_number);
  while (waitpid(s->engine, NULL, 0) < 0 && errno == EINTR) continue;
  s->engine = 0;
}

static inline void client_show_log(const struct stage *s) {
  struct buf text = {0};
  if (file_read(s->log, &text, 64u << 20, NULL)) {
    size_t from = text.len > 3000 ? text.len - 3000 : 0;
    fprintf(stderr, "-- the engine's last words\n%.*s", (int)(text.len - from), text.at + from);
  }
  buf_free(&text);
}

_Noreturn static inline void client_abort(void) {
  if (stage_here) {
    client_show_log(stage_here);
    engine_end(stage_here, SIGKILL);
    if (!getenv("KAIROS_KEEP")) file_remove_tree(stage_here->directory, NULL);
  }
  exit(1);
}

static inline void stage_open(struct stage *s, const char *name) {
  *s = (struct stage){0};
  snprintf(s->directory, sizeof s->directory, "%s/%s-%d", KAIROS_BINARY_DIR, name, (int)getpid());
  snprintf(s->data, sizeof s->data, "%s/data", s->directory);
  snprintf(s->program, sizeof s->program, "%s/program", s->directory);
  snprintf(s->log, sizeof s->log, "%s/serve.log", s->directory);
  file_remove_tree(s->directory, NULL);
  struct err e = {0};
  if (!file_make_directory(s->directory, 0700, &e)) client_fail("%s", e.text);
  stage_here = s;
  signal(SIGPIPE, SIG_IGN);
  setenv("KAIROS_SHARE", KAIROS_SOURCE_DIR, 1);
}

static inline void stage_close(struct stage *s) {
  engine_end(s, SIGKILL);
  file_remove_tree(s->directory, NULL);
  stage_here = NULL;
}

/* rules/x.lua of a program of its own. */
static inline void stage_rules(struct stage *s, const char *rules) {
  char path[400];
  struct err e = {0};
  snprintf(path, sizeof path, "%s/rules", s->program);
  if (!file_make_directory(path, 0755, &e)) client_fail("%s", e.text);
  snprintf(path, sizeof path, "%s/rules/x.lua", s->program);
  if (!file_write_atomic(path, str_from(rules), 0644, &e)) client_fail("%s", e.text);
}

/* ---- processes ---- */

/* Runs `kairos` with arguments (NULL-ended), stdout and stderr into the log; gives the process. */
static inline pid_t kairos_spawn(struct stage *s, const char *const *arguments) {
  const char *list[32] = {KAIROS_BINARY_DIR "/kairos"};
  for (size_t i = 0; arguments[i]; i++) list[i + 1] = arguments[i];
  pid_t pid = fork();
  if (pid < 0) client_fail("fork: %s", strerror(errno));
  if (pid > 0) return pid;
  int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600), nothing = open("/dev/null", O_RDONLY);
  dup2(log, 1), dup2(log, 2), dup2(nothing, 0);
  for (int fd = 3; fd < 1024; fd++) close(fd);
  execv(list[0], (char *const *)(uintptr_t)list);
  _exit(127);
}

static inline int kairos_run(struct stage *s, const char *const *arguments) {
  int status;
  pid_t pid = kairos_spawn(s, arguments);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
#define KAIROS(s, ...) kairos_run((s), (const char *const[]){__VA_ARGS__, NULL})

static inline void client_rest(long microseconds) {
  nanosleep(&(struct timespec){microseconds / 1000000, microseconds % 1000000 * 1000}, NULL);
}

static inline int engine_port(struct stage *s) {
  struct buf text = {0};
  int port = 0;
  if (file_read(s->log, &text, 64u << 20, NULL) && text.len > s->logged) {
    buf_char(&text, 0);
    const char *at = strstr(text.at + s->logged, "listens on port ");
    if (at && strchr(at, '\n')) port = atoi(at + 16);
  }
  buf_free(&text);
  return port;
}

/* Serves the stage's data and program on a free port, with more arguments (NULL-ended, or NULL). */
static inline void engine_start(struct stage *s, const char *const *more) {
  const char *list[24] = {"serve", "--data", s->data, "--program", s->program, "--listen", "127.0.0.1:0"};
  for (size_t i = 0; more && more[i]; i++) list[7 + i] = more[i];
  struct stat st;
  s->logged = stat(s->log, &st) == 0 ? (size_t)st.st_size : 0;
  s->engine = kairos_spawn(s, list);
  for (int i = 0; !(s->port = engine_port(s)); i++) {
    if (i > CLIENT_WAIT_SECONDS * 100) client_fail("the engine does not listen");
    if (waitpid(s->engine, NULL, WNOHANG) == s->engine) {
      s->engine = 0;
      client_fail("the engine ended before it listened");
    }
    client_rest(10000);
  }
}

/* ---- one connection ---- */

static inline int client_connect(int port, bool blocking) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) client_fail("socket: %s", strerror(errno));
  struct timeval limit = {CLIENT_WAIT_SECONDS, 0};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    close(fd);
    return -1;
  }
  if (!blocking) fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static inline void client_request(struct buf *out, const char *method, const char *path, const char *key, const char *type,
                                  struct str body) {
  buf_printf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
  if (key) buf_printf(out, "Authorization: Bearer %s\r\n", key);
  if (type) buf_printf(out, "Content-Type: %s\r\n", type);
  if (body.len || strcmp(method, "GET") != 0) buf_printf(out, "Content-Length: %zu\r\n", body.len);
  buf_text(out, "\r\n");
  buf_str(out, body);
}

/* Is a whole answer in `text`? Its length, status and body; 0: not yet. */
static inline size_t client_answer(struct str text, int *status, struct str *body) {
  const char *end = memmem(text.at, text.len, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - text.at) + 4, length = 0;
  *status = text.len > 12 ? atoi(text.at + 9) : 0;
  for (const char *line = text.at; line < end; line = (const char *)memchr(line, '\n', (size_t)(end + 2 - line)) + 1)
    if (strncasecmp(line, "content-length:", 15) == 0) length = (size_t)atol(line + 15);
  if (text.len < head + length) return 0;
  *body = (struct str){text.at + head, length};
  return head + length;
}

struct reply {
  int status; /* 0: the connection ended */
  struct buf text;
  struct str body;
};
/* One request on a connection of its own. The reply is freed by the caller (buf_free of its text). */
static inline struct reply client_ask(int port, const char *method, const char *path, const char *key, const char *type, struct str body) {
  struct reply r = {0};
  struct buf out = {0};
  client_request(&out, method, path, key, type, body);
  int fd = client_connect(port, true);
  size_t done = 0;
  while (fd >= 0 && done < out.len) {
    ssize_t n = send(fd, out.at + done, out.len - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += (size_t)n;
  }
  char bytes[65536];
  for (ssize_t n; fd >= 0 && ((n = recv(fd, bytes, sizeof bytes, 0)) > 0 || (n < 0 && errno == EINTR));) {
    if (n < 0) continue; /* a process that was stopped and goes on: a socket with a limit of time says so */
    buf_put(&r.text, bytes, (size_t)n);
    if (client_answer(buf_view(&r.text), &r.status, &r.body)) break;
  }
  if (fd >= 0) close(fd);
  buf_free(&out);
  return r;
}
static inline int client_status(int port, const char *method, const char *path, const char *key, const char *type, const char *body) {
  struct reply r = client_ask(port, method, path, key, type, str_from(body));
  buf_free(&r.text);
  return r.status;
}

/* A whole number from an answer's top level; −1: not there. */
static inline int64_t reply_number(struct str body, const char *key) {
  struct arena a = {0};
  struct json j;
  int64_t n = -1;
  if (json_parse(&j, &a, body, &json_limits_default, NULL)) json_int(&j, json_get(&j, 0, key), &n);
  arena_free(&a);
  return n;
}

/* ---- a swarm ---- */

#define SWARM_MOST 256
struct swarm;
struct link {
  int fd;
  struct buf out, in;
  size_t out_done;
  bool busy;
  uint64_t what; /* the caller's own: what this request is */
};
struct swarm {
  int epoll, port;
  size_t count, open; /* requests without an answer */
  size_t first;       /* the link whose turn it is */
  struct link links[SWARM_MOST];
  /* Fills link->out with the next request; false: nothing more for now. */
  bool (*next)(void *context, struct link *l);
  void (*answered)(void *context, struct link *l, int status, struct str body);
  void *context;
  bool lost; /* a connection broke: the engine is gone */
};

static inline void swarm_send(struct swarm *w, struct link *l) {
  while (l->out_done < l->out.len) {
    ssize_t n = send(l->fd, l->out.at + l->out_done, l->out.len - l->out_done, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) w->lost = true;
    if (n <= 0) break;
    l->out_done += (size_t)n;
  }
  struct epoll_event ev = {.events = EPOLLIN | (l->out_done < l->out.len ? (uint32_t)EPOLLOUT : 0), .data.ptr = l};
  epoll_ctl(w->epoll, EPOLL_CTL_MOD, l->fd, &ev);
}

static inline void swarm_next(struct swarm *w, struct link *l) {
  buf_clear(&l->out);
  l->out_done = 0;
  if (w->lost || !w->next(w->context, l)) return;
  l->busy = true;
  w->open++;
  swarm_send(w, l);
}

static inline void swarm_open(struct swarm *w, int port, size_t count) {
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  w->port = port;
  w->count = count;
  w->open = 0;
  w->first = 0;
  w->lost = false;
  for (size_t i = 0; i < count; i++) {
    struct link *l = &w->links[i];
    *l = (struct link){.fd = client_connect(port, false)};
    if (l->fd < 0) client_fail("connecting: %s", strerror(errno));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, l->fd, &ev);
  }
}

static inline void swarm_close(struct swarm *w) {
  for (size_t i = 0; i < w->count; i++) {
    close(w->links[i].fd);
    buf_free(&w->links[i].out);
    buf_free(&w->links[i].in);
  }
  close(w->epoll);
  w->count = 0;
}

static inline void swarm_read(struct swarm *w, struct link *l) {
  char bytes[65536];
  ssize_t n;
  while ((n = recv(l->fd, bytes, sizeof bytes, 0)) > 0) buf_put(&l->in, bytes, (size_t)n);
  if (n == 0 || (n < 0 && errno != EAGAIN)) w->lost = true;
  int status;
  struct str body;
  size_t used = client_answer(buf_view(&l->in), &status, &body);
  if (!used || !l->busy) return;
  l->busy = false;
  w->open--;
  w->answered(w->context, l, status, body);
  buf_clear(&l->in); /* one request at a time on a link */
  swarm_next(w, l);
}

/* Gives idle links something to do, in turns, then waits at most so long for what comes. A link that never had its turn would be closed by
 * the engine, which waits ten seconds for a first request. */
static inline void swarm_step(struct swarm *w, int milliseconds) {
  struct epoll_event events[64];
  const size_t first = w->first;
  for (size_t i = 0; i < w->count; i++) {
    struct link *l = &w->links[(first + i) % w->count];
    if (l->busy) continue;
    swarm_next(w, l);
    if (l->busy) w->first = (size_t)(l - w->links) + 1;
  }
  int n = epoll_wait(w->epoll, events, 64, milliseconds);
  for (int i = 0; i < n; i++) {
    struct link *l = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) swarm_send(w, l);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) swarm_read(w, l);
  }
}
