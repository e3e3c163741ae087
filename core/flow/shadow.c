/* shadow: a candidate decides beside the live program. At every moment of which the live program decides, the candidate is asked what it
 * would have decided of the same user at the same clock, with the same chance, before anything of the live decision has acted; then both
 * are compared and counted. Promises that nothing of a candidate is kept, sent or recorded, and that the live decision never waits for its
 * faults. What only it would have measured (a feature of its own) is missing to it. On the lane, within its turn. */
#include "inside.h"
#include <string.h>

void flow_shadow(struct flow *f, const struct program *p, struct shadow_counts *counts) {
  sessions_close(f->shadow.sessions);
  library_release(f->places.library, f->shadow.sessions_of);
  library_release(f->places.library, f->shadow.program);
  f->shadow = (struct shadow){.program = p ? library_hold(f->places.library, p) : NULL, .counts = counts};
}

static void add(uint64_t *to) {
  __atomic_fetch_add(to, 1, __ATOMIC_RELAXED);
}

/* The walk's own functions work on the flow's steps and sessions: for a moment these are the shadow's. */
static void exchange(struct flow *f, struct step **steps, size_t *count) {
  struct step *s = f->steps;
  const size_t n = f->step_count;
  struct sessions *sessions = f->sessions;
  const struct program *of = f->sessions_of;
  f->steps = *steps;
  f->step_count = *count;
  f->sessions = f->shadow.sessions;
  f->sessions_of = f->shadow.sessions_of;
  *steps = s;
  *count = n;
  f->shadow.sessions = sessions;
  f->shadow.sessions_of = of;
}

struct step *shadow_decide(struct flow *f, const struct step *live) {
  const struct program *p = f->shadow.program;
  const bool wanted = p && f->volume && p != live->program && live->program && !live->item->recorded && !live->item->dry_run &&
                      live->item->asked == NO_ONE && live->recorded.decides;
  struct step *s = wanted ? ARENA_NEW(&f->scratch, struct step) : NULL, *steps = s;
  size_t count = 1;
  if (!s) return NULL;
  *s = (struct step){.item = live->item, .user = live->user, .partition = live->partition, .program = p};
  s->recorded = (struct recorded){
      .clock = live->recorded.clock, .received = live->recorded.received, .history = live->recorded.history, .decides = true};
  exchange(f, &steps, &count);
  flow_consider(f, s, volume_next_decision(f->volume, s->partition));
  exchange(f, &steps, &count);
  return s;
}

/* ---- comparing ---- */

static const struct decision *decision_on(const struct step *s, struct str trigger) {
  for (size_t i = 0; i < s->count; i++)
    if (str_eq(trigger_name(s->program->rules, s->decisions[i].trigger), trigger)) return &s->decisions[i];
  return NULL;
}

static struct str option_of(const struct step *s, const struct decision *d) {
  return d->option == NO_ONE ? (struct str){0} : option_name(s->program->rules, d->option);
}

static struct shadow_rule *counts_of(struct shadow_counts *c, struct str trigger) {
  for (size_t i = 0; i < c->rule_count; i++)
    if (str_eq(c->rules[i].name, trigger)) return &c->rules[i];
  return &c->others; /* the live program is another by now than when the shadow began */
}

static void count(struct shadow_counts *c, struct str trigger, size_t offset) {
  struct shadow_rule *rule = counts_of(c, trigger);
  add((uint64_t *)((char *)&c->all + offset));
  add((uint64_t *)((char *)rule + offset));
}

void shadow_compare(struct flow *f, const struct step *live, const struct step *shadow) {
  struct shadow_counts *c = f->shadow.counts;
  if (!shadow || live->item->kind == ENTRY_IMPORTED) return;
  add(&c->moments);
  for (size_t i = 0; i < live->count; i++) {
    const struct decision *a = &live->decisions[i], *b;
    struct str trigger = trigger_name(live->program->rules, a->trigger);
    b = decision_on(shadow, trigger);
    const bool same = b && a->outcome == b->outcome && str_eq(option_of(live, a), option_of(shadow, b)) &&
                      strcmp(a->reason ? a->reason : "", b->reason ? b->reason : "") == 0;
    count(c, trigger,
          !b     ? offsetof(struct shadow_rule, lost)
          : same ? offsetof(struct shadow_rule, same)
                 : offsetof(struct shadow_rule, changed));
  }
  for (size_t i = 0; i < shadow->count; i++) {
    struct str trigger = trigger_name(shadow->program->rules, shadow->decisions[i].trigger);
    if (!decision_on(live, trigger)) count(c, trigger, offsetof(struct shadow_rule, gained));
  }
}
