/* rollouts_watch: halts a rollout whose `halt` holds on what the engine counts, once a second, as an operator would: a control fact with
 * its author, "halt", and the figures as its reason. Promises that a rollout is halted on bounds that hold however often anybody looks;
 * that a volume which could not take the halt is told again each second;
 * that what is counted begins anew with each stage, program and start; and that nothing is resumed by itself. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>

#define EVERY (INT64_C(1000) * 1000 * 1000) /* ns */

/* Webhooks are the engine's, not a rollout's: its messages' share cannot be told apart by the courier. */
static void count_now(struct api *a, uint32_t rollout, struct rate_count out[RATES]) {
  const struct rollout_count c = program_rollout(a->program, rollout);
  struct courier *courier = lanes_courier(a->lanes);
  const struct courier_figures w = courier ? courier_figures(courier) : (struct courier_figures){0};
  out[RATE_OPT_OUT] = (struct rate_count){c.opted_out, c.entered};
  out[RATE_WEBHOOK_ERROR] = (struct rate_count){w.failed, w.failed + w.delivered};
}

/* Since the stage began; a count that went back is another program's. */
static void count_since(const struct rate_count *now, struct api_stage *s, struct rate_count out[RATES]) {
  for (int i = 0; i < RATES; i++) {
    if (now[i].all < s->from[i].all || now[i].bad < s->from[i].bad) s->from[i] = (struct rate_count){0, 0};
    out[i] = (struct rate_count){now[i].bad - s->from[i].bad, now[i].all - s->from[i].all};
  }
}

void rollout_rates(struct api *a, uint32_t rollout, struct api_stage *s, struct rate_count out[RATES]) {
  struct rate_count now[RATES];
  count_now(a, rollout, now);
  if (s->counts_of != a->program || s->counts_at != s->stage) memcpy(s->from, now, sizeof now);
  if (s->counts_of != a->program) s->from[RATE_OPT_OUT] = (struct rate_count){0, 0}; /* all of them are of this program */
  s->counts_of = a->program;
  s->counts_at = s->stage;
  count_since(now, s, out);
}

static void look_at(struct api *a, uint32_t rollout, struct arena *scratch) {
  const struct noun_rollout *n = rollout_noun(a->program->rules, rollout);
  struct api_stage *s = stage_of(a, n->at.name);
  struct rate_count rates[RATES];
  struct str why = {0};
  if (!n->halt.len || !s) return;
  rollout_rates(a, rollout, s, rates);
  if (s->stage < 0 || rollout_halts(a->program->rules, rollout, rates, scratch, &why) != TRUTH_TRUE) return;
  log_error("rollout", STR_FORMAT " is halted: " STR_FORMAT, STR_ARG(n->at.name), STR_ARG(why));
  struct buf said = {0};
  struct json_writer w = json_to(&said);
  json_put_str(&w, why);
  const char *more =
      arena_printf(scratch, "\"stage\":-1,\"held\":%s,\"why\":" STR_FORMAT, s->held ? "true" : "false", STR_ARG(buf_view(&said)));
  buf_free(&said);
  if (more && fact_tell(a, "halt", "rollout", n->at.name, more)) {
    s->stage = -1;
    forget_approvals(s);
    halted_on(s, why);
  }
}

void rollouts_watch(struct api *a) {
  struct arena scratch = {0};
  const int64_t now = clock_monotonic();
  if (now < a->halts_at) return;
  a->halts_at = now + EVERY;
  if (!a->draining) facts_again(a);
  for (uint32_t i = 0; a->program && !a->draining && i < rules_rollouts(a->program->rules) && i < ROLLOUTS_MOST; i++)
    look_at(a, i, &scratch);
  arena_free(&scratch);
}
