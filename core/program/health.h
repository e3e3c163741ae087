/* Inside program: what its health is counted in. */
#pragma once
#include "kit/arena.h"

struct failing;
struct failing *failing_new(struct arena *a); /* NULL: no memory */
