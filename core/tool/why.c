/* why: in words, why something was sent or not: of a stored decision, or of a user's triggers now or at a time. Asks a running engine. Main
 * thread. */
#include "live.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

struct asked {
  const char *decision, *user, *trigger, *at, *language, *lang;
};

static void decision_path(struct buf *path, const struct asked *q, bool json) {
  char rest[32];
  snprintf(rest, sizeof rest, json ? "" : "/why?language=%.8s", q->language);
  live_path(path, "/v1/decisions/", str_from(q->decision), rest);
}

static void put_query(struct buf *path, const char *name, const char *value) {
  if (!value) return;
  buf_printf(path, "&%s=", name);
  client_escape(path, str_from(value));
}

static void user_path(struct buf *path, const struct asked *q, bool json) {
  buf_text(path, "/v1/users/");
  client_escape(path, str_from(q->user));
  buf_printf(path, "/why?language=%.8s", q->language);
  put_query(path, "trigger", q->trigger);
  put_query(path, "at", q->at);
  put_query(path, "format", json ? "json" : NULL);
  live_path_end(path);
}

int tool_why(int argc, char **argv) {
  static const char *const languages[] = {"en", "ru", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  struct asked q = {.language = "en"};
  const struct argument list[] = {{"DECISION", ARGUMENT_TEXT, &q.decision, NULL, "a decision's id, like d3-17", NULL},
                                  {"--user", ARGUMENT_TEXT, &q.user, "U", "why not: the user …", NULL},
                                  {"--trigger", ARGUMENT_TEXT, &q.trigger, "T", "… and the trigger (default: every trigger)", NULL},
                                  {"--at", ARGUMENT_TIME, &q.at, "TIME", "… as of that time, 2025-01-15T22:40:00Z (default: now)", NULL},
                                  {"--language", ARGUMENT_TEXT, &q.language, "en|ru", "of the explanation (default: en)", NULL},
                                  {"--lang", ARGUMENT_TEXT, &q.lang, "en|ru", "the same", NULL},
                                  LIVE_ARGUMENTS(live)};
  static const struct argument_fit fits[] = {
      {"--user", "without DECISION"}, {"--trigger", "--user"}, {"--at", "--user"}, {"--lang", "without --language"}};
  const struct usage usage = {
      "why", "Explains a decision, or why triggers do not fire for a user, now or at a time.",
      "  kairos why d3-17\n  kairos why d3-17 --language ru\n  kairos why --user u1 --trigger high_stress\n  kairos "
      "why --user u1 --at 2026-03-01T18:00:00Z\n",
      ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (q.lang) q.language = q.lang;
  if (arguments_word(&usage, "--language", q.language, languages) < 0) return EXIT_USAGE;
  if (!q.decision && !q.user) {
    fprintf(stderr, "kairos why: expected either a DECISION, or --user\n");
    return EXIT_USAGE;
  }
  struct buf path = {0};
  (q.decision ? decision_path : user_path)(&path, &q, live.json);
  code = live_ask(&live, "GET", path.at, (struct str){0}, live_show_plain);
  buf_free(&path);
  return code;
}
