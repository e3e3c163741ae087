/* The kernel of eight floats side by side (AVX2 with fused multiply-add). Compiled for machines that have it, chosen by kernels.c on those
 * only. */
#include "lstm.h"

#if defined(__AVX2__) && defined(__FMA__)
#define KERNEL_HALF
#include "learning.h"
static const struct kernels table = {"avx2", sizeof(real), 24, pack, unpack, gather, predict, forward, learn, step, transpose};
const struct kernels *const kernels_half = &table;
#else
const struct kernels *const kernels_half = NULL;
#endif
