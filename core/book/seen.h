/* The duplicates' memory of one user. Only user_*.c and duplicates.c of this room see inside. */
#pragma once
#include "book/user.h"

/* Entries lie in order of arrival, oldest first. A row's number is kept as a distance from base_seq, its hour as one from base_hour. */
struct seen {
  uint32_t count, cap;
  int64_t base_seq, base_hour;
  uint64_t *digest;
  uint32_t *seq;
  uint16_t *hour;
};
/* The row of `digest`, the newest if it was remembered twice; 0 = not there or older than SEEN_HOURS before `now_hour`. */
int64_t seen_find(const struct seen *s, uint64_t digest, int64_t now_hour);
/* Adds at the end; drops what is older than SEEN_HOURS before `hour` and the oldest beyond SEEN_MOST. False when memory failed. */
bool seen_add(struct user *u, uint64_t digest, int64_t seq, int64_t hour);
void seen_free(struct seen *s);
size_t seen_memory(const struct seen *s);
void seen_encode(const struct seen *s, struct buf *out);
bool seen_decode(struct user *u, struct unpack *in);
/* For a move to another file: rows get new numbers. `map` gives 0 for a row that is no longer there. */
bool seen_renumber(struct seen *s, int64_t (*map)(void *context, int64_t seq), void *context);
