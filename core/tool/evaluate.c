/* evaluate: what a model that has its state is worth on other events than it was trained on, or on the same ones by their test people: the
 * figures and champions of `kairos train`, without training. Writes nothing. Main thread. */
#include "arguments.h"
#include "report.h"
#include "tools_list.h"
#include <stdio.h>

struct options {
  const char *model, *program, *file, *data, *state, *plugins;
  int64_t users, days, seed;
  bool json;
};

static void print_report(const struct options *o, const struct one_model *m, const struct learning_from *from, const struct report *r) {
  struct buf out = {0};
  if (o->json) {
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    report_write(r, &w);
    json_close_object(&w);
    buf_text(&out, "\n");
  } else {
    report_card(r, m, "Held against", from, &out);
  }
  printf(STR_FORMAT, STR_ARG(buf_view(&out)));
  buf_free(&out);
}

static bool run(const struct options *o, struct err *e) {
  struct training_table *table = NULL;
  struct one_model m;
  struct report report;
  struct learning_from from;
  if (!learning_from_options(&from, o->file, o->data, o->users, o->days, o->seed, e)) return false;
  const bool fine = one_model_open(&m, o->program, o->model, o->plugins, e) && one_model_load(&m, o->state, e) &&
                    (table = report_table(&m, &from, e)) && report_make(&report, &m, table, e);
  if (fine) print_report(o, &m, &from, &report);
  training_table_free(table);
  one_model_close(&m);
  return fine;
}

int tool_evaluate(int argc, char **argv) {
  struct options o = {.program = ".", .users = 400, .days = 84, .seed = 7};
  const struct argument list[] = {
      {"MODEL", ARGUMENT_TEXT, &o.model, NULL, "name of the model in the program", NULL},
      {"--program", ARGUMENT_TEXT, &o.program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--from", ARGUMENT_TEXT, &o.file, "FILE", "events as NDJSON, in order of time", NULL},
      {"--data", ARGUMENT_TEXT, &o.data, "DIR", "a data directory's journal", NULL},
      {"--users", ARGUMENT_NUMBER, &o.users, "N", "without --from and --data: people of the built-in population (400)", NULL},
      {"--days", ARGUMENT_NUMBER, &o.days, "D", "days of their lives (84)", NULL},
      {"--seed", ARGUMENT_NUMBER, &o.seed, "S", "their seed (7)", NULL},
      {"--state", ARGUMENT_TEXT, &o.state, "FILE", "another state than the model's file names", NULL},
      {"--plugins", ARGUMENT_TEXT, &o.plugins, "DIR", "where plugins lie (default: the engine's)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "the figures as JSON (default: as a model card)", NULL}};
  const struct usage usage = {"evaluate", "Says what a model's predictions are worth, beside the base rate and simpler models.",
                              "  kairos evaluate adherence --data data\n  kairos evaluate adherence --seed 8 --json\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (!o.model) {
    fprintf(stderr, "kairos evaluate: which MODEL?\n");
    return EXIT_USAGE;
  }
  return run(&o, &e) ? EXIT_OK : tool_fail(&e);
}
