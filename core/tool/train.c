/* train: a model of the program learns from a file of events, from a data directory's journal, or from the built-in population. Events go
 * through the same features as live ones; the plugin trains in a child; training and test are split by user. Prints what the predictions
 * are worth beside the base rate and its champions, writes the state and a model card, and prints golden rows for the model's file. Main
 * thread; nothing else is changed. */
#include "arguments.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "stack.h"
#include "tools_list.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct options {
  const char *model, *program, *file, *data, *out, *plugins;
  int64_t users, days, seed, seconds;
  bool json;
};

/* ---- calibration: from people that the model was not trained on, and sets from others again ---- */
#define CONFORMAL_MISSES 0.1

static bool calibrate(struct one_model *m, const struct training_table *table, bool isotonic, struct json_writer *w, struct err *e) {
  struct training_rows rows, others;
  training_table_rows(table, TRAINING_CALIBRATE, &rows);
  training_table_rows(table, TRAINING_CONFORM, &others);
  double *p = report_outputs(m->model, &rows, e), *q = p ? report_outputs(m->model, &others, e) : NULL;
  struct calibration *c = q ? calibration_fit(isotonic, p, rows.outcome, rows.rows, &m->arena) : NULL;
  if (q && !c) err_set(e, ERR_INTERNAL, "no memory for a calibration");
  if (c && !calibration_conform(c, q, others.outcome, others.rows, CONFORMAL_MISSES, &m->arena))
    fprintf(stderr, "%u rows are too few for prediction sets\n", others.rows);
  if (c) {
    json_key(w, "calibration");
    calibration_write(c, w);
    model_calibrate(m->program->models, m->index, c);
  }
  kit_free(p);
  kit_free(q);
  return c != NULL;
}

/* ---- golden rows: a few test rows, inputs rounded to what a person can read, answers asked for the rounded ones ---- */
#define GOLDEN_ROWS 4

static double read_back(double v) {
  char text[32];
  double back;
  snprintf(text, sizeof text, "%.4g", v);
  return str_to_double(str_from(text), &back) ? back : v;
}

static void print_input(const struct training_rows *rows, uint32_t c, uint32_t r, const char *name) {
  const uint32_t width = rows->widths[c];
  const size_t end = ((size_t)r + 1) * width;
  size_t first = end - width;
  while (first < end && !(rows->valid[c][first / 64] >> (first % 64) & 1)) first++; /* a short list has no oldest values */
  if (first == end) return;
  printf(width > 1 ? "%s = { " : "%s = ", name);
  for (size_t i = first; i < end; i++) {
    if (rows->valid[c][i / 64] >> (i % 64) & 1) printf("%.10g", rows->inputs[c][i]);
    else printf("\"missing\"");
    printf(", ");
  }
  if (width > 1) printf("}, ");
}

static void print_golden_row(const struct one_model *m, const struct training_rows *rows, uint32_t r, double answer) {
  const struct models *all = m->program->models;
  printf("    { inputs = { ");
  for (uint32_t c = 0; c < rows->input_count; c++) print_input(rows, c, r, m->spec.inputs[c]);
  printf("},\n      outputs = { ");
  for (uint32_t b = 0; b < beliefs_count(all); b++)
    if (belief_model(all, b) == m->index && answer == answer)
      printf("%s = %.6f, ", belief_name(all, b), belief_from_output(all, b, answer).number);
    else if (belief_model(all, b) == m->index) printf("%s = \"missing\", ", belief_name(all, b));
  printf("} },\n");
}

/* The chosen rows of `all` as a table of their own. */
static void choose_golden(const struct training_rows *all, struct arena *a, struct training_rows *few) {
  double **inputs = ARENA_ARRAY(a, double *, all->input_count);
  uint64_t **valid = ARENA_ARRAY(a, uint64_t *, all->input_count);
  *few =
      (struct training_rows){.rows = GOLDEN_ROWS, .inputs = inputs, .valid = valid, .widths = all->widths, .input_count = all->input_count};
  for (uint32_t c = 0; c < all->input_count; c++) {
    const uint32_t width = all->widths[c];
    inputs[c] = ARENA_ARRAY(a, double, (size_t)GOLDEN_ROWS *width);
    valid[c] = ARENA_ARRAY(a, uint64_t, (size_t)GOLDEN_ROWS * width / 64 + 1);
    for (uint32_t i = 0; i < GOLDEN_ROWS * width; i++) {
      const uint32_t row = i / width * (all->rows / GOLDEN_ROWS) + all->rows / (2 * GOLDEN_ROWS);
      const size_t from = (size_t)row * width + i % width;
      inputs[c][i] = read_back(all->inputs[c][from]);
      valid[c][i / 64] |= (all->valid[c][from / 64] >> (from % 64) & 1) << (i % 64);
    }
  }
}

static bool print_golden(const struct one_model *m, const struct training_table *table, struct err *e) {
  struct training_rows all, few;
  struct arena a = {0};
  training_table_rows(table, TRAINING_TEST, &all);
  choose_golden(&all, &a, &few);
  double answers[GOLDEN_ROWS];
  const bool fine = report_answers(m->model, &few, answers, e);
  if (fine) printf("  golden = {\n");
  for (uint32_t r = 0; fine && r < GOLDEN_ROWS; r++) print_golden_row(m, &few, r, answers[r]);
  if (fine) printf("  },\n");
  arena_free(&a);
  return fine;
}

/* ---- the run ---- */

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

static bool train_in_child(const struct options *o, const struct one_model *m, const struct training_rows *rows, struct buf *envelope,
                           struct err *e) {
  struct last_note last = {""};
  const struct training job = {.rows = rows->rows,
                               .inputs = (const double *const *)rows->inputs,
                               .valid = (const uint64_t *const *)rows->valid,
                               .target = rows->target,
                               .seeds = rows->user,
                               .limit_ms = o->seconds * CLOCK_SECOND,
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

static bool learn(const struct options *o, struct one_model *m, const struct training_table *table, struct err *e) {
  struct training_rows rows;
  struct buf envelope = {0};
  training_table_rows(table, TRAINING_TRAIN, &rows);
  bool fine = train_in_child(o, m, &rows, &envelope, e) && model_load(m->model, buf_view(&envelope), e);
  if (!fine && m->noun->fallback == m->noun->fallback)
    err_wrap(e, "no state was written, and the model's fallback %g goes on answering where it has none", m->noun->fallback);
  else if (!fine) err_wrap(e, "no state was written");
  buf_free(&envelope);
  return fine;
}

/* Beside the state: adherence.state has adherence.card.md. */
static bool write_card(const struct options *o, const struct one_model *m, const struct learning_from *from, const struct report *r,
                       struct err *e) {
  char path[4200];
  struct buf card = {0};
  struct str state = str_from(o->out ? o->out : m->state);
  if (str_ends(state, ".state")) state.len -= strlen(".state");
  snprintf(path, sizeof path, STR_FORMAT ".card.md", STR_ARG(state));
  report_card(r, m, "Learned from", from, &card);
  const bool fine = file_write_atomic(path, buf_view(&card), 0644, e);
  buf_free(&card);
  if (fine) fprintf(stderr, "%s\n", path);
  return fine;
}

static bool run_model(const struct options *o, struct one_model *m, const struct learning_from *from, const struct training_table *table,
                      struct err *e) {
  struct buf figures = {0};
  struct json_writer w = json_to(&figures);
  struct report report;
  char verdict[600];
  bool isotonic, fine = learn(o, m, table, e);
  json_open_object(&w);
  if (training_table_calibrates(table, &isotonic)) fine = fine && calibrate(m, table, isotonic, &w, e);
  fine = fine && report_make(&report, m, table, e);
  if (fine) {
    report_write(&report, &w);
    json_close_object(&w);
    printf(STR_FORMAT "\n", STR_ARG(buf_view(&figures)));
    report_verdict(&report, verdict, sizeof verdict);
    fprintf(stderr, "%s\n", verdict);
    fine =
        one_model_write(m, buf_view(&figures), o->out, e) && write_card(o, m, from, &report, e) && (o->json || print_golden(m, table, e));
  }
  buf_free(&figures);
  return fine;
}

static bool run(const struct options *o, struct err *e) {
  struct training_table *table = NULL;
  struct one_model m;
  struct learning_from from;
  if (!learning_from_options(&from, o->file, o->data, o->users, o->days, o->seed, e)) return false;
  bool fine = one_model_find(&m, o->program, o->model, e);
  if (fine && m.noun->combine) {
    fine = stack_run(&m, o->program, o->plugins, &from, e);
    one_model_close(&m);
    return fine;
  }
  one_model_close(&m);
  fine = fine && one_model_open(&m, o->program, o->model, o->plugins, e) && (table = report_table(&m, &from, e)) &&
         run_model(o, &m, &from, table, e);
  training_table_free(table);
  one_model_close(&m);
  return fine;
}

int tool_train(int argc, char **argv) {
  struct options o = {.program = ".", .users = 400, .days = 84, .seed = 7, .seconds = 600};
  const struct argument list[] = {
      {"MODEL", ARGUMENT_TEXT, &o.model, NULL, "name of the model in the program", NULL},
      {"--program", ARGUMENT_TEXT, &o.program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--from", ARGUMENT_TEXT, &o.file, "FILE", "learn from events as NDJSON, in order of time", NULL},
      {"--data", ARGUMENT_TEXT, &o.data, "DIR", "learn from a data directory's journal", NULL},
      {"--users", ARGUMENT_NUMBER, &o.users, "N", "without --from and --data: people of the built-in population (400)", NULL},
      {"--days", ARGUMENT_NUMBER, &o.days, "D", "days of their lives (84)", NULL},
      {"--seed", ARGUMENT_NUMBER, &o.seed, "S", "their seed (7)", NULL},
      {"--out", ARGUMENT_TEXT, &o.out, "FILE", "where the state goes (default: the model's, in models/)", NULL},
      {"--plugins", ARGUMENT_TEXT, &o.plugins, "DIR", "where plugins lie (default: the engine's)", NULL},
      {"--seconds", ARGUMENT_NUMBER, &o.seconds, "S", "limit of the training child (600)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "figures only, no golden rows", NULL}};
  const struct usage usage = {"train", "Trains a model of the program and says what its predictions are worth.",
                              "  kairos train adherence --data data\n  kairos train adherence --from events.ndjson --out adherence.state\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (!o.model) {
    fprintf(stderr, "kairos train: which MODEL?\n");
    return EXIT_USAGE;
  }
  if (o.seconds < 1) {
    err_set(&e, ERR_INPUT, "--seconds: expected at least 1, got %lld", (long long)o.seconds);
    return tool_fail(&e);
  }
  return run(&o, &e) ? EXIT_OK : tool_fail(&e);
}
