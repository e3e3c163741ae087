/* api: the HTTP handlers over all of it, one table of routes. Parses what a route takes, hands work to lanes as jobs, turns their results
 * into answers. Runs on the main thread only; what needs a lane's data runs there as a job's call and comes back. */
#pragma once
#include "accept/accept.h"
#include "lane/lane.h"
#include "program/choose.h"

struct api {
  struct book *book;
  struct library *library;
  struct lanes *lanes;
  const struct program *program;    /* the live one */
  struct programs *programs;        /* and the others */
  struct lifecycle *lifecycle;      /* of its models */
  struct trials *trials;            /* what came of its rollouts */
  const struct endpoint *endpoints; /* webhooks; none: NULL, 0 */
  size_t endpoint_count;
  int64_t started_at;
  int64_t started_monotonic; /* ns: how long it runs does not hang on the time of day */
  struct door *door;
  struct aliases *aliases; /* ids that are one person; NULL before api_restore */
  struct act *acts;        /* merges, and erasures of merged people: one after the other; the first is under way */
  int64_t merges_at;       /* clock_monotonic: when merges that were left half done are looked at again */
  int64_t merge_tried;     /* the number of the last of them */
  struct str *kills;       /* names killed now, for GET /v1/kill */
  size_t kill_count;
  struct fact *tellings;    /* facts that control.db has, until every volume has them */
  struct writing *writing;  /* what is being written into control.db; NULL: nothing */
  struct writing *writings; /* … and what waits behind it, in order */
  uv_loop_t *loop;          /* the main thread's */
  uv_work_t write;
  bool writing_ended; /* the lanes are closing: nothing is written any more */
  struct api_stage *stages;
  size_t stage_count;
  struct api_ended *ended; /* experiments that have; newest first */
  int64_t halts_at;        /* clock_monotonic: when rollouts are looked at again */
  int64_t experiments_at;  /* … and experiments */
  uint32_t walks;          /* questions about whole pasts that are being answered */
  uint64_t loop_lag_ms;    /* of the main loop, by its watch */
  bool draining;
};
struct api_stage { /* where operators moved a rollout */
  char *name;
  int32_t stage;
  bool held;
  int64_t since;         /* UTC ms: when it came here; 0: nobody ever moved it */
  double holdback;       /* the share that stays out for the stage's hold; 0: none */
  int64_t anew;          /* … when it last came back from a halt; 0: never */
  char *moved_on;        /* the figures by which it came here by itself, halted or advanced; NULL: by hand, or nobody moved it */
  struct str *approvers; /* who agreed to the next step since the last one */
  size_t approver_count;
  struct rate_count failed; /* the courier's messages, as of when its stage began … */
  int64_t failed_since;     /* … which was then */
};
const struct route *api_routes(size_t *count); /* context of the handlers is the struct api */
/* Reads the control facts that are in force (kills, rollout stages) from control.db and gives the kills to the courier. Before serving.
 * [main] */
bool api_restore(struct api *a, struct err *e);
void writing_end(struct api *a); /* what is being written is written, and the volumes are told: before lanes_close [main] */
void api_close(struct api *a);
bool api_room(void *context); /* for the door: would any lane take an ordinary job? The context is the struct api. [main] */

/* ---- programs: what is live, and how another one becomes it ---- */
struct programs_options {
  struct program_from from;
  const char *directory; /* watched; NULL: none */
  struct chosen *chosen; /* what the start runs; its drafts are taken */
  uv_loop_t *loop;       /* the main thread's */
};
/* After api.book, .library and .lanes are set and the lanes run `chosen`. Starts the builder. On false call the three below all the same.
 */
bool programs_open(struct api *a, const struct programs_options *o, struct err *e);
void programs_stop(struct api *a);   /* no change begins any more: before lanes_close */
void programs_answer(struct api *a); /* whoever still waits is told: after lanes_close, before door_close */
void programs_close(struct api *a);  /* after the loop has closed what is on it, before library_free */
struct programs_figures {
  uint64_t activations, refused, returned, directory_refused, held, build_us, live_us;
};
struct programs_figures programs_figures(const struct api *a);
