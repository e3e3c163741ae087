/* models: the models of a running engine: which state of each is served, what lies beside it, how both fare, what was served when; and
 * another state served, or back. Asks the engine over HTTP and prints. Main thread. */
#include "arguments.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define STATE_MOST  ((size_t)16 << 20)
#define SHORT       12 /* digits of a version that people see */
#define SHORT_LEAST 4

/* ---- for people ---- */

static double number(const struct json *j, uint32_t at, const char *path) {
  double v = __builtin_nan("");
  json_double(j, json_path(j, at, path), &v);
  return v;
}

static struct str words(const struct json *j, uint32_t at, const char *path, struct arena *a) {
  return json_text(j, json_path(j, at, path), a);
}

static void print_beside(const struct json *j, uint32_t at, struct arena *a) {
  const uint32_t beside = json_get(j, at, "beside");
  const struct str until = words(j, beside, "given_up", a);
  if (json_type(j, beside) != JSON_OBJECT) return;
  printf("    beside: " STR_FORMAT " %.*s", STR_ARG(words(j, beside, "role", a)), SHORT, words(j, beside, "version", a).at);
  if (number(j, beside, "outcomes") > 0)
    printf(", on %.0f outcomes of %.0f people log loss %.4f, the served %.4f (%+.4f ± %.4f)", number(j, beside, "outcomes"),
           number(j, beside, "users"), number(j, beside, "log_loss"), number(j, beside, "served_log_loss"), number(j, beside, "gain"),
           1.96 * number(j, beside, "error"));
  else if (until.len > 10) printf(", no outcomes yet: given up on %.10s", until.at);
  printf("\n");
}

static void print_model(const struct json *j, uint32_t at, struct arena *a) {
  const uint32_t alerts = json_get(j, at, "alerts");
  const struct str version = words(j, at, "version", a), suspended = words(j, at, "suspended", a);
  printf(STR_FORMAT, STR_ARG(words(j, at, "model", a)));
  if (version.len) printf("  serves %.*s", SHORT, version.at);
  if (number(j, at, "live.outcomes") > 0)
    printf("  accuracy %.3f, log loss %.4f on %.0f outcomes", number(j, at, "live.accuracy"), number(j, at, "live.log_loss"),
           number(j, at, "live.outcomes"));
  if (number(j, at, "live.baseline_accuracy") > 0) printf(" (accuracy when trained %.3f)", number(j, at, "live.baseline_accuracy"));
  if (number(j, at, "drift.score") >= 0) printf("  drift %.3f", number(j, at, "drift.score"));
  if (words(j, at, "retrain.at", a).len) printf("  trained at " STR_FORMAT " UTC", STR_ARG(words(j, at, "retrain.at", a)));
  if (suspended.len) printf("  SUSPENDED");
  printf("\n");
  if (suspended.len) printf("    suspended: " STR_FORMAT "\n", STR_ARG(suspended));
  else if (number(j, at, "crashes") > 0) printf("    its process ended %.0f times\n", number(j, at, "crashes"));
  print_beside(j, at, a);
  if (json_type(j, json_get(j, at, "training")) == JSON_OBJECT)
    printf("    is being trained since " STR_FORMAT "\n", STR_ARG(words(j, at, "training.since", a)));
  if (words(j, at, "last", a).len) printf("    last training: " STR_FORMAT "\n", STR_ARG(words(j, at, "last", a)));
  for (uint32_t i = 0; json_type(j, alerts) == JSON_ARRAY && i < j->tokens[alerts].count; i++)
    printf("    " STR_FORMAT ": " STR_FORMAT "\n", STR_ARG(words(j, json_child(j, alerts, i), "at", a)),
           STR_ARG(words(j, json_child(j, alerts, i), "text", a)));
}

static void show_models(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    if (json_type(&j, 0) == JSON_OBJECT) print_model(&j, 0, &a);
    for (uint32_t i = 0; json_type(&j, 0) == JSON_ARRAY && i < j.tokens[0].count; i++) print_model(&j, json_child(&j, 0, i), &a);
    if (json_type(&j, 0) == JSON_ARRAY && j.tokens[0].count == 0) printf("no model of the program has a state and a `train`\n");
  }
  arena_free(&a);
}

static void print_version(const struct json *j, uint32_t at, const char *key, struct arena *a) {
  const struct str version = words(j, at, key, a);
  if (version.len) printf("  %s %.*s", key, SHORT, version.at);
}

static void show_history(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL))
    for (uint32_t i = 0; json_type(&j, 0) == JSON_ARRAY && i < j.tokens[0].count; i++) {
      const uint32_t at = json_child(&j, 0, i);
      printf(STR_FORMAT "  " STR_FORMAT, STR_ARG(words(&j, at, "at", &a)), STR_ARG(words(&j, at, "event", &a)));
      print_version(&j, at, "version", &a);
      print_version(&j, at, "served", &a);
      print_version(&j, at, "beside", &a);
      const struct str why = words(&j, at, "why", &a);
      printf("  by " STR_FORMAT "%s" STR_FORMAT "\n", STR_ARG(words(&j, at, "author", &a)), why.len ? ": " : "", STR_ARG(why));
    }
  arena_free(&a);
}

/* What a change answers is the program that is live now. */
static void show_change(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL))
    printf("%.*s is live: " STR_FORMAT "\n", 16, words(&j, 0, "digest", &a).at, STR_ARG(words(&j, 0, "why", &a)));
  arena_free(&a);
}

/* ---- asking ---- */

struct models_ask {
  struct live live;
  const char *verb, *model, *what;
};

static int ask_history(const struct models_ask *k, struct buf *answer) {
  struct buf path = {0};
  struct err e = {0};
  live_path(&path, "/v1/models/", str_from(k->model), "/history");
  const bool fine = client_call(&k->live.client, "GET", path.at, "application/json", (struct str){0}, answer, NULL, &e);
  buf_free(&path);
  return fine ? EXIT_OK : tool_fail(&e);
}

/* The first digits of a version that the history names. */
static int find_version(const struct models_ask *k, char version[65]) {
  static const char *const keys[] = {"version", "served", "beside"};
  struct buf answer = {0};
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  size_t found = 0;
  if (strlen(k->what) < SHORT_LEAST) {
    err_set(&e, ERR_INPUT, "expected at least %d digits of a version, got \"%s\" (kairos models history %s)", SHORT_LEAST, k->what,
            k->model);
    tool_fail(&e);
    return EXIT_USAGE;
  }
  int code = ask_history(k, &answer);
  if (code == EXIT_OK && json_parse(&j, &a, buf_view(&answer), &json_limits_default, NULL))
    for (uint32_t i = 0; i < j.tokens[0].count * 3; i++) {
      const struct str v = words(&j, json_child(&j, 0, i / 3), keys[i % 3], &a);
      if (v.len != 64 || !str_starts(v, k->what) || (found && memcmp(v.at, version, 64) == 0)) continue;
      memcpy(version, v.at, 64);
      version[64] = 0;
      found++;
    }
  arena_free(&a);
  buf_free(&answer);
  if (code != EXIT_OK || found == 1) return code;
  err_set(&e, found > 1 ? ERR_CONFLICT : ERR_MISSING, "%s version of %s begins with \"%s\" (kairos models history %s)",
          found > 1 ? "more than one" : "no", k->model, k->what, k->model);
  return tool_fail(&e);
}

static int change(const struct models_ask *k, const char *verb, struct str body) {
  struct buf path = {0};
  char rest[32];
  snprintf(rest, sizeof rest, "/%s", verb);
  live_path(&path, "/v1/models/", str_from(k->model), rest);
  const int code = live_ask(&k->live, "POST", path.at, body, show_change);
  buf_free(&path);
  return code;
}

static int change_to(const struct models_ask *k) {
  char version[65], body[100];
  if (!k->what) return change(k, k->verb, STR("{}"));
  const bool role = strcmp(k->what, "candidate") == 0 || strcmp(k->what, "previous") == 0; /* the engine knows what lies beside */
  const int code = role ? EXIT_OK : find_version(k, version);
  if (role) snprintf(version, sizeof version, "%s", k->what);
  snprintf(body, sizeof body, "{\"version\":\"%s\"}", version);
  return code == EXIT_OK ? change(k, k->verb, str_from(body)) : code;
}

static int add_file(const struct models_ask *k, const struct usage *usage) {
  struct buf bytes = {0}, body = {0};
  struct err e = {0};
  if (!arguments_given(usage, "WHAT", k->what)) return EXIT_USAGE;
  int code = EXIT_OK;
  if (!file_read(k->what, &bytes, STATE_MOST, &e)) code = tool_fail(&e);
  const size_t room = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
  char *coded = code == EXIT_OK ? kit_alloc(room) : NULL;
  if (coded) {
    sodium_bin2base64(coded, room, (const unsigned char *)bytes.at, bytes.len, sodium_base64_VARIANT_ORIGINAL);
    buf_printf(&body, "{\"state\":\"%s\"}", coded);
  }
  if (code == EXIT_OK && (!coded || body.failed)) {
    err_set(&e, ERR_INTERNAL, "no memory for %s", k->what);
    code = tool_fail(&e);
  }
  if (code == EXIT_OK) code = change(k, "add", buf_view(&body));
  kit_free(coded);
  buf_free(&bytes);
  buf_free(&body);
  return code;
}

static int show_one(const struct models_ask *k) {
  struct buf path = {0};
  live_path(&path, "/v1/models/", str_from(k->model), "");
  const int code = live_ask(&k->live, "GET", path.at, (struct str){0}, live_show_tree);
  buf_free(&path);
  return code;
}

static int history(const struct models_ask *k) {
  struct buf path = {0};
  live_path(&path, "/v1/models/", str_from(k->model), "/history");
  const int code = live_ask(&k->live, "GET", path.at, (struct str){0}, show_history);
  buf_free(&path);
  return code;
}

int tool_models(int argc, char **argv) {
  static const char *const verbs[] = {"list", "show", "history", "deploy", "return", "drop", "add", NULL};
  struct models_ask k = {.live.client.url = LIVE_URL, .verb = "list"};
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &k.verb, NULL, "list (default), show, history, deploy, return, drop or add", NULL},
      {"MODEL", ARGUMENT_TEXT, &k.model, NULL, "name of the model in the program (not for list)", NULL},
      {"WHAT", ARGUMENT_TEXT, &k.what, NULL,
       "deploy, return: a version, its first digits, candidate or previous (default: what lies beside); add: a state's file", NULL},
      LIVE_ARGUMENTS(k.live)};
  const struct usage usage = {"models", "Which state of each model is served, what lies beside it, and what was served when.",
                              "  kairos models\n"
                              "  kairos models history adherence\n"
                              "  kairos models add adherence new.state      beside the served one, asked the same, read by nobody\n"
                              "  kairos models deploy adherence             it is served from now on; the other lies beside\n"
                              "  kairos models return adherence 3f2a91c0    a version that was served before\n"
                              "  kairos models drop adherence               nothing lies beside any more\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  const int verb = arguments_word(&usage, "VERB", k.verb, verbs);
  if (verb < 0 || (verb > 0 && !arguments_given(&usage, "MODEL", k.model))) return EXIT_USAGE;
  const char *extra = verb == 0 ? k.model : verb < 3 || verb == 5 ? k.what : NULL;
  if (extra) {
    fprintf(stderr, "kairos models: %s takes no more than %s, got \"%s\"\n", k.verb, verb == 0 ? "its name" : "a MODEL", extra);
    return EXIT_USAGE;
  }
  switch (verb) {
  case 0: return live_ask(&k.live, "GET", "/v1/models", (struct str){0}, show_models);
  case 1: return show_one(&k);
  case 2: return history(&k);
  case 5: return change(&k, "drop", STR("{}"));
  case 6: return add_file(&k, &usage);
  default: return change_to(&k);
  }
}
