/* test: runs a program's scenarios and says which hold: for people, as JUnit XML, or as JSON. Main thread. */
#include "arguments.h"
#include "kit/json.h"
#include "program/scenario.h"
#include "tools_list.h"
#include "workshop.h"
#include <stdio.h>
#include <unistd.h>

static void print_pretty(const struct scenarios *r) {
  const bool color = tool_color(STDOUT_FILENO);
  for (size_t i = 0; i < r->count; i++) {
    const struct scenario_result *s = &r->results[i];
    const char *paint = !color ? "" : s->passed ? "\033[32m" : "\033[31m";
    printf("%s%-4s%s %s:%d: " STR_FORMAT "\n", paint, s->passed ? "ok" : "FAIL", color ? "\033[0m" : "", s->noun->at.file, s->noun->at.line,
           STR_ARG(s->noun->at.name));
    if (!s->passed) fwrite(s->failure.at, 1, s->failure.len, stdout);
  }
  printf("%zu scenarios, %zu failed\n", r->count, r->failed);
}

static void print_xml(struct str text) {
  for (size_t i = 0; i < text.len; i++) switch (text.at[i]) {
    case '<': fputs("&lt;", stdout); break;
    case '>': fputs("&gt;", stdout); break;
    case '&': fputs("&amp;", stdout); break;
    case '"': fputs("&quot;", stdout); break;
    default:
      if ((unsigned char)text.at[i] >= 32 || text.at[i] == '\n') putchar(text.at[i]);
    }
}

static void print_junit(const struct scenarios *r) {
  printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"kairos\" tests=\"%zu\" failures=\"%zu\">\n", r->count, r->failed);
  for (size_t i = 0; i < r->count; i++) {
    const struct scenario_result *s = &r->results[i];
    printf("  <testcase classname=\"");
    print_xml(str_from(s->noun->at.file));
    printf("\" name=\"");
    print_xml(s->noun->at.name);
    printf("\" line=\"%d\"", s->noun->at.line);
    if (s->passed) {
      printf("/>\n");
      continue;
    }
    printf("><failure>");
    print_xml(s->failure);
    printf("</failure></testcase>\n");
  }
  printf("</testsuite>\n");
}

static void print_json(const struct scenarios *r) {
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
  json_close_object(&w);
  printf(STR_FORMAT "\n", STR_ARG(buf_view(&out)));
  buf_free(&out);
}

static int test(const struct workshop *shop, int format) {
  static void (*const prints[])(const struct scenarios *) = {print_pretty, print_junit, print_json};
  if (shop->program->findings.errors) {
    struct buf out = {0};
    program_print_findings(shop->program, &out);
    fwrite(out.at, 1, out.len, stderr);
    buf_free(&out);
    fprintf(stderr, "kairos test: the program has errors; no scenario was run\n");
    return EXIT_FINDINGS;
  }
  struct arena a = {0};
  struct scenarios r;
  if (!scenarios_run(shop->program, &a, &r)) {
    fprintf(stderr, "kairos test: no memory to run the scenarios\n");
    return EXIT_FAILED;
  }
  prints[format](&r);
  if (r.count == 0) fprintf(stderr, "kairos test: the program has no scenarios\n");
  int code = r.failed ? EXIT_FINDINGS : EXIT_OK;
  arena_free(&a);
  return code;
}

int tool_test(int argc, char **argv) {
  static const char *const formats[] = {"pretty", "junit", "json", NULL};
  const char *directory = ".", *format = "pretty";
  bool json = false;
  const struct argument list[] = {{"DIR", ARGUMENT_TEXT, &directory, NULL, "the program's directory (default: .)", NULL},
                                  {"--format", ARGUMENT_TEXT, &format, "pretty|junit|json", "how it is said (default: pretty)", NULL},
                                  {"--json", ARGUMENT_FLAG, &json, NULL, "the same as --format json", NULL}};
  const struct usage usage = {"test",
                              "Runs a program's scenarios through the code that decides in production; leaves with 3 when one fails.",
                              "  kairos test\n  kairos test myprogram --format junit > scenarios.xml\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = json ? 2 : arguments_word(&usage, "--format", format, formats);
  if (place < 0) return EXIT_USAGE;
  struct workshop shop;
  struct err e = {0};
  code = workshop_open(&shop, directory, &e) ? test(&shop, place) : tool_fail(&e);
  workshop_close(&shop);
  return code;
}
