/* version: says which engine this is, for reports and scripts: its version and the plugin contract it speaks. Touches no data directory.
 * Main thread. */
#include "tools_list.h"
#include <stdio.h>

int tool_version(int argc, char **argv) {
  (void)argc;
  (void)argv;
  printf("kairos %s\n", KAIROS_VERSION);
  return 0;
}
