/* blend: what a combination is worth beside its parts and beside what simpler models make of the same rows. Promises the weights and the
 * treatment of missing parts that rules get, the test's people of every part, and champions that are no easier to beat than its parts': of
 * the regressions on each part's inputs the best on these people, and so of the last values and base rates. Main thread. */
#include "blend.h"
#include "kit/math.h"
#include "parts.h"
#include <stdio.h>
#include <string.h>

struct champions {
  struct judged best, now;
  double worth[3]; /* log loss of the best so far */
  uint32_t seen;
  struct arena arena;
};

static void keep_better(struct champions *c, int which, double *best, const double *now, const struct training_rows *test) {
  const double worth = log_loss(now, test->outcome, test->rows);
  if (c->seen && !(worth < c->worth[which])) return;
  c->worth[which] = worth;
  memcpy(best, now, test->rows * sizeof *best);
}

static bool look(void *context, uint32_t part, const struct training_table *table, struct err *e) {
  struct champions *c = context;
  struct training_rows train, test;
  training_table_rows(table, TRAINING_TRAIN, &train);
  training_table_rows(table, TRAINING_TEST, &test);
  if (part == 0 && !(judged_new(&c->best, test.rows, &c->arena) && judged_new(&c->now, test.rows, &c->arena)))
    return err_set(e, ERR_INTERNAL, "no memory for predictions");
  if (!train.rows || !test.rows) return err_set(e, ERR_INPUT, "no rows to judge by");
  judged_champions(&c->now, 0, &train, &test);
  keep_better(c, 0, c->best.logistic, c->now.logistic, &test);
  keep_better(c, 1, c->best.last, c->now.last, &test);
  keep_better(c, 2, c->best.base, c->now.base, &test);
  c->seen++;
  return true;
}

/* As a model's own figures: where it has no answer it is judged as if it knew nothing. */
static void fill_gaps(double *p, uint32_t rows) {
  for (uint32_t r = 0; r < rows; r++) p[r] = stats_none(p[r]) ? .5 : math_clamp(p[r], 0, 1);
}

static void judge_parts(struct parts *s, const struct judged *j, struct report *r) {
  struct parts_side *test = &s->sides[SIDE_TEST];
  r->part_count = s->count;
  for (uint32_t i = 0; i < s->count; i++) {
    double error;
    fill_gaps(test->columns[i], test->rows);
    snprintf(r->parts[i].name, sizeof r->parts[i].name, "%s", belief_name(s->models, s->beliefs[i]));
    r->parts[i].weight = s->given[i];
    r->parts[i].figures = figures_of(test->columns[i], test->outcome, test->rows);
    const double gain = gain_over(&j->rows, j->p, test->columns[i], &error);
    if (i && r->parts[i].figures.log_loss >= r->parts[r->best_part].figures.log_loss) continue;
    r->best_part = i;
    r->over_part = gain;
    r->over_part_error = error;
  }
}

bool blend_judge(const struct one_model *combination, const char *program, const char *plugins, const struct learning_from *from,
                 struct report *r, struct err *e) {
  struct parts parts = {.learns = false};
  struct champions c = {.seen = 0};
  *r = (struct report){0};
  const bool fine = parts_ask(&parts, combination, program, plugins, from, look, &c, e);
  if (fine) {
    const struct parts_side *test = &parts.sides[SIDE_TEST];
    struct judged *j = &c.best;
    j->rows =
        (struct training_rows){.rows = test->rows, .outcome = test->outcome, .truth = test->truth, .user = test->user, .late = test->late};
    combine_rows((const double *const *)test->columns, parts.count, test->rows, parts.given, j->p);
    fill_gaps(j->p, test->rows);
    report_judge(r, j);
    judge_parts(&parts, j, r);
  }
  arena_free(&c.arena);
  parts_close(&parts);
  return fine;
}
