/* How `kairos test --coverage` says what scenarios met. */
#pragma once
#include "kit/json.h"
#include "program/scenario.h"

void coverage_print(const struct coverage *c);                       /* on stdout: the sums, and what is missing [main] */
void coverage_json(const struct coverage *c, struct json_writer *w); /* "coverage": everything, into an open object [main] */
