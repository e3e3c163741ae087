/* history: one stored decision, as it is and in words. Functions named *_in_lane run on the lane. */
#include "inside.h"
#include "kit/clock.h"
#include "program/recorded.h"
#include <stdlib.h>

/* ---- one decision ---- */

struct str delivery_json(struct volume *v, uint64_t id, struct arena *a) {
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
  json_close_object(&w);
  struct str copy = {arena_text(a, out.at, out.len), out.len};
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
  struct why_input in = {.record = record,
                         .outbox_json = delivery_json(flow_volume(f), (uint64_t)j->number, &j->arena),
                         .language = language ? language : "en"};
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
  decision_in_lane(j, f, ((struct asking *)j->owner)->language);
}

static void answer_text(struct asking *a, struct job *j) {
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else request_answer(a->request, 200, "text/plain; charset=utf-8", j->text);
}

const char *asked_language(const struct request *r) {
  struct str language = request_query(r, "language");
  if (language.len == 0) language = request_query(r, "lang");
  return str_is(language, "ru") ? "ru" : "en";
}

static void ask_decision(struct request *r, struct api *api, bool words) {
  uint64_t id;
  if (!decision_id_parse(r->params[0], &id) || id >> 48 >= BOOK_PARTITIONS) {
    request_problem(r, 404, "decision-unknown", NULL, "expected a decision's id like d3-17, got \"" STR_FORMAT "\"", STR_ARG(r->params[0]));
    return;
  }
  struct asking *a = asking_new(r, api);
  if (!a) return;
  a->language = asked_language(r);
  if (words) a->answer = answer_text;
  asking_submit(a, book_volume_of(api->book, (uint32_t)(id >> 48)), (struct str){0}, (int64_t)id, words ? why_in_lane : show_in_lane);
}

void api_decision(struct request *r, void *context) {
  ask_decision(r, context, false);
}
void api_decision_why(struct request *r, void *context) {
  ask_decision(r, context, true);
}
