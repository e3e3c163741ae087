/* person: what is known of somebody now, as JSON: who they are, what the conditions and models read of them, what they take part in, what
 * was sent. For GET /v1/users/{id} and for the head of an export. In the person's own lane; a look, so nothing is recorded. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/math.h"
#include "program/moving.h"

static void put_factors(struct json_writer *w, const struct explained *x) {
  json_pair_text(w, "method", x->method);
  json_pair_text(w, "scale", x->scale);
  json_pair_double(w, "base", math_round6(x->base));
  json_key(w, "factors");
  json_open_array(w);
  for (uint32_t i = 0; i < x->count; i++) {
    json_open_object(w);
    json_pair_text(w, "input", x->at[i].input);
    json_pair_double(w, "value", math_round6(x->at[i].value));
    json_pair_double(w, "moved", math_round6(x->at[i].moved));
    json_close_object(w);
  }
  json_close_array(w);
}

/* What each model's answer hangs on, how it was calibrated, and how sure it is. */
static void put_explanations(struct json_writer *w, const struct program *p, struct user *u, int64_t now, const struct value *beliefs,
                             struct arena *a) {
  struct value *slots = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  json_key(w, "explanations");
  json_open_object(w);
  for (uint32_t m = 0; slots && m < models_count(p->models); m++) {
    struct explained x;
    const struct calibration *c = model_calibration(p->models, m);
    uint32_t b = 0;
    while (b < beliefs_count(p->models) && belief_model(p->models, b) != m) b++;
    if (model_role(p->models, m) != MODEL_SERVED) continue; /* nobody reads it */
    if (!model_explain(p->models, m, u, now, slots, a, &x)) continue;
    json_key(w, model_name(p->models, m));
    json_open_object(w);
    json_pair_text(w, "calibration", c ? calibration_method(c) : "none");
    const bool said = b < beliefs_count(p->models) && beliefs[b].kind == VALUE_NUMBER;
    const char *sure = said ? model_confidence(p->models, m, u->partition, beliefs[b].number) : NULL;
    if (sure) json_pair_text(w, "confidence", sure);
    put_factors(w, &x);
    struct typicality t;
    if (model_typical(p->models, m, u, now, slots, a, &t)) {
      json_key(w, "input");
      typicality_write(&t, w);
    }
    json_close_object(w);
  }
  json_close_object(w);
}

/* What the models say now; a look, so nothing is recorded. */
static void put_beliefs(struct json_writer *w, const struct program *p, struct user *u, int64_t now, struct arena *a) {
  struct value *beliefs = ARENA_ARRAY(a, struct value, beliefs_count(p->models) + 1);
  if (!beliefs || !program_believe(p, u, now, beliefs, a)) return;
  json_key(w, "beliefs");
  json_open_object(w);
  for (uint32_t b = 0; b < beliefs_count(p->models); b++) {
    if (model_role(p->models, belief_model(p->models, b)) != MODEL_SERVED) continue;
    json_key(w, belief_name(p->models, b));
    if (beliefs[b].kind == VALUE_MISSING) json_put_null(w);
    else value_to_json(w, &beliefs[b]);
  }
  json_close_object(w);
  put_explanations(w, p, u, now, beliefs, a);
}

static void put_who(struct json_writer *w, const struct user *u) {
  static const char *const consents[] = {"unknown", "given", "withdrawn"};
  char at[32];
  json_pair_str(w, "userId", u->id);
  json_pair_int(w, "partition", u->partition);
  json_pair_text(w, "consent", consents[u->consent]);
  if (u->age >= 0) json_pair_int(w, "age", u->age);
  if (u->minor_consent) json_pair_bool(w, "guardianConsent", true);
  json_pair_str(w, "timezone", u->zone_name);
  json_pair_int(w, "events", (int64_t)u->events);
  if (u->clock) json_pair_str(w, "lastSeen", (struct str){at, clock_format(u->clock, at)});
  json_key(w, "profile");
  json_put_raw(w, u->profile.len ? u->profile : STR("{}"));
}

static void put_sends(struct json_writer *w, const struct user *u) {
  static const char *const responses[] = {"none", "good", "bad", "other"};
  json_key(w, "sends");
  json_open_array(w);
  for (size_t i = 0; i < u->send_count; i++) {
    char text[32];
    json_open_object(w);
    json_pair_str(w, "decision", (struct str){text, decision_id_text(u->sends[i].decision, text)});
    json_pair_str(w, "at", (struct str){text, clock_format(u->sends[i].at, text)});
    json_pair_text(w, "response", responses[u->sends[i].response & 3]);
    json_close_object(w);
  }
  json_close_array(w);
}

/* The arm that a user was first exposed to, and since when. */
static void put_experiment(struct json_writer *w, const struct noun_experiment *x, const struct user *u, struct arena *a) {
  char at[32];
  const char *salt = arena_printf(a, STR_FORMAT "#%lld", STR_ARG(x->at.name), (long long)x->revision);
  const struct mark *m = salt ? user_mark(u, mark_key("exposed", str_from(salt))) : NULL;
  if (!m || m->value < 0 || m->value >= (double)x->arm_count) return;
  json_open_object(w);
  json_pair_str(w, "experiment", x->at.name);
  json_pair_int(w, "revision", (int64_t)x->revision);
  json_pair_str(w, "arm", x->arms[(size_t)m->value].name);
  json_pair_str(w, "since", (struct str){at, clock_format(m->at, at)});
  json_close_object(w);
}

/* What the user takes part in, of what the live program declares. */
static void put_trials(struct json_writer *w, const struct rules *r, const struct controls *c, const struct user *u, struct arena *a) {
  char at[32];
  json_key(w, "experiments");
  json_open_array(w);
  for (uint32_t i = 0; i < rules_experiments(r); i++) put_experiment(w, experiment_noun(r, i), u, a);
  json_close_array(w);
  json_key(w, "rollouts");
  json_open_array(w);
  for (uint32_t i = 0; i < rules_rollouts(r); i++) {
    const int64_t since = controls_stage(c, rollout_hash(r, i)) < 0 ? 0 : rollout_since(r, c, i, u);
    if (since == 0) continue;
    json_open_object(w);
    json_pair_str(w, "rollout", rollout_noun(r, i)->at.name);
    json_pair_str(w, "since", (struct str){at, clock_format(since, at)});
    json_close_object(w);
  }
  json_close_array(w);
}

/* The features and beliefs that the program's conditions read, for whoever wants to see a person at a glance. */
static void put_read(struct json_writer *w, const struct program *p, struct arena *a) {
  unsigned char *read = arena_zero(a, p->symbols.count + 1, 1);
  const uint32_t triggers = (uint32_t)rules_triggers(p->rules), options = (uint32_t)rules_options(p->rules);
  for (uint32_t i = 0; read && i < triggers + options; i++) {
    struct rule_condition conditions[2];
    const size_t count = i < triggers ? trigger_conditions(p->rules, i, conditions) : option_conditions(p->rules, i - triggers, conditions);
    for (size_t k = 0; k < count; k++) {
      const uint32_t *slots;
      const uint32_t slot_count = expression_slots(conditions[k].condition, &slots);
      for (uint32_t s = 0; s < slot_count; s++) read[slots[s]] = 1;
    }
  }
  json_key(w, "read");
  json_open_array(w);
  for (uint32_t s = 0; read && s < p->symbols.count; s++)
    if (read[s] && (p->symbols.at[s].kind == SYMBOL_FEATURE || p->symbols.at[s].kind == SYMBOL_BELIEF))
      json_put_str(w, p->symbols.at[s].name);
  json_close_array(w);
}

int64_t person_now(const struct user *u) {
  const int64_t now = clock_now() > u->clock ? clock_now() : u->clock;
  return u->events && u->clock < now - 400 * CLOCK_DAY ? u->clock : now; /* history: as of its own last day */
}

void person_put(struct json_writer *w, struct flow *f, struct user *u, struct arena *a) {
  const struct program *p = flow_program(f, u->partition);
  const int64_t now = person_now(u);
  put_who(w, u);
  if (p) {
    features_list(p->features, u, now, w, a);
    put_beliefs(w, p, u, now, a);
    json_key(w, "patterns");
    features_describe(p->features, u, now, w, a);
    put_trials(w, p->rules, flow_controls(f, u->partition), u, a);
  }
  put_sends(w, u);
  if (!p) return;
  json_key(w, "sending");
  rules_safeguards(p->rules, flow_controls(f, u->partition), u, now, w, a);
  put_read(w, p, a);
}
