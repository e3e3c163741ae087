/* Inside api: what the handlers share. */
#pragma once
#include "api/api.h"

void api_events(struct request *r, void *context);
void api_decide(struct request *r, void *context);
void api_user_get(struct request *r, void *context);
void api_user_insights(struct request *r, void *context);
void api_user_put(struct request *r, void *context);
void api_user_delete(struct request *r, void *context);
void api_user_opt_in(struct request *r, void *context);
void api_user_opt_out(struct request *r, void *context);
void api_user_merge(struct request *r, void *context);
void api_user_why(struct request *r, void *context);
void api_user_timeline(struct request *r, void *context);
void api_user_export(struct request *r, void *context);
void api_decision(struct request *r, void *context);
void api_decision_why(struct request *r, void *context);
void api_kill_list(struct request *r, void *context);
void api_kill(struct request *r, void *context);
void api_kill_all(struct request *r, void *context);
void api_unkill(struct request *r, void *context);
void api_unkill_all(struct request *r, void *context);
void api_rollouts(struct request *r, void *context);
void api_rollout_move(struct request *r, void *context);
void api_programs(struct request *r, void *context);
void api_program(struct request *r, void *context);
void api_program_post(struct request *r, void *context);
void api_program_verb(struct request *r, void *context);
void api_program_undo(struct request *r, void *context);
void api_models(struct request *r, void *context);
void api_model(struct request *r, void *context);
void api_model_history(struct request *r, void *context);
void api_model_verb(struct request *r, void *context);
void put_models(struct buf *out, const struct api *a); /* of /metrics */
/* The models' lifecycle: opened after the programs and before anything runs, ended before the builder. [main] */
bool lifecycle_open(struct api *a, struct err *e);
void lifecycle_tick(struct api *a);  /* now and then */
void lifecycle_stop(struct api *a);  /* a training ends: before the builder does */
void lifecycle_close(struct api *a); /* after the loop has closed what is on it */
void api_nouns(struct request *r, void *context);
/* Names that are kept: each once, in their own memory. False: no memory. */
char *name_keep(struct str s); /* with a closing NUL; NULL: no memory */
bool names_have(const struct str *names, size_t count, struct str name);
bool names_add(struct str **names, size_t *count, struct str name);
void names_free(struct str *names, size_t count);
/* " (did you mean …?)", or "", for a name of which the program has no trigger, intervention, experiment, rollout or model (`kind`); NULL
 * when it has. [main] [lane] */
const char *name_meant(struct arena *a, const struct program *p, struct str kind, struct str wanted);
void put_functions(struct buf *out, const struct program *p); /* of /metrics */
void api_webhooks(struct request *r, void *context);
void api_webhooks_replay(struct request *r, void *context);
void api_webhooks_enable(struct request *r, void *context);
void api_metrics(struct request *r, void *context);
void api_livez(struct request *r, void *context);
void api_readyz(struct request *r, void *context);

bool asked_language(struct request *r, const char **language); /* ?language= or ?lang=; false: neither en nor ru, and it is answered */

/* ?clock=event, which needs the scope operate; false: it may not be asked, and it is answered */
bool asked_clock(struct request *r, bool *history);
const char *request_author(const struct request *r); /* who asks, for control.db: the key's name; lives as long as the request */
/* Of an asking's job with one item: whether its turn was lost or the item refused; then it is answered. [main] */
bool asked_refused(struct job *j);

/* Whom an id in a request means by now: a copy in the request's arena. [main] */
struct str person_meant(struct request *r, const struct api *api, struct str id);
/* The other ids of that person as a JSON array in the request's arena; empty: there are none. */
struct str person_merged(struct request *r, const struct api *api, struct str id);
uint32_t volume_for(const struct api *api, struct str user);
struct user *known_user(struct job *j, struct flow *f); /* by j->user; NULL sets j->err [lane] */

/* A job with one row about one person, not submitted; NULL with the error set. `source` says who; `past`: on that time instead of `now`, as
 * history; NULL: live. */
struct job *item_job(const struct api *api, struct str user, enum entry_kind kind, const char *type, struct str data, int64_t now,
                     const int64_t *past, struct str source, struct err *e);
void erase_in_lane(struct job *j, struct flow *f);

/* ---- what came as a profile (profile.c) ---- */
bool profile_fine(const struct json *body, struct arena *a, struct err *e); /* what the engine reads is of the kind that it reads */
/* [{field, detail}] in `a` of what neither the engine nor the program reads; empty: nothing. */
struct str profile_unread(const struct json *body, const struct program *p, struct arena *a);

/* ---- merges (merge.c) ---- */
void merges_again(struct api *api); /* ends one that was left half done, when nothing else is under way: now and then [main] */
/* Erases a person of several ids, after what is being merged now; false: it is one id, and nothing is under way about it. */
bool erase_person(struct request *r, struct api *api);
/* Withdraws consent and waiting messages under all of the person's ids; then `done`. Takes a request that has a person of several ids;
 * false: one id. */
bool opt_out_person(struct request *r, struct api *api);

/* ---- duplicates across merges (elsewhere.c) ---- */
/* Lies in the request's arena. */
struct elsewhere {
  struct api *api;
  const struct event *events; /* whom they mean is known */
  size_t count;
  void (*then)(struct elsewhere *l); /* `found` or `err` is set [main] */
  void *own;
  enum duplicate *found; /* beside the events, in the arena; NULL: nobody was to be looked for */
  struct err err;
  uint32_t waiting;
};
/* False: nothing is under way; `err` says why not, or there is nobody to be looked for. [main] */
bool elsewhere_look(struct elsewhere *l, struct arena *a);

/* What is known of the user now, into the open object of `w`. [lane] */
int64_t person_now(const struct user *u); /* as of when people are looked at [lane] */
void person_put(struct json_writer *w, struct flow *f, struct user *u, struct arena *a);

/* The attempts and the end of a send, as an object; empty when nothing was to be sent. `endpoints`: of endpoints_in_the_way, for what
 * waits; empty: nobody asks. [lane] */
struct str delivery_json(struct volume *v, uint64_t id, struct str endpoints, struct arena *a);
/* The endpoints and why each does not work, as JSON, when none does; else empty. [main] */
struct str endpoints_in_the_way(const struct api *a, struct arena *arena);

/* One job for one user's lane that runs `call` there; `answer` then runs on the main thread with job->text as the JSON, or the error is
 * answered. */
struct asking {
  struct api *api;
  struct ratios_held held; /* for an explanation */
  struct request *request;
  void (*answer)(struct asking *a, struct job *j);
  const char *language; /* of an explanation */
  struct str endpoints; /* … whether what waits can go anywhere now */
  struct str weather;   /* of insights */
  struct str date;      /* of insights */
  struct str merged;    /* the person's other ids, as JSON */
  struct str unread;    /* what of a profile nothing reads, as JSON */
  bool withdraw;        /* the job waits for the courier, as an opt-out does */
};
struct asking *asking_new(struct request *r, struct api *api); /* NULL: no memory, and the request is answered; asking_submit takes NULL */
void asking_submit(struct asking *a, uint32_t volume, struct str user, int64_t number, void (*call)(struct job *, struct flow *));
void asking_answer_json(struct asking *a, struct job *j); /* job->text as application/json, or the job's error */
/* What the request says of the trace it belongs to; NULL: nothing, or nothing that the standard allows. [main] */
const struct trace *request_trace(struct request *r);
/* Copies `b` into the job's arena as its text and frees it. [lane] */
void job_text(struct job *j, struct buf *b);

/* ---- what is written into control.db while the loop goes on (writing.c) ---- */
struct writing {
  struct writing *next;
  const char *kind; /* what it is about; NULL: nobody asks */
  struct str name;
  bool (*begin)(struct writing *w); /* its turn has come. False: it is over, and has said so. NULL: there is nothing to look at [main] */
  bool (*write)(struct writing *w, struct err *e); /* nobody else writes meanwhile, and no other thread changes what it reads [any] */
  void (*end)(struct writing *w);                  /* once, unless `begin` said no: it is durable, or `err` says why not [main] */
  struct err err;
};
/* The writing is the queue's until its end; where the engine stops that may be at once. [main] */
void writing_queue(struct api *api, struct writing *w);
bool writing_follows(const struct api *api, const char *kind, struct str name); /* does one wait behind the one that is being written? */
bool writing_waits(const struct api *api, const char *kind, struct str name);   /* … or is it that one? */

/* ---- facts ---- */
/* Into control.db, then into every volume; the answer is given once all have it, or with 503 when one does not take it: it is told again
 * until it does. */
struct fact {
  struct writing writing; /* first */
  struct api *api;
  struct request *request; /* who waits for it; NULL: nobody */
  struct fact *next;       /* of the api's, from when control.db has it */
  struct arena own;        /* without a request */
  const char *kind, *author;
  struct str name, text, answer;
  void *data;                                       /* of who made it */
  bool (*begin)(struct fact *f);                    /* as writing's: says what it is (fact_say), or that it is no more */
  void (*written)(struct fact *f, bool is_written); /* before any volume is told. NULL: nobody asks */
  int64_t number;                                   /* of control.db */
  uint64_t volumes;                                 /* bits: those that do not have it */
  uint32_t waiting;
  bool stops, replaced, stuck;
  struct err err;
};
/* In the request's arena. NULL: no memory, and the request is answered. */
struct fact *fact_new(struct request *r, struct api *api, const char *kind, struct str name);
struct fact *fact_unasked(struct api *api, const char *author, const char *kind, struct str name); /* NULL: no memory, and it is logged */
/* `more_json` like "\"stage\":1", or NULL. False: no memory; who waits is answered. */
bool fact_say(struct fact *f, const char *more_json);
struct arena *fact_arena(struct fact *f);
const char *fact_quoted(struct fact *f, struct str text); /* as JSON in the fact's arena, for `more_json`; NULL: no memory */
void fact_free(struct fact *f);                           /* one that was not queued, or whose `begin` says no; not its request */
/* Other requests are read and answered while it is written. */
void fact_queue(struct fact *f);
void facts_again(struct api *api);  /* to the volumes that did not take what nobody waits for: now and then [main] */
void facts_forget(struct api *api); /* after lanes_close: the next start has them from control.db [main] */

/* ---- kills ---- */
bool is_killed(const struct api *a, const char *kind, struct str name); /* by itself, or with all */
bool kill_restore(struct api *a, struct str name);                      /* known, nobody told yet; false: no memory */
void kill_forget(struct api *a, struct str name);
bool kills_tell(struct api *a, struct err *e); /* the courier: all that is killed */

/* ---- rollouts ---- */
bool rollout_restore(struct api *a, const struct control_fact *fact); /* a step or an approval; false: no memory, or no such fact */
void rollouts_close(struct api *a);
struct api_stage *stage_of(struct api *a, struct str name); /* NULL: no memory */
void forget_approvals(struct api_stage *s);                 /* what was agreed to is done, or no longer meant */
/* What a fact says of where a rollout is; `is_anew`: it comes back from a halt now. NULL: no memory. */
const char *stage_said(struct arena *a, const struct api_stage *s, bool is_anew);
bool rollout_agreed(const struct noun_rollout *n, const struct api_stage *s);
void stage_moved(struct api_stage *s, int64_t at, struct str figures); /* figures empty: by hand */
/* All that is known of it in its stage, and when the first one came in (UTC ms; 0: nobody). */
void rollout_figures(struct api *a, uint32_t rollout, struct api_stage *s, struct stage_figures *out, int64_t *first, struct arena *arena);
void put_stage_figures(struct json_writer *w, struct api *a, const struct noun_rollout *n, struct api_stage *s);
void rollouts_watch(struct api *a); /* once a second */
/* The experiment of the live program whose arms keep the rollout from going on by itself; NULL: none. */
const struct noun_experiment *rollout_waits_for(const struct api *a, const struct noun_rollout *n);
/* What the journal says of rollouts (trials.c): opened after the programs, closed after the loop has closed what is on it. [main] */
bool trials_open(struct api *a, struct err *e);
void trials_tick(struct api *a);   /* now and then */
void trials_wanted(struct api *a); /* somebody looks: what moves and ends nothing is counted, too, for a minute */
void trials_close(struct api *a);
/* Leaves `out` as it is while the journal was not read to its end, or as far as this stage. */
void trial_figures(const struct api *a, uint32_t rollout, const struct api_stage *s, struct stage_figures *out, int64_t *first,
                   struct arena *arena);

/* Messages that failed, of all that were delivered or failed in the stage; `first`: when somebody came in, of one that nobody moved to. Of
 * nobody while it is not known what ended before this start: then that is read. */
struct rate_count stage_messages(struct api *a, struct api_stage *s, int64_t first);
void messages_note(struct api *a); /* once a second, and when a rollout moves: how many had ended by now */

/* ---- experiments ---- */
struct api_ended { /* newest first */
  struct api_ended *next;
  char *name, *why;
  int64_t revision, at;
};
const struct api_ended *experiment_end(const struct api *a, const struct noun_experiment *n); /* NULL: this revision goes on */
void put_moments(struct json_writer *w, const struct moments *s); /* "n", "people" of decisions, "mean": into an open object */
void api_experiments(struct request *r, void *context);
void api_experiment(struct request *r, void *context);
bool experiment_is_mismatched(const struct api *a, uint32_t number); /* of the live program; its arms are not filled as they should be */
struct ratios_held ratios_held(const struct api *a, struct arena *arena); /* as of the last look; without memory none */
bool experiment_restore(struct api *a, const struct control_fact *fact);  /* false: no memory, or no such fact */
void experiments_watch(struct api *a);                                    /* once a second */
void experiments_close(struct api *a);

/* ---- questions about a whole past (walk.c) ---- */
/* Answered in pieces, so that nobody else in the lane waits for one person's long life: each turn of the lane a piece. Lies in the
 * request's arena. */
struct walk {
  struct api *api;
  struct request *request;
  struct str user;
  uint32_t volume;
  /* One piece, until walk_spent: sets `done`, or j->err. j->user is the user. [lane] */
  void (*step)(struct walk *w, struct job *j, struct flow *f);
  void (*answer)(struct walk *w); /* [main], once: `err` or what the steps gathered; then whatever it holds is given back */
  bool done;
  struct err err;
  int64_t begun; /* this piece, monotonic */
  struct buf out;
  void *own;
};
struct walk *walk_new(struct request *r, struct api *api); /* NULL: no memory, or too many at once; the request is answered [main] */
void walk_start(struct walk *w);                           /* [main] */
bool walk_spent(const struct walk *w);                     /* this turn's time is up [lane] */
