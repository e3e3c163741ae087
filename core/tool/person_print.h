/* One person on one page, from the engine's answers. [main] */
#pragma once
#include "kit/str.h"

/* `answer` of GET /v1/users/{id}; `timeline`: their newest rows, printed by `rows`. */
void person_print(struct str answer, struct str timeline, void (*rows)(struct str timeline));
