/* Inside flow: what flow.c (the walk of a turn) and flow/facts.c (control facts and recovery) share. One flow belongs to one thread. */
#pragma once
#include "flow/flow.h"
#include "kit/pile.h"
#include "program/moving.h"
#include "program/places.h"

#define WAVE_MOST 64

struct step {
  struct item *item;
  struct user *user;
  uint32_t partition;
  const struct program *program;
  const struct listening *listening;
  struct recorded recorded;
  struct working working;
  struct value *slots, *beliefs;
  unsigned char *maybe;
  bool any; /* of maybe */
  uint64_t models;
  struct decision *decisions;
  struct speech speech;
  size_t count;
  bool dropped;
};
struct flow {
  struct book *book; /* NULL in replay, as is volume */
  struct volume *volume;
  struct flow_keeper keeper;
  struct places places;
  struct arena scratch; /* one wave */
  struct arena *out;    /* the walk's results */
  const struct program *sessions_of;
  struct sessions *sessions;
  uint64_t wave;
  struct step *steps;
  size_t step_count;
  struct pile letters; /* of sends, for the courier after the commit */
  struct pile due;     /* users whose next tick may have changed */
  struct flow_figures figures;
};

bool flow_recover_row(void *context, struct volume *v, struct user *user, const struct entry *row, struct err *e); /* volume_replay.row */
void flow_drop_sessions(struct flow *f); /* those of a program that no partition runs any more */
