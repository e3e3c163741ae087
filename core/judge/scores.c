/* scores: what a served model and the state beside it said, against what came. Promises that both are judged on the same rows, that an
 * answer is judged once, when its outcome came or its time is over, and that the figures follow from the journal's order alone: partitions
 * are kept apart and added in their order. Memory grows with answers that wait and with users that were judged. Knows no model and no
 * journal; fed by the lifecycle on the builder's thread. */
#include "judge.h"
#include "kit/map.h"
#include "kit/math.h"
#include "stats/stats.h"
#include <string.h>

#define DAY_MS  INT64_C(86400000)
#define NOBODY  UINT32_MAX
#define CHANGES 0.002 /* ADWIN's delta */

struct answer {
  uint64_t user;
  int64_t at;
  double served, beside;
  uint32_t newer; /* the user's next answer that waits */
  bool judged;
};
struct day {
  int64_t number;
  uint64_t rows, yes, right;
  double loss;
};
struct judged_user {
  uint64_t user;
  double rows, gain;
};
struct part {
  struct answer *answers; /* in order of time; [first, count) wait, but for those judged */
  uint32_t first, count, cap;
  struct map oldest, newest; /* user → place of the answers that wait */
  struct day days[SCORES_DAYS];
  uint64_t both, served_right, beside_right;
  double served_loss, beside_loss;
  int64_t from, until;
  struct judged_user *users; /* in the order in which they were judged first */
  uint32_t user_count, user_cap;
  struct map places;
  struct adaptive sets; /* of the served state's predictions */
};
struct scores {
  struct scores_terms terms;
  struct part parts[BOOK_PARTITIONS];
  struct adwin stream;
  bool changed;
};

struct scores *scores_new(const struct scores_terms *terms) {
  struct scores *s = kit_alloc(sizeof *s);
  if (!s) return NULL;
  memset(s, 0, sizeof *s);
  s->terms = *terms;
  return s;
}

static void part_free(struct part *p) {
  kit_free(p->answers);
  kit_free(p->users);
  map_free(&p->oldest);
  map_free(&p->newest);
  map_free(&p->places);
  memset(p, 0, sizeof *p);
}

void scores_free(struct scores *s) {
  if (!s) return;
  for (uint32_t i = 0; i < BOOK_PARTITIONS; i++) part_free(&s->parts[i]);
  kit_free(s);
}

void scores_begin(struct scores *s, uint32_t partition) {
  part_free(&s->parts[partition]);
}

/* ---- judging ---- */

static double loss_of(double p, double y) {
  return log_loss(&p, &y, 1);
}

static bool is_right(double p, double y) {
  return (p >= .5) == (y > .5);
}

static void note_user(struct part *p, uint64_t user, double gain) {
  uint64_t at;
  if (!map_get(&p->places, user, &at)) {
    if (p->user_count == p->user_cap) {
      const uint32_t cap = p->user_cap ? p->user_cap * 2 : 64;
      struct judged_user *grown = kit_realloc(p->users, cap * sizeof *grown);
      if (!grown) return; /* the standard error knows one user less */
      p->users = grown;
      p->user_cap = cap;
    }
    if (!map_set(&p->places, user, p->user_count)) return;
    at = p->user_count++;
    p->users[at] = (struct judged_user){.user = user};
  }
  p->users[at].rows++;
  p->users[at].gain += gain;
}

static void judge(struct scores *s, struct part *p, struct answer *a, double y) {
  const int64_t number = a->at / DAY_MS;
  struct day *day = &p->days[number % SCORES_DAYS];
  const double loss = loss_of(a->served, y);
  a->judged = true;
  adaptive_add(&p->sets, y > .5 ? 1 - a->served : a->served);
  if (day->number < number) *day = (struct day){.number = number};
  if (day->number == number) {
    day->rows++;
    day->yes += y > .5;
    day->right += is_right(a->served, y);
    day->loss += loss;
  }
  s->changed |= adwin_add(&s->stream, is_right(a->served, y), CHANGES);
  if (stats_none(a->beside)) return;
  const double other = loss_of(a->beside, y);
  if (p->both == 0 || a->at < p->from) p->from = a->at;
  if (a->at > p->until) p->until = a->at;
  p->both++;
  p->served_right += is_right(a->served, y);
  p->beside_right += is_right(a->beside, y);
  p->served_loss += loss;
  p->beside_loss += other;
  note_user(p, a->user, loss - other);
}

/* ---- who waits ---- */

static void forget_oldest(struct part *p, const struct answer *a) {
  if (a->newer == NOBODY) {
    map_remove(&p->oldest, a->user);
    map_remove(&p->newest, a->user);
  } else map_set(&p->oldest, a->user, a->newer); /* the key is there: nothing can fail */
}

/* Makes room by moving what waits to the front; places move with it. */
static bool make_room(struct part *p) {
  if (p->count < p->cap) return true;
  const uint32_t waiting = p->count - p->first;
  if (p->first > 0 && p->first >= p->cap / 2) {
    memmove(p->answers, p->answers + p->first, waiting * sizeof *p->answers);
    struct map_slot slot;
    for (int which = 0; which < 2; which++) {
      struct map *m = which ? &p->newest : &p->oldest;
      for (size_t cursor = 0; map_next(m, &cursor, &slot);) m->slots[cursor - 1].value -= p->first;
    }
    for (uint32_t i = 0; i < waiting; i++)
      if (p->answers[i].newer != NOBODY) p->answers[i].newer -= p->first;
    p->first = 0;
    p->count = waiting;
    return true;
  }
  const uint32_t cap = p->cap ? p->cap * 2 : 256;
  struct answer *grown = kit_realloc(p->answers, cap * sizeof *grown);
  if (!grown) return false;
  p->answers = grown;
  p->cap = cap;
  return true;
}

bool scores_answer(struct scores *s, uint32_t partition, uint64_t user, int64_t at, double served, double beside) {
  struct part *p = &s->parts[partition];
  uint64_t newest;
  scores_until(s, partition, at - s->terms.within);
  if (!make_room(p)) return false;
  const bool waits = map_get(&p->newest, user, &newest);
  if (!map_set(&p->newest, user, p->count)) return false;
  if (!waits && !map_set(&p->oldest, user, p->count)) {
    map_remove(&p->newest, user);
    return false;
  }
  if (waits) p->answers[newest].newer = p->count;
  p->answers[p->count++] = (struct answer){.user = user, .at = at, .served = served, .beside = beside, .newer = NOBODY};
  return true;
}

/* Nothing came in its time. */
static void judge_silence(struct scores *s, struct part *p, struct answer *a) {
  if (s->terms.left_out) a->judged = true;
  else judge(s, p, a, s->terms.absent);
}

void scores_outcome(struct scores *s, uint32_t partition, uint64_t user, int64_t at, bool yes) {
  struct part *p = &s->parts[partition];
  uint64_t oldest;
  while (map_get(&p->oldest, user, &oldest)) {
    struct answer *a = &p->answers[oldest];
    const bool in_time = a->at + s->terms.within >= at;
    if (in_time && at <= a->at + s->terms.after) return; /* so are all newer ones */
    forget_oldest(p, a);
    if (!in_time) judge_silence(s, p, a);
    else judge(s, p, a, yes && !s->terms.absent);
    if (in_time && !s->terms.absent) return;
  }
}

void scores_until(struct scores *s, uint32_t partition, int64_t clock) {
  struct part *p = &s->parts[partition];
  for (; p->first < p->count && (p->answers[p->first].judged || p->answers[p->first].at < clock); p->first++) {
    struct answer *a = &p->answers[p->first];
    if (a->judged) continue;
    forget_oldest(p, a);
    judge_silence(s, p, a);
  }
}

/* ---- figures ---- */

static void sum_days(const struct scores *s, struct score *out) {
  int64_t newest = 0;
  double yes = 0, right = 0, loss = 0;
  for (uint32_t i = 0; i < BOOK_PARTITIONS; i++)
    for (int d = 0; d < SCORES_DAYS; d++)
      if (s->parts[i].days[d].rows && s->parts[i].days[d].number > newest) newest = s->parts[i].days[d].number;
  for (uint32_t i = 0; i < BOOK_PARTITIONS; i++)
    for (int d = 0; d < SCORES_DAYS; d++) {
      const struct day *day = &s->parts[i].days[d];
      if (!day->rows || day->number <= newest - SCORES_DAYS) continue;
      out->rows += day->rows;
      yes += (double)day->yes;
      right += (double)day->right;
      loss += day->loss;
    }
  const double n = (double)out->rows;
  out->base_rate = n > 0 ? yes / n : STATS_NONE;
  out->accuracy = n > 0 ? right / n : STATS_NONE;
  out->log_loss = n > 0 ? loss / n : STATS_NONE;
}

static double error_of(const struct scores *s, double n, double gain) {
  double squares = 0, users = 0;
  for (uint32_t i = 0; i < BOOK_PARTITIONS; i++)
    for (uint32_t u = 0; u < s->parts[i].user_count; u++) {
      const double apart = s->parts[i].users[u].gain - gain * s->parts[i].users[u].rows;
      squares += apart * apart;
      users++;
    }
  return users > 1 ? math_sqrt(squares * users / (users - 1)) / n : STATS_NONE;
}

void scores_sum(const struct scores *s, struct score *out) {
  double served_right = 0, beside_right = 0, served_loss = 0, beside_loss = 0;
  *out = (struct score){0};
  sum_days(s, out);
  for (uint32_t i = 0; i < BOOK_PARTITIONS; i++) {
    const struct part *p = &s->parts[i];
    if (!p->both) continue;
    if (!out->both || p->from < out->first) out->first = p->from;
    if (p->until > out->last) out->last = p->until;
    out->both += p->both;
    out->users += p->user_count;
    served_right += (double)p->served_right;
    beside_right += (double)p->beside_right;
    served_loss += p->served_loss;
    beside_loss += p->beside_loss;
  }
  const double n = (double)out->both;
  out->served_accuracy = n > 0 ? served_right / n : STATS_NONE;
  out->beside_accuracy = n > 0 ? beside_right / n : STATS_NONE;
  out->served_loss = n > 0 ? served_loss / n : STATS_NONE;
  out->beside_loss = n > 0 ? beside_loss / n : STATS_NONE;
  out->gain = n > 0 ? (served_loss - beside_loss) / n : STATS_NONE;
  out->error = n > 0 ? error_of(s, n, out->gain) : STATS_NONE;
}

double scores_sets(const struct scores *s, uint32_t partition, struct score_sets *out) {
  const struct adaptive *a = &s->parts[partition].sets;
  *out = (struct score_sets){a->asked, a->held, adaptive_level(a)};
  return adaptive_quantile(a);
}

bool scores_changed(struct scores *s) {
  const bool changed = s->changed;
  s->changed = false;
  return changed;
}
