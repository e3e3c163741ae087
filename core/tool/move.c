/* move: re-homes the partitions of a data directory to another number of files, offline. What is decided does not change by it. Main
 * thread. */
#include "arguments.h"
#include "book/book.h"
#include "tools_list.h"
#include <stdio.h>

static void progress(void *context, double share) {
  (void)context;
  tool_progress("moving", share);
}

int tool_move(int argc, char **argv) {
  const char *data = "data";
  int64_t files = 0;
  const struct argument list[] = {{"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
                                  {"--files", ARGUMENT_NUMBER, &files, "N", "into how many files, 1 to 16", NULL}};
  const struct usage usage = {"move", "Spreads the 16 partitions of a data directory over another number of files, while no engine runs.",
                              "  kairos move --data data --files 4\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (files == 0) return arguments_given(&usage, "--files", NULL) ? EXIT_OK : EXIT_USAGE;
  if (files < 1 || files > BOOK_VOLUMES_MOST) {
    fprintf(stderr, "kairos move: --files: expected 1 to %d, got %lld\n", BOOK_VOLUMES_MOST, (long long)files);
    return EXIT_USAGE;
  }
  struct err e = {0};
  bool ok = book_move(data, (uint32_t)files, progress, NULL, &e);
  tool_progress_end();
  if (!ok) return tool_fail(&e);
  fprintf(stderr, "%s lies in %lld file%s now\n", data, (long long)files, files == 1 ? "" : "s");
  return EXIT_OK;
}
