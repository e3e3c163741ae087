/* Stored decisions as they lie in a data directory. */
#pragma once
#include "book/book.h"

/* Prints every stored record on stdout, one a line: by partition, then in the order of decision ids, whatever files they lie in. */
bool stored_print(struct book *b, struct err *e);
