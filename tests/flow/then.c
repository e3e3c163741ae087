/* helper: kit tool api lane flow program book; libraries: lib_curl lib_uv */
/* A subcommand at another time: `then 2024-01-31T12:00:00Z import …` runs as if it were noon of that day, and the time stands still. For
 * what takes years: only offline subcommands, and only in tests. */
#include "kit/clock.h"
#include "tool/tool.h"
#include <stdio.h>

int main(int argc, char **argv) {
  int64_t at;
  if (argc < 3 || !clock_parse(str_from(argv[1]), &at)) {
    fprintf(stderr, "usage: then TIME SUBCOMMAND …\n");
    return EXIT_USAGE;
  }
  clock_freeze(at);
  argv[1] = argv[0];
  return tool_main(argc - 1, argv + 1);
}
