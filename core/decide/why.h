/* What an explanation is made of: gathered by why.c, said in words by why_say.c (what all explanations share), why_words.c (a stored
 * decision) and why_not.c (a trigger that does not fire). */
#pragma once
#include "reasons_words.h"
#include "rules_inside.h"

/* ---- gathered ---- */
struct why_condition { /* of a trigger or an option, on the values that were read */
  const struct expression *condition;
  struct term *terms;
  size_t count;
  struct change *changes; /* the nearest one; or, of what was not true, all that would have been needed */
  size_t change_count;
};
void why_condition_read(const struct expression *x, const struct value *slots, struct arena *a, struct why_condition *out);
struct why {
  const struct why_input *input;
  struct json record, outbox;
  const struct trigger *trigger; /* NULL: the program is not known, or the decision was imported */
  struct value *slots;
  struct why_condition when;
};
bool why_sent(const struct why *y); /* so its condition's being false would have changed what was done */
/* What stood in the way besides the recorded reason, as far as the recorded figures tell, one a call as in guard.c; NULL: no more. */
const char *why_also(const struct why *y, const struct guard_figures *g, struct arena *a, struct str *detail, int *from);
bool why_figures(const struct why *y, struct guard_figures *g, struct arena *a); /* the safeguards', as the record holds them */
bool why_gather(const struct why_input *in, struct arena *a, struct why *out, struct err *e);
/* What holds the experiment, or the rollout that gated it, by its sample ratio now; NULL: nothing. */
const struct ratio_held *why_held_experiment(const struct why *y, struct arena *a);
const struct ratio_held *why_held_rollout(const struct why *y, struct arena *a);
uint32_t rules_option(const struct rules *r, struct str name); /* NO_ONE when there is none of that name */
/* The condition that a reason speaks of: not_available, not_accepted; NULL for any other. */
const struct expression *option_condition(const struct option *o, struct str reason);

/* ---- as JSON ---- */
void put_condition(struct json_writer *w, const struct why_condition *c); /* "terms", "nearest_change" into an open object */

/* ---- in words ---- */
enum word {
#define WORD(name, english, russian) W_##name,
#include "why_table.h"
#undef WORD
};
struct speaking {
  const char *const *word;
  const char *language;
  struct arena *arena;
  struct buf *out;
  const char *indent;                /* of a change */
  enum word begin;                   /* NEAREST, or POSSIBLE_IF: how the first change of several begins */
  const struct why_not_input *names; /* whom to ask what is behind a segment's name; NULL: nobody */
  bool *also; /* true: something else stands in the way already, so that the next change is needed as well; NULL: each stands by itself */
};
struct speaking speak(const char *language, struct arena *a, struct buf *out);
const char *in_words(const struct speaking *s, struct str word); /* a word of a record in the language, or itself */
const char *reason_in_words(const struct speaking *s, struct str reason);
void say_value(const struct speaking *s, const struct value *v);
void say_terms(const struct speaking *s, const struct why_condition *c, const char *indent);     /* each term */
void say_condition(const struct speaking *s, const struct why_condition *c, const char *indent); /* each term, and the nearest change */
struct speaking of_option(const struct speaking *s, bool *also); /* the same, about one option: its changes make it possible */
void say_option_condition(const struct speaking *s, const struct why_condition *c); /* the same of one option, which it stops alone */
const char *in_time(const struct speaking *s, int64_t ms);                          /* "3 d 4 h", rounded down to the second unit */
void say_rule(const struct speaking *s, const struct trigger *t);                   /* why, file, line, condition */
void say_if(const struct speaking *s, enum word what, const char *bound, const char *was); /* what would have had to be otherwise */
void say_if_reason(const struct speaking *s, const struct policy *p, struct str reason, const struct guard_figures *g);
void say_held_back(const struct speaking *s, struct str rollout, double share, struct str until);
void say_halt(const struct speaking *s, const struct rules *r, struct str rollout, struct str at, bool by_itself);
/* Who is held by a sample ratio: that revision of an experiment, or a rollout; NULL: not so. */
const struct ratio_held *held_experiment(const struct ratios_held *h, struct str name, int64_t revision);
const struct ratio_held *held_rollout(const struct ratios_held *h, struct str name);
void say_held_experiment(const struct speaking *s, const struct ratio_held *h); /* NULL: nothing */
void say_held_rollout(const struct speaking *s, const struct ratio_held *h);
void say_guard(const struct speaking *s, const struct guard_figures *g);
