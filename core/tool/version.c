/* version: says which engine this is, for reports and scripts: its version and the plugin contract it speaks. Touches no data directory.
 * Main thread. */
#include "arguments.h"
#include "tools_list.h"
#include <stdio.h>

int tool_version(int argc, char **argv) {
  const struct usage usage = {"version", "Says which engine this is.", "  kairos version\n", NULL, 0, NULL, 0};
  const int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  printf("kairos %s\n", KAIROS_VERSION);
  return 0;
}
