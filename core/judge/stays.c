/* stays: whom a rollout's stage let in, and who of them left or complained. Promises that everybody counts once on each side of a share;
 * that who came in during an earlier stage is no part of it, and who had left before they came in has not left because of it; and that
 * the same rows give the same counts, whenever they are read. Memory grows with the people let in and those who left. Knows no journal and
 * no program; fed by whoever reads one, one thread. */
#include "judge/judge.h"
#include "kit/clock.h"
#include "kit/map.h"
#include <string.h>

#define COMPLAINT_WITHIN CLOCK_DAY /* after a message: who leaves then leaves because of it */

struct person {
  int64_t sent; /* the last message since they came in; 0: none */
  uint32_t term;
  bool left, complained;
};
struct part {
  struct person *people;
  uint32_t count, cap;
  struct map places;    /* user → place */
  struct map withdrawn; /* user → whether their consent is withdrawn now; whoever never said so is not in it */
  uint32_t term;        /* counts the stages since everybody came in anew */
  struct stay_counts counts;
};
struct stays {
  struct part parts[BOOK_PARTITIONS];
};

struct stays *stays_new(void) {
  struct stays *s = kit_alloc(sizeof *s);
  if (s) memset(s, 0, sizeof *s);
  return s;
}

static void forget_people(struct part *p) {
  kit_free(p->people);
  map_free(&p->places);
  p->people = NULL;
  p->places = (struct map){0};
  p->count = p->cap = 0;
}

void stays_free(struct stays *s) {
  for (uint32_t p = 0; s && p < BOOK_PARTITIONS; p++) {
    forget_people(&s->parts[p]);
    map_free(&s->parts[p].withdrawn);
  }
  kit_free(s);
}

void stays_begin(struct stays *s, uint32_t partition, bool anew) {
  struct part *p = &s->parts[partition];
  if (anew) forget_people(p);
  p->term++;
  p->counts = (struct stay_counts){0};
}

/* Of the present stage; NULL: nobody, or somebody from before it. */
static struct person *person_of(const struct part *p, uint64_t user) {
  uint64_t place;
  if (!map_get(&p->places, user, &place) || p->people[place].term != p->term) return NULL;
  return &p->people[place];
}

static bool is_withdrawn(const struct part *p, uint64_t user) {
  uint64_t withdrawn;
  return map_get(&p->withdrawn, user, &withdrawn) && withdrawn;
}

bool stays_enter(struct stays *s, uint32_t partition, uint64_t user) {
  struct part *p = &s->parts[partition];
  uint64_t place;
  if (map_get(&p->places, user, &place)) return true;
  if (p->count == p->cap) {
    const uint32_t cap = p->cap ? p->cap * 2 : 64;
    struct person *grown = kit_realloc(p->people, cap * sizeof *grown);
    if (!grown) return false;
    p->people = grown;
    p->cap = cap;
  }
  if (!map_set(&p->places, user, p->count)) return false;
  p->people[p->count++] = (struct person){.term = p->term, .left = is_withdrawn(p, user)};
  p->counts.entered++;
  return true;
}

void stays_sent(struct stays *s, uint32_t partition, uint64_t user, int64_t at) {
  struct person *one = person_of(&s->parts[partition], user);
  if (one) one->sent = at;
}

void stays_complained(struct stays *s, uint32_t partition, uint64_t user) {
  struct part *p = &s->parts[partition];
  struct person *one = person_of(p, user);
  if (!one || one->complained || is_withdrawn(p, user)) return;
  one->complained = true;
  p->counts.complained++;
}

bool stays_consent(struct stays *s, uint32_t partition, uint64_t user, int64_t at, bool withdrawn) {
  struct part *p = &s->parts[partition];
  struct person *one = person_of(p, user);
  if (withdrawn && one && !one->left) {
    one->left = true;
    p->counts.left++;
    if (one->sent && at - one->sent <= COMPLAINT_WITHIN) stays_complained(s, partition, user);
  }
  return withdrawn == is_withdrawn(p, user) || map_set(&p->withdrawn, user, withdrawn);
}

struct stay_counts stays_counts(const struct stays *s, uint32_t partition) {
  return s->parts[partition].counts;
}
