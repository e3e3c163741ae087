/* user: look at one person, and what they are entitled to: consent, export, erasure. Asks a running engine. Main thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "opt_outs.h"
#include "person_print.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show_row(const struct json *j, uint32_t row, struct arena *a) {
  struct str what = live_text(j, json_path(j, row, "event.eventType"), a), text = live_text(j, json_get(j, row, "text"), a);
  if (text.len) printf("    (" STR_FORMAT ")\n", STR_ARG(text)); /* older events were trimmed */
  if (text.len) return;
  if (json_text_is(j, json_get(j, row, "kind"), "trimmed")) what = STR("(trimmed)");
  struct str other = {0}; /* of a merge: the other id */
  if (str_is(what, "merged_from")) other = live_text(j, json_path(j, row, "event.data.from"), a);
  else if (str_is(what, "merged_into")) other = live_text(j, json_path(j, row, "event.data.into"), a);
  const struct str end = live_text(j, json_path(j, row, "event.data.delivery"), a);
  const bool unasked = str_is(what, "tick.follow_up") && end.len;
  printf(STR_FORMAT "  " STR_FORMAT "%s" STR_FORMAT, STR_ARG(live_text(j, json_get(j, row, "at"), a)), STR_ARG(what), other.len ? " " : "",
         STR_ARG(other));
  if (unasked) printf("  nobody is asked: the message never arrived (" STR_FORMAT ")", STR_ARG(end));
  putchar('\n');
  uint32_t list = json_get(j, row, "decisions");
  for (uint32_t i = 0; list != JSON_NONE && i < j->tokens[list].count; i++) {
    uint32_t d = json_child(j, list, i);
    struct str outcome = live_text(j, json_get(j, d, "outcome"), a), trigger = live_text(j, json_get(j, d, "trigger"), a);
    struct str option = live_text(j, json_get(j, d, "option"), a), reason = live_text(j, json_get(j, d, "reason"), a);
    if (outcome.len == 0) outcome = live_text(j, json_get(j, d, "source"), a);
    printf("    " STR_FORMAT "  " STR_FORMAT " " STR_FORMAT "%s" STR_FORMAT "%s" STR_FORMAT "\n",
           STR_ARG(live_text(j, json_get(j, d, "id"), a)), STR_ARG(trigger), STR_ARG(outcome), option.len ? " " : "", STR_ARG(option),
           reason.len ? " " : "", STR_ARG(reason));
  }
}

static void show_timeline(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL))
    for (uint32_t i = 0; i < j.tokens[0].count; i++) show_row(&j, json_child(&j, 0, i), &a);
  arena_free(&a);
}

static void show_erased(struct str answer) {
  (void)answer;
  printf("erased: their key, events and decisions are gone. Backups of before still hold them: a restore erases them again when its "
         "--erased-by names this data directory, its control.db, or a backup made after now.\n");
}

/* Erasure cannot be taken back: on a terminal it is asked for once more. */
static bool agreed(const char *user) {
  char line[16] = "";
  if (!isatty(STDIN_FILENO)) return true;
  fprintf(stderr, "Erase everything about \"%s\" for ever? [y/N] ", user);
  return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static void put_into(struct buf *out, const char *into) {
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_pair_text(&w, "into", into);
  json_close_object(&w);
}

#define LATELY        5 /* rows of the timeline on the short page */
#define TIMELINE_MOST 1000

/* The short page is made of two answers. */
static int show_person(const struct live *live, const char *user) {
  struct buf path = {0}, answer = {0}, timeline = {0}, newest = {0};
  struct err e = {0};
  char rest[32];
  snprintf(rest, sizeof rest, "/timeline?limit=%d", LATELY);
  live_path(&path, "/v1/users/", str_from(user), "");
  live_path(&newest, "/v1/users/", str_from(user), rest);
  const bool ok = client_call(&live->client, "GET", path.at, NULL, (struct str){0}, &answer, NULL, &e) &&
                  client_call(&live->client, "GET", newest.at, NULL, (struct str){0}, &timeline, NULL, &e);
  if (ok) person_print(buf_view(&answer), buf_view(&timeline), show_timeline);
  buf_free(&path);
  buf_free(&newest);
  buf_free(&answer);
  buf_free(&timeline);
  return ok ? EXIT_OK : tool_fail(&e);
}

int tool_user(int argc, char **argv) {
  static const char *const verbs[] = {"show", "timeline", "export", "erase", "opt-in", "opt-out", "merge", NULL};
  static const struct {
    const char *method, *rest;
    void (*show)(struct str answer);
  } calls[] = {{"GET", "", live_show_tree},       {"GET", "/timeline", show_timeline}, {"GET", "/export", NULL},
               {"DELETE", "", show_erased},       {"POST", "/opt-in", live_show_tree}, {"POST", "/opt-out", live_show_tree},
               {"POST", "/merge", live_show_tree}};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *verb = NULL, *user = NULL, *into = NULL, *file = NULL;
  int64_t limit = 50;
  bool all = false;
  const struct argument list[] = {{"VERB", ARGUMENT_TEXT, &verb, NULL, "show, timeline, export, erase, opt-in, opt-out or merge", NULL},
                                  {"U", ARGUMENT_TEXT, &user, NULL, "the user's id", NULL},
                                  {"INTO", ARGUMENT_TEXT, &into, NULL, "merge: the user who stays", NULL},
                                  {"--limit", ARGUMENT_NUMBER, &limit, "N", "how many events (default: 50)", NULL},
                                  {"--all", ARGUMENT_FLAG, &all, NULL, "everything that is known, not only a page", NULL},
                                  {"--file", ARGUMENT_TEXT, &file, "IDS", "everybody in it, an id a line; - for standard input", NULL},
                                  LIVE_ARGUMENTS(live)};
  static const struct argument_fit fits[] = {{"--limit", "timeline"}, {"--all", "show"}, {"--file", "opt-out"}, {"--file", "without U"}};
  const struct usage usage = {
      "user", "Looks at one person; exports or erases everything about them; takes their consent or its end; merges two ids.",
      "  kairos user show u1\n  kairos user show u1 --all\n  kairos user timeline u1 --limit 10\n  kairos user export u1 > u1.ndjson\n"
      "  kairos user erase u1\n  kairos user opt-out u1\n  kairos user opt-out --file ids.txt\n"
      "  kairos user merge anonymous-17 u1\n",
      ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place >= 0 && file) return opt_outs(&live, file);
  if (place < 0 || !arguments_given(&usage, "U", user)) return EXIT_USAGE;
  if (limit < 1 || limit > TIMELINE_MOST) {
    fprintf(stderr, "kairos user: --limit: expected 1 to %d, got %lld\n", TIMELINE_MOST, (long long)limit);
    return EXIT_USAGE;
  }
  const bool merges = strcmp(verb, "merge") == 0;
  if (merges && !arguments_given(&usage, "INTO", into)) return EXIT_USAGE;
  if (!merges && into) {
    fprintf(stderr, "kairos user %s: one U, but \"%s\" came as well\n", verb, into);
    return EXIT_USAGE;
  }
  if (strcmp(verb, "erase") == 0 && !agreed(user)) return EXIT_FAILED;
  if (strcmp(verb, "show") == 0 && !all && !live.json) return show_person(&live, user);
  struct buf path = {0};
  char rest[64];
  snprintf(rest, sizeof rest, strcmp(verb, "timeline") == 0 ? "%s?limit=%lld" : "%s", calls[place].rest, (long long)limit);
  live_path(&path, "/v1/users/", str_from(user), rest);
  struct buf body = {0};
  if (merges) put_into(&body, into);
  else if (strcmp(calls[place].method, "POST") == 0) buf_text(&body, "{}");
  code = live_ask(&live, calls[place].method, path.at, buf_view(&body), calls[place].show);
  buf_free(&path);
  buf_free(&body);
  return code;
}
