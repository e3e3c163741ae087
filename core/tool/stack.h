/* Weights of a combination, learned; for `kairos train`. */
#pragma once
#include "report.h"

/* Prints figures, in words or as JSON, and the line for the model's file. The parts' states are where their files say. [main] */
bool stack_run(const struct one_model *combination, const char *program, const char *plugins, const struct learning_from *from, bool json,
               struct err *e);
