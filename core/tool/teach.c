/* teach: a model learns from rows, and its calibration from others. The plugin trains in a child process under limits of time and memory,
 * with progress on stderr; ^C ends it. Promises a model left as it was unless everything worked. Called by train, evaluate (folds.c)
 * and retrain, main thread. */
#include "teach.h"
#include "arguments.h"
#include "kit/clock.h"
#include "kit/map.h"
#include "report.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- calibration: from people that the model was not trained on, and sets from others again ---- */
#define CONFORMAL_MISSES 0.1
#define CALIBRATION_FEW  10 /* people: rows of one are no independent votes */

static uint32_t people_of(const struct training_rows *rows) {
  struct map seen = {0};
  uint32_t people = 0;
  uint64_t value;
  for (uint32_t r = 0; r < rows->rows; r++)
    if (!map_get(&seen, rows->user[r], &value) && map_set(&seen, rows->user[r], 1)) people++;
  map_free(&seen);
  return people;
}

static void say_few(const struct calibration *c, uint32_t people) {
  if (strcmp(calibration_method(c), "none") == 0) fprintf(stderr, "the output stays as it is: %s to calibrate by\n", calibration_why(c));
  else if (people < CALIBRATION_FEW)
    fprintf(stderr, "calibrated by %u people only; expected at least %d: what was learned may be true of them alone\n", people,
            CALIBRATION_FEW);
}

bool teach_calibration(struct one_model *m, const struct training_table *table, bool isotonic, struct json_writer *w, struct err *e) {
  struct training_rows rows, others;
  training_table_rows(table, TRAINING_CALIBRATE, &rows);
  training_table_rows(table, TRAINING_CONFORM, &others);
  double *p = report_outputs(m->model, &rows, e), *q = p ? report_outputs(m->model, &others, e) : NULL;
  struct calibration *c = q ? calibration_fit(isotonic, p, rows.outcome, rows.rows, &m->arena) : NULL;
  if (q && !c) err_set(e, ERR_INTERNAL, "no memory for a calibration");
  if (c && others.rows && !calibration_conform(c, q, others.outcome, others.rows, CONFORMAL_MISSES, &m->arena))
    fprintf(stderr, "%u rows are too few for prediction sets\n", others.rows);
  if (c) {
    const uint32_t people = people_of(&rows);
    calibration_of_people(c, people);
    say_few(c, people);
    json_key(w, "calibration");
    calibration_write(c, w);
    model_calibrate(m->program->models, m->index, c);
  }
  kit_free(p);
  kit_free(q);
  return c != NULL;
}

/* ---- weights ---- */

#define SECONDS_MOST 31536000

bool teach_limit(int64_t seconds, struct err *e) {
  if (seconds >= 1 && seconds <= SECONDS_MOST) return true;
  return err_set(e, ERR_INPUT, "--seconds: expected 1 to %d, got %lld", SECONDS_MOST, (long long)seconds);
}

static volatile sig_atomic_t interrupted;
static void on_interrupt(int number) {
  (void)number;
  interrupted = 1;
}

struct last_note {
  char text[201];
};

static bool show_progress(void *context, double share, const char *note) {
  struct last_note *last = context;
  if (note[0]) snprintf(last->text, sizeof last->text, "%s", note);
  tool_progress("training", share);
  return !interrupted;
}

static bool train_in_child(const struct one_model *m, const struct training_rows *rows, int64_t seconds, struct buf *envelope,
                           struct err *e) {
  struct last_note last = {""};
  const struct training job = {.rows = rows->rows,
                               .inputs = (const double *const *)rows->inputs,
                               .valid = (const uint64_t *const *)rows->valid,
                               .target = rows->target,
                               .seeds = rows->user,
                               .limit_ms = seconds * CLOCK_SECOND,
                               .memory_limit = (size_t)2 << 30,
                               .progress = show_progress,
                               .context = &last};
  const struct sigaction catch = {.sa_handler = on_interrupt};
  struct sigaction before;
  sigaction(SIGINT, &catch, &before);
  bool fine = model_train(m->plugin, &m->spec, &job, STR("{}"), envelope, e);
  sigaction(SIGINT, &before, NULL);
  tool_progress_end();
  if (!fine && interrupted) err_set(e, ERR_CONFLICT, "cancelled"); /* the child dies of the terminal's ^C as well, and would say that */
  if (last.text[0]) fprintf(stderr, "%s\n", last.text);
  return fine;
}

/* Two rows differ in it: in a value, or in whether there is one. */
static bool varies(const struct training_rows *rows, uint32_t c) {
  const uint32_t width = rows->widths[c];
  const double *values = rows->inputs[c];
  const uint64_t *valid = rows->valid[c];
  for (size_t i = width; i < (size_t)rows->rows * width; i++) {
    const size_t first = i % width;
    const bool known = valid[i / 64] >> (i % 64) & 1, was = valid[first / 64] >> (first % 64) & 1;
    if (known != was || (known && (values[i] < values[first] || values[i] > values[first]))) return true;
  }
  return false;
}

/* Whoever learns from inputs that are always the same looks trained and says the same of everybody. */
static bool teach_varies(const struct one_model *m, const struct training_rows *rows, struct err *e) {
  struct buf names = {0};
  uint32_t constant = 0;
  for (uint32_t c = 0; c < rows->input_count; c++)
    if (!varies(rows, c)) buf_printf(&names, "%s%s", constant++ ? ", " : "", m->spec.inputs[c]);
  const bool some = constant < rows->input_count;
  if (some && constant && !m->told_constant)
    fprintf(stderr, "%u of %u inputs are the same in all %u rows, so nothing is learned from them: " STR_FORMAT "\n", constant,
            rows->input_count, rows->rows, STR_ARG(buf_view(&names)));
  buf_free(&names);
  return some || err_set(e, ERR_INPUT, "model \"%s\": all %u inputs are the same in all %u rows, so there is nothing to tell by",
                         m->spec.name, rows->input_count, rows->rows);
}

bool teach(struct one_model *m, const struct training_rows *rows, int64_t seconds, struct err *e) {
  struct buf envelope = {0};
  if (!teach_varies(m, rows, e)) return false;
  m->told_constant = true;
  const bool fine = train_in_child(m, rows, seconds, &envelope, e) && model_load(m->model, buf_view(&envelope), e);
  buf_free(&envelope);
  return fine;
}

/* ---- golden rows ---- */

static double read_back(double v) {
  char text[32];
  double back;
  snprintf(text, sizeof text, "%.4g", v);
  return str_to_double(str_from(text), &back) ? back : v;
}

/* A state lies in clear in the store and in backups, and no erasure reaches it. So no golden row is what was known of somebody: each value,
 * also each of a window, is of another row, far from the one before. The same every time. */
static uint32_t row_of_value(const struct training_rows *all, size_t value) {
  return (uint32_t)(((uint64_t)(value + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32) * all->rows >> 32);
}

void teach_golden(const struct training_rows *all, struct arena *a, struct training_rows *few) {
  size_t value = 0;
  double **inputs = ARENA_ARRAY(a, double *, all->input_count);
  uint64_t **valid = ARENA_ARRAY(a, uint64_t *, all->input_count);
  *few =
      (struct training_rows){.rows = GOLDEN_ROWS, .inputs = inputs, .valid = valid, .widths = all->widths, .input_count = all->input_count};
  for (uint32_t c = 0; c < all->input_count; c++) {
    const uint32_t width = all->widths[c];
    inputs[c] = ARENA_ARRAY(a, double, (size_t)GOLDEN_ROWS *width);
    valid[c] = ARENA_ARRAY(a, uint64_t, (size_t)GOLDEN_ROWS * width / 64 + 1);
    for (uint32_t i = 0; i < GOLDEN_ROWS * width; i++) {
      const size_t from = (size_t)row_of_value(all, value++) * width + i % width;
      inputs[c][i] = read_back(all->inputs[c][from]);
      valid[c][i / 64] |= (all->valid[c][from / 64] >> (from % 64) & 1) << (i % 64);
    }
  }
}

/* ---- is it enough? ---- */

/* METHODS 2.3: below these a model is not made. `kairos evaluate --folds` says what could be learned all the same. */
#define PEOPLE_LEAST   50
#define OUTCOMES_LEAST 100

bool teach_enough(const struct one_model *m, const struct training_table *table, struct err *e) {
  uint32_t people, rarer;
  if (!training_table_people(table, &people, &rarer)) return err_set(e, ERR_INTERNAL, "no memory for a training table");
  if (people >= PEOPLE_LEAST && rarer >= OUTCOMES_LEAST) return true;
  const struct training_size size = training_table_size(table);
  if (size.rows && rarer == 0)
    return err_set(e, ERR_INPUT, "model \"%s\": all %u outcomes are %s, so there is nothing to tell apart: look at its train", m->spec.name,
                   size.rows, size.positives ? "yes" : "no");
  return err_set(e, ERR_INPUT,
                 "model \"%s\": too little to learn from: %u people, and %u rows of the rarer outcome; expected at least %d people and %d "
                 "of it (`kairos evaluate --folds` says what could be learned)",
                 m->spec.name, people, rarer, PEOPLE_LEAST, OUTCOMES_LEAST);
}
