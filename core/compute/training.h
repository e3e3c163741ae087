/* Inside compute: what a model's `train` says of rows and outcomes. */
#pragma once
#include "models.h"

struct view;
#define GROUPINGS_MOST 32
struct grouping {
  const char *by;
  const char *field; /* of the profile; NULL: a feature */
  uint32_t feature;
  struct str names[GROUPINGS_MOST];
  uint32_t count;
  bool too_many; /* values to be groups */
};
bool grouping_read(struct grouping *g, const struct features *f, const char *by, struct err *e);   /* `by` is borrowed */
uint32_t grouping_of(struct grouping *g, struct view *v, struct value *slots, struct arena *keep); /* GROUP_NONE: nobody knows */

struct training_rule {
  struct str on, target;
  int64_t after, within;          /* ms: a target answers a row that was taken more than `after` and at most `within` before it */
  bool absent;                    /* the outcome is that none came */
  bool left_out;                  /* a row that nothing answered is left out; else it is a no */
  struct expression *where, *yes; /* over the target event: does it answer, and is the answer a yes; NULL: always */
  struct symbols fields;
  struct event_plan *plan;
  int64_t smooth; /* 0: the outcome itself is learned */
  int64_t step;   /* 0: as it is judged; else what is learned is whether the silence began within so long (a hazard's person-step) */
  uint32_t rows_most;
  bool calibrates, isotonic;
};
/* From the model's file; what it says wrong is refused with the field. */
bool training_rule_read(struct training_rule *r, const struct model *m, const struct features *f, struct arena *a, struct err *e);
/* A target event: does it answer at all, and what? */
bool training_rule_answer(const struct training_rule *r, const struct event *e, struct arena *scratch, bool *yes);
