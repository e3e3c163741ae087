/* The open data directory, seen from inside this room. */
#pragma once
#include "beside.h"
#include "book/book.h"
#include "packer.h"
#include "seal.h"
#include <pthread.h>
#include <sqlite3.h>

#define BOOK_PATH 600 /* bytes of a path below the directory, with its NUL */

/* What the file `layout` says. Everything about where things lie is there, so replacing that one file is what switches a move. */
struct layout {
  uint32_t format;
  uint32_t generation; /* counts moves; part of the volumes' file names */
  uint32_t volumes;
  unsigned char secret[SEAL_KEY];     /* for user digests and event ids; from format 2 on with the master key's (book.secret) */
  unsigned char key_check[16];        /* recognises the master key */
  unsigned char dictionary[32];       /* SHA-256 of the packing dictionary in the store */
  uint8_t volume_of[BOOK_PARTITIONS]; /* partition → volume */
};
bool layout_read(const char *directory, struct layout *out, struct err *e);
bool layout_write(const char *directory, const struct layout *l, struct err *e);
/* The file `origin`: a new one, or what it holds; 0 when there is none, as an older engine left it. */
bool origin_draw(const char *directory, struct err *e);
bool origin_read(const char *directory, uint64_t *out, struct err *e);
/* Whether all is there that must be: before control.db is opened; with it open (NULL: there is none); both, where nobody opens it. */
bool whole_control(const char *directory, const struct layout *l, struct err *e);
bool whole_volumes(const char *directory, const struct layout *l, sqlite3 *control, struct err *e);
bool whole_store(const char *directory, const struct layout *l, sqlite3 *control, struct err *e); /* the dictionary, programs that ran */
bool whole_directory(const char *directory, const struct layout *l, struct err *e);
/* Spreads partitions over volumes in order. */
void layout_spread(struct layout *l, uint32_t volumes);

struct book {
  char directory[512];
  bool writer;
  int lock; /* descriptor of kairos.lock; −1 for readers */
  struct layout layout;
  uint64_t origin;
  unsigned char wrap_key[SEAL_KEY];    /* wraps users' data keys */
  unsigned char secret[SEAL_KEY];      /* for user digests and event ids: with a backup alone nobody can try who is in it */
  unsigned char control_key[SEAL_KEY]; /* seals control facts in journals */
  uint64_t event_seed;                 /* for digests of (source, event id) */
  struct dictionary dictionary;
  pthread_mutex_t control_lock; /* erasures come from lanes, kills from a thread of their own */
  sqlite3 *control;
  sqlite3 *keys;         /* a writer's second connection to control.db, for control_keys alone: it never waits for a sync */
  uint32_t control_log;  /* facts in its log since the last checkpoint */
  bool merge_forgotten;  /* under control_lock: the log may still hold it */
  struct beside *beside; /* NULL: volumes checkpoint in their own threads */
};

void book_file(const char *directory, const char *name, char path[BOOK_PATH]);
void book_volume_name(const struct layout *l, uint32_t volume, char name[64]);
void book_volume_path(const struct book *b, uint32_t volume, char path[BOOK_PATH]);
uint32_t partition_of(struct str user); /* for ever */
bool master_key_read(const char *path, unsigned char key[SEAL_KEY], struct err *e);
void master_key_check(const unsigned char key[SEAL_KEY], unsigned char check[16]);
/* Takes `kairos.lock`; −1 with ERR_CONFLICT and the holder's process number. */
int directory_lock(const char *directory, struct err *e);
/* Opens with a master key from elsewhere (restore); book_open reads the directory's own. Takes over `lock` (−1 = reader). */
struct book *book_open_with(const char *directory, int lock, const unsigned char master[SEAL_KEY], struct err *e);

/* The store, from inside. Is it the name of something kept: the SHA-256 of its bytes, with .so behind it of a plugin's copy? What has
 * another name is a write under way. */
bool store_keeps(const char *name, bool *plugin);
bool store_read(const char *store, const char *name, struct buf *out, struct err *e); /* such a name; verifies the hash */

/* control.db, from inside */
bool control_open(struct book *b, struct err *e);
void control_close(struct book *b);
struct erasure {
  unsigned char mark[16]; /* made from the destroyed data key, one way */
  struct hash_128 digest; /* the user's keyed digest */
};
void erasure_of(const struct user *u, struct erasure *out);
/* One durable transaction; `work` is called with the lock held. */
bool control_transaction(struct book *b, bool (*work)(struct book *b, void *context, struct err *e), void *context, struct err *e);
struct control_fact;
bool control_insert_fact(struct book *b, struct control_fact *f, struct err *e); /* within one; sets the number */
/* merges, from inside: of an erased user no word stays (within a transaction); after a restore nobody knows which of them the volumes have.
 */
void control_empty_log(struct book *b); /* when a merge was forgotten: its sealed ids must not stay in the log */
bool control_forget_merge(struct book *b, const unsigned char mark[16], struct err *e);
bool control_doubt_merges(struct book *b, struct err *e);
bool control_add_erasure(struct book *b, const struct erasure *erasure, struct err *e);
bool control_erasures(struct book *b, bool (*each)(void *context, const struct erasure *erasure), void *context, struct err *e);
