/* report: figures of a model and of its champions on people that it was not trained on, as JSON, as a sentence and as a model card.
 * Promises the base rate beside every accuracy, and to say so when a simpler model is as good: a gain counts from two standard errors on,
 * each person's rows taken together. Called by train and evaluate, main thread. */
#include "report.h"
#include <stdio.h>
#include <string.h>

#define PATIENCE INT64_C(60000000000) /* ns; nobody waits behind us */

static const char *const line_names[REPORT_LINES] = {"train", "test", "test_late", "logistic", "last_value", "base_rate", "ceiling"};

/* ---- rows ---- */

#define INPUTS_MOST 4096
static bool input_widths(const struct one_model *m, uint32_t widths[], size_t most, struct err *e) {
  const struct plugin_field *fields;
  size_t count;
  if (!model_inputs(m->model, &fields, &count) || count > most) return err_set(e, ERR_INPUT, "more than %zu inputs", most);
  for (size_t i = 0; i < count; i++) widths[i] = fields[i].width;
  return true;
}

struct training_table *report_table(const struct one_model *m, const struct learning_from *from, struct err *e) {
  uint32_t widths[INPUTS_MOST];
  if (!input_widths(m, widths, INPUTS_MOST, e)) return NULL;
  struct training_table *table = training_table_new(m->program->models, m->noun, m->program->features, widths, e);
  if (table) training_table_lookback(table, from->lookback);
  if (table && (!from->by || training_table_by(table, from->by, e)) && learning_table(m->program, from, table, e)) return table;
  training_table_free(table);
  return NULL;
}

/* ---- outputs ---- */

bool report_answers(const struct trained *model, const struct training_rows *rows, double *out, struct err *e) {
  const struct plugin_field *fields;
  size_t count;
  struct session *session = NULL;
  bool fine = model_outputs(model, &fields, &count);
  uint64_t *seeds = kit_alloc((rows->rows + 1) * sizeof *seeds), *good = kit_alloc((rows->rows / 64 + 1) * sizeof *good);
  double *outputs[] = {out};
  uint64_t *valid[] = {good};
  if (seeds) memset(seeds, 0, (rows->rows + 1) * sizeof *seeds);
  if (fine && count != 1) fine = err_set(e, ERR_INPUT, "the plugin has %zu outputs; a model that learns one target has one", count);
  fine = fine && seeds && good && session_open(model, rows->rows, &session, e);
  if (fine) session_patience(session, PATIENCE);
  fine = fine && session_predict(session, rows->rows, (const double *const *)rows->inputs, (const uint64_t *const *)rows->valid, seeds,
                                 outputs, valid, e);
  for (uint32_t r = 0; fine && r < rows->rows; r++)
    if (!(good[r / 64] >> (r % 64) & 1)) out[r] = __builtin_nan(""); /* the model gives no answer */
  session_close(session);
  kit_free(seeds);
  kit_free(good);
  return fine;
}

double *report_outputs(const struct trained *model, const struct training_rows *rows, struct err *e) {
  double *p = kit_alloc((rows->rows + 1) * sizeof *p);
  if (!p) err_set(e, ERR_INTERNAL, "no memory for predictions");
  const bool fine = p && report_answers(model, rows, p, e);
  for (uint32_t r = 0; fine && r < rows->rows; r++)
    if (p[r] != p[r]) p[r] = 0.5; /* judged as if it knew nothing */
  if (fine) return p;
  kit_free(p);
  return NULL;
}

bool report_calibrated(const struct one_model *m, const struct training_rows *rows, double *p, struct err *e) {
  const struct calibration *c = model_calibration(m->program->models, m->index);
  if (!report_answers(m->model, rows, p, e)) return false;
  for (uint32_t r = 0; r < rows->rows; r++) p[r] = p[r] != p[r] ? 0.5 : c ? calibration_apply(c, p[r]) : p[r];
  return true;
}

bool report_reference(const struct one_model *m, const struct training_table *table, struct json_writer *w, struct err *e) {
  struct training_rows rows;
  training_table_rows(table, TRAINING_TRAIN, &rows);
  double *p = kit_alloc((rows.rows + 1) * sizeof *p);
  const bool fine = p ? report_calibrated(m, &rows, p, e) : err_set(e, ERR_INTERNAL, "no memory for predictions");
  if (fine) reference_write(&rows, m->spec.inputs, p, w);
  if (fine) typical_write(&rows, w);
  kit_free(p);
  return fine;
}

/* ---- figures ---- */

bool judged_new(struct judged *j, uint32_t room, struct arena *a) {
  *j = (struct judged){.p = ARENA_ARRAY(a, double, room + 1),
                       .logistic = ARENA_ARRAY(a, double, room + 1),
                       .last = ARENA_ARRAY(a, double, room + 1),
                       .base = ARENA_ARRAY(a, double, room + 1)};
  return j->p && j->logistic && j->last && j->base;
}

void judged_champions(struct judged *j, uint32_t at, const struct training_rows *train, const struct training_rows *test) {
  double done = 0;
  for (uint32_t r = 0; r < train->rows; r++) done += train->outcome[r];
  for (uint32_t r = 0; r < test->rows; r++) j->base[at + r] = done / train->rows;
  champion_last_value(train, test, j->last + at);
  if (!champion_logistic(train, test, j->logistic + at)) memcpy(j->logistic + at, j->base + at, test->rows * sizeof *j->base);
}

/* Of the rows that `with` picks. */
static struct figures some_figures(const struct judged *j, const double *p, bool (*with)(const struct training_rows *rows, uint32_t r)) {
  const struct training_rows *rows = &j->rows;
  struct figures f = {0};
  double *few = kit_alloc((2 * (size_t)rows->rows + 1) * sizeof *few);
  size_t n = 0;
  for (uint32_t r = 0; few && r < rows->rows; r++)
    if (with(rows, r)) {
      few[n] = p[r];
      few[rows->rows + n++] = rows->outcome[r];
    }
  if (n > 0) f = figures_of(few, few + rows->rows, n);
  kit_free(few);
  return f;
}

static bool is_late(const struct training_rows *rows, uint32_t r) {
  return rows->late[r];
}

static bool is_true(const struct training_rows *rows, uint32_t r) {
  return rows->truth[r] == rows->truth[r];
}

void report_judge(struct report *r, const struct judged *j) {
  const struct training_rows *rows = &j->rows;
  r->lines[REPORT_TEST] = figures_of(j->p, rows->outcome, rows->rows);
  r->calibration_error = calibration_error(j->p, rows->outcome, rows->rows, r->bins);
  r->lines[REPORT_LATE] = some_figures(j, j->p, is_late);
  r->lines[REPORT_LOGISTIC] = figures_of(j->logistic, rows->outcome, rows->rows);
  r->lines[REPORT_LAST_VALUE] = figures_of(j->last, rows->outcome, rows->rows);
  r->lines[REPORT_BASE] = figures_of(j->base, rows->outcome, rows->rows);
  r->lines[REPORT_BASE].auc = r->lines[REPORT_BASE].slope = r->lines[REPORT_BASE].intercept = __builtin_nan(""); /* it orders nothing */
  r->lines[REPORT_CEILING] = some_figures(j, rows->truth, is_true);
  r->over_logistic = gain_over(rows, j->p, j->logistic, &r->over_logistic_error);
  r->over_last = gain_over(rows, j->p, j->last, &r->over_last_error);
  r->over_base = gain_over(rows, j->p, j->base, &r->over_base_error);
}

bool report_make(struct report *r, const struct one_model *m, const struct training_table *table, struct err *e) {
  struct training_rows train;
  struct judged j;
  struct arena a = {0};
  *r = (struct report){0};
  training_table_rows(table, TRAINING_TRAIN, &train);
  double *p = ARENA_ARRAY(&a, double, train.rows + 1);
  struct training_rows test;
  training_table_rows(table, TRAINING_TEST, &test);
  bool fine = (p && judged_new(&j, test.rows, &a)) || err_set(e, ERR_INTERNAL, "no memory for predictions");
  fine = fine && report_calibrated(m, &train, p, e) && report_calibrated(m, &test, j.p, e);
  if (fine) {
    judged_champions(&j, 0, &train, &test);
    j.rows = test;
    r->lines[REPORT_TRAIN] = figures_of(p, train.outcome, train.rows);
    report_judge(r, &j);
  }
  arena_free(&a);
  return fine;
}

static void write_line(const struct report *r, enum report_line line, struct json_writer *w) {
  json_key(w, line_names[line]);
  if (r->lines[line].rows) figures_write(&r->lines[line], w);
  else json_put_null(w);
}

static void write_parts(const struct report *r, struct json_writer *w) {
  json_key(w, "parts");
  json_open_object(w);
  for (uint32_t i = 0; i < r->part_count; i++) {
    json_key(w, r->parts[i].name);
    figures_write(&r->parts[i].figures, w);
  }
  json_close_object(w);
  json_pair_text(w, "best_part", r->parts[r->best_part].name);
  json_pair_figure(w, "gain_over_best_part", r->over_part);
  json_pair_figure(w, "gain_over_best_part_error", r->over_part_error);
}

void report_write(const struct report *r, struct json_writer *w) {
  for (int line = REPORT_TRAIN; line <= REPORT_LATE; line++) write_line(r, (enum report_line)line, w);
  json_key(w, "champions");
  json_open_object(w);
  write_line(r, REPORT_LOGISTIC, w);
  write_line(r, REPORT_LAST_VALUE, w);
  write_line(r, REPORT_BASE, w);
  json_close_object(w);
  write_line(r, REPORT_CEILING, w);
  json_key(w, "gain");
  json_open_object(w);
  json_pair_figure(w, "over_logistic", r->over_logistic);
  json_pair_figure(w, "over_logistic_error", r->over_logistic_error);
  json_pair_figure(w, "over_last_value", r->over_last);
  json_pair_figure(w, "over_last_value_error", r->over_last_error);
  json_pair_figure(w, "over_base_rate", r->over_base);
  json_pair_figure(w, "over_base_rate_error", r->over_base_error);
  json_close_object(w);
  if (r->part_count) write_parts(r, w);
  if (!r->folds) return;
  json_pair_int(w, "folds", r->folds);
  json_pair_int(w, "folds_refused", r->refused);
}

/* ---- words ---- */

static const char *compared(double gain, double error) {
  if (gain > 2 * error) return "better than";
  return gain < -2 * error ? "worse than" : "not to be told from";
}

void report_verdict(const struct report *r, char *text, size_t size) {
  const struct figures *test = &r->lines[REPORT_TEST];
  if (test->rows && !(test->base_rate > 0 && test->base_rate < 1)) { /* whoever says it always is as good as can be */
    snprintf(text, size, "All %zu outcomes are %s, so nothing can be compared: look at the model's train.", test->rows,
             test->base_rate > 0 ? "yes" : "no");
    return;
  }
  const bool simpler = !(r->over_logistic > 2 * r->over_logistic_error) || !(r->over_last > 2 * r->over_last_error);
  const bool nothing = !(r->over_base > 2 * r->over_base_error);
  snprintf(text, size,
           "Log loss %.4f on people it has not seen: %s logistic regression on the same inputs (%.4f, gain %.4f ± %.4f), %s \"as the last "
           "time\" (%.4f, gain %.4f ± %.4f), and %s the base rate alone (%.4f, gain %.4f ± %.4f).%s",
           r->lines[REPORT_TEST].log_loss, compared(r->over_logistic, r->over_logistic_error), r->lines[REPORT_LOGISTIC].log_loss,
           r->over_logistic, r->over_logistic_error, compared(r->over_last, r->over_last_error), r->lines[REPORT_LAST_VALUE].log_loss,
           r->over_last, r->over_last_error, compared(r->over_base, r->over_base_error), r->lines[REPORT_BASE].log_loss, r->over_base,
           r->over_base_error,
           nothing                     ? " It learned nothing that can be shown: do not serve it."
           : simpler && !r->part_count ? " Serve it as a part of a combination, not alone."
                                       : "");
  const size_t used = strlen(text);
  if (r->part_count)
    snprintf(text + used, size - used, " It is %s its best part alone (`%s`, %.4f, gain %.4f ± %.4f).",
             compared(r->over_part, r->over_part_error), r->parts[r->best_part].name, r->parts[r->best_part].figures.log_loss, r->over_part,
             r->over_part_error);
}

static void put_cell(struct buf *out, double value) {
  if (value - value == 0) buf_printf(out, " %.4f |", value);
  else buf_text(out, " – |");
}

static void put_source(struct buf *out, const struct learning_from *from) {
  if (from->file) buf_printf(out, "a file of events");
  else if (from->data) buf_printf(out, "the journal of a data directory");
  else
    buf_printf(out,
               "the built-in population (%u people, %u days, seed %llu). It was set up by hand: the figures say that the path works, and "
               "nothing about real people",
               from->users, from->days, (unsigned long long)from->seed);
}

static void put_figures(struct buf *out, const struct figures *f) {
  const double cells[] = {f->base_rate, f->majority_accuracy, f->accuracy, f->f1, f->auc, f->brier, f->log_loss, f->slope};
  buf_printf(out, " %zu |", f->rows);
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) put_cell(out, cells[i]);
  buf_text(out, "\n");
}

static void put_table(struct buf *out, const struct report *r) {
  static const char *const words[REPORT_LINES] = {"people to learn from",
                                                  "**other people**",
                                                  "other people, second half of the time",
                                                  "logistic regression, other people",
                                                  "as the last time, other people",
                                                  "the base rate alone, other people",
                                                  "who knows everything of everybody (the ceiling)"};
  buf_text(
      out,
      "| | rows | base rate | majority | accuracy | F1 | AUC | Brier | log loss | slope |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (int line = 0; line < REPORT_LINES; line++) {
    const struct figures *f = &r->lines[line];
    if (!f->rows) continue;
    buf_printf(out, "| %s |", words[line]);
    put_figures(out, f);
  }
  for (uint32_t i = 0; i < r->part_count; i++) {
    buf_printf(out, "| its part `%s` alone |", r->parts[i].name);
    put_figures(out, &r->parts[i].figures);
  }
}

static void put_folds(struct buf *out, const struct report *r) {
  if (r->folds)
    buf_printf(out, " Cross-validated: the people were dealt to %u groups, each judged by a model that learned from the others.", r->folds);
  if (r->refused) buf_printf(out, " In %u of them the plugin refused to make a model; the base rate stands for it there.", r->refused);
  buf_text(out, "\n\n");
}

/* What it is made of: a plugin and its inputs, or parts and their weights. */
static void put_origin(struct buf *out, const struct report *r, const struct one_model *m) {
  double total = 0;
  for (uint32_t i = 0; i < r->part_count; i++) total += r->parts[i].weight;
  if (r->part_count) buf_text(out, "Combines");
  else buf_printf(out, "Plugin `%s`. Inputs:", plugin_id(m->plugin));
  for (uint32_t i = 0; i < r->part_count; i++)
    buf_printf(out, "%s %.4g of `%s`", i ? "," : "", r->parts[i].weight / total, r->parts[i].name);
  for (size_t i = 0; !r->part_count && i < m->spec.input_count; i++) buf_printf(out, " `%s`", m->spec.inputs[i]);
  buf_text(out, ".\n\n");
}

void report_card(const struct report *r, const struct one_model *m, const char *what, const struct learning_from *from, struct buf *out) {
  char verdict[REPORT_VERDICT];
  report_verdict(r, verdict, sizeof verdict);
  buf_printf(out, "# Model card: %s\n\n", model_name(m->program->models, m->index));
  if (m->noun->doc.len) buf_printf(out, "What it says: " STR_FORMAT ".\n\n", STR_ARG(m->noun->doc));
  put_origin(out, r, m);
  buf_printf(out, "%s ", what);
  put_source(out, from);
  buf_text(out, ". People are split by their id: nobody is on both sides, and no row knows what came after it.");
  put_folds(out, r);
  put_table(out, r);
  buf_printf(out,
             "\n%s\n\nAn accuracy means something only beside the majority's; a slope of 1 says that 0.7 means seven in ten. Figures end "
             "where people change: compare them with what comes.\n",
             verdict);
}
