/* scenario_given: the world of a scenario: its user (an adult who has consented, unless it says otherwise), what operators said, what was
 * sent and what happened before, the values that are simply given, and the event. Uses the containers and words of production only, so
 * that a scenario cannot build what an engine would refuse. Called by scenario.c on its thread. */
#include "accept/accept.h"
#include "compute/compute.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "program/moving.h"
#include "scene.h"
#include <string.h>

#define ADULT         30
#define BETWEEN_SENDS (4 * CLOCK_HOUR)
#define TICK_BEFORE   (30 * CLOCK_MINUTE)
#define TICK_AFTER    (15 * CLOCK_MINUTE) /* ticks are spread by some minutes */

bool scene_keys(const struct node *n, const char *where, const char *const *known, struct err *e) {
  size_t count = 0;
  while (known[count]) count++;
  if (n && n->kind != NODE_TABLE) return err_set(e, ERR_INPUT, "%s: expected a table", where);
  for (uint32_t i = 0; n && i < n->pairs; i++) {
    size_t k = 0;
    while (k < count && !str_is(n->keys[i], known[k])) k++;
    if (k < count) continue;
    const char *near = str_nearest(n->keys[i], known, count);
    return err_set(e, ERR_INPUT, "%s: unknown field \"" STR_FORMAT "\"%s%s%s", where, STR_ARG(n->keys[i]), near ? " (did you mean \"" : "",
                   near ? near : "", near ? "\"?)" : "");
  }
  return true;
}

/* ---- nodes ---- */

static bool number_of(const struct node *n, const char *where, double low, double high, double *out, struct err *e) {
  if (!n) return true;
  if (n->kind != NODE_NUMBER || n->number < low || n->number > high)
    return err_set(e, ERR_INPUT, "%s: expected a number from %g to %g", where, low, high);
  *out = n->number;
  return true;
}

static struct str keep(struct arena *a, struct buf *b) {
  struct str copy = {arena_text(a, b->at ? b->at : "", b->len), b->len};
  buf_free(b);
  return copy;
}

static struct str node_json(const struct node *n, struct arena *a) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  node_to_json(&w, n);
  return keep(a, &out);
}

static struct value node_value(const struct node *n, struct arena *a) {
  switch (n->kind) {
  case NODE_BOOL: return value_bool(n->number != 0);
  case NODE_NUMBER: return value_number(n->number);
  case NODE_TEXT: return value_text(n->text);
  case NODE_TABLE: {
    struct json j;
    if (json_parse(&j, a, node_json(n, a), &json_limits_default, NULL)) return value_from_json(&j, 0, a);
  } /* fall through */
  default: return value_missing(MISSING_ABSENT);
  }
}

/* `at` as time, or `ago` before the scenario's own moment. */
static bool moment_of(const struct scene *s, const struct node *n, const char *where, int64_t *at, struct err *e) {
  const struct node *when = node_get(n, "at"), *ago = node_get(n, "ago");
  double seconds = 0;
  *at = s->event.timestamp;
  if (when && (when->kind != NODE_TEXT || !clock_parse(when->text, at)))
    return err_set(e, ERR_INPUT, "%s.at: expected a time like \"2025-01-15T22:40:00+01:00\"", where);
  if (!number_of(ago, where, 0, 400 * 86400.0, &seconds, e)) return false;
  *at -= (int64_t)(seconds * 1000);
  return true;
}

/* ---- the user ---- */

static bool given_profile(struct scene *s, const struct node *given, struct err *e) {
  const struct node *profile = node_get(given, "profile");
  if (profile && !user_merge_profile(s->user, node_json(profile, s->arena), true, e)) return err_wrap(e, "given.profile");
  const struct node *age = node_get(given, "age");
  double years = s->user->age < 0 ? ADULT : s->user->age;
  if (age && age->kind == NODE_TEXT && str_is(age->text, "unknown")) years = -1;
  else if (!number_of(age, "given.age (or \"unknown\")", 0, 130, &years, e)) return false;
  s->user->age = (int32_t)years;
  return true;
}

static bool given_consent(struct scene *s, const struct node *given, struct err *e) {
  static const char *const words[] = {"unknown", "given", "withdrawn"};
  const struct node *consent = node_get(given, "consent");
  s->user->consent = CONSENT_GIVEN;
  for (int i = 0; consent && i < 3; i++)
    if (consent->kind == NODE_TEXT && str_is(consent->text, words[i])) {
      s->user->consent = (enum consent)i;
      return true;
    }
  return !consent || err_set(e, ERR_INPUT, "given.consent: expected \"given\", \"unknown\" or \"withdrawn\"");
}

/* ---- sends before ---- */

static bool add_send(struct scene *s, int64_t at, struct str trigger, struct str option, struct err *e) {
  struct send send = {.at = at, .decision = s->user->send_count + 1u, .trigger = hash_64(trigger), .option = hash_64(option)};
  return user_add_send(s->user, &send) || err_set(e, ERR_INTERNAL, "no memory for a send");
}

static struct str text_of(const struct node *n, const char *key) {
  const struct node *v = node_get(n, key);
  return v && v->kind == NODE_TEXT ? v->text : (struct str){0};
}

/* { day = 2, week = 8, last = 4 * hours }: that many in the last 24 hours and 7 days, spread evenly, none after `last`. */
static bool counted_sends(struct scene *s, const struct node *n, struct err *e) {
  static const char *const known[] = {"day", "week", "last", NULL};
  double day = 0, week = 0, last = (double)BETWEEN_SENDS / 1000;
  if (!scene_keys(n, "given.history", known, e) || !number_of(node_get(n, "day"), "given.history.day", 0, 40, &day, e) ||
      !number_of(node_get(n, "week"), "given.history.week", 0, 90, &week, e) ||
      !number_of(node_get(n, "last"), "given.history.last", 0, 86400, &last, e))
    return false;
  int64_t first = s->event.timestamp - (int64_t)(last * 1000);
  int64_t room = CLOCK_DAY - (int64_t)(last * 1000) - CLOCK_MINUTE;
  for (int i = 0; i < (int)week - (int)day; i++)
    if (!add_send(s, s->event.timestamp - 7 * CLOCK_DAY + CLOCK_HOUR + i * (5 * CLOCK_DAY / 90), STR("history"), STR("history"), e))
      return false;
  for (int i = (int)day; i > 0; i--)
    if (!add_send(s, first - (i - 1) * (room / (int)day), STR("history"), STR("history"), e)) return false;
  return true;
}

static bool given_history(struct scene *s, const struct node *given, struct err *e) {
  static const char *const known[] = {"at", "ago", "trigger", "option", NULL};
  const struct node *n = node_get(given, "history");
  if (!n) return true;
  if (n->kind != NODE_TABLE) return err_set(e, ERR_INPUT, "given.history: expected a list of sends, or { day = …, week = …, last = … }");
  if (n->length == 0) return counted_sends(s, n, e);
  for (uint32_t i = 0; i < n->length; i++) {
    int64_t at;
    if (!scene_keys(&n->items[i], "given.history", known, e) || !moment_of(s, &n->items[i], "given.history", &at, e) ||
        !add_send(s, at, text_of(&n->items[i], "trigger"), text_of(&n->items[i], "option"), e))
      return false;
  }
  return true;
}

/* ---- events before ---- */

static bool parse_event(struct scene *s, const struct node *n, struct str type, int64_t at, struct event *out, struct err *e) {
  char text[32];
  struct buf b = {0};
  struct json_writer w = json_to(&b);
  json_open_object(&w);
  json_pair_str(&w, "id", STR("scenario"));
  json_pair_str(&w, "userId", s->user->id);
  json_pair_str(&w, "eventType", type);
  json_pair_str(&w, "timestamp", (struct str){text, clock_format(at, text)});
  for (int i = 0; i < 2; i++) {
    const char *name = i ? "context" : "data";
    const struct node *part = node_get(n, name);
    if (!part || part->kind != NODE_TABLE || (part->pairs == 0 && part->length == 0)) continue;
    json_key(&w, name);
    node_to_json(&w, part);
  }
  json_close_object(&w);
  if (!event_parse(s->arena, keep(s->arena, &b), at, STR("scenario"), true, out, e)) return false;
  const struct event_type *known = vocabulary_type(s->program->vocabulary, type);
  if (known) return vocabulary_check(s->program->vocabulary, known, out, NULL, e);
  return event_is_own(out) || program_takes(s->program, type, e); /* "ask" brings one of the engine's own */
}

static bool given_events(struct scene *s, const struct node *given, struct err *e) {
  static const char *const known[] = {"type", "at", "ago", "data", "context", NULL};
  const struct node *n = node_get(given, "events");
  for (uint32_t i = 0; n && i < n->length; i++) {
    const struct node *one = &n->items[i];
    struct event event;
    int64_t at;
    bool learned;
    if (!scene_keys(one, "given.events", known, e) || !moment_of(s, one, "given.events", &at, e)) return false;
    if (!parse_event(s, one, text_of(one, "type"), at, &event, e)) return err_wrap(e, "given.events");
    const struct recorded r = {.clock = at, .received = at, .history = true, .may_identify = true, .decides = false};
    if (!program_move(s->program, s->user, ENTRY_EVENT, &event, &r, s->arena, &learned, e)) return err_wrap(e, "given.events");
  }
  return true;
}

/* ---- values ---- */

static bool unknown_name(const struct scene *s, struct str name, const char *where, struct err *e) {
  const char **names = ARENA_ARRAY(s->arena, const char *, s->program->symbols.count + 1);
  for (uint32_t i = 0; i < s->program->symbols.count; i++)
    names[i] = arena_text(s->arena, s->program->symbols.at[i].name.at, s->program->symbols.at[i].name.len);
  const char *near = str_nearest(name, names, s->program->symbols.count);
  return err_set(e, ERR_INPUT, "%s: no condition, option or message of the program reads \"" STR_FORMAT "\"%s%s%s", where, STR_ARG(name),
                 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static bool given_values(struct scene *s, const struct node *given, const char *key, struct err *e) {
  const struct node *n = node_get(given, key);
  const char *where = arena_printf(s->arena, "given.%s", key);
  if (n && n->kind != NODE_TABLE) return err_set(e, ERR_INPUT, "%s: expected a table of name = value", where);
  for (uint32_t i = 0; n && i < n->pairs; i++) {
    const struct symbol *symbol = symbols_known(&s->program->symbols, n->keys[i]);
    if (!symbol) return unknown_name(s, n->keys[i], where, e);
    s->overrides[s->override_count++] = (struct override){symbol->slot, node_value(&n->values[i], s->arena)};
  }
  return true;
}

/* ---- what operators said ---- */

struct said {
  int64_t stage, ago; /* ago: ms before the event; 0: nobody says when */
  double holdback;
};

static bool apply_fact(struct scene *s, const char *kind, struct str name, struct said said, struct err *e) {
  char at[32];
  struct buf b = {0};
  struct json_writer w = json_to(&b);
  json_open_object(&w);
  json_pair_text(&w, "kind", kind);
  json_pair_str(&w, "name", name);
  json_pair_int(&w, "stage", said.stage);
  if (said.holdback > 0) json_pair_double(&w, "holdback", said.holdback);
  if (said.ago) json_pair_str(&w, "at", (struct str){at, clock_format(s->event.timestamp - said.ago, at)});
  json_close_object(&w);
  return controls_apply(&s->controls, keep(s->arena, &b), s->arena, e);
}

static bool given_kills(struct scene *s, const struct node *given, struct err *e) {
  const struct node *n = node_get(given, "killed");
  if (n && n->kind == NODE_TEXT) return apply_fact(s, "kill", n->text, (struct said){0}, e);
  if (n && n->kind != NODE_TABLE) return err_set(e, ERR_INPUT, "given.killed: expected a list like { \"trigger:x\" }, or \"all\"");
  for (uint32_t i = 0; n && i < n->length; i++) {
    if (n->items[i].kind != NODE_TEXT) return err_set(e, ERR_INPUT, "given.killed: expected names like \"trigger:x\"");
    if (!apply_fact(s, "kill", n->items[i].text, (struct said){0}, e)) return false;
  }
  return true;
}

static const struct noun_rollout *rollout_named(const struct rules *r, struct str name) {
  for (uint32_t i = 0; i < rules_rollouts(r); i++)
    if (str_eq(rollout_noun(r, i)->at.name, name)) return rollout_noun(r, i);
  return NULL;
}

/* "few", or { stage = "few", ago = 3 * days }: since when the rollout is there. */
static bool given_stage(struct scene *s, struct str name, const struct node *stage, struct err *e) {
  static const char *const known[] = {"stage", "ago", NULL};
  double ago = 0;
  if (stage->kind == NODE_TABLE) {
    const struct node *inner = node_get(stage, "stage");
    if (!scene_keys(stage, "given.rollouts", known, e) || !number_of(node_get(stage, "ago"), "given.rollouts.ago", 0, 1e9, &ago, e))
      return false;
    if (inner) stage = inner;
  }
  const struct noun_rollout *r = rollout_named(s->program->rules, name);
  if (!r) return err_set(e, ERR_INPUT, "given.rollouts: no rollout is named \"" STR_FORMAT "\"", STR_ARG(name));
  if (stage->kind != NODE_TEXT)
    return err_set(e, ERR_INPUT, "given.rollouts: expected a stage's name, \"entered\", \"halted\" or { stage = \"…\", ago = 3 * days }");
  if (str_is(stage->text, "halted")) return apply_fact(s, "rollout", name, (struct said){.stage = -1}, e);
  if (str_is(stage->text, "entered"))
    return user_set_mark(s->user, mark_key("rollout", name), s->event.timestamp - CLOCK_DAY, 1) || err_set(e, ERR_INTERNAL, "no memory");
  for (size_t i = 0; i < r->stage_count; i++)
    if (str_eq(r->stages[i].name, stage->text))
      return apply_fact(s, "rollout", name, (struct said){(int64_t)i, (int64_t)(ago * 1000), stage_holdback(r, (int32_t)i)}, e);
  return err_set(e, ERR_INPUT, "given.rollouts: \"" STR_FORMAT "\" has no stage \"" STR_FORMAT "\"", STR_ARG(name), STR_ARG(stage->text));
}

static bool given_rollouts(struct scene *s, const struct node *given, struct err *e) {
  const struct node *n = node_get(given, "rollouts");
  for (uint32_t i = 0; n && i < n->pairs; i++)
    if (!given_stage(s, n->keys[i], &n->values[i], e)) return false;
  return true;
}

bool scene_given(struct scene *s, struct err *e) {
  static const char *const known[] = {"profile", "age",     "consent", "features", "beliefs", "draw",
                                      "place",   "history", "events",  "rollouts", "killed",  NULL};
  const struct node *given = s->noun->given;
  s->fixed = (struct fixed_chance){-1, -1};
  if (!features_meet(s->program->features, s->user, true)) return err_set(e, ERR_INTERNAL, "no memory");
  s->overrides = ARENA_ARRAY(s->arena, struct override, 2u * s->program->symbols.count + 1);
  return scene_keys(given, "given", known, e) && given_profile(s, given, e) && given_consent(s, given, e) &&
         number_of(node_get(given, "draw"), "given.draw", 0, 1, &s->fixed.draw, e) &&
         number_of(node_get(given, "place"), "given.place", 0, 1, &s->fixed.place, e) && given_history(s, given, e) &&
         given_events(s, given, e) && given_values(s, given, "features", e) && given_values(s, given, "beliefs", e) &&
         given_kills(s, given, e) && given_rollouts(s, given, e);
}

/* ---- the event ---- */

static bool tick_of(struct scene *s, struct str trigger, struct err *e) {
  const struct rules *r = s->program->rules;
  uint32_t number = rules_trigger(r, trigger);
  int64_t at = s->event.timestamp;
  if (number == NO_ONE) return err_set(e, ERR_INPUT, "event.tick: no trigger is named \"" STR_FORMAT "\"", STR_ARG(trigger));
  if (!user_set_mark(s->user, mark_key("user", STR("since")), at - TICK_BEFORE, 0)) return err_set(e, ERR_INTERNAL, "no memory");
  struct str body;
  while (ticks_due(r, s->user, at + TICK_AFTER, false, s->arena, &body)) {
    if (!event_parse(s->arena, body, at + TICK_AFTER, STR("tick"), true, &s->event, e)) return false;
    const struct listening *l = ticks_listening(r, &s->event, s->arena);
    for (size_t i = 0; l && i < l->count; i++)
      if (l->triggers[i] == number) return true;
    if (!ticks_fired(s->user, &s->event, s->arena)) return err_set(e, ERR_INTERNAL, "no memory");
  }
  return err_set(e, ERR_INPUT, "event.tick: no tick of \"" STR_FORMAT "\" is due around event.at for this user", STR_ARG(trigger));
}

bool scene_event(struct scene *s, struct err *e) {
  static const char *const known[] = {"type", "at", "data", "context", "tick", "ask", NULL};
  const struct node *n = s->noun->event;
  struct str type = text_of(n, "type"), tick = text_of(n, "tick"), ask = text_of(n, "ask");
  int64_t at = s->event.timestamp;
  if (!scene_keys(n, "event", known, e)) return false;
  s->kind = ENTRY_EVENT;
  s->asked = NO_ONE;
  if ((type.len > 0) + (tick.len > 0) + (ask.len > 0) != 1)
    return err_set(e, ERR_INPUT, "event: expected one of type = \"…\", tick = \"trigger\", ask = \"trigger\"");
  if (tick.len) {
    s->kind = ENTRY_TICK;
    return tick_of(s, tick, e);
  }
  if (ask.len) {
    s->kind = ENTRY_ASKED;
    s->asked = rules_trigger(s->program->rules, ask);
    if (s->asked == NO_ONE) return err_set(e, ERR_INPUT, "event.ask: no trigger is named \"" STR_FORMAT "\"", STR_ARG(ask));
    type = STR("decision_asked");
  }
  return parse_event(s, n, type, at, &s->event, e) || err_wrap(e, "event");
}
