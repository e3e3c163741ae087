/* rollout: where each rollout stands, and moving one by hand. Asks a running engine. Main thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

static void show_approvals(const struct json *j, uint32_t at, int64_t needed, struct arena *a) {
  uint32_t approved = json_get(j, at, "approved");
  printf("     the next step needs %lld approvals; it has %u", (long long)needed, j->tokens[approved].count);
  for (uint32_t i = 0; i < j->tokens[approved].count; i++)
    printf("%s" STR_FORMAT, i ? ", " : ": ", STR_ARG(json_text(j, json_child(j, approved, i), a)));
  putchar('\n');
}

static void show_condition(const struct json *j, uint32_t at, const char *key, const char *now, struct arena *a) {
  const struct str condition = json_text(j, json_get(j, at, key), a);
  const uint32_t is = json_get(j, at, now);
  if (!condition.len) return;
  const struct str figures = json_text(j, json_get(j, is, "figures"), a);
  printf("     %s: " STR_FORMAT "\n          now " STR_FORMAT "%s" STR_FORMAT "\n", key, STR_ARG(condition),
         STR_ARG(json_text(j, json_get(j, is, "is"), a)), figures.len ? ": " : ", nothing it reads is known yet", STR_ARG(figures));
}

static void show_figures(const struct json *j, uint32_t at, struct arena *a) {
  int64_t users, decisions;
  const struct str since = json_text(j, json_get(j, at, "since"), a), ends = json_text(j, json_get(j, at, "hold_ends"), a);
  if (json_int(j, json_get(j, at, "users"), &users) && json_int(j, json_get(j, at, "decisions"), &decisions))
    printf("     in this stage%s" STR_FORMAT ": %lld %s came in, %lld %s\n", since.len ? " since " : "", STR_ARG(since), (long long)users,
           users == 1 ? "person" : "people", (long long)decisions, decisions == 1 ? "decision" : "decisions");
  show_condition(j, at, "halt", "halt_now", a);
  show_condition(j, at, "advance", "advance_now", a);
  if (ends.len) printf("          not before " STR_FORMAT ", when the stage's hold ends\n", STR_ARG(ends));
}

static void show_one(const struct json *j, uint32_t at, struct arena *a) {
  int64_t stage = 0, needed;
  bool held = false;
  uint32_t stages = json_get(j, at, "stages");
  const uint32_t count = stages == JSON_NONE ? 0 : j->tokens[stages].count;
  json_int(j, json_get(j, at, "stage"), &stage);
  json_bool(j, json_get(j, at, "held"), &held);
  printf(STR_FORMAT ": %s%s\n", STR_ARG(json_text(j, json_get(j, at, "name"), a)), stage < 0 ? "halted" : "running", held ? ", held" : "");
  struct str figures = json_text(j, json_get(j, at, "halted_on"), a);
  if (figures.len)
    printf("     by itself: " STR_FORMAT ", by its halt = " STR_FORMAT "\n", STR_ARG(figures),
           STR_ARG(json_raw(j, json_get(j, at, "halt"))));
  figures = json_text(j, json_get(j, at, "advanced_on"), a);
  if (figures.len) printf("     by itself: " STR_FORMAT "\n", STR_ARG(figures));
  if (stage >= 0) show_figures(j, at, a);
  if (stage < 0 && count)
    printf("     resume begins again at the first stage, " STR_FORMAT "\n",
           STR_ARG(json_text(j, json_get(j, json_child(j, stages, 0), "name"), a)));
  if (stage + 1 < (int64_t)count && json_int(j, json_get(j, at, "approvals"), &needed)) show_approvals(j, at, needed, a);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t s = json_child(j, stages, i);
    double share = 0;
    json_double(j, json_get(j, s, "share"), &share);
    printf("  %s %-20.*s %5.1f %%\n", i == stage ? "->" : "  ", STR_ARG(json_text(j, json_get(j, s, "name"), a)), share * 100);
  }
}

static void show(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    if (json_type(&j, 0) == JSON_OBJECT) show_one(&j, 0, &a);
    for (uint32_t i = 0; json_type(&j, 0) == JSON_ARRAY && i < j.tokens[0].count; i++) show_one(&j, json_child(&j, 0, i), &a);
    if (json_type(&j, 0) == JSON_ARRAY && j.tokens[0].count == 0) printf("the program has no rollouts\n");
  }
  arena_free(&a);
}

/* One of the list: the engine gives all of them at once. */
static int show_named(const struct live *live, const char *name) {
  struct buf answer = {0};
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  bool ok = client_call(&live->client, "GET", "/v1/rollouts", NULL, (struct str){0}, &answer, NULL, &e) &&
            json_parse(&j, &a, buf_view(&answer), &json_limits_default, &e);
  const uint32_t count = ok && json_type(&j, 0) == JSON_ARRAY ? j.tokens[0].count : 0;
  const char **names = ok ? ARENA_ARRAY(&a, const char *, count + 1) : NULL;
  bool found = false;
  for (uint32_t i = 0; names && i < count && !found; i++) {
    const uint32_t one = json_child(&j, 0, i);
    const struct str is = json_text(&j, json_get(&j, one, "name"), &a);
    names[i] = arena_printf(&a, STR_FORMAT, STR_ARG(is));
    found = str_is(is, name);
    if (found && live->json) printf(STR_FORMAT "\n", STR_ARG(json_raw(&j, one)));
    else if (found) show_one(&j, one, &a);
  }
  if (ok && !found) {
    const char *near = names ? str_nearest(str_from(name), names, count) : NULL;
    err_set(&e, ERR_MISSING, "the program has no rollout \"%s\"%s%s%s", name, near ? " (did you mean \"" : "", near ? near : "",
            near ? "\"?)" : "");
  }
  arena_free(&a);
  buf_free(&answer);
  return found ? EXIT_OK : tool_fail(&e);
}

int tool_rollout(int argc, char **argv) {
  static const char *const verbs[] = {"list", "show", "advance", "approve", "back", "hold", "resume", "halt", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *verb = NULL, *name = NULL, *by = NULL;
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &verb, NULL, "list, show, advance, approve, back, hold, resume or halt", NULL},
      {"NAME", ARGUMENT_TEXT, &name, NULL, "the rollout (with list only this one)", NULL},
      {"--by", ARGUMENT_TEXT, &by, "NAME", "who approves, of an engine without keys; otherwise the key says it", NULL},
      LIVE_ARGUMENTS(live)};
  const struct usage usage = {"rollout", "Where each rollout stands; moves one by hand.",
                              "  kairos rollout list\n  kairos rollout show first_interventions\n  kairos rollout advance "
                              "first_interventions\n  kairos rollout approve "
                              "first_interventions --by anna\n  kairos rollout halt first_interventions\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place < 0) return EXIT_USAGE;
  if (place == 0 && !name) return live_ask(&live, "GET", "/v1/rollouts", (struct str){0}, show);
  if (!arguments_given(&usage, "NAME", name)) return EXIT_USAGE;
  if (place <= 1) return show_named(&live, name);
  struct buf path = {0};
  char rest[32];
  snprintf(rest, sizeof rest, "/%s", verb);
  live_path(&path, "/v1/rollouts/", str_from(name), rest);
  struct buf body = {0};
  struct json_writer w = json_to(&body);
  json_open_object(&w);
  if (by) json_pair_text(&w, "by", by);
  json_close_object(&w);
  code = live_ask(&live, "POST", path.at, buf_view(&body), show);
  buf_free(&body);
  buf_free(&path);
  return code;
}
