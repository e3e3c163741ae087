/* programs: which program a running engine decides with: its digest, its files and what was found in them. Asks the engine over HTTP and
 * prints; changes nothing. Main thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <stdio.h>

static void show(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL))
    for (uint32_t i = 0; i < j.tokens[0].count; i++) {
      uint32_t p = json_child(&j, 0, i), files = json_get(&j, p, "files"), findings = json_get(&j, p, "findings");
      printf("%.16s  " STR_FORMAT "  %u files, %u findings\n", json_text(&j, json_get(&j, p, "digest"), &a).at,
             STR_ARG(json_text(&j, json_get(&j, p, "state"), &a)), files == JSON_NONE ? 0 : j.tokens[files].count,
             findings == JSON_NONE ? 0 : j.tokens[findings].count);
    }
  arena_free(&a);
}

int tool_programs(int argc, char **argv) {
  static const char *const verbs[] = {"list", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *verb = "list";
  const struct argument list[] = {{"VERB", ARGUMENT_TEXT, &verb, NULL, "list (default)", NULL}, LIVE_ARGUMENTS(live)};
  const struct usage usage = {"programs", "What runs: the live program, its files and findings.",
                              "  kairos programs list\n  kairos programs list --json\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (arguments_word(&usage, "VERB", verb, verbs) < 0) return EXIT_USAGE;
  return live_ask(&live, "GET", "/v1/programs", (struct str){0}, show);
}
