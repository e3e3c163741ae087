/* The built-in receiver: listens, verifies each webhook's signature and hands it to its owner; answers 204, or 401 when the signature does
 * not fit, or 400 and a closed connection when the request is none. It is what `kairos sink` and the demonstration run, and what the tests
 * send to. It stores nothing and does not forget duplicates: the same webhook-id twice is handed over twice. Runs on the caller's loop and
 * thread; gives up nobody's time: a connection that says nothing for half a minute is closed. */
#include "emit.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "sink_request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define SILENCE_MOST 30000 /* ms */

struct sink_connection;
struct sink {
  uv_tcp_t listener;
  char *secret;
  void (*each)(void *context, bool verified, const char *why, struct str body);
  void *context;
  struct str traceparent; /* of the webhook that is being handed over */
  struct sink_connection *first;
  size_t handles;       /* still open: the struct is freed with the last */
  char received[65536]; /* taken out of before the next read, so one for all connections is enough */
};
struct sink_connection {
  uv_tcp_t tcp;
  uv_timer_t silence;
  struct sink *sink;
  struct sink_connection *next, *previous;
  struct buf in;
  int handles;
  bool closing;
};
struct sink_answer {
  uv_write_t request;
  char text[];
};

static void sink_closed(struct sink *s) {
  if (--s->handles > 0) return;
  kit_free(s->secret);
  kit_free(s);
}

static void on_connection_closed(uv_handle_t *handle) {
  struct sink_connection *c = handle->data;
  if (--c->handles > 0) return;
  struct sink *s = c->sink;
  buf_free(&c->in);
  kit_free(c);
  sink_closed(s);
}

static void connection_close(struct sink_connection *c) {
  if (c->closing) return;
  c->closing = true;
  if (c->previous) c->previous->next = c->next;
  else c->sink->first = c->next;
  if (c->next) c->next->previous = c->previous;
  uv_close((uv_handle_t *)&c->tcp, on_connection_closed);
  uv_close((uv_handle_t *)&c->silence, on_connection_closed);
}

static void on_silence(uv_timer_t *timer) {
  connection_close(timer->data);
}

static void on_written(uv_write_t *request, int status) {
  struct sink_connection *c = request->handle->data;
  if (status < 0) connection_close(c);
  kit_free(request);
}

/* What the socket does not take at once waits in a copy. */
static void answer(struct sink_connection *c, const char *text) {
  size_t length = strlen(text);
  uv_buf_t all = uv_buf_init((char *)(uintptr_t)text, (unsigned)length);
  int written = uv_try_write((uv_stream_t *)&c->tcp, &all, 1);
  if (written == (int)length) return;
  if (written < 0 && written != UV_EAGAIN) {
    connection_close(c);
    return;
  }
  size_t done = written > 0 ? (size_t)written : 0;
  struct sink_answer *a = kit_alloc(sizeof *a + length - done);
  if (!a) {
    connection_close(c);
    return;
  }
  memcpy(a->text, text + done, length - done);
  uv_buf_t rest = uv_buf_init(a->text, (unsigned)(length - done));
  if (uv_write(&a->request, (uv_stream_t *)&c->tcp, &rest, 1, on_written) == 0) return;
  kit_free(a);
  connection_close(c);
}

static void request_take(struct sink_connection *c, const struct sink_request *r) {
  struct sink *s = c->sink;
  struct err e = {.text = ""};
  bool verified = s->secret && webhook_verify(s->secret, r->id, r->timestamp, r->signature, r->body, clock_now(), &e);
  if (!s->secret) err_set(&e, ERR_NONE, "no secret to verify with");
  s->traceparent = r->traceparent;
  s->each(s->context, verified, verified ? "" : e.text, r->body);
  answer(c, verified || !s->secret ? "HTTP/1.1 204 No Content\r\n\r\n" : "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  if (r->close) connection_close(c);
}

static void bytes_in(struct sink_connection *c) {
  size_t done = 0;
  while (!c->closing && done < c->in.len) {
    struct sink_request request;
    size_t used = 0;
    const char *why = "";
    enum sink_parsed parsed = sink_request_parse((struct str){c->in.at + done, c->in.len - done}, &request, &used, &why);
    if (parsed == SINK_MORE) break;
    if (parsed == SINK_BAD) {
      c->sink->each(c->sink->context, false, why, (struct str){NULL, 0});
      answer(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      connection_close(c);
      return;
    }
    request_take(c, &request);
    done += used;
  }
  if (done == 0) return;
  memmove(c->in.at, c->in.at + done, c->in.len - done);
  c->in.len -= done;
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *out) {
  (void)wanted;
  struct sink *s = ((struct sink_connection *)handle->data)->sink;
  *out = uv_buf_init(s->received, sizeof s->received);
}

static void on_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *from) {
  struct sink_connection *c = stream->data;
  if (count > 0) buf_put(&c->in, from->base, (size_t)count);
  if (count < 0 || c->in.failed) {
    connection_close(c);
    return;
  }
  bytes_in(c);
  if (!c->closing) uv_timer_again(&c->silence);
}

static void on_connection(uv_stream_t *listener, int status) {
  struct sink *s = listener->data;
  struct sink_connection *c = status < 0 ? NULL : kit_alloc(sizeof *c);
  if (!c) return;
  memset(c, 0, sizeof *c);
  c->sink = s;
  c->handles = 2;
  uv_tcp_init(listener->loop, &c->tcp);
  uv_timer_init(listener->loop, &c->silence);
  c->tcp.data = c->silence.data = c;
  c->next = s->first;
  if (c->next) c->next->previous = c;
  s->first = c;
  s->handles++;
  if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || uv_read_start((uv_stream_t *)&c->tcp, on_room, on_bytes) != 0) {
    connection_close(c);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1);
  uv_timer_start(&c->silence, on_silence, SILENCE_MOST, SILENCE_MOST);
}

/* "127.0.0.1:8099", "[::1]:0", ":8099" (loopback). */
static bool listen_parse(const char *text, struct sockaddr_storage *out, struct err *e) {
  struct str all = str_from(text);
  const char *colon = strrchr(text, ':');
  char host[64];
  int64_t port = -1;
  struct str name = {text, colon ? (size_t)(colon - text) : 0};
  bool good = colon && str_to_int((struct str){colon + 1, all.len - name.len - 1}, &port) && port >= 0 && port <= 65535;
  if (name.len >= 2 && name.at[0] == '[' && name.at[name.len - 1] == ']') name.at++, name.len -= 2;
  if (name.len == 0) name = STR("127.0.0.1");
  good = good && name.len < sizeof host;
  if (good) {
    memcpy(host, name.at, name.len);
    host[name.len] = 0;
    good = uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out) == 0 || uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out) == 0;
  }
  return good || err_set(e, ERR_INPUT, "expected ADDRESS:PORT with a numeric address to listen on, got \"%.80s\"", text);
}

static bool sink_listen(struct sink *s, const char *listen, struct err *e) {
  struct sockaddr_storage address = {0};
  if (!listen_parse(listen, &address, e)) return false;
  int code = uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0);
  if (code == 0) code = uv_listen((uv_stream_t *)&s->listener, 511, on_connection);
  return code == 0 || err_set(e, ERR_CONFLICT, "cannot listen on %s: %s", listen, uv_strerror(code));
}

static void on_listener_closed(uv_handle_t *handle) {
  sink_closed(handle->data);
}

struct sink *sink_open(struct uv_loop_s *loop, const char *listen, const char *secret,
                       void (*each)(void *context, bool verified, const char *why, struct str body), void *context, struct err *e) {
  struct buf unused = {0};
  if (secret && !webhook_sign(&secret, 1, STR("x"), 0, STR(""), &unused, e)) return NULL; /* a bad secret is told now, not per webhook */
  buf_free(&unused);
  struct sink *s = kit_alloc(sizeof *s);
  size_t size = secret ? strlen(secret) + 1 : 0;
  char *copy = secret ? kit_alloc(size) : NULL;
  if (!s || (secret && !copy)) {
    kit_free(s);
    kit_free(copy);
    err_set(e, ERR_INTERNAL, "out of memory");
    return NULL;
  }
  if (secret) memcpy(copy, secret, size);
  memset(s, 0, sizeof *s);
  s->secret = copy, s->each = each, s->context = context, s->handles = 1;
  uv_tcp_init(loop, &s->listener);
  s->listener.data = s;
  if (sink_listen(s, listen, e)) return s;
  uv_close((uv_handle_t *)&s->listener, on_listener_closed);
  return NULL;
}

struct str sink_traceparent(const struct sink *s) {
  return s->traceparent;
}

int sink_port(const struct sink *s) {
  struct sockaddr_storage address;
  int length = sizeof address;
  if (uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &length) != 0) return -1;
  /* The port stands at the same place for both families. */
  return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

void sink_close(struct sink *s) {
  if (!s) return;
  while (s->first) connection_close(s->first);
  uv_close((uv_handle_t *)&s->listener, on_listener_closed);
}
