/* history: what is stored about decisions and people, walked along a user's own chain: a decision and its words, the timeline, the export.
 * Functions named *_in_lane run on the lane. */
#include "inside.h"
#include "kit/clock.h"
#include "program/recorded.h"
#include <stdlib.h>

/* ---- one decision ---- */

static const char *end_word(enum outbox_end end) {
  static const char *const words[] = {"waiting", "delivered", "failed", "expired", "withdrawn"};
  return words[end];
}

static struct str outbox_json(struct job *j, struct volume *v, uint64_t id) {
  struct outbox_row row;
  struct err none = {0};
  if (!volume_outbox(v, id, &j->arena, &row, &none)) return (struct str){0};
  char at[32];
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "end", end_word(row.end));
  json_pair_int(&w, "attempts", row.attempts);
  json_pair_str(&w, "send_before", (struct str){at, clock_format(row.send_before, at)});
  json_key(&w, "log");
  json_put_raw(&w, row.log.len ? row.log : STR("[]"));
  json_close_object(&w);
  struct str copy = {arena_text(&j->arena, out.at, out.len), out.len};
  buf_free(&out);
  return copy;
}

/* The program that decided, from the record's shortened digest: the live one as a rule. Held for the caller. */
static const struct program *program_of(struct library *l, struct flow *f, const struct json *record, uint32_t partition,
                                        struct arena *scratch) {
  struct str brief = json_text(record, json_get(record, 0, "program"), scratch);
  const struct program *live = flow_program(f, partition);
  const struct program *then = live && str_is(brief, live->brief) ? NULL : library_brief(l, brief, NULL);
  return then ? then : live ? library_hold(l, live) : NULL;
}

static void decision_in_lane(struct job *j, struct flow *f, const char *language) {
  struct asking *a = j->owner;
  struct str record;
  struct json parsed;
  struct buf out = {0};
  if (!volume_decision(flow_volume(f), (uint64_t)j->number, &j->arena, &record, NULL, &j->err)) return;
  if (!json_parse(&parsed, &j->arena, record, &json_limits_default, &j->err)) return;
  struct why_input in = {
      .record = record, .outbox_json = outbox_json(j, flow_volume(f), (uint64_t)j->number), .language = language ? language : "en"};
  struct library *l = a->api->library;
  const struct program *p = program_of(l, f, &parsed, (uint32_t)((uint64_t)j->number >> 48), &j->arena);
  if (p) {
    in.rules = p->rules;
    in.symbols = &p->symbols;
  }
  if (language ? why_text(&in, &j->arena, &out, &j->err) : why_json(&in, &j->arena, &out, &j->err)) job_text(j, &out);
  else buf_free(&out);
  library_release(l, p);
}

static void show_in_lane(struct job *j, struct flow *f) {
  decision_in_lane(j, f, NULL);
}
static void why_in_lane(struct job *j, struct flow *f) {
  decision_in_lane(j, f, str_is(((struct asking *)j->owner)->language, "ru") ? "ru" : "en");
}

static void answer_text(struct asking *a, struct job *j) {
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else request_answer(a->request, 200, "text/plain; charset=utf-8", j->text);
}

static void ask_decision(struct request *r, struct api *api, bool words) {
  uint64_t id;
  if (!decision_id_parse(r->params[0], &id) || id >> 48 >= BOOK_PARTITIONS) {
    request_problem(r, 404, "decision-unknown", NULL, "expected a decision's id like d3-17, got \"" STR_FORMAT "\"", STR_ARG(r->params[0]));
    return;
  }
  struct asking *a = asking_new(r, api);
  if (!a) return;
  a->language = request_query(r, "lang");
  if (words) a->answer = answer_text;
  asking_submit(a, book_volume_of(api->book, (uint32_t)(id >> 48)), (struct str){0}, (int64_t)id, words ? why_in_lane : show_in_lane);
}

void api_decision(struct request *r, void *context) {
  ask_decision(r, context, false);
}
void api_decision_why(struct request *r, void *context) {
  ask_decision(r, context, true);
}

/* ---- a user's chain ---- */

static bool put_row(struct json_writer *w, struct volume *v, const struct entry *row, struct arena *a, struct err *e) {
  struct recorded rec;
  char at[32];
  if (!recorded_unpack(row->record, a, &rec, e)) return false;
  json_open_object(w);
  json_pair_int(w, "seq", row->seq);
  json_pair_str(w, "at", (struct str){at, clock_format(rec.clock, at)});
  json_key(w, "event");
  json_put_raw(w, row->body);
  json_key(w, "decisions");
  json_open_array(w);
  for (uint32_t i = 0; i < rec.decision_count; i++) {
    struct str record;
    if (!volume_decision(v, rec.first_decision + i, a, &record, NULL, e)) return false;
    json_put_raw(w, record);
  }
  json_close_array(w);
  json_close_object(w);
  return true;
}

/* Newest first along the chain; `most` rows. Lines of NDJSON, or one array. */
static void walk_in_lane(struct job *j, struct flow *f, bool lines) {
  struct volume *v = flow_volume(f);
  struct user *u = volume_user(v, j->user, false, &j->err);
  if (!u) {
    if (j->err.kind == ERR_NONE) err_set(&j->err, ERR_MISSING, "no user \"" STR_FORMAT "\" is known here", STR_ARG(j->user));
    return;
  }
  struct buf out = {0};
  struct arena row_arena = {0};
  struct json_writer w = json_to(&out);
  if (!lines) json_open_array(&w);
  int64_t seq = u->head;
  for (int64_t n = 0; seq > 0 && n < j->number; n++) {
    struct entry row;
    if (!volume_entry(v, seq, &row_arena, &row, NULL, &j->err) || !put_row(&w, v, &row, &row_arena, &j->err)) break;
    if (lines) {
      buf_char(&out, '\n');
      w = json_to(&out);
    }
    seq = row.previous;
    arena_reset(&row_arena);
  }
  arena_free(&row_arena);
  if (!lines && j->err.kind == ERR_NONE) json_close_array(&w);
  if (j->err.kind == ERR_NONE) job_text(j, &out);
  else buf_free(&out);
}

static void timeline_in_lane(struct job *j, struct flow *f) {
  walk_in_lane(j, f, false);
}
static void export_in_lane(struct job *j, struct flow *f) {
  walk_in_lane(j, f, true);
}

void api_user_timeline(struct request *r, void *context) {
  struct api *api = context;
  struct str limit = request_query(r, "limit");
  int64_t most = 50;
  if (limit.len && (!str_to_int(limit, &most) || most < 1 || most > 1000)) {
    request_problem(r, 400, "query-invalid", NULL, "limit: expected 1 to 1000, got \"" STR_FORMAT "\"", STR_ARG(limit));
    return;
  }
  asking_submit(asking_new(r, api), book_volume_of(api->book, book_partition_of(api->book, r->params[0])), r->params[0], most,
                timeline_in_lane);
}

static void answer_lines(struct asking *a, struct job *j) {
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else request_answer(a->request, 200, "application/x-ndjson", j->text);
}

void api_user_export(struct request *r, void *context) {
  struct api *api = context;
  struct asking *a = asking_new(r, api);
  if (!a) return;
  a->answer = answer_lines;
  asking_submit(a, book_volume_of(api->book, book_partition_of(api->book, r->params[0])), r->params[0], INT64_MAX, export_in_lane);
}
