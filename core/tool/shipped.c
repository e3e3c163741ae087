/* shipped: finds the default program: installed, or in the source tree. Looks only upwards from the binary, so that no machine's paths are
 * compiled in; KAIROS_SHARE names it where that is not enough (a build directory outside the source tree). Main thread. */
#include "shipped.h"
#include "kit/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UP_MOST 4

static bool is_program(const char *directory) {
  char path[4096];
  snprintf(path, sizeof path, "%s/rules/vocabulary.lua", directory);
  if (!file_exists(path)) return false;
  snprintf(path, sizeof path, "%s/interventions", directory);
  return file_exists(path);
}

bool tool_default_program(char *path, size_t size, struct err *e) {
  const char *named = getenv("KAIROS_SHARE");
  if (named && named[0]) {
    snprintf(path, size, "%s", named);
    return is_program(path) || err_set(e, ERR_MISSING, "KAIROS_SHARE is %s: no rules/vocabulary.lua and interventions/ in it", named);
  }
  char place[4096];
  ssize_t length = readlink("/proc/self/exe", place, sizeof place - 1);
  for (int up = 0; length > 0 && up < UP_MOST; up++) {
    while (length > 0 && place[length - 1] != '/') length--;
    place[length > 0 ? --length : 0] = 0;
    snprintf(path, size, "%s/share/kairos/program", place);
    if (is_program(path)) return true;
    snprintf(path, size, "%s", place);
    if (is_program(path)) return true;
  }
  return err_set(e, ERR_MISSING, "the default program is neither installed nor above the binary: name its directory in KAIROS_SHARE");
}
