/* controls: what operators said, folded from a partition's control facts in journal order. Owned by a lane (or a replay); no lock. */
#include "decide/decide.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include <string.h>

static size_t place_of(const struct controls *c, uint64_t hash) {
  size_t at = 0;
  while (at < c->killed_count && c->killed[at] < hash) at++;
  return at;
}

bool controls_killed(const struct controls *c, uint64_t name_hash) {
  return c->kill_all || controls_named(c, name_hash);
}

bool controls_named(const struct controls *c, uint64_t name_hash) {
  size_t at = place_of(c, name_hash);
  return at < c->killed_count && c->killed[at] == name_hash;
}

static bool grow(void **list, size_t *cap, size_t count, size_t size) {
  if (count < *cap) return true;
  size_t wanted = *cap ? *cap * 2 : 8;
  void *grown = kit_realloc(*list, wanted * size);
  if (!grown) return false;
  *list = grown;
  *cap = wanted;
  return true;
}

static bool kill_name(struct controls *c, uint64_t hash) {
  size_t at = place_of(c, hash);
  if (at < c->killed_count && c->killed[at] == hash) return true;
  if (!grow((void **)&c->killed, &c->killed_cap, c->killed_count, sizeof *c->killed)) return false;
  memmove(c->killed + at + 1, c->killed + at, (c->killed_count - at) * sizeof *c->killed);
  c->killed[at] = hash;
  c->killed_count++;
  return true;
}

static void unkill_name(struct controls *c, uint64_t hash) {
  size_t at = place_of(c, hash);
  if (at == c->killed_count || c->killed[at] != hash) return;
  c->killed_count--;
  memmove(c->killed + at, c->killed + at + 1, (c->killed_count - at) * sizeof *c->killed);
}

/* Holding and resuming leave a rollout where it is, and since when; from a halt it comes back anew, also where nobody heard of the halt,
 * and each later word says when that was, and since when the stage lasts, to whoever did not hear of the return or of the step. */
static bool set_stage(struct controls *c, struct control_stage to, bool is_anew, bool says_since) {
  size_t at = 0;
  while (at < c->stage_count && c->stages[at].rollout != to.rollout) at++;
  if (at == c->stage_count) {
    if (!grow((void **)&c->stages, &c->stage_cap, c->stage_count, sizeof *c->stages)) return false;
    c->stage_count++;
  } else if (!is_anew) {
    if (!to.anew) to.anew = c->stages[at].anew;
    if (c->stages[at].stage == to.stage && (!says_since || c->stages[at].since == to.since)) {
      to.since = c->stages[at].since;
      to.holdback = c->stages[at].holdback;
      to.by_itself = c->stages[at].by_itself;
    }
  }
  c->stages[at] = to;
  return true;
}

/* Older ones say only that it comes back now. */
bool controls_said_anew(const struct json *fact, struct arena *scratch, int64_t *anew) {
  bool is_anew = false;
  if (clock_parse(json_text(fact, json_get(fact, 0, "anew_since"), scratch), anew)) return true;
  json_bool(fact, json_get(fact, 0, "anew"), &is_anew);
  return is_anew && clock_parse(json_text(fact, json_get(fact, 0, "at"), scratch), anew);
}

bool controls_said_since(const struct json *fact, struct arena *scratch, int64_t *since) {
  if (clock_parse(json_text(fact, json_get(fact, 0, "since"), scratch), since)) return true;
  if (!clock_parse(json_text(fact, json_get(fact, 0, "at"), scratch), since)) *since = 0;
  return false;
}

bool controls_ended(const struct controls *c, uint64_t experiment) {
  for (size_t i = 0; i < c->ended_count; i++)
    if (c->ended[i] == experiment) return true;
  return false;
}

static bool end_experiment(struct controls *c, struct str name, int64_t revision, struct arena *scratch) {
  const char *salt = arena_printf(scratch, STR_FORMAT "#%lld", STR_ARG(name), (long long)revision);
  if (!salt || !grow((void **)&c->ended, &c->ended_cap, c->ended_count, sizeof *c->ended)) return false;
  if (!controls_ended(c, hash_64(str_from(salt)))) c->ended[c->ended_count++] = hash_64(str_from(salt));
  return true;
}

bool controls_apply(struct controls *c, struct str fact_json, struct arena *scratch, struct err *e) {
  struct json j;
  if (!json_parse(&j, scratch, fact_json, &json_limits_default, e)) return err_wrap(e, "control fact");
  struct str name = json_text(&j, json_get(&j, 0, "name"), scratch);
  uint32_t kind = json_get(&j, 0, "kind");
  bool ok = true;
  if (json_text_is(&j, kind, "kill")) {
    if (str_is(name, "all")) c->kill_all = true;
    else ok = kill_name(c, hash_64(name));
  } else if (json_text_is(&j, kind, "unkill")) {
    if (str_is(name, "all")) c->kill_all = false;
    else unkill_name(c, hash_64(name));
  } else if (json_text_is(&j, kind, "rollout")) {
    int64_t stage = 0, since = 0, anew = 0;
    double holdback = 0;
    bool held = false, is_anew = false;
    if (!json_int(&j, json_get(&j, 0, "stage"), &stage))
      return err_set(e, ERR_INPUT, "control fact rollout: expected a number in \"stage\"");
    json_bool(&j, json_get(&j, 0, "held"), &held);
    json_bool(&j, json_get(&j, 0, "anew"), &is_anew);
    if (!json_double(&j, json_get(&j, 0, "holdback"), &holdback)) holdback = 0;
    const bool says_since = controls_said_since(&j, scratch, &since);
    if (!controls_said_anew(&j, scratch, &anew)) anew = 0;
    const bool by_itself = json_get(&j, 0, "why") != JSON_NONE;
    ok = set_stage(c, (struct control_stage){hash_64(name), (int32_t)stage, held, since, holdback, anew, by_itself}, is_anew, says_since);
  } else if (json_text_is(&j, kind, "experiment")) {
    int64_t revision = 0;
    if (!json_int(&j, json_get(&j, 0, "revision"), &revision))
      return err_set(e, ERR_INPUT, "control fact experiment: expected a number in \"revision\"");
    ok = end_experiment(c, name, revision, scratch);
  }
  return ok || err_set(e, ERR_INTERNAL, "no memory for control facts");
}

int32_t controls_stage(const struct controls *c, uint64_t rollout) {
  for (size_t i = 0; i < c->stage_count; i++)
    if (c->stages[i].rollout == rollout) return c->stages[i].stage;
  return 0;
}

int64_t controls_since(const struct controls *c, uint64_t rollout) {
  for (size_t i = 0; i < c->stage_count; i++)
    if (c->stages[i].rollout == rollout) return c->stages[i].since;
  return 0;
}

int64_t controls_anew(const struct controls *c, uint64_t rollout) {
  for (size_t i = 0; i < c->stage_count; i++)
    if (c->stages[i].rollout == rollout) return c->stages[i].anew;
  return 0;
}

double controls_holdback(const struct controls *c, uint64_t rollout) {
  for (size_t i = 0; i < c->stage_count; i++)
    if (c->stages[i].rollout == rollout) return c->stages[i].holdback;
  return 0;
}

bool controls_by_itself(const struct controls *c, uint64_t rollout) {
  for (size_t i = 0; i < c->stage_count; i++)
    if (c->stages[i].rollout == rollout) return c->stages[i].by_itself;
  return false;
}

void controls_free(struct controls *c) {
  kit_free(c->killed);
  kit_free(c->stages);
  kit_free(c->ended);
  *c = (struct controls){0};
}
