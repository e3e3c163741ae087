/* folds: a model is judged by people it has not seen although there are only a few: everybody is in turn one of those it has not seen.
 * Promises that a model and its champions learn from the same rows, that nobody is judged by what learned from them, and that where the
 * plugin refuses to make a model the base rate stands for it and is counted. Makes no state. Called by evaluate, main thread. */
#include "folds.h"
#include "teach.h"
#include <stdio.h>
#include <string.h>

struct pooled { /* rows of all groups so far */
  struct judged judged;
  double *outcome, *truth;
  uint64_t *user;
  bool *late;
  uint32_t count;
};

static bool pooled_new(struct pooled *all, uint32_t room, struct arena *a) {
  all->outcome = ARENA_ARRAY(a, double, room + 1);
  all->truth = ARENA_ARRAY(a, double, room + 1);
  all->user = ARENA_ARRAY(a, uint64_t, room + 1);
  all->late = ARENA_ARRAY(a, bool, room + 1);
  return judged_new(&all->judged, room, a) && all->outcome && all->truth && all->user && all->late;
}

static void pooled_add(struct pooled *all, const struct training_rows *test) {
  memcpy(all->outcome + all->count, test->outcome, test->rows * sizeof *all->outcome);
  memcpy(all->truth + all->count, test->truth, test->rows * sizeof *all->truth);
  memcpy(all->user + all->count, test->user, test->rows * sizeof *all->user);
  memcpy(all->late + all->count, test->late, test->rows * sizeof *all->late);
  all->count += test->rows;
}

/* The weights, and the calibration where the model asks for one. */
static bool learn(struct one_model *m, const struct training_table *table, const struct training_rows *train, int64_t seconds,
                  struct err *e) {
  struct buf figures = {0};
  struct json_writer w = json_to(&figures);
  bool isotonic, fine = one_model_renew(m, e) && teach(m, train, seconds, e);
  json_open_object(&w);
  if (fine && training_table_calibrates(table, &isotonic)) fine = teach_calibration(m, table, isotonic, &w, e);
  buf_free(&figures);
  return fine;
}

static bool judge_fold(struct one_model *m, struct training_table *table, uint32_t fold, struct report *r, struct pooled *all,
                       int64_t seconds, struct err *e) {
  struct training_rows train, test;
  struct err why = {0};
  if (!training_table_fold(table, fold, r->folds, e)) return false;
  training_table_rows(table, TRAINING_TRAIN, &train);
  training_table_rows(table, TRAINING_TEST, &test);
  if (!test.rows || !train.rows) return true;
  judged_champions(&all->judged, all->count, &train, &test);
  if (learn(m, table, &train, seconds, &why)) {
    if (!report_calibrated(m, &test, all->judged.p + all->count, e)) return false;
  } else if (why.kind == ERR_CONFLICT || why.kind == ERR_INTERNAL) { /* cancelled, or no memory */
    *e = why;
    return false;
  } else {
    if (!r->refused++) fprintf(stderr, "group %u: %s\n", fold + 1, why.text);
    memcpy(all->judged.p + all->count, all->judged.base + all->count, test.rows * sizeof *all->judged.p);
  }
  pooled_add(all, &test);
  return true;
}

static uint32_t rows_of(const struct training_table *table) {
  uint32_t rows = 0;
  for (int part = 0; part < TRAINING_PARTS; part++) {
    struct training_rows some;
    training_table_rows(table, (enum training_part)part, &some);
    rows += some.rows;
  }
  return rows;
}

bool folds_run(struct one_model *m, struct training_table *table, uint32_t folds, int64_t seconds, struct report *r, struct err *e) {
  struct arena a = {0};
  struct pooled all = {.count = 0};
  *r = (struct report){.folds = folds};
  bool fine = training_table_fold(table, 0, folds, e);
  fine = fine && (pooled_new(&all, rows_of(table), &a) || err_set(e, ERR_INTERNAL, "no memory for predictions"));
  for (uint32_t fold = 0; fine && fold < folds; fold++) fine = judge_fold(m, table, fold, r, &all, seconds, e);
  if (fine && all.count == 0) fine = err_set(e, ERR_INPUT, "no rows to judge by");
  if (fine) {
    all.judged.rows =
        (struct training_rows){.rows = all.count, .outcome = all.outcome, .truth = all.truth, .user = all.user, .late = all.late};
    report_judge(r, &all.judged);
  }
  arena_free(&a);
  return fine;
}
