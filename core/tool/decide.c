/* decide: asks a running engine for a decision about one user, now. With --dry-run nothing is stored and nothing is sent. Main thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <stdio.h>

static void show_one(const struct json *j, uint32_t d, struct arena *a) {
  struct str option = live_text(j, json_get(j, d, "option"), a), reason = live_text(j, json_get(j, d, "reason"), a);
  struct str detail = live_text(j, json_get(j, d, "detail"), a);
  struct str message = live_text(j, json_path(j, d, "text.message"), a);
  struct str id = live_text(j, json_get(j, d, "id"), a);
  printf(STR_FORMAT "  " STR_FORMAT ": " STR_FORMAT, STR_ARG(id.len ? id : STR("(dry run)")),
         STR_ARG(live_text(j, json_get(j, d, "trigger"), a)), STR_ARG(live_text(j, json_get(j, d, "outcome"), a)));
  if (option.len) printf(" " STR_FORMAT, STR_ARG(option));
  if (reason.len) printf(", " STR_FORMAT, STR_ARG(reason));
  if (detail.len) printf(" (" STR_FORMAT ")", STR_ARG(detail));
  if (message.len) printf("\n    \"" STR_FORMAT "\"", STR_ARG(message));
  putchar('\n');
}

static void show(struct str answer, const char *user, const char *trigger) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    uint32_t list = json_get(&j, 0, "decisions");
    uint32_t count = list == JSON_NONE ? 0 : j.tokens[list].count;
    for (uint32_t i = 0; i < count; i++) show_one(&j, json_child(&j, list, i), &a);
    if (count == 0)
      printf("no trigger is true for this user now: `kairos why --user %s%s%s` tells what is missing\n", user, trigger ? " --trigger " : "",
             trigger ? trigger : "");
  }
  arena_free(&a);
}

int tool_decide(int argc, char **argv) {
  struct live live = {.client = {.url = LIVE_URL}};
  const char *user = NULL, *trigger = NULL;
  bool dry_run = false;
  const struct argument list[] = {{"--user", ARGUMENT_TEXT, &user, "U", "whom to decide about", NULL},
                                  {"--trigger", ARGUMENT_TEXT, &trigger, "T", "only this trigger (default: all)", NULL},
                                  {"--dry-run", ARGUMENT_FLAG, &dry_run, NULL, "stores and sends nothing", NULL},
                                  LIVE_ARGUMENTS(live)};
  const struct usage usage = {"decide", "Asks the engine for a decision about one user, now.",
                              "  kairos decide --user u1 --dry-run\n  kairos decide --user u1 --trigger high_stress\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "--user", user)) return EXIT_USAGE;
  struct buf body = {0}, answer = {0};
  struct err e = {0};
  struct json_writer w = json_to(&body);
  json_open_object(&w);
  json_pair_text(&w, "userId", user);
  if (trigger) json_pair_text(&w, "trigger", trigger);
  json_pair_bool(&w, "dryRun", dry_run);
  json_close_object(&w);
  int status = 0;
  const bool ok = client_call(&live.client, "POST", "/v1/decide", "application/json", buf_view(&body), &answer, &status, &e);
  if (ok && live.json) printf(STR_FORMAT "\n", STR_ARG(buf_view(&answer)));
  else if (ok) show(buf_view(&answer), user, trigger);
  buf_free(&body);
  buf_free(&answer);
  return ok ? EXIT_OK : live_fail(status, &e);
}
