/* kill: stops everything, or one named thing, at once; lifts it again; lists what is stopped. Asks a running engine. Main thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

static void show_list(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    uint32_t list = json_get(&j, 0, "killed");
    uint32_t count = list == JSON_NONE ? 0 : j.tokens[list].count;
    for (uint32_t i = 0; i < count; i++) printf(STR_FORMAT "\n", STR_ARG(json_text(&j, json_child(&j, list, i), &a)));
    if (count == 0) printf("nothing is killed\n");
  }
  arena_free(&a);
}

/* A stop is never hindered, so one of a name that nothing has is taken; but whoever mistyped it in a hurry stopped nothing, and has to see
 * that in the exit code too. */
static int tell_done(struct str answer, bool as_json, bool meant) {
  struct arena a = {0};
  struct json j;
  bool killed = false;
  struct str note = {0};
  if (as_json) printf(STR_FORMAT "\n", STR_ARG(answer));
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    json_bool(&j, json_get(&j, 0, "killed"), &killed);
    if (!as_json) printf(STR_FORMAT ": %s\n", STR_ARG(json_text(&j, json_get(&j, 0, "name"), &a)), killed ? "killed" : "lifted");
    note = json_text(&j, json_get(&j, 0, "note"), &a);
  }
  if (note.len && !meant)
    fprintf(stderr,
            "kairos: " STR_FORMAT
            ": nothing that runs is stopped by this. It holds for a program that comes; --lift takes it back, --force says "
            "that it is meant\n",
            STR_ARG(note));
  arena_free(&a);
  return note.len && !meant ? EXIT_NOT_FOUND : EXIT_OK;
}

static int ask_kill(const struct live *l, const char *path, bool lift, bool meant) {
  struct buf answer = {0};
  struct err e = {0};
  const bool ok = client_call(&l->client, lift ? "DELETE" : "PUT", path, "application/json", (struct str){0}, &answer, NULL, &e);
  const int code = ok ? tell_done(buf_view(&answer), l->json, meant) : tool_fail(&e);
  buf_free(&answer);
  return code;
}

static void kill_path(struct buf *path, const char *kind, const char *name) {
  buf_text(path, "/v1/kill");
  if (kind) {
    buf_char(path, '/');
    client_escape(path, str_from(kind));
  }
  if (name) {
    buf_char(path, '/');
    client_escape(path, str_from(name));
  }
  live_path_end(path);
}

int tool_kill(int argc, char **argv) {
  static const char *const kinds[] = {"all", "trigger", "intervention", "experiment", "rollout", "model", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *kind = NULL, *name = NULL;
  bool lift = false, force = false;
  const struct argument list[] = {
      {"KIND", ARGUMENT_TEXT, &kind, NULL, "all, trigger, intervention, experiment, rollout or model; none: what is killed now", NULL},
      {"NAME", ARGUMENT_TEXT, &name, NULL, "which one (not for all)", NULL},
      {"--lift", ARGUMENT_FLAG, &lift, NULL, "lets it run again", NULL},
      {"--force", ARGUMENT_FLAG, &force, NULL, "a name that the live program has not is meant", NULL},
      LIVE_ARGUMENTS(live)};
  const struct usage usage = {
      "kill", "The kill switch: nothing that is killed is decided or sent, from within a second on.",
      "  kairos kill all\n  kairos kill trigger high_stress\n  kairos kill trigger high_stress --lift\n  kairos kill\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!kind && (lift || force)) return arguments_given(&usage, "KIND", kind) ? EXIT_OK : EXIT_USAGE;
  if (kind && arguments_word(&usage, "KIND", kind, kinds) < 0) return EXIT_USAGE;
  bool all = kind && strcmp(kind, "all") == 0;
  if (all && name) {
    fprintf(stderr, "kairos kill: all takes no name, got \"%s\"\n", name);
    return EXIT_USAGE;
  }
  if (kind && !all && !arguments_given(&usage, "NAME", name)) return EXIT_USAGE;
  struct buf path = {0};
  kill_path(&path, kind, name);
  code = kind ? ask_kill(&live, path.at, lift, force) : live_ask(&live, "GET", path.at, (struct str){0}, show_list);
  buf_free(&path);
  return code;
}
