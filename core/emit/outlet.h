/* An endpoint as the courier lives with it, and who goes next; private to emit, only on the courier's thread. */
#pragma once
#include "breaker.h"
#include "http.h"
#include "parcels.h"
#include <stdatomic.h>

#define IN_FLIGHT_MOST 8 /* W5 */
#define OUTLETS_MOST   1024

struct outlet {
  char *name, *url, *ca_file; /* own copies */
  struct signing_key keys[SIGNATURES];
  size_t key_count;
  struct http_target *target;
  struct breaker breaker;
  struct bucket bucket;
  struct parcel_list queue; /* letters for this endpoint alone */
  uint32_t in_flight;
  int64_t paused_until;      /* Retry-After, monotonic ms */
  _Atomic int state;         /* breaker.state for other threads */
  struct endpoint_view view; /* under the courier's views_lock; its state is `state` */
};
struct outlets {
  struct outlet *at;
  size_t count;
  struct parcel_list any; /* letters for the first outlet whose breaker allows */
};
bool outlets_open(struct outlets *o, struct http *h, const struct endpoint *endpoints, size_t count, int64_t now, struct err *e);
void outlets_close(struct outlets *o);
/* A letter that is due joins its queue, also where all are disabled: it waits for an operator until it is too late. NULL: no such endpoint.
 */
struct parcel_list *outlets_queue_for(struct outlets *o, const struct parcel *parcel);
/* The letter to start now and where, or NULL; takes the token. Call until NULL. The parcel is still in its queue. */
struct parcel *outlets_next(struct outlets *o, int64_t now, struct outlet **outlet);
int64_t outlets_wake(struct outlets *o, int64_t now); /* milliseconds until a queued letter may start although nothing ends; −1: never */
