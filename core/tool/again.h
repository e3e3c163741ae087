/* Asking models again: what they would say today of a user as they were. For `kairos replay`. */
#pragma once
#include "flow/flow.h"

struct models_again {       /* sessions of the program that was asked last; zeroed but for the library to begin with */
  struct library *library;  /* of the programs that are asked */
  const struct program *of; /* held */
  struct sessions *sessions;
};
/* Fills `beliefs` (room for all of the program's) for the models that the moment wanted; a killed one's are missing. False: no memory.
 * [any one thread] */
bool models_ask_again(struct models_again *m, const struct belief_ask *ask, const struct controls *c, int64_t clock, struct value *beliefs,
                      struct arena *a);
void models_again_close(struct models_again *m); /* before the library */

/* A stored thing that comes out otherwise, in words. */
struct difference {
  bool found;
  char user[140], decision[32], name[140], recorded[400], derived[400];
  int64_t seq;
};
/* Names the first thing in which two records of a decision differ: what was read comes first, since the rest follows from it. Either may
 * be empty: a decision that was not made. [any] */
void difference_of_records(struct str stored, struct str derived, struct difference *out);
/* Compares what is recorded of a moment's beliefs with what the models say again; numbers may be 1e-6 apart. What a model could not say
 * when it was asked is no difference. True when all agree. */
bool difference_of_beliefs(const struct program *p, const struct recorded *r, uint64_t models, const struct value *again,
                           struct difference *out);
