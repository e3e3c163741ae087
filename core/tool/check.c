/* check: builds a program as the engine would and prints what is wrong with it, file and line first; nothing is started and nothing stored.
 * Main thread. */
#include "arguments.h"
#include "kit/json.h"
#include "tools_list.h"
#include "workshop.h"
#include <stdio.h>

static void print_json(const struct program *p) {
  static const char *const levels[] = {"note", "warning", "error"};
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "program", p->digest);
  json_pair_int(&w, "errors", (int64_t)p->findings.errors);
  json_key(&w, "findings");
  json_open_array(&w);
  for (size_t i = 0; i < p->findings.count; i++) {
    const struct finding *f = &p->findings.at[i];
    json_open_object(&w);
    json_pair_text(&w, "file", f->file);
    json_pair_int(&w, "line", f->line);
    json_pair_text(&w, "level", levels[f->level]);
    json_pair_text(&w, "text", f->text);
    json_close_object(&w);
  }
  json_close_array(&w);
  json_close_object(&w);
  printf(STR_FORMAT "\n", STR_ARG(buf_view(&out)));
  buf_free(&out);
}

static void print_plain(const struct program *p, const char *directory) {
  struct buf out = {0};
  program_print_findings(p, &out);
  if (out.len) fwrite(out.at, 1, out.len, stdout);
  buf_free(&out);
  const struct nouns *n = &p->nouns;
  const struct {
    const char *word;
    size_t count;
  } nouns[] = {{"event", n->event_count},     {"feature", n->feature_count},           {"model", n->model_count},
               {"trigger", n->trigger_count}, {"intervention", n->intervention_count}, {"experiment", n->experiment_count},
               {"rollout", n->rollout_count}, {"scenario", n->scenario_count}};
  fprintf(stderr, "%s", directory);
  for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++)
    fprintf(stderr, "%s%zu %s%s", i ? ", " : ": ", nouns[i].count, nouns[i].word, nouns[i].count == 1 ? "" : "s");
  fprintf(stderr, "; ");
  if (p->findings.errors) fprintf(stderr, "%zu %s\n", p->findings.errors, p->findings.errors == 1 ? "error" : "errors");
  else fprintf(stderr, "no errors\n");
}

int tool_check(int argc, char **argv) {
  const char *directory = ".";
  bool json = false;
  const struct argument list[] = {{"DIR", ARGUMENT_TEXT, &directory, NULL, "the program's directory (default: .)", NULL},
                                  {"--json", ARGUMENT_FLAG, &json, NULL, "the findings as JSON", NULL}};
  const struct usage usage = {"check", "Checks a program: unknown words, broken conditions, models that do not open.",
                              "  kairos check\n  kairos check myprogram --json\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct workshop shop;
  struct err e = {0};
  bool ok = workshop_open(&shop, directory, &e);
  if (ok && json) print_json(shop.program);
  else if (ok) print_plain(shop.program, directory);
  code = !ok ? tool_fail(&e) : shop.program->findings.errors ? EXIT_FINDINGS : EXIT_OK;
  workshop_close(&shop);
  return code;
}
