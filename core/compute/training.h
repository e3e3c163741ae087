/* Inside compute: what a model's `train` says of rows and outcomes. */
#pragma once
#include "models.h"

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
