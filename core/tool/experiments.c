/* experiments: how the live program's experiments stand, one line each, or one of them with its arms, how they were filled, and what came
 * of them beside the control arm. Asks a running engine, which counts from its journal once somebody asks: it is asked again for some
 * seconds until it has counted. Or, of one that is only planned, how many people it takes (size.c). Prints; main thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "size.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RATIO_LEAST 0.001 /* below it the arms are not filled as their weights say */
#define TRIES       50    /* of asking again */

static double number(const struct json *j, uint32_t at, const char *key) {
  double x = 0;
  json_double(j, json_get(j, at, key), &x);
  return x;
}
static uint32_t length(const struct json *j, uint32_t list) {
  return json_type(j, list) >= JSON_ARRAY ? j->tokens[list].count : 0;
}

/* The next member of an object, from the first at list + 1 on: its name, and where its value is. */
static uint32_t next_member(const struct json *j, uint32_t *at, struct str *name, struct arena *a) {
  const uint32_t value = j->tokens[*at].next;
  *name = json_text(j, *at, a);
  *at = j->tokens[value].next;
  return value;
}

/* ---- what came of it ---- */

static bool is_control(const struct json *j, uint32_t experiment, struct str arm, struct arena *a) {
  return str_eq(json_text(j, json_get(j, experiment, "control"), a), arm);
}

static void print_effect(const struct json *j, uint32_t difference) {
  if (json_type(j, difference) != JSON_OBJECT) {
    printf(", no bound yet: it takes 100 in this arm and in the control arm");
    return;
  }
  printf(", %+.4g beside the control arm, at least %+.4g and at most %+.4g, each with %.0f %% confidence, p = %.2g",
         number(j, difference, "estimate"), number(j, difference, "low"), number(j, difference, "high"),
         100 * number(j, difference, "confidence"), number(j, difference, "p_value"));
  double size;
  if (json_double(j, json_get(j, difference, "effect_size"), &size)) printf(", effect size %.2g", size);
}

static void print_metric(const struct json *j, uint32_t experiment, struct str name, uint32_t metric, struct arena *a) {
  const uint32_t arms = json_get(j, metric, "arms"), margin = json_get(j, metric, "margin");
  const bool outcome = str_eq(json_text(j, json_get(j, experiment, "outcome"), a), name);
  const bool lower = json_text_is(j, json_get(j, metric, "better"), "lower");
  printf("     " STR_FORMAT "%s, %s is better", STR_ARG(name), outcome ? ", the outcome" : "", lower ? "lower" : "higher");
  if (margin != JSON_NONE) printf(", a guardrail: at most %.4g worse", number(j, metric, "margin"));
  printf("\n");
  uint32_t at = arms + 1;
  for (uint32_t k = 0; k < length(j, arms); k++) {
    struct str arm;
    const uint32_t is = next_member(j, &at, &arm, a);
    printf("       %-18.*s", STR_ARG(arm));
    if (number(j, is, "n") > 0) printf(" %.4g on average of %.0f", number(j, is, "mean"), number(j, is, "n"));
    else printf(" of nobody the time is over yet");
    if (json_get(j, is, "people") != JSON_NONE) printf(" draws of %.0f people", number(j, is, "people"));
    if (number(j, is, "n") > 0 && !is_control(j, experiment, arm, a)) print_effect(j, json_get(j, is, "difference"));
    printf("\n");
  }
}

static void print_metrics(const struct json *j, uint32_t experiment, struct arena *a) {
  const uint32_t metrics = json_get(j, experiment, "metrics");
  uint32_t at = metrics + 1;
  for (uint32_t m = 0; m < length(j, metrics); m++) {
    struct str name;
    const uint32_t metric = next_member(j, &at, &name, a);
    print_metric(j, experiment, name, metric, a);
  }
  if (length(j, metrics) == 0) printf("     none of its metrics is compared between the arms\n");
}

/* ---- who was drawn ---- */

static void print_ratio(const struct json *j, uint32_t experiment) {
  double p;
  if (!json_double(j, json_get(j, experiment, "sample_ratio_p"), &p)) return;
  if (p >= RATIO_LEAST) printf("     the arms are filled as their weights say (sample ratio, p = %.2g)\n", p);
  else printf("     NOT as the weights say (sample ratio, p = %.2g): people of one arm are lost, no effect can be trusted\n", p);
}

static void print_arms(const struct json *j, uint32_t experiment, struct arena *a) {
  const uint32_t arms = json_get(j, experiment, "arms");
  const char *unit = json_text_is(j, json_get(j, experiment, "randomise"), "user") ? "users" : "decisions";
  for (uint32_t k = 0; k < length(j, arms); k++) {
    const uint32_t arm = json_child(j, arms, k), drawn = json_get(j, arm, unit);
    const struct str name = json_text(j, json_get(j, arm, "name"), a), send = json_text(j, json_get(j, arm, "send"), a);
    printf("  %s %-20.*s %5.1f %%", is_control(j, experiment, name, a) ? "= " : "  ", STR_ARG(name), 100 * number(j, arm, "weight"));
    if (drawn != JSON_NONE) printf("  %6.0f %s", number(j, arm, unit), strcmp(unit, "users") == 0 ? "people" : "draws");
    if (json_get(j, arm, "silence") != JSON_NONE) printf("  nothing is sent");
    else printf("  sends %s" STR_FORMAT, send.len ? "" : "what the trigger offers", STR_ARG(send));
    printf("\n");
  }
}

/* ---- one, and all ---- */

static void print_stop(const struct json *j, uint32_t experiment, struct arena *a) {
  const uint32_t stop = json_get(j, experiment, "stop");
  uint32_t at = stop + 1;
  for (uint32_t i = 0; i < length(j, stop); i++) {
    struct str key;
    const uint32_t most = next_member(j, &at, &key, a);
    printf("%s" STR_FORMAT " " STR_FORMAT, i ? ", " : "     ends by itself at ", STR_ARG(json_raw(j, most)), STR_ARG(key));
  }
  if (length(j, stop)) printf("\n");
}

static void print_one(const struct json *j, uint32_t at, struct arena *a) {
  const struct str since = json_text(j, json_get(j, at, "since"), a), ended = json_text(j, json_get(j, at, "ended_on"), a),
                   held = json_text(j, json_get(j, at, "held_on"), a);
  bool counted = false;
  json_bool(j, json_get(j, at, "counted"), &counted);
  printf(STR_FORMAT ": " STR_FORMAT ", revision " STR_FORMAT "\n     " STR_FORMAT "\n", STR_ARG(json_text(j, json_get(j, at, "name"), a)),
         STR_ARG(json_text(j, json_get(j, at, "state"), a)), STR_ARG(json_raw(j, json_get(j, at, "revision"))),
         STR_ARG(json_text(j, json_get(j, at, "why"), a)));
  if (ended.len)
    printf("     ended " STR_FORMAT ", everybody gets its control arm: " STR_FORMAT "\n",
           STR_ARG(json_text(j, json_get(j, at, "ended_at"), a)), STR_ARG(ended));
  if (held.len) printf("     held: " STR_FORMAT "\n", STR_ARG(held));
  printf("     each " STR_FORMAT " is drawn, at " STR_FORMAT, STR_ARG(json_text(j, json_get(j, at, "randomise"), a)),
         STR_ARG(json_text(j, json_get(j, at, "at"), a)));
  if (counted) printf(": %.0f people, %.0f draws", number(j, at, "users"), number(j, at, "decisions"));
  if (since.len) printf(", since " STR_FORMAT, STR_ARG(since));
  printf("\n");
  if (counted && number(j, at, "users") == 0 && number(j, at, "decisions") == 0)
    printf("     nobody was drawn yet; what is decided on the events' own time (kairos import, ?clock=event) counts nobody\n");
  print_stop(j, at, a);
  print_arms(j, at, a);
  if (!counted) printf("     the engine is still counting what its journal says: ask again\n");
  if (counted) print_ratio(j, at);
  const struct str silent = json_text(j, json_get(j, at, "no_data_since"), a);
  if (silent.len) printf("     nobody was drawn since " STR_FORMAT "\n", STR_ARG(silent));
  if (counted) print_metrics(j, at, a);
}

static void print_line(const struct json *j, uint32_t at, struct arena *a) {
  bool counted = false;
  double p = 1;
  json_bool(j, json_get(j, at, "counted"), &counted);
  printf("%-24.*s %-8.*s", STR_ARG(json_text(j, json_get(j, at, "name"), a)), STR_ARG(json_text(j, json_get(j, at, "state"), a)));
  if (counted) printf(" %6.0f people %7.0f draws", number(j, at, "users"), number(j, at, "decisions"));
  else printf(" still being counted");
  if (json_double(j, json_get(j, at, "sample_ratio_p"), &p) && p < RATIO_LEAST) printf("  arms NOT filled as their weights say");
  const struct str ended = json_text(j, json_get(j, at, "ended_on"), a), held = json_text(j, json_get(j, at, "held_on"), a);
  if (ended.len) printf("  " STR_FORMAT, STR_ARG(ended));
  else if (held.len) printf("  " STR_FORMAT, STR_ARG(held));
  printf("\n");
}

static void show(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    if (json_type(&j, 0) == JSON_OBJECT) print_one(&j, 0, &a);
    for (uint32_t i = 0; json_type(&j, 0) == JSON_ARRAY && i < j.tokens[0].count; i++) print_line(&j, json_child(&j, 0, i), &a);
    if (json_type(&j, 0) == JSON_ARRAY && j.tokens[0].count == 0) printf("the program has no experiments\n");
  }
  arena_free(&a);
}

/* ---- asking ---- */

static bool is_counted(struct str answer) {
  struct arena a = {0};
  struct json j;
  bool counted = true, one;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    const bool list = json_type(&j, 0) == JSON_ARRAY;
    for (uint32_t i = 0; i < (list ? j.tokens[0].count : 1); i++)
      if (json_bool(&j, json_get(&j, list ? json_child(&j, 0, i) : 0, "counted"), &one)) counted = counted && one;
  }
  arena_free(&a);
  return counted;
}

static int ask(const struct live *live, const char *path) {
  const struct timespec pause = {0, 200 * 1000 * 1000};
  struct buf answer = {0};
  struct err e = {0};
  bool ok = true;
  for (int i = 0; ok && i <= TRIES && !(i && is_counted(buf_view(&answer))); i++) {
    if (i) nanosleep(&pause, NULL);
    if (i) tool_progress("counting from the journal", (double)i / TRIES);
    buf_free(&answer);
    ok = client_call(&live->client, "GET", path, NULL, (struct str){0}, &answer, NULL, &e);
  }
  tool_progress_end();
  if (ok && live->json) printf(STR_FORMAT "\n", STR_ARG(buf_view(&answer)));
  else if (ok) show(buf_view(&answer));
  buf_free(&answer);
  return ok ? EXIT_OK : tool_fail(&e);
}

int tool_experiments(int argc, char **argv) {
  static const char *const verbs[] = {"list", "show", "size", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  struct size_ask size = {0};
  const char *verb = "list", *name = NULL;
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &verb, NULL, "list (default), show or size", NULL},
      {"NAME", ARGUMENT_TEXT, &name, NULL, "show: the experiment", NULL},
      {"--base", ARGUMENT_TEXT, &size.base, "MEAN", "the control arm's share, 30% or 0.3; its mean with --deviation", NULL},
      {"--effect", ARGUMENT_TEXT, &size.effect, "SIZE", "what is to be found, 5% or 0.05", NULL},
      {"--effect-type", ARGUMENT_TEXT, &size.type, "TYPE", "of it: absolute, relative or deviations (Cohen's d)", NULL},
      {"--people", ARGUMENT_NUMBER, &size.people, "N", "instead of an effect: which one so many people in both arms would show", NULL},
      {"--deviation", ARGUMENT_TEXT, &size.deviation, "WIDTH", "of a mean: its standard deviation among people", NULL},
      {"--share", ARGUMENT_TEXT, &size.share, "SHARE", "of both arms' people the other arm's (default: 50%)", NULL},
      {"--power", ARGUMENT_TEXT, &size.power, "SHARE", "how often it is to be found where it is there (default: 0.8)", NULL},
      {"--alpha", ARGUMENT_TEXT, &size.alpha, "SHARE", "how often something is found where nothing is (default: 0.05)", NULL},
      {"--daily", ARGUMENT_NUMBER, &size.daily, "N", "people a day who come to the decision point for the first time: says the days", NULL},
      LIVE_ARGUMENTS(live)};
  static const struct argument_fit fits[] = {
      {"--base", "size"},      {"--effect", "size"},    {"--effect-type", "size"}, {"--people", "size"}, {"--people", "without --effect"},
      {"--share", "size"},     {"--deviation", "size"}, {"--power", "size"},       {"--alpha", "size"},  {"--daily", "size"},
      {"--url", "list, show"}, {"--key", "list, show"}};
  const struct usage usage = {
      "experiments",
      "How the experiments of the live program stand: arms, draws, sample ratio, and effects with their bounds; or how "
      "many people one takes.",
      "  kairos experiments list\n"
      "  kairos experiments show shorter_workout\n"
      "  kairos experiments show shorter_workout --json\n"
      "  kairos experiments size --base 30% --effect 5% --effect-type absolute --daily 150\n"
      "  kairos kill experiment shorter_workout       nothing of it is decided any more\n",
      ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  const int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place < 0) return EXIT_USAGE;
  if (place != 1 && !arguments_unused(&usage, name)) return EXIT_USAGE;
  if (place == 1 && !arguments_given(&usage, "NAME", name)) return EXIT_USAGE;
  size.json = live.json;
  if (place == 2) return experiments_size(&usage, &size);
  struct buf path = {0};
  if (place == 1) live_path(&path, "/v1/experiments/", str_from(name), "");
  else live_path(&path, "/v1/experiments", (struct str){0}, "");
  code = ask(&live, path.at);
  buf_free(&path);
  return code;
}
