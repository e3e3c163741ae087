/* Decimal numbers, private to kit: JSON's number grammar taken apart once, read as double or integer, and written back in the shortest
 * form. No locale has a say in any of it. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>
#include <stdint.h>

/* Where the number that starts at `at` ends by JSON's grammar, or NULL when there is none. [any] */
const char *number_end(const char *at, const char *end);
/* `text` must be exactly one number by the grammar. False when the value overflows to infinity. [any] */
bool number_double(struct str text, double *out);
/* False unless the value is an integer that fits: 1e3, 1.0 and 10e-1 are integers. [any] */
bool number_int(struct str text, int64_t *out);
