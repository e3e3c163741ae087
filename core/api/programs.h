/* Inside api: the programs of a running engine as the main thread keeps them: what each is called, which labels point to it, and how
 * another one becomes live.
 *   programs.c        editions and labels, what the builder found
 *   programs_live.c   a change: control.db, then every volume, then the labels
 *   programs_watch.c  the way back when a new program fares badly
 *   programs_kept.c   … over a restart
 *   programs_shadow.c a candidate beside the live program
 *   programs_show.c   as JSON
 *   programs_ask.c    the handlers */
#pragma once
#include "api/api.h"
#include "program/builder.h"

enum edition_state {
  EDITION_READY,    /* good, and live nowhere */
  EDITION_LIVE,     /* … or about to be, or to stop being */
  EDITION_DRAINING, /* not live any more; somebody still holds it */
  EDITION_GONE,     /* out of memory; the store has its sources */
  EDITION_REFUSED
};
struct edition {
  struct draft *draft; /* files, findings; holds the program unless it is refused or gone */
  enum edition_state state;
  struct arena arena;
  const char *from, *author, *why; /* why: it was made live */
  const char *ended;               /* why it is not live any more, or NULL */
  const char *changed[64];         /* files that are other than in the program before; in the draft's arena */
  size_t changed_count;
  int64_t since;                  /* UTC ms: in this state */
  double live_ms;                 /* from the first look at the sources until every volume had it */
  int64_t watched_until;          /* UTC ms: live, and on probation; 0: not watched */
  struct program_health at_start; /* when that began */
};
#define EDITIONS_MOST 48

struct probation {               /* the live program's */
  int64_t fact;                  /* number of the one in control.db that began it */
  struct program_health carried; /* counted in earlier runs of the engine; nothing of its models */
  uint64_t kept;                 /* events, when the file was written last */
  int64_t kept_at;               /* monotonic ns */
  bool writing, failed;
};

struct activation {     /* one program on its way to being live */
  struct errand errand; /* first: control.db */
  struct programs *programs;
  struct edition *to;
  struct request *request; /* to be answered; NULL: nobody waits */
  struct arena arena;
  const char *author, *from, *why;
  char acted[65], plugins[65];
  struct program_health before; /* how the live one has fared until now */
  int64_t number;               /* of the fact in control.db */
  struct str fact;
  uint64_t volumes; /* that have not taken it yet, bit by volume */
  uint32_t waiting;
  bool stuck; /* said */
  struct err err;
  int64_t begun; /* monotonic ns */
  struct activation *next;
};

struct programs {
  struct api *api;
  struct library *library;
  struct program_from from;
  const char *directory;
  struct builder *builder;
  uv_loop_t *loop;
  uv_async_t news;
  uv_timer_t retry, watch;
  struct edition *editions[EDITIONS_MOST]; /* newest last */
  size_t edition_count;
  struct edition *live, *previous, *shadow;
  struct probation probation;
  struct program_health earlier;  /* how the previous one had fared in the engine's last run, while it is only a name */
  struct shadow_run *shadow_runs; /* newest first */
  struct state_of_files files;
  char acted[65];                 /* the directory's sources that stand decided */
  struct activation *activations; /* the first is under way */
  bool announced, closing;
  struct programs_figures figures;
};

/* programs.c */
struct edition *edition_add(struct programs *s, struct draft *d, const char *from,
                            const char *author);                 /* takes the draft; NULL: no memory */
struct edition *edition_of(struct programs *s, struct str name); /* a label, or the first digits of a digest; NULL: none of these here */
/* The same for whoever makes one live: of a digest's builds the newest, since another plugin may be in it than in the live one's. */
struct edition *edition_newest(struct programs *s, struct str name);
void edition_compare(struct edition *e, const struct edition *before); /* what is other in it; NULL: nothing to compare with */
void edition_discard(struct programs *s, const char *digest);          /* every edition of it that nobody needs */
void edition_state(struct edition *e, enum edition_state state);
bool edition_is_live(const struct programs *s, const struct draft *d); /* the very program that is live? */
void programs_drain(struct programs *s);                               /* lets go of what nobody needs any more */
/* programs_live.c */
struct activation *activation_new(struct programs *s, struct edition *to, const char *from, const char *author, const char *why);
void activation_submit(struct activation *c); /* takes it */
void activations_end(struct programs *s);     /* at the engine's end */
bool activations_hold(const struct programs *s, const struct edition *e);
const struct activation *activation_to(const struct programs *s, const struct edition *e);
void activations_retry(uv_timer_t *timer);
/* programs_watch.c */
/* Of the live program: when it became live, UTC ms, which may be in an earlier run of the engine; and the number of the fact. */
void watch_begin(struct programs *s, int64_t since, int64_t fact);
void programs_watch(struct programs *s); /* now and then: is the live program worse than the one before? */
/* programs_kept.c */
#define PROBATION_KEPT "probation.json"                           /* in the data directory */
struct program_health probation_counts(const struct programs *s); /* of the live program, since its probation began */
void probation_read(struct programs *s);                          /* after watch_begin of one that was on probation when the engine ended */
void probation_tick(struct programs *s);
void probation_end(struct programs *s);
/* programs_shadow.c */
void shadow_set(struct programs *s, struct edition *e, struct request *request); /* NULL: nobody any more; answers */
void shadow_end(struct programs *s);                                             /* when there is one */
void shadows_free(struct programs *s);                                           /* after the lanes */
void put_shadow(struct json_writer *w, const struct programs *s, const struct edition *e);
/* programs_show.c */
void put_edition(struct json_writer *w, const struct programs *s, const struct edition *e);
void put_findings(struct json_writer *w, const struct finding *findings, size_t count);
