/* record: a decision as canonical JSON, the same bytes for the same decision on every machine, and the user's state moved by it.
 * Live, replay and recovery meet here: live applies the structure, recovery applies the stored record, and both must leave the same state.
 * Called by flow in a lane (or a replay). */
#include "goal.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "reasons_words.h"
#include "rules_inside.h"
#include <string.h>

static void put_time(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  json_pair_str(w, key, (struct str){text, clock_format(at, text)});
}

static void put_event(struct json_writer *w, const struct event *e) {
  json_key(w, "event");
  json_open_object(w);
  json_pair_str(w, "id", e->id);
  json_pair_str(w, "type", e->type);
  put_time(w, "timestamp", e->timestamp);
  json_close_object(w);
}

/* The values that the decision read, by name; a missing one says why. Slots are ascending by first use in the program, so the order is the
 * program's. */
static void put_reads(struct json_writer *w, const struct moment_input *in, const struct symbols *symbols, uint32_t trigger, bool whole) {
  const struct listening *l = &in->rules->single[trigger];
  json_key(w, "reads");
  json_open_object(w);
  for (size_t i = 0; i < l->screen_count + (whole ? l->rest_count : 0); i++) {
    uint32_t slot = i < l->screen_count ? l->screen[i] : l->rest[i - l->screen_count];
    if (slot == in->rules->offered) continue; /* each option's own; the chosen one's stands under "goal" */
    const struct value *v = &in->slots[slot];
    json_key_str(w, symbols->at[slot].name);
    if (v->kind == VALUE_MISSING) {
      json_open_object(w);
      json_pair_text(w, "missing", missing_word((enum missing_reason)v->reason));
      json_close_object(w);
    } else value_to_json(w, v);
  }
  json_close_object(w);
}

static void put_candidates(struct json_writer *w, const struct rules *r, const struct decision *d) {
  static const char *const part_names[] = {"effectiveness", "match", "history", "context"};
  json_key(w, "candidates");
  json_open_array(w);
  for (size_t i = 0; i < d->candidate_count; i++) {
    const struct candidate *c = &d->candidates[i];
    json_open_object(w);
    json_pair_str(w, "option", option_name(r, c->option));
    json_pair_double(w, "score", c->score);
    for (int k = 0; k < 4; k++) json_pair_double(w, part_names[k], c->parts[k]);
    json_pair_double(w, "propensity", c->propensity);
    if (c->reason) {
      json_pair_text(w, "reason", c->reason);
      if (c->detail.len) json_pair_str(w, "detail", c->detail);
    }
    json_close_object(w);
  }
  json_close_array(w);
  json_pair_double(w, "silence", d->silence);
}

void put_guard_figures(struct json_writer *w, const struct guard_figures *g) {
  static const char *const consents[] = {"unknown", "given", "withdrawn"};
  json_open_object(w);
  json_pair_text(w, "consent", consents[g->consent]);
  if (g->age >= 0) json_pair_int(w, "age", g->age);
  json_pair_int(w, "in_24h", g->day);
  json_pair_int(w, "most_24h", g->day_most);
  json_pair_int(w, "in_7d", g->week);
  json_pair_int(w, "most_7d", g->week_most);
  if (g->since_last >= 0) json_pair_int(w, "since_last_s", g->since_last / CLOCK_SECOND);
  if (g->local_minute >= 0) {
    json_pair_int(w, "local_minute", g->local_minute);
    json_pair_bool(w, "quiet", g->quiet);
  }
  json_close_object(w);
}

/* Strata are taken once, at first exposure: what a user becomes later must not move them between strata. */
static void put_strata(struct json_writer *w, const struct moment_input *in, const struct experiment *x) {
  json_key(w, "strata");
  json_open_object(w);
  for (size_t k = 0; k < x->noun->strata_count; k++) {
    struct value v = expression_value(x->strata[k], in->slots);
    json_key_str(w, x->noun->strata[k]);
    if (v.kind == VALUE_MISSING) json_put_null(w);
    else value_to_json(w, &v);
  }
  json_close_object(w);
}

static void put_experiment(struct json_writer *w, const struct moment_input *in, const struct experiment *x, const struct decision *d) {
  json_key(w, "experiment");
  json_open_object(w);
  json_pair_str(w, "name", x->noun->at.name);
  json_pair_int(w, "revision", (int64_t)x->noun->revision);
  json_pair_str(w, "randomise", x->noun->randomise);
  json_key(w, "arms");
  json_open_object(w);
  for (size_t k = 0; k < x->noun->arm_count; k++) {
    json_key_str(w, x->noun->arms[k].name);
    json_put_double(w, x->noun->arms[k].weight);
  }
  json_close_object(w);
  if (d->arm != NO_ONE) {
    json_pair_str(w, "arm", x->noun->arms[d->arm].name);
    json_pair_int(w, "arm_number", d->arm);
    json_pair_bool(w, "first_exposure", d->exposed_first);
    if (d->exposed_first && x->noun->strata_count) put_strata(w, in, x);
  }
  if (d->ended) json_pair_bool(w, "ended", true);
  json_close_object(w);
}

static void put_entered(struct json_writer *w, const struct rules *r, uint64_t entered) {
  if (!entered) return;
  json_key(w, "entered");
  json_open_array(w);
  for (size_t i = 0; i < r->rollout_count; i++)
    if (entered >> i & 1) json_put_str(w, r->rollouts[i].noun->at.name);
  json_close_array(w);
}

void put_halted(struct json_writer *w, const struct halted *h) {
  if (!h->at) return;
  json_key(w, "halted");
  json_open_object(w);
  put_time(w, "at", h->at);
  json_pair_bool(w, "by_itself", h->by_itself);
  json_close_object(w);
}

void put_held_back(struct json_writer *w, const struct held_back *h) {
  if (!h->until) return;
  json_key(w, "holdback");
  json_open_object(w);
  json_pair_double(w, "share", h->share);
  put_time(w, "until", h->until);
  json_close_object(w);
}

static void put_goal(struct json_writer *w, const struct goal_given *g) {
  if (!g->kind) return;
  json_key(w, "goal");
  json_open_object(w);
  json_pair_text(w, "kind", g->kind->name);
  json_pair_double(w, "proposed", g->proposed);
  if (g->before > 0) json_pair_double(w, "before", g->before);
  json_pair_double(w, "value", g->value);
  json_close_object(w);
}

static void put_send(struct json_writer *w, const struct decision *d, struct str message_json) {
  put_time(w, "expires", d->expires);
  put_time(w, "send_before", d->send_before);
  if (message_json.len) {
    json_key(w, "text");
    json_put_raw(w, message_json);
  }
}

void decision_record(const struct moment_input *in, const struct symbols *symbols, const struct decision *d, struct str message_json,
                     struct buf *out) {
  const struct rules *r = in->rules;
  char id[32];
  struct json_writer w = json_to(out);
  json_open_object(&w);
  if (in->first_decision) json_pair_str(&w, "id", (struct str){id, decision_id_text(d->id, id)});
  else json_pair_bool(&w, "dry_run", true);
  json_pair_str(&w, "user", in->user->id);
  put_time(&w, "at", d->at);
  json_pair_text(&w, "program", in->program);
  json_pair_str(&w, "trigger", trigger_name(r, d->trigger));
  put_event(&w, in->event);
  json_pair_text(&w, "outcome", outcome_word(d->outcome));
  if (d->reason) json_pair_text(&w, "reason", d->reason);
  if (d->detail.len) json_pair_str(&w, "detail", d->detail);
  put_halted(&w, &d->halted);
  put_held_back(&w, &d->held_back);
  put_reads(&w, in, symbols, d->trigger, d->candidate_count > 0);
  if (d->candidate_count) put_candidates(&w, r, d);
  json_key(&w, "safeguards");
  put_guard_figures(&w, &d->guard);
  if (d->experiment != NO_ONE) put_experiment(&w, in, &r->experiments[d->experiment], d);
  if (d->drawn) json_pair_double(&w, "uniform", d->uniform);
  put_entered(&w, r, d->entered);
  if (d->option != NO_ONE) json_pair_str(&w, "option", option_name(r, d->option));
  if (d->outcome == OUTCOME_SENT) put_goal(&w, &d->goal);
  if (d->outcome == OUTCOME_SENT) put_send(&w, d, message_json);
  json_close_object(&w);
}

void decision_imported(uint64_t id, const struct user *u, const struct event *e, int64_t clock, struct arena *scratch, struct buf *out) {
  char text[32];
  const struct json *j = &e->json;
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_pair_str(&w, "id", (struct str){text, decision_id_text(id, text)});
  json_pair_str(&w, "user", u->id);
  put_time(&w, "at", clock);
  json_pair_text(&w, "source", "imported");
  put_event(&w, e);
  json_pair_str(&w, "external", json_text(j, json_get(j, e->data, "decisionId"), scratch));
  json_pair_str(&w, "option", json_text(j, json_get(j, e->data, "option"), scratch));
  uint32_t propensity = json_get(j, e->data, "propensity");
  if (propensity != JSON_NONE) {
    json_key(&w, "propensity");
    json_put_raw(&w, json_raw(j, propensity));
  }
  json_close_object(&w);
}

static void add_name(uint64_t name, uint64_t *names, size_t most, size_t *count) {
  for (size_t i = 0; i < *count && i < most; i++)
    if (names[i] == name) return;
  if (*count < most) names[*count] = name;
  ++*count;
}

static void add_gates(const struct rules *r, const struct gates *g, uint64_t *names, size_t most, size_t *count) {
  for (size_t i = 0; i < g->count; i++) add_name(r->rollouts[g->at[i]].kill_name, names, most, count);
}

size_t decision_kill_names(const struct rules *r, const struct decision *d, uint64_t *names, size_t most) {
  size_t count = 0;
  add_name(r->triggers[d->trigger].names[0], names, most, &count);
  if (d->option != NO_ONE) add_name(r->options[d->option].kill_name, names, most, &count);
  if (d->experiment != NO_ONE) add_name(r->experiments[d->experiment].kill_name, names, most, &count);
  add_gates(r, &r->triggers[d->trigger].gates, names, most, &count);
  if (d->option != NO_ONE) add_gates(r, &r->options[d->option].gates, names, most, &count);
  if (d->experiment != NO_ONE) add_gates(r, &r->experiments[d->experiment].gates, names, most, &count);
  return count;
}

/* ---- moving the state ---- */

/* What a decision does to its user, whether it comes from a structure or from a record. */
struct consequences {
  uint64_t id, trigger, option;
  int64_t at;
  bool sent;
  const struct goal_kind *goal; /* NULL: sets none */
  double goal_value;
};

static bool apply_send(struct user *u, const struct consequences *c) {
  struct send s = {.at = c->at, .decision = c->id, .trigger = c->trigger, .option = c->option};
  if (c->sent && c->goal && !user_set_mark(u, goal_mark(c->goal), c->at, c->goal_value)) return false;
  return !c->sent || user_add_send(u, &s);
}

/* Exposure keeps its first time and arm. */
static bool apply_exposure(struct user *u, uint64_t exposure, int64_t at, double arm) {
  return user_mark(u, exposure) || user_set_mark(u, exposure, at, arm);
}

bool decision_apply(struct user *u, const struct rules *r, const struct decision *d) {
  bool ok = true;
  for (size_t i = 0; i < r->rollout_count; i++)
    if (d->entered >> i & 1) ok = ok && user_set_mark(u, r->rollouts[i].entry, d->at, 1);
  if (d->arm != NO_ONE) ok = ok && apply_exposure(u, r->experiments[d->experiment].exposure, d->at, d->arm);
  struct consequences c = {.id = d->id, .trigger = r->triggers[d->trigger].hash, .at = d->at, .sent = d->outcome == OUTCOME_SENT};
  if (c.sent) c.option = r->options[d->option].hash;
  c.goal = d->goal.kind;
  c.goal_value = d->goal.value;
  return ok && apply_send(u, &c);
}

static bool apply_experiment_record(struct user *u, const struct json *j, uint32_t x, int64_t at, struct arena *scratch) {
  int64_t arm, revision;
  if (!json_int(j, json_get(j, x, "arm_number"), &arm) || !json_int(j, json_get(j, x, "revision"), &revision)) return true;
  struct str name = json_text(j, json_get(j, x, "name"), scratch);
  const char *salt = arena_printf(scratch, STR_FORMAT "#%lld", STR_ARG(name), (long long)revision);
  return salt && apply_exposure(u, mark_key("exposed", str_from(salt)), at, (double)arm);
}

bool decision_apply_record(struct user *u, struct str record, struct arena *scratch, struct err *e) {
  struct json j;
  if (!json_parse(&j, scratch, record, &json_limits_default, e)) return err_wrap(e, "stored decision");
  struct consequences c = {0};
  if (!decision_id_parse(json_text(&j, json_get(&j, 0, "id"), scratch), &c.id) ||
      !clock_parse(json_text(&j, json_get(&j, 0, "at"), scratch), &c.at))
    return err_set(e, ERR_STORAGE, "stored decision: no id or time in it");
  if (json_get(&j, 0, "source") != JSON_NONE) return true; /* imported: outside caps, changes nobody's state */
  bool ok = true;
  uint32_t entered = json_get(&j, 0, "entered");
  for (uint32_t i = 0; entered != JSON_NONE && i < j.tokens[entered].count; i++)
    ok = ok && user_set_mark(u, mark_key("rollout", json_text(&j, json_child(&j, entered, i), scratch)), c.at, 1);
  uint32_t x = json_get(&j, 0, "experiment");
  if (x != JSON_NONE) ok = ok && apply_experiment_record(u, &j, x, c.at, scratch);
  c.sent = json_text_is(&j, json_get(&j, 0, "outcome"), "sent");
  c.trigger = hash_64(json_text(&j, json_get(&j, 0, "trigger"), scratch));
  c.option = hash_64(json_text(&j, json_get(&j, 0, "option"), scratch));
  uint32_t goal = json_get(&j, 0, "goal");
  if (goal != JSON_NONE && json_double(&j, json_get(&j, goal, "value"), &c.goal_value))
    c.goal = goal_kind(json_text(&j, json_get(&j, goal, "kind"), scratch));
  ok = ok && apply_send(u, &c);
  return ok || err_set(e, ERR_INTERNAL, "no memory while applying a stored decision");
}
