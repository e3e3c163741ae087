/* outbox: what a lane keeps beside a volume about its committed messages: which rows the courier has, and whether some are waiting for
 * room. A message is never lost for want of room: its row is in the volume, and the courier asks again. */
#pragma once
#include "book/book.h"
#include "emit/emit.h"
#include "kit/heap.h"
#include "kit/map.h"

#define OUTBOX_ASIDE 64 /* rows a turn */

struct outbox {
  struct volume *volume;
  struct courier *courier; /* NULL: no endpoint; rows wait until they expire */
  struct heap expiring;    /* without a courier: send_before and id of each waiting row */
  bool watched;            /* `expiring` has them all; if not, it is filled from `look_at` on */
  int64_t look_at;
  struct map held; /* ids of rows that the courier has */
  bool refused;    /* more rows wait in the volume than the courier has */
  bool hungry;     /* … and it would take some: it has said so, or was not asked yet */
  /* Says of rows that the courier is to have which were killed while they waited here; NULL: none. */
  bool (*find_killed)(void *context, struct outbox_row *rows, size_t count, struct err *e);
  void *context;
  struct {
    uint64_t id;
    bool killed;         /* or it could not be read */
  } aside[OUTBOX_ASIDE]; /* rows that the courier is not to have */
  size_t aside_count;
  uint64_t unreadable; /* rows that ended so, since the start */
};
void outbox_send(struct outbox *o, struct letter *l); /* takes the letter; after the commit [lane] */
bool outbox_results(struct outbox *o, const struct attempt_result *results, size_t count,
                    struct err *e); /* joins the turn's transaction [lane] */
bool outbox_refill(struct outbox *o,
                   struct err *e);   /* at start and when the courier is hungry: pushes waiting rows that it does not have [lane] */
void outbox_wants(struct outbox *o); /* rows wait that the courier does not have: they are pushed after the next commit [lane] */
/* Without a courier nobody else ends what is too late: ends those rows as expired, some at a time, in the turn's transaction (then
 * `wrote`). After a lost turn call outbox_forget. [lane] */
int64_t outbox_expires(const struct outbox *o); /* UTC ms: when it wants to be called; INT64_MAX: never */
bool outbox_expire(struct outbox *o, int64_t now, bool *wrote, struct err *e);
/* Ends rows that outbox_refill found killed, or damaged when they still cannot be read, in the turn's transaction (then `wrote`). [lane] */
bool outbox_set_aside(struct outbox *o, int64_t now, bool *wrote, struct err *e);
void outbox_forget(struct outbox *o);
void outbox_close(struct outbox *o);
