/* Inside lane: what is open in one lane, and whether one more would be too much. Main thread only. */
#pragma once
#include "lane/lane.h"

struct crowd { /* submitted and not back yet */
  uint64_t jobs, items, bytes;
};
bool crowd_full(const struct crowd *c); /* no more ordinary jobs */
void crowd_enter(struct crowd *c, struct job *j);
void crowd_leave(struct crowd *c, const struct job *j);
