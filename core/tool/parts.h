/* What the parts of a combination say of the same rows; for learning its weights and for judging it. */
#pragma once
#include "report.h"
#include "stats/stats.h"

struct parts_side { /* rows of a group of people, by every part */
  uint32_t rows;
  double *columns[STACK_MOST]; /* beliefs; none where a part has no answer */
  double *outcome, *truth;
  uint64_t *user;
  bool *late; /* of the second half of the time */
};
enum { SIDE_LEARN, SIDE_TEST, PARTS_SIDES };
struct parts {
  bool learns;                 /* set it: the people that were kept from all parts are wanted too */
  const struct models *models; /* the combination's program */
  uint32_t count;
  const uint32_t *beliefs;
  const double *given; /* weights of the model's file */
  struct parts_side sides[PARTS_SIDES];
  struct arena arena;
};
/* Sees each part's table while it is there. False ends it with its sentence. */
typedef bool parts_look(void *context, uint32_t part, const struct training_table *table, struct err *e);
/* The parts' states are where their files say. `look` may be NULL. False: call parts_close all the same. [main] */
bool parts_ask(struct parts *s, const struct one_model *combination, const char *program, const char *plugins,
               const struct learning_from *from, parts_look *look, void *context, struct err *e);
void parts_close(struct parts *s);
