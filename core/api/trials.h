/* Inside api: what came of rollouts and experiments, as the main thread keeps it: who was reached or drawn, beside whom, and what they did
 * then. Everything follows from the journal and is read from it again after a restart.
 *   trials.c        what is watched, and the figures as of the last look
 *   experiments.c   when an experiment ends
 *   trials_scan.c   the journal, read in pieces on the builder's thread
 *   trials_past.c   how messages ended, before this start and since */
#pragma once
#include "judge/judge.h"
#include "programs.h"

#define RATIO_ALPHA 0.001 /* METHODS 7.4 */
#define STAGE_MIXED (-2)  /* the partitions are not all in one stage, or not read as far */

struct trial_part {
  int32_t stage; /* a rollout's … */
  int64_t since; /* … and since when; 0: nobody ever moved it */
  int64_t anew;  /* when it last came back from a halt; 0: never */
  int64_t until; /* a rollout's stage with a holdback: then it ends; 0: without */
  uint64_t decisions, users;
  uint64_t arms[EFFECT_ARMS]; /* an experiment's: people by their arm, or draws, whichever it randomises */
  int64_t first, last;        /* UTC ms: somebody came in, was drawn; 0: nobody yet */
};
struct trial_figures {
  bool counted; /* the journal was read to its end */
  bool rated;   /* … or as far as it can be read: `stays` is known */
  int32_t stage;
  int64_t since; /* of the first of the partitions */
  struct trial_stay {
    int32_t stage;
    int64_t since;
    struct stay_counts counts;
  } stays[BOOK_PARTITIONS];
  uint64_t decisions, users, arms[EFFECT_ARMS];
  int64_t first, last;
  struct moments samples[EFFECT_METRICS][EFFECT_ARMS];
  double apart[EFFECT_METRICS][EFFECT_ARMS]; /* per decision: squared standard error of the difference to the control arm */
};
struct trial {
  enum trial_kind { TRIAL_ROLLOUT, TRIAL_EXPERIMENT } kind;
  uint32_t number; /* of its noun */
  bool acts;       /* something moves or ends by these figures; the others are counted while somebody asks for them */
  struct trial_metric {
    uint32_t metric; /* of the noun */
    const struct measure *measure;
    int64_t within;              /* ms */
    struct effects *effects;     /* of people; or … */
    struct occasions *occasions; /* … of decisions */
    double margin;               /* of a guardrail; none: it is no guardrail */
  } metrics[EFFECT_METRICS];
  uint32_t metric_count;
  struct stays *stays; /* a rollout's */
  int64_t watched;     /* UTC ms: since when */
  bool told_ratio, told_silence;
  struct trial_part parts[BOOK_PARTITIONS];
  struct trial_figures read, shown; /* the scan's; the main thread's, as of the last piece that ended */
};
#define PAST_MOST  (2 * ROLLOUTS_MOST)
#define NOTED_MOST 64
struct trials_past {    /* messages that ended, before this start and since; trials_past.c */
  struct errand errand; /* first */
  struct trials *trials;
  struct past_ends {
    int64_t since; /* UTC ms: from when on */
    bool wanted;   /* by the pass that is under way */
    bool is_known, partial;
    struct rate_count sum, known; /* failed, of all that were delivered or failed */
  } ends[PAST_MOST];
  uint32_t count, next;
  uint32_t volume; /* how far the pass is */
  uint64_t after;
  bool reading, running, wrong; /* a pass is under way; a piece of it is; something could not be read */
  int64_t again_at;             /* monotonic */
  struct noted_messages {
    int64_t at; /* UTC ms */
    struct rate_count ended;
  } noted[NOTED_MOST]; /* of about a minute */
  uint32_t noted_next;
};
struct trials {
  struct api *api;
  struct programs *programs;
  const struct program *of; /* the live program that the trials are of; held */
  struct trial *trials;
  uint32_t count;
  char *signature;    /* what is measured: as long as it stays, what was read goes on counting */
  struct arena arena; /* the measures' */
  struct trials_scan {
    struct errand errand;
    struct trials *trials;
    struct arena arena;
    int64_t next[BOOK_VOLUMES_MOST]; /* seq */
    struct trials_program {          /* of a partition, as of the last row that was read */
      char identity[65];
      const struct program *program; /* held, once it was asked for; only where a rollout gates a model */
    } programs[BOOK_PARTITIONS];
    bool more, running;
    bool readable; /* what can be read was read to its end */
    bool failed;   /* the journal could not be read: said once, until it is well */
  } scan;
  struct trials_past past;
  int64_t looked_at; /* monotonic */
  int64_t asked_at;  /* monotonic: somebody wanted to see figures; 0: nobody ever did */
};
struct trial *trial_of(const struct api *a, enum trial_kind kind, uint32_t number); /* of the live program; or NULL */
/* An experiment's arms are not filled as their weights say (METHODS 7.4): no effect of it can be trusted. */
bool trial_is_mismatched(const struct trial *one, const struct noun_experiment *n, double *p);
int64_t trial_silent_since(const struct trial *one, int64_t now); /* as draws_silent_since */
/* The arm less the control arm, on that metric. */
struct bounded trial_difference(const struct trial *one, uint32_t metric, uint32_t control, uint32_t arm, double alpha);
void past_tick(struct trials *t);          /* now and then */
void trials_scan_ask(struct trials *t);    /* trials_scan.c: the next piece, from the builder */
void trials_scan_forget(struct trials *t); /* lets go of the programs that it holds: while none runs */
