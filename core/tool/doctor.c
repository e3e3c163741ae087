/* doctor: looks a data directory over and changes nothing; beside a running engine or offline. Main thread. */
#include "arguments.h"
#include "book/book.h"
#include "kit/json.h"
#include "tools_list.h"
#include <stdio.h>
#include <unistd.h>

static void print_line(const struct doctor_line *line, bool json) {
  const bool color = tool_color(STDOUT_FILENO);
  if (!json) {
    const char *paint = !color ? "" : line->ok ? "\033[32m" : "\033[31m";
    printf("%s%-5s%s %-20s %s\n", paint, line->ok ? "ok" : "BAD", color ? "\033[0m" : "", line->check, line->text);
    return;
  }
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "check", line->check);
  json_pair_bool(&w, "ok", line->ok);
  json_pair_text(&w, "text", line->text);
  json_close_object(&w);
  tool_print(&out);
}

int tool_doctor(int argc, char **argv) {
  const char *data = "data";
  bool json = false;
  const struct argument list[] = {{"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
                                  {"--json", ARGUMENT_FLAG, &json, NULL, "one check a line as JSON", NULL}};
  const struct usage usage = {"doctor",
                              "Checks files, chains, counters, keys and the store of a data directory; leaves with 3 when one is bad.",
                              "  kairos doctor --data data\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct arena a = {0};
  struct err e = {0};
  struct doctor_line *lines;
  size_t count, bad = 0;
  if (!book_doctor(data, &a, &lines, &count, &e)) {
    arena_free(&a);
    return tool_fail(&e);
  }
  for (size_t i = 0; i < count; i++) {
    print_line(&lines[i], json);
    bad += !lines[i].ok;
  }
  arena_free(&a);
  if (bad) fprintf(stderr, "kairos doctor: %zu of %zu checks are bad\n", bad, count);
  return bad ? EXIT_FINDINGS : EXIT_OK;
}
