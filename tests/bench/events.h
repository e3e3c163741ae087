/* The events that the load generator sends: workout_completed and app_interaction as apps send them, about 600 bytes, with a user, a
 * timestamp and an id of fixed width that are written in place. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define EVENT_TEMPLATES 256
#define EVENT_BYTES     1024

struct event_template {
  char text[EVENT_BYTES];
  size_t length, user_at, id_at, time_at;
};
struct events {
  struct event_template templates[EVENT_TEMPLATES];
  uint64_t made;   /* events so far: the id's second half */
  uint64_t run;    /* the id's first half: another in each run, so that no run repeats another's ids */
  uint32_t users;  /* events go round them in an order that is not theirs */
  char time[32];   /* of this second */
  int64_t time_of; /* UTC ms */
};

void events_start(struct events *e, uint32_t users, uint64_t run);
/* Writes one event at `to` (EVENT_BYTES of room) and returns its length. */
size_t events_write(struct events *e, char *to);
double events_mean_bytes(const struct events *e);
