/* A socket. Promises that answers leave in the order of their requests, that one turn of the loop costs a connection at most one read and
 * one write, however many requests lay in it, that at most 32 requests wait and the socket is not read beyond them, and that a peer that
 * reads slowly, sends slowly or goes away costs no more than its own memory, for a limited time. Bytes that cannot be taken yet are kept;
 * the rest is read into one room that all connections share. Does not know routes or handlers (exchange.c). On the loop thread. */
#include "door.h"
#include "kit/log.h"
#include <string.h>

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room);

/* ---- opening and closing ---- */

static void on_closed(uv_handle_t *handle) {
  struct connection *c = handle->data;
  struct door *d = c->door;
  door_forget(c);
  d->figures.open--;
  buf_free(&c->out);
  buf_free(&c->flying);
  kit_free(c->held);
  kit_free(c);
  door_freed_something(d);
}

/* Requests that their handlers still hold stay valid; their answers will find nobody. */
void connection_close(struct connection *c) {
  if (c->closing) return;
  c->closing = true;
  for (uint32_t i = 0; i < c->count; i++) {
    struct exchange *x = c->open[(c->first + i) % OPEN_MOST];
    x->request.connection = NULL;
    if (x->answered || x == c->reading) exchange_free(x);
  }
  c->count = 0;
  c->reading = NULL;
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room) {
  (void)suggested;
  struct connection *c = handle->data;
  if (c->held_length == 0) {
    *room = uv_buf_init(c->door->read_room, READ_ROOM);
    return;
  }
  if (c->held_room - c->held_length < 4096) {
    const size_t wanted = c->held_length * 2 + 4096;
    char *held = kit_realloc(c->held, wanted);
    if (held) {
      c->held = held;
      c->held_room = wanted;
    }
  }
  *room = uv_buf_init(c->held + c->held_length, (unsigned)(c->held_room - c->held_length)); /* none: on_read is told ENOBUFS */
}

static void connection_listen(struct connection *c, bool listens) {
  if (c->listening == listens || c->ended) return;
  c->listening = listens;
  if (!listens) uv_read_stop((uv_stream_t *)&c->tcp);
  else if (uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read) != 0) connection_close(c);
}

/* Above its limit the door still opens for a few, who may only reach the reserved routes; beyond those it says so and shuts. */
static void turn_away(struct connection *c) {
  static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)busy, sizeof busy - 1);
  uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
  c->door->figures.refused++;
  connection_close(c);
}

void connection_open(struct door *d) {
  struct connection *c = kit_alloc(sizeof *c);
  d->accept_waits = !c;
  if (!c) return; /* the sweep tries again */
  memset(c, 0, sizeof *c);
  c->door = d;
  c->fresh = true;
  c->waiting = WAITING_HEAD;
  c->since = d->monotonic;
  must(uv_tcp_init(d->loop, &c->tcp) == 0);
  c->tcp.data = c;
  c->after = d->connections;
  if (c->after) c->after->before = c;
  d->connections = c;
  d->figures.connections++;
  d->figures.open++;
  if (uv_accept((uv_stream_t *)&d->listener, (uv_stream_t *)&c->tcp) != 0) {
    connection_close(c);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1); /* each write is a whole turn's answers */
  c->limited = d->figures.open > d->most;
  if (d->figures.open > (uint64_t)d->most + RESERVED_MOST) turn_away(c);
  else connection_listen(c, true);
}

/* ---- answers, in order ---- */

void connection_dirty(struct connection *c) {
  if (c->dirty || c->closing) return;
  c->dirty = true;
  c->next_dirty = c->door->dirty;
  c->door->dirty = c;
}

void connection_later(struct connection *c) {
  struct door *d = c->door;
  if (c->later || c->closing) return;
  c->later = true;
  c->next_later = NULL;
  *d->later_end = c;
  d->later_end = &c->next_later;
  uv_idle_start(&d->awake, door_awake);
}

struct buf *connection_out(struct exchange *x) {
  struct connection *c = x->request.connection;
  return c->open[c->first] == x ? &c->out : &x->answer;
}

void connection_ends_with(struct exchange *x) {
  struct connection *c = x->request.connection;
  if (x->door->stopping && c->count == 1 && !c->reading) x->closes = c->last = true;
}

bool connection_is_quiet(const struct connection *c) {
  return c->count == 0 && c->out.len == 0 && !c->writing && c->held_length == 0 && c->stream.phase == HTTP_PHASE_HEAD;
}

static void pop(struct connection *c) {
  struct exchange *x = c->open[c->first];
  if (x->busy) c->refused_at = x->taken;
  c->first = (c->first + 1) % OPEN_MOST;
  if (--c->count == 0) c->lines_up = false;
  exchange_free(x);
}

void connection_answered(struct exchange *x, struct buf *bytes) {
  struct connection *c = x->request.connection;

  if (bytes->failed) { /* half an answer would be taken for a whole one */
    connection_close(c);
    return;
  }
  if (bytes != &c->out) { /* its turn comes */
    exchange_lighten(x);
    return;
  }
  pop(c);
  while (c->count && c->open[c->first]->answered) {
    buf_str(&c->out, buf_view(&c->open[c->first]->answer));
    pop(c);
  }
  struct exchange *next = c->count ? c->open[c->first] : NULL;
  if (next && next == c->reading && next->wants_continue) {
    next->wants_continue = false;
    buf_str(&c->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  connection_dirty(c);
}

/* ---- taking messages ---- */

static bool shut(const struct connection *c) {
  if (c->last || c->closing || c->paused_until) return true;
  return c->stream.phase == HTTP_PHASE_HEAD && (c->count == OPEN_MOST || c->out.len + c->flying.len > OUT_MOST || c->lines_up);
}

/* Whoever sent many requests at once waits with the rest until all others had their turn. */
static bool had_share(const struct connection *c) {
  return c->taken >= TAKE_MOST && c->turn == c->door->turn && c->stream.phase == HTTP_PHASE_HEAD;
}

static bool stopped(const struct connection *c) {
  return shut(c) || had_share(c);
}

/* Answers leave in the order of their requests: what cannot be taken now would only be refused behind those that were, and late. So it
 * waits unread until it is first in its line, and then is taken or refused at once. */
static bool lines_up(struct connection *c) {
  const struct door *d = c->door;
  c->lines_up = c->stream.phase == HTTP_PHASE_HEAD && c->count && d->room && !d->room(d->context);
  return c->lines_up;
}

static void message_end(struct connection *c) {
  struct exchange *x = c->reading;
  if (c->turn != c->door->turn) c->taken = 0;
  c->turn = c->door->turn;
  c->taken += 1 + (c->body_so_far >> 12);
  c->reading = NULL;
  c->discards = false;
  c->since = c->door->monotonic;
  if (c->closes) c->last = true;
  if (x) exchange_complete(x);
}

/* Takes what can be taken; returns what is left. */
static struct str take(struct connection *c, struct str in) {
  struct str piece;
  struct http_fault fault;
  while (!stopped(c) && !lines_up(c)) {
    switch (http_stream_next(&c->stream, &in, &piece, &fault)) {
    case NEWS_MORE: return in;
    case NEWS_HEAD: exchange_begin(c, piece); break;
    case NEWS_BODY:
      c->body_so_far += piece.len;
      if (c->reading) exchange_body(c->reading, piece);
      break;
    case NEWS_END: message_end(c); break;
    case NEWS_BAD: exchange_fault(c, &fault); break;
    }
  }
  return in;
}

/* Keeps the rest for later. It may lie in `held` already. */
static void hold(struct connection *c, struct str rest) {
  if (c->last || c->closing) rest.len = 0;
  if (rest.len > c->held_room) { /* then it lies in the shared room */
    char *held = kit_realloc(c->held, rest.len + 2048);
    if (!held) {
      connection_close(c);
      return;
    }
    c->held = held;
    c->held_room = rest.len + 2048;
  }
  if (rest.len) memmove(c->held, rest.at, rest.len);
  c->held_length = rest.len;
  if (rest.len == 0 && c->held_room > 4096) {
    kit_free(c->held);
    c->held = NULL;
    c->held_room = 0;
  }
}

/* What the connection waits for now; the sweep judges how long. */
static void settle(struct connection *c) {
  enum waiting now = WAITING_IDLE;
  if (c->waiting == WAITING_LINGER) return;
  if (c->writing) now = WAITING_WRITE;
  else if (c->paused_until || c->later) now = WAITING_HANDLER; /* our own turn: it is not read */
  else if (!c->last && c->stream.phase != HTTP_PHASE_HEAD) now = WAITING_BODY;
  else if (!shut(c) && (c->held_length || c->fresh)) now = WAITING_HEAD;
  else if (c->count) now = WAITING_HANDLER;
  if (now == c->waiting) return;
  c->waiting = now;
  c->since = c->door->monotonic;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room) {
  struct connection *c = stream->data;
  struct door *d = c->door;
  if (n == 0 || c->closing) return;
  door_clock(d);
  if (n < 0) {
    connection_listen(c, false);
    c->ended = true;
    if (n == UV_EOF) connection_dirty(c); /* a peer may send its last request, shut its side, and wait for the answer */
    else connection_close(c);
    return;
  }
  d->figures.bytes_in += (uint64_t)n;
  if (c->waiting == WAITING_LINGER) return; /* thrown away: the last answer has been sent */
  const struct str in = c->held_length ? (struct str){c->held, c->held_length + (size_t)n} : (struct str){room->base, (size_t)n};
  hold(c, take(c, in));
  if (c->closing) return;
  if (c->paused_until) { /* a refusal does not wait for what else this turn of the loop has to do */
    connection_flush(c);
    return;
  }
  if (stopped(c)) connection_dirty(c);
  settle(c);
}

/* ---- writing ---- */

static void on_written(uv_write_t *write, int status) {
  struct connection *c = write->data;
  c->writing = false;
  c->since = c->door->monotonic;
  buf_clear(&c->flying);
  if (status < 0) connection_close(c);
  else if (!c->closing) connection_flush(c);
}

/* One system call, as a rule; what the kernel has no room for flies on behind it. */
static void write_out(struct connection *c) {
  uv_buf_t bytes = uv_buf_init(c->out.at, (unsigned)c->out.len);
  const int sent = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
  if (sent < 0 && sent != UV_EAGAIN) {
    connection_close(c);
    return;
  }
  c->door->figures.bytes_out += c->out.len;
  if (c->refused_at) door_refused(c->door, c->refused_at);
  c->refused_at = 0;
  if (sent == (int)c->out.len) {
    if (c->out.cap > 4 * READ_ROOM) buf_free(&c->out);
    else buf_clear(&c->out);
    return;
  }
  const struct buf out = c->out;
  c->out = c->flying;
  c->flying = out;
  const size_t done = sent > 0 ? (size_t)sent : 0;
  bytes = uv_buf_init(c->flying.at + done, (unsigned)(c->flying.len - done));
  c->write.data = c;
  c->writing = uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written) == 0;
  if (!c->writing) connection_close(c);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status) {
  struct connection *c = shutdown->data;
  if (status < 0 && !c->closing) connection_close(c);
}

/* The last answer has been written. Closing at once would let the kernel reset the connection under an answer that the peer has not read,
 * when bytes of it are still coming in: our side is shut, and the rest is thrown away until it shuts its own. */
static void linger(struct connection *c) {
  if (c->ended) {
    connection_close(c);
    return;
  }
  c->waiting = WAITING_LINGER;
  c->since = c->door->monotonic;
  c->shutdown.data = c;
  if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0) connection_close(c);
  else connection_listen(c, true);
}

/* Whether the connection is through. */
static bool finish(struct connection *c) {
  if (c->closing || c->waiting == WAITING_LINGER) {
    if (c->ended) connection_close(c);
    return true;
  }
  if (c->writing || c->out.len || c->count) return false;
  if (c->last) linger(c);
  else if (c->ended && c->held_length == 0) connection_close(c);
  return c->last || c->closing;
}

/* The peer has shut its side within a body, and all that came of it was taken. */
static bool cut_off(struct connection *c) {
  if (!c->ended || !c->reading || stopped(c)) return false;
  exchange_fault(
      c, &(struct http_fault){.status = 400, .word = "malformed-request", .detail = "the connection was shut before the body was whole"});
  if (!c->closing) connection_flush(c);
  return true;
}

/* Writes what was answered, then goes on with bytes that had to wait for room. */
void connection_flush(struct connection *c) {
  for (bool moved = true; moved && !c->closing;) {
    moved = false;
    if (c->out.failed) connection_close(c);
    else if (c->out.len && !c->writing) write_out(c);
    if (c->closing || finish(c)) return;
    if (c->held_length && !stopped(c)) {
      const size_t held = c->held_length;
      door_clock(c->door);
      hold(c, take(c, (struct str){c->held, held}));
      moved = !c->closing && c->held_length != held;
    }
  }
  if (c->closing || cut_off(c)) return;
  if (c->held_length && had_share(c) && !shut(c)) connection_later(c);
  if (c->ended && c->count == 0 && !c->writing && !c->paused_until && !c->later) { /* what is held will never be whole */
    connection_close(c);
    return;
  }
  connection_listen(c, !shut(c) && !c->later);
  settle(c);
}

/* ---- peers that ask for too much ---- */

/* Saying no takes time as well, and ten times too many requests would leave none for those that were taken. So refusals get a tenth of the
 * time and no more: whoever goes on after a 429 without waiting is not read until it is its turn again, or until there is room. */
void connection_pause(struct connection *c, uint64_t body) {
  struct door *d = c->door;
  const int64_t now = d->monotonic * 1000000;
  d->refused = true;
  d->refusals = (d->refusals > now ? d->refusals : now) + REFUSAL_NS + (int64_t)(body >> 10) * REFUSAL_KB_NS;
  int64_t pause = (d->refusals - now) / 1000000;
  if (pause < PAUSE_MS) pause = PAUSE_MS;
  c->paused_until = d->monotonic + (pause < PAUSE_MOST ? pause : PAUSE_MOST);
  connection_dirty(c); /* its flush stops the reading */
  if (!uv_is_active((uv_handle_t *)&d->resumer)) uv_timer_start(&d->resumer, door_resume, RESUME_MS, RESUME_MS);
}

void connection_resume(struct connection *c) {
  c->paused_until = 0;
  c->since = c->door->monotonic;
  if (!c->closing) connection_flush(c);
}

/* ---- slow and silent peers ---- */

static void time_out(struct connection *c, const char *detail) {
  if (c->fresh && c->held_length == 0) { /* it never said anything */
    connection_close(c);
    return;
  }
  exchange_fault(c, &(struct http_fault){.status = 408, .word = "too-slow", .detail = detail});
  hold(c, (struct str){"", 0});
  if (!c->closing) connection_flush(c);
}

/* A large answer may take long to be fetched, as long as it moves. */
static bool stands_still(struct connection *c) {
  const size_t unsent = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
  if (unsent == c->unsent) return true;
  c->unsent = unsent;
  c->since = c->door->monotonic;
  return false;
}

void connection_sweep(struct connection *c) {
  const struct door *d = c->door;
  const int64_t waited = d->monotonic - c->since;
  switch (c->closing ? WAITING_HANDLER : c->waiting) {
  case WAITING_IDLE:
    if (waited > d->idle_ms || (d->stopping && connection_is_quiet(c))) connection_close(c);
    break;
  case WAITING_WRITE:
    if (stands_still(c) && waited > d->idle_ms) connection_close(c);
    break;
  case WAITING_HEAD:
    if (waited > d->header_ms) time_out(c, "the request's headers took too long to come");
    break;
  case WAITING_BODY:
    if (waited > d->body_grace_ms && (int64_t)c->body_so_far * 1000 < waited * (int64_t)d->body_rate) {
      time_out(c, "the request's body came too slowly");
    }
    break;
  case WAITING_LINGER:
    if (waited > LINGER_MS) connection_close(c);
    break;
  case WAITING_HANDLER: break; /* our own turn */
  }
}
