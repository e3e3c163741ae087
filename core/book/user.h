/* A user, in a lane's memory: identity, key, profile, and four plain containers that compute and decide give meaning to (marks, series,
 * attempts, sends). Everything here but the caches at the end is a function of the user's journal rows, and is written behind as one sealed
 * blob. Belongs to one lane; no lock. */
#pragma once
#include "kit/hash.h"
#include "kit/str.h"
#include "kit/tz.h"
#include "language/value.h"
#include <stdbool.h>
#include <stdint.h>

enum consent { CONSENT_UNKNOWN = 0, CONSENT_GIVEN, CONSENT_WITHDRAWN };

/* A day of a daily series: n observations and their sum, by the user's local date. */
struct series_day {
  float sum;
  uint16_t n;
  uint16_t spare;
};
#define SERIES_MOST 1024u
#define SERIES_DAYS 36 /* the longest window, 35 days, and today */
struct series {
  uint64_t digest; /* of the definition: a changed definition is another series */
  int32_t newest;  /* civil day of the slot newest % SERIES_DAYS; days ≤ newest − SERIES_DAYS are gone */
  struct series_day days[SERIES_DAYS];
};

/* One attempt at the habit (a workout done or skipped): what patterns, streaks and habit strength are made of. */
struct attempt {
  int32_t day;         /* local civil day */
  uint16_t minute;     /* local minute of the day */
  uint8_t done;        /* 1 done, 0 skipped or missed */
  uint8_t social;      /* 0 unknown, 1 alone, 2 with somebody */
  uint16_t place;      /* hash of the location text, 0 = unknown */
  uint16_t weather;    /* hash of the weather text, 0 = unknown */
  uint16_t kind;       /* hash of the workout type, 0 = unknown */
  uint16_t completion; /* completionRate in 1/10 000, 65535 = unknown */
};
#define ATTEMPTS_MOST 128 /* the newest are kept, ordered by (day, minute, arrival) */

/* A named pair of numbers: last time and value of anything that is one number a user. Kept sorted by key. */
struct mark {
  uint64_t key; /* mark_key("cooldown", name) and the like */
  int64_t at;   /* UTC ms */
  double value;
};

/* A send, for caps, gaps, cooldowns and responses. Of more than SENDS_MOST the oldest goes first whose trigger and option were sent again
 * since (a cooldown may last years), but none of the newest SENDS_NEWEST (7 days × 12, of both ids of a merge, and what is pending). */
struct send {
  int64_t at;
  uint64_t decision;        /* decision id as a number */
  uint64_t trigger, option; /* hash_64 of their names */
  uint8_t response;         /* 0 none yet, 1 good, 2 bad, 3 other */
};
#define SENDS_MOST   96
#define SENDS_NEWEST 48

/* The events that were seen, for duplicates: keyed digests of (source, id), their rows and hours of arrival, in order of arrival. 14 bytes
 * an event; the newest SEEN_MOST of SEEN_HOURS are kept. Opaque: volume_duplicate and volume_remember are its face. */
struct seen;
#define SEEN_MOST  2048
#define SEEN_HOURS (7 * 24)

struct user {
  /* identity */
  struct hash_128 digest; /* keyed by the data directory's secret: what the users table is looked up by */
  int64_t number;         /* rowid in its volume */
  uint8_t partition;
  struct str id;
  unsigned char key[32]; /* data key */
  struct seal_cache {    /* the key that one sealer's prefix makes of it: nearly every piece of a user was sealed by the same one */
    bool known;
    unsigned char prefix[16], key[32];
  } sealed_with;
  /* chain */
  int64_t head;       /* newest journal row of this user, 0 = none */
  uint64_t events;    /* rows in the chain */
  int64_t clock;      /* newest decision clock, UTC ms: history is monotone per user */
  int64_t due;        /* next tick, UTC ms; 0 = none */
  int64_t last_event; /* decision clock of the last real (not tick) event; 0 = none */
  /* who */
  enum consent consent;
  int32_t age;           /* years; −1 unknown */
  bool minor_consent;    /* a guardian's consent flag */
  bool closed;           /* merged into somebody else: a mark says so, this only repeats it */
  struct str zone_name;  /* "" = unknown; malloc'd with the user */
  const struct tz *zone; /* NULL = unknown */
  struct str profile;    /* merged JSON object, "{}" at least; replaced whole */
  uint32_t profile_version;
  /* containers */
  struct series *series;
  uint16_t series_count;
  struct attempt *attempts;
  uint16_t attempt_count;
  struct mark *marks;
  uint16_t mark_count, mark_cap;
  struct send *sends;
  uint16_t send_count;
  struct seen *seen; /* NULL = none */
  /* caches, never stored */
  struct value *profile_values; /* decide: profile.* slots of one program; kit_alloc, freed with the user */
  uint64_t profile_stamp;       /* which program and profile_version they are of */
  int64_t first_dirty;          /* oldest row not yet in the stored state; 0 = clean */
  uint64_t wave;                /* flow: the last wave it was in */
  bool used;                    /* book: looked for since trimming passed by */
  uint32_t heap_place;          /* lane: place in the tick heap + 1; 0 = not there */
  struct user *older, *newer;   /* book: recently used list */
  struct user *next_dirty;      /* book: who is written behind after this one */
};

/* A fresh user outside any volume (tests, simulations, rebuilding): consent unknown, age unknown, profile "{}". NULL when memory failed. A
 * struct on the stack set by user_init works as well. [any one thread] */
struct user *user_new(void);
bool user_init(struct user *u);
void user_clear(struct user *u); /* frees what hangs at it and wipes the key; the struct is the caller's */
void user_free(struct user *u);  /* user_clear and the struct */

/* [lane] all of these; false or NULL only when memory failed */
uint64_t mark_key(const char *family, struct str name);
const struct mark *user_mark(const struct user *u, uint64_t key);
bool user_set_mark(struct user *u, uint64_t key, int64_t at, double value);
void user_clear_mark(struct user *u, uint64_t key);
/* The pointer lives until another series is created. */
struct series *user_series(struct user *u, uint64_t digest, bool create);
void user_clear_series(struct user *u, uint64_t digest);
/* Adds one observation to its local day; days older than the ring are ignored (true). */
bool series_add(struct series *s, int32_t day, double value);
const struct series_day *series_at(const struct series *s, int32_t day); /* NULL when outside the ring */
bool user_add_attempt(struct user *u, const struct attempt *a);          /* into its place by (day, minute); a full list drops its oldest */
bool user_add_send(struct user *u, const struct send *s);
struct send *user_send(struct user *u, uint64_t decision);
#define PROFILE_MOST 65536 /* bytes: a profile is in memory, in every stored state and in every answer about the user */
bool user_set_profile(struct user *u, struct str json_object); /* replaces; copies */
/* Merges a JSON object into the profile, top-level keys replaced, null removes; and reads zone ("timezone"), age ("demographics.age" or
 * "age") and "guardianConsent" from it when `may_identify` (scope above track); without it these keys, "demographics" and "consent" are
 * left out of the merge, so that a public write key moves none of them, and of the health flags only true is taken. Where both places of an
 * age say one, the lower one counts. Unknown zones, ages outside 0–130 and
 * what would make the profile longer than PROFILE_MOST, and longer than it is, are refused with a sentence, and then nothing was merged. */
struct err;
bool user_merge_profile(struct user *u, struct str json_object, bool may_identify, struct err *e);
/* The first key of such an object that is left out when the sender may not identify, or NULL. [any] */
const char *profile_left_out(const struct json *j, uint32_t patch);
/* Whether what is to be merged into a profile names a place's time zone that there is, or none: asked of what comes in. Merging itself
 * takes every name that has a file, for old journals hold such. The sentence begins with `pointer`. [any] */
bool profile_zone_fine(const struct json *j, uint32_t profile, const char *pointer, struct arena *a, struct err *e);
#define HEALTH_FLAGS 3
extern const char *const health_flags[HEALTH_FLAGS]; /* "ill", "injured", "pregnant" */
/* A bit for each of them that the profile does not deny; all of them when it cannot be read. `a` holds what is parsed. [lane] */
struct arena;
uint32_t user_health(const struct user *u, struct arena *a);
/* The engine's own few keys, which protect the person: whoever filled the profile to its bound cannot keep them out. */
bool user_merge_own(struct user *u, struct str json_object, struct err *e);

uint64_t user_closed_key(void);   /* of the mark that closes a user */
uint64_t user_returned_key(void); /* of the mark of somebody new under the id of somebody who was erased */

/* Codec of everything stored. Same content, same bytes. */
bool user_encode(const struct user *u, struct buf *out);
void user_encode_series(const struct series *s, struct buf *out);
struct unpack;
bool user_decode_series(struct user *u, struct unpack *in); /* false: no ring, or one that is there already */
/* Identity fields are the caller's. Any bytes are safe; on false the user is as fresh as after user_init, identity kept. */
bool user_decode(struct user *u, struct str bytes, struct err *e);
/* Asks the processor for what a row of this user will touch, a while before: the struct, then (once that is there) its containers, then
 * (once they are) the duplicates' memory. Hints only: nothing is changed. [lane] */
void user_warm(const struct user *u);
void user_warm_containers(const struct user *u);
void user_warm_seen(const struct user *u);
void user_warm_key(const struct user *u);
size_t user_memory(const struct user *u);
