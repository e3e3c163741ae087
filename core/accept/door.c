/* The door: one listening socket, its connections and their clocks. Promises that it opens only on loopback unless a key is set and TLS is
 * a reverse proxy's business (S8), that one timer watches over all connections, and that closing gives everything back once the loop has
 * run and the last request has been answered. All of it on the loop thread; a door belongs to one loop. */
#include "door.h"
#include "decode.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <arpa/inet.h>
#include <string.h>

#define BACKLOG 1024

void door_clock(struct door *d) {
  d->utc = clock_now();
  d->nanoseconds = clock_monotonic();
  d->monotonic = d->nanoseconds / 1000000;
}

/* ---- the address ---- */

static bool address_refused(struct err *e, const char *listen) {
  return err_set(e, ERR_INPUT, "expected an address to listen on like 127.0.0.1:8080, [::1]:8080 or localhost:0, came \"%.100s\"", listen);
}

/* "host:port" into a socket address; host is a number, or localhost. */
static bool address_parse(const char *listen, struct sockaddr_storage *out, struct err *e) {
  char host[64];
  const char *colon = listen ? strrchr(listen, ':') : NULL;
  int64_t port;
  if (!colon || (size_t)(colon - listen) >= sizeof host || !str_to_int(str_from(colon + 1), &port) || port < 0 || port > 65535) {
    return address_refused(e, listen ? listen : "");
  }
  size_t length = (size_t)(colon - listen);
  memcpy(host, listen, length);
  host[length] = '\0';
  memset(out, 0, sizeof *out);
  if (host[0] == '[' && length > 2 && host[length - 1] == ']') {
    host[length - 1] = '\0';
    return uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)out) == 0 || address_refused(e, listen);
  }
  const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  return uv_ip4_addr(number, (int)port, (struct sockaddr_in *)out) == 0 || address_refused(e, listen);
}

bool door_address_fine(const char *listen, struct err *e) {
  struct sockaddr_storage address;
  return address_parse(listen, &address, e);
}

static bool address_is_loopback(const struct sockaddr_storage *address) {
  if (address->ss_family == AF_INET) return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static bool address_allowed(const struct sockaddr_storage *address, const struct door_options *o, struct err *e) {
  if (address_is_loopback(address)) return true;
  if (o->key_count == 0) {
    return err_set(e, ERR_DENIED,
                   "refusing to listen on %s without a key: anybody who reaches that address could read and change everything; "
                   "make a key first, or listen on 127.0.0.1",
                   o->listen);
  }
  if (!o->behind_proxy) {
    return err_set(
        e, ERR_DENIED,
        "refusing to listen on %s: keys and health data would cross the network unencrypted; put a TLS-terminating reverse proxy "
        "in front and say --behind-proxy, or listen on 127.0.0.1",
        o->listen);
  }
  return true;
}

/* ---- the loop's hooks ---- */

/* Answers of one turn leave together: before the loop sleeps, and right after it has woken and handled everything. */
static void door_flush(struct door *d) {
  while (d->dirty) {
    struct connection *c = d->dirty;
    d->dirty = c->next_dirty;
    c->dirty = false;
    if (!c->closing) connection_flush(c);
  }
}

void door_awake(uv_idle_t *handle) {
  (void)handle;
}

/* A new turn: who had more than their share goes on, in order, for as long as the sockets may wait. */
static void door_go_on(struct door *d) {
  struct connection *c = d->later, **end = d->later_end;
  d->turn++;
  if (!c) return;
  const int64_t until = clock_monotonic() + SHARE_NS;
  d->later = NULL;
  d->later_end = &d->later;
  while (c && clock_monotonic() < until) {
    struct connection *next = c->next_later;
    c->later = false;
    if (!c->closing) connection_flush(c);
    c = next;
  }
  if (c) { /* the rest, and behind it who had a share just now */
    *end = d->later;
    if (!d->later) d->later_end = end;
    d->later = c;
  }
  if (!d->later) uv_idle_stop(&d->awake);
}

static void on_before_poll(uv_prepare_t *handle) {
  struct door *d = handle->data;
  door_go_on(d);
  door_flush(d);
}

static void on_after_poll(uv_check_t *handle) {
  door_flush(handle->data);
}

static void on_sweep(uv_timer_t *timer) {
  struct door *d = timer->data;
  door_clock(d);
  for (struct connection *c = d->connections, *next; c; c = next) {
    next = c->after;
    connection_sweep(c);
  }
  if (d->accept_waits) connection_open(d);
  if (!d->connections && !d->accept_waits) uv_timer_stop(timer);
}

/* Pauses that are over end, and some others when there is room; what would hold up the sockets for long is done in pieces. A connection
 * that is closed meanwhile stays in the list until the loop has closed it. */
void door_resume(uv_timer_t *timer) {
  struct door *d = timer->data;
  struct connection *c = d->resuming ? d->resuming : d->connections;
  uint32_t paused = d->resuming ? 1 : 0, early = 0, resumed = 0; /* of a piece nobody knows whether all go on */
  if (!d->resuming) d->early = d->refused ? d->early / 2 + 1 : d->early * 2 < RESUME_AT_ONCE ? d->early * 2 : RESUME_AT_ONCE;
  d->refused = false;
  d->resuming = NULL;
  door_clock(d);
  const int64_t until = d->nanoseconds + SHARE_NS;
  for (; c; c = c->after) {
    if (c->closing || !c->paused_until) continue;
    if (resumed >= RESUME_LEAST && clock_monotonic() > until) {
      d->resuming = c;
      uv_timer_start(timer, door_resume, 1, RESUME_MS);
      return;
    }
    const bool over = d->monotonic >= c->paused_until;
    if (!over && (early >= d->early || (d->room && !d->room(d->context)))) {
      paused++;
      continue;
    }
    early += !over;
    resumed++;
    connection_resume(c);
    paused += c->paused_until != 0;
  }
  if (!paused) uv_timer_stop(timer);
}

static void on_connection(uv_stream_t *listener, int status) {
  struct door *d = listener->data;
  if (status < 0) { /* as when no file descriptor is left: said once, until one is accepted again */
    if (!d->accept_failed) log_warn("accept", "a connection could not be accepted: %s", uv_strerror(status));
    d->accept_failed = true;
    return;
  }
  d->accept_failed = false;
  door_clock(d);
  connection_open(d);
  if (!uv_is_active((uv_handle_t *)&d->sweeper)) uv_timer_start(&d->sweeper, on_sweep, SWEEP_MS, SWEEP_MS);
}

/* ---- opening ---- */

static bool door_listen(struct door *d, const struct sockaddr_storage *address, const char *listen, struct err *e) {
  int result = uv_tcp_bind(&d->listener, (const struct sockaddr *)address, 0);
  if (result == 0) result = uv_listen((uv_stream_t *)&d->listener, BACKLOG, on_connection);
  if (result == UV_EADDRINUSE) {
    return err_set(e, ERR_CONFLICT, "port %s on %.*s is taken by another program; stop it, or choose another with --listen",
                   strrchr(listen, ':') + 1, (int)(strrchr(listen, ':') - listen), listen);
  }
  if (result != 0) return err_set(e, ERR_INPUT, "cannot listen on %s: %s", listen, uv_strerror(result));
  struct sockaddr_storage bound;
  int length = sizeof bound;
  if (uv_tcp_getsockname(&d->listener, (struct sockaddr *)&bound, &length) != 0) return err_set(e, ERR_INTERNAL, "the port is not known");
  d->port = ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port : ((struct sockaddr_in6 *)&bound)->sin6_port);
  return true;
}

static void door_hook(struct door *d, uv_loop_t *loop) {
  must(uv_tcp_init(loop, &d->listener) == 0 && uv_timer_init(loop, &d->sweeper) == 0);
  must(uv_timer_init(loop, &d->resumer) == 0 && uv_idle_init(loop, &d->awake) == 0);
  must(uv_prepare_init(loop, &d->before_poll) == 0 && uv_check_init(loop, &d->after_poll) == 0);
  d->handles = 6;
  d->listener.data = d->sweeper.data = d->resumer.data = d->before_poll.data = d->after_poll.data = d->awake.data = d;
  uv_prepare_start(&d->before_poll, on_before_poll);
  uv_check_start(&d->after_poll, on_after_poll);
  uv_unref((uv_handle_t *)&d->before_poll); /* they alone do not keep the loop running */
  uv_unref((uv_handle_t *)&d->after_poll);
  uv_unref((uv_handle_t *)&d->sweeper);
  uv_unref((uv_handle_t *)&d->resumer);
  uv_unref((uv_handle_t *)&d->awake);
}

static struct door *door_make(const struct door_options *o, struct err *e) {
  struct door *d = kit_alloc(sizeof *d);
  if (!d) {
    err_set(e, ERR_BUSY, "out of memory for the door");
    return NULL;
  }
  memset(d, 0, sizeof *d);
  d->context = o->context;
  d->room = o->room;
  d->most = o->connections_most ? o->connections_most : 4096;
  d->header_ms = o->header_ms ? o->header_ms : 10 * CLOCK_SECOND;
  d->idle_ms = o->idle_ms ? o->idle_ms : 30 * CLOCK_SECOND;
  d->body_grace_ms = o->body_grace_ms ? o->body_grace_ms : 5 * CLOCK_SECOND;
  d->body_rate = o->body_rate ? o->body_rate : 500;
  d->body_bytes_most = o->body_bytes_most ? o->body_bytes_most : (uint64_t)256 << 20;
  d->date_second = -1;
  d->later_end = &d->later;
  d->read_room = kit_alloc(READ_ROOM);
  d->router = router_new(o->routes, o->route_count, e);
  const bool keyed = keys_set(d, o->keys, o->key_count);
  if (d->read_room && d->router && keyed) return d;
  if (d->router) err_set(e, ERR_BUSY, "out of memory for the door");
  door_freed_something(d);
  return NULL;
}

struct door *door_open(uv_loop_t *loop, const struct door_options *options, struct err *e) {
  struct sockaddr_storage address;
  if (!address_parse(options->listen, &address, e) || !address_allowed(&address, options, e)) return NULL;
  struct door *d = door_make(options, e);
  if (!d) return NULL;
  d->loop = loop;
  door_clock(d);
  door_hook(d, loop);
  if (door_listen(d, &address, options->listen, e)) return d;
  door_close(d); /* its handles go when the loop runs next */
  return NULL;
}

int door_port(const struct door *d) {
  return d->port;
}

void door_keys(struct door *d, const struct door_key *keys, size_t count) {
  if (!keys_set(d, keys, count)) log_error("accept", "out of memory: the keys stay as they were");
}

const uint32_t door_refusal_us[DOOR_REFUSAL_STEPS] = {100, 250, 500, 1000, 2500, 5000, 10000, 50000};

void door_refused(struct door *d, int64_t taken) {
  const uint64_t us = (uint64_t)(clock_monotonic() - taken) / 1000;
  size_t step = 0;
  while (step < DOOR_REFUSAL_STEPS && us > door_refusal_us[step]) step++;
  d->figures.busy[step]++;
  d->figures.busy_us += us;
}

struct door_figures door_figures(const struct door *d) {
  return d->figures;
}

/* ---- closing ---- */

void door_forget(struct connection *c) {
  struct door *d = c->door;
  struct connection **at = &d->dirty;
  while (c->dirty && *at != c) at = &(*at)->next_dirty;
  if (c->dirty) *at = c->next_dirty;
  at = &d->later;
  while (c->later && *at != c) at = &(*at)->next_later;
  if (c->later && !(*at = c->next_later)) d->later_end = at;
  if (d->resuming == c) d->resuming = c->after;
  if (c->before) c->before->after = c->after;
  else d->connections = c->after;
  if (c->after) c->after->before = c->before;
}

void door_freed_something(struct door *d) {
  if (d->handles || d->connections || d->exchanges) return;
  if (d->loop && !d->closing) return;
  for (struct exchange *x = d->spare, *next; x; x = next) {
    next = x->next_spare;
    arena_free(&x->request.arena);
    buf_free(&x->answer);
    kit_free(x);
  }
  router_free(d->router);
  decode_gzip_end(&d->inflater);
  buf_free(&d->scratch);
  kit_free(d->keys);
  kit_free(d->read_room);
  kit_free(d);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct door *d = handle->data;
  d->handles--;
  door_freed_something(d);
}

void door_stop_accepting(struct door *d) {
  if (d->stopping) return;
  d->stopping = true;
  uv_close((uv_handle_t *)&d->listener, on_handle_closed);
  for (struct connection *c = d->connections, *next; c; c = next) {
    next = c->after;
    if (connection_is_quiet(c)) connection_close(c);
  }
}

void door_close(struct door *d) {
  if (d->closing) return;
  door_stop_accepting(d);
  d->closing = true;
  for (struct connection *c = d->connections, *next; c; c = next) {
    next = c->after;
    connection_close(c);
  }
  uv_close((uv_handle_t *)&d->sweeper, on_handle_closed);
  uv_close((uv_handle_t *)&d->resumer, on_handle_closed);
  uv_close((uv_handle_t *)&d->awake, on_handle_closed);
  uv_close((uv_handle_t *)&d->before_poll, on_handle_closed);
  uv_close((uv_handle_t *)&d->after_poll, on_handle_closed);
}
