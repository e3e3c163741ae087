/* Inside program: segments and functions, as names. */
#pragma once
#include "program/program.h"
#include "program/recorded.h"

struct segment {
  struct expression *when; /* NULL until somebody names it */
  bool building;
};
bool derived_prepare(struct program *p); /* before the first name is looked for */
/* For symbols.find: "segment.NAME", "segment.FAMILY", a function's name. False: no such name, or refused with a sentence in `e`. [builder]
 */
bool derived_find(struct program *p, struct str name, struct symbol *out, struct err *e);
/* The features that compute works out: all but those of functions. NULL: no memory. [builder] */
struct noun_feature *derived_others(struct program *p, size_t *count);
void derived_check(struct program *p); /* names every segment, read or not, so that each is looked at [builder] */
