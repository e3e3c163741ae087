/* A message becomes a request: its head is read, its route found, its key and scope judged, its body gathered under the route's limit, and
 * then it is the handler's until it is answered. Promises that a handler sees only requests that may be asked and are complete, and that
 * all a request owns lies in one recycled arena. Everything is refused here in the order syntax, path, method, key, scope, query, size: who
 * has no key learns only which paths exist, and those are public. Called by the connection on the loop thread. */
#include "decode.h"
#include "door.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- exchanges are recycled with their arenas ---- */

static struct exchange *exchange_take(struct connection *c) {
  struct door *d = c->door;
  struct exchange *x = d->spare;
  if (x) {
    d->spare = x->next_spare;
    d->spare_count--;
  } else {
    x = kit_alloc(sizeof *x);
    if (!x) return NULL;
    memset(x, 0, sizeof *x);
  }
  d->exchanges++;
  d->figures.requests++;
  x->door = d;
  x->request.connection = c;
  x->request.received = d->utc;
  x->taken = d->nanoseconds;
  x->request.query = x->request.body = x->request.key_name = (struct str){"", 0};
  return x;
}

void exchange_lighten(struct exchange *x) {
  x->door->body_bytes -= x->body_room;
  x->body_room = 0;
  if (x->request.arena.total > SPARE_ARENA_MOST) arena_free(&x->request.arena);
}

void exchange_free(struct exchange *x) {
  struct door *d = x->door;
  d->body_bytes -= x->body_room;
  d->exchanges--;
  struct arena arena = x->request.arena;
  struct buf answer = x->answer;
  buf_clear(&answer);
  const bool large = arena.total > SPARE_ARENA_MOST || answer.cap > SPARE_ARENA_MOST;
  if (d->closing || d->spare_count >= (large ? 32 : SPARE_EXCHANGES)) {
    arena_free(&arena);
    buf_free(&answer);
    kit_free(x);
    door_freed_something(d);
    return;
  }
  arena_reset(&arena);
  memset(x, 0, sizeof *x);
  x->request.arena = arena;
  x->answer = answer;
  x->next_spare = d->spare;
  d->spare = x;
  d->spare_count++;
}

/* ---- refusing at the door ---- */

/* The rest of what the peer sends for this request: read over when it is short and framed by a length, else the connection ends. Who is
 * told to come again keeps it. */
static void refuse_body(struct exchange *x, const struct http_head *head, size_t drain_most) {
  struct connection *c = x->request.connection;
  const bool drains = !head->chunked && !head->expect.at && head->length <= drain_most;
  if (!drains) x->closes = c->last = true;
  c->discards = true;
  x->body_most = 0;
}

static bool refuse(struct exchange *x, const struct http_head *head, int status, const char *word, const char *detail) {
  refuse_body(x, head, status == 429 ? BODY_MOST : DRAIN_MOST);
  const bool later = status == 503 || status == 429;
  answer_problem(x, status, word, NULL, detail, later ? "Retry-After" : NULL, later ? "1" : NULL);
  return false;
}

static bool refuse_closing(struct exchange *x, const struct http_head *head, int status, const char *word, const char *detail) {
  x->closes = x->request.connection->last = true;
  return refuse(x, head, status, word, detail);
}

/* ---- the questions, in their order ---- */

/* Without a key everything is allowed from this machine, and a browser is on this machine: pages of other origins, and names that were made
 * to point here (DNS rebinding), are kept out. */
static bool is_loopback_name(struct str host) {
  static const char *const names[] = {"localhost", "[::1]"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const size_t length = strlen(names[i]);
    if (host.len < length || strncasecmp(host.at, names[i], length) != 0) continue;
    if (host.len == length || host.at[length] == ':') return true;
  }
  if (!str_starts(host, "127.")) return false;
  size_t i = 0;
  while (i < host.len && ((host.at[i] >= '0' && host.at[i] <= '9') || host.at[i] == '.')) i++;
  return i == host.len || host.at[i] == ':';
}

/* A proxy on this machine that says so: whoever asks it may be anybody. One look at the lines: each request without a key comes by here. */
static bool is_passed_on(struct str head) {
  static const char *const names[] = {"x-forwarded-", "x-real-ip:", "forwarded:", "via:"};
  struct str line;
  while (str_split(&head, '\n', &line)) {
    if (!line.len || !strchr("xXfFvV", line.at[0])) continue;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
      if (line.len >= strlen(names[i]) && strncasecmp(line.at, names[i], strlen(names[i])) == 0) return true;
  }
  return false;
}

static bool ask_origin(struct exchange *x, const struct http_head *head) {
  if (!x->door->keyless) return true;
  if (is_passed_on(x->head))
    return refuse(x, head, 403, "foreign-origin",
                  "without keys only this machine is served, and a proxy passes this on from elsewhere; set a key (kairos key add)");
  struct str origin = head->origin;
  for (const char *const *scheme = (const char *const[]){"http://", "https://", NULL}; *scheme; scheme++) {
    if (str_starts(origin, *scheme)) origin = (struct str){origin.at + strlen(*scheme), origin.len - strlen(*scheme)};
  }
  const bool fine = (!head->host.at || is_loopback_name(head->host)) && (!origin.at || is_loopback_name(origin));
  return fine || refuse(x, head, 403, "foreign-origin",
                        "without keys only localhost is served, by that name and to pages from there; set a key to be reached by others");
}

static bool refuse_path(struct exchange *x, const struct http_head *head, const struct match_result *match) {
  char detail[512];
  const int shown = head->path.len < 200 ? (int)head->path.len : 200;
  snprintf(detail, sizeof detail, match->nearest ? "there is no %.*s (did you mean %.200s?)" : "there is no %.*s", shown, head->path.at,
           match->nearest);
  return refuse(x, head, 404, "not-found", detail);
}

static bool refuse_method(struct exchange *x, const struct http_head *head, const struct match_result *match) {
  char detail[256], allow[64];
  snprintf(allow, sizeof allow, "%.*s", STR_ARG(match->allow));
  snprintf(detail, sizeof detail, "expected %s here, came %.20s", allow, head->method_name);
  refuse_body(x, head, DRAIN_MOST);
  if (head->method == METHOD_OPTIONS) answer_put(x, 204, NULL, (struct str){"", 0}, "Allow", allow);
  else answer_problem(x, 405, "method-not-allowed", NULL, detail, "Allow", allow);
  return false;
}

static bool ask_route(struct exchange *x, const struct http_head *head) {
  struct request *r = &x->request;
  if (str_is(head->path, "*")) {
    refuse_body(x, head, DRAIN_MOST);
    answer_put(x, 204, NULL, (struct str){"", 0}, "Allow", "GET, POST, PUT, DELETE, OPTIONS, HEAD");
    return false;
  }
  struct match_result match;
  switch (router_match(x->door->router, head->method, head->path, &r->arena, &match)) {
  case MATCH_FOUND: break;
  case MATCH_NO_PATH: return refuse_path(x, head, &match);
  case MATCH_NO_METHOD: return refuse_method(x, head, &match);
  case MATCH_BAD_PATH:
    return refuse(x, head, 400, "malformed-path",
                  "expected path segments in percent-encoded UTF-8 without control characters, and no `.` or `..`");
  }
  struct str decoded;
  if (memchr(head->query.at, '%', head->query.len) && !decode_percent(head->query, true, &r->arena, &decoded)) {
    return refuse(x, head, 400, "malformed-query", "expected a query in percent-encoded UTF-8 without control characters");
  }
  r->route = match.route;
  memcpy(r->params, match.params, sizeof r->params);
  return true;
}

/* Whose key it is, and whether its scopes reach to the route. */
static enum key_found judge_key(struct exchange *x) {
  struct request *r = &x->request;
  x->keys_told = x->door->keys_told;
  if (x->door->keyless) r->scopes = SCOPE_ADMIN;
  if (x->door->keyless || r->route->scope == SCOPE_NONE) return KEY_FOUND;
  const struct key *key;
  const enum key_found found = keys_find(x->door, x->authorization, x->head, &r->arena, &key);
  if (found != KEY_FOUND) return found;
  r->scopes = key->scopes;
  const size_t length = strlen(key->name);
  const char *name = arena_text(&r->arena, key->name, length); /* keys may be replaced while the request waits */
  if (!name) return KEY_NO_MEMORY;                             /* nobody acts as another */
  r->key_name = (struct str){name, length};
  return scope_allows(key->scopes, r->route->scope) ? KEY_FOUND : KEY_NARROW;
}

static void refuse_key(struct exchange *x, enum key_found found) {
  if (found == KEY_NO_MEMORY) {
    answer_problem(x, 503, "memory", NULL, "no memory for this request: send again in a second", "Retry-After", "1");
    return;
  }
  if (found != KEY_NARROW) {
    answer_problem(x, 401, "unauthorized", NULL,
                   found == KEY_NONE ? "expected a key: Authorization: Bearer KEY" : "this key is not known here; it may have been revoked",
                   "WWW-Authenticate", "Bearer");
    return;
  }
  const struct request *r = &x->request;
  struct buf wanted = {0};
  scope_print((uint32_t)r->route->scope, &wanted);
  char detail[256];
  snprintf(detail, sizeof detail, "this needs a key with the scope %.*s; the key \"%.*s\" does not have it", (int)wanted.len, wanted.at,
           STR_ARG(r->key_name));
  buf_free(&wanted);
  answer_problem(x, 403, "scope-missing", NULL, detail, NULL, NULL);
}

static bool ask_key(struct exchange *x, const struct http_head *head) {
  x->authorization = head->authorization;
  const enum key_found found = judge_key(x);
  if (found == KEY_FOUND) return true;
  refuse_body(x, head, DRAIN_MOST);
  refuse_key(x, found);
  return false;
}

/* A body may take its time, and keys may have changed while it came. */
static bool ask_key_again(struct exchange *x) {
  const enum key_found found = x->keys_told == x->door->keys_told ? KEY_FOUND : judge_key(x);
  if (found != KEY_FOUND) refuse_key(x, found);
  return found == KEY_FOUND;
}

/* A parameter under a wrong name would be as good as none, and the answer another than was asked for. */
static bool refuse_query(struct exchange *x, const struct http_head *head, struct str name) {
  const char *known[8], *near = NULL, *list = x->request.route->query;
  size_t count = 0;
  struct str rest = list ? str_from(list) : (struct str){"", 0};
  for (struct str one; list && count < 8 && str_split(&rest, ' ', &one);)
    if ((known[count] = arena_text(&x->request.arena, one.at, one.len))) count++;
  near = str_nearest(name, known, count);
  char detail[256];
  const int shown = name.len < 60 ? (int)name.len : 60;
  if (count == 0) snprintf(detail, sizeof detail, "this route has no query parameters, came \"%.*s\"", shown, name.at);
  else
    snprintf(detail, sizeof detail, "expected %s as query parameters here, came \"%.*s\"%s%s%s", list, shown, name.at,
             near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  return refuse(x, head, 400, "query-invalid", detail);
}

static bool query_known(const char *names, struct str name) {
  struct str rest = names ? str_from(names) : (struct str){"", 0};
  for (struct str one; names && str_split(&rest, ' ', &one);)
    if (str_eq(one, name)) return true;
  return false;
}

static bool ask_query(struct exchange *x, const struct http_head *head) {
  const struct route *route = x->request.route;
  if (head->query.len == 0 || (route->query && strcmp(route->query, QUERY_ANY) == 0)) return true;
  struct str rest = head->query;
  for (struct str pair, name; str_split(&rest, '&', &pair);) {
    if (pair.len == 0) continue;
    const char *equals = memchr(pair.at, '=', pair.len);
    const struct str raw = {pair.at, equals ? (size_t)(equals - pair.at) : pair.len};
    if (!decode_percent(raw, true, &x->request.arena, &name)) name = raw;
    if (!query_known(route->query, name)) return refuse_query(x, head, name);
  }
  return true;
}

static bool ask_size(struct exchange *x, const struct http_head *head) {
  struct door *d = x->door;
  x->body_most = x->request.route->body_most ? x->request.route->body_most : BODY_MOST;
  if (head->length > x->body_most) {
    char detail[128];
    snprintf(detail, sizeof detail, "expected a body of at most %zu bytes, Content-Length says %llu", x->body_most,
             (unsigned long long)head->length);
    return refuse_closing(x, head, 413, "too-large", detail);
  }
  const bool full = d->body_bytes + head->length > d->body_bytes_most;
  if ((full || x->request.connection->limited) && !x->request.route->reserved) {
    return refuse_closing(x, head, 503, "overloaded",
                          full ? "too many bodies are being read; try again" : "too many connections; try again");
  }
  if ((head->length || head->chunked) && d->room && !x->request.route->reserved && !d->room(d->context)) {
    return refuse(x, head, 429, "busy", "every place in the queue is taken: send again in a second");
  }
  return true;
}

static bool is_word(struct str s, const char *lower) {
  return s.len == strlen(lower) && strncasecmp(s.at, lower, s.len) == 0;
}

static bool ask_coding(struct exchange *x, const struct http_head *head) {
  if (head->content_encoding.at && !is_word(head->content_encoding, "identity")) {
    x->gzip = is_word(head->content_encoding, "gzip") || is_word(head->content_encoding, "x-gzip");
    if (!x->gzip) return refuse(x, head, 415, "content-encoding", "expected Content-Encoding gzip or none");
  }
  if (head->expect.at && !is_word(head->expect, "100-continue")) {
    return refuse(x, head, 417, "expectation", "expected Expect: 100-continue or none");
  }
  x->wants_continue = head->expect.at && !head->old && (head->chunked || head->length > 0);
  return true;
}

/* ---- a request's life until it is the handler's ---- */

static struct exchange *exchange_queue(struct connection *c) {
  struct exchange *x = exchange_take(c);
  if (!x) {
    connection_close(c);
    return NULL;
  }
  must(c->count < OPEN_MOST);
  c->open[(c->first + c->count++) % OPEN_MOST] = x;
  return x;
}

void exchange_fault(struct connection *c, const struct http_fault *fault) {
  struct exchange *x = c->reading ? c->reading : c->discards ? NULL : exchange_queue(c);
  c->reading = NULL;
  c->last = true;
  if (!x) return; /* no memory, or this message was answered already */
  x->closes = true;
  answer_problem(x, fault->status, fault->word, NULL, fault->detail, NULL, NULL);
}

static void exchange_copy_head(struct exchange *x, const struct http_head *head) {
  struct request *r = &x->request;
  struct connection *c = r->connection;
  r->path = head->path;
  r->query = head->query;
  r->content_type = head->content_type.at ? head->content_type : (struct str){"", 0};
  r->traceparent = head->traceparent.at ? head->traceparent : (struct str){"", 0};
  x->head_only = head->method == METHOD_HEAD;
  x->announced = head->length;
  x->old = head->old;
  x->closes = !head->keep_alive;
  c->closes = x->closes;
}

void exchange_begin(struct connection *c, struct str block) {
  c->discards = c->fresh = false;
  c->body_so_far = 0;
  struct exchange *x = exchange_queue(c);
  if (!x) return;
  x->head = (struct str){arena_copy(&x->request.arena, block.at, block.len), block.len};
  struct http_head head;
  struct http_fault fault = {500, "internal", "out of memory"};
  c->reading = x;
  if (!x->head.at || !http_head_read(&head, x->head, &fault)) {
    exchange_fault(c, &fault);
    return;
  }
  http_stream_body(&c->stream, &head);
  exchange_copy_head(x, &head);
  if (!ask_origin(x, &head) || !ask_route(x, &head) || !ask_key(x, &head) || !ask_query(x, &head) || !ask_size(x, &head) ||
      !ask_coding(x, &head)) {
    c->reading = NULL;
    return;
  }
  if (!x->wants_continue || c->count > 1) return;
  buf_str(&c->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
  x->wants_continue = false;
  connection_dirty(c);
}

/* Room for the body grows with what has come, not with what was announced. */
static bool body_room(struct exchange *x, size_t more) {
  const size_t wanted = x->body_length + more;
  if (wanted <= x->body_room) return true;
  size_t room = x->body_room * 2 > wanted ? x->body_room * 2 : wanted;
  const uint64_t announced = x->request.connection->stream.left + wanted; /* exact for a length, a chunk's rest otherwise */
  if (announced <= READ_ROOM && room < announced) room = (size_t)announced;
  if (room > x->body_most) room = x->body_most;
  char *body = arena_alloc(&x->request.arena, room);
  if (!body) return false;
  if (x->body_length) memcpy(body, x->body, x->body_length);
  x->door->body_bytes += room - x->body_room;
  x->body = body;
  x->body_room = room;
  return true;
}

/* False: the request was refused, and nothing more is taken from its connection. */
bool exchange_body(struct exchange *x, struct str piece) {
  const bool fits = piece.len <= x->body_most - x->body_length;
  if (!fits || !body_room(x, piece.len)) {
    char detail[128];
    snprintf(detail, sizeof detail, "expected a body of at most %zu bytes, more came", x->body_most);
    struct http_fault fault = {413, "too-large", detail};
    if (fits) fault = (struct http_fault){503, "overloaded", "out of memory for the body"};
    exchange_fault(x->request.connection, &fault);
    return false;
  }
  memcpy(x->body + x->body_length, piece.at, piece.len);
  x->body_length += piece.len;
  return true;
}

static bool exchange_inflate(struct exchange *x) {
  struct request *r = &x->request;
  switch (decode_gzip(&x->door->inflater, r->body, x->body_most, &r->arena, &r->body)) {
  case INFLATED: return true;
  case INFLATE_TOO_LARGE:
    request_problem(r, 413, "too-large", NULL, "expected a body of at most %zu bytes after inflating", x->body_most);
    return false;
  case INFLATE_NO_MEMORY: request_problem(r, 503, "overloaded", NULL, "out of memory while inflating the body"); return false;
  case INFLATE_BROKEN: break;
  }
  request_problem(r, 400, "gzip", NULL, "expected one whole gzip member as the body, came something else, a part of it, or more behind it");
  return false;
}

void exchange_complete(struct exchange *x) {
  struct request *r = &x->request;
  x->taken = x->door->nanoseconds;
  if (!ask_key_again(x)) return;
  if (x->body_length) r->body = (struct str){x->body, x->body_length};
  if (x->gzip && !exchange_inflate(x)) return;
  r->route->handle(r, x->door->context);
}

/* ---- what handlers ask ---- */

struct str request_query(const struct request *r, const char *name) {
  struct arena *a = &((struct exchange *)(uintptr_t)r)->request.arena; /* the view of a request is const, its arena is not */
  struct str rest = r->query;
  for (struct str pair; str_split(&rest, '&', &pair);) {
    const char *equals = memchr(pair.at, '=', pair.len);
    const size_t length = equals ? (size_t)(equals - pair.at) : pair.len;
    struct str key, value = {"", 0};
    if (!decode_percent((struct str){pair.at, length}, true, a, &key) || !str_is(key, name)) continue;
    if (equals && !decode_percent((struct str){equals + 1, pair.len - length - 1}, true, a, &value)) return (struct str){"", 0};
    return value;
  }
  return (struct str){"", 0};
}

struct str request_header(const struct request *r, const char *name) {
  return http_head_find(((const struct exchange *)r)->head, name);
}
