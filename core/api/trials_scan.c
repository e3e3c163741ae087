/* trials_scan: what the journal says of rollouts and experiments: whom each stage let in, whom it left out by their place alone, who was
 * drawn into which arm, and what all of them did in the time of a metric after that. Promises that no lane waits for it, that a restart
 * gives the figures that there would be without one, and that a piece is bounded: some thousand rows, then others have the builder's
 * thread. History says nothing: it was not decided here and now. Reads on that thread with a reader of its own; the main thread reads what
 * a piece left when it is done. */
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "program/recorded.h"
#include "trials.h"
#include <string.h>

#define ROWS_MOST 5000 /* a piece */

/* ---- stages ---- */

/* Where it stands already, it may have been halted meanwhile without this partition's knowing. */
static void begin_stage(struct trial *one, uint32_t partition, int32_t stage, int64_t until, int64_t anew) {
  const struct trial_part *part = &one->parts[partition];
  if (!anew) anew = part->anew;
  if (part->stage == stage && part->anew == anew) return;
  one->parts[partition] = (struct trial_part){.stage = stage, .anew = anew, .until = until};
  for (uint32_t m = 0; m < one->metric_count; m++) {
    if (one->metrics[m].effects) effects_begin(one->metrics[m].effects, partition);
    if (one->metrics[m].occasions) occasions_begin(one->metrics[m].occasions, partition);
  }
}

/* When those who are held back come in, so that nobody is left to compare with. */
static int64_t end_of_holdback(const struct json *j, const struct noun_rollout *n, int64_t stage, struct arena *a) {
  double share;
  int64_t at;
  if (stage < 0 || (size_t)stage >= n->stage_count || !json_double(j, json_get(j, 0, "holdback"), &share)) return 0;
  return clock_parse(json_text(j, json_get(j, 0, "at"), a), &at) ? at + (int64_t)(n->stages[stage].hold * 1000) : 0;
}

static void take_fact(struct trials *t, const struct entry *row) {
  struct json j;
  int64_t stage, anew = 0;
  struct arena *a = &t->scan.arena;
  if (!json_parse(&j, a, row->body, &json_limits_default, NULL) || !json_text_is(&j, json_get(&j, 0, "kind"), "rollout")) return;
  const struct str name = json_text(&j, json_get(&j, 0, "name"), a);
  if (!json_int(&j, json_get(&j, 0, "stage"), &stage)) return;
  controls_said_anew(&j, a, &anew);
  for (uint32_t i = 0; i < t->count; i++) {
    if (t->trials[i].kind != TRIAL_ROLLOUT) continue;
    const struct noun_rollout *n = rollout_noun(t->of->rules, t->trials[i].number);
    if (str_eq(n->at.name, name)) begin_stage(&t->trials[i], row->partition, (int32_t)stage, end_of_holdback(&j, n, stage, a), anew);
  }
}

/* ---- rows ---- */

struct row {
  struct trials *trials;
  const struct entry *entry;
  const struct user *user;
  struct recorded recorded;
  uint64_t key; /* the user's */
};

static void take_outcomes(const struct row *r) {
  struct trials *t = r->trials;
  struct arena *a = &t->scan.arena;
  struct json j;
  struct event event = {0};
  struct err e = {0};
  if (r->entry->kind != ENTRY_EVENT || !json_parse(&j, a, r->entry->body, &json_limits_default, NULL)) return;
  const struct str type = json_text(&j, json_get(&j, 0, "eventType"), a);
  for (uint32_t i = 0; i < t->count; i++)
    for (uint32_t m = 0; m < t->trials[i].metric_count; m++) {
      const struct trial_metric *one = &t->trials[i].metrics[m];
      if (!measure_listens(one->measure, type)) continue;
      if (!event.type.len && !event_parse(a, r->entry->body, r->recorded.received, r->recorded.source, false, &event, &e)) return;
      const struct measured x = measure_event(one->measure, &event, a);
      if (one->effects) effects_event(one->effects, r->entry->partition, r->key, r->recorded.clock, x.of, x.number, x.over);
      else occasions_event(one->occasions, r->entry->partition, r->key, r->recorded.clock, x.of, x.number, x.over);
    }
}

static void tell_memory(bool ok) {
  if (!ok) log_warn("rollout", "no memory to count somebody");
}

/* Whoever's time ends after the others have come in is compared with nobody. */
static bool is_in_time(const struct trial *one, uint32_t m, const struct row *r) {
  const int64_t until = one->parts[r->entry->partition].until;
  return until == 0 || r->recorded.clock + one->metrics[m].within <= until;
}

static void expose(struct trial *one, const struct row *r, uint32_t group) {
  bool ok = true;
  for (uint32_t m = 0; m < one->metric_count; m++)
    if (one->metrics[m].effects) ok = effects_expose(one->metrics[m].effects, r->entry->partition, r->key, r->recorded.clock, group) && ok;
  tell_memory(ok);
}

static void add_occasion(struct trial *one, const struct row *r, uint32_t group, double weight) {
  const struct occasion now = {r->key, r->recorded.clock, group, weight};
  bool ok = true;
  for (uint32_t m = 0; m < one->metric_count; m++)
    if (one->metrics[m].occasions && is_in_time(one, m, r)) ok = occasions_add(one->metrics[m].occasions, r->entry->partition, &now) && ok;
  tell_memory(ok);
}

static void add_occasion_again(struct trial *one, const struct row *r) {
  bool ok = true;
  for (uint32_t m = 0; m < one->metric_count; m++)
    if (one->metrics[m].occasions && is_in_time(one, m, r))
      ok = occasions_again(one->metrics[m].occasions, r->entry->partition, r->key, r->recorded.clock) && ok;
  tell_memory(ok);
}

static bool has_text(const struct json *j, uint32_t list, struct str wanted, struct arena *a) {
  for (uint32_t i = 0; list != JSON_NONE && i < j->tokens[list].count; i++)
    if (str_eq(json_text(j, json_child(j, list, i), a), wanted)) return true;
  return false;
}

enum left { LEFT_NOT, LEFT_BY_PLACE, LEFT_FOR_A_WHILE }; /* out of the rollout: the last by its holdback */

static enum left says_left(const struct json *j, uint32_t at, struct str rollout, struct arena *a) {
  const uint32_t reason = json_get(j, at, "reason");
  const bool back = json_text_is(j, reason, "rollout_holdback");
  if ((!back && !json_text_is(j, reason, "not_in_rollout")) || !str_eq(json_text(j, json_get(j, at, "detail"), a), rollout))
    return LEFT_NOT;
  return back ? LEFT_FOR_A_WHILE : LEFT_BY_PLACE;
}

/* The decision itself was held back, or an option of it was. */
static enum left left_out(const struct json *j, struct str rollout, struct arena *a) {
  const uint32_t list = json_get(j, 0, "candidates");
  enum left left = says_left(j, 0, rollout, a);
  for (uint32_t i = 0; left == LEFT_NOT && list != JSON_NONE && i < j->tokens[list].count; i++)
    left = says_left(j, json_child(j, list, i), rollout, a);
  return left;
}

static void enter(struct trial *one, const struct row *r, uint32_t group) {
  struct trial_part *part = &one->parts[r->entry->partition];
  part->users++;
  if (!part->first || r->recorded.clock < part->first) part->first = r->recorded.clock;
  expose(one, r, group);
}

static void count_arm(struct trial *one, const struct row *r, int64_t arm) {
  if (arm < EFFECT_ARMS) one->parts[r->entry->partition].arms[arm]++;
}

/* As it was logged; 0: beyond what may be weighed. */
static double propensity_of(const struct json *j, uint32_t x, struct arena *a) {
  const struct str arm = json_text(j, json_get(j, x, "arm"), a);
  const char *name = arena_text(a, arm.at, arm.len);
  double p;
  if (!name || !json_double(j, json_get(j, json_get(j, x, "arms"), name), &p)) return 0;
  return p >= PROPENSITY_LEAST && p <= PROPENSITY_MOST ? p : 0;
}

static void take_draw(struct trial *one, const struct row *r, const struct json *j) {
  struct arena *a = &r->trials->scan.arena;
  const struct noun_experiment *n = experiment_noun(r->trials->of->rules, one->number);
  const uint32_t x = json_get(j, 0, "experiment");
  int64_t revision, arm;
  bool first = false;
  if (x == JSON_NONE || !str_eq(json_text(j, json_get(j, x, "name"), a), n->at.name)) return;
  if (!json_int(j, json_get(j, x, "revision"), &revision) || revision != (int64_t)n->revision) return;
  if (!json_int(j, json_get(j, x, "arm_number"), &arm) || arm < 0) return; /* unavailable, or ended */
  struct trial_part *part = &one->parts[r->entry->partition];
  const bool each = str_is(n->randomise, "decision");
  part->decisions++;
  part->last = r->recorded.clock;
  json_bool(j, json_get(j, x, "first_exposure"), &first);
  if (first) enter(one, r, (uint32_t)arm);
  if (first || each) count_arm(one, r, arm);
  const double p = each ? propensity_of(j, x, a) : 0;
  if (p > 0) add_occasion(one, r, (uint32_t)arm, 1 / p);
}

static void take_decision(struct trial *one, const struct row *r, const struct json *j) {
  struct arena *a = &r->trials->scan.arena;
  const struct rules *rules = r->trials->of->rules;
  const struct str name = rollout_noun(rules, one->number)->at.name;
  struct trial_part *part = &one->parts[r->entry->partition];
  if (part->stage < 0) return; /* halted */
  const enum left left = rollout_compares(rules, one->number, part->stage) ? left_out(j, name, a) : LEFT_NOT;
  const struct str trigger = json_text(j, json_get(j, 0, "trigger"), a);
  if (has_text(j, json_get(j, 0, "entered"), name, a)) {
    enter(one, r, REACHED); /* without the others there is a mean, and no difference */
    add_occasion(one, r, REACHED, 1);
  } else if (left == LEFT_FOR_A_WHILE || (left == LEFT_BY_PLACE && rollout_outside(rules, one->number, part->stage, r->user->id))) {
    expose(one, r, REACHED_NOT);
    add_occasion(one, r, REACHED_NOT, 1);
  } else if (rollout_gates_trigger(rules, one->number, trigger)) add_occasion_again(one, r); /* whatever came of it: their group stays */
  const uint32_t outcome = json_get(j, 0, "outcome");
  if (!json_text_is(j, outcome, "sent") && !json_text_is(j, outcome, "silent")) return;
  part->decisions += rollout_gates_decision(rules, one->number, trigger, json_text(j, json_get(j, 0, "option"), a));
}

static void take_decisions(const struct row *r, struct volume *reader) {
  struct arena *a = &r->trials->scan.arena;
  struct err e = {0};
  struct str *records;
  uint64_t *ids;
  size_t count;
  if (!r->recorded.decision_count || !volume_scan_decisions(reader, r->entry->seq, a, &records, &ids, &count, &e)) return;
  for (size_t k = 0; k < count; k++) {
    struct json j;
    if (!json_parse(&j, a, records[k], &json_limits_default, NULL) || json_get(&j, 0, "source") != JSON_NONE) continue;
    for (uint32_t i = 0; i < r->trials->count; i++)
      if (r->trials->trials[i].kind == TRIAL_EXPERIMENT) take_draw(&r->trials->trials[i], r, &j);
      else take_decision(&r->trials->trials[i], r, &j);
  }
}

static void take_row(struct trials *t, const struct entry *entry, const struct user *u, struct volume *reader) {
  struct row r = {.trials = t, .entry = entry, .user = u};
  struct err e = {0};
  if (!u || !recorded_unpack(entry->record, &t->scan.arena, &r.recorded, &e) || r.recorded.history) return;
  const int64_t number = u->number;
  r.key = hash_64((struct str){(const char *)&number, sizeof number});
  take_outcomes(&r);
  take_decisions(&r, reader);
}

/* True: the journal goes on. */
static bool read_volume(struct trials *t, uint32_t v, uint32_t *left, bool *wrong) {
  struct err e = {0};
  struct volume *reader = volume_reader(t->api->book, v, &e);
  struct entry row;
  struct user *u;
  bool more = reader != NULL;
  while (more && *left > 0 && (more = volume_scan(reader, t->scan.next[v], &row, &u, &e))) {
    t->scan.next[v] = row.seq + 1;
    --*left;
    if (row.kind == ENTRY_CONTROL) take_fact(t, &row);
    else take_row(t, &row, u, reader);
    arena_reset(&t->scan.arena);
  }
  volume_close(reader);
  const bool failed = e.kind != ERR_NONE;
  if (failed && !t->scan.failed) log_warn("rollout", "the journal could not be read: %s", e.text);
  *wrong |= failed;
  return more || failed; /* what could not be read is no end */
}

static void sum(struct trial *one, const struct rules *rules, int64_t now) {
  struct trial_figures *f = &one->read;
  *f = (struct trial_figures){.counted = true, .stage = one->parts[0].stage};
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    const struct trial_part *part = &one->parts[p];
    if (part->stage != f->stage) f->stage = STAGE_MIXED;
    f->decisions += part->decisions;
    f->users += part->users;
    for (size_t k = 0; k < EFFECT_ARMS; k++) f->arms[k] += part->arms[k];
    if (part->first && (!f->first || part->first < f->first)) f->first = part->first;
    if (part->last > f->last) f->last = part->last;
  }
  const uint32_t base = one->kind == TRIAL_ROLLOUT ? REACHED_NOT : experiment_control(rules, one->number);
  for (uint32_t m = 0; m < one->metric_count; m++) {
    const struct trial_metric *metric = &one->metrics[m];
    if (metric->effects) effects_sum(metric->effects, now, f->samples[m]);
    else occasions_sum(metric->occasions, now, base, f->samples[m], f->apart[m]);
  }
}

static void work(struct errand *errand) {
  struct trials *t = ((struct trials_scan *)errand)->trials;
  const int64_t now = clock_now(); /* before the journal is looked at: whatever happened until then is in it, or will be too late */
  uint32_t left = ROWS_MOST;
  bool wrong = false;
  t->scan.more = false;
  for (uint32_t v = 0; v < book_volumes(t->api->book); v++)
    if (left == 0 || read_volume(t, v, &left, &wrong)) t->scan.more = true;
  if (t->scan.failed && !wrong) log_info("rollout", "the journal can be read again");
  t->scan.failed = wrong;
  for (uint32_t i = 0; !t->scan.more && i < t->count; i++) sum(&t->trials[i], t->of->rules, now);
}

static void done(struct errand *errand) {
  struct trials *t = ((struct trials_scan *)errand)->trials;
  t->scan.running = false;
  for (uint32_t i = 0; errand->worked && !t->scan.more && i < t->count; i++) t->trials[i].shown = t->trials[i].read;
}

void trials_scan_ask(struct trials *t) {
  t->scan.errand = (struct errand){.work = work, .done = done};
  t->scan.running = true;
  builder_ask(t->programs->builder, &t->scan.errand);
}
