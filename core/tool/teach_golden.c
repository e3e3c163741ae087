/* teach_golden: the golden rows that a state carries itself, as JSON among its figures. Promises rows in the form of a model's file, of
 * which none is any person's (teach.c), which stand in place of that file's: those belong to the state that they were made from. Called by
 * train and retrain, main thread. */
#include "report.h"
#include "teach.h"

static void put_input(struct json_writer *w, const struct training_rows *rows, uint32_t c, uint32_t r) {
  const uint32_t width = rows->widths[c];
  if (width > 1) json_open_array(w);
  for (size_t i = (size_t)r * width; i < ((size_t)r + 1) * width; i++)
    if (rows->valid[c][i / 64] >> (i % 64) & 1) json_put_double(w, rows->inputs[c][i]);
    else json_put_text(w, "missing");
  if (width > 1) json_close_array(w);
}

static void put_golden_row(struct json_writer *w, const struct one_model *m, const struct training_rows *rows, uint32_t r, double answer) {
  const struct models *all = m->program->models;
  json_open_object(w);
  json_key(w, "inputs");
  json_open_object(w);
  for (uint32_t c = 0; c < rows->input_count; c++) {
    json_key(w, m->spec.inputs[c]);
    put_input(w, rows, c, r);
  }
  json_close_object(w);
  json_key(w, "outputs");
  json_open_object(w);
  for (uint32_t b = 0; b < beliefs_count(all); b++) {
    if (belief_model(all, b) != m->index) continue;
    json_key(w, belief_name(all, b));
    if (answer == answer) json_put_double(w, belief_from_output(all, b, answer).number);
    else json_put_text(w, "missing");
  }
  json_close_object(w);
  json_close_object(w);
}

bool teach_golden_write(const struct one_model *m, const struct training_table *table, struct json_writer *w, struct err *e) {
  struct training_rows all, few;
  struct arena a = {0};
  double answers[GOLDEN_ROWS];
  training_table_rows(table, TRAINING_TEST, &all);
  teach_golden(&all, &a, &few);
  const bool fine = report_answers(m->model, &few, answers, e);
  json_key(w, "golden");
  json_open_array(w);
  for (uint32_t r = 0; fine && r < GOLDEN_ROWS; r++) put_golden_row(w, m, &few, r, answers[r]);
  json_close_array(w);
  arena_free(&a);
  return fine;
}
