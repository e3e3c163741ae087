/* train: a model of the program learns from a file of events, from a data directory's journal, or from the built-in population. Events go
 * through the same features as live ones; the plugin trains in a child; training and test are split by user. Prints what the predictions
 * are worth beside the base rate and its champions, writes the state and a model card, and prints golden rows for the model's file. Main
 * thread; nothing else is changed. */
#include "arguments.h"
#include "kit/file.h"
#include "stack.h"
#include "teach.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

struct options {
  const char *model, *program, *file, *data, *out, *plugins;
  int64_t users, days, seed, seconds;
  bool json;
  struct learning_from from;
};

/* ---- golden rows: values of test rows, shuffled and rounded to what a person can read, and what is answered to them ---- */
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

static bool print_golden(const struct one_model *m, const struct training_table *table, struct err *e) {
  struct training_rows all, few;
  struct arena a = {0};
  training_table_rows(table, TRAINING_TEST, &all);
  teach_golden(&all, &a, &few);
  double answers[GOLDEN_ROWS];
  const bool fine = report_answers(m->model, &few, answers, e);
  if (fine) printf("  golden = {\n");
  for (uint32_t r = 0; fine && r < GOLDEN_ROWS; r++) print_golden_row(m, &few, r, answers[r]);
  if (fine) printf("  },\n");
  arena_free(&a);
  return fine;
}

/* In its place the state is held to the rows of the model's file: until they are its own, the program is refused. */
static void say_golden(const struct options *o, const struct one_model *m) {
  if (o->out || model_keeps_golden(m->program->models, m->index, m->model)) return;
  fprintf(stderr, "The golden rows of %s are of another state: put %s in their place, or the program is refused.\n", m->noun->at.file,
          o->json ? "those that `kairos train` prints without --json" : "the rows above");
}

/* ---- the run ---- */

/* Beside the state: adherence.state has adherence.card.md. */
static bool write_card(const struct options *o, const struct one_model *m, const struct learning_from *from, const struct report *r,
                       struct err *e) {
  char path[4200];
  struct buf card = {0};
  struct str state = str_from(o->out ? o->out : m->state);
  if (str_ends(state, ".state")) state.len -= strlen(".state");
  snprintf(path, sizeof path, STR_FORMAT ".card.md", STR_ARG(state));
  report_card(r, m, "Learned from", from, &card);
  const bool fine =
      card.failed ? err_set(e, ERR_INTERNAL, "no memory for a model card") : file_write_atomic(path, buf_view(&card), 0644, e);
  buf_free(&card);
  if (fine) fprintf(stderr, "%s\n", path);
  return fine;
}

static bool learn(const struct options *o, struct one_model *m, const struct training_table *table, struct err *e) {
  struct training_rows rows;
  training_table_rows(table, TRAINING_TRAIN, &rows);
  if (teach_enough(m, table, e) && teach(m, &rows, o->seconds, e)) return true;
  if (m->noun->fallback == m->noun->fallback)
    return err_wrap(e, "no state was written, and the model's fallback %g goes on answering where it has none", m->noun->fallback);
  return err_wrap(e, "no state was written");
}

/* To people what the model card says, to machines the object, whose members so far are in `open`. */
static void print_figures(const struct options *o, const struct one_model *m, const struct learning_from *from, const struct report *r,
                          const struct buf *open) {
  struct buf words = {.failed = open->failed};
  if (o->json) buf_printf(&words, STR_FORMAT "}", STR_ARG(buf_view(open)));
  else report_card(r, m, "Learned from", from, &words);
  tool_print(&words);
}

static bool run_model(const struct options *o, struct one_model *m, const struct learning_from *from, const struct training_table *table,
                      struct err *e) {
  struct buf figures = {0};
  struct json_writer w = json_to(&figures);
  struct report report;
  char verdict[REPORT_VERDICT];
  bool isotonic, fine = learn(o, m, table, e);
  json_open_object(&w);
  if (training_table_calibrates(table, &isotonic)) fine = fine && teach_calibration(m, table, isotonic, &w, e);
  fine = fine && report_make(&report, m, table, e);
  if (fine) {
    report_write(&report, &w);
    print_figures(o, m, from, &report, &figures);
    fine = report_reference(m, table, &w, e);           /* for the engine that watches over it; nothing to read */
    fine = fine && teach_golden_write(m, table, &w, e); /* for the day on which it is served in another state's place */
    if (!o->out) json_pair_bool(&w, "in_place", true);  /* here it is held to the rows of the model's file */
    json_close_object(&w);
    report_verdict(&report, verdict, sizeof verdict);
    if (o->json) fprintf(stderr, "%s\n", verdict); /* the words have it already */
    fine = fine && one_model_write(m, &figures, o->out, e) && write_card(o, m, from, &report, e) && (o->json || print_golden(m, table, e));
    if (fine) say_golden(o, m);
  }
  buf_free(&figures);
  return fine;
}

static bool run(const struct options *o, struct err *e) {
  struct training_table *table = NULL;
  struct one_model m;
  const struct learning_from from = o->from;
  bool fine = one_model_find(&m, o->program, o->model, e);
  if (fine && m.noun->combine) {
    fine = stack_run(&m, o->program, o->plugins, &from, o->json, e);
    one_model_close(&m);
    return fine;
  }
  one_model_close(&m);
  fine = fine && one_model_open(&m, o->program, o->model, o->plugins, e) && one_model_fits(&m, e) && (table = report_table(&m, &from, e)) &&
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
      {"--users", ARGUMENT_NUMBER, &o.users, "N", "people of the built-in population (400)", NULL},
      {"--days", ARGUMENT_NUMBER, &o.days, "D", "days of their lives (84)", NULL},
      {"--seed", ARGUMENT_NUMBER, &o.seed, "S", "their seed (7)", NULL},
      {"--out", ARGUMENT_TEXT, &o.out, "FILE", "where the state goes (default: the model's, in models/)", NULL},
      {"--plugins", ARGUMENT_TEXT, &o.plugins, "DIR", "where plugins lie (default: KAIROS_PLUGINS, then the engine's)", NULL},
      {"--seconds", ARGUMENT_NUMBER, &o.seconds, "S", "limit of the training child (600)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "the figures as JSON, no golden rows (default: as a model card, and the rows)", NULL}};
  static const struct argument_fit fits[] = {
      {"--users", "without --from, --data"}, {"--days", "without --from, --data"}, {"--seed", "without --from, --data"}};
  const struct usage usage = {"train", "Trains a model of the program and says what its predictions are worth.",
                              "  kairos train adherence --data data\n  kairos train adherence --from events.ndjson --out adherence.state\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (!o.model || !o.model[0]) return one_model_missing(&usage, o.program);
  if (!teach_limit(o.seconds, &e)) return arguments_refuse(&usage, &e);
  if (!learning_from_options(&o.from, o.file, o.data, o.users, o.days, o.seed, &e)) return arguments_refuse(&usage, &e);
  return run(&o, &e) ? EXIT_OK : tool_fail(&e);
}
