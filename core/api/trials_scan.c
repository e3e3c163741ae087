/* trials_scan: what the journal says of rollouts and experiments: whom each stage let in, whom it left out by their place alone, who was
 * drawn into which arm, and what all of them did in the time of a metric after that. Promises that no lane waits for it, that a restart
 * gives the figures that there would be without one, and that a piece is bounded: some thousand rows, then others have the builder's
 * thread. History says nothing: it was not decided here and now. Reads on that thread with a reader of its own; the main thread reads what
 * a piece left when it is done. */
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "program/moving.h"
#include "program/recorded.h"
#include "trials.h"
#include <string.h>

#define ROWS_MOST 5000 /* a piece */

/* ---- stages ---- */

/* Where it stands already, it may have been halted meanwhile without this partition's knowing. */
static void begin_stage(struct trial *one, uint32_t partition, struct trial_part to, bool says_since) {
  const struct trial_part *part = &one->parts[partition];
  if (!to.anew) to.anew = part->anew;
  if (part->stage == to.stage && part->anew == to.anew && (!says_since || part->since == to.since)) return;
  stays_begin(one->stays, partition, part->anew != to.anew);
  one->parts[partition] = to;
  for (uint32_t m = 0; m < one->metric_count; m++) {
    if (one->metrics[m].effects) effects_begin(one->metrics[m].effects, partition);
    if (one->metrics[m].occasions) occasions_begin(one->metrics[m].occasions, partition);
  }
}

/* When those who are held back come in, so that nobody is left to compare with. */
static int64_t end_of_holdback(const struct json *j, const struct noun_rollout *n, int64_t stage, int64_t since) {
  double share;
  if (stage < 0 || (size_t)stage >= n->stage_count || !json_double(j, json_get(j, 0, "holdback"), &share)) return 0;
  return since ? since + (int64_t)(n->stages[stage].hold * 1000) : 0;
}

static void take_move(struct trials *t, uint32_t partition, const struct json *j) {
  int64_t stage, since, anew = 0;
  struct arena *a = &t->scan.arena;
  const struct str name = json_text(j, json_get(j, 0, "name"), a);
  if (!json_int(j, json_get(j, 0, "stage"), &stage)) return;
  const bool says_since = controls_said_since(j, a, &since);
  controls_said_anew(j, a, &anew);
  for (uint32_t i = 0; i < t->count; i++) {
    if (t->trials[i].kind != TRIAL_ROLLOUT) continue;
    const struct noun_rollout *n = rollout_noun(t->of->rules, t->trials[i].number);
    if (!str_eq(n->at.name, name)) continue;
    const int64_t until = end_of_holdback(j, n, stage, since);
    begin_stage(&t->trials[i], partition, (struct trial_part){.stage = (int32_t)stage, .since = since, .anew = anew, .until = until},
                says_since);
  }
}

/* ---- which program a partition runs: who came in by a model is told by its belief, and beliefs are numbered by the program ---- */

static void let_go(struct trials *t, uint32_t partition) {
  library_release(t->api->library, t->scan.programs[partition].program);
  t->scan.programs[partition] = (struct trials_program){0};
}

void trials_scan_forget(struct trials *t) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) let_go(t, p);
}

static void take_program(struct trials *t, uint32_t partition, struct str digest) {
  struct trials_program *runs = &t->scan.programs[partition];
  let_go(t, partition);
  if (digest.len < sizeof runs->identity) memcpy(runs->identity, digest.at, digest.len);
}

static const struct program *program_of(struct trials *t, uint32_t partition) {
  struct trials_program *runs = &t->scan.programs[partition];
  struct err e = {0};
  if (!runs->program && runs->identity[0]) {
    runs->program = library_plain(t->api->library, str_from(runs->identity), &e);
    if (!runs->program) log_warn("rollout", "whom a model was asked for is not counted: %s", e.text);
    if (!runs->program) runs->identity[0] = 0; /* said once */
  }
  return runs->program;
}

static void take_fact(struct trials *t, const struct entry *row) {
  struct json j;
  if (!json_parse(&j, &t->scan.arena, row->body, &json_limits_default, NULL)) return;
  const uint32_t kind = json_get(&j, 0, "kind");
  if (json_text_is(&j, kind, "rollout")) take_move(t, row->partition, &j);
  if (json_text_is(&j, kind, "program")) take_program(t, row->partition, json_text(&j, json_get(&j, 0, "name"), &t->scan.arena));
}

/* ---- rows ---- */

struct row {
  struct trials *trials;
  const struct entry *entry;
  const struct user *user;
  struct recorded recorded;
  uint64_t key; /* the user's */
};

static void tell_memory(bool ok) {
  if (!ok) log_warn("rollout", "no memory to count somebody");
}

/* ---- who came in, who left, who complained ---- */

/* Of one of their own messages: an unknown or somebody else's id says nothing. */
static bool was_sent(const struct row *r, struct str id, struct volume *reader) {
  struct arena *a = &r->trials->scan.arena;
  struct err e = {0};
  struct json j;
  struct str record;
  uint64_t number;
  return decision_id_parse(id, &number) && volume_decision(reader, number, a, &record, NULL, &e) &&
         json_parse(&j, a, record, &json_limits_default, NULL) && json_text_is(&j, json_get(&j, 0, "outcome"), "sent") &&
         str_eq(json_text(&j, json_get(&j, 0, "user"), a), r->user->id);
}

static bool complains(const struct row *r, struct volume *reader) {
  struct arena *a = &r->trials->scan.arena;
  static const char answered[] = "intervention_response";
  const struct str body = r->entry->body;
  struct json j;
  if (r->entry->kind != ENTRY_EVENT || !memmem(body.at, body.len, answered, sizeof answered - 1)) return false; /* most rows: no parsing */
  if (!json_parse(&j, a, body, &json_limits_default, NULL) || !json_text_is(&j, json_get(&j, 0, "eventType"), answered)) return false;
  const uint32_t data = json_get(&j, 0, "data");
  return response_complains(json_text(&j, json_get(&j, data, "response"), a)) &&
         was_sent(r, json_text(&j, json_get(&j, data, "decisionId"), a), reader);
}

static bool is_opt_in(const struct row *r) {
  struct json j;
  return json_parse(&j, &r->trials->scan.arena, r->entry->body, &json_limits_default, NULL) &&
         json_text_is(&j, json_get(&j, 0, "eventType"), "opt_in");
}

static void note_first(struct trial *one, const struct row *r) {
  struct trial_part *part = &one->parts[r->entry->partition];
  if (!part->first || r->recorded.clock < part->first) part->first = r->recorded.clock;
}

/* By a model that the rollout gates: nobody is written down as having come in. */
static bool enter_asked(struct trial *one, const struct row *r) {
  note_first(one, r);
  return stays_enter(one->stays, r->entry->partition, r->key);
}

static void take_stays(const struct row *r, struct volume *reader) {
  struct trials *t = r->trials;
  const uint32_t p = r->entry->partition;
  const bool consent = r->entry->kind == ENTRY_CONSENT, withdrawn = consent && !is_opt_in(r), complained = complains(r, reader);
  const struct program *program = r->recorded.belief_count && rules_gate_models(t->of->rules) ? program_of(t, p) : NULL;
  bool ok = true;
  for (uint32_t i = 0; i < t->count; i++) {
    if (t->trials[i].kind != TRIAL_ROLLOUT) continue;
    struct stays *stays = t->trials[i].stays;
    if (consent) ok = stays_consent(stays, p, r->key, r->recorded.clock, withdrawn) && ok;
    if (complained) stays_complained(stays, p, r->key);
    if (program && program_asked(program, &r->recorded, rollout_noun(t->of->rules, t->trials[i].number)->at.name))
      ok = enter_asked(&t->trials[i], r) && ok;
  }
  tell_memory(ok);
}

/* ---- what came of them ---- */

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
  one->parts[r->entry->partition].users++;
  note_first(one, r);
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
    tell_memory(stays_enter(one->stays, r->entry->partition, r->key));
    enter(one, r, REACHED); /* without the others there is a mean, and no difference */
    add_occasion(one, r, REACHED, 1);
  } else if (left == LEFT_FOR_A_WHILE || (left == LEFT_BY_PLACE && rollout_outside(rules, one->number, part->stage, r->user->id))) {
    expose(one, r, REACHED_NOT);
    add_occasion(one, r, REACHED_NOT, 1);
  } else if (rollout_gates_trigger(rules, one->number, trigger)) add_occasion_again(one, r); /* whatever came of it: their group stays */
  const uint32_t outcome = json_get(j, 0, "outcome");
  const bool sent = json_text_is(j, outcome, "sent");
  if (sent) stays_sent(one->stays, r->entry->partition, r->key, r->recorded.clock);
  if (!sent && !json_text_is(j, outcome, "silent")) return;
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
  take_stays(&r, reader);
  take_decisions(&r, reader);
}

/* True: the journal goes on, as far as it can be read. */
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
  return more && !failed;
}

static int64_t first_of(const struct trial *one) {
  int64_t first = 0;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    if (one->parts[p].first && (!first || one->parts[p].first < first)) first = one->parts[p].first;
  return first;
}

/* What can be read does not wait for what cannot: a rollout that harms people is halted all the same. */
static void sum_stays(struct trial *one) {
  struct trial_figures *f = &one->read;
  f->rated = one->kind == TRIAL_ROLLOUT;
  f->first = first_of(one);
  for (uint32_t p = 0; f->rated && p < BOOK_PARTITIONS; p++)
    f->stays[p] = (struct trial_stay){one->parts[p].stage, one->parts[p].since, stays_counts(one->stays, p)};
}

static void sum(struct trial *one, const struct rules *rules, int64_t now) {
  struct trial_figures *f = &one->read;
  *f = (struct trial_figures){.counted = true, .stage = one->parts[0].stage, .since = one->parts[0].since};
  sum_stays(one);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    const struct trial_part *part = &one->parts[p];
    if (part->stage != f->stage) f->stage = STAGE_MIXED;
    if (part->since < f->since) f->since = part->since;
    f->decisions += part->decisions;
    f->users += part->users;
    for (size_t k = 0; k < EFFECT_ARMS; k++) f->arms[k] += part->arms[k];
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
  bool more = false;
  for (uint32_t v = 0; v < book_volumes(t->api->book); v++)
    if (left == 0 || read_volume(t, v, &left, &wrong)) more = true;
  t->scan.readable = !more;
  t->scan.more = more || wrong; /* what could not be read is no end */
  if (t->scan.failed && !wrong) log_info("rollout", "the journal can be read again");
  t->scan.failed = wrong;
  for (uint32_t i = 0; t->scan.readable && i < t->count; i++) {
    if (wrong) sum_stays(&t->trials[i]);
    else sum(&t->trials[i], t->of->rules, now);
  }
}

static void done(struct errand *errand) {
  struct trials *t = ((struct trials_scan *)errand)->trials;
  t->scan.running = false;
  for (uint32_t i = 0; errand->worked && t->scan.readable && i < t->count; i++) {
    struct trial *one = &t->trials[i];
    one->shown.rated = one->read.rated;
    one->shown.first = one->read.first;
    memcpy(one->shown.stays, one->read.stays, sizeof one->shown.stays);
    if (!t->scan.more) one->shown = one->read;
  }
}

void trials_scan_ask(struct trials *t) {
  t->scan.errand = (struct errand){.work = work, .done = done};
  t->scan.running = true;
  builder_ask(t->programs->builder, &t->scan.errand);
}
