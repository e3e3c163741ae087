/* A letter in the courier's hands, and the store of all of them; private to emit, only on the courier's thread. */
#pragma once
#include "emit.h"
#include "kit/map.h"

/* Everything that goes through the courier's mailbox starts with its kind. */
enum message_kind { MESSAGE_LETTER, MESSAGE_WITHDRAW, MESSAGE_KILL, MESSAGE_ENABLE, MESSAGE_NUDGE, MESSAGE_STOP };
struct message {
  enum message_kind kind;
};

struct outlet;
enum parcel_state {
  PARCEL_NEW,     /* in the mailbox */
  PARCEL_WAITING, /* in the heap until `due` */
  PARCEL_QUEUED,  /* due: in a queue, and in the heap until `send_before` */
  PARCEL_RUNNING, /* an attempt is on its way */
};
struct parcel_list {
  struct parcel *first, *last;
  size_t count;
};
struct parcel {
  struct message head;
  enum parcel_state state;
  int withdrawn;         /* RUNNING: enum refusal, why it was withdrawn while the attempt was on its way */
  int refused;           /* RUNNING: enum refusal, what the gate said */
  struct outlet *outlet; /* RUNNING: where to */
  uint32_t heap_at;
  struct parcel_list *queue;                /* QUEUED: which one */
  struct parcel *next, *previous;           /* in the queue */
  struct parcel *user_next, *user_previous; /* of the same user */
  struct letter letter;
  char body[];
};
struct parcel *parcel_of(struct letter *l);

#define PARCELS_REMEMBERED 65536
struct parcels {
  struct map by_id, by_user;
  struct parcel **heap; /* the earliest moment on top */
  uint32_t heap_count, heap_cap;
  size_t count;
  struct map delivered; /* ids of letters delivered lately, so that a row read again before its result was booked is not sent again */
  uint64_t *remembered; /* ring of those ids; made at the first delivery */
  uint32_t remembered_at;
};
bool parcels_hold(const struct parcels *p, uint64_t id);
bool parcels_delivered(const struct parcels *p, uint64_t id);
bool parcels_add(struct parcels *p, struct parcel *parcel); /* WAITING, in the heap; false when memory failed: nothing changed */
/* Takes it out of all structures and frees it; `delivered` says that it must be remembered. */
void parcels_end(struct parcels *p, struct parcel *parcel, bool delivered);
void parcels_wait(struct parcels *p, struct parcel *parcel);                             /* RUNNING → WAITING until letter.due */
void parcels_queue(struct parcels *p, struct parcel *parcel, struct parcel_list *queue); /* WAITING → QUEUED */
void parcels_run(struct parcels *p, struct parcel *parcel);                              /* QUEUED → RUNNING */
struct parcel *parcels_top(const struct parcels *p);                                     /* NULL: none waits */
int64_t parcel_moment(const struct parcel *parcel); /* when the heap wants to be asked about it: due, or send_before once queued */
struct parcel *parcels_of_user(const struct parcels *p, uint32_t volume, int64_t user); /* then ->user_next */
bool parcels_each(const struct parcels *p, size_t *cursor, struct parcel **parcel);     /* in no order; cursor starts at 0 */
void parcels_free(struct parcels *p);                                                   /* and all that they hold */
