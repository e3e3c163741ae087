/* reach: can conditions be met, and together? Answered by search over what their names can be, without running the program: which is how a
 * rule is found that never fires, always fires, or stands in another's way. [builder] */
#pragma once
#include "language/expression.h"

enum reach {
  REACH_NEVER,   /* proved: no values meet the goals */
  REACH_PERHAPS, /* not proved either way: arithmetic or functions are in it, or the budget is spent */
  REACH_YES      /* there are values that do; `example` names them */
};
struct goal {
  const struct expression *x;
  bool fails; /* false or unknown, instead of true */
};
struct reach_terms {
  bool known;   /* no value is missing */
  long *budget; /* of steps, each some 50 ns; counted down */
  struct arena *arena;
};
/* The expressions are of one table of symbols. `example` ("stress_level = 8, event.local_hour = 17") is written to for REACH_YES, or NULL.
 */
enum reach conditions_reach(const struct goal *goals, size_t count, const struct reach_terms *terms, struct buf *example);
/* What makes a condition that is never (or: always) true so, as the end of a sentence: `"a > 3" and "a < 2" are never true together`. */
void reach_reason(const struct expression *x, bool always, const struct reach_terms *terms, struct buf *out);
bool reach_asks_for_missing(const struct expression *x); /* known(), nil or a default stand in it */
bool reach_reads_nothing(const struct expression *x);    /* `true`, `false`: meant as they stand */
