/* restore: a backup becomes a data directory again. Every erasure and every revoked key that the backup, or the newer list that is named
 * (or lies in the new directory), knows of holds again before anything can be served; without a newer list it says loudly who may be back.
 * What else happened since the backup nobody here knows: opt-outs, ages, zones, kills. So everything is stopped until an operator lifts
 * it, unless whoever restores says that nothing did. Main thread. */
#include "arguments.h"
#include "book/book.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "tools_list.h"
#include <stdio.h>

static bool restore(const char *backup, const char *data, const char *key, struct restore *how, bool nothing_since, struct err *e) {
  char at[32];
  struct buf body = {0};
  struct json_writer w = json_to(&body);
  json_open_object(&w);
  json_pair_text(&w, "kind", "kill");
  json_pair_text(&w, "name", "all");
  json_pair_str(&w, "at", (struct str){at, clock_format(clock_now(), at)});
  json_close_object(&w);
  const struct control_fact stop = {.author = "restore", .kind = "kill", .name = "all", .body = buf_view(&body)};
  how->first = nothing_since ? NULL : &stop;
  const bool done = (!body.failed || err_set(e, ERR_INTERNAL, "no memory for a fact")) && book_restore(backup, data, key, how, e);
  buf_free(&body);
  return done;
}

static void say_what_is_not_known(const char *data, bool listed) {
  fprintf(
      stderr,
      "Nothing is sent from %s until `kairos kill all --lift`: it does not know who opted out, whose zone, age or health changed, what was "
      "killed or halted since the backup. Tell it first (who opted out: `kairos user opt-out --file IDS`, an id a line).\n",
      data);
  if (listed) return;
  fprintf(
      stderr,
      "WARNING: no list of erasures newer than the backup was given. Whoever was erased after it was made is in %s again, and keys that "
      "were revoked are valid again. Before you serve it, restore once more into another directory with --erased-by and the newest data "
      "directory, backup or control.db that is left, or erase these people and revoke these keys again.\n",
      data);
}

int tool_restore(int argc, char **argv) {
  const char *backup = NULL, *data = "data", *key = NULL;
  struct restore how = {0};
  bool nothing_since = false;
  const struct argument list[] = {
      {"BACKUP", ARGUMENT_TEXT, &backup, NULL, "what `kairos backup` made", NULL},
      {"--data", ARGUMENT_TEXT, &data, "DIR", "the new data directory (default: data)", "KAIROS_DATA"},
      {"--master-key", ARGUMENT_TEXT, &key, "FILE", "the master.key that the backup's directory had", NULL},
      {"--erased-by", ARGUMENT_TEXT, &how.erased_by, "PATH",
       "who was erased and which keys were revoked since: the newest data directory, backup or control.db that is left", NULL},
      {"--nothing-since", ARGUMENT_FLAG, &nothing_since, NULL,
       "nothing happened after the backup (no opt-out, no kill, nothing at all): sending goes on", NULL}};
  const struct usage usage = {
      "restore",
      "Makes a data directory from a backup; who was erased since stays erased when --erased-by says who that is. Nothing is sent until an "
      "operator lifts the stop.",
      "  kairos restore /backups/2025-01-15 --data new --master-key /somewhere/else/master.key --erased-by data\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "BACKUP", backup) || !arguments_given(&usage, "--master-key", key)) return EXIT_USAGE;
  struct err e = {0};
  if (!restore(backup, data, key, &how, nothing_since, &e)) return tool_fail(&e);
  fprintf(stderr, "%s is restored from %s. `kairos doctor --data %s` and `kairos replay --verify --data %s` look it over.\n", data, backup,
          data, data);
  tool_say_open(data);
  if (!nothing_since) say_what_is_not_known(data, how.listed);
  return EXIT_OK;
}
