/* The kernel of sixteen floats side by side (AVX-512). Compiled for machines that have it, chosen by kernels.c on those only. */
#include "lstm.h"

#if defined(__AVX512F__)
#define KERNEL_WIDE
#include "learning.h"
static const struct kernels table = {"avx512", sizeof(real), 24, pack, unpack, gather, predict, forward, learn, step, transpose};
const struct kernels *const kernels_wide = &table;
#else
const struct kernels *const kernels_wide = NULL;
#endif
