/* backup: a checked copy of a data directory, beside a running engine or offline. The copy holds no master key: without that key it is
 * ciphertext. A store that has lost a program is copied as it is, and the command leaves with 3. Main thread. */
#include "arguments.h"
#include "book/book.h"
#include "tools_list.h"
#include <stdio.h>

int tool_backup(int argc, char **argv) {
  const char *target = NULL, *data = "data";
  const struct argument list[] = {{"DIR", ARGUMENT_TEXT, &target, NULL, "where the backup goes: a new or empty directory", NULL},
                                  {"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"}};
  const struct usage usage = {"backup", "Copies a data directory, and opens, checks and counts the copy before it is called good.",
                              "  kairos backup /backups/2025-01-15 --data data\n"
                              "  cp data/master.key /somewhere/else     the key is never in a backup: keep it apart\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "DIR", target)) return EXIT_USAGE;
  struct err e = {0};
  if (!tool_outside(target, data, &e) || !book_backup(data, target, &e)) return tool_fail(&e);
  /* Without it nobody could make a backup any more, for the sake of a program that ran once. */
  if (!book_store_whole(target, &e)) {
    fprintf(stderr, "WARNING: %s holds all people and decisions, but a program cannot be derived again from it: %s\n", target, e.text);
    return EXIT_FINDINGS;
  }
  fprintf(stderr, "%s is whole: opened, checked and counted. It needs %s/master.key to be read: keep that apart.\n", target, data);
  return EXIT_OK;
}
