/* controls: what operators do: kill and lift, move a rollout, look at the program. Every act is a control fact with its author before it
 * acts. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"
#include <stdio.h>
#include <string.h>

/* ---- kill ---- */

static char *keep_text(struct str s) {
  char *copy = kit_alloc(s.len + 1);
  if (!copy) return NULL;
  memcpy(copy, s.at, s.len);
  copy[s.len] = 0;
  return copy;
}

static bool has_name(const struct str *names, size_t count, struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(names[i], name)) return true;
  return false;
}

static bool add_name(struct str **names, size_t *count, struct str name) {
  if (has_name(*names, *count, name)) return true;
  struct str *grown = kit_realloc(*names, (*count + 1) * sizeof *grown);
  char *copy = grown ? keep_text(name) : NULL;
  if (grown) *names = grown;
  if (!copy) return false;
  (*names)[(*count)++] = (struct str){copy, name.len};
  return true;
}

bool is_killed(const struct api *a, const char *kind, struct str name) {
  const size_t len = strlen(kind);
  for (size_t i = 0; i < a->kill_count; i++) {
    const struct str k = a->kills[i];
    if (str_is(k, "all")) return true;
    if (str_starts(k, kind) && k.len > len && k.at[len] == ':' && str_eq((struct str){k.at + len + 1, k.len - len - 1}, name)) return true;
  }
  return false;
}

static bool add_kill(struct api *a, struct str name) {
  return add_name(&a->kills, &a->kill_count, name);
}

static void remove_kill(struct api *a, struct str name) {
  for (size_t i = 0; i < a->kill_count; i++) {
    if (!str_eq(a->kills[i], name)) continue;
    kit_free((void *)(uintptr_t)a->kills[i].at);
    a->kills[i] = a->kills[--a->kill_count];
    return;
  }
}

/* What the courier will be told: all that is killed, with one more and without another. Made before anything is promised, so that nobody
 * is told of a kill that the courier could not be told of. */
static struct killed_names *killed_then(const struct api *a, struct str more, struct str less, struct err *e) {
  uint64_t *names = kit_alloc((a->kill_count + 2) * sizeof *names);
  size_t count = 0;
  for (size_t i = 0; names && i < a->kill_count; i++)
    if (!str_eq(a->kills[i], less)) names[count++] = hash_64(a->kills[i]);
  if (names && more.len) names[count++] = hash_64(more);
  if (names && count) names[count++] = hash_64(STR("any")); /* letters with more names than they hold */
  struct killed_names *killed = names ? killed_names_new(names, count) : NULL;
  kit_free(names);
  if (!killed) err_set(e, ERR_BUSY, "no memory to tell the courier what is killed: send again in a second");
  return killed;
}

/* The courier knows before any lane does: a message that is about to leave is the one that matters. */
static void tell_courier(struct api *a, struct killed_names *killed) {
  struct courier *c = lanes_courier(a->lanes);
  if (c) courier_kill(c, killed, NULL);
  else killed_names_free(killed);
}

static struct str killable(struct request *r) {
  static const char *const kinds[] = {"trigger", "intervention", "experiment", "rollout", "model"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (str_is(r->params[0], kinds[i])) return str_from(arena_printf(&r->arena, "%s:" STR_FORMAT, kinds[i], STR_ARG(r->params[1])));
  const char *near = str_nearest(r->params[0], kinds, sizeof kinds / sizeof *kinds);
  request_problem(r, 404, "kind-unknown", NULL,
                  "expected trigger, intervention, experiment, rollout or model, got \"" STR_FORMAT "\"%s%s%s", STR_ARG(r->params[0]),
                  near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  return (struct str){0};
}

const char *name_meant(struct arena *a, const struct program *p, struct str kind, struct str wanted) {
  const struct rules *rules = p->rules;
  size_t count = str_is(kind, "trigger")        ? rules_triggers(rules)
                 : str_is(kind, "intervention") ? rules_options(rules)
                 : str_is(kind, "experiment")   ? rules_experiments(rules)
                 : str_is(kind, "rollout")      ? rules_rollouts(rules)
                                                : models_count(p->models);
  const char **names = ARENA_ARRAY(a, const char *, count + 1);
  for (uint32_t i = 0; names && i < count; i++) {
    struct str name = str_is(kind, "trigger")        ? trigger_name(rules, i)
                      : str_is(kind, "intervention") ? option_name(rules, i)
                      : str_is(kind, "experiment")   ? experiment_noun(rules, i)->at.name
                      : str_is(kind, "rollout")      ? rollout_noun(rules, i)->at.name
                                                     : str_from(model_name(p->models, i));
    if (str_eq(name, wanted)) return NULL;
    names[i] = arena_text(a, name.at, name.len);
  }
  const char *near = names ? str_nearest(wanted, names, count) : NULL;
  for (size_t i = 0; names && !near && wanted.len >= 3 && i < count; i++) /* only its beginning was typed */
    if (strncmp(names[i], wanted.at, wanted.len) == 0) near = names[i];
  return near ? arena_printf(a, " (did you mean \"%s\"?)", near) : "";
}

/* A kill of a name that nothing has is taken all the same (a program with it may come), but whoever mistyped it has to know at once. */
static const char *kill_note(struct request *r, const struct program *p) {
  const char *meant = name_meant(&r->arena, p, r->params[0], r->params[1]);
  return meant ? arena_printf(&r->arena, "the live program has no " STR_FORMAT " of this name%s", STR_ARG(r->params[0]), meant) : NULL;
}

static struct str kill_answer(struct request *r, struct str name, bool on, const char *note) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "name", name);
  json_pair_bool(&w, "killed", on);
  if (note) json_pair_text(&w, "note", note);
  json_close_object(&w);
  struct str copy = {arena_text(&r->arena, out.at, out.len), out.len};
  buf_free(&out);
  return copy;
}

/* Remembered at once, so that the courier holds messages back while the kill is being written. */
static void kill_on(struct request *r, struct api *a, struct str name, const char *note) {
  struct err e = {0};
  struct fact *f = name.len ? fact_new(r, a, "kill", name) : NULL;
  if (!f || !fact_say(f, NULL)) return;
  struct killed_names *killed = killed_then(a, name, (struct str){0}, &e);
  if (!killed) {
    request_refuse(r, &e);
    return;
  }
  if (!add_kill(a, name)) {
    killed_names_free(killed);
    request_problem(r, 503, "memory", NULL, "no memory to remember the kill");
    return;
  }
  tell_courier(a, killed);
  f->answer = kill_answer(r, name, true, note);
  fact_queue(f);
}

/* What is lifted acts again only when that is written down, and not when it was killed again meanwhile. */
static void lifted(struct fact *f, bool is_written) {
  struct api *a = f->api;
  struct err e = {0};
  if (!is_written || writing_follows(a, "kill", f->name)) return;
  struct killed_names *killed = killed_then(a, (struct str){0}, f->name, &e);
  if (!killed) { /* the lanes will lift it, its messages still end withdrawn: the careful side */
    log_error("control", "%s is lifted, but messages of it are held back until it is lifted again: %s", f->name.at, e.text);
    return;
  }
  remove_kill(a, f->name);
  tell_courier(a, killed);
}

static void kill_off(struct request *r, struct api *a, struct str name) {
  struct fact *f = name.len ? fact_new(r, a, "unkill", name) : NULL;
  if (!f || !fact_say(f, NULL)) return;
  f->answer = kill_answer(r, name, false, NULL);
  f->written = lifted;
  fact_queue(f);
}

void api_kill(struct request *r, void *context) {
  struct str name = killable(r);
  kill_on(r, context, name, name.len ? kill_note(r, ((struct api *)context)->program) : NULL);
}
void api_unkill(struct request *r, void *context) {
  kill_off(r, context, killable(r));
}
void api_kill_all(struct request *r, void *context) {
  kill_on(r, context, STR("all"), NULL);
}
void api_unkill_all(struct request *r, void *context) {
  kill_off(r, context, STR("all"));
}

void api_kill_list(struct request *r, void *context) {
  struct api *a = context;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_key(&w, "killed");
  json_open_array(&w);
  for (size_t i = 0; i < a->kill_count; i++) json_put_str(&w, a->kills[i]);
  json_close_array(&w);
  json_close_object(&w);
  request_answer(r, 200, "application/json", buf_view(&out));
  buf_free(&out);
}

/* ---- rollouts ---- */

static void free_names(struct str *names, size_t count) {
  for (size_t i = 0; i < count; i++) kit_free((void *)(uintptr_t)names[i].at);
  kit_free(names);
}

void forget_approvals(struct api_stage *s) {
  free_names(s->approvers, s->approver_count);
  s->approvers = NULL;
  s->approver_count = 0;
}

/* Without memory nothing is shown of the figures: the control fact has them. */
void stage_moved(struct api_stage *s, int64_t at, struct str figures) {
  s->since = at;
  kit_free(s->moved_on);
  s->moved_on = figures.len ? keep_text(figures) : NULL;
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
  char *copy = grown ? keep_text(name) : NULL;
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
  request_answer(r, 200, "application/json", buf_view(&out));
  buf_free(&out);
}

static struct str rollout_answer(struct request *r, struct api *a, const struct noun_rollout *n, struct api_stage *s) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  put_rollout(&w, a, n, s);
  struct str answer = {arena_text(&r->arena, out.at, out.len), out.len};
  buf_free(&out);
  return answer;
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
  struct buf more = {0};
  struct json_writer w = json_to(&more);
  json_put_str(&w, who);
  const char *said = arena_printf(&f->request->arena, "\"stage\":%d,\"by\":" STR_FORMAT, next, STR_ARG(buf_view(&more)));
  buf_free(&more);
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
  else if (approver(f->request, &who, &e) && has_name(s->approvers, s->approver_count, who))
    err_set(&e, ERR_CONFLICT, "" STR_FORMAT " has approved this step already", STR_ARG(who));
  else if (e.kind == ERR_NONE && (!given || !make_room(s) || !(given->who.at = keep_text(who))))
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
  if (say_approval(f, who, next)) return true;
  kit_free((void *)(uintptr_t)given->who.at);
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

/* Who says which stage a step leaves may say it again: the second one finds it done. False: it is answered. */
static bool leaves(struct request *r, struct api *a, struct str verb, const struct noun_rollout *n, struct api_stage *s) {
  struct err e = {0};
  struct json j;
  int64_t from;
  const int32_t by = str_is(verb, "advance") ? 1 : str_is(verb, "back") ? -1 : 0;
  if (!by || !r->body.len) return true;
  if (json_parse(&j, &r->arena, r->body, &json_limits_default, &e)) {
    const uint32_t at = json_get(&j, 0, "from");
    if (at == JSON_NONE) return true;
    if (!json_int(&j, at, &from)) err_set(&e, ERR_INPUT, "/from: expected the number of the stage that the step leaves");
    else if (s->stage < 0) refuse_halted(n, &e);
    else if (from == s->stage) return true;
    else if (from == s->stage - by) {
      request_answer(r, 200, "application/json", rollout_answer(r, a, n, s));
      return false;
    } else err_set(&e, ERR_CONFLICT, "/from: the rollout is at stage %d, not at %lld", s->stage, (long long)from);
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
  const char *place = stage_said(&r->arena, after, is_anew);
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
  return leaves(r, a, r->params[1], n, s) && step(f, r->params[1], n, s);
}

void api_rollout_move(struct request *r, void *context) {
  struct fact *f = fact_new(r, context, str_is(r->params[1], "approve") ? "approval" : "rollout", r->params[0]);
  if (!f) return;
  f->begin = begin_move;
  fact_queue(f);
}

/* ---- after a start ---- */

static bool restore_one(struct api *a, const struct control_fact *fact) {
  struct str name = str_from(fact->name);
  if (strcmp(fact->kind, "kill") == 0) return add_kill(a, name);
  if (strcmp(fact->kind, "unkill") == 0) {
    remove_kill(a, name);
    return true;
  }
  if (strcmp(fact->kind, "experiment") == 0) return experiment_restore(a, fact);
  const bool approval = strcmp(fact->kind, "approval") == 0;
  if (strcmp(fact->kind, "rollout") != 0 && !approval) return true;
  struct arena scratch = {0};
  struct json j;
  int64_t stage = 0;
  struct api_stage *s = stage_of(a, name);
  bool ok = s && json_parse(&j, &scratch, fact->body, &json_limits_default, NULL) && json_int(&j, json_get(&j, 0, "stage"), &stage);
  if (ok && approval) {
    struct str who = json_text(&j, json_get(&j, 0, "by"), &scratch);
    ok = stage != s->stage + 1 || add_name(&s->approvers, &s->approver_count, who);
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

struct restoring {
  struct api *api;
  struct err *err;
  bool failed;
};

/* A start that went on without a fact would be without all later kills too. */
static bool restore_fact(void *context, const struct control_fact *fact) {
  struct restoring *r = context;
  if (restore_one(r->api, fact)) return true;
  err_set(r->err, ERR_STORAGE, "number %lld (%s %s by %s) cannot be taken up: it is no such fact, or memory for it is missing",
          (long long)fact->number, fact->kind, fact->name, fact->author);
  r->failed = true;
  return false;
}

static struct flow *flow_of(void *context, uint32_t volume) {
  return lanes_flow(((struct api *)context)->lanes, volume);
}

bool api_restore(struct api *a, struct err *e) {
  struct restoring r = {.api = a, .err = e};
  if (!control_each(a->book, 0, restore_fact, &r, e) || r.failed) return err_wrap(e, "control facts");
  if (!missed_facts(a->book, flow_of, a, e)) return false;
  if (!(a->aliases = aliases_open(a->book, e)) || !merges_resume(a->aliases, a->book, flow_of, a, e)) return err_wrap(e, "merges");
  struct killed_names *killed = killed_then(a, (struct str){0}, (struct str){0}, e);
  if (killed) tell_courier(a, killed);
  return killed != NULL;
}

void api_close(struct api *a) {
  facts_forget(a);
  experiments_close(a);
  free_names(a->kills, a->kill_count);
  aliases_close(a->aliases);
  for (size_t i = 0; i < a->stage_count; i++) {
    forget_approvals(&a->stages[i]);
    kit_free(a->stages[i].name);
    kit_free(a->stages[i].moved_on);
  }
  kit_free(a->stages);
}
