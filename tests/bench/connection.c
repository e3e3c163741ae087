/* One keep-alive connection of the load generator, non-blocking. Understands just the HTTP/1.1 that an engine answers with: a status line
 * and Content-Length. Does not pipeline, does not reconnect: what is lost is told to the caller. Called from the generator's one thread. */
#include "connection.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool connection_open(struct connection *c, const char *host, int port, struct err *e) {
  memset(c, 0, sizeof *c);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return err_set(e, ERR_INPUT, "expected an IPv4 address, got \"%s\"", host);
  c->file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->file < 0) return err_set(e, ERR_INTERNAL, "no socket: %s", strerror(errno));
  if (connect(c->file, (struct sockaddr *)&address, sizeof address) != 0) {
    err_set(e, ERR_MISSING, "cannot connect to %s port %d: %s", host, port, strerror(errno));
    close(c->file);
    c->file = -1;
    return false;
  }
  const int yes = 1;
  setsockopt(c->file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return fcntl(c->file, F_SETFL, O_NONBLOCK) == 0 || err_set(e, ERR_INTERNAL, "fcntl: %s", strerror(errno));
}

void connection_close(struct connection *c) {
  if (c->file >= 0) close(c->file);
  c->file = -1;
  free(c->out);
  c->out = NULL;
}

bool connection_send(struct connection *c, bool *blocked, struct err *e) {
  *blocked = false;
  while (c->out_done < c->out_length) {
    const ssize_t n = send(c->file, c->out + c->out_done, c->out_length - c->out_done, MSG_NOSIGNAL);
    if (n > 0) {
      c->out_done += (size_t)n;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      *blocked = true;
      return true;
    } else {
      return err_set(e, ERR_INTERNAL, "send: %s", strerror(errno));
    }
  }
  return true;
}

static int64_t number_after(const char *text, const char *word) {
  const char *at = strstr(text, word);
  return at ? strtoll(at + strlen(word), NULL, 10) : -1;
}

static bool read_head(struct connection *c, struct err *e) {
  c->in[c->in_length] = 0;
  const char *end = strstr(c->in, "\r\n\r\n");
  if (!end) return c->in_length < ANSWER_KEPT || err_set(e, ERR_INPUT, "an answer's head is longer than %d bytes", ANSWER_KEPT);
  if (strncmp(c->in, "HTTP/1.1 ", 9) != 0) return err_set(e, ERR_INPUT, "expected HTTP/1.1, got \"%.20s\"", c->in);
  const char *length = strcasestr(c->in, "\r\nContent-Length:");
  if (!length || length > end) return err_set(e, ERR_INPUT, "an answer without Content-Length");
  c->body_at = (size_t)(end + 4 - c->in);
  c->body_left = (size_t)strtoull(length + 17, NULL, 10);
  const size_t here = c->in_length - c->body_at;
  if (here > c->body_left) return err_set(e, ERR_INPUT, "%zu bytes more than Content-Length says", here - c->body_left);
  c->body_left -= here;
  c->head_read = true;
  return true;
}

static bool take(struct connection *c, const char *bytes, size_t n, struct err *e) {
  const size_t kept = n < ANSWER_KEPT - c->in_length ? n : ANSWER_KEPT - c->in_length;
  memcpy(c->in + c->in_length, bytes, kept);
  c->in_length += kept;
  if (c->head_read) {
    if (n > c->body_left) return err_set(e, ERR_INPUT, "%zu bytes more than Content-Length says", n - c->body_left);
    c->body_left -= n;
    return true;
  }
  if (!read_head(c, e)) return false;
  if (c->head_read && kept < n) { /* a long body began in this piece */
    if (n - kept > c->body_left) return err_set(e, ERR_INPUT, "more bytes than Content-Length says");
    c->body_left -= n - kept;
  }
  return true;
}

bool connection_receive(struct connection *c, struct answer *answer, bool *done, struct err *e) {
  *done = false;
  char bytes[65536];
  const ssize_t n = recv(c->file, bytes, sizeof bytes, 0);
  if (n == 0) return err_set(e, ERR_INTERNAL, "the engine closed the connection");
  if (n < 0) return errno == EAGAIN || errno == EINTR || err_set(e, ERR_INTERNAL, "recv: %s", strerror(errno));
  if (!c->busy) return err_set(e, ERR_INPUT, "an answer that nothing asked for");
  if (!take(c, bytes, (size_t)n, e)) return false;
  if (!c->head_read || c->body_left) return true;
  c->in[c->in_length] = 0;
  answer->status = (int)strtol(c->in + 9, NULL, 10);
  answer->accepted = number_after(c->in + c->body_at, "\"accepted\":");
  answer->interventions = number_after(c->in + c->body_at, "\"interventions_triggered\":");
  c->in_length = c->body_left = c->body_at = 0;
  c->head_read = c->busy = false;
  *done = true;
  return true;
}
