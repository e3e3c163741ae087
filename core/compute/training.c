/* Training tables: rows of features as they were when something was to be predicted, joined with what came of it. Promises that no row
 * knows its future: a row is taken before the event that asks for it moves the user, and its target from events after it; a row whose time
 * is not over when the events end is left out; a user's rows are all in training or all in the test. Does not train. Called by `kairos
 * train` and tests, one thread. */
#include "kit/map.h"
#include "kit/rng.h"
#include "models.h"
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
  uint32_t previous, next; /* the user's sample before and after */
  bool done, open;
};
struct part { /* as columns */
  uint32_t rows;
  double **inputs, *target, *outcome, *before;
  uint64_t **valid, *user;
  bool *late;
};
struct training_table {
  const struct models *models;
  const struct model *model;
  const struct features *features;
  struct str on, target;
  int64_t within, smooth; /* smooth 0: the outcome itself is learned */
  uint32_t rows_most;     /* of training */
  struct map newest;      /* user → newest sample */
  struct sample *samples;
  uint32_t *widths, values; /* of the inputs; their sum */
  double *inputs;           /* [count × values], NaN: missing */
  uint32_t count, cap;
  int64_t clock; /* newest seen */
  struct value *slots;
  struct arena arena; /* parts */
  struct part parts[TRAINING_PARTS];
  bool calibrates, isotonic;
  int64_t middle; /* of the time that rows were taken in */
};

/* ---- what the model's file says ---- */

static bool text_of(const struct node *train, const char *key, struct str *out, const char *name, struct err *e) {
  const struct node *n = node_get(train, key);
  if (!n || n->kind != NODE_TEXT || !n->text.len) return err_set(e, ERR_INPUT, "model \"%s\": train.%s: expected an event type", name, key);
  *out = n->text;
  return true;
}

static bool read_train(struct training_table *t, const struct node *train, struct err *e) {
  const char *name = t->model->name;
  if (!train || train->kind != NODE_TABLE)
    return err_set(e, ERR_INPUT, "model \"%s\": it has no `train = { on = …, target = …, within = … }`, so nothing says what to learn",
                   name);
  const struct node *within = node_get(train, "within"), *rows = node_get(train, "rows"), *smooth = node_get(train, "smooth");
  if (!text_of(train, "on", &t->on, name, e) || !text_of(train, "target", &t->target, name, e)) return false;
  if (!within || within->kind != NODE_NUMBER || !(within->number >= 1 && within->number <= 366 * 86400.0))
    return err_set(e, ERR_INPUT, "model \"%s\": train.within: expected a duration of up to a year, such as 24 * hours", name);
  t->within = (int64_t)(within->number * 1000);
  const struct node *calibrate = node_get(train, "calibrate");
  t->calibrates = calibrate != NULL;
  t->isotonic = calibrate && calibrate->kind == NODE_TEXT && str_is(calibrate->text, "isotonic");
  if (calibrate && !t->isotonic && (calibrate->kind != NODE_TEXT || !str_is(calibrate->text, "platt")))
    return err_set(e, ERR_INPUT, "model \"%s\": train.calibrate: expected \"platt\" or \"isotonic\"", name);
  if (smooth && smooth->kind == NODE_NUMBER && smooth->number > 0)
    t->smooth = (int64_t)(math_clamp(smooth->number, 1, 366 * 86400.0) * 1000);
  t->rows_most = rows && rows->kind == NODE_NUMBER && rows->number >= 1 && rows->number <= ROWS_MOST ? (uint32_t)rows->number : 20000;
  return true;
}

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
  if (t->slots && take_widths(t, widths, e) && read_train(t, declared->train, e)) return t;
  if (!t->slots) err_set(e, ERR_INTERNAL, "no memory for a training table");
  training_table_free(t);
  return NULL;
}

void training_table_free(struct training_table *t) {
  if (!t) return;
  map_free(&t->newest);
  kit_free(t->samples);
  kit_free(t->inputs);
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

/* One completion answers one plan: the oldest that still waits. */
static void answer(struct training_table *t, uint64_t user, int64_t at) {
  uint32_t oldest = NO_ROW;
  for (uint32_t i = newest_of(t, user); i != NO_ROW; i = t->samples[i].previous) {
    if (t->samples[i].until < at) break; /* samples of a user come in order of time */
    if (t->samples[i].open) oldest = i;
  }
  if (oldest == NO_ROW) return;
  t->samples[oldest].done = true;
  t->samples[oldest].open = false;
}

static bool take_sample(struct training_table *t, const struct user *before, uint64_t user, int64_t clock, struct arena *scratch,
                        struct err *e) {
  if (t->count >= ROWS_MOST) return err_set(e, ERR_INPUT, "more than %u training rows", ROWS_MOST);
  if (!grow(t, e)) return false;
  double *row = t->inputs + (size_t)t->count * t->values;
  struct view v;
  view_open(&v, t->features, before, clock, scratch);
  for (uint32_t c = 0; c < t->model->input_count; row += t->widths[c++]) {
    uint64_t valid = 0;
    input_read(&t->model->from[c], t->widths[c], &v, t->slots, row, &valid, 0);
    for (uint32_t j = 0; j < t->widths[c]; j++)
      if (!(valid >> j & 1)) row[j] = STATS_NONE;
  }
  uint32_t before_it = newest_of(t, user);
  t->samples[t->count] = (struct sample){user, clock + t->within, before_it, NO_ROW, false, true};
  if (before_it != NO_ROW) t->samples[before_it].next = t->count;
  if (!map_set(&t->newest, user, t->count)) return err_set(e, ERR_INTERNAL, "no memory for training rows");
  t->count++;
  return true;
}

bool training_table_event(struct training_table *t, struct user *before, const struct event *e, int64_t clock, struct arena *scratch,
                          struct err *err) {
  uint64_t user = hash_64(e->user);
  if (clock > t->clock) t->clock = clock;
  if (str_eq(e->type, t->target)) answer(t, user, clock);
  return !str_eq(e->type, t->on) || take_sample(t, before, user, clock, scratch, err);
}

/* ---- splitting ---- */

/* Which part a row is in; TRAINING_PARTS: none. */
static enum training_part part_of(const struct training_table *t, const struct sample *s) {
  const double share = rng_mix(s->user);
  if (share < TEST_SHARE) return TRAINING_TEST;
  if (!t->calibrates || share >= CONFORM_UNTIL) return TRAINING_TRAIN;
  if (s->until - t->within < t->middle) return TRAINING_PARTS;
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

static bool is_known(const struct training_table *t, const struct sample *s) {
  return !s->open || s->until <= t->clock;
}

static double target_of(const struct training_table *t, uint32_t sample) {
  const struct sample *first = &t->samples[sample];
  double done = 0, n = 0;
  if (!t->smooth) return first->done;
  for (uint32_t i = sample; i != NO_ROW && t->samples[i].until - first->until <= t->smooth; i = t->samples[i].next) {
    if (!is_known(t, &t->samples[i])) continue;
    done += t->samples[i].done;
    n++;
  }
  return done / n;
}

/* What came of the user's newest earlier sample whose time was over when this one was taken; none when there is none. */
static double before_of(const struct training_table *t, uint32_t sample) {
  const int64_t taken = t->samples[sample].until - t->within;
  for (uint32_t i = t->samples[sample].previous; i != NO_ROW; i = t->samples[i].previous)
    if (t->samples[i].until <= taken) return t->samples[i].done;
  return STATS_NONE;
}

static bool column_fill(struct training_table *t, struct part *p, const struct pick *picks, uint32_t c, uint32_t first) {
  const uint32_t width = t->widths[c];
  const size_t cells = (size_t)p->rows * width;
  p->inputs[c] = ARENA_ARRAY(&t->arena, double, cells + 1);
  p->valid[c] = ARENA_ARRAY(&t->arena, uint64_t, cells / 64 + 1);
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
  p->inputs = ARENA_ARRAY(&t->arena, double *, inputs);
  p->valid = ARENA_ARRAY(&t->arena, uint64_t *, inputs);
  p->target = ARENA_ARRAY(&t->arena, double, rows + 1);
  p->outcome = ARENA_ARRAY(&t->arena, double, rows + 1);
  p->user = ARENA_ARRAY(&t->arena, uint64_t, rows + 1);
  p->before = ARENA_ARRAY(&t->arena, double, rows + 1);
  p->late = ARENA_ARRAY(&t->arena, bool, rows + 1);
  if (!p->inputs || !p->valid || !p->target || !p->outcome || !p->user || !p->before || !p->late) return false;
  for (uint32_t c = 0; c < inputs; first += t->widths[c++])
    if (!column_fill(t, p, picks, c, first)) return false;
  for (uint32_t r = 0; r < rows; r++) {
    p->user[r] = t->samples[picks[r].sample].user;
    p->target[r] = target_of(t, picks[r].sample);
    p->outcome[r] = t->samples[picks[r].sample].done;
    p->before[r] = before_of(t, picks[r].sample);
    p->late[r] = t->samples[picks[r].sample].until - t->within >= t->middle;
  }
  return true;
}

static bool take_part(struct training_table *t, enum training_part part, uint32_t most, struct pick *picks) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->count; i++) {
    const struct sample *s = &t->samples[i];
    if (part_of(t, s) != part || !is_known(t, s)) continue;
    picks[n++] = (struct pick){hash_64_seed((struct str){(const char *)&s->user, sizeof s->user}, (uint64_t)s->until), i};
  }
  if (n > 1) qsort(picks, n, sizeof *picks, by_key);
  uint32_t rows = n < most ? n : most;
  if (rows > 1) qsort(picks, rows, sizeof *picks, by_sample);
  return part_fill(t, &t->parts[part], picks, rows);
}

bool training_table_finish(struct training_table *t, struct err *e) {
  struct pick *picks = kit_alloc((t->count + 1) * sizeof *picks);
  int64_t first = t->clock;
  for (uint32_t i = 0; i < t->count; i++) first = t->samples[i].until - t->within < first ? t->samples[i].until - t->within : first;
  t->middle = first + (t->clock - first) / 2;
  bool fine = picks != NULL;
  for (int part = 0; fine && part < TRAINING_PARTS; part++)
    fine = take_part(t, (enum training_part)part, part == TRAINING_TRAIN ? t->rows_most : ROWS_MOST, picks);
  kit_free(picks);
  if (!fine) return err_set(e, ERR_INTERNAL, "no memory for %u training rows", t->count);
  if (t->parts[0].rows >= 50 && t->parts[1].rows >= 20) return true;
  return err_set(e, ERR_INPUT, "model \"%s\": %u rows to train on and %u to test with; expected at least 50 and 20 of \"" STR_FORMAT "\"",
                 t->model->name, t->parts[0].rows, t->parts[1].rows, STR_ARG(t->on));
}

bool training_table_calibrates(const struct training_table *t, bool *isotonic) {
  *isotonic = t->isotonic;
  return t->calibrates;
}

void training_table_rows(const struct training_table *t, enum training_part part, struct training_rows *out) {
  const struct part *p = &t->parts[part];
  *out = (struct training_rows){p->rows,   p->inputs, p->valid, p->target, p->outcome,
                                p->before, p->user,   p->late,  t->widths, t->model->input_count};
}
