/* The kernel of doubles: what the others are compared with, and what `precision = "double"` asks for. */
#include "lstm.h"
#define KERNEL_EXACT
#include "learning.h"

static const struct kernels table = {"double", sizeof(real), 24, pack, unpack, gather, predict, forward, learn, step, transpose};
const struct kernels *const kernels_exact = &table;
