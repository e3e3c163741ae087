/* rollouts_watch: halts a rollout whose `halt` holds on what the engine counts, and brings one whose `advance` holds to its next stage,
 * once a second, as an operator would: a control fact with its author, "halt" or "advance", and the figures as its reason. Promises that
 * both are judged on bounds that hold however often anybody looks; that a halt is asked first; that no stage is skipped, none left before
 * its hold is over, and none entered without its approvals; that a volume which could not take the move is told again each second; that
 * what is counted begins anew with each stage; and that nothing is resumed by itself. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"
#include <string.h>

#define EVERY (INT64_C(1000) * 1000 * 1000) /* ns */

void rollout_figures(struct api *a, uint32_t rollout, struct api_stage *s, struct stage_figures *out, int64_t *first, struct arena *arena) {
  *out = (struct stage_figures){0};
  trial_figures(a, rollout, s, out, first, arena);
  out->rates[RATE_WEBHOOK_ERROR] = stage_messages(a, s, *first);
}

struct step { /* in its fact's arena */
  int32_t from, to;
  int64_t at;
  double holdback;
  struct str stage, why; /* `stage`: its name; of a halt none */
};

/* When its turn has come: an operator may have moved or held the rollout meanwhile. */
static bool say_step(struct fact *f) {
  const struct step *step = f->data;
  const struct api_stage *s = stage_of(f->api, f->name);
  const bool meant = s && s->stage == step->from && (step->to < 0 || !s->held);
  struct api_stage after = meant ? *s : (struct api_stage){0};
  after.stage = step->to;
  after.since = step->at;
  after.holdback = step->holdback;
  const char *place = meant ? stage_said(&f->own, &after, false) : NULL;
  const char *why = place ? fact_quoted(f, step->why) : NULL;
  const char *more = why ? arena_printf(&f->own, "%s,\"why\":%s", place, why) : NULL;
  if (more && fact_say(f, more)) return true;
  fact_free(f);
  return false;
}

/* Once it is so: whoever reads this line and asks finds the rollout where the line has it. */
static void tell_moved(const struct fact *f, const struct step *step) {
  if (step->to < 0) log_error("rollout", STR_FORMAT " is halted: " STR_FORMAT, STR_ARG(f->name), STR_ARG(step->why));
  else
    log_info("rollout", STR_FORMAT " goes on to stage " STR_FORMAT ": " STR_FORMAT, STR_ARG(f->name), STR_ARG(step->stage),
             STR_ARG(step->why));
}

static void moved(struct fact *f, bool is_written) {
  const struct step *step = f->data;
  struct api_stage *s = stage_of(f->api, f->name);
  if (!is_written || !s) return;
  s->stage = step->to;
  s->holdback = step->holdback;
  forget_approvals(s);
  stage_moved(s, step->at, step->why);
  tell_moved(f, step);
}

static void move(struct api *a, const struct noun_rollout *n, const struct api_stage *s, const char *author, int32_t stage,
                 struct str why) {
  struct fact *f = fact_unasked(a, author, "rollout", n->at.name);
  struct step *step = f ? ARENA_NEW(&f->own, struct step) : NULL;
  const struct str name = stage < 0 ? STR("none") : n->stages[stage].name;
  const char *copy = step ? arena_text(&f->own, why.at, why.len) : NULL;
  const char *called = copy ? arena_text(&f->own, name.at, name.len) : NULL;
  if (called) {
    *step = (struct step){s->stage, stage, clock_now(), stage_holdback(n, stage), {called, name.len}, {copy, why.len}};
    messages_note(a);
    f->data = step;
    f->begin = say_step;
    f->written = moved;
    fact_queue(f);
  } else if (f) fact_free(f);
}

/* What an experiment says is worth nothing while its arms are not filled as their weights say. */
const struct noun_experiment *rollout_waits_for(const struct api *a, const struct noun_rollout *n) {
  for (uint32_t i = 0; i < rules_experiments(a->program->rules); i++) {
    const struct noun_experiment *x = experiment_noun(a->program->rules, i);
    for (size_t g = 0; g < n->gate_count; g++)
      if (str_starts(n->gates[g], "experiment:") && str_eq((struct str){n->gates[g].at + 11, n->gates[g].len - 11}, x->at.name) &&
          experiment_is_mismatched(a, i))
        return x;
  }
  return NULL;
}

/* Everything but the condition. The first stage begins with the first one who came in: no fact says when. */
static bool may_advance(const struct api *a, const struct noun_rollout *n, const struct api_stage *s, int64_t first) {
  if (s->stage < 0 || (size_t)s->stage + 1 >= n->stage_count || s->held || !rollout_agreed(n, s) || is_killed(a, "rollout", n->at.name))
    return false;
  const int64_t since = s->since ? s->since : first;
  return since > 0 && (double)(clock_now() - since) >= n->stages[s->stage].hold * 1000;
}

static void look_at(struct api *a, uint32_t rollout, struct arena *scratch) {
  const struct noun_rollout *n = rollout_noun(a->program->rules, rollout);
  const struct rules *r = a->program->rules;
  struct api_stage *s = stage_of(a, n->at.name);
  struct stage_figures f;
  struct str why = {0};
  int64_t first;
  if (!s || s->stage < 0 || writing_waits(a, "rollout", n->at.name)) return;
  if (!n->halt.len && !n->advance.len) return;
  rollout_figures(a, rollout, s, &f, &first, scratch);
  if (rollout_halts(r, rollout, &f, scratch, &why) == TRUTH_TRUE) {
    move(a, n, s, "halt", -1, why);
    return;
  }
  if (!f.counted || !may_advance(a, n, s, first) || rollout_waits_for(a, n) ||
      rollout_advances(r, rollout, &f, scratch, &why) != TRUTH_TRUE)
    return;
  move(a, n, s, "advance", s->stage + 1, why);
}

void rollouts_watch(struct api *a) {
  struct arena scratch = {0};
  const int64_t now = clock_monotonic();
  if (now < a->halts_at) return;
  a->halts_at = now + EVERY;
  messages_note(a);
  if (!a->draining) facts_again(a);
  if (!a->draining) merges_again(a);
  for (uint32_t i = 0; a->program && !a->draining && i < rules_rollouts(a->program->rules) && i < ROLLOUTS_MOST; i++)
    look_at(a, i, &scratch);
  arena_free(&scratch);
}

/* ---- as JSON ---- */

static void put_rates(struct json_writer *w, const struct rate_count rates[RATES]) {
  json_key(w, "rates");
  json_open_object(w);
  for (int k = 0; k < RATES; k++) {
    json_key(w, rate_word((enum rate)k));
    json_open_object(w);
    json_pair_int(w, "bad", (int64_t)rates[k].bad);
    json_pair_int(w, "of", (int64_t)rates[k].all);
    json_close_object(w);
  }
  json_close_object(w);
}

static void put_group(struct json_writer *w, const char *key, const struct moments *s) {
  json_key(w, key);
  json_open_object(w);
  put_moments(w, s);
  json_close_object(w);
}

static void put_metrics(struct json_writer *w, const struct api *a, uint32_t rollout, const struct stage_figures *f) {
  json_key(w, "metrics");
  json_open_object(w);
  for (uint32_t m = 0; m < a->program->nouns.metric_count; m++) {
    if (!rollout_measures(a->program->rules, rollout, m)) continue;
    json_key_str(w, a->program->nouns.metrics[m].at.name);
    json_open_object(w);
    put_group(w, "reached", &f->metrics[m][REACHED]);
    put_group(w, "not_reached", &f->metrics[m][REACHED_NOT]);
    json_close_object(w);
  }
  json_close_object(w);
}

static void put_condition(struct json_writer *w, const char *key, struct str condition, enum truth is, struct str figures) {
  static const char *const words[] = {[TRUTH_FALSE] = "false", [TRUTH_TRUE] = "true", [TRUTH_UNKNOWN] = "unknown"};
  if (!condition.len) return;
  json_key(w, key);
  json_open_object(w);
  json_pair_text(w, "is", words[is]);
  json_pair_str(w, "figures", figures);
  json_close_object(w);
}

/* What both conditions are now, as whoever moves the rollout would find them. */
static void put_conditions(struct json_writer *w, const struct rules *rules, uint32_t rollout, const struct noun_rollout *n,
                           const struct stage_figures *f, struct arena *scratch) {
  struct str halts = {0}, advances = {0};
  const enum truth halt = rollout_halts(rules, rollout, f, scratch, &halts);
  const enum truth advance = f->counted ? rollout_advances(rules, rollout, f, scratch, &advances) : TRUTH_UNKNOWN;
  put_condition(w, "halt_now", n->halt, halt, halts);
  put_condition(w, "advance_now", n->advance, advance, advances);
}

static void put_since(struct json_writer *w, const struct noun_rollout *n, const struct api_stage *s, int64_t first) {
  const int64_t since = s->since ? s->since : first;
  const double hold = s->stage >= 0 && (size_t)s->stage < n->stage_count ? n->stages[s->stage].hold : 0;
  char text[32];
  if (!since) return;
  json_pair_str(w, "since", (struct str){text, clock_format(since, text)});
  if (n->advance.len && hold > 0) json_pair_str(w, "hold_ends", (struct str){text, clock_format(since + (int64_t)(hold * 1000), text)});
}

void put_stage_figures(struct json_writer *w, struct api *a, const struct noun_rollout *n, struct api_stage *s) {
  struct arena scratch = {0};
  struct stage_figures f;
  int64_t first;
  uint32_t i = 0;
  while (i < rules_rollouts(a->program->rules) && rollout_noun(a->program->rules, i) != n) i++;
  if (i >= rules_rollouts(a->program->rules) || i >= ROLLOUTS_MOST) return;
  rollout_figures(a, i, s, &f, &first, &scratch);
  const struct noun_experiment *off = rollout_waits_for(a, n);
  if (off) json_pair_str(w, "waits_for_ratio_of", off->at.name);
  if (n->halt.len) json_pair_str(w, "halt", n->halt);
  if (n->advance.len) json_pair_str(w, "advance", n->advance);
  put_rates(w, f.rates);
  if (f.counted) {
    json_pair_int(w, "decisions", (int64_t)f.decisions);
    json_pair_int(w, "users", (int64_t)f.users);
    put_metrics(w, a, i, &f);
  }
  put_since(w, n, s, first);
  put_conditions(w, a->program->rules, i, n, &f, &scratch);
  arena_free(&scratch);
}
