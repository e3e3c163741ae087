/* webhooks: what operators ask and tell of deliveries: endpoints with their breakers, dead letters sent again by range (W7), disabled
 * endpoints taken back (W6). A dead letter that is too late stays dead, and so does one that its person or an operator stopped since.
 * Handlers on the main thread; the outbox is walked in the lanes, a piece a turn. */
#include "inside.h"
#include "kit/clock.h"

#define PIECE_ROWS 512

/* ---- GET /v1/webhooks ---- */

static void put_moment(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  if (at) json_pair_str(w, key, (struct str){text, clock_format(at, text)});
}

/* What an endpoint is that does not work, into an open object. */
static void put_broken(struct json_writer *w, const struct endpoint_view *v) {
  if (v->why[0]) json_pair_text(w, "why", v->why);
  put_moment(w, "since", v->since);
  put_moment(w, "nextTry", v->try_at);
}

static const char *endpoint_name(const struct api *a, size_t endpoint) {
  return a->endpoints[endpoint].name ? a->endpoints[endpoint].name : a->endpoints[endpoint].url;
}

static const char *const breakers[] = {"closed", "open", "half-open", "disabled"};

/* A letter goes to any endpoint that works, so it waits for them when none does. */
struct str endpoints_in_the_way(const struct api *a, struct arena *arena) {
  struct courier *c = lanes_courier(a->lanes);
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  size_t broken = 0;
  json_open_array(&w);
  for (size_t i = 0; c && i < a->endpoint_count; i++) {
    const struct endpoint_view v = courier_endpoint_view(c, i);
    if (v.state == ENDPOINT_CLOSED) break;
    broken++;
    json_open_object(&w);
    json_pair_text(&w, "name", endpoint_name(a, i));
    json_pair_text(&w, "breaker", breakers[v.state]);
    put_broken(&w, &v);
    json_close_object(&w);
  }
  json_close_array(&w);
  const bool all = broken > 0 && broken == a->endpoint_count && !out.failed;
  struct str text = {all ? arena_text(arena, out.at, out.len) : NULL, all ? out.len : 0};
  buf_free(&out);
  return text.at ? text : (struct str){0};
}

/* With `enables`, what they are once those that are disabled have been taken back, which the courier does before anything else that it is
 * told from now on. */
static void put_endpoints(struct json_writer *w, const struct api *a, struct courier *c, bool enables) {
  json_key(w, "endpoints");
  json_open_array(w);
  for (size_t i = 0; c && i < a->endpoint_count; i++) {
    const struct endpoint_view v = courier_endpoint_view(c, i);
    const bool enabled = enables && v.state == ENDPOINT_DISABLED, works = enabled || v.state == ENDPOINT_CLOSED;
    json_open_object(w);
    json_pair_text(w, "name", endpoint_name(a, i));
    json_pair_text(w, "breaker", breakers[works ? ENDPOINT_CLOSED : v.state]);
    if (enables) json_pair_bool(w, "enabled", enabled);
    if (!works) put_broken(w, &v);
    json_close_object(w);
  }
  json_close_array(w);
}

void api_webhooks(struct request *r, void *context) {
  const struct api *a = context;
  struct courier *c = lanes_courier(a->lanes);
  struct courier_figures f = c ? courier_figures(c) : (struct courier_figures){0};
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  put_endpoints(&w, a, c, false);
  json_pair_int(&w, "waiting", (int64_t)f.waiting);
  json_pair_int(&w, "inFlight", (int64_t)f.in_flight);
  json_pair_int(&w, "attempts", (int64_t)f.attempts);
  json_pair_int(&w, "delivered", (int64_t)f.delivered);
  json_pair_int(&w, "failed", (int64_t)f.failed);
  json_pair_int(&w, "expired", (int64_t)f.expired);
  json_pair_int(&w, "withdrawn", (int64_t)f.withdrawn);
  json_close_object(&w);
  request_answer_take(r, 200, "application/json", &out);
}

/* ---- POST /v1/webhooks/replay ---- */

static void step(struct walk *w, struct job *j, struct flow *f) {
  struct revival *r = w->own;
  uint64_t before = r->again;
  r->now = clock_now();
  if (!flow_revive(f, r, PIECE_ROWS, &j->err)) return;
  j->outbox = r->again > before;
  if (!r->done) return;
  r->done = false;
  r->after = 0;
  w->done = ++w->volume >= book_volumes(w->api->book); /* the next piece is the next volume's */
}

static void answer(struct walk *w) {
  const struct revival *r = w->own;
  if (w->err.kind != ERR_NONE) {
    request_refuse(w->request, &w->err); /* what was committed is under way; asked again, the rest follows */
    return;
  }
  struct buf out = {0};
  struct json_writer writer = json_to(&out);
  json_open_object(&writer);
  json_pair_int(&writer, "again", (int64_t)r->again);
  json_pair_int(&writer, "too_late", (int64_t)r->too_late);
  json_pair_int(&writer, "opted_out", (int64_t)r->opted_out);
  json_pair_int(&writer, "killed", (int64_t)r->killed);
  if (r->unreadable) json_pair_int(&writer, "unreadable", (int64_t)r->unreadable);
  json_close_object(&writer);
  request_answer_take(w->request, 200, "application/json", &out);
}

static bool read_time(struct request *r, const struct json *j, const char *pointer, int64_t *out) {
  const uint32_t at = json_get(j, 0, pointer + 1);
  if (json_type(j, at) == JSON_NULL || clock_parse(json_text(j, at, &r->arena), out)) return true;
  request_problem(r, 400, "body-invalid", pointer, "expected a time like \"2025-01-15T22:40:00Z\", came " STR_FORMAT,
                  STR_ARG(json_raw(j, at)));
  return false;
}

/* A field that nobody knows was meant to be one of the two: without it more would be sent again than was wanted. */
static bool only_times(struct request *r, const struct json *j) {
  static const char *const names[] = {"from", "to"};
  if (json_type(j, 0) != JSON_OBJECT) {
    request_problem(r, 400, "body-invalid", "", "expected an object like {\"from\": \"2025-01-15T22:40:00Z\"}, came " STR_FORMAT,
                    (int)(json_raw(j, 0).len > 40 ? 40 : json_raw(j, 0).len), json_raw(j, 0).at);
    return false;
  }
  for (uint32_t n = 0, at = 1; n < j->tokens[0].count; n++, at = j->tokens[at + 1].next) {
    const struct str name = json_text(j, at, &r->arena);
    if (str_is(name, "from") || str_is(name, "to")) continue;
    const char *near = str_nearest(name, names, 2);
    request_problem(r, 400, "body-invalid", "", "unknown field \"" STR_FORMAT "\"%s%s%s: expected \"from\" and \"to\", or neither",
                    STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    return false;
  }
  return true;
}

/* Without a body: everything. */
static bool read_span(struct request *r, struct revival *v) {
  struct json body;
  struct err e = {0};
  v->to = INT64_MAX;
  if (str_trim(r->body).len == 0) return true;
  if (!json_parse(&body, &r->arena, r->body, &json_limits_default, &e)) {
    request_refuse(r, &e);
    return false;
  }
  if (!only_times(r, &body) || !read_time(r, &body, "/from", &v->from) || !read_time(r, &body, "/to", &v->to)) return false;
  if (v->from <= v->to) return true;
  request_problem(r, 400, "body-invalid", "/to", "expected a time that is not before \"from\", came " STR_FORMAT,
                  STR_ARG(json_raw(&body, json_get(&body, 0, "to"))));
  return false;
}

static struct str in_the_log(struct request *r) {
  char at[32];
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "at", (struct str){at, clock_format(clock_now(), at)});
  json_pair_text(&w, "reason", "an operator had it sent again");
  json_close_object(&w);
  return buf_into(&out, &r->arena);
}

/* What an operator does is in control.db before it acts. In the request's arena. */
struct order {
  struct writing writing; /* first */
  struct api *api;
  struct request *request;
  const char *what, *author;
  struct str body;
  struct revival *revival; /* of a replay */
  struct walk *walk;
};

static struct order *order_new(struct request *r, struct api *a, const char *what, struct str body) {
  struct order *o = ARENA_NEW(&r->arena, struct order);
  if (o) {
    *o = (struct order){.api = a, .request = r, .what = what, .author = request_author(r), .body = body.len ? body : STR("{}")};
    return o;
  }
  request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return NULL;
}

static bool write_down(struct writing *w, struct err *e) {
  const struct order *o = (const struct order *)w;
  return control_append(o->api->book, o->author, "webhooks", o->what, o->body, NULL, e);
}

/* Looked at in its turn: only few pasts are walked at once. */
static bool begin_replay(struct writing *w) {
  struct order *o = (struct order *)w;
  if (!(o->walk = walk_new(o->request, o->api))) return false;
  o->walk->volume = 0;
  o->walk->own = o->revival;
  o->walk->step = step;
  o->walk->answer = answer;
  return true;
}

static void end_replay(struct writing *w) {
  struct order *o = (struct order *)w;
  if (w->err.kind == ERR_NONE) walk_start(o->walk);
  else request_refuse(o->request, &w->err);
}

void api_webhooks_replay(struct request *r, void *context) {
  struct revival *v = ARENA_NEW(&r->arena, struct revival);
  if (!v || !(v->result_json = in_the_log(r)).at) {
    request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
    return;
  }
  if (!read_span(r, v)) return;
  struct order *o = order_new(r, context, "replay", str_trim(r->body));
  if (!o) return;
  o->revival = v;
  o->writing = (struct writing){.begin = begin_replay, .write = write_down, .end = end_replay};
  writing_queue(o->api, &o->writing);
}

/* ---- POST /v1/webhooks/enable ---- */

static void end_enable(struct writing *w) {
  const struct order *o = (const struct order *)w;
  struct courier *c = lanes_courier(o->api->lanes);
  if (w->err.kind != ERR_NONE) {
    request_refuse(o->request, &w->err);
    return;
  }
  struct buf out = {0};
  struct json_writer writer = json_to(&out);
  json_open_object(&writer);
  put_endpoints(&writer, o->api, c, true);
  json_pair_int(&writer, "waiting", c ? (int64_t)courier_figures(c).waiting : 0);
  json_close_object(&writer);
  for (size_t i = 0; c && i < o->api->endpoint_count; i++) courier_enable(c, i);
  request_answer_take(o->request, 200, "application/json", &out);
}

void api_webhooks_enable(struct request *r, void *context) {
  struct order *o = order_new(r, context, "enable", (struct str){0});
  if (!o) return;
  o->writing = (struct writing){.write = write_down, .end = end_enable};
  writing_queue(o->api, &o->writing);
}
