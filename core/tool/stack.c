/* stack: the weights of a combination, learned from people that none of its parts was trained on. Promises that every part answers the same
 * rows (their `train` names the same events and asks for calibration, which keeps those people apart), that fewer than 200 rows leave the
 * weights as they were given, and figures of each part, of the given and of the learned weights on the test's people. Changes nothing: the
 * line to put into the model's file is printed. Main thread. */
#include "stack.h"
#include "kit/math.h"
#include "stats/stats.h"
#include <stdio.h>
#include <string.h>

struct side { /* rows of a group of people, by every part */
  uint32_t rows;
  double *columns[STACK_MOST], *outcome;
  uint64_t *user;
  bool *late; /* of the second half of the time */
};
enum { SIDE_LEARN, SIDE_TEST, SIDES };
struct stack {
  const struct models *models; /* the combination's program */
  uint32_t count;
  const uint32_t *beliefs;
  const double *given;
  double weights[STACK_MOST];
  struct side sides[SIDES];
  struct arena arena;
};

static bool no_memory(struct err *e) {
  return err_set(e, ERR_INTERNAL, "no memory to combine models");
}

/* The rows of two parts of a table after each other; `second` TRAINING_PARTS: of the first only. */
static bool take_rows(struct stack *s, const struct one_model *m, const struct training_table *table, struct side *side, uint32_t part,
                      enum training_part first, enum training_part second, struct err *e) {
  struct training_rows rows[2];
  const int groups = second == TRAINING_PARTS ? 1 : 2;
  uint32_t total = 0, at = 0;
  for (int g = 0; g < groups; g++) {
    training_table_rows(table, g ? second : first, &rows[g]);
    total += rows[g].rows;
  }
  if (part == 0) {
    side->rows = total;
    side->outcome = ARENA_ARRAY(&s->arena, double, total + 1);
    side->user = ARENA_ARRAY(&s->arena, uint64_t, total + 1);
    side->late = ARENA_ARRAY(&s->arena, bool, total + 1);
  }
  double *column = side->columns[part] = ARENA_ARRAY(&s->arena, double, total + 1);
  if (!side->outcome || !side->user || !side->late || !column) return no_memory(e);
  for (int g = 0; g < groups; at += rows[g++].rows) {
    if (!report_answers(m->model, &rows[g], column + at, e)) return false;
    for (uint32_t r = 0; r < rows[g].rows && total == side->rows; r++) {
      if (part == 0) side->outcome[at + r] = rows[g].outcome[r], side->user[at + r] = rows[g].user[r], side->late[at + r] = rows[g].late[r];
      if (side->outcome[at + r] != rows[g].outcome[r] || side->user[at + r] != rows[g].user[r]) total = UINT32_MAX;
    }
  }
  if (total == side->rows) return true;
  return err_set(e, ERR_INPUT, "model \"%s\" has other rows than the part before: all parts need the same on, target and within",
                 model_name(m->program->models, m->index));
}

/* What the part's model says of the people that were kept from it, as its belief: calibrated, `as` applied. */
static bool ask_part(struct stack *s, struct one_model *m, uint32_t part, const struct learning_from *from, struct err *e) {
  bool isotonic;
  struct training_table *table = report_table(m, from, e);
  bool fine = table != NULL;
  if (fine && !training_table_calibrates(table, &isotonic))
    fine = err_set(e, ERR_INPUT,
                   "model \"%s\": weights are learned from people that no part was trained on; train it with calibrate = \"platt\"",
                   model_name(m->program->models, m->index));
  fine = fine && take_rows(s, m, table, &s->sides[SIDE_LEARN], part, TRAINING_CALIBRATE, TRAINING_CONFORM, e) &&
         take_rows(s, m, table, &s->sides[SIDE_TEST], part, TRAINING_TEST, TRAINING_PARTS, e);
  for (int side = 0; fine && side < SIDES; side++)
    for (uint32_t r = 0; r < s->sides[side].rows; r++) {
      double *cell = &s->sides[side].columns[part][r];
      const struct value v =
          *cell == *cell ? belief_from_output(m->program->models, s->beliefs[part], *cell) : value_missing(MISSING_FAILED);
      *cell = v.kind == VALUE_NUMBER ? v.number : STATS_NONE;
    }
  training_table_free(table);
  return fine;
}

static void put_weights(const struct stack *s, const char *key, const double *weights, struct json_writer *w) {
  double total = 0;
  for (uint32_t i = 0; i < s->count; i++) total += weights[i];
  json_key(w, key);
  json_open_object(w);
  for (uint32_t i = 0; i < s->count; i++) json_pair_double(w, belief_name(s->models, s->beliefs[i]), math_round6(weights[i] / total));
  json_close_object(w);
}

/* Rows without an answer are judged as if nothing were known. */
static void put_worth(const struct side *test, bool late, const char *key, const double *p, struct arena *a, struct json_writer *w) {
  double *known = ARENA_ARRAY(a, double, test->rows + 1), *outcome = ARENA_ARRAY(a, double, test->rows + 1);
  uint32_t n = 0;
  if (!known || !outcome) return;
  for (uint32_t r = 0; r < test->rows; r++) {
    if (late && !test->late[r]) continue;
    known[n] = stats_none(p[r]) ? .5 : math_clamp(p[r], 0, 1);
    outcome[n++] = test->outcome[r];
  }
  const struct figures f = figures_of(known, outcome, n);
  json_key(w, key);
  figures_write(&f, w);
}

/* Every part by itself and both mixes; `late`: on the rows of the second half of the time alone. */
static void put_test(struct stack *s, bool late, const char *key, double *mix, struct json_writer *w) {
  const struct side *test = &s->sides[SIDE_TEST];
  json_key(w, key);
  json_open_object(w);
  for (uint32_t i = 0; i < s->count; i++) put_worth(test, late, belief_name(s->models, s->beliefs[i]), test->columns[i], &s->arena, w);
  combine_rows((const double *const *)test->columns, s->count, test->rows, s->given, mix);
  put_worth(test, late, "with given weights", mix, &s->arena, w);
  combine_rows((const double *const *)test->columns, s->count, test->rows, s->weights, mix);
  put_worth(test, late, "with these weights", mix, &s->arena, w);
  json_close_object(w);
}

static bool print(struct stack *s, bool learned, struct err *e) {
  const struct side *test = &s->sides[SIDE_TEST];
  double *both = ARENA_ARRAY(&s->arena, double, test->rows + 1);
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  if (!both) return no_memory(e);
  json_open_object(&w);
  json_pair_int(&w, "rows", s->sides[SIDE_LEARN].rows);
  json_pair_bool(&w, "learned", learned);
  put_weights(s, "given", s->given, &w);
  put_weights(s, "weights", s->weights, &w);
  put_test(s, false, "test", both, &w);
  put_test(s, true, "test_late", both, &w);
  json_close_object(&w);
  printf(STR_FORMAT "\n  combine = { ", STR_ARG(buf_view(&out)));
  for (uint32_t i = 0; i < s->count; i++) printf("%s = %.4f, ", belief_name(s->models, s->beliefs[i]), s->weights[i]);
  printf("},\n");
  buf_free(&out);
  return true;
}

bool stack_run(const struct one_model *combination, const char *program, const char *plugins, const struct learning_from *from,
               struct err *e) {
  struct stack s = {.models = combination->program->models};
  s.count = model_parts(s.models, combination->index, &s.beliefs, &s.given);
  bool fine = s.count > 0 || err_set(e, ERR_INPUT, "the model combines nothing");
  for (uint32_t i = 0; fine && i < s.count; i++) {
    struct one_model part;
    const char *name = model_name(s.models, belief_model(s.models, s.beliefs[i]));
    fine = one_model_open(&part, program, name, plugins, e) && one_model_load(&part, NULL, e) && ask_part(&s, &part, i, from, e);
    one_model_close(&part);
  }
  const struct side *learn = &s.sides[SIDE_LEARN];
  const bool learned =
      fine && combine_learn((const double *const *)learn->columns, s.count, learn->outcome, learn->rows, s.given, s.weights, &s.arena);
  if (fine && !learned) fprintf(stderr, "%u rows are too few to learn weights from; the given ones stay\n", learn->rows);
  fine = fine && print(&s, learned, e);
  arena_free(&s.arena);
  return fine;
}
