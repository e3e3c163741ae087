/* restore: a backup becomes a data directory again. Every erasure that the backup, or the newer list that is named (or lies in the new
 * directory), knows of is done again before anything can be served; without a newer list it says loudly who may be back. Main thread. */
#include "arguments.h"
#include "book/book.h"
#include "tools_list.h"
#include <stdio.h>

int tool_restore(int argc, char **argv) {
  const char *backup = NULL, *data = "data", *key = NULL, *erased_by = NULL;
  const struct argument list[] = {{"BACKUP", ARGUMENT_TEXT, &backup, NULL, "what `kairos backup` made", NULL},
                                  {"--data", ARGUMENT_TEXT, &data, "DIR", "the new data directory (default: data)", "KAIROS_DATA"},
                                  {"--master-key", ARGUMENT_TEXT, &key, "FILE", "the master.key that the backup's directory had", NULL},
                                  {"--erased-by", ARGUMENT_TEXT, &erased_by, "PATH",
                                   "who was erased since: the newest data directory, backup or control.db that is left", NULL}};
  const struct usage usage = {
      "restore", "Makes a data directory from a backup; who was erased since stays erased when --erased-by says who that is.",
      "  kairos restore /backups/2025-01-15 --data new --master-key /somewhere/else/master.key --erased-by data\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "BACKUP", backup) || !arguments_given(&usage, "--master-key", key)) return EXIT_USAGE;
  struct err e = {0};
  bool since;
  if (!book_restore(backup, data, key, erased_by, &since, &e)) return tool_fail(&e);
  fprintf(stderr, "%s is restored from %s. `kairos doctor --data %s` and `kairos replay --verify --data %s` look it over.\n", data, backup,
          data, data);
  tool_say_open(data);
  if (!since)
    fprintf(stderr,
            "WARNING: no list of erasures newer than the backup was given. Whoever was erased after it was made is in %s again. Before you "
            "serve it, restore once more into another directory with --erased-by and the newest data directory, backup or control.db that "
            "is left, or erase these people again.\n",
            data);
  return EXIT_OK;
}
