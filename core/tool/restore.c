/* restore: a backup becomes a data directory again. Every erasure that the backup, or a control.db put into the new directory, knows of is
 * done again before anything can be served. Main thread. */
#include "arguments.h"
#include "book/book.h"
#include "tools_list.h"
#include <stdio.h>

int tool_restore(int argc, char **argv) {
  const char *backup = NULL, *data = "data", *key = NULL;
  const struct argument list[] = {{"BACKUP", ARGUMENT_TEXT, &backup, NULL, "what `kairos backup` made", NULL},
                                  {"--data", ARGUMENT_TEXT, &data, "DIR", "the new data directory (default: data)", "KAIROS_DATA"},
                                  {"--master-key", ARGUMENT_TEXT, &key, "FILE", "the master.key that the backup's directory had", NULL}};
  const struct usage usage = {
      "restore", "Makes a data directory from a backup; erased users stay erased.",
      "  kairos restore /backups/2025-01-15 --data data --master-key /somewhere/else/master.key\n"
      "  mkdir data && cp old/control.db data/     before that, when it is left: it knows who was erased since the backup\n",
      ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "BACKUP", backup) || !arguments_given(&usage, "--master-key", key)) return EXIT_USAGE;
  struct err e = {0};
  if (!book_restore(backup, data, key, &e)) return tool_fail(&e);
  fprintf(stderr, "%s is restored from %s. `kairos doctor --data %s` and `kairos replay --verify --data %s` look it over.\n", data, backup,
          data, data);
  return EXIT_OK;
}
