/* What a combination is worth; for `kairos evaluate`. */
#pragma once
#include "report.h"

/* The combination with the weights of its file, by the people that none of its parts was trained on, beside its parts and their champions.
 * The parts' states are where their files say. [main] */
bool blend_judge(const struct one_model *combination, const char *program, const char *plugins, const struct learning_from *from,
                 struct report *r, struct err *e);
