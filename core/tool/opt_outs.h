/* Many people opted out at once, by a file of their ids. */
#pragma once
#include "live.h"

/* One id a line, "-": of standard input. Gives the exit code: 1 when a line failed. [main] */
int opt_outs(const struct live *live, const char *path);
