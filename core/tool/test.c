/* test: runs a program's scenarios and says which hold: for people, as JUnit XML, or as JSON; and with --coverage which rules and terms
 * they do not hold to anything. Of a program that has errors nothing is run, and what was found is said in the same forms. Main thread. */
#include "arguments.h"
#include "kit/json.h"
#include "testing.h"
#include "tools_list.h"
#include "workshop.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct testing {
  const char *directory, *format, *junit; /* junit: a file, beside what is printed */
  bool json, coverage;
};

struct result {
  const struct program *program; /* with an error: there are no scenarios */
  struct scenarios scenarios;
  struct coverage *coverage; /* NULL: not counted */
};

static void print_pretty(const struct result *t) {
  const struct scenarios *r = &t->scenarios;
  if (t->program->findings.errors) return; /* people were told on stderr */
  const bool color = tool_color(STDOUT_FILENO);
  for (size_t i = 0; i < r->count; i++) {
    const struct scenario_result *s = &r->results[i];
    const char *paint = !color ? "" : s->passed ? "\033[32m" : "\033[31m";
    printf("%s%-4s%s %s:%d: " STR_FORMAT "\n", paint, s->passed ? "ok" : "FAIL", color ? "\033[0m" : "", s->noun->at.file, s->noun->at.line,
           STR_ARG(s->noun->at.name));
    if (!s->passed) fwrite(s->failure.at, 1, s->failure.len, stdout);
  }
  printf("%zu %s, %zu failed\n", r->count, r->count == 1 ? "scenario" : "scenarios", r->failed);
  if (t->coverage) coverage_print(t->coverage);
}

static void put_xml(FILE *out, struct str text) {
  for (size_t i = 0; i < text.len; i++) switch (text.at[i]) {
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '&': fputs("&amp;", out); break;
    case '"': fputs("&quot;", out); break;
    default:
      if ((unsigned char)text.at[i] >= 32 || text.at[i] == '\n') fputc(text.at[i], out);
    }
}

/* A program with an error is a suite of which nothing ran: each error is a case, so that no reader of reports takes it for a good one. */
static void put_junit_finding(FILE *out, const struct finding *f) {
  const struct str rule = finding_rule(f);
  fprintf(out, "  <testcase classname=\"");
  put_xml(out, str_from(f->file));
  fprintf(out, "\" name=\"");
  put_xml(out, rule.len ? rule : STR("the program"));
  fprintf(out, "\" line=\"%d\"><error message=\"", f->line);
  put_xml(out, str_from(f->text));
  fprintf(out, "\"/></testcase>\n");
}

static void put_junit(FILE *out, const struct result *t) {
  const struct scenarios *r = &t->scenarios;
  const size_t errors = t->program->findings.errors;
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"kairos\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n",
          r->count + errors, r->failed, errors);
  if (t->coverage)
    fprintf(out,
            "  <properties>\n    <property name=\"coverage.rules\" value=\"%zu/%zu\"/>\n"
            "    <property name=\"coverage.terms\" value=\"%zu/%zu\"/>\n  </properties>\n",
            t->coverage->whole_rules, t->coverage->count, t->coverage->whole_terms, t->coverage->terms);
  for (size_t i = 0; i < t->program->findings.count; i++)
    if (t->program->findings.at[i].level == FINDING_ERROR) put_junit_finding(out, &t->program->findings.at[i]);
  for (size_t i = 0; i < r->count; i++) {
    const struct scenario_result *s = &r->results[i];
    fprintf(out, "  <testcase classname=\"");
    put_xml(out, str_from(s->noun->at.file));
    fprintf(out, "\" name=\"");
    put_xml(out, s->noun->at.name);
    fprintf(out, "\" line=\"%d\"", s->noun->at.line);
    if (s->passed) {
      fprintf(out, "/>\n");
      continue;
    }
    fprintf(out, "><failure>");
    put_xml(out, s->failure);
    fprintf(out, "</failure></testcase>\n");
  }
  fprintf(out, "</testsuite>\n");
}

static void print_junit(const struct result *t) {
  put_junit(stdout, t);
}

static void print_json(const struct result *t) {
  const struct scenarios *r = &t->scenarios;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_int(&w, "scenarios", (int64_t)r->count);
  json_pair_int(&w, "failed", (int64_t)r->failed);
  json_key(&w, "results");
  json_open_array(&w);
  for (size_t i = 0; i < r->count; i++) {
    const struct scenario_result *s = &r->results[i];
    json_open_object(&w);
    json_pair_text(&w, "file", s->noun->at.file);
    json_pair_int(&w, "line", s->noun->at.line);
    json_pair_str(&w, "name", s->noun->at.name);
    json_pair_bool(&w, "passed", s->passed);
    if (!s->passed) json_pair_str(&w, "failure", s->failure);
    json_close_object(&w);
  }
  json_close_array(&w);
  workshop_findings(t->program, &w);
  if (t->coverage) coverage_json(t->coverage, &w);
  json_close_object(&w);
  tool_print(&out);
}

/* A report that could not be written is a failure: whoever reads it later must not find an old one. */
static bool write_junit(const char *path, const struct result *r, struct err *e) {
  FILE *out = fopen(path, "w");
  if (!out) return err_set(e, ERR_STORAGE, "%s: cannot be written: %s", path, strerror(errno));
  put_junit(out, r);
  bool bad = ferror(out) != 0;
  return (fclose(out) == 0 && !bad) || err_set(e, ERR_STORAGE, "%s: could not be written: %s", path, strerror(errno));
}

static int tell(const struct testing *t, const struct result *r, int format, int code) {
  static void (*const prints[])(const struct result *) = {print_pretty, print_junit, print_json};
  struct err e = {0};
  prints[format](r);
  if (t->junit && !write_junit(t->junit, r, &e)) return tool_fail(&e);
  return code;
}

static int run(const struct testing *t, const struct program *p, int format, struct arena *a) {
  struct result r = {.program = p};
  struct coverage c;
  if ((t->coverage && !coverage_begin(p, a, &c)) || !scenarios_run(p, a, t->coverage ? &c : NULL, &r.scenarios)) {
    fprintf(stderr, "kairos test: no memory to run the scenarios\n");
    return EXIT_FAILED;
  }
  if (t->coverage) coverage_end(r.coverage = &c);
  const int code = tell(t, &r, format, r.scenarios.failed ? EXIT_FINDINGS : EXIT_OK);
  if (r.scenarios.count == 0) fprintf(stderr, "kairos test: the program has no scenarios\n");
  return code;
}

/* Nothing of it can be run; machines are told so in the form they asked for. */
static int refuse(const struct testing *t, const struct program *p, int format) {
  const struct result r = {.program = p};
  struct buf out = {0};
  program_print_findings(p, &out);
  fwrite(out.at, 1, out.len, stderr);
  buf_free(&out);
  fprintf(stderr, "kairos test: the program has errors; no scenario was run\n");
  return tell(t, &r, format, EXIT_FINDINGS);
}

static int test(const struct testing *t, const struct workshop *shop, int format) {
  struct arena a = {0};
  const bool wrong = shop->program->findings.errors != 0;
  const int code = wrong ? refuse(t, shop->program, format) : run(t, shop->program, format, &a);
  arena_free(&a);
  return code;
}

int tool_test(int argc, char **argv) {
  static const char *const formats[] = {"pretty", "junit", "json", NULL};
  struct testing t = {.directory = ".", .format = "pretty"};
  const struct argument list[] = {
      {"DIR", ARGUMENT_TEXT, &t.directory, NULL, "the program's directory (default: .)", NULL},
      {"--format", ARGUMENT_TEXT, &t.format, "pretty|junit|json", "how it is said (default: pretty)", NULL},
      {"--json", ARGUMENT_FLAG, &t.json, NULL, "the same as --format json", NULL},
      {"--junit", ARGUMENT_TEXT, &t.junit, "FILE", "also as JUnit XML into that file", NULL},
      {"--coverage", ARGUMENT_FLAG, &t.coverage, NULL, "which rules and terms no scenario holds to anything", NULL}};
  static const struct argument_fit fits[] = {{"--json", "without --format"}};
  const struct usage usage = {
      "test", "Runs a program's scenarios through the code that decides in production; leaves with 3 when one fails.",
      "  kairos test\n  kairos test myprogram --junit scenarios.xml\n  kairos test --coverage\n", ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = t.json ? 2 : arguments_word(&usage, "--format", t.format, formats);
  if (place < 0) return EXIT_USAGE;
  struct workshop shop;
  struct err e = {0};
  code = workshop_open(&shop, t.directory, &e) ? test(&t, &shop, place) : tool_fail(&e);
  workshop_close(&shop);
  return code;
}
