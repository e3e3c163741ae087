/* retrain: a model learns from what came lately. Asks the engine, which trains in a process of its own and puts what is better beside the
 * served state first; or, with --out, does the training here and writes the state. Main thread. */
#include "retrain.h"
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- at the engine ---- */

/* True: it is still being trained. What came of it goes to `last`. */
static bool is_running(struct str answer, struct buf *last) {
  struct arena a = {0};
  struct json j;
  bool running = false;
  buf_clear(last);
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    const struct str said = json_text(&j, json_get(&j, 0, "last"), &a);
    running = json_type(&j, json_get(&j, 0, "training")) == JSON_OBJECT;
    if (said.len) buf_put(last, said.at, said.len);
  }
  arena_free(&a);
  return running;
}

/* Asks until it has ended: an hour at most, the engine's own limit. */
static int ask_engine(const struct live *live, const char *model, bool wait) {
  struct buf path = {0}, answer = {0}, last = {0};
  struct err e = {0};
  live_path(&path, "/v1/models/", str_from(model), "/retrain");
  bool fine = client_call(&live->client, "POST", path.at, "application/json", STR("{}"), &answer, NULL, &e), running = fine;
  buf_clear(&path);
  live_path(&path, "/v1/models/", str_from(model), "");
  while (fine && running && wait) {
    const struct timespec rest = {0, 300000000};
    nanosleep(&rest, NULL);
    buf_clear(&answer);
    fine = client_call(&live->client, "GET", path.at, "application/json", (struct str){0}, &answer, NULL, &e);
    running = fine && is_running(buf_view(&answer), &last);
  }
  if (fine && live->json) printf(STR_FORMAT "\n", STR_ARG(buf_view(&answer)));
  else if (fine && !wait) printf("%s is being trained: kairos models show %s\n", model, model);
  else if (fine) printf("%s: " STR_FORMAT "\n", model, STR_ARG(buf_view(&last)));
  const bool failed = str_starts(buf_view(&last), "failed: ");
  buf_free(&path);
  buf_free(&answer);
  buf_free(&last);
  return !fine ? tool_fail(&e) : failed ? EXIT_FAILED : EXIT_OK;
}

int tool_retrain(int argc, char **argv) {
  struct live live = {.client = {.url = LIVE_URL}};
  bool no_wait = false;
  struct retrain_work work = {.program = ".", .data = "data", .seconds = 3600};
  const struct argument list[] = {
      {"MODEL", ARGUMENT_TEXT, &work.model, NULL, "name of the model in the program", NULL},
      {"--no-wait", ARGUMENT_FLAG, &no_wait, NULL, "ask the engine and leave", NULL},
      {"--out", ARGUMENT_TEXT, &work.out, "FILE", "train here, beside or without an engine, and write the state when it is better", NULL},
      {"--program", ARGUMENT_TEXT, &work.program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--data", ARGUMENT_TEXT, &work.data, "DIR", "the data directory (default: data)", "KAIROS_DATA"},
      {"--from", ARGUMENT_TEXT, &work.file, "FILE", "events as NDJSON instead", NULL},
      {"--plugins", ARGUMENT_TEXT, &work.plugins, "DIR", "where plugins lie (default: KAIROS_PLUGINS, then the engine's)", NULL},
      {"--seconds", ARGUMENT_NUMBER, &work.seconds, "S", "limit of the training (3600)", NULL},
      LIVE_ARGUMENTS(live)};
  static const struct argument_fit fits[] = {/* what only a training here takes */
                                             {"--program", "--out"},
                                             {"--data", "--out"},
                                             {"--from", "--out"},
                                             {"--plugins", "--out"},
                                             {"--seconds", "--out"},
                                             /* … and what only an engine does */
                                             {"--no-wait", "without --out"},
                                             {"--url", "without --out"},
                                             {"--key", "without --out"}};
  const struct usage usage = {
      "retrain", "Trains a model again on the last 90 days; a state that is better lies beside the served one as a candidate.",
      "  kairos retrain adherence\n  kairos retrain adherence --data data --program . --out new.state\n", ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "MODEL", work.model)) return EXIT_USAGE;
  if (work.seconds < 1 || work.seconds > 86400) {
    fprintf(stderr, "kairos retrain: --seconds: expected 1 to 86400, got %lld\n", (long long)work.seconds);
    return EXIT_USAGE;
  }
  work.json = live.json;
  if (work.out) return retrain_work(&work);
  return ask_engine(&live, work.model, !no_wait);
}
