/* Inside api: the models' lifecycle as the main thread keeps it: which states are served and beside, how they fare, and what becomes of
 * them. A state becomes another one only by another program becoming live (programs_live.c).
 *   lifecycle.c         episodes, and what is done about them
 *   lifecycle_scan.c    what was recorded of their answers, against what came
 *   lifecycle_drift.c   what they see, against what they were trained on
 *   lifecycle_kept.c    the same in a file, for the next start
 *   lifecycle_train.c   the process that trains
 *   lifecycle_change.c  another state into a program
 *   lifecycle_show.c    as JSON, and as metrics
 *   lifecycle_ask.c     the handlers */
#pragma once
#include "judge/judge.h"
#include "programs.h"

#define DIGEST_TEXT      65
#define EPISODES_MOST    32
#define ALERTS_MOST      8
#define LIFECYCLE_NAME   "lifecycle"  /* as author, and where its programs come from */
#define LIFECYCLE_FOLDER "retrain"    /* in the data directory, while a model is trained */
#define LIFECYCLE_KEPT   "drift.json" /* in the data directory */

struct drift; /* lifecycle_drift.c */
struct drift_figures {
  uint64_t rows; /* in the window */
  double score;  /* 0 to 1: the largest distance among inputs that drift; none: too little seen, or no reference */
  const char *worst;
  double prediction;
  uint32_t columns; /* that drift */
};
struct alert {
  int64_t at;
  char text[240];
};
struct seat { /* a partition's program, for one episode */
  bool there;
  uint32_t served, beside; /* beliefs */
};
struct episode { /* a served model of the live program, with what lies beside it; the same until one of its states is another */
  char name[128], state_path[400];
  struct retraining rules;
  bool declared; /* its file says `retrain` */
  struct outcome_terms terms;
  const struct outcomes *outcomes; /* in `arena`; of the program that the lifecycle holds */
  struct arena arena;
  char served[DIGEST_TEXT], beside[DIGEST_TEXT]; /* SHA-256 of the states; beside: empty when none is */
  enum model_role role;                          /* of what lies beside */
  int64_t beside_since;                          /* UTC ms, by the registry; without a line in it: since this engine saw it */
  double baseline_accuracy, baseline_loss;       /* on test people when it was trained; none: unknown */
  struct scores *scores;                         /* these three are the scan's while one is under way */
  struct seat seats[BOOK_PARTITIONS];
  int64_t next[BOOK_VOLUMES_MOST]; /* seq: up to there the journal was read for this one */
  struct score score;
  struct episode_sets { /* the adaptive prediction sets of all partitions */
    uint64_t asked, held;
    double lowest, highest; /* level */
  } sets;
  struct drift *drift;
  struct drift_figures drifting;
  struct alert alerts[ALERTS_MOST]; /* newest last */
  size_t alert_count;
  uint64_t alerts_total;
  bool said_performance, said_drift; /* once until it is well again */
  int64_t trained;                   /* UTC ms: the last attempt; 0: never */
  char wanted[200];                  /* why it should be trained again; empty: it should not */
  char last[500];                    /* what the last training said */
  bool changing;
  int64_t not_before; /* UTC ms: a step that was refused is not tried again at once */
};
struct seating { /* what one program is to the episodes */
  char digest[DIGEST_TEXT];
  bool known[EPISODES_MOST];
  struct seat seats[EPISODES_MOST];
};
struct scan { /* the journal, read in pieces on the builder's thread */
  struct errand errand;
  struct lifecycle *lifecycle;
  struct arena arena;
  struct seating last; /* of the program that a partition took last */
  uint32_t rows_most;
  bool more, running;
  uint64_t rows; /* read in all */
};
struct training_job; /* lifecycle_train.c */
struct lifecycle {
  struct api *api;
  struct programs *programs;
  const struct program *of; /* the live program that the episodes are of; held */
  struct episode *episodes[EPISODES_MOST];
  uint32_t episode_count;
  struct scan scan;
  struct training_job *job; /* one at a time; NULL: none */
  uint32_t changes;         /* under way */
  struct {
    int64_t at;    /* monotonic ns: the last look */
    uint64_t seen; /* rows that had been counted when the file was written */
    bool running, failed;
  } kept;
  uint64_t seen_events, ticks;
  int64_t begun;
  struct lifecycle_figures {
    uint64_t trainings, failures, candidates, deployed, returned, alerts;
  } figures;
};

/* lifecycle.c */
struct episode *episode_of(struct lifecycle *l, struct str name);
int64_t episode_given_up(const struct episode *e); /* UTC ms: until then outcomes are waited for, for what lies beside */
void episode_alert(struct lifecycle *l, struct episode *e, const char *format, ...) __attribute__((format(printf, 3, 4)));
void lifecycle_catch_up(struct lifecycle *l); /* with the live program, unless a piece of the journal is being read */
bool lifecycle_needs_scan(const struct lifecycle *l);
/* lifecycle_scan.c */
void scan_tick(struct lifecycle *l); /* asks the builder for the next piece when there may be one */
/* lifecycle_drift.c */
struct drift *drift_new(const struct program *p, uint32_t model); /* NULL: the state has no reference, or no memory */
void drift_free(struct drift *d);
/* Looks at the counts; true: there is a new figure. `alert` gets at most one sentence about what is out of the ordinary. */
bool drift_look(struct drift *d, const struct program *p, uint32_t model, struct drift_figures *out, char *alert, size_t size);
void drift_put(const struct drift *d, const struct program *p, uint32_t model, struct json_writer *w);
void drift_figures(const struct drift *d, const struct program *p, uint32_t model, struct drift_figures *out); /* none when too few */
uint64_t drift_seen(const struct drift *d, const struct program *p, uint32_t model);                           /* rows since `d` is there */
/* `d` goes on with what `from` had counted for an earlier program, if it is of the same inputs. The state must be the same. */
bool drift_carry(struct drift *d, const struct program *p, uint32_t model, const struct drift *from, const struct program *was,
                 uint32_t was_model);
void drift_write(const struct drift *d, const struct program *p, uint32_t model, struct json_writer *w); /* members of an open object */
bool drift_read(struct drift *d, const struct program *p, uint32_t model, const struct json *j, uint32_t at);
/* lifecycle_kept.c */
void kept_tick(struct lifecycle *l);
void kept_end(struct lifecycle *l);
void kept_read(struct lifecycle *l);
/* lifecycle_train.c */
bool training_start(struct lifecycle *l, struct episode *e, const char *author, const char *why, struct err *err);
void training_stop(struct lifecycle *l); /* at the engine's end */
void training_put(const struct lifecycle *l, const struct episode *e, struct json_writer *w);
bool training_runs(const struct lifecycle *l);
/* lifecycle_change.c */
struct change_ask {
  const char *event;  /* of the registry: "candidate" "deployed" "returned" "settled" "dropped" */
  const char *served; /* digests; beside NULL: none */
  const char *beside;
  enum model_role role;
  const char *author, *why;
  struct request *request; /* to be answered, or NULL */
  const char *file;        /* the beside state, not in the store yet; or NULL */
  struct str figures;      /* JSON object, kept with the event; or empty */
};
bool change_begin(struct lifecycle *l, struct episode *e, const struct change_ask *ask);
/* A line of the registry that changes no program: "trained", "kept", "failed", "refused". In order, on the builder's thread. */
void registry_note(struct lifecycle *l, const char *model, const char *event, const char *author, const char *why, struct str figures);
/* lifecycle_show.c */
void put_episode(struct json_writer *w, struct lifecycle *l, const struct episode *e);
void put_suspended(struct json_writer *w, struct lifecycle *l); /* models out of service that have no episode */
