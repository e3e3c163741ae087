/* side: a program lives through what happened. Promises production's own code in production's order (flow), with models asked anew; that
 * chance is common to all sides, since a moment's draws follow from the moment (the recorded decision ids where there were decisions, else
 * a hash of the event); and that ticks are this program's own, at their own time. What people answered stays what it was. On the thread of
 * whoever replays. */
#include "side.h"
#include "kit/clock.h"
#include "kit/hash.h"

#define TICKS_MOST 100000 /* of one user in one step: more can only be a fault */
#define TICK_GRACE CLOCK_MINUTE

/* ---- what flow asks ---- */

bool made_of_record(struct str record, struct arena *a, struct made *out, struct err *e) {
  struct json j;
  if (!json_parse(&j, a, record, &json_limits_default, e)) return err_wrap(e, "a decision's record");
  *out = (struct made){.trigger = json_text(&j, json_get(&j, 0, "trigger"), a),
                       .outcome = json_text(&j, json_get(&j, 0, "outcome"), a),
                       .option = json_text(&j, json_get(&j, 0, "option"), a),
                       .reason = json_text(&j, json_get(&j, 0, "reason"), a),
                       .arm = json_text(&j, json_path(&j, 0, "experiment.arm"), a),
                       .message = json_text(&j, json_path(&j, 0, "text.message"), a)};
  return clock_parse(json_text(&j, json_get(&j, 0, "at"), a), &out->at) || err_set(e, ERR_STORAGE, "a decision's record has no time");
}

static bool keep(void *context, const struct kept *k, struct err *e) {
  struct side *s = context;
  if (k->item->kind == ENTRY_IMPORTED) return true; /* made elsewhere: no program has a say in it */
  for (size_t i = 0; i < k->count; i++) {
    if (s->made_count == s->made_cap) {
      size_t cap = s->made_cap ? s->made_cap * 2 : 64;
      struct made *grown = kit_realloc(s->made, cap * sizeof *grown);
      if (!grown) return err_set(e, ERR_INTERNAL, "no memory for %zu decisions", cap);
      s->made = grown;
      s->made_cap = cap;
    }
    if (!made_of_record(k->records[i], s->step, &s->made[s->made_count], e)) return false;
    s->made_count++;
    s->decisions++;
    s->sends += k->decisions[i].outcome == OUTCOME_SENT;
  }
  return true;
}

static struct user *find(void *context, struct str id, bool create, struct err *e) {
  (void)id;
  (void)create;
  (void)e;
  return ((struct side *)context)->user;
}

static void believe(void *context, const struct belief_ask *ask, struct recorded *r, struct arena *a) {
  struct side *s = context;
  uint32_t total = beliefs_count(ask->program->models);
  struct value *said = ARENA_ARRAY(a, struct value, total + 1);
  r->beliefs = ARENA_ARRAY(a, struct recorded_belief, total + 1);
  r->belief_count = 0;
  if (!said || !r->beliefs || !models_ask_again(&s->models, ask, flow_controls(s->flow, ask->partition), r->clock, said, a)) return;
  for (uint32_t b = 0; b < total; b++)
    if (ask->models >> belief_model(ask->program->models, b) & 1) r->beliefs[r->belief_count++] = (struct recorded_belief){b, said[b]};
}

/* ---- people ---- */

struct user *side_meet(struct side *s, struct str id, enum consent consent) {
  uint64_t key = hash_64(id), value;
  if (map_get(&s->users, key, &value)) return s->user = (struct user *)(uintptr_t)value;
  struct user *u = user_new();
  const char *name = u ? arena_text(&s->names, id.at, id.len) : NULL;
  if (!name || !pile_push(&s->people, u)) {
    if (u) user_free(u);
    return s->user = NULL;
  }
  if (!map_set(&s->users, key, (uint64_t)(uintptr_t)u)) return s->user = NULL; /* the pile frees them */
  u->id = (struct str){name, id.len};
  u->partition = (uint8_t)book_partition_of(NULL, id);
  u->number = (int64_t)s->people.count;
  u->consent = consent;
  return s->user = u;
}

void side_forget_people(struct side *s) {
  for (size_t i = 0; i < s->people.count; i++) {
    struct user *u = s->people.at[i];
    u->id = (struct str){0}; /* lies in the arena */
    user_free(u);
  }
  pile_free(&s->people);
  map_free(&s->users);
  s->people = (struct pile){0};
  s->users = (struct map){0};
  s->user = NULL;
  arena_free(&s->names);
}

/* ---- steps ---- */

/* Room for a thousand decisions of one moment, and never an id that a volume gave. */
static uint64_t id_of_moment(const struct user *u, const struct event *ev, int64_t clock) {
  uint64_t hash = hash_64_seed(ev->id, (uint64_t)clock ^ hash_64(u->id));
  return (uint64_t)u->partition << 48 | UINT64_C(1) << 47 | (hash & ((UINT64_C(1) << 47) - 1) & ~UINT64_C(1023));
}

static bool walk(struct side *s, const struct happening *h, bool *refused, struct err *e) {
  struct recorded recorded = h->recorded;
  struct item item = {.kind = h->kind, .event = h->event, .asked = NO_ONE, .recorded = &recorded, .may_identify = recorded.may_identify};
  struct item *items = &item;
  recorded.beliefs = NULL;
  recorded.belief_count = 0;
  recorded.first_decision = h->first_decision ? h->first_decision : id_of_moment(s->user, &h->event, recorded.clock);
  if (h->kind == ENTRY_ASKED) {
    struct str name = json_text(&h->event.json, json_get(&h->event.json, h->event.data, "trigger"), s->step);
    if (name.len && (item.asked = rules_trigger(s->program->rules, name)) == NO_ONE) recorded.decides = false; /* it has no such trigger */
  }
  if (!flow_walk(s->flow, &items, 1, s->step, e)) return false;
  *refused = item.state == ITEM_REFUSED;
  return true;
}

/* The moment of a tick that no journal holds: when it was due. */
static struct recorded own_tick(const struct user *u, const struct event *tick) {
  return (struct recorded){.clock = tick->timestamp > u->clock ? tick->timestamp : u->clock,
                           .received = tick->timestamp,
                           .history = user_mark(u, mark_key("user", STR("history"))) != NULL,
                           .decides = true,
                           .source = STR("tick")};
}

/* The ticks that are due at `until`. One that is also in the journal (`met`) is decided at the moment at which it was decided then, and is
 * the last: those after it have rows of their own. */
static bool run_ticks(struct side *s, int64_t until, const struct happening *met, struct arena *step, struct err *e) {
  struct str body;
  bool last = false;
  s->step = step;
  for (int n = 0; n < TICKS_MOST && !last && ticks_due(s->program->rules, s->user, until, false, step, &body); n++) {
    struct happening tick = {.kind = ENTRY_TICK};
    bool refused = false;
    if (!event_parse(step, body, until, STR("tick"), true, &tick.event, e)) return err_wrap(e, "a tick");
    bool same = met && str_eq(met->event.id, tick.event.id);
    if (same) tick = *met;
    else tick.recorded = own_tick(s->user, &tick.event);
    if (!walk(s, &tick, &refused, e)) return false;
    last = same || refused;
    s->ticks++;
  }
  return true;
}

bool side_ticks(struct side *s, int64_t until, struct arena *step, struct err *e) {
  s->made_count = 0;
  return run_ticks(s, until, NULL, step, e);
}

/* Words that this program's vocabulary refuses would have been refused at the door. */
static bool speaks(const struct side *s, const struct happening *h) {
  struct err why = {0};
  const struct event_type *type = h->kind == ENTRY_EVENT ? vocabulary_type(s->program->vocabulary, h->event.type) : NULL;
  if (type) return vocabulary_check(s->program->vocabulary, type, &h->event, NULL, &why);
  return h->kind != ENTRY_EVENT || program_takes(s->program, h->event.type, &why);
}

bool side_step(struct side *s, const struct happening *h, struct arena *step, struct err *e) {
  bool refused = !speaks(s, h);
  s->made_count = 0;
  s->step = step;
  if (h->kind == ENTRY_TICK && !str_is(h->event.type, "tick.caught_up")) return run_ticks(s, h->event.timestamp, h, step, e);
  /* Live, what people did comes before a tick that is due at the same moment. Where the engine was away, nobody's ticks were decided. */
  int64_t until = h->recorded.history ? h->recorded.clock : h->recorded.clock - TICK_GRACE;
  if (h->kind != ENTRY_TICK && !run_ticks(s, until, NULL, step, e)) return false;
  if (!refused && !walk(s, h, &refused, e)) return false;
  s->refused += refused;
  return true;
}

/* ---- facts, life ---- */

bool side_fact(struct side *s, uint32_t partition, struct str fact_json, struct err *e) {
  struct arena a = {0};
  struct json j;
  bool program = json_parse(&j, &a, fact_json, &json_limits_default, NULL) && json_text_is(&j, json_get(&j, 0, "kind"), "program");
  arena_free(&a);
  return program || flow_apply_fact(s->flow, partition, fact_json, e);
}

bool side_open(struct side *s, struct library *library, const struct program *program, struct err *e) {
  struct flow_keeper keeper = {keep, find, believe, s};
  struct arena a = {0};
  *s = (struct side){.program = program, .models = {.library = library}};
  if (!(s->flow = flow_for_replay(library, &keeper))) return err_set(e, ERR_INTERNAL, "no memory for a replay");
  const char *fact = arena_printf(&a, "{\"kind\":\"program\",\"name\":\"%s\"}", program->digest);
  bool ok = true;
  for (uint32_t p = 0; ok && p < BOOK_PARTITIONS; p++) ok = flow_apply_fact(s->flow, p, str_from(fact), e);
  arena_free(&a);
  return ok;
}

void side_close(struct side *s) {
  flow_close(s->flow);
  side_forget_people(s);
  models_again_close(&s->models);
  kit_free(s->made);
  *s = (struct side){0};
}
