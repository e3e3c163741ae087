/* version: what this build is. */
#include "tools_list.h"
#include <stdio.h>

int tool_version(int argc, char **argv) {
  (void)argc;
  (void)argv;
  printf("kairos %s\n", KAIROS_VERSION);
  return 0;
}
