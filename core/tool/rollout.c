/* rollout: where each rollout stands, and moving one by hand. A step says which stage it leaves, so that two people who take the same one
 * take it once, and the second one is told so. Asks a running engine. Main thread. */
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

static void show_holdback(const struct json *j, uint32_t at, struct arena *a) {
  const uint32_t holdback = json_get(j, at, "holdback");
  double share;
  if (json_double(j, json_get(j, holdback, "share"), &share))
    printf("     %.4g %% are held back until " STR_FORMAT "\n", share * 100, STR_ARG(json_text(j, json_get(j, holdback, "until"), a)));
}

static void show_figures(const struct json *j, uint32_t at, struct arena *a) {
  int64_t users, decisions;
  const struct str since = json_text(j, json_get(j, at, "since"), a), ends = json_text(j, json_get(j, at, "hold_ends"), a);
  if (json_int(j, json_get(j, at, "users"), &users) && json_int(j, json_get(j, at, "decisions"), &decisions))
    printf("     in this stage%s" STR_FORMAT ": %lld %s came in, %lld %s\n", since.len ? " since " : "", STR_ARG(since), (long long)users,
           users == 1 ? "person" : "people", (long long)decisions, decisions == 1 ? "decision" : "decisions");
  else
    printf("     in this stage%s" STR_FORMAT ": people are not counted yet, look again in a moment\n", since.len ? " since " : "",
           STR_ARG(since));
  show_holdback(j, at, a);
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

/* One of the list, since the engine gives all of them at once; JSON_NONE: `e` says why not. */
static uint32_t find_named(const struct live *live, const char *name, struct buf *answer, struct json *j, struct arena *a, struct err *e) {
  if (!client_call(&live->client, "GET", "/v1/rollouts", NULL, (struct str){0}, answer, NULL, e) ||
      !json_parse(j, a, buf_view(answer), &json_limits_default, e))
    return JSON_NONE;
  const uint32_t count = json_type(j, 0) == JSON_ARRAY ? j->tokens[0].count : 0;
  const char **names = ARENA_ARRAY(a, const char *, count + 1);
  for (uint32_t i = 0; names && i < count; i++) {
    const uint32_t one = json_child(j, 0, i);
    const struct str is = json_text(j, json_get(j, one, "name"), a);
    names[i] = arena_printf(a, STR_FORMAT, STR_ARG(is));
    if (str_is(is, name)) return one;
  }
  const char *near = names ? str_nearest(str_from(name), names, count) : NULL;
  err_set(e, ERR_MISSING, "the program has no rollout \"%s\"%s%s%s", name, near ? " (did you mean \"" : "", near ? near : "",
          near ? "\"?)" : "");
  return JSON_NONE;
}

static int show_named(const struct live *live, const char *name) {
  struct buf answer = {0};
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  const uint32_t one = find_named(live, name, &answer, &j, &a, &e);
  if (one != JSON_NONE && live->json) printf(STR_FORMAT "\n", STR_ARG(json_raw(&j, one)));
  else if (one != JSON_NONE) show_one(&j, one, &a);
  arena_free(&a);
  buf_free(&answer);
  return one != JSON_NONE ? EXIT_OK : tool_fail(&e);
}

/* ---- the stage that a step leaves ---- */

struct leaving {
  const char *said; /* --from: a number, or a stage's name; NULL: where it stands now */
  bool known;       /* false: a halted rollout has none to leave, or the key may not look */
  int64_t stage;
  char name[64];
};

static bool stage_said(struct leaving *from, const struct json *j, uint32_t stages, struct arena *a, struct err *e) {
  double number;
  const uint32_t count = json_type(j, stages) == JSON_ARRAY ? j->tokens[stages].count : 0;
  for (uint32_t i = 0; i < count; i++) {
    const bool named = str_is(json_text(j, json_get(j, json_child(j, stages, i), "name"), a), from->said);
    if (!named && !(str_to_double(str_from(from->said), &number) && number == (double)i)) continue;
    from->known = true;
    from->stage = i;
    return true;
  }
  return err_set(e, ERR_INPUT, "--from: expected a stage of the rollout, its name or its number, 0 to %u, got \"%s\"",
                 count ? count - 1 : 0, from->said);
}

/* What its operator saw, or what they would see now. A key that may move but not look says none. */
static bool find_leaving(struct leaving *from, const struct live *live, const char *rollout, struct err *e) {
  struct buf answer = {0};
  struct arena a = {0};
  struct json j;
  int64_t stage = -1;
  const uint32_t one = find_named(live, rollout, &answer, &j, &a, e);
  const uint32_t stages = one == JSON_NONE ? JSON_NONE : json_get(&j, one, "stages");
  bool ok = one != JSON_NONE;
  if (ok && from->said) ok = stage_said(from, &j, stages, &a, e);
  else if (ok && json_int(&j, json_get(&j, one, "stage"), &stage) && stage >= 0) {
    from->known = true;
    from->stage = stage;
  }
  if (ok && from->known && json_type(&j, stages) == JSON_ARRAY && (uint64_t)from->stage < j.tokens[stages].count) {
    const struct str name = json_text(&j, json_get(&j, json_child(&j, stages, (uint32_t)from->stage), "name"), &a);
    snprintf(from->name, sizeof from->name, STR_FORMAT, STR_ARG(name));
  }
  if (!ok && !from->said && e->kind == ERR_DENIED) ok = true;
  arena_free(&a);
  buf_free(&answer);
  return ok;
}

static int move(const struct live *live, const char *verb, const char *name, const char *by, struct leaving *from) {
  struct buf path = {0}, body = {0};
  struct err e = {0};
  char rest[32];
  const bool steps = strcmp(verb, "advance") == 0 || strcmp(verb, "back") == 0;
  if (steps && !find_leaving(from, live, name, &e)) {
    const int code = tool_fail(&e);
    return e.kind == ERR_INPUT ? EXIT_USAGE : code;
  }
  snprintf(rest, sizeof rest, "/%s", verb);
  live_path(&path, "/v1/rollouts/", str_from(name), rest);
  struct json_writer w = json_to(&body);
  json_open_object(&w);
  if (by) json_pair_text(&w, "by", by);
  if (from->known) json_pair_int(&w, "from", from->stage);
  json_close_object(&w);
  const int code = live_ask(live, "POST", path.at, buf_view(&body), show);
  if (code == EXIT_OK && from->known) fprintf(stderr, "%s, from stage %lld, %s\n", verb, (long long)from->stage, from->name);
  buf_free(&body);
  buf_free(&path);
  return code;
}

int tool_rollout(int argc, char **argv) {
  static const char *const verbs[] = {"list", "show", "advance", "approve", "back", "hold", "resume", "halt", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *verb = NULL, *name = NULL, *by = NULL;
  struct leaving from = {0};
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &verb, NULL, "list, show, advance, approve, back, hold, resume or halt", NULL},
      {"NAME", ARGUMENT_TEXT, &name, NULL, "the rollout (with list only this one)", NULL},
      {"--by", ARGUMENT_TEXT, &by, "NAME", "who it is, of an engine without keys; otherwise the key says it", NULL},
      {"--from", ARGUMENT_TEXT, &from.said, "STAGE",
       "the stage that you saw, its name or number; when the rollout is elsewhere by now, nothing is moved and the exit code is 6 "
       "(default: where it stands when you ask)",
       NULL},
      LIVE_ARGUMENTS(live)};
  static const struct argument_fit fits[] = {{"--by", "approve"}, {"--from", "advance, back"}};
  const struct usage usage = {
      "rollout", "Where each rollout stands; moves one by hand.",
      "  kairos rollout list\n  kairos rollout show first_interventions\n  kairos rollout advance "
      "first_interventions\n  kairos rollout advance first_interventions --from alpha_testing\n  kairos rollout approve "
      "first_interventions --by anna\n  kairos rollout halt first_interventions\n",
      ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place < 0) return EXIT_USAGE;
  if (place == 0 && !name) return live_ask(&live, "GET", "/v1/rollouts", (struct str){0}, show);
  if (!arguments_given(&usage, "NAME", name)) return EXIT_USAGE;
  if (place <= 1) return show_named(&live, name);
  return move(&live, verb, name, by, &from);
}
