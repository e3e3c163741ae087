/* parts: what the parts of a combination say of the same rows. Promises that every part answers the same rows in the same order (their
 * `train` names the same events), as the beliefs that the combination weighs: calibrated, `as` applied, none where a part has no answer.
 * Each part's table is made by itself, since its inputs are its own. Called by stack and blend, main thread. */
#include "parts.h"

static bool no_memory(struct err *e) {
  return err_set(e, ERR_INTERNAL, "no memory to combine models");
}

static bool side_new(struct parts_side *side, uint32_t rows, struct arena *a) {
  side->rows = rows;
  side->outcome = ARENA_ARRAY(a, double, rows + 1);
  side->truth = ARENA_ARRAY(a, double, rows + 1);
  side->user = ARENA_ARRAY(a, uint64_t, rows + 1);
  side->late = ARENA_ARRAY(a, bool, rows + 1);
  return side->outcome && side->truth && side->user && side->late;
}

/* False: the part that came before has another row there. */
static bool take_row(struct parts_side *side, bool is_first, uint32_t at, const struct training_rows *rows, uint32_t r) {
  if (is_first) {
    side->outcome[at] = rows->outcome[r];
    side->truth[at] = rows->truth[r];
    side->user[at] = rows->user[r];
    side->late[at] = rows->late[r];
  }
  return side->outcome[at] == rows->outcome[r] && side->user[at] == rows->user[r];
}

/* The rows of two parts of a table after each other; `second` TRAINING_PARTS: of the first only. */
static bool take_rows(struct parts *s, const struct one_model *m, const struct training_table *table, struct parts_side *side,
                      uint32_t part, enum training_part first, enum training_part second, struct err *e) {
  struct training_rows rows[2];
  const int groups = second == TRAINING_PARTS ? 1 : 2;
  uint32_t total = 0, at = 0;
  for (int g = 0; g < groups; g++) {
    training_table_rows(table, g ? second : first, &rows[g]);
    total += rows[g].rows;
  }
  if (part == 0 && !side_new(side, total, &s->arena)) return no_memory(e);
  double *column = side->columns[part] = ARENA_ARRAY(&s->arena, double, total + 1);
  if (!column) return no_memory(e);
  bool same = total == side->rows;
  for (int g = 0; same && g < groups; at += rows[g++].rows) {
    if (!report_answers(m->model, &rows[g], column + at, e)) return false;
    for (uint32_t r = 0; r < rows[g].rows; r++) same = take_row(side, part == 0, at + r, &rows[g], r) && same;
  }
  if (!same)
    return err_set(e, ERR_INPUT, "model \"%s\" has other rows than the part before: all parts need the same on, target and within",
                   model_name(m->program->models, m->index));
  for (uint32_t r = 0; r < total; r++) {
    const struct value v =
        column[r] == column[r] ? belief_from_output(m->program->models, s->beliefs[part], column[r]) : value_missing(MISSING_FAILED);
    column[r] = v.kind == VALUE_NUMBER ? v.number : STATS_NONE;
  }
  return true;
}

static bool ask_part(struct parts *s, struct one_model *m, uint32_t part, const struct learning_from *from, parts_look *look, void *context,
                     struct err *e) {
  bool isotonic;
  struct training_table *table = report_table(m, from, e);
  bool fine = table != NULL;
  if (fine && s->learns && !training_table_calibrates(table, &isotonic))
    fine = err_set(e, ERR_INPUT,
                   "model \"%s\": weights are learned from people that no part was trained on; train it with calibrate = \"platt\"",
                   model_name(m->program->models, m->index));
  if (fine && s->learns) fine = take_rows(s, m, table, &s->sides[SIDE_LEARN], part, TRAINING_CALIBRATE, TRAINING_CONFORM, e);
  fine = fine && take_rows(s, m, table, &s->sides[SIDE_TEST], part, TRAINING_TEST, TRAINING_PARTS, e);
  if (fine && look) fine = look(context, part, table, e);
  training_table_free(table);
  return fine;
}

bool parts_ask(struct parts *s, const struct one_model *combination, const char *program, const char *plugins,
               const struct learning_from *from, parts_look *look, void *context, struct err *e) {
  s->models = combination->program->models;
  s->count = model_parts(s->models, combination->index, &s->beliefs, &s->given);
  bool fine = s->count > 0 || err_set(e, ERR_INPUT, "the model combines nothing");
  for (uint32_t i = 0; fine && i < s->count; i++) {
    struct one_model part;
    const char *name = model_name(s->models, belief_model(s->models, s->beliefs[i]));
    fine =
        one_model_open(&part, program, name, plugins, e) && one_model_load(&part, NULL, e) && ask_part(s, &part, i, from, look, context, e);
    one_model_close(&part);
  }
  return fine;
}

void parts_close(struct parts *s) {
  arena_free(&s->arena);
}
