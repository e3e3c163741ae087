/* why: in words, why something was sent or not: of a stored decision, or of a trigger and a user now. Asks a running engine. Main thread.
 */
#include "live.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

static void decision_path(struct buf *path, const char *decision, const char *language, bool json) {
  char rest[32];
  snprintf(rest, sizeof rest, json ? "" : "/why?lang=%.8s", language);
  live_path(path, "/v1/decisions/", str_from(decision), rest);
}

static void user_path(struct buf *path, const char *user, const char *trigger, const char *at, const char *language) {
  buf_text(path, "/v1/users/");
  client_escape(path, str_from(user));
  buf_text(path, "/why?trigger=");
  client_escape(path, str_from(trigger));
  buf_printf(path, "&lang=%.8s", language);
  if (at) {
    buf_text(path, "&at=");
    client_escape(path, str_from(at));
  }
  buf_char(path, 0);
}

int tool_why(int argc, char **argv) {
  static const char *const languages[] = {"en", "ru", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *decision = NULL, *user = NULL, *trigger = NULL, *at = NULL, *language = "en";
  const struct argument list[] = {{"DECISION", ARGUMENT_TEXT, &decision, NULL, "a decision's id, like d3-17", NULL},
                                  {"--user", ARGUMENT_TEXT, &user, "U", "why not: the user …", NULL},
                                  {"--trigger", ARGUMENT_TEXT, &trigger, "T", "… and the trigger that did not fire", NULL},
                                  {"--at", ARGUMENT_TEXT, &at, "TIME", "… as of that time, 2025-01-15T22:40:00Z (default: now)", NULL},
                                  {"--lang", ARGUMENT_TEXT, &language, "en|ru", "the language of the explanation (default: en)", NULL},
                                  LIVE_ARGUMENTS(live)};
  const struct usage usage = {"why", "Explains a decision, or why a trigger does not fire for a user, now or at a time.",
                              "  kairos why d3-17\n  kairos why d3-17 --lang ru\n  kairos why --user u1 --trigger high_stress\n  kairos "
                              "why --user u1 --trigger high_stress --at 2026-03-01T18:00:00Z\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (arguments_word(&usage, "--lang", language, languages) < 0) return EXIT_USAGE;
  if (!decision == !user) {
    fprintf(stderr, "kairos why: expected either a DECISION, or --user and --trigger\n");
    return EXIT_USAGE;
  }
  if (user && !arguments_given(&usage, "--trigger", trigger)) return EXIT_USAGE;
  struct buf path = {0};
  if (decision) decision_path(&path, decision, language, live.json);
  else user_path(&path, user, trigger, at, language);
  code = live_ask(&live, "GET", path.at, (struct str){0}, NULL);
  buf_free(&path);
  return code;
}
