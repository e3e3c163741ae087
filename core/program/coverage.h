/* What a program's scenarios met: how often each rule could act and did, and what each term of its conditions said. A term that was never
 * both true and false is one that no scenario holds to anything. Filled by scenario.c, shown by `kairos test --coverage`. */
#pragma once
#include "program/program.h"

struct term_seen {
  struct str source;
  uint64_t truths[3]; /* by enum truth */
};
struct condition_seen {
  const char *field; /* "when", "available", "accept" */
  struct term_seen *terms;
  size_t count;
};
struct rule_seen { /* of a trigger or an intervention */
  const char *noun;
  const struct declared *at;
  struct condition_seen conditions[2];
  size_t condition_count;
  uint64_t asked; /* moments in which it listened, or was weighed */
  uint64_t met;   /* … in which it was true, or eligible */
  uint64_t sent;
};
struct coverage {
  struct rule_seen *rules; /* in order of file and line */
  size_t count;
  uint32_t *triggers, *options; /* number → place in rules */
  size_t whole_rules, terms, whole_terms;
};
/* Empty, for a program without errors; lies in `a`. False: no memory. [builder] */
bool coverage_begin(const struct program *p, struct arena *a, struct coverage *out);
/* One moment: who listened, with which values, and what was decided. [builder] */
void coverage_add(struct coverage *c, const struct program *p, const struct listening *l, const struct value *slots,
                  const struct decision *decisions, size_t count, struct arena *scratch);
void coverage_end(struct coverage *c); /* counts what is whole [builder] */
/* A trigger was true and, where it has a condition, not true; an intervention was sent. [any] */
bool rule_seen_whole(const struct rule_seen *r);
bool term_seen_whole(const struct term_seen *t); /* was true and was false [any] */
