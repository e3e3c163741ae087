/* A population that behaves: people who plan workouts, do or skip them, sleep, feel stress, open the application and drop out. In the
 * spirit of METHODS 15.2 (KSim-1) with the vocabulary of the default program. Its parameters were set by hand: it shows that a program
 * works from end to end, and says nothing about what interventions do to people. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

struct population;
/* `days` local days of `users` people from `start` (UTC ms) on. The same arguments give the same lines on every machine with the same time
 * zones. NULL with a sentence: memory, or a time zone is missing. [any one thread] */
struct population *population_new(uint32_t users, uint32_t days, uint64_t seed, int64_t start, struct err *e);
/* From now on each evening tells the day's steps too (daily_activity). The people's lives are the same, and so are their other events but
 * for the ids. */
void population_walk(struct population *p);
/* The next event of anybody, in order of time, as one envelope without a line end. False when all is told or memory failed. */
bool population_next(struct population *p, struct buf *json_line);
/* When the newest line is a workout_planned: the probability with which its workout is done, for one who knows everything of the person.
 * No prediction can be better. NaN for other lines. */
double population_truth(const struct population *p);
bool population_failed(const struct population *p); /* it ended for lack of memory */
void population_free(struct population *p);
