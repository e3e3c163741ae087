/* Scenarios: `given` makes a user and the state of the world, `event` happens, `expect` is compared with what production code decided. Run
 * by `kairos test` and by the builder before a program may act. Nothing is kept, no lane is asked. */
#pragma once
#include "program/coverage.h"

struct scenario_result {
  const struct noun_scenario *noun;
  bool passed;
  struct str failure; /* what was expected, what came, and why: lines that begin with two spaces; in the arena */
};
struct scenarios { /* in order of file and line */
  struct scenario_result *results;
  size_t count, failed;
};
/* The program must be free of errors. Reads it only, so others may decide with it meanwhile. `c` counts what was met; NULL: nobody counts.
 * A property runs all its repeats; the failure is that of the first one that failed, with what it had drawn. [builder] */
void scenario_run(const struct program *p, const struct noun_scenario *noun, struct arena *a, struct coverage *c,
                  struct scenario_result *out);
/* All of them; false: no memory. `c` begun, or NULL. [builder] */
bool scenarios_run(const struct program *p, struct arena *a, struct coverage *c, struct scenarios *out);
/* The last check before a program may act: each scenario that fails becomes a finding of level error at its file and line. How many failed;
 * a program with errors is left as it is (0). [builder] */
size_t program_test(struct program *p);
/* What can be said of the scenarios without running them: each whose fields, names or words nothing knows becomes a finding of level error
 * at its file and line. How many; a program with errors is left as it is (0). [builder] */
size_t program_read_scenarios(struct program *p);
