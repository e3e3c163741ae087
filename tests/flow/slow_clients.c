/* helper: kit */
/* Slow clients, many at once: some say nothing, some drip a head, some drip a body, some are idle after a request, some do not read their
 * answers. Each is kept up until the engine ends it or the time is over. Prints a line a kind: how many there were, how many the engine
 * has ended and after how many milliseconds the first and the last of them, and how many were told 408.
 *
 * usage: slow_clients PORT COUNT SECONDS      (`ready` is printed when all are connected) */
#include "kit/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PHASES 20 /* of a second: not all drip at once */

enum kind { SILENT, HEADS, BODIES, IDLE, DEAF, KINDS };
static const char *const names[KINDS] = {"silent", "heads", "bodies", "idle", "deaf"};

struct client {
  enum kind kind;
  int file;
  int64_t since, ended; /* monotonic ms; 0: not ended */
  size_t dripped;
  bool told; /* 408 */
};

static const char begin_head[] = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\n";
static const char begin_body[] =
    "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n[";
static const char whole[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char long_answer[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

static int64_t now_ms(void) {
  return clock_monotonic() / 1000000;
}

static bool say(const struct client *c, const char *text, size_t length) {
  return send(c->file, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length || errno == EAGAIN;
}

static bool client_open(struct client *c, enum kind kind, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  *c = (struct client){.kind = kind, .file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const int small = 4096;
  if (kind == DEAF && c->file >= 0) setsockopt(c->file, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (c->file < 0 || connect(c->file, (struct sockaddr *)&address, sizeof address) != 0) return false;
  c->since = now_ms();
  if (kind == HEADS) return say(c, begin_head, sizeof begin_head - 1);
  if (kind == BODIES) return say(c, begin_body, sizeof begin_body - 1);
  if (kind == IDLE) return say(c, whole, sizeof whole - 1);
  for (int i = 0; kind == DEAF && i < 1000; i++) say(c, long_answer, sizeof long_answer - 1);
  return true;
}

/* A byte of a head's line or of a body, about one a second; another request from who does not read. */
static void drip(struct client *c) {
  if (c->ended) return;
  if (c->kind == HEADS) say(c, c->dripped % 16 ? "x" : "\r\nx-slow: x" + (c->dripped ? 0 : 2), c->dripped % 16 ? 1 : c->dripped ? 11 : 9);
  if (c->kind == BODIES) say(c, " ", 1);
  if (c->kind == DEAF) say(c, long_answer, sizeof long_answer - 1);
  c->dripped++;
}

static void look(struct client *c, short events) {
  char bytes[4096];
  if (c->kind == DEAF && !(events & (POLLHUP | POLLERR))) return;
  const ssize_t n = recv(c->file, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n > 12 && memcmp(bytes, "HTTP/1.1 408", 12) == 0) c->told = true;
  if (n > 0 || (n < 0 && errno == EAGAIN)) return;
  c->ended = now_ms();
  close(c->file);
  c->file = -1;
}

static void report(const struct client *clients, size_t count) {
  for (int kind = 0; kind < KINDS; kind++) {
    size_t all = 0, ended = 0, told = 0;
    int64_t first = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
      const struct client *c = &clients[i];
      if ((int)c->kind != kind) continue;
      all++;
      told += c->told;
      if (!c->ended) continue;
      const int64_t lived = c->ended - c->since;
      if (!ended++ || lived < first) first = lived;
      if (lived > last) last = lived;
    }
    printf("%s %zu ended %zu first %lld last %lld told %zu\n", names[kind], all, ended, (long long)first, (long long)last, told);
  }
}

int main(int argc, char **argv) {
  const int port = argc == 4 ? atoi(argv[1]) : 0;
  const size_t count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  struct client *clients = calloc(count + 1, sizeof *clients);
  struct pollfd *polls = calloc(count + 1, sizeof *polls);
  if (port <= 0 || count == 0 || !clients || !polls) return 2;
  for (size_t i = 0; i < count; i++) {
    const enum kind kind = i % 50 == 49 ? DEAF : (enum kind)(i % DEAF); /* few: they ask for megabytes before they fall silent */
    if (!client_open(&clients[i], kind, port)) {
      fprintf(stderr, "slow_clients: client %zu: %s\n", i, strerror(errno));
      return 1;
    }
  }
  printf("ready\n");
  fflush(stdout);
  const int64_t end = now_ms() + strtoll(argv[3], NULL, 10) * 1000;
  size_t turn = 0;
  for (int64_t next = now_ms(); now_ms() < end;) {
    for (; now_ms() >= next; next += 1000 / PHASES, turn++)
      for (size_t i = turn % PHASES; i < count; i += PHASES) drip(&clients[i]);
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
      polls[i] = (struct pollfd){.fd = clients[i].file, .events = clients[i].kind == DEAF ? 0 : POLLIN};
      open += !clients[i].ended;
    }
    if (!open) break;
    poll(polls, count, 1000 / PHASES);
    for (size_t i = 0; i < count; i++)
      if (polls[i].fd >= 0 && polls[i].revents) look(&clients[i], polls[i].revents);
  }
  report(clients, count);
  free(clients);
  free(polls);
  return 0;
}
