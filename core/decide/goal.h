/* goal: goals that a person is given, and the safeguard behind them. Private to decide; the names are RULES.md's `goal`. */
#pragma once
#include "rules_inside.h"

/* What `goal` of an intervention may be. The band: no goal is above `high`; none is lowered below `low`. */
struct goal_kind {
  const char *name, *per;
  double low, high, step; /* goals are multiples of `step` */
};
const struct goal_kind *goal_kind(struct str name);    /* NULL: none of that name [any] */
const struct goal_kind *goal_kind_at(uint32_t number); /* below GOAL_KINDS [any] */
uint64_t goal_mark(const struct goal_kind *k);         /* the user's mark that holds the goal in force and since when [any] */
/* The goal that may be given instead of the one that was proposed, or why none may be (a word of reasons.h): `usual` is what the person
 * does without one, for the first. NaN is a value that is missing. [lane] */
const char *goal_guard(const struct goal_kind *k, const struct user *u, double proposed, double usual, int64_t clock, struct arena *a,
                       struct goal_given *out);
