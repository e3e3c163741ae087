/* Which kernel this machine can run. The three of floats give the same bits (lanes.h), so the choice is one of speed alone; none of it is
 * remembered, since asking the processor costs nothing beside building a model. Any thread. */
#include "lstm.h"

static bool can_run(const struct kernels *k) {
#if defined(__x86_64__)
  if (k == kernels_wide) return __builtin_cpu_supports("avx512f");
  if (k == kernels_half) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return k == kernels_portable || k == kernels_exact;
}

const struct kernels *kernels_list(size_t number) {
  const struct kernels *const all[KERNELS_COUNT] = {kernels_wide, kernels_half, kernels_portable, kernels_exact};
  return number < KERNELS_COUNT && all[number] && can_run(all[number]) ? all[number] : NULL;
}

const struct kernels *kernels_choose(bool exact) {
  if (exact) return kernels_exact;
  for (size_t i = 0; i < KERNELS_COUNT; i++)
    if (kernels_list(i)) return kernels_list(i);
  return kernels_portable;
}
