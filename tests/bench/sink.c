/* A webhook receiver for measuring: epoll, one thread, keep-alive, answers 204 to every request and verifies each 64th signature, so that
 * it is not the receiver that is measured. Reads requests with Content-Length only. The bench starts one and stops it. */
#include "sink.h"
#include "emit/emit.h"
#include "kit/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MOST 65536
struct peer {
  int file;
  size_t length;
  char in[REQUEST_MOST + 1];
};
static struct {
  int listen, poll, stop;
  const char *secret;
  pthread_t thread;
  struct sink_figures figures;
} sink;

static struct str header(const char *head, const char *end, const char *name) {
  const char *at = strcasestr(head, name);
  if (!at || at > end) return (struct str){0};
  at += strlen(name);
  const char *stop = strstr(at, "\r\n");
  return str_trim((struct str){at, (size_t)(stop - at)});
}

static void check(const char *head, const char *end, struct str body) {
  struct err e = {0};
  const bool good = webhook_verify(sink.secret, header(head, end, "\r\nwebhook-id:"), header(head, end, "\r\nwebhook-timestamp:"),
                                   header(head, end, "\r\nwebhook-signature:"), body, clock_now(), &e);
  if (good) sink.figures.verified++;
  else sink.figures.refused++;
}

/* Answers every whole request in the buffer; false: the peer is not understood. */
static bool answer(struct peer *p) {
  size_t used = 0;
  uint32_t answers = 0;
  while (true) {
    p->in[p->length] = 0;
    const char *head = p->in + used, *end = strstr(head, "\r\n\r\n");
    if (!end) break;
    int64_t length = 0;
    if (!str_to_int(header(head, end, "\r\nContent-Length:"), &length) || length < 0 || length > REQUEST_MOST) return false;
    const size_t body_at = (size_t)(end + 4 - p->in);
    if (body_at + (size_t)length > p->length) break;
    if (sink.figures.received++ % 64 == 0) check(head, end, (struct str){p->in + body_at, (size_t)length});
    used = body_at + (size_t)length;
    answers++;
  }
  memmove(p->in, p->in + used, p->length - used);
  p->length -= used;
  static const char words[] = "HTTP/1.1 204 No Content\r\n\r\n";
  for (uint32_t i = 0; i < answers; i++)
    if (send(p->file, words, sizeof words - 1, MSG_NOSIGNAL) != (ssize_t)sizeof words - 1) return false;
  return p->length < REQUEST_MOST;
}

static void accept_peer(void) {
  const int file = accept4(sink.listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  struct peer *p = file >= 0 ? malloc(sizeof *p) : NULL;
  if (!p) return;
  const int yes = 1;
  setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  p->file = file;
  p->length = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
  epoll_ctl(sink.poll, EPOLL_CTL_ADD, file, &event);
}

static void *serve(void *nothing) {
  struct epoll_event events[64];
  pthread_setname_np(pthread_self(), "receiver");
  while (true) {
    const int n = epoll_wait(sink.poll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      struct peer *p = events[i].data.ptr;
      if (events[i].data.ptr == &sink.stop) {
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        sink.figures.cpu = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
        return nothing;
      }
      if (!p) {
        accept_peer();
        continue;
      }
      const ssize_t got = recv(p->file, p->in + p->length, REQUEST_MOST - p->length, 0);
      if (got > 0) p->length += (size_t)got;
      if ((got > 0 && answer(p)) || (got < 0 && errno == EAGAIN)) continue;
      close(p->file);
      free(p);
    }
  }
}

bool sink_start(int *port, const char *secret, struct err *e) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  sink.secret = secret;
  sink.listen = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sink.poll = epoll_create1(EPOLL_CLOEXEC);
  sink.stop = eventfd(0, EFD_CLOEXEC);
  struct epoll_event listening = {.events = EPOLLIN, .data.ptr = NULL}, stopping = {.events = EPOLLIN, .data.ptr = &sink.stop};
  if (bind(sink.listen, (struct sockaddr *)&address, sizeof address) != 0 || listen(sink.listen, 512) != 0 ||
      getsockname(sink.listen, (struct sockaddr *)&address, &size) != 0 ||
      epoll_ctl(sink.poll, EPOLL_CTL_ADD, sink.listen, &listening) != 0 || epoll_ctl(sink.poll, EPOLL_CTL_ADD, sink.stop, &stopping) != 0)
    return err_set(e, ERR_INTERNAL, "no receiver: %s", strerror(errno));
  *port = ntohs(address.sin_port);
  return pthread_create(&sink.thread, NULL, serve, NULL) == 0 || err_set(e, ERR_INTERNAL, "no thread for the receiver");
}

struct sink_figures sink_stop(void) {
  eventfd_write(sink.stop, 1);
  pthread_join(sink.thread, NULL);
  close(sink.listen);
  close(sink.poll);
  return sink.figures;
}
