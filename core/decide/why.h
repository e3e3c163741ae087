/* What an explanation is made of; gathered by why.c, said by why_words.c. */
#pragma once
#include "rules_inside.h"

struct why {
  const struct why_input *input;
  struct json record, outbox;
  const struct trigger *trigger; /* NULL: the program is not known, or the decision was imported */
  struct value *slots;
  struct term *terms;
  size_t term_count;
  bool flips;
  struct change change;
};
bool why_gather(const struct why_input *in, struct arena *a, struct why *out, struct err *e);
