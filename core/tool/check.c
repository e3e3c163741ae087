/* check: builds a program as the engine would and prints what is wrong with it, file and line first, its scenarios' fields, names and words
 * too (that they hold is the matter of test); also, beside the program that a
 * running engine or another directory has, what must not change under people who are in the middle of it. Nothing is started and nothing
 * stored. Main thread. */
#include "arguments.h"
#include "client.h"
#include "kit/json.h"
#include "live.h"
#include "program/scenario.h"
#include "tools_list.h"
#include "workshop.h"
#include <stdio.h>
#include <string.h>

/* ---- what it is held to ---- */

/* Its rules are all that is asked of it: neither states nor plugins. */
static struct program *program_answered(struct str answer, struct err *e) {
  struct arena a = {0};
  struct json j;
  struct program *p = NULL;
  const uint32_t sources = json_parse(&j, &a, answer, &json_limits_default, e) ? json_get(&j, 0, "sources") : JSON_NONE;
  const uint32_t count = json_type(&j, sources) == JSON_ARRAY ? j.tokens[sources].count : 0;
  struct source *files = ARENA_ARRAY(&a, struct source, count + 1);
  size_t kept = 0;
  for (uint32_t i = 0; files && i < count; i++) {
    const uint32_t one = json_child(&j, sources, i), text = json_get(&j, one, "text");
    const struct str path = json_text(&j, json_get(&j, one, "path"), &a);
    const char *named = arena_text(&a, path.at, path.len);
    if (!named || json_type(&j, text) != JSON_STRING || !str_ends(path, ".lua")) continue;
    files[kept++] = (struct source){.path = named, .text = json_text(&j, text, &a)};
  }
  if (kept) p = program_from_upload(files, kept, &(struct program_from){0}, e);
  else if (e->kind == ERR_NONE) err_set(e, ERR_INPUT, "the engine shows no files of its live program");
  arena_free(&a);
  return p;
}

static bool is_url(const char *what) {
  return strncmp(what, "http://", 7) == 0 || strncmp(what, "https://", 8) == 0;
}

static struct program *program_there(const char *what, const char *key, struct err *e) {
  const struct client client = {what, key};
  struct buf answer = {0};
  struct program *p = NULL;
  if (!is_url(what)) return program_from_directory(what, &(struct program_from){0}, e);
  if (client_call(&client, "GET", "/v1/programs/live", NULL, (struct str){0}, &answer, NULL, e)) p = program_answered(buf_view(&answer), e);
  buf_free(&answer);
  return p;
}

static bool hold_to(struct program *p, const char *what, const char *key, struct err *e) {
  struct program *live = program_there(what, key, e);
  if (live) program_hold_to(p, live);
  program_free(live);
  return live != NULL || err_wrap(e, "--against %s", what);
}

/* ---- what is said ---- */

/* What is to be run is said as it has to be typed from here. The engine, which says the same sentences, cannot know. */
static const char *with_directory(const char *text, const char *directory, struct arena *a) {
  static const char command[] = "`kairos train ";
  const char *at = strcmp(directory, ".") == 0 ? NULL : strstr(text, command), *end = at ? strchr(at + sizeof command, '`') : NULL;
  if (!end) return text;
  const char *said = arena_printf(a, "%.*s --program %s%s", (int)(end - text), text, directory, end);
  return said ? said : text;
}

static void name_directory(struct program *p, const char *directory) {
  for (size_t i = 0; i < p->findings.count; i++) p->findings.at[i].text = with_directory(p->findings.at[i].text, directory, &p->arena);
}

static void print_json(const struct program *p) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "program", p->digest);
  workshop_findings(p, &w);
  json_close_object(&w);
  tool_print(&out);
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
  const char *directory = ".", *against = NULL, *key = NULL;
  bool json = false;
  const struct argument list[] = {{"DIR", ARGUMENT_TEXT, &directory, NULL, "the program's directory (default: .)", NULL},
                                  {"--against", ARGUMENT_TEXT, &against, "URL|DIR",
                                   "also what may not change beside what runs there: a running engine's address, or a directory", NULL},
                                  {"--key", ARGUMENT_TEXT, &key, "KEY", "the API key of that engine", "KAIROS_KEY"},
                                  {"--json", ARGUMENT_FLAG, &json, NULL, "the findings as JSON", NULL}};
  static const struct argument_fit fits[] = {{"--key", "--against"}};
  const struct usage usage = {"check", "Checks a program: unknown words, broken conditions, models that do not open.",
                              "  kairos check\n  kairos check myprogram --json\n  kairos check myprogram --against " LIVE_URL "\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct workshop shop;
  struct err e = {0};
  if (against && !is_url(against) && arguments_said("--key")) {
    err_set(&e, ERR_INPUT, "--key goes with the address of an engine, and --against names a directory, %s", against);
    return arguments_refuse(&usage, &e);
  }
  bool ok = workshop_open(&shop, directory, &e) && (!against || hold_to(shop.program, against, key, &e));
  if (ok) program_read_scenarios(shop.program);
  if (ok) name_directory(shop.program, directory);
  if (ok && json) print_json(shop.program);
  else if (ok) print_plain(shop.program, directory);
  code = !ok ? tool_fail(&e) : shop.program->findings.errors ? EXIT_FINDINGS : EXIT_OK;
  workshop_close(&shop);
  return code;
}
