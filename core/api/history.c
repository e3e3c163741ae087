/* history: one stored decision, as it is and in words. Functions named *_in_lane run on the lane. */
#include "book/retention.h"
#include "inside.h"
#include "kit/clock.h"
#include "program/recorded.h"
#include <stdlib.h>
#include <string.h>

/* ---- one decision ---- */

struct str delivery_json(struct volume *v, uint64_t id, struct str endpoints, struct arena *a) {
  static const char *const ends[] = {"waiting", "delivered", "failed", "expired", "withdrawn"};
  struct outbox_row row;
  struct err none = {0};
  if (!volume_outbox(v, id, a, &row, &none)) return (struct str){0};
  char at[32];
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "end", ends[row.end]);
  json_pair_int(&w, "attempts", row.attempts);
  json_pair_str(&w, "send_before", (struct str){at, clock_format(row.send_before, at)});
  json_key(&w, "log");
  json_put_raw(&w, row.log.len ? row.log : STR("[]"));
  if (row.end == OUTBOX_WAITING && endpoints.len) {
    json_key(&w, "endpoints");
    json_put_raw(&w, endpoints);
  }
  json_close_object(&w);
  return buf_into(&out, a);
}

/* The program that decided, from the record's shortened digest: the live one as a rule. Held for the caller. */
static const struct program *program_of(struct library *l, struct flow *f, const struct json *record, uint32_t partition,
                                        struct arena *scratch) {
  struct str brief = json_text(record, json_get(record, 0, "program"), scratch);
  const struct program *live = flow_program(f, partition);
  const struct program *then = live && str_is(brief, live->brief) ? NULL : library_brief(l, brief, NULL);
  return then ? then : live ? library_hold(l, live) : NULL;
}

/* What the row that it was decided on says beside the record; of a trimmed one only when that was. */
static bool beside_record(struct volume *v, int64_t seq, struct arena *a, struct why_input *in, struct err *e) {
  struct entry row;
  struct recorded r;
  struct trim t;
  struct user *u;
  uint64_t *ids;
  struct err why = {0};
  char *text = ARENA_ARRAY(a, char, TRACE_TEXT + 1);
  if (!text) return err_set(e, ERR_INTERNAL, "no memory for an explanation");
  if (volume_entry(v, seq, a, &row, &u, &why)) {
    if (!recorded_unpack(row.record, a, &r, e)) return false;
    if (r.trace.there) trace_text(&r.trace, text);
    if (r.trace.there) in->traceparent = (struct str){text, TRACE_TEXT};
    return true;
  }
  if (why.kind != ERR_MISSING || !volume_remnant(v, seq, a, &row, &ids, NULL)) return err_set(e, why.kind, "%s", why.text);
  if (!volume_trim(v, row.user, &t, e)) return false;
  in->trimmed_at = (struct str){text, clock_format(t.at, text)};
  return true;
}

static void decision_in_lane(struct job *j, struct flow *f, const char *language) {
  struct asking *a = j->owner;
  struct str record;
  struct json parsed;
  struct buf out = {0};
  int64_t seq;
  if (!volume_decision(flow_volume(f), (uint64_t)j->number, &j->arena, &record, &seq, &j->err)) return;
  if (!json_parse(&parsed, &j->arena, record, &json_limits_default, &j->err)) return;
  struct why_input in = {.record = record,
                         .outbox_json = delivery_json(flow_volume(f), (uint64_t)j->number, a->endpoints, &j->arena),
                         .language = language ? language : "en",
                         .held = a->held,
                         .kept = true};
  if (!beside_record(flow_volume(f), seq, &j->arena, &in, &j->err)) return;
  struct library *l = a->api->library;
  const struct program *p = program_of(l, f, &parsed, (uint32_t)((uint64_t)j->number >> 48), &j->arena);
  if (p) {
    in.rules = p->rules;
    in.symbols = &p->symbols;
  }
  const bool told = language ? why_text(&in, &j->arena, &out, &j->err) : why_json(&in, &j->arena, &out, &j->err);
  if (told && language && in.trimmed_at.len)
    buf_printf(&out,
               strcmp(language, "ru") == 0 ? "Само событие удалено %.10s: срок его хранения истёк.\n"
                                           : "The event itself was trimmed on %.10s: it had been kept long enough.\n",
               in.trimmed_at.at);
  if (told) job_text(j, &out);
  else buf_free(&out);
  library_release(l, p);
}

static void show_in_lane(struct job *j, struct flow *f) {
  decision_in_lane(j, f, NULL);
}
static void why_in_lane(struct job *j, struct flow *f) {
  decision_in_lane(j, f, ((struct asking *)j->owner)->language);
}

static void answer_text(struct asking *a, struct job *j) {
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else request_answer(a->request, 200, "text/plain; charset=utf-8", j->text);
}

bool asked_language(struct request *r, const char **language) {
  struct str word = request_query(r, "language");
  if (word.len == 0) word = request_query(r, "lang");
  *language = str_is(word, "ru") ? "ru" : "en";
  if (word.len == 0 || str_is(word, *language)) return true;
  request_problem(r, 400, "query-invalid", NULL, "language: expected en or ru, got \"" STR_FORMAT "\"",
                  (int)(word.len < 60 ? word.len : 60), word.at);
  return false;
}

static void ask_decision(struct request *r, struct api *api, bool words) {
  uint64_t id;
  if (!decision_id_parse(r->params[0], &id) || id >> 48 >= BOOK_PARTITIONS) {
    request_problem(r, 404, "decision-unknown", NULL,
                    "expected a decision's id as an answer gave it, like d3-17: d, 0 to %d, - and a number from 1; got \"" STR_FORMAT "\"",
                    BOOK_PARTITIONS - 1, (int)(r->params[0].len < 60 ? r->params[0].len : 60), r->params[0].at);
    return;
  }
  const char *language;
  if (!asked_language(r, &language)) return;
  struct asking *a = asking_new(r, api);
  if (!a) return;
  a->language = language;
  a->held = ratios_held(api, &r->arena);
  a->endpoints = endpoints_in_the_way(api, &r->arena);
  if (words) a->answer = answer_text;
  asking_submit(a, book_volume_of(api->book, (uint32_t)(id >> 48)), (struct str){0}, (int64_t)id, words ? why_in_lane : show_in_lane);
}

void api_decision(struct request *r, void *context) {
  ask_decision(r, context, false);
}
void api_decision_why(struct request *r, void *context) {
  ask_decision(r, context, true);
}
