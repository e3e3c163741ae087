/* The kernel for every machine: one float after the other, with the same bits as the others. Slow where fused multiply-add is not one
 * instruction. */
#include "lstm.h"
#define KERNEL_PORTABLE
#include "learning.h"

static const struct kernels table = {"portable", sizeof(real), 24, pack, unpack, gather, predict, forward, learn, step, transpose};
const struct kernels *const kernels_portable = &table;
