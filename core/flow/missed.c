/* missed: what operators said and control.db holds, told to the partitions that have not heard of it: a crash came between the two stores,
 * or nothing but an offline tool has run since. Promises that of each name only the newest word counts, that a partition which knows it
 * already is told nothing, and that the partition's row carries the number of control.db's fact. While the volumes are the caller's: at a
 * start, or offline. */
#include "inside.h"
#include "kit/hash.h"
#include <string.h>

struct said { /* the newest word about a kill's or a rollout's name; that one revision of an experiment has ended */
  enum said_kind { SAID_KILL, SAID_ROLLOUT, SAID_EXPERIMENT } kind;
  bool kill;
  int32_t stage;
  int64_t since, anew;   /* when a rollout's stage began, as the word says; when it last came back from a halt; 0: it says nothing, never */
  struct str name, fact; /* in the arena; an experiment's name is "name#revision" */
  struct str step, back; /* what brought the rollout to its stage; what said that it comes back */
};
struct missed {
  struct arena arena, scratch;
  struct said *all;
  size_t count, cap;
  bool failed;
};

static struct said *said_of(struct missed *m, enum said_kind kind, struct str name) {
  for (size_t i = 0; i < m->count; i++)
    if (m->all[i].kind == kind && str_eq(m->all[i].name, name)) return &m->all[i];
  if (m->count == m->cap) {
    const size_t cap = m->cap ? m->cap * 2 : 16;
    struct said *grown = kit_realloc(m->all, cap * sizeof *grown);
    if (!grown) return NULL;
    m->all = grown;
    m->cap = cap;
  }
  const char *copy = arena_text(&m->arena, name.at, name.len);
  if (!copy) return NULL;
  m->all[m->count] = (struct said){.kind = kind, .name = {copy, name.len}};
  return &m->all[m->count++];
}

static bool note(void *context, const struct control_fact *fact) {
  struct missed *m = context;
  const bool kill = strcmp(fact->kind, "kill") == 0, experiment = strcmp(fact->kind, "experiment") == 0;
  const enum said_kind kind = experiment ? SAID_EXPERIMENT : strcmp(fact->kind, "rollout") == 0 ? SAID_ROLLOUT : SAID_KILL;
  if (kind == SAID_KILL && !kill && strcmp(fact->kind, "unkill") != 0) return true;
  struct buf numbered = {0};
  struct json j;
  int64_t stage = 0, revision = 0;
  const char *name = fact->name;
  bool ok = json_parse(&j, &m->scratch, fact->body, &json_limits_default, NULL) && fact_numbered(fact->body, fact->number, &numbered);
  if (ok && experiment) ok = json_int(&j, json_get(&j, 0, "revision"), &revision);
  if (ok && experiment) name = arena_printf(&m->scratch, "%s#%lld", fact->name, (long long)revision);
  struct said *s = ok && name ? said_of(m, kind, str_from(name)) : NULL;
  ok = s != NULL;
  if (ok) {
    json_int(&j, json_get(&j, 0, "stage"), &stage);
    s->kill = kill;
    const bool steps = s->stage != (int32_t)stage;
    s->stage = (int32_t)stage;
    if (!controls_said_since(&j, &m->scratch, &s->since)) s->since = 0;
    s->fact = (struct str){arena_text(&m->arena, numbered.at, numbered.len), numbered.len};
    if (kind == SAID_ROLLOUT && steps) s->step = s->fact;
    if (kind == SAID_ROLLOUT && controls_said_anew(&j, &m->scratch, &s->anew)) s->back = s->fact;
    ok = s->fact.at != NULL;
  }
  buf_free(&numbered);
  arena_reset(&m->scratch);
  m->failed = !ok;
  return ok;
}

/* Who missed a halt and the return from it stands where it should, and counts entries that count no more. */
static bool knows_return(const struct controls *c, const struct said *s) {
  return s->kind != SAID_ROLLOUT || !s->anew || controls_anew(c, hash_64(s->name)) == s->anew;
}

/* Who missed a step and the way back from it stands where it should, and holds people back as of another time. */
static bool knows_stage(const struct controls *c, const struct said *s) {
  const uint64_t rollout = hash_64(s->name);
  return controls_stage(c, rollout) == s->stage && (!s->since || controls_since(c, rollout) == s->since);
}

static bool knows(const struct controls *c, const struct said *s) {
  if (s->kind == SAID_EXPERIMENT) return controls_ended(c, hash_64(s->name)); /* an end is not taken back */
  if (s->kind == SAID_ROLLOUT) return knows_stage(c, s) && knows_return(c, s);
  return s->kill == (str_is(s->name, "all") ? c->kill_all : controls_named(c, hash_64(s->name)));
}

static bool tell_partition(const struct missed *m, struct flow *f, uint32_t p, struct err *e) {
  const struct controls *c = flow_controls(f, p);
  for (size_t i = 0; i < m->count; i++) {
    const struct said *s = &m->all[i];
    if (!knows_return(c, s) && s->back.len && !flow_fact(f, p, s->back, e)) return false;
    /* A later word of an older engine says neither since when nor who is held back. */
    const bool steps = s->kind == SAID_ROLLOUT && s->step.len && !knows_stage(c, s);
    if (steps && !str_eq(s->step, s->fact) && !flow_fact(f, p, s->step, e)) return false;
    if (!knows(c, s) && !flow_fact(f, p, s->fact, e)) return false;
  }
  return true;
}

static bool tell_volume(const struct missed *m, struct book *b, struct flow *f, struct err *e) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    if (book_volume_of(b, p) == volume_number(f->volume) && !tell_partition(m, f, p, e)) return false;
  return flow_commit(f, e);
}

bool missed_facts(struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context, struct err *e) {
  struct missed m = {0};
  bool ok = control_each(b, 0, note, &m, e);
  if (ok && m.failed) ok = err_set(e, ERR_STORAGE, "a control fact is no fact, or memory for it is missing");
  for (uint32_t v = 0; ok && v < book_volumes(b); v++) ok = tell_volume(&m, b, flow_of(context, v), e);
  kit_free(m.all);
  arena_free(&m.arena);
  arena_free(&m.scratch);
  return ok || err_wrap(e, "control facts that a partition had missed");
}
