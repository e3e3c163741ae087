/* evaluate: what a model that has its state is worth on other events than it was trained on, or on the same ones by their test people: the
 * figures and champions of `kairos train`, without training. With --folds, what the model could learn where there are too few people to
 * train it: cross-validation by groups of people. Writes nothing. Main thread. */
#include "arguments.h"
#include "blend.h"
#include "folds.h"
#include "groups.h"
#include "teach.h"
#include "tools_list.h"
#include <stdio.h>

struct options {
  const char *model, *program, *file, *data, *state, *plugins, *by;
  int64_t users, days, seed, folds, seconds;
  bool json;
  struct learning_from from;
};

/* `g` NULL: nobody asked for groups. */
static void print_report(const struct options *o, const struct one_model *m, const struct report *r, const struct group_report *g) {
  struct buf out = {0};
  if (o->json) {
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    report_write(r, &w);
    report_reliability_write(r, &w);
    if (g) groups_write(g, &w);
    json_close_object(&w);
  } else {
    report_card(r, m, o->folds ? "Judged by" : "Held against", &o->from, &out);
    report_reliability(r, &out);
    if (g) groups_card(g, &out);
  }
  while (out.len && out.at[out.len - 1] == '\n') out.len--;
  tool_print(&out);
}

static bool run_combination(const struct options *o, const struct one_model *m, struct err *e) {
  struct report report;
  if (o->folds || o->state || o->by)
    return err_set(e, ERR_INPUT, "%s combines other models and has no weights of its own, so it takes no %s",
                   model_name(m->program->models, m->index),
                   o->folds ? "--folds"
                   : o->by  ? "--by: ask its parts"
                            : "--state");
  if (!blend_judge(m, o->program, o->plugins, &o->from, &report, e)) return false;
  print_report(o, m, &report, NULL);
  return true;
}

static bool run(const struct options *o, struct err *e) {
  struct training_table *table = NULL;
  struct one_model m;
  struct report report;
  struct group_report groups;
  struct arena arena = {0};
  const bool found = one_model_find(&m, o->program, o->model, e), combines = found && m.noun->combine;
  const bool judged = combines && run_combination(o, &m, e);
  one_model_close(&m);
  if (!found || combines) return judged;
  const bool fine = one_model_open(&m, o->program, o->model, o->plugins, e) && (o->folds || one_model_load(&m, o->state, e)) &&
                    (table = report_table(&m, &o->from, e)) &&
                    (o->folds ? folds_run(&m, table, (uint32_t)o->folds, o->seconds, &report, e) : report_make(&report, &m, table, e)) &&
                    (!o->by || groups_judge(&groups, &m, table, o->by, &arena, e));
  if (fine) print_report(o, &m, &report, o->by ? &groups : NULL);
  arena_free(&arena);
  training_table_free(table);
  one_model_close(&m);
  return fine;
}

int tool_evaluate(int argc, char **argv) {
  struct options o = {.program = ".", .users = 400, .days = 84, .seed = 7, .seconds = 600};
  const struct argument list[] = {
      {"MODEL", ARGUMENT_TEXT, &o.model, NULL, "name of the model in the program", NULL},
      {"--program", ARGUMENT_TEXT, &o.program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--from", ARGUMENT_TEXT, &o.file, "FILE", "events as NDJSON, in order of time", NULL},
      {"--data", ARGUMENT_TEXT, &o.data, "DIR", "a data directory's journal", NULL},
      {"--users", ARGUMENT_NUMBER, &o.users, "N", "people of the built-in population (400)", NULL},
      {"--days", ARGUMENT_NUMBER, &o.days, "D", "days of their lives (84)", NULL},
      {"--seed", ARGUMENT_NUMBER, &o.seed, "S", "their seed (7)", NULL},
      {"--state", ARGUMENT_TEXT, &o.state, "FILE", "another state than the model's file names", NULL},
      {"--by", ARGUMENT_TEXT, &o.by, "NAME", "is it as good for each group of people? by a feature or a field: profile.gender", NULL},
      {"--folds", ARGUMENT_NUMBER, &o.folds, "K",
       "train on K - 1 of K groups of people and judge by the last, in turn; no state is needed or made", NULL},
      {"--seconds", ARGUMENT_NUMBER, &o.seconds, "S", "limit of each training child (600)", NULL},
      {"--plugins", ARGUMENT_TEXT, &o.plugins, "DIR", "where plugins lie (default: KAIROS_PLUGINS, then the engine's)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "the figures as JSON (default: as a model card)", NULL}};
  static const struct argument_fit fits[] = {{"--seconds", "--folds"},
                                             {"--state", "without --folds"},
                                             {"--by", "without --folds"},
                                             {"--users", "without --from, --data"},
                                             {"--days", "without --from, --data"},
                                             {"--seed", "without --from, --data"}};
  const struct usage usage = {"evaluate", "Says what a model's predictions are worth, beside the base rate and simpler models.",
                              "  kairos evaluate adherence --data data\n  kairos evaluate adherence --seed 8 --json\n  kairos evaluate "
                              "adherence --data data --folds 10\n"
                              "  kairos evaluate adherence --data data --by profile.demographics.fitnessLevel\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (!o.model || !o.model[0]) return one_model_missing(&usage, o.program);
  if (o.folds && (o.folds < 2 || o.folds > 1000)) err_set(&e, ERR_INPUT, "--folds: expected 2 to 1000, got %lld", (long long)o.folds);
  if (e.kind != ERR_NONE || !teach_limit(o.seconds, &e)) return arguments_refuse(&usage, &e);
  if (!learning_from_options(&o.from, o.file, o.data, o.users, o.days, o.seed, &e)) return arguments_refuse(&usage, &e);
  o.from.by = o.by;
  return run(&o, &e) ? EXIT_OK : tool_fail(&e);
}
