/* occasions: what came of decisions, each with the time after it, where one person has many of them and may be in every arm. Promises that
 * a decision counts what happened after it and within the metric's time; that errors are worked out over people, each with everything that
 * they did, so that a hundred decisions of one person are not a hundred people; that decisions are closed by the journal's own clock and
 * summed in its order, so that the same journal gives the same bits whenever somebody looks; and that a person keeps two numbers an arm,
 * however many decisions they have had. Knows no journal and no program; fed by whoever reads one, one thread. */
#include "effects.h"
#include "kit/map.h"
#include "stats/stats.h"
#include <string.h>

struct person {
  uint64_t first, last; /* decisions that are open, by number; 0: none */
  uint32_t group;       /* of their newest */
};
struct open { /* a decision whose time is not over */
  int64_t at;
  uint64_t next; /* the person's next one */
  uint32_t person, group;
  double weight;
  struct aftermath after;
};
struct weighed { /* of one person in one group */
  double weight, outcome;
};
struct part {
  struct person *people;  /* in order of their first decision */
  struct weighed *closed; /* by person, then group */
  uint32_t count, cap;
  struct open *open; /* in order of time; those before `first` are closed */
  uint32_t first, end, open_cap;
  uint64_t gone; /* closed ones that have left the list: number − gone − 1 is a place in it */
  double counted[EFFECT_ARMS];
  struct map places; /* user → place */
};
struct occasions {
  struct effects_terms terms;
  uint32_t groups;
  struct part parts[BOOK_PARTITIONS];
};

struct occasions *occasions_new(const struct effects_terms *terms, uint32_t groups) {
  struct occasions *o = kit_alloc(sizeof *o);
  if (!o) return NULL;
  memset(o, 0, sizeof *o);
  o->terms = *terms;
  o->groups = groups < EFFECT_ARMS ? groups : EFFECT_ARMS;
  return o;
}

void occasions_begin(struct occasions *o, uint32_t partition) {
  struct part *p = &o->parts[partition];
  kit_free(p->people);
  kit_free(p->closed);
  kit_free(p->open);
  map_free(&p->places);
  *p = (struct part){0};
}

void occasions_free(struct occasions *o) {
  for (uint32_t p = 0; o && p < BOOK_PARTITIONS; p++) occasions_begin(o, p);
  kit_free(o);
}

/* ---- open and closed ---- */

static struct open *numbered(const struct part *p, uint64_t number) {
  return &p->open[number - p->gone - 1];
}

static void weigh(const struct occasions *o, const struct open *one, struct weighed *groups, double counted[EFFECT_ARMS]) {
  const double x = aftermath_outcome(&one->after, o->terms.kind);
  if (stats_none(x)) return;
  groups[one->group].weight += one->weight;
  groups[one->group].outcome += one->weight * x;
  if (counted) counted[one->group]++;
}

static void close_until(struct occasions *o, struct part *p, int64_t clock) {
  while (p->first < p->end && p->open[p->first].at + o->terms.within < clock) {
    const struct open *one = &p->open[p->first++];
    struct person *who = &p->people[one->person];
    weigh(o, one, &p->closed[(size_t)one->person * o->groups], p->counted);
    who->first = one->next;
    if (!one->next) who->last = 0;
  }
}

/* Half of the list being closed, it is moved to the front: each decision is moved once on average. */
static bool make_room(struct part *p) {
  if (p->end < p->open_cap) return true;
  if (p->first > p->open_cap / 2) {
    memmove(p->open, p->open + p->first, (p->end - p->first) * sizeof *p->open);
    p->gone += p->first;
    p->end -= p->first;
    p->first = 0;
    return true;
  }
  const uint32_t cap = p->open_cap ? p->open_cap * 2 : 64;
  struct open *grown = kit_realloc(p->open, cap * sizeof *grown);
  if (!grown) return false;
  p->open = grown;
  p->open_cap = cap;
  return true;
}

static bool grow_people(const struct occasions *o, struct part *p) {
  if (p->count < p->cap) return true;
  const uint32_t cap = p->cap ? p->cap * 2 : 64;
  struct person *people = kit_realloc(p->people, cap * sizeof *people);
  if (people) p->people = people;
  struct weighed *closed = people ? kit_realloc(p->closed, (size_t)cap * o->groups * sizeof *closed) : NULL;
  if (!closed) return false;
  p->closed = closed;
  p->cap = cap;
  return true;
}

static bool find_person(const struct occasions *o, struct part *p, uint64_t user, uint64_t *place) {
  if (map_get(&p->places, user, place)) return true;
  if (!grow_people(o, p) || !map_set(&p->places, user, p->count)) return false;
  *place = p->count++;
  p->people[*place] = (struct person){0};
  memset(&p->closed[*place * o->groups], 0, o->groups * sizeof *p->closed);
  return true;
}

bool occasions_add(struct occasions *o, uint32_t partition, const struct occasion *one) {
  struct part *p = &o->parts[partition];
  uint64_t place;
  if (one->group >= o->groups || !(one->weight > 0)) return true;
  close_until(o, p, one->at);
  if (!make_room(p) || !find_person(o, p, one->user, &place)) return false;
  struct person *who = &p->people[place];
  const uint64_t number = p->gone + p->end + 1;
  p->open[p->end++] = (struct open){.at = one->at, .person = (uint32_t)place, .group = one->group, .weight = one->weight};
  if (who->last) numbered(p, who->last)->next = number;
  else who->first = number;
  who->last = number;
  who->group = one->group;
  return true;
}

bool occasions_again(struct occasions *o, uint32_t partition, uint64_t user, int64_t at) {
  struct part *p = &o->parts[partition];
  uint64_t place;
  if (!map_get(&p->places, user, &place)) return true;
  return occasions_add(o, partition, &(struct occasion){user, at, p->people[place].group, 1});
}

void occasions_event(struct occasions *o, uint32_t partition, uint64_t user, int64_t at, bool of, double number, bool over) {
  struct part *p = &o->parts[partition];
  uint64_t place;
  close_until(o, p, at);
  if (!map_get(&p->places, user, &place)) return;
  for (uint64_t k = p->people[place].first; k; k = numbered(p, k)->next) {
    struct open *one = numbered(p, k);
    if (at > one->at && at <= one->at + o->terms.within) aftermath_add(&one->after, of, number, over);
  }
}

/* ---- sums ---- */

/* All of a person whose time is over at `now`: what is closed, then what is not closed yet, in order. */
static void weigh_person(const struct occasions *o, const struct part *p, uint32_t place, int64_t now, struct weighed out[EFFECT_ARMS],
                         double counted[EFFECT_ARMS]) {
  memset(out, 0, EFFECT_ARMS * sizeof *out);
  memcpy(out, &p->closed[(size_t)place * o->groups], o->groups * sizeof *out);
  for (uint64_t k = p->people[place].first; k; k = numbered(p, k)->next)
    if (numbered(p, k)->at + o->terms.within < now) weigh(o, numbered(p, k), out, counted);
}

struct totals {
  struct weighed all[EFFECT_ARMS];
  double counted[EFFECT_ARMS], people[EFFECT_ARMS], either[EFFECT_ARMS]; /* either: in the group or in the base */
  double squares[EFFECT_ARMS], apart[EFFECT_ARMS];
};

static void add_person(struct totals *t, const struct weighed one[EFFECT_ARMS], uint32_t base) {
  for (uint32_t g = 0; g < EFFECT_ARMS; g++) {
    t->all[g].weight += one[g].weight;
    t->all[g].outcome += one[g].outcome;
    t->people[g] += one[g].weight > 0;
    t->either[g] += one[g].weight > 0 || (base < EFFECT_ARMS && one[base].weight > 0);
  }
}

/* By how much this person moves the mean of a group: the linear part of a ratio of two sums. */
static double pull(const struct totals *t, const struct weighed one[EFFECT_ARMS], uint32_t g) {
  const struct weighed *all = &t->all[g];
  return all->weight > 0 ? (one[g].outcome - one[g].weight * (all->outcome / all->weight)) / all->weight : 0;
}

static void add_errors(struct totals *t, const struct weighed one[EFFECT_ARMS], uint32_t base) {
  const double from = base < EFFECT_ARMS ? pull(t, one, base) : 0;
  for (uint32_t g = 0; g < EFFECT_ARMS; g++) {
    const double by = pull(t, one, g);
    t->squares[g] += by * by;
    t->apart[g] += (by - from) * (by - from);
  }
}

static double corrected(double squares, double people) {
  return people > 1 ? squares * people / (people - 1) : 0;
}

/* From sums of squares to squared errors. Where it happened after every decision of a group, or after none, nobody moves its mean, and its
 * people are counted instead. */
static void settle(struct totals *t, enum measure_kind kind, uint32_t base) {
  double settled[EFFECT_ARMS] = {0};
  for (uint32_t g = 0; g < EFFECT_ARMS; g++) {
    t->squares[g] = corrected(t->squares[g], t->people[g]);
    t->apart[g] = corrected(t->apart[g], t->either[g]);
    if (kind == MEASURE_HAPPENED && t->people[g] > 1 && !(t->squares[g] > 0))
      t->squares[g] = settled[g] = settled_variance(t->all[g].outcome / t->all[g].weight, t->people[g]) / t->people[g];
  }
  for (uint32_t g = 0; g < EFFECT_ARMS && base < EFFECT_ARMS; g++)
    if (g != base) t->apart[g] += settled[g] + settled[base];
}

void occasions_sum(const struct occasions *o, int64_t now, uint32_t base, struct moments out[EFFECT_ARMS], double apart[EFFECT_ARMS]) {
  struct totals t = {0};
  struct weighed one[EFFECT_ARMS];
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    for (uint32_t g = 0; g < o->groups; g++) t.counted[g] += o->parts[p].counted[g];
    for (uint32_t i = 0; i < o->parts[p].count; i++) {
      weigh_person(o, &o->parts[p], i, now, one, t.counted);
      add_person(&t, one, base);
    }
  }
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    for (uint32_t i = 0; i < o->parts[p].count; i++) {
      weigh_person(o, &o->parts[p], i, now, one, NULL);
      add_errors(&t, one, base);
    }
  settle(&t, o->terms.kind, base);
  for (uint32_t g = 0; g < EFFECT_ARMS; g++) {
    const bool any = t.all[g].weight > 0;
    out[g] =
        (struct moments){t.counted[g], any ? t.all[g].outcome / t.all[g].weight : STATS_NONE, t.squares[g] * t.counted[g], t.people[g]};
    apart[g] = t.apart[g];
  }
}
