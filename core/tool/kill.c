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

static void show_done(struct str answer) {
  struct arena a = {0};
  struct json j;
  bool killed = false;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    json_bool(&j, json_get(&j, 0, "killed"), &killed);
    printf(STR_FORMAT ": %s\n", STR_ARG(json_text(&j, json_get(&j, 0, "name"), &a)), killed ? "killed" : "lifted");
    struct str note = json_text(&j, json_get(&j, 0, "note"), &a);
    if (note.len) fprintf(stderr, "kairos: " STR_FORMAT "\n", STR_ARG(note));
  }
  arena_free(&a);
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
  buf_char(path, 0);
}

int tool_kill(int argc, char **argv) {
  static const char *const kinds[] = {"all", "trigger", "intervention", "experiment", "rollout", "model", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *kind = NULL, *name = NULL;
  bool lift = false;
  const struct argument list[] = {
      {"KIND", ARGUMENT_TEXT, &kind, NULL, "all, trigger, intervention, experiment, rollout or model; none: what is killed now", NULL},
      {"NAME", ARGUMENT_TEXT, &name, NULL, "which one (not for all)", NULL},
      {"--lift", ARGUMENT_FLAG, &lift, NULL, "lets it run again", NULL},
      LIVE_ARGUMENTS(live)};
  const struct usage usage = {
      "kill", "The kill switch: nothing that is killed is decided or sent, from within a second on.",
      "  kairos kill all\n  kairos kill trigger high_stress\n  kairos kill trigger high_stress --lift\n  kairos kill\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!kind && lift) return arguments_given(&usage, "KIND", kind) ? EXIT_OK : EXIT_USAGE;
  if (kind && arguments_word(&usage, "KIND", kind, kinds) < 0) return EXIT_USAGE;
  bool all = kind && strcmp(kind, "all") == 0;
  if (all && name) {
    fprintf(stderr, "kairos kill: all takes no name, got \"%s\"\n", name);
    return EXIT_USAGE;
  }
  if (kind && !all && !arguments_given(&usage, "NAME", name)) return EXIT_USAGE;
  struct buf path = {0};
  kill_path(&path, kind, name);
  code = live_ask(&live, !kind ? "GET" : lift ? "DELETE" : "PUT", path.at, (struct str){0}, kind ? show_done : show_list);
  buf_free(&path);
  return code;
}
