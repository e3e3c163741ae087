/* rollouts: where operators move them: steps, holds, halts, approvals. Every act is a control fact with its author before it acts, and is
 * judged when its turn to be written comes. What moves by itself is rollouts_watch.c. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include <string.h>

void forget_approvals(struct api_stage *s) {
  names_free(s->approvers, s->approver_count);
  s->approvers = NULL;
  s->approver_count = 0;
}

/* Without memory nothing is shown of the figures: the control fact has them. */
void stage_moved(struct api_stage *s, int64_t at, struct str figures) {
  s->since = at;
  kit_free(s->moved_on);
  s->moved_on = figures.len ? name_keep(figures) : NULL;
}

static const char *time_said(struct arena *a, const char *key, int64_t at) {
  char text[32];
  if (!at) return "";
  const size_t length = clock_format(at, text);
  return arena_printf(a, ",\"%s\":\"%.*s\"", key, (int)length, text);
}

/* A volume may not have taken the word about the step, or about the return, when it was said; the next one says all of it as well. */
const char *stage_said(struct arena *a, const struct api_stage *s, bool is_anew) {
  const char *since = time_said(a, "since", s->since), *anew = time_said(a, "anew_since", s->anew);
  const char *back = s->stage >= 0 && s->holdback > 0 ? arena_printf(a, ",\"holdback\":%.6g", s->holdback) : "";
  if (!since || !anew || !back) return NULL;
  return arena_printf(a, "\"stage\":%d,\"held\":%s%s%s%s%s", s->stage, s->held ? "true" : "false", since, back,
                      is_anew ? ",\"anew\":true" : "", anew);
}

struct api_stage *stage_of(struct api *a, struct str name) {
  for (size_t i = 0; i < a->stage_count; i++)
    if (str_is(name, a->stages[i].name)) return &a->stages[i];
  struct api_stage *grown = kit_realloc(a->stages, (a->stage_count + 1) * sizeof *grown);
  char *copy = grown ? name_keep(name) : NULL;
  if (grown) a->stages = grown;
  if (!copy) return NULL;
  a->stages[a->stage_count] = (struct api_stage){.name = copy};
  return &a->stages[a->stage_count++];
}

static const struct noun_rollout *find_rollout(const struct program *p, struct str name) {
  for (uint32_t i = 0; i < rules_rollouts(p->rules); i++)
    if (str_eq(rollout_noun(p->rules, i)->at.name, name)) return rollout_noun(p->rules, i);
  return NULL;
}

/* Steps that bring a change to more people need those who agree; back, hold and halt never do. */
bool rollout_agreed(const struct noun_rollout *n, const struct api_stage *s) {
  return (double)s->approver_count >= n->approvals;
}

static bool is_agreed(const struct noun_rollout *n, const struct api_stage *s, struct err *e) {
  if (rollout_agreed(n, s)) return true;
  return err_set(e, ERR_CONFLICT,
                 "this step needs %.0f approvals and has %zu: POST /v1/rollouts/" STR_FORMAT
                 "/approve, or kairos rollout approve " STR_FORMAT " (of an engine without keys with --by NAME)",
                 n->approvals, s->approver_count, STR_ARG(n->at.name), STR_ARG(n->at.name));
}

/* A step is no way back from a halt: whoever takes it may not know of the halt. */
static bool refuse_halted(const struct noun_rollout *n, struct err *e) {
  return err_set(e, ERR_CONFLICT,
                 "the rollout is halted: only resume begins it again, at its first stage (kairos rollout resume " STR_FORMAT ")",
                 STR_ARG(n->at.name));
}

static bool next_stage(const struct noun_rollout *n, struct str verb, struct api_stage *s, struct err *e) {
  int32_t last = (int32_t)n->stage_count - 1;
  if (s->stage < 0 && (str_is(verb, "advance") || str_is(verb, "back"))) return refuse_halted(n, e);
  if (str_is(verb, "advance")) {
    if (s->held) return err_set(e, ERR_CONFLICT, "the rollout is held: resume it first");
    if (s->stage >= last) return err_set(e, ERR_CONFLICT, "the rollout is at its last stage already");
    if (!is_agreed(n, s, e)) return false;
    s->stage++;
  } else if (str_is(verb, "back")) {
    if (s->stage <= 0) return err_set(e, ERR_CONFLICT, "the rollout is at its first stage already");
    s->stage--;
  } else if (str_is(verb, "hold")) s->held = true;
  else if (str_is(verb, "resume")) {
    if (s->stage < 0 && !is_agreed(n, s, e)) return false;
    s->held = false;
    if (s->stage < 0) s->stage = 0;
  } else if (str_is(verb, "halt")) s->stage = -1;
  else return err_set(e, ERR_MISSING, "expected advance, approve, back, hold, resume or halt, got \"" STR_FORMAT "\"", STR_ARG(verb));
  return true;
}

static void put_holdback(struct json_writer *w, const struct noun_rollout *n, const struct api_stage *s) {
  char until[32];
  if (!(s->holdback > 0) || s->stage < 0 || (size_t)s->stage >= n->stage_count) return;
  const int64_t end = s->since + (int64_t)(n->stages[s->stage].hold * 1000);
  if (clock_now() >= end) return;
  json_key(w, "holdback");
  json_open_object(w);
  json_pair_double(w, "share", s->holdback);
  json_pair_str(w, "until", (struct str){until, clock_format(end, until)});
  json_close_object(w);
}

static void put_rollout(struct json_writer *w, struct api *a, const struct noun_rollout *n, struct api_stage *s) {
  json_open_object(w);
  json_pair_str(w, "name", n->at.name);
  json_pair_str(w, "why", n->why);
  json_pair_int(w, "stage", s->stage);
  json_pair_bool(w, "held", s->held);
  json_pair_bool(w, "halted", s->stage < 0);
  if (s->stage < 0) json_pair_text(w, "halted_on", s->moved_on);
  else if (s->moved_on) json_pair_text(w, "advanced_on", s->moved_on);
  put_holdback(w, n, s);
  put_stage_figures(w, a, n, s);
  if (n->approvals > 0) {
    json_pair_int(w, "approvals", (int64_t)n->approvals);
    json_key(w, "approved");
    json_open_array(w);
    for (size_t i = 0; i < s->approver_count; i++) json_put_str(w, s->approvers[i]);
    json_close_array(w);
  }
  json_key(w, "stages");
  json_open_array(w);
  for (size_t i = 0; i < n->stage_count; i++) {
    json_open_object(w);
    json_pair_str(w, "name", n->stages[i].name);
    json_pair_double(w, "share", n->stages[i].share);
    json_close_object(w);
  }
  json_close_array(w);
  json_close_object(w);
}

void api_rollouts(struct request *r, void *context) {
  struct api *a = context;
  trials_wanted(a);
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_array(&w);
  for (uint32_t i = 0; i < rules_rollouts(a->program->rules); i++) {
    const struct noun_rollout *n = rollout_noun(a->program->rules, i);
    struct api_stage *s = stage_of(a, n->at.name);
    if (s) put_rollout(&w, a, n, s);
  }
  json_close_array(&w);
  request_answer_take(r, 200, "application/json", &out);
}

/* Nothing without memory. */
static struct str rollout_answer(struct request *r, struct api *a, const struct noun_rollout *n, struct api_stage *s) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  put_rollout(&w, a, n, s);
  return buf_into(&out, &r->arena);
}

/* The key's name. An engine without keys knows nobody, so people say who they are: "by". */
static bool approver(struct request *r, struct str *who, struct err *e) {
  struct json j;
  *who = r->key_name;
  if (r->key_name.len) return true;
  if (r->body.len && !json_parse(&j, &r->arena, r->body, &json_limits_default, e)) return false;
  const uint32_t by = r->body.len ? json_get(&j, 0, "by") : JSON_NONE;
  if (by == JSON_NONE)
    return err_set(e, ERR_INPUT,
                   "/by: who approves? Without keys a name is expected, as in kairos rollout approve NAME --by anna, or {\"by\":\"anna\"}");
  *who = json_text(&j, by, &r->arena);
  if (json_type(&j, by) == JSON_STRING && who->len > 0 && who->len <= 64) return true;
  struct str came = json_raw(&j, by);
  const bool cut = came.len > 80;
  return err_set(e, ERR_INPUT, "/by: expected the name of who approves, a text of at most 64 bytes, got %.*s%s", cut ? 40 : (int)came.len,
                 came.at, cut ? "…" : "");
}

struct approval { /* while it is written */
  struct str who; /* to be an approver's, or freed */
};

static void approved(struct fact *f, bool is_written) {
  const struct approval *given = f->data;
  struct api_stage *s = stage_of(f->api, f->name); /* it is there: nothing can fail */
  if (is_written) s->approvers[s->approver_count++] = given->who;
  else kit_free((void *)(uintptr_t)given->who.at);
}

/* Whatever can fail is done before it is written. */
static bool make_room(struct api_stage *s) {
  struct str *grown = kit_realloc(s->approvers, (s->approver_count + 1) * sizeof *grown);
  if (grown) s->approvers = grown;
  return grown != NULL;
}

static bool say_approval(struct fact *f, struct str who, int32_t next) {
  const char *by = f->answer.len ? fact_quoted(f, who) : NULL;
  const char *said = by ? arena_printf(&f->request->arena, "\"stage\":%d,\"by\":%s", next, by) : NULL;
  if (!said) request_problem(f->request, 503, "memory", NULL, "no memory for this request: send again in a second");
  return said && fact_say(f, said);
}

static bool approve(struct fact *f, const struct noun_rollout *n, struct api_stage *s) {
  struct err e = {0};
  struct str who;
  const int32_t next = s->stage + 1;
  struct approval *given = ARENA_NEW(&f->request->arena, struct approval);
  if (n->approvals < 1) err_set(&e, ERR_CONFLICT, "the rollout says no approvals: it needs none");
  else if (next >= (int32_t)n->stage_count) err_set(&e, ERR_CONFLICT, "the rollout is at its last stage already");
  else if (approver(f->request, &who, &e) && names_have(s->approvers, s->approver_count, who))
    err_set(&e, ERR_CONFLICT, "" STR_FORMAT " has approved this step already", STR_ARG(who));
  else if (e.kind == ERR_NONE && (!given || !make_room(s) || !(given->who.at = name_keep(who))))
    err_set(&e, ERR_BUSY, "no memory for an approval");
  if (e.kind != ERR_NONE) {
    request_refuse(f->request, &e);
    return false;
  }
  given->who.len = who.len;
  struct api_stage after = *s; /* as it is shown when it is written */
  after.approvers[after.approver_count++] = given->who;
  f->answer = rollout_answer(f->request, f->api, n, &after);
  f->data = given;
  f->written = approved;
  char *kept = (char *)(uintptr_t)given->who.at;
  if (say_approval(f, who, next)) return true;
  kit_free(kept); /* `given` is gone with its request */
  return false;
}

static void moved(struct fact *f, bool is_written) {
  struct api_stage *s = stage_of(f->api, f->name);
  const struct api_stage *after = f->data;
  if (!is_written) return;
  if (s->stage != after->stage) {
    forget_approvals(s);
    kit_free(s->moved_on);
  }
  *s = *after;
}

static const char *stage_called(struct arena *a, const struct noun_rollout *n, int64_t stage) {
  const bool is_one = stage >= 0 && (size_t)stage < n->stage_count;
  return is_one ? arena_printf(a, "stage %lld, " STR_FORMAT, (long long)stage, STR_ARG(n->stages[stage].name))
                : arena_printf(a, "stage %lld", (long long)stage);
}

/* Somebody else took the step, or the same one twice: whoever is answered as if it were theirs counts it twice. */
static void refuse_elsewhere(struct arena *a, const struct noun_rollout *n, const struct api_stage *s, int64_t from, struct err *e) {
  char text[32];
  const char *is = stage_called(a, n, s->stage), *left = stage_called(a, n, from);
  const char *since = s->since ? arena_printf(a, ", since %.*s", (int)clock_format(s->since, text), text) : "";
  if (is && left && since) err_set(e, ERR_CONFLICT, "/from: the rollout is at %s%s, not at %s: nothing was moved", is, since, left);
  else err_set(e, ERR_BUSY, "no memory for this request: send again in a second");
}

/* Who says which stage a step leaves may say it again: the second one is told where it is and moves nothing. False: it is answered. */
static bool leaves(struct request *r, struct str verb, const struct noun_rollout *n, const struct api_stage *s) {
  struct err e = {0};
  struct json j;
  int64_t from;
  if ((!str_is(verb, "advance") && !str_is(verb, "back")) || !r->body.len) return true;
  if (json_parse(&j, &r->arena, r->body, &json_limits_default, &e)) {
    const uint32_t at = json_get(&j, 0, "from");
    if (at == JSON_NONE) return true;
    if (!json_int(&j, at, &from)) err_set(&e, ERR_INPUT, "/from: expected the number of the stage that the step leaves");
    else if (s->stage < 0) refuse_halted(n, &e);
    else if (from == s->stage) return true;
    else refuse_elsewhere(&r->arena, n, s, from, &e);
  }
  request_refuse(r, &e);
  return false;
}

static bool step(struct fact *f, struct str verb, const struct noun_rollout *n, const struct api_stage *s) {
  struct err e = {0};
  struct request *r = f->request;
  struct api_stage *after = arena_copy(&r->arena, s, sizeof *s);
  if (!after) err_set(&e, ERR_BUSY, "no memory for this request: send again in a second");
  if (!after || !next_stage(n, verb, after, &e)) {
    request_refuse(r, &e);
    return false;
  }
  if (after->stage != s->stage) {
    after->approvers = NULL;
    after->approver_count = 0;
    after->moved_on = NULL;
    after->since = clock_now();
    messages_note(f->api);
    after->holdback = stage_holdback(n, after->stage);
  }
  f->answer = rollout_answer(r, f->api, n, after);
  f->data = after;
  f->written = moved;
  const bool is_anew = s->stage < 0 && after->stage >= 0;
  if (is_anew) after->anew = after->since;
  const char *place = f->answer.len ? stage_said(&r->arena, after, is_anew) : NULL;
  if (!place) request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return place && fact_say(f, place);
}

/* When what was said before it is done: two steps of one rollout are two, and another program may be live. */
static bool begin_move(struct fact *f) {
  struct api *a = f->api;
  struct request *r = f->request;
  const struct noun_rollout *n = find_rollout(a->program, f->name);
  struct api_stage *s = n ? stage_of(a, n->at.name) : NULL;
  if (!s) {
    const char *meant = name_meant(&r->arena, a->program, STR("rollout"), f->name);
    request_problem(r, 404, "rollout-unknown", NULL, "no rollout is named \"" STR_FORMAT "\"%s", STR_ARG(f->name), meant ? meant : "");
    return false;
  }
  if (str_is(r->params[1], "approve")) return approve(f, n, s);
  return leaves(r, r->params[1], n, s) && step(f, r->params[1], n, s);
}

void api_rollout_move(struct request *r, void *context) {
  struct fact *f = fact_new(r, context, str_is(r->params[1], "approve") ? "approval" : "rollout", r->params[0]);
  if (!f) return;
  f->begin = begin_move;
  fact_queue(f);
}

/* ---- after a start ---- */

bool rollout_restore(struct api *a, const struct control_fact *fact) {
  const bool approval = strcmp(fact->kind, "approval") == 0;
  struct arena scratch = {0};
  struct json j;
  int64_t stage = 0;
  struct api_stage *s = stage_of(a, str_from(fact->name));
  bool ok = s && json_parse(&j, &scratch, fact->body, &json_limits_default, NULL) && json_int(&j, json_get(&j, 0, "stage"), &stage);
  if (ok && approval) {
    struct str who = json_text(&j, json_get(&j, 0, "by"), &scratch);
    ok = stage != s->stage + 1 || names_add(&s->approvers, &s->approver_count, who);
  } else if (ok) {
    int64_t at;
    controls_said_since(&j, &scratch, &at);
    if (s->stage != stage) forget_approvals(s);
    if (s->stage != stage) stage_moved(s, at, json_text(&j, json_get(&j, 0, "why"), &scratch));
    if (s->stage != stage && !json_double(&j, json_get(&j, 0, "holdback"), &s->holdback)) s->holdback = 0;
    s->stage = (int32_t)stage;
    json_bool(&j, json_get(&j, 0, "held"), &s->held);
    controls_said_anew(&j, &scratch, &s->anew);
  }
  arena_free(&scratch);
  return ok;
}

void rollouts_close(struct api *a) {
  for (size_t i = 0; i < a->stage_count; i++) {
    forget_approvals(&a->stages[i]);
    kit_free(a->stages[i].name);
    kit_free(a->stages[i].moved_on);
  }
  kit_free(a->stages);
}
