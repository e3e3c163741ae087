/* program: the immutable snapshot that deciding runs on: rules, interventions and models of one directory, with one arena that everything
 * in it lives and dies with, the SHA-256 of all its sources, and the sources themselves. Built on one thread, then read by all lanes. */
#pragma once
#include "compute/compute.h"
#include "decide/decide.h"
#include "emit/emit.h"
#include "language/functions.h"
#include "language/language.h"
#include "program/recorded.h"

/* How it fares since it decides, over all lanes: whoever watches over a new program compares (api). */
struct program_health {
  uint64_t events, events_refused; /* met under it; refused for their words */
  uint64_t rows, rows_failed;      /* asked of its models; without a valid answer, fallbacks or not, as far as they count (health.c) */
};
struct program {
  struct arena arena;
  unsigned char sha256[32]; /* of the manifest: "sha256 path" lines in path order */
  char digest[65], brief[17];
  const char *identity;   /* the digest; with plugins "<digest>/svr=<sha256>,…": the same sources with other code are another identity */
  bool complete;          /* plugins were opened: its models can be asked */
  struct source *sources; /* every file, sorted by path */
  size_t source_count;
  struct nouns nouns;
  struct vocabulary *vocabulary;
  struct symbols symbols;
  struct features *features;
  struct models *models;
  struct templates *templates;
  struct rules *rules;
  struct segment *segments;    /* beside nouns.segments */
  bool *naming;                /* beside nouns.functions: whose needs are being named just now */
  struct functions *functions; /* NULL: the program has none */
  struct event_plan *plan;
  const uint32_t *profile_slots; /* symbols that read the profile */
  size_t profile_count;
  struct findings findings;
  uint64_t stamp;                /* unique in this process: for users' caches */
  bool strict;                   /* a policy says so: events of types without an event noun are refused */
  struct program_health *health; /* what changes in it: counted in lanes, word by word */
  struct failing *failing;       /* whose rows its models failed for */
};
bool experiment_acts(const struct program *p, uint32_t number); /* something hangs on its figures: an end, or a rollout's next stage */
void program_note(const struct program *p, const struct program_health *more); /* [lane] */
void program_note_failed(const struct program *p, uint64_t who);               /* a row of this person's failed, who is not 0 [lane] */
struct program_health program_health(const struct program *p);                 /* a moment's view [any] */

/* Whether an event noun has the type, or the engine itself reads it whatever a program declares: then it is no slip. [any] */
bool program_declares(const struct program *p, struct str type);
bool program_takes(const struct program *p, struct str type, struct err *e); /* it does, or the program is not strict [any] */

struct served;
struct program_from {
  const char *plugin_directory; /* NULL: no plugin is opened and no model can predict: for replay, which uses what was recorded */
  const char *store_directory;  /* where opened plugins are copied to; NULL only without plugins */
  const char *plugins;          /* "svr=<sha256>,…": these copies in the store instead of the directory's files; NULL: none */
  const struct served *served;  /* of a directory: states that the live program serves in place of the files they came from; NULL: none */
};
/* Reads rules/, interventions/ and models/ below `directory` (no symbolic links, 10 MiB in all), builds and checks. Always gives a program,
 * so that its findings and sources can be shown; it may be used only when findings.errors is 0. NULL: there is no program at all, or no
 * memory. [builder] */
struct program *program_from_directory(const char *directory, const struct program_from *from, struct err *e);
/* The same of files that somebody sent; they are copied. NULL: no memory. [builder] */
struct program *program_from_upload(const struct source *sources, size_t count, const struct program_from *from, struct err *e);
struct program *program_from_store(struct book *b, const unsigned char sha256[32], const struct program_from *from, struct err *e);
/* A program's files as the store holds them, as a JSON array of {path, bytes, sha256, text}; what is no text has base64. [builder] */
bool program_show(struct book *b, struct str digest, struct buf *out, struct err *e);
bool program_list(const char *directory, struct buf *out, struct err *e); /* {"sources": […]} of a directory, the same way [main] */
/* A directory's files as the body of POST /v1/programs. A link, or a file that cannot be read, is an error. [main] */
bool program_upload(const char *directory, struct buf *out, struct err *e);
/* The control fact that makes it live, as JSON; `number` is that of control.db, 0 while it has none. False: no memory. [any] */
bool program_fact(const struct program *p, int64_t number, struct buf *out);
bool fact_numbered(struct str fact, int64_t number,
                   struct buf *out); /* any fact as the partitions get it: with control.db's number [any] */
/* Holds it to a live one: what must not change under people who are in the middle of it becomes findings. [builder] */
void program_hold_to(struct program *p, const struct program *live);
bool program_store(const struct program *p, struct book *b, struct err *e); /* every source and the manifest, by their hashes */
void program_free(struct program *p);
/* What stands behind "segment.NAME" (decide.h); nothing of a family, nor where a function says it. `program` is one. [any] */
struct behind program_behind(const void *program, struct str name);
void program_print_findings(const struct program *p, struct buf *out); /* file:line: level: text */

/* ---- values for one user and event [lane] ---- */
/* Sets the slots in `which` that come from the event, the profile, the clock, the features and the user's arms; beliefs are left alone. */
void program_fill(const struct program *p, const uint32_t *which, size_t count, const struct event *e, struct user *u, int64_t clock,
                  struct value *slots, struct arena *scratch);
/* Segments and functions are worked out from other slots, when those are filled: at once from what the event, the profile and the clock
 * say, then with the features, then with the beliefs; or everything in one step, once all else is there. `which` is ascending
 * (listening.derived). */
enum work_step { WORK_AT_ONCE, WORK_WITH_FEATURES, WORK_WITH_BELIEFS, WORK_ALL };
struct working {
  bool again;                      /* a replay: functions end as it was recorded, and nothing new is to be recorded */
  const struct recorded *recorded; /* `again`: the row's */
  const unsigned char *given;      /* by slot: 1 leaves it alone; NULL: none */
  struct recorded_belief *ends;    /* how calls ended that would end otherwise another time */
  uint32_t end_count;
};
void program_work(const struct program *p, const uint32_t *which, size_t count, enum work_step step, struct value *slots, struct working *w,
                  struct arena *scratch);
bool working_record(const struct working *w, struct recorded *r, struct arena *a); /* puts the ends beside the beliefs; false: no memory */
/* Which of the listening triggers may be true of the event: as decide_screen, but a feature is worked out only where a condition hangs on
 * it, and all of them when a trigger is left. False: none is left. */
bool program_screen(const struct program *p, const struct listening *l, const struct event *e, struct user *u, int64_t clock,
                    struct value *slots, unsigned char *maybe, uint64_t *models, struct working *w, struct arena *scratch);

/* ---- the library: programs by identity, loaded from the store when first asked for; thread-safe ---- */
/* Whoever is given a program holds it until library_release; a program that nobody holds is freed. */
struct library;
struct library *library_new(struct book *b, const struct program_from *from);
void library_free(struct library *l); /* frees every program, held or not */
/* Remembers what of the live program must not change under people, and holds another one to it: findings. False: no memory. [any] */
bool library_live(struct library *l, const struct program *p);
void library_check(struct library *l, struct program *p);
/* What of the live program stands when its directory is read again; copied into `a`. NULL: nothing. [any] */
const struct served *library_served(struct library *l, struct arena *a);
struct book *library_book(struct library *l);                            /* whose store it reads */
const struct program *library_add(struct library *l, struct program *p); /* takes p; gives the one to use (an equal one may be there) */
/* By identity, or by digest alone (then with whichever plugins are there). */
const struct program *library_get(struct library *l, struct str identity, struct err *e);
/* The same sources, with or without their models: enough to apply rows and to explain records. */
const struct program *library_plain(struct library *l, struct str identity, struct err *e);
const struct program *library_hold(struct library *l, const struct program *p); /* once more; gives p */
void library_release(struct library *l, const struct program *p);
/* Frees what nobody holds. Once it was called only it frees programs with models: lanes that let go of one do not pay for it. */
void library_tidy(struct library *l);
/* A digest that may be asked for by its first 16 digits later (control facts name the programs of the past); and that question, answered
 * as library_plain does. */
bool library_know(struct library *l, struct str digest);
const struct program *library_brief(struct library *l, struct str brief, struct err *e);
/* The one known digest that begins with these hex digits, at least 6. ERR_MISSING: none, ERR_CONFLICT: several. */
bool library_digest(struct library *l, struct str start, char digest[65], struct err *e);
uint32_t library_holders(struct library *l, const struct program *p);
size_t library_size(struct library *l); /* programs in memory */
