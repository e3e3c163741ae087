/* Inside kit: SHA-256 by the processor's own instructions, for hash.c. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sha256_wide_can(void); /* this processor has them [any] */
/* The compression of whole blocks of 64 bytes; only where it can. [any] */
void sha256_wide_blocks(uint32_t state[8], const unsigned char *blocks, size_t count);
