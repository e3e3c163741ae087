/* why_not: why a trigger does not fire for a user, now or as of a time in the past: the condition term by term, then every safeguard and
 * option that would stand in the way. For the past the user is rebuilt from their own chain. The handler runs on the main thread, the rest
 * in the user's lane; nothing is changed or drawn. */
#include "inside.h"
#include "kit/clock.h"
#include "program/moving.h"

/* With the user's last event, so that event.* has the values that a trigger would have seen. */
static bool look_at(struct job *j, struct flow *f, const struct program *p, struct user *u, uint32_t trigger, int64_t at,
                    struct value **slots) {
  struct entry row;
  struct recorded rec;
  struct event last;
  bool known = u->head && volume_entry(flow_volume(f), u->head, &j->arena, &row, NULL, &j->err) &&
               recorded_unpack(row.record, &j->arena, &rec, &j->err) &&
               event_parse(&j->arena, row.body, rec.received, rec.source, rec.history, &last, &j->err);
  return j->err.kind == ERR_NONE && program_look(p, u, trigger, known ? &last : NULL, at, &j->arena, slots, &j->err);
}

static void explain(struct job *j, struct flow *f, const struct program *p, struct user *u, uint32_t trigger, int64_t at) {
  const struct asking *a = j->owner;
  struct value *slots;
  struct buf out = {0};
  if (!look_at(j, f, p, u, trigger, at, &slots)) return;
  struct speech speech = {.program = p, .user = u, .slots = slots, .scratch = &j->arena};
  struct why_not_input in = {.trigger = trigger, .language = str_is(a->language, "ru") ? "ru" : "en"};
  in.moment = (struct moment_input){.rules = p->rules,
                                    .controls = flow_controls(f, u->partition),
                                    .user = u,
                                    .slots = slots,
                                    .clock = at,
                                    .asked = NO_ONE,
                                    .sayable = speech_sayable,
                                    .context = &speech};
  why_not_text(&in, &j->arena, &out);
  job_text(j, &out);
}

static void explain_past(struct job *j, struct flow *f, const struct program *p, struct user *u, uint32_t trigger, int64_t at) {
  struct user *then = user_new();
  if (!then) {
    err_set(&j->err, ERR_INTERNAL, "no memory to rebuild a user");
    return;
  }
  if (program_rebuild(p, flow_volume(f), u, at, then, &j->err)) explain(j, f, p, then, trigger, at);
  then->id = (struct str){0}; /* the live user's */
  user_free(then);
}

static void why_not_in_lane(struct job *j, struct flow *f) {
  const struct asking *a = j->owner;
  struct user *u = known_user(j, f);
  const struct program *p = u ? flow_program(f, u->partition) : NULL;
  if (!u) return;
  uint32_t trigger = p ? rules_trigger(p->rules, a->trigger) : NO_ONE;
  if (trigger == NO_ONE) err_set(&j->err, ERR_MISSING, "no trigger is named \"" STR_FORMAT "\"", STR_ARG(a->trigger));
  else if (a->at) explain_past(j, f, p, u, trigger, a->at);
  else explain(j, f, p, u, trigger, clock_now());
}

static void answer_text(struct asking *a, struct job *j) {
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else request_answer(a->request, 200, "text/plain; charset=utf-8", j->text);
}

void api_user_why(struct request *r, void *context) {
  struct asking *a = asking_new(r, context);
  if (!a) return;
  struct str at = request_query(r, "at");
  a->trigger = request_query(r, "trigger");
  a->language = request_query(r, "lang");
  a->answer = answer_text;
  if (a->trigger.len == 0) {
    request_problem(r, 400, "query-invalid", NULL, "trigger: expected the name of a trigger, as in ?trigger=high_skip_risk");
    return;
  }
  if (at.len && !clock_parse(at, &a->at)) {
    request_problem(r, 400, "query-invalid", NULL, "at: expected a time like 2025-01-15T22:40:00Z, got \"" STR_FORMAT "\"", STR_ARG(at));
    return;
  }
  asking_submit(a, volume_for(context, r->params[0]), r->params[0], 0, why_not_in_lane);
}
