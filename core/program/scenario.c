/* scenario: runs one scenario through the production code, in the order of flow: move, screen, believe, decide, speak; then compares with
 * what was expected. Differs from an engine in three things only: values that `given` names are put over what was computed, chance may be
 * fixed, and nothing is kept. On the thread of whoever builds or tests a program. */
#include "kit/clock.h"
#include "program/moving.h"
#include "scene.h"
#include <stdlib.h>
#include <string.h>

struct outcome_of { /* of one scenario */
  struct scene scene;
  const struct listening *listening;
  struct value *slots;
  struct speech speech;
  struct moment_input in;
  struct decision *decisions;
  size_t count;
  struct coverage *coverage; /* NULL: nobody counts */
  struct buf text;           /* the failure */
};

/* ---- deciding ---- */

static void put_over(struct outcome_of *o) {
  for (size_t i = 0; i < o->scene.override_count; i++) o->slots[o->scene.overrides[i].slot] = o->scene.overrides[i].value;
}

static bool is_given(const struct scene *s, uint32_t slot) {
  for (size_t i = 0; i < s->override_count; i++)
    if (s->overrides[i].slot == slot) return true;
  return false;
}

/* A model is asked only when some belief of it is not given. */
static uint64_t models_to_ask(const struct scene *s, uint64_t models) {
  const struct program *p = s->program;
  uint64_t wanted = 0;
  for (uint32_t i = 0; i < p->symbols.count; i++)
    if (p->symbols.at[i].kind == SYMBOL_BELIEF && !is_given(s, i)) wanted |= UINT64_C(1) << belief_model(p->models, p->symbols.at[i].index);
  return models_with_parts(p->models, wanted) & models;
}

static struct moment_input input_of(const struct outcome_of *o) {
  return (struct moment_input){.rules = o->scene.program->rules,
                               .controls = &o->scene.controls,
                               .user = o->scene.user,
                               .event = &o->scene.event,
                               .listening = o->listening,
                               .slots = o->slots,
                               .clock = o->scene.event.timestamp,
                               .first_decision = 1,
                               .program = o->scene.program->brief,
                               .asked = o->scene.asked,
                               .sayable = speech_sayable,
                               .context = (void *)(uintptr_t)&o->speech,
                               .fixed = &o->scene.fixed};
}

/* A rollout keeps the user from the model: its beliefs are missing. */
static bool shut(struct outcome_of *o, uint32_t model, struct value *beliefs) {
  const struct program *p = o->scene.program;
  const struct moment_input in = input_of(o);
  if (!model_gated(&in, model_served(p->models, model))) return false;
  for (uint32_t b = 0; b < beliefs_count(p->models); b++)
    if (belief_model(p->models, b) == model) beliefs[b] = value_missing(MISSING_GATED);
  return true;
}

/* What is given is what the model would say; the rollout stands before it all the same. */
static void shut_given(struct outcome_of *o) {
  const struct program *p = o->scene.program;
  const struct moment_input in = input_of(o);
  for (size_t i = 0; i < o->scene.override_count; i++) {
    const uint32_t slot = o->scene.overrides[i].slot;
    const struct symbol *s = &p->symbols.at[slot];
    if (s->kind == SYMBOL_BELIEF && model_gated(&in, model_served(p->models, belief_model(p->models, s->index))))
      o->slots[slot] = value_missing(MISSING_GATED);
  }
}

#define SCENARIO_PATIENCE_MS 5000

static void believe(struct outcome_of *o, uint64_t models) {
  const struct program *p = o->scene.program;
  struct arena *a = o->scene.arena;
  struct value *beliefs = ARENA_ARRAY(a, struct value, beliefs_count(p->models) + 1);
  struct sessions *sessions = models ? sessions_open(p->models, 1) : NULL;
  if (sessions) sessions_patience(sessions, SCENARIO_PATIENCE_MS);
  struct belief_row row = {.user = o->scene.user, .clock = o->scene.event.timestamp, .slots = o->slots, .beliefs = beliefs};
  for (uint32_t n = 0, m; sessions && n < models_count(p->models); n++)
    if (models >> (m = models_in_order(p->models, n)) & 1 && !shut(o, m, beliefs))
      models_predict(p->models, sessions, m, &row, 1, p->features, a);
  for (uint32_t i = 0; sessions && i < p->symbols.count; i++)
    if (p->symbols.at[i].kind == SYMBOL_BELIEF && (models >> belief_model(p->models, p->symbols.at[i].index) & 1))
      o->slots[i] = beliefs[p->symbols.at[i].index];
  sessions_close(sessions);
}

static const struct listening *who_listens(const struct scene *s) {
  const struct rules *r = s->program->rules;
  if (s->kind == ENTRY_TICK) return ticks_listening(r, &s->event, s->arena);
  if (s->kind == ENTRY_ASKED) return rules_listening_to(r, trigger_name(r, s->asked));
  return rules_listening(r, s->event.type);
}

static bool move(struct scene *s, struct err *e) {
  int64_t clock = s->event.timestamp;
  const struct recorded r = {.clock = clock, .received = clock, .history = true, .may_identify = true, .decides = true};
  bool learned;
  return program_move(s->program, s->user, s->kind, &s->event, &r, s->arena, &learned, e) || err_wrap(e, "event");
}

/* Segments and functions, but for those that are given. */
static void work(struct outcome_of *o, enum work_step step) {
  const struct program *p = o->scene.program;
  unsigned char *given = arena_zero(o->scene.arena, p->symbols.count + 1, 1);
  for (size_t i = 0; given && i < o->scene.override_count; i++) given[o->scene.overrides[i].slot] = 1;
  struct working w = {.again = true, .given = given}; /* a test stops nothing */
  program_work(p, o->listening->derived, o->listening->derived_count, step, o->slots, &w, o->scene.arena);
}

static void decide(struct outcome_of *o) {
  const struct program *p = o->scene.program;
  struct arena *a = o->scene.arena;
  int64_t clock = o->scene.event.timestamp;
  o->listening = who_listens(&o->scene);
  if (!o->listening) return;
  o->slots = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  unsigned char *maybe = arena_zero(a, o->listening->count + 1, 1);
  program_fill(p, o->listening->screen, o->listening->screen_count, &o->scene.event, o->scene.user, clock, o->slots, a);
  put_over(o);
  work(o, WORK_AT_ONCE);
  work(o, WORK_WITH_FEATURES);
  shut_given(o);
  believe(o, models_to_ask(&o->scene, decide_screen(p->rules, o->listening, o->slots, maybe)));
  program_fill(p, o->listening->rest, o->listening->rest_count, &o->scene.event, o->scene.user, clock, o->slots, a);
  put_over(o);
  shut_given(o);
  work(o, WORK_ALL);
  o->speech = (struct speech){.program = p, .user = o->scene.user, .slots = o->slots, .scratch = a};
  o->in = input_of(o);
  o->count = decide_event(&o->in, maybe, a, &o->decisions);
  if (o->coverage) coverage_add(o->coverage, p, o->listening, o->slots, o->decisions, o->count, a);
}

/* ---- what came ---- */

static void explain(struct outcome_of *o, const struct decision *d) {
  struct buf words = {0};
  struct err e = {0};
  struct str line;
  const struct why_input in = {.rules = o->in.rules,
                               .symbols = &o->scene.program->symbols,
                               .record = speech_record(&o->speech, &o->in, d, o->scene.arena),
                               .language = "en"};
  if (!why_text(&in, o->scene.arena, &words, &e)) buf_text(&words, e.text);
  struct str rest = buf_view(&words);
  while (str_split(&rest, '\n', &line))
    if (line.len) buf_printf(&o->text, "    " STR_FORMAT "\n", STR_ARG(line));
  buf_free(&words);
}

static void explain_silence(struct outcome_of *o, uint32_t trigger) {
  struct buf words = {0};
  struct str line;
  struct why_not_input in = {.moment = o->in, .trigger = trigger, .language = "en", .behind = program_behind, .names = o->scene.program};
  why_not_text(&in, o->scene.arena, &words);
  struct str rest = buf_view(&words);
  while (str_split(&rest, '\n', &line))
    if (line.len) buf_printf(&o->text, "    " STR_FORMAT "\n", STR_ARG(line));
  buf_free(&words);
}

/* A function that failed is unknown to the rule; its author wants to read what Lua said. */
static void put_failures(struct outcome_of *o) {
  const struct program *p = o->scene.program;
  for (uint32_t i = 0; o->slots && i < p->symbols.count; i++) {
    const struct symbol *s = &p->symbols.at[i];
    const enum missing_reason reason = (enum missing_reason)o->slots[i].reason;
    if (s->kind != SYMBOL_FUNCTION || o->slots[i].kind != VALUE_MISSING || reason < MISSING_RAISED || reason > MISSING_STOPPED) continue;
    struct function_figures f;
    functions_figures(p->functions, s->index, &f);
    if (f.line) buf_printf(&o->text, "    " STR_FORMAT " failed in line %d: %s\n", STR_ARG(f.name), f.line, f.sentence);
  }
}

/* Why the trigger that `expect` names decided nothing: before all others, for it is what the reader asks. Its place among those that
 * listen; NO_PLACE: it decided, or listens to something else, or none is named. */
#define NO_PLACE SIZE_MAX
static size_t explain_expected(struct outcome_of *o) {
  const struct rules *r = o->scene.program->rules;
  const struct node *named = node_get(o->scene.noun->expect, "trigger");
  if (!named || named->kind != NODE_TEXT || !o->listening) return NO_PLACE;
  for (size_t i = 0; i < o->count; i++)
    if (str_eq(trigger_name(r, o->decisions[i].trigger), named->text)) return NO_PLACE;
  for (size_t i = 0; i < o->listening->count; i++) {
    if (!str_eq(trigger_name(r, o->listening->triggers[i]), named->text)) continue;
    explain_silence(o, o->listening->triggers[i]);
    return i;
  }
  buf_printf(&o->text, "    trigger \"" STR_FORMAT "\" does not listen to this event\n", STR_ARG(named->text));
  return NO_PLACE;
}

static void put_came(struct outcome_of *o) {
  const struct rules *r = o->scene.program->rules;
  for (size_t i = 0; i < o->count; i++) {
    const struct decision *d = &o->decisions[i];
    buf_printf(&o->text, "  came: trigger \"" STR_FORMAT "\": %s", STR_ARG(trigger_name(r, d->trigger)), outcome_word(d->outcome));
    if (d->option != NO_ONE) buf_printf(&o->text, " \"" STR_FORMAT "\"", STR_ARG(option_name(r, d->option)));
    if (d->reason) buf_printf(&o->text, ", because %s", d->reason);
    if (d->detail.len) buf_printf(&o->text, " (" STR_FORMAT ")", STR_ARG(d->detail));
    buf_char(&o->text, '\n');
    explain(o, d);
  }
  if (!o->count) buf_printf(&o->text, "  came: no trigger %s\n", o->listening ? "was true" : "listens to this event");
  const size_t named = explain_expected(o), listeners = o->listening && !o->count ? o->listening->count : 0;
  for (size_t i = 0, more = named < listeners ? 2 : 3; i < listeners && more; i++)
    if (i != named) explain_silence(o, o->listening->triggers[i]), more--;
  put_failures(o);
}

static bool fail(struct outcome_of *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct outcome_of *o, const char *format, ...) {
  va_list list;
  va_start(list, format);
  buf_text(&o->text, "  expected: ");
  buf_text(&o->text, arena_vprintf(o->scene.arena, format, list));
  buf_char(&o->text, '\n');
  va_end(list);
  return false;
}

/* ---- what was expected ---- */

static const struct decision *of_trigger(const struct outcome_of *o, struct str name) {
  for (size_t i = 0; i < o->count; i++)
    if (str_eq(trigger_name(o->in.rules, o->decisions[i].trigger), name)) return &o->decisions[i];
  return NULL;
}

/* A text, or a list of texts of which any will do. */
static bool is_one_of(const struct node *n, struct str text) {
  if (n->kind == NODE_TEXT) return str_eq(n->text, text);
  for (uint32_t i = 0; n->kind == NODE_TABLE && i < n->length; i++)
    if (n->items[i].kind == NODE_TEXT && str_eq(n->items[i].text, text)) return true;
  return false;
}

/* The decision that `expect` speaks of when it names no trigger: the one that won, else the first that has the expected reason. */
/* Scenarios that were written before a halt had a word of its own say that the rollout does not reach the user, which is true. */
static bool is_because(const struct node *because, const char *reason) {
  return is_one_of(because, str_from(reason)) || (strcmp(reason, "rollout_halted") == 0 && is_one_of(because, STR("not_in_rollout")));
}

static const struct decision *leading(const struct outcome_of *o, const struct node *because) {
  for (size_t i = 0; i < o->count; i++)
    if (o->decisions[i].outcome == OUTCOME_SENT || o->decisions[i].outcome == OUTCOME_SILENT) return &o->decisions[i];
  for (size_t i = 0; because && i < o->count; i++)
    if (o->decisions[i].reason && is_because(because, o->decisions[i].reason)) return &o->decisions[i];
  return o->count ? &o->decisions[0] : NULL;
}

static struct str text_at(const struct node *n, const char *key) {
  const struct node *v = node_get(n, key);
  return v && v->kind == NODE_TEXT ? v->text : (struct str){0};
}

static bool is_nothing(const struct node *n, const char *key) {
  const struct node *v = node_get(n, key);
  return v && v->kind == NODE_NOTHING;
}

static bool allows_nothing(const struct node *n) {
  for (uint32_t i = 0; n->kind == NODE_TABLE && i < n->length; i++)
    if (n->items[i].kind == NODE_NOTHING) return true;
  return n->kind == NODE_NOTHING;
}

static const char *as_written(const struct outcome_of *o, const struct node *n) {
  struct buf text = {0};
  for (uint32_t i = 0; i < (n->kind == NODE_TABLE ? n->length : 1); i++) {
    const struct node *one = n->kind == NODE_TABLE ? &n->items[i] : n;
    if (i) buf_text(&text, " or ");
    if (one->kind == NODE_TEXT) buf_printf(&text, "\"" STR_FORMAT "\"", STR_ARG(one->text));
    else buf_text(&text, "nothing");
  }
  const char *kept = arena_text(o->scene.arena, text.at ? text.at : "", text.len);
  buf_free(&text);
  return kept ? kept : "";
}

static bool check_send(struct outcome_of *o, const struct node *expect, const struct decision *d) {
  const struct node *send = node_get(expect, "send");
  if (!send) return true;
  bool sent = d && d->outcome == OUTCOME_SENT;
  if (sent && !is_one_of(send, option_name(o->in.rules, d->option))) return fail(o, "send = %s", as_written(o, send));
  for (size_t i = 0; !sent && i < o->count; i++)
    if (o->decisions[i].outcome == OUTCOME_SENT) return fail(o, "send = %s", as_written(o, send));
  return sent || allows_nothing(send) || fail(o, "send = %s", as_written(o, send));
}

static bool check_words(struct outcome_of *o, const struct node *expect, const struct decision *d) {
  struct str arm = text_at(expect, "arm");
  const struct node *because = node_get(expect, "because"), *outcome = node_get(expect, "outcome");
  struct str message = text_at(expect, "message");
  bool ok = true;
  if (outcome && (!d || !is_one_of(outcome, str_from(outcome_word(d->outcome))))) ok = fail(o, "outcome = %s", as_written(o, outcome));
  if (because && (!d || !d->reason || !is_because(because, d->reason))) ok = fail(o, "because = %s", as_written(o, because));
  bool in_arm = d && d->experiment != NO_ONE && d->arm != NO_ONE;
  if (arm.len && !(in_arm && str_eq(experiment_noun(o->in.rules, d->experiment)->arms[d->arm].name, arm)))
    ok = fail(o, "arm = \"" STR_FORMAT "\"", STR_ARG(arm));
  struct str said = d && d->outcome == OUTCOME_SENT ? o->speech.texts[d->option].message : (struct str){0};
  if (message.len && !str_eq(said, message))
    ok = fail(o, "message = \"" STR_FORMAT "\", it was \"" STR_FORMAT "\"", STR_ARG(message), STR_ARG(said));
  return ok;
}

/* options = { barrier_prevention = "not_accepted", context_optimization = "eligible" } */
static bool check_options(struct outcome_of *o, const struct node *expect, const struct decision *d) {
  const struct node *n = node_get(expect, "options");
  bool ok = true;
  for (uint32_t i = 0; n && n->kind == NODE_TABLE && i < n->pairs; i++) {
    const char *came = "not weighed";
    for (size_t k = 0; d && k < d->candidate_count; k++)
      if (str_eq(option_name(o->in.rules, d->candidates[k].option), n->keys[i]))
        came = d->candidates[k].reason ? d->candidates[k].reason : "eligible";
    if (n->values[i].kind != NODE_TEXT || !str_is(n->values[i].text, came))
      ok = fail(o, "options." STR_FORMAT " = \"" STR_FORMAT "\", it was %s", STR_ARG(n->keys[i]), STR_ARG(n->values[i].text), came);
  }
  return ok;
}

static bool check(struct outcome_of *o) {
  const struct node *expect = o->scene.noun->expect;
  if (is_nothing(expect, "trigger") && o->count) return fail(o, "trigger = nothing: none true");
  struct str trigger = text_at(expect, "trigger");
  const struct decision *d = trigger.len ? of_trigger(o, trigger) : leading(o, node_get(expect, "because"));
  if (trigger.len && !d) return fail(o, "trigger \"" STR_FORMAT "\" to be true", STR_ARG(trigger));
  bool sends = check_send(o, expect, d), words = check_words(o, expect, d), options = check_options(o, expect, d);
  return sends && words && options;
}

/* ---- one scenario ---- */

#define REPEATS_MOST 10000

/* Up to the moment at which something is decided: whatever is misspelt has been said by then. */
static bool set_up(struct scene *s, struct str user, struct err *e) {
  const struct node *at = node_get(s->noun->event, "at");
  clock_parse(STR("2025-01-15T12:00:00Z"), &s->event.timestamp); /* a Wednesday */
  if (at && (at->kind != NODE_TEXT || !clock_parse(at->text, &s->event.timestamp)))
    return err_set(e, ERR_INPUT, "event.at: expected a time with a zone, like \"2025-01-15T22:40:00+01:00\"");
  if (!(s->user = user_new())) return err_set(e, ERR_INTERNAL, "no memory for a user");
  s->user->id = user;
  return scene_given(s, e) && scene_event(s, e) && scene_expected(s, s->noun->expect, e) && move(s, e);
}

static bool play(struct outcome_of *o, struct str user, struct err *e) {
  if (!set_up(&o->scene, user, e)) return false;
  decide(o);
  return check(o);
}

static void forget(struct scene *s) {
  controls_free(&s->controls);
  if (s->user) s->user->id = (struct str){0};
  user_free(s->user);
}

/* Of a scenario's repeats, or of the one run that it is without them. */
struct repeats {
  uint64_t count, failed;
  uint64_t *sent; /* by option; the last one: repeats in which nothing was sent */
  struct buf text;
  struct err err;
};

static void count_sends(const struct outcome_of *o, struct repeats *r) {
  size_t none = rules_options(o->scene.program->rules), before = none;
  for (size_t i = 0; i < o->count; i++)
    if (o->decisions[i].outcome == OUTCOME_SENT) before = o->decisions[i].option;
  r->sent[before]++;
}

/* The scenario with this repeat's values in place of where they lie. */
static bool drawn(const struct noun_scenario *noun, uint64_t k, struct arena *a, struct buf *said, struct noun_scenario *out,
                  struct err *e) {
  const struct drawing d = {noun->at.name, k, a, said};
  *out = *noun;
  if (noun->repeats == 0) return true;
  if (noun->given && !(out->given = scene_draw(&d, noun->given, "given", e))) return false;
  return !noun->event || (out->event = scene_draw(&d, noun->event, "event", e)) != NULL;
}

static void repeat(const struct program *p, const struct noun_scenario *noun, uint64_t k, struct coverage *c, struct repeats *r) {
  struct arena a = {0};
  struct buf said = {0};
  struct noun_scenario own;
  struct outcome_of o = {.scene = {.program = p, .noun = &own, .arena = &a}, .coverage = c};
  const char *user = noun->repeats > 0 ? arena_printf(&a, "somebody-%llu", (unsigned long long)k) : "somebody";
  bool ok = drawn(noun, k, &a, &said, &own, &r->err) && play(&o, str_from(user ? user : "somebody"), &r->err);
  count_sends(&o, r);
  if (!ok && r->failed++ == 0) {
    if (noun->repeats > 0)
      buf_printf(&r->text, "  in repeat %llu of %llu: " STR_FORMAT "\n", (unsigned long long)k + 1, (unsigned long long)r->count,
                 STR_ARG(buf_view(&said)));
    if (r->err.kind != ERR_NONE) buf_printf(&r->text, "  %s\n", r->err.text);
    else put_came(&o);
    buf_str(&r->text, buf_view(&o.text));
  }
  buf_free(&o.text);
  buf_free(&said);
  forget(&o.scene);
  arena_free(&a);
}

/* shares = { walk = { 0.4, 0.6 }, nothing = { 0.4, 0.6 } }: in how many of the repeats it was sent. */
static bool check_share(const struct rules *rules, struct str name, const struct node *bounds, struct repeats *r) {
  size_t option = 0, none = rules_options(rules);
  while (option < none && !str_eq(option_name(rules, (uint32_t)option), name)) option++;
  double share = (double)r->sent[option] / (double)r->count, low = bounds->items[0].number, high = bounds->items[1].number;
  if (share >= low && share <= high) return true;
  buf_printf(&r->text, "  expected: shares." STR_FORMAT " from %g to %g\n  came: %g\n", STR_ARG(name), low, high, share);
  return false;
}

static bool check_shares(const struct program *p, const struct noun_scenario *noun, struct repeats *r) {
  const struct node *shares = node_get(noun->expect, "shares");
  bool ok = true;
  for (uint32_t i = 0; shares && i < shares->pairs; i++)
    if (!check_share(p->rules, shares->keys[i], &shares->values[i], r)) ok = false;
  return ok;
}

static bool repeats_fit(const struct noun_scenario *noun, struct err *e) {
  return (noun->repeats >= 0 && noun->repeats <= REPEATS_MOST) ||
         err_set(e, ERR_INPUT, "repeats: expected 1 to %d, got %g", REPEATS_MOST, noun->repeats);
}

static bool run(const struct program *p, const struct noun_scenario *noun, struct coverage *c, struct repeats *r) {
  if (!repeats_fit(noun, &r->err)) return false;
  r->count = noun->repeats > 0 ? (uint64_t)noun->repeats : 1;
  for (uint64_t k = 0; k < r->count && r->err.kind == ERR_NONE; k++) repeat(p, noun, k, c, r);
  if (r->failed > 1) buf_printf(&r->text, "  %llu of %llu repeats failed\n", (unsigned long long)r->failed, (unsigned long long)r->count);
  if (r->failed) return false;
  return check_shares(p, noun, r);
}

void scenario_run(const struct program *p, const struct noun_scenario *noun, struct arena *a, struct coverage *c,
                  struct scenario_result *out) {
  struct repeats r = {.sent = ARENA_ARRAY(a, uint64_t, rules_options(p->rules) + 1)};
  *out = (struct scenario_result){.noun = noun};
  if (r.sent) out->passed = run(p, noun, c, &r) && !r.text.failed;
  else buf_text(&r.text, "  no memory for a scenario\n");
  if (r.err.kind != ERR_NONE && r.text.len == 0) buf_printf(&r.text, "  %s\n", r.err.text);
  out->failure = (struct str){arena_text(a, r.text.at ? r.text.at : "", r.text.len), r.text.len};
  buf_free(&r.text);
}

/* ---- all of them ---- */

/* As they stand in the files. */
static int by_place(const void *a, const void *b) {
  const struct declared *x = &((const struct scenario_result *)a)->noun->at, *y = &((const struct scenario_result *)b)->noun->at;
  int files = strcmp(x->file, y->file);
  return files ? files : x->line - y->line;
}

bool scenarios_run(const struct program *p, struct arena *a, struct coverage *c, struct scenarios *out) {
  *out = (struct scenarios){.results = ARENA_ARRAY(a, struct scenario_result, p->nouns.scenario_count + 1)};
  if (!out->results) return false;
  out->count = p->nouns.scenario_count;
  for (size_t i = 0; i < out->count; i++) out->results[i].noun = &p->nouns.scenarios[i];
  if (out->count) qsort(out->results, out->count, sizeof *out->results, by_place);
  for (size_t i = 0; i < out->count; i++) {
    scenario_run(p, out->results[i].noun, a, c, &out->results[i]);
    out->failed += !out->results[i].passed;
  }
  return true;
}

/* A finding is one line: what was expected and what came, without the explanation below it. */
static struct str in_one_line(struct str failure, struct arena *a) {
  struct buf out = {0};
  struct str line;
  while (str_split(&failure, '\n', &line)) {
    if (line.len < 3 || str_starts(line, "    ")) continue;
    if (out.len) buf_text(&out, "; ");
    buf_str(&out, str_trim(line));
  }
  struct str text = {arena_text(a, out.at ? out.at : "", out.len), out.len};
  buf_free(&out);
  return text;
}

size_t program_test(struct program *p) {
  struct arena a = {0};
  struct scenarios all = {0};
  if (p->findings.errors) return 0;
  if (!scenarios_run(p, &a, NULL, &all)) findings_add(&p->findings, FINDING_ERROR, "", 0, "no memory to run the scenarios");
  for (size_t i = 0; i < all.count; i++) {
    const struct scenario_result *r = &all.results[i];
    if (r->passed) continue;
    struct str text = in_one_line(r->failure, &a);
    findings_add(&p->findings, FINDING_ERROR, r->noun->at.file, r->noun->at.line, "scenario \"" STR_FORMAT "\" fails: " STR_FORMAT,
                 STR_ARG(r->noun->at.name), STR_ARG(text));
  }
  findings_sort(&p->findings);
  arena_free(&a);
  return all.failed;
}

/* A property is set up once: its repeats differ in values, not in names. */
static bool understood(const struct program *p, const struct noun_scenario *noun, struct err *e) {
  struct arena a = {0};
  struct buf said = {0};
  struct noun_scenario own;
  struct scene s = {.program = p, .noun = &own, .arena = &a};
  const bool ok = repeats_fit(noun, e) && drawn(noun, 0, &a, &said, &own, e) && set_up(&s, STR("somebody"), e);
  forget(&s);
  buf_free(&said);
  arena_free(&a);
  return ok;
}

size_t program_read_scenarios(struct program *p) {
  size_t wrong = 0;
  if (p->findings.errors) return 0;
  for (size_t i = 0; i < p->nouns.scenario_count; i++) {
    const struct noun_scenario *noun = &p->nouns.scenarios[i];
    struct err e = {0};
    if (understood(p, noun, &e)) continue;
    findings_add(&p->findings, FINDING_ERROR, noun->at.file, noun->at.line, "scenario \"" STR_FORMAT "\": %s", STR_ARG(noun->at.name),
                 e.text);
    wrong++;
  }
  findings_sort(&p->findings);
  return wrong;
}
