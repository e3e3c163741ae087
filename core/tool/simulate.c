/* simulate: a behaving population as NDJSON on stdout, for trying a program, for training the first models and for the tests. The same seed
 * gives the same bytes. Main thread; nothing is stored. */
#include "arguments.h"
#include "kit/clock.h"
#include "population.h"
#include "tools_list.h"
#include <stdio.h>

static bool write_all(struct population *p, uint64_t *count) {
  struct buf line = {0};
  bool fine = true;
  while (fine && population_next(p, &line)) {
    buf_char(&line, '\n');
    fine = !line.failed && fwrite(line.at, 1, line.len, stdout) == line.len;
    ++*count;
  }
  buf_free(&line);
  return fine && !population_failed(p) && fflush(stdout) == 0;
}

static bool read_start(const char *date, int64_t *start, struct err *e) {
  char text[64];
  snprintf(text, sizeof text, "%sT00:00:00Z", date);
  return clock_parse(str_from(text), start) || err_set(e, ERR_INPUT, "--start: expected a date such as 2025-01-06, got \"%s\"", date);
}

int tool_simulate(int argc, char **argv) {
  int64_t users = 100, days = 28, seed = 1, start = 0;
  const char *date = "2025-01-06";
  bool steps = false;
  const struct argument list[] = {{"--users", ARGUMENT_NUMBER, &users, "N", "people (default: 100)", NULL},
                                  {"--days", ARGUMENT_NUMBER, &days, "D", "days of their lives (default: 28)", NULL},
                                  {"--seed", ARGUMENT_NUMBER, &seed, "S", "the same seed gives the same events (default: 1)", NULL},
                                  {"--steps", ARGUMENT_FLAG, &steps, NULL, "also how far they walk each day", NULL},
                                  {"--start", ARGUMENT_TEXT, &date, "DATE", "first day (default: 2025-01-06)", NULL}};
  const struct usage usage = {"simulate",
                              "Writes the events of people who plan, do and skip workouts, in order of time, one envelope a line.",
                              "  kairos simulate --users 200 --days 42 > events.ndjson\n"
                              "  kairos simulate --steps | kairos import - --data data --program .\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (users < 1 || users > 1000000) err_set(&e, ERR_INPUT, "--users: expected 1 to 1000000, got %lld", (long long)users);
  else if (days < 1 || days > 3660) err_set(&e, ERR_INPUT, "--days: expected 1 to 3660, got %lld", (long long)days);
  if (e.kind != ERR_NONE || !read_start(date, &start, &e)) return arguments_refuse(&usage, &e);
  struct population *p = population_new((uint32_t)users, (uint32_t)days, (uint64_t)seed, start, &e);
  if (!p) return tool_fail(&e);
  if (steps) population_walk(p);
  uint64_t count = 0;
  bool fine = write_all(p, &count);
  population_free(p);
  if (!fine) {
    err_set(&e, ERR_STORAGE, "standard output could not be written, or memory failed, after %llu events", (unsigned long long)count);
    return tool_fail(&e);
  }
  fprintf(stderr, "%llu events of %lld people over %lld days\n", (unsigned long long)count, (long long)users, (long long)days);
  return EXIT_OK;
}
