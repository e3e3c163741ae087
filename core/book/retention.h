/* Retention: how long what people did is kept (P5, W7). Bodies of rows go first, behind a checkpoint of the user's state; what was decided
 * of them stays longer, on what is left of its row, so that a chain always ends at the trimmed link. Control facts are never trimmed. */
#pragma once
#include "book/book.h"

struct retention {   /* ms; 0: for ever. Rows and decisions go within a sixteenth before their time, so that it is rarely done. */
  int64_t events;    /* bodies of journal rows, from their arrival */
  int64_t decisions; /* from the arrival of their row; never shorter than `events` */
  int64_t letters;   /* the bodies of messages, from their end: until then a failed one can be sent again */
};
#define RETENTION_DAY          INT64_C(86400000)
#define RETENTION_DEFAULT      ((struct retention){400 * RETENTION_DAY, 1095 * RETENTION_DAY, 30 * RETENTION_DAY})
#define RETENTION_EVENTS_LEAST 8 /* days: the duplicates' window reads rows of the last seven */
/* From days as people say them. False with a sentence. */
bool retention_from_days(struct retention *out, int64_t events, int64_t decisions, int64_t letters, struct err *e); /* [any] */

struct trimmed {
  uint64_t users, rows, decisions, letters, checkpoints; /* rows: bodies removed; checkpoints: states taken */
};

/* From here on the volume trims by itself in volume_settle: a millisecond at quiet moments, one look at everything a day. [lane] */
void volume_retain(struct volume *v, const struct retention *keep);
bool volume_retain_waits(const struct volume *v); /* a look is under way: settle again soon [lane] */
/* Everything that is due now. Takes the directory's lock; with `dry_run` only counts, beside a running engine. `out` are sums. [main] */
bool book_retain(const char *directory, const struct retention *keep, bool dry_run, void (*progress)(void *context, double share),
                 void *context, struct trimmed *out, struct err *e);

/* ---- reading what was trimmed [lane or reader] ---- */
struct trim {
  int64_t base;    /* the row whose checkpoint the kept rows stand on; 0: nothing was ever trimmed */
  int64_t cut;     /* the newest trimmed row */
  int64_t at;      /* UTC ms: when it was trimmed last */
  int64_t oldest;  /* no kept row arrived before; INT64_MIN: not known */
  int64_t decided; /* no decision of a trimmed row is older; 0: there is none */
};
/* Zeroes for a user of whom nothing was trimmed. */
bool volume_trim(struct volume *v, int64_t user, struct trim *out, struct err *e);
/* Adds the users of whom something was trimmed, and the newest arrival of a checkpoint that their kept rows stand on: what came later is
 * all there. */
bool volume_trims(struct volume *v, uint64_t *users, int64_t *whole_since, struct err *e);
/* Gives `into` the state at the user's checkpoint, identity kept, and says at which row in `*base`; 0: none, `into` is untouched. The state
 * is held against its digest. */
bool volume_base(struct volume *v, int64_t user, struct user *into, int64_t *base, struct err *e);
/* What is left of a trimmed row: place, arrival, decisions. ERR_MISSING when the row is there whole, or not at all. */
bool volume_remnant(struct volume *v, int64_t seq, struct arena *a, struct entry *out, uint64_t **decisions, struct err *e);
/* From here on volume_scan gives trimmed rows (`trimmed`) and rows behind their user's checkpoint (`settled`), too. */
void volume_scan_everything(struct volume *v);

/* A checkpoint of a user's state right after a row, as replay can derive it. */
struct checkpoint {
  int64_t user, head;
  unsigned char digest[32];
};
/* All of the volume's, by row. */
bool volume_checkpoints(struct volume *v, struct arena *a, struct checkpoint **list, size_t *count, struct err *e);
/* Of everything in a state that follows from the rows: without their numbers, the next tick and the duplicates' memory. False: no memory.
 */
bool user_digest(const struct user *u, unsigned char digest[32]);
