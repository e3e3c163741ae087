/* past: what somebody's own chain holds: the timeline, and the export of everything there is about them (P1). Both walk from the newest row
 * to the oldest, a piece a turn (walk.c). The export's first line is the person as known now, its last one says that it is whole. Handlers
 * on the main thread, steps in the lane. */
#include "book/retention.h"
#include "inside.h"
#include "kit/clock.h"
#include "program/recorded.h"
#include <stdlib.h>

struct shown { /* a row of the timeline, in walk.out */
  int64_t at;
  size_t from, length, order;
};
struct chain {
  bool lines, met; /* lines: the export; met: the first piece of this id's chain is done */
  struct str *ids; /* of the person: each has a chain */
  size_t id_count, id;
  int64_t user, seq, most, here; /* here: rows of this id's chain so far */
  int64_t fact;                  /* the newest control fact of the partition that is older than the row */
  struct str program;            /* digest of the program that was live at the row; in the request's arena */
  struct buf shown;              /* struct shown */
  int64_t rows, decisions, deliveries;
  bool linked; /* that older rows were trimmed has been said */
};

/* ---- one row ---- */

static const char *kind_word(enum entry_kind kind) {
  static const char *const words[] = {"", "event", "tick", "consent", "profile", "asked", "control", "imported", "filled", "merge"};
  return words[kind];
}

/* The program fact that was in force at `seq`; walks the partition's facts back with the rows. */
static bool find_program(struct walk *w, struct volume *v, int64_t seq, struct arena *a, struct err *e) {
  struct chain *c = w->own;
  struct entry fact;
  struct json j;
  while (c->fact > 0 && (c->fact > seq || c->program.len == 0)) {
    if (!volume_entry(v, c->fact, a, &fact, NULL, e) || !json_parse(&j, a, fact.body, &json_limits_default, e)) return false;
    bool program = json_text_is(&j, json_get(&j, 0, "kind"), "program");
    if (c->fact <= seq && program) {
      struct str name = json_text(&j, json_get(&j, 0, "name"), a);
      c->program = (struct str){arena_text(&w->request->arena, name.at, name.len), name.len};
      if (!c->program.at) return err_set(e, ERR_INTERNAL, "no memory for an export");
      return true;
    }
    c->fact = fact.previous;
    c->program = (struct str){0};
  }
  return true;
}

/* What the models said of the person at this row; by name when the program that asked them is the live one. */
static bool put_beliefs(struct walk *w, struct json_writer *out, struct flow *f, const struct entry *row, const struct recorded *r,
                        struct arena *a, struct err *e) {
  struct chain *c = w->own;
  if (r->belief_count == 0) return true;
  if (!find_program(w, flow_volume(f), row->seq, a, e)) return false;
  const struct program *live = flow_program(f, row->partition);
  bool named = live && str_is(c->program, live->digest);
  json_pair_str(out, "program", c->program);
  json_key(out, "beliefs");
  json_open_object(out);
  for (uint32_t i = 0; i < r->belief_count; i++) {
    uint32_t b = r->beliefs[i].belief;
    bool known = named && b < beliefs_count(live->models);
    json_key(out, known ? belief_name(live->models, b) : arena_printf(a, "belief %u", b));
    if (r->beliefs[i].value.kind == VALUE_MISSING) json_put_null(out);
    else value_to_json(out, &r->beliefs[i].value);
  }
  json_close_object(out);
  return true;
}

static void put_delivery(struct walk *w, struct json_writer *out, struct volume *v, uint64_t decision, struct arena *a) {
  char id[32];
  const struct str delivery = delivery_json(v, decision, (struct str){0}, a);
  if (!delivery.len) return;
  ((struct chain *)w->own)->deliveries++;
  json_open_object(out);
  json_pair_str(out, "decision", (struct str){id, decision_id_text(decision, id)});
  json_key(out, "delivery");
  json_put_raw(out, delivery);
  json_close_object(out);
}

/* The decisions of a row, and in an export what became of them. */
static bool put_decisions(struct walk *w, struct json_writer *out, struct volume *v, const uint64_t *ids, uint32_t count, struct arena *a,
                          struct err *e) {
  struct chain *c = w->own;
  json_key(out, "decisions");
  json_open_array(out);
  for (uint32_t i = 0; i < count; i++) {
    struct str record;
    if (!volume_decision(v, ids[i], a, &record, NULL, e)) return false;
    json_put_raw(out, record);
    c->decisions++;
  }
  json_close_array(out);
  if (!c->lines || !count) return true;
  json_key(out, "deliveries");
  json_open_array(out);
  for (uint32_t i = 0; i < count; i++) put_delivery(w, out, v, ids[i], a);
  json_close_array(out);
  return true;
}

static void put_source(struct json_writer *out, const struct entry *row, const struct recorded *r) {
  char at[32];
  json_pair_text(out, "kind", kind_word(row->kind));
  json_pair_str(out, "received", (struct str){at, clock_format(r->received, at)});
  json_pair_str(out, "source", r->source);
  if (r->given_id.len) json_pair_str(out, "givenId", r->given_id);
}

/* What was just written from `from` on is a line of the export, or a thing of the timeline. */
static bool note_shown(struct walk *w, size_t from, int64_t at, struct err *e) {
  struct chain *c = w->own;
  const struct shown one = {.at = at, .from = from, .length = w->out.len - from, .order = c->shown.len / sizeof one};
  if (c->lines) buf_char(&w->out, '\n');
  else buf_put(&c->shown, &one, sizeof one);
  return !c->shown.failed || err_set(e, ERR_INTERNAL, "no memory for a timeline");
}

static bool put_row(struct walk *w, struct flow *f, const struct entry *row, struct arena *a, struct err *e) {
  struct chain *c = w->own;
  struct json_writer writer = json_to(&w->out), *out = &writer;
  const size_t from = w->out.len;
  struct recorded rec;
  char at[32];
  if (!recorded_unpack(row->record, a, &rec, e)) return false;
  json_open_object(out);
  if (c->lines) put_source(out, row, &rec);
  json_pair_int(out, "seq", row->seq);
  json_pair_str(out, "at", (struct str){at, clock_format(rec.clock, at)});
  json_key(out, "event");
  json_put_raw(out, row->body);
  if (c->lines && !put_beliefs(w, out, f, row, &rec, a, e)) return false;
  uint64_t *ids = ARENA_ARRAY(a, uint64_t, rec.decision_count + 1);
  if (!ids) return err_set(e, ERR_INTERNAL, "no memory for a row's decisions");
  for (uint32_t i = 0; i < rec.decision_count; i++) ids[i] = rec.first_decision + i;
  if (!put_decisions(w, out, flow_volume(f), ids, rec.decision_count, a, e)) return false;
  json_close_object(out);
  return note_shown(w, from, rec.clock, e);
}

/* ---- what retention left ---- */

/* `clock`: of the row that stands behind it. */
static bool put_link(struct walk *w, int64_t clock, struct volume *v, struct err *e) {
  struct chain *c = w->own;
  struct json_writer writer = json_to(&w->out), *out = &writer;
  const size_t from = w->out.len;
  struct trim t;
  char at[32];
  if (!volume_trim(v, c->user, &t, e)) return false;
  json_open_object(out);
  json_pair_text(out, "kind", "trimmed");
  json_pair_str(out, "trimmedAt", (struct str){at, clock_format(t.at, at)});
  json_key(out, "text");
  struct buf text = {0};
  buf_printf(&text, "older events were trimmed on %.10s; what was decided then follows as long as it is kept", at);
  json_put_str(out, buf_view(&text));
  buf_free(&text);
  json_close_object(out);
  c->linked = true;
  return note_shown(w, from, clock, e);
}

/* A trimmed row: the first one is the link, the others have decisions. */
static bool put_remnant(struct walk *w, struct volume *v, struct entry *row, struct arena *a, struct err *e) {
  struct chain *c = w->own;
  uint64_t *ids;
  char at[32];
  if (!volume_remnant(v, c->seq, a, row, &ids, e) || (!c->linked && !put_link(w, row->arrived, v, e))) return false;
  if (!row->decisions) return true;
  c->rows++;
  c->here++;
  struct json_writer writer = json_to(&w->out), *out = &writer;
  const size_t from = w->out.len;
  json_open_object(out);
  json_pair_text(out, "kind", "trimmed");
  json_pair_int(out, "seq", row->seq);
  json_pair_str(out, "at", (struct str){at, clock_format(row->arrived, at)});
  if (!put_decisions(w, out, v, ids, row->decisions, a, e)) return false;
  json_close_object(out);
  return note_shown(w, from, row->arrived, e);
}

static bool put_trimmed(struct walk *w, struct flow *f, struct entry *row, struct arena *a, struct err *e) {
  *e = (struct err){0};
  return put_remnant(w, flow_volume(f), row, a, e);
}

/* ---- the walk ---- */

static void put_person(struct walk *w, struct job *j, struct flow *f, struct user *u) {
  struct json_writer out = json_to(&w->out);
  json_open_object(&out);
  const struct chain *c = w->own;
  json_pair_text(&out, "kind", c->id ? "alias" : "user");
  person_put(&out, f, u, &j->arena);
  if (c->id_count > 1 && c->id == 0) {
    json_key(&out, "mergedFrom");
    json_open_array(&out);
    for (size_t i = 1; i < c->id_count; i++) json_put_str(&out, c->ids[i]);
    json_close_array(&out);
  }
  json_close_object(&out);
  buf_char(&w->out, '\n');
}

static void put_end(struct walk *w) {
  const struct chain *c = w->own;
  struct json_writer out = json_to(&w->out);
  json_open_object(&out);
  json_pair_text(&out, "kind", "end");
  json_pair_int(&out, "rows", c->rows);
  json_pair_int(&out, "decisions", c->decisions);
  json_pair_int(&out, "deliveries", c->deliveries);
  json_close_object(&out);
  buf_char(&w->out, '\n');
}

static bool begin(struct walk *w, struct job *j, struct flow *f) {
  struct chain *c = w->own;
  struct user *u = known_user(j, f);
  if (!u) return false;
  c->met = true;
  c->here = 0;
  c->linked = false;
  c->user = u->number;
  c->seq = u->head;
  c->fact = volume_last_fact(flow_volume(f), u->partition);
  c->program = (struct str){0};
  if (c->lines) put_person(w, j, f, u);
  return true;
}

/* The next id's chain lies in another lane, perhaps. */
static bool next_id(struct walk *w) {
  struct chain *c = w->own;
  if (c->id + 1 >= c->id_count) return false;
  w->user = c->ids[++c->id];
  w->volume = volume_for(w->api, w->user);
  c->met = false;
  return true;
}

static void step(struct walk *w, struct job *j, struct flow *f) {
  struct chain *c = w->own;
  struct arena a = {0};
  bool ok = c->met || begin(w, j, f);
  while (ok && c->seq > 0 && c->here < c->most && !walk_spent(w)) {
    struct entry row;
    const bool whole = volume_entry(flow_volume(f), c->seq, &a, &row, NULL, &j->err);
    ok = whole ? put_row(w, f, &row, &a, &j->err) : j->err.kind == ERR_MISSING && put_trimmed(w, f, &row, &a, &j->err);
    c->rows += whole;
    c->here += whole;
    c->seq = ok ? row.previous : 0;
    arena_reset(&a);
  }
  arena_free(&a);
  w->done = (c->seq == 0 || c->here >= c->most) && !(ok && next_id(w));
  if (ok && w->done && c->lines) put_end(w);
  if (ok && w->out.failed) err_set(&j->err, ERR_INTERNAL, "no memory for an answer of %lld rows", (long long)c->rows);
}

/* ---- the answer ---- */

static int newest_first(const void *left, const void *right) {
  const struct shown *a = left, *b = right;
  if (a->at != b->at) return a->at > b->at ? -1 : 1;
  return (a->order > b->order) - (a->order < b->order);
}

/* Each chain is in order; those of several ids are put into one. */
static void put_timeline(const struct chain *c, const struct buf *rows, struct buf *out) {
  const size_t count = c->shown.len / sizeof(struct shown);
  struct shown *shown = (struct shown *)(void *)c->shown.at;
  if (c->id_count > 1 && count) qsort(shown, count, sizeof *shown, newest_first);
  buf_char(out, '[');
  const size_t most = c->id_count > 1 && count > (size_t)c->most ? (size_t)c->most : count;
  for (size_t i = 0; i < most; i++) {
    if (i) buf_char(out, ',');
    buf_put(out, rows->at + shown[i].from, shown[i].length);
  }
  buf_char(out, ']');
}

static void answer(struct walk *w) {
  struct chain *c = w->own;
  struct buf rows = w->out, timeline = {0}; /* the walk lies in the request, which is gone after the answer */
  struct buf shown = c->shown;
  if (w->err.kind == ERR_NONE && !c->lines) put_timeline(c, &rows, &timeline);
  if (w->err.kind == ERR_NONE && timeline.failed) err_set(&w->err, ERR_BUSY, "no memory for a timeline");
  if (w->err.kind != ERR_NONE) request_refuse(w->request, &w->err);
  else request_answer_take(w->request, 200, c->lines ? "application/x-ndjson" : "application/json", c->lines ? &rows : &timeline);
  buf_free(&rows);
  buf_free(&timeline);
  buf_free(&shown);
}

static void start(struct request *r, struct api *api, bool lines, int64_t most) {
  struct walk *w = walk_new(r, api);
  if (!w) return;
  struct chain *c = ARENA_NEW(&r->arena, struct chain);
  if (!c) {
    request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
    return;
  }
  *c = (struct chain){.lines = lines, .most = most};
  c->ids = aliases_person(api->aliases, r->params[0], &r->arena, &c->id_count);
  if (!c->ids) {
    request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
    return;
  }
  w->user = c->ids[0];
  w->volume = volume_for(api, w->user);
  w->own = c;
  w->step = step;
  w->answer = answer;
  walk_start(w);
}

void api_user_timeline(struct request *r, void *context) {
  struct str limit = request_query(r, "limit");
  int64_t most = 50;
  if (limit.len && (!str_to_int(limit, &most) || most < 1 || most > 1000)) {
    request_problem(r, 400, "query-invalid", NULL, "limit: expected 1 to 1000, got \"" STR_FORMAT "\"", STR_ARG(limit));
    return;
  }
  start(r, context, false, most);
}

void api_user_export(struct request *r, void *context) {
  start(r, context, true, INT64_MAX);
}
