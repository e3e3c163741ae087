/* Training tables: rows of features as they were when something was to be predicted, joined with what came of it. Promises that no row
 * knows its future: a row is what a model would be asked at that event, so the event itself has moved the user and nothing later has, and
 * its outcome comes from events after it; a row whose time is not over when the events end is left out; a user's rows are all in training
 * or all in the test. Does not train. Called by `kairos train`, `kairos evaluate` and tests, one thread. */
#include "training.h"
#include "kit/map.h"
#include "kit/rng.h"
#include <stdlib.h>
#include <string.h>

#define NO_ROW          UINT32_MAX
#define TEST_SHARE      0.2
#define CALIBRATE_UNTIL 0.36 /* of the users' hashes, from TEST_SHARE on */
#define CONFORM_UNTIL   0.46
#define ROWS_MOST       2000000u

struct sample {
  uint64_t user;           /* hash of the id */
  int64_t until;           /* the target's time is over */
  double truth;            /* the outcome's probability for one who knows everything; NaN: nobody does */
  uint32_t previous, next; /* the user's sample before and after */
  uint32_t fold, group;
  bool done, open;
  bool lost;           /* with a step: no target came in the window that begins one step on */
  bool heard, at_risk; /* a target came after it; none since the row before: who was lost already teaches nothing and is not judged */
};
struct part { /* as columns */
  uint32_t rows;
  double **inputs, *target, *outcome, *before, *truth;
  uint64_t **valid, *user;
  bool *late;
  uint32_t *group;
};
struct training_table {
  const struct models *models;
  const struct model *model;
  const struct features *features;
  struct training_rule rule;
  struct grouping by; /* by.by NULL: by nothing */
  struct map newest;  /* user → newest sample */
  struct sample *samples;
  uint32_t *widths, values; /* of the inputs; their sum */
  double *inputs;           /* [count × values], NaN: missing */
  uint32_t count, cap;
  int64_t clock;    /* newest seen */
  int64_t lookback; /* 0: everything */
  struct value *slots;
  struct arena arena, cells; /* cells: of the parts */
  struct part parts[TRAINING_PARTS];
  uint32_t fold, folds; /* folds 0: split by hash */
  int64_t middle;       /* of the time that rows were taken in */
};

/* A window that the features do not keep is refused here too, since a training may have no program that checked it. */
static bool take_widths(struct training_table *t, const uint32_t *widths, struct err *e) {
  const struct model *m = t->model;
  if (!(t->widths = ARENA_ARRAY(&t->arena, uint32_t, m->input_count + 1)))
    return err_set(e, ERR_INTERNAL, "no memory for a training table");
  for (uint32_t c = 0; c < m->input_count; c++) {
    t->widths[c] = widths ? widths[c] : 1;
    t->values += t->widths[c];
    if (t->widths[c] > HISTORY_DAYS_MOST || (t->widths[c] > 1 && !m->from[c].is_history))
      return err_set(e, ERR_INPUT, "model \"%s\": input \"%s\" has no window of %u days", m->name, m->inputs[c], t->widths[c]);
  }
  return true;
}

struct training_table *training_table_new(const struct models *m, const struct noun_model *declared, const struct features *f,
                                          const uint32_t *widths, struct err *e) {
  struct training_table *t = kit_alloc(sizeof *t);
  if (!t) {
    err_set(e, ERR_INTERNAL, "no memory for a training table");
    return NULL;
  }
  *t = (struct training_table){.models = m, .features = f};
  for (uint32_t i = 0; i < m->count; i++)
    if (m->at[i].noun == declared) t->model = &m->at[i];
  must(t->model);
  t->slots = ARENA_ARRAY(&t->arena, struct value, f->symbols->count + 1);
  if (t->slots && take_widths(t, widths, e) && training_rule_read(&t->rule, t->model, f, &t->arena, e)) return t;
  if (!t->slots) err_set(e, ERR_INTERNAL, "no memory for a training table");
  training_table_free(t);
  return NULL;
}

void training_table_free(struct training_table *t) {
  if (!t) return;
  map_free(&t->newest);
  kit_free(t->samples);
  kit_free(t->inputs);
  arena_free(&t->cells);
  arena_free(&t->arena);
  kit_free(t);
}

/* ---- collecting ---- */

static bool grow(struct training_table *t, struct err *e) {
  if (t->count < t->cap) return true;
  uint32_t cap = t->cap ? t->cap * 2 : 4096;
  struct sample *samples = kit_realloc(t->samples, cap * sizeof *samples);
  if (samples) t->samples = samples;
  double *inputs = samples ? kit_realloc(t->inputs, (size_t)cap * t->values * sizeof *inputs) : NULL;
  if (!inputs) return err_set(e, ERR_INTERNAL, "no memory for %u training rows", cap);
  t->inputs = inputs;
  t->cap = cap;
  return true;
}

static uint32_t newest_of(const struct training_table *t, uint64_t user) {
  uint64_t at;
  return map_get(&t->newest, user, &at) ? (uint32_t)at : NO_ROW;
}

static bool is_open(const struct training_table *t, const struct sample *s, int64_t at) {
  return s->open && at > s->until - t->rule.within + t->rule.after && at <= s->until;
}

/* Within the window that is judged, moved to where it would lie if it began one step after the row. */
static bool is_after_step(const struct training_table *t, const struct sample *s, int64_t at) {
  const int64_t begins = s->until - t->rule.within + t->rule.step;
  return at > begins && at <= begins + t->rule.within - t->rule.after;
}

/* One completion answers one plan: the oldest that still waits. Where an outcome is that nothing came, it speaks against all that wait. */
static void answer(struct training_table *t, uint64_t user, int64_t at, bool yes) {
  uint32_t oldest = NO_ROW;
  const uint32_t newest = newest_of(t, user);
  if (newest != NO_ROW) t->samples[newest].heard = true;
  for (uint32_t i = newest; i != NO_ROW; i = t->samples[i].previous) {
    if (t->samples[i].until < at) break; /* samples of a user come in order of time */
    if (is_after_step(t, &t->samples[i], at)) t->samples[i].lost = false;
    if (!is_open(t, &t->samples[i], at)) continue;
    oldest = i;
    if (t->rule.absent) t->samples[i].open = t->samples[i].done = false;
  }
  if (oldest == NO_ROW || t->rule.absent) return;
  t->samples[oldest].done = yes;
  t->samples[oldest].open = false;
}

static bool take_sample(struct training_table *t, const struct user *u, uint64_t user, int64_t clock, struct arena *scratch,
                        struct err *e) {
  if (t->count >= ROWS_MOST) return err_set(e, ERR_INPUT, "more than %u training rows", ROWS_MOST);
  if (!grow(t, e)) return false;
  double *row = t->inputs + (size_t)t->count * t->values;
  struct view v;
  view_open(&v, t->features, u, clock, scratch);
  for (uint32_t c = 0; c < t->model->input_count; row += t->widths[c++]) {
    uint64_t valid = 0;
    input_read(&t->model->from[c], t->widths[c], &v, t->slots, row, &valid, 0);
    for (uint32_t j = 0; j < t->widths[c]; j++)
      if (!(valid >> j & 1)) row[j] = STATS_NONE;
  }
  uint32_t before_it = newest_of(t, user);
  t->samples[t->count] = (struct sample){.user = user,
                                         .until = clock + t->rule.within,
                                         .truth = STATS_NONE,
                                         .previous = before_it,
                                         .next = NO_ROW,
                                         .group = t->by.by ? grouping_of(&t->by, &v, t->slots, &t->arena) : GROUP_NONE,
                                         .done = t->rule.absent,
                                         .open = true,
                                         .lost = true,
                                         .at_risk = before_it == NO_ROW || t->samples[before_it].heard};
  if (before_it != NO_ROW) t->samples[before_it].next = t->count;
  if (!map_set(&t->newest, user, t->count)) return err_set(e, ERR_INTERNAL, "no memory for training rows");
  t->count++;
  return true;
}

bool training_table_event(struct training_table *t, const struct user *u, const struct event *e, int64_t clock, struct arena *scratch,
                          struct err *err) {
  const uint64_t user = hash_64(e->user);
  bool yes;
  if (clock > t->clock) t->clock = clock;
  if (training_rule_answer(&t->rule, e, scratch, &yes)) answer(t, user, clock, yes);
  return !str_eq(e->type, t->rule.on) || take_sample(t, u, user, clock, scratch, err);
}

bool training_table_asks(const struct training_table *t, struct str on, struct str target) {
  const struct training_rule *r = &t->rule;
  return str_eq(r->on, on) && str_eq(r->target, target) && !r->absent && !r->left_out && !r->where && !r->yes && !r->after;
}

void training_table_truth(struct training_table *t, double probability) {
  if (t->count) t->samples[t->count - 1].truth = probability;
}

/* ---- splitting ---- */

/* Which part a row is in; TRAINING_PARTS: none. */
static enum training_part part_of(const struct training_table *t, const struct sample *s) {
  if (t->folds) /* the fold after the tested one calibrates */
    return s->fold == t->fold                                          ? TRAINING_TEST
           : t->rule.calibrates && s->fold == (t->fold + 1) % t->folds ? TRAINING_CALIBRATE
                                                                       : TRAINING_TRAIN;
  const double share = rng_mix(s->user);
  if (share < TEST_SHARE) return TRAINING_TEST;
  if (!t->rule.calibrates || share >= CONFORM_UNTIL) return TRAINING_TRAIN;
  if (s->until - t->rule.within < t->middle) return TRAINING_PARTS;
  return share < CALIBRATE_UNTIL ? TRAINING_CALIBRATE : TRAINING_CONFORM;
}

/* The order in which samples are taken when there are more than wanted: by chance, but always the same. */
struct pick {
  uint64_t key;
  uint32_t sample;
};

static int by_key(const void *a, const void *b) {
  const struct pick *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static int by_sample(const void *a, const void *b) {
  const struct pick *x = a, *y = b;
  return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static bool is_old(const struct training_table *t, const struct sample *s) {
  return t->lookback && s->until - t->rule.within < t->clock - t->lookback;
}

static bool is_known(const struct training_table *t, const struct sample *s) {
  if (t->rule.step) return s->at_risk && s->until <= t->clock; /* who is seen to stay early would be known sooner than who is lost */
  return !s->open || (s->until <= t->clock && !t->rule.left_out);
}

/* The silence that this row would count as a loss had begun in a step before it: one loss is one person-step's. A quarter of a step of
 * play, because reports do not come to the minute. */
static bool follows_loss(const struct training_table *t, const struct sample *s) {
  for (uint32_t i = s->previous; i != NO_ROW; i = t->samples[i].previous) {
    const int64_t before = s->until - t->samples[i].until;
    if (before >= t->rule.step + t->rule.within - t->rule.after) return false;
    if (t->samples[i].lost && before >= t->rule.step - t->rule.step / 4) return true;
  }
  return false;
}

static double target_of(const struct training_table *t, uint32_t sample) {
  const struct sample *first = &t->samples[sample];
  double done = 0, n = 0;
  if (t->rule.step) return first->lost;
  if (!t->rule.smooth) return first->done;
  for (uint32_t i = sample; i != NO_ROW && t->samples[i].until - first->until <= t->rule.smooth; i = t->samples[i].next) {
    if (!is_known(t, &t->samples[i])) continue;
    done += t->samples[i].done;
    n++;
  }
  return done / n;
}

/* What came of the user's newest earlier sample whose time was over when this one was taken; none when there is none. */
static double before_of(const struct training_table *t, uint32_t sample) {
  const int64_t taken = t->samples[sample].until - t->rule.within;
  for (uint32_t i = t->samples[sample].previous; i != NO_ROW; i = t->samples[i].previous)
    if (t->samples[i].until <= taken) return t->samples[i].done;
  return STATS_NONE;
}

static bool column_fill(struct training_table *t, struct part *p, const struct pick *picks, uint32_t c, uint32_t first) {
  const uint32_t width = t->widths[c];
  const size_t cells = (size_t)p->rows * width;
  p->inputs[c] = ARENA_ARRAY(&t->cells, double, cells + 1);
  p->valid[c] = ARENA_ARRAY(&t->cells, uint64_t, cells / 64 + 1);
  if (!p->inputs[c] || !p->valid[c]) return false;
  for (size_t i = 0; i < cells; i++) {
    const double cell = t->inputs[(size_t)picks[i / width].sample * t->values + first + i % width];
    if (stats_none(cell)) continue;
    p->inputs[c][i] = cell;
    p->valid[c][i / 64] |= UINT64_C(1) << (i % 64);
  }
  return true;
}

static bool part_fill(struct training_table *t, struct part *p, const struct pick *picks, uint32_t rows) {
  uint32_t inputs = t->model->input_count, first = 0;
  p->rows = rows;
  p->inputs = ARENA_ARRAY(&t->cells, double *, inputs);
  p->valid = ARENA_ARRAY(&t->cells, uint64_t *, inputs);
  p->target = ARENA_ARRAY(&t->cells, double, rows + 1);
  p->outcome = ARENA_ARRAY(&t->cells, double, rows + 1);
  p->user = ARENA_ARRAY(&t->cells, uint64_t, rows + 1);
  p->before = ARENA_ARRAY(&t->cells, double, rows + 1);
  p->truth = ARENA_ARRAY(&t->cells, double, rows + 1);
  p->late = ARENA_ARRAY(&t->cells, bool, rows + 1);
  p->group = ARENA_ARRAY(&t->cells, uint32_t, rows + 1);
  if (!p->group || !p->inputs || !p->valid || !p->target || !p->outcome || !p->user || !p->before || !p->truth || !p->late) return false;
  for (uint32_t c = 0; c < inputs; first += t->widths[c++])
    if (!column_fill(t, p, picks, c, first)) return false;
  for (uint32_t r = 0; r < rows; r++) {
    p->user[r] = t->samples[picks[r].sample].user;
    p->target[r] = target_of(t, picks[r].sample);
    p->outcome[r] = t->samples[picks[r].sample].done;
    p->before[r] = before_of(t, picks[r].sample);
    p->truth[r] = t->samples[picks[r].sample].truth;
    p->late[r] = t->samples[picks[r].sample].until - t->rule.within >= t->middle;
    p->group[r] = t->samples[picks[r].sample].group;
  }
  return true;
}

static bool take_part(struct training_table *t, enum training_part part, uint32_t most, struct pick *picks) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->count; i++) {
    const struct sample *s = &t->samples[i];
    if (part_of(t, s) != part || !is_known(t, s) || is_old(t, s)) continue;
    if (part == TRAINING_TRAIN && t->rule.step && follows_loss(t, s)) continue;
    picks[n++] = (struct pick){hash_64_seed((struct str){(const char *)&s->user, sizeof s->user}, (uint64_t)s->until), i};
  }
  if (n > 1) qsort(picks, n, sizeof *picks, by_key);
  uint32_t rows = n < most ? n : most;
  if (rows > 1) qsort(picks, rows, sizeof *picks, by_sample);
  return part_fill(t, &t->parts[part], picks, rows);
}

static bool split(struct training_table *t, struct err *e) {
  struct pick *picks = kit_alloc((t->count + 1) * sizeof *picks);
  bool fine = picks != NULL;
  arena_reset(&t->cells);
  for (int part = 0; fine && part < TRAINING_PARTS; part++)
    fine = take_part(t, (enum training_part)part, part == TRAINING_TRAIN ? t->rule.rows_most : ROWS_MOST, picks);
  kit_free(picks);
  return fine || err_set(e, ERR_INTERNAL, "no memory for %u training rows", t->count);
}

bool training_table_finish(struct training_table *t, struct err *e) {
  int64_t first = t->clock;
  for (uint32_t i = 0; i < t->count; i++)
    first = t->samples[i].until - t->rule.within < first ? t->samples[i].until - t->rule.within : first;
  if (t->lookback && first < t->clock - t->lookback) first = t->clock - t->lookback;
  const int64_t last = t->rule.step ? t->clock - t->rule.within : t->clock;
  t->middle = first + (last - first) / 2;
  t->folds = 0;
  if (!split(t, e)) return false;
  if (t->lookback || (t->parts[0].rows >= 50 && t->parts[1].rows >= 20)) return true; /* with a lookback the caller asks for more */
  return err_set(e, ERR_INPUT, "model \"%s\": %u rows to train on and %u to test with; expected at least 50 and 20 of \"" STR_FORMAT "\"",
                 t->model->name, t->parts[0].rows, t->parts[1].rows, STR_ARG(t->rule.on));
}

/* The people with a known row, in the order of their hashes. */
static uint32_t list_people(const struct training_table *t, struct pick *people) {
  uint32_t n = 0, unique = 0;
  for (uint32_t i = 0; i < t->count; i++)
    if (is_known(t, &t->samples[i])) people[n++] = (struct pick){t->samples[i].user, 0};
  if (n > 1) qsort(people, n, sizeof *people, by_key);
  for (uint32_t i = 0; i < n; i++)
    if (unique == 0 || people[unique - 1].key != people[i].key) people[unique++] = people[i];
  return unique;
}

bool training_table_people(const struct training_table *t, uint32_t *people, uint32_t *rarer) {
  struct pick *list = kit_alloc((t->count + 1) * sizeof *list);
  uint32_t outcomes[2] = {0};
  *people = list ? list_people(t, list) : 0;
  for (uint32_t i = 0; i < t->count; i++)
    if (is_known(t, &t->samples[i])) outcomes[t->samples[i].done]++;
  *rarer = outcomes[outcomes[1] < outcomes[0]];
  kit_free(list);
  return list != NULL;
}

bool training_table_fold(struct training_table *t, uint32_t fold, uint32_t folds, struct err *e) {
  must(fold < folds);
  if (t->folds != folds) {
    struct pick *people = kit_alloc((t->count + 1) * sizeof *people);
    if (!people) return err_set(e, ERR_INTERNAL, "no memory for %u training rows", t->count);
    const uint32_t count = list_people(t, people);
    for (uint32_t i = 0; i < t->count; i++) {
      const struct pick one = {t->samples[i].user, 0}, *at = bsearch(&one, people, count, sizeof *people, by_key);
      t->samples[i].fold = at ? (uint32_t)(at - people) % folds : 0;
    }
    kit_free(people);
    if (count < folds)
      return err_set(e, ERR_INPUT, "model \"%s\": %u people with rows; expected at least one in each of %u folds", t->model->name, count,
                     folds);
  }
  t->fold = fold;
  t->folds = folds;
  return split(t, e);
}

void training_table_lookback(struct training_table *t, int64_t ms) {
  t->lookback = ms;
}

struct training_size training_table_size(const struct training_table *t) {
  struct training_size size = {.from = t->clock, .until = 0};
  struct map seen = {0};
  uint64_t there;
  for (uint32_t i = 0; i < t->count; i++) {
    const struct sample *s = &t->samples[i];
    const int64_t taken = s->until - t->rule.within;
    if (!is_known(t, s)) continue;
    if (is_old(t, s)) size.old++;
    if (is_old(t, s)) continue;
    size.rows++;
    size.positives += s->done;
    if (taken < size.from) size.from = taken;
    if (taken > size.until) size.until = taken;
    if (!map_get(&seen, s->user, &there) && map_set(&seen, s->user, 1)) size.users++;
  }
  map_free(&seen);
  if (size.rows == 0) size.until = size.from;
  return size;
}

bool training_table_calibrates(const struct training_table *t, bool *isotonic) {
  *isotonic = t->rule.isotonic;
  return t->rule.calibrates;
}

void training_table_rows(const struct training_table *t, enum training_part part, struct training_rows *out) {
  const struct part *p = &t->parts[part];
  *out = (struct training_rows){p->rows,
                                p->inputs,
                                p->valid,
                                p->target,
                                p->outcome,
                                p->before,
                                p->truth,
                                p->user,
                                p->late,
                                t->widths,
                                t->model->input_count,
                                t->by.by ? p->group : NULL};
}

bool training_table_by(struct training_table *t, const char *by, struct err *e) {
  return grouping_read(&t->by, t->features, by, e);
}

uint32_t training_table_groups(const struct training_table *t, const struct str **names, struct err *e) {
  *names = t->by.names;
  if (t->by.count == 0) err_set(e, ERR_MISSING, "--by: of nobody with a row is %s known", t->by.by);
  else if (t->by.too_many)
    err_set(e, ERR_INPUT,
            "--by: %s has more than %d values: a feature that makes ranges of it, as in floor(profile.age / 10) * 10, has fewer", t->by.by,
            GROUPINGS_MOST);
  return t->by.count > 0 && !t->by.too_many ? t->by.count : 0;
}
