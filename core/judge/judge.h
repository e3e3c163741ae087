/* judge: outcomes become knowledge. In this version: responses and proximal outcomes are joined to the decision they belong to, by its id.
 * Pure over the user's state; called by flow in a lane after the features have moved, live and in replay alike. */
#pragma once
#include "book/book.h"
#include "language/language.h"
#include "stats/anytime.h"

/* Joins an `intervention_response` (data.decisionId, data.response) to the user's own send. True in `*learned` when something was learned.
 * An unknown or somebody else's decision id teaches nothing and is no error: foreign ids are kept in the journal. False:
 * no memory to count a complaint. [lane] */
bool reward_join(struct user *u, const struct event *e, int64_t clock, struct arena *scratch, bool *learned);
bool response_complains(struct str word); /* what an `intervention_response` says is a complaint */
uint64_t complaint_mark(void);            /* the user's mark: at = when they complained last, value = when the time before, 0: never */

/* ---- what a served model said, against what came; and what a state beside it said of the same ---- */
/* One target event tells the oldest answer of its user that waits; one that waits longer than `within` was a no. Sums are kept by
 * partition and day and added in their order, so that they do not depend on how fast partitions are read. [any one thread] */
#define SCORES_DAYS 30
struct scores;
struct scores_terms {    /* as a model's `train` has them */
  int64_t after, within; /* ms: an outcome tells of answers given more than `after` and at most `within` before it */
  bool absent;           /* a yes is that none came: each one that comes is a no for all that wait */
  bool left_out;         /* where none came, nothing is known */
};
struct scores *scores_new(const struct scores_terms *terms); /* NULL: no memory */
void scores_free(struct scores *s);
void scores_begin(struct scores *s, uint32_t partition); /* other states answer from here on: what came before says nothing of them */
/* In order of time within a partition. `served`, `beside`: probabilities; a NaN `beside`: nobody answered beside. False: no memory. */
bool scores_answer(struct scores *s, uint32_t partition, uint64_t user, int64_t at, double served, double beside);
void scores_outcome(struct scores *s, uint32_t partition, uint64_t user, int64_t at, bool yes);
void scores_until(struct scores *s, uint32_t partition, int64_t clock); /* judges whoever waited long enough by then */
struct score {
  uint64_t rows; /* of the last SCORES_DAYS days in which there were any */
  double base_rate, accuracy, log_loss;
  /* rows that both answered, since scores_begin */
  uint64_t both, users;
  int64_t first, last; /* UTC ms: when they were answered */
  double served_accuracy, served_loss, beside_accuracy, beside_loss;
  double gain, error; /* by how much beside_loss is lower, and its standard error with each user's rows taken together */
};
void scores_sum(const struct scores *s, struct score *out);
/* The adaptive prediction sets of a partition's outcomes: the score up to which an outcome is in the set (stats: adaptive_quantile). One
 * level a partition, because only within one is the order of outcomes the journal's. */
struct score_sets {
  uint64_t asked, held;
  double level;
};
double scores_sets(const struct scores *s, uint32_t partition, struct score_sets *out);
bool scores_changed(struct scores *s); /* the stream of right and wrong answers has another mean than before (ADWIN); once */

/* ---- what came of those who were let in, or drawn into an arm, beside the others ---- */
#define EFFECT_ARMS    8
#define EFFECT_METRICS 8  /* of one rollout or experiment */
#define TRIALS_MOST    96 /* rollouts and experiments that something hangs on */
struct effects;
struct effects_terms {
  enum measure_kind kind;
  int64_t within; /* ms after the first exposure that count */
};
struct effects *effects_new(const struct effects_terms *terms); /* NULL: no memory */
void effects_free(struct effects *e);
void effects_begin(struct effects *e, uint32_t partition); /* forgets the partition's people: another stage, another revision */
/* In order of time within a partition. Only the first exposure of a user counts. False: no memory. */
bool effects_expose(struct effects *e, uint32_t partition, uint64_t user, int64_t at, uint32_t arm);
void effects_event(struct effects *e, uint32_t partition, uint64_t user, int64_t at, bool of, double number, bool over);
void effects_sum(const struct effects *e, int64_t now, struct moments out[EFFECT_ARMS]); /* of those whose time is over */
/* Nobody was drawn for 24 hours of those that it is watched: since when, UTC ms; 0: somebody was. `last` 0: nobody ever. */
int64_t draws_silent_since(int64_t last, int64_t watched, int64_t now);

/* ---- the same for each decision by itself, where people are in all arms ---- */
/* A metric per decision is what happened within its time after that decision. Decisions are weighted, as by 1/propensity; the errors are
 * those of people, since what one person does is alike. Memory grows with the people, and with the decisions whose time is not over. */
#define PROPENSITY_LEAST 0.01 /* beyond these a single decision would weigh as much as a hundred (METHODS 6.1) */
#define PROPENSITY_MOST  0.99
struct occasions;
struct occasions *occasions_new(const struct effects_terms *terms, uint32_t groups); /* NULL: no memory */
void occasions_free(struct occasions *o);
void occasions_begin(struct occasions *o, uint32_t partition); /* forgets the partition's people */
/* In order of time within a partition. False: no memory. */
struct occasion {
  uint64_t user;
  int64_t at;
  uint32_t group;
  double weight; /* above 0 */
};
bool occasions_add(struct occasions *o, uint32_t partition, const struct occasion *one);
bool occasions_again(struct occasions *o, uint32_t partition, uint64_t user, int64_t at); /* one more of somebody, in the same group */
void occasions_event(struct occasions *o, uint32_t partition, uint64_t user, int64_t at, bool of, double number, bool over);
/* Of decisions whose time is over: weighted means, and apart[g] = squared standard error of the mean of g less that of `base`. */
void occasions_sum(const struct occasions *o, int64_t now, uint32_t base, struct moments out[EFFECT_ARMS], double apart[EFFECT_ARMS]);

/* ---- whom a rollout's stage let in: who of them left, who complained ---- */
/* Everybody counts once. Rows come in order of time within a partition. [any one thread] */
struct stays;
struct stay_counts {
  uint64_t entered, left, complained;
};
struct stays *stays_new(void); /* NULL: no memory */
void stays_free(struct stays *s);
void stays_begin(struct stays *s, uint32_t partition, bool anew);     /* another stage: counts are 0; `anew`: everybody comes in again */
bool stays_enter(struct stays *s, uint32_t partition, uint64_t user); /* the first time counts. False: no memory */
void stays_sent(struct stays *s, uint32_t partition, uint64_t user, int64_t at); /* a message went out to them */
/* Once a person: by saying so, or by leaving within a day of a message that came since they came in. */
void stays_complained(struct stays *s, uint32_t partition, uint64_t user);
bool stays_consent(struct stays *s, uint32_t partition, uint64_t user, int64_t at, bool withdrawn); /* of anybody. False: no memory */
struct stay_counts stays_counts(const struct stays *s, uint32_t partition);
