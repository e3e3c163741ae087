/* A time() that counts its calls, for the fuzz targets: Lua mixes it into the seed of its hashes. So two runs of a fuzzer are the same, and
 * within one run no two Lua states order their tables alike, which is how anything that depends on that order shows itself. Linked in
 * place of the C library's, and visible, for Lua is a library of its own. */
#include <time.h>

__attribute__((visibility("default"))) time_t time(time_t *out) {
  static time_t calls = 1700000000;
  calls += 7919;
  if (out) *out = calls;
  return calls;
}
