/* Duplicates: has this user's (source, id) been here within the window, and with the same body? Promises that "same" and "other" are only
 * said after the stored row was opened and compared, and a bound on memory a user (seen.c). Called by flow on the volume's lane. */
#include "kit/clock.h"
#include "seen.h"
#include "volume.h"

static uint64_t event_digest(const struct volume *v, struct str source, struct str id) {
  return hash_64_seed(id, hash_64_seed(source, v->book->event_seed));
}

enum duplicate volume_duplicate(struct volume *v, struct user *u, struct str source, struct str id, struct str body, int64_t now,
                                struct err *e) {
  const int64_t seq = seen_find(u->seen, event_digest(v, source, id), now / CLOCK_HOUR);
  if (!seq) return DUPLICATE_NO;
  struct arena a = {0};
  struct entry row;
  struct err why = {0};
  enum duplicate found = DUPLICATE_SAME;
  if (volume_entry(v, seq, &a, &row, NULL, &why)) found = str_eq(row.body, body) ? DUPLICATE_SAME : DUPLICATE_OTHER;
  else if (why.kind != ERR_MISSING) {
    /* The row is there and cannot be read: nobody may be told that the event is in. */
    if (e) *e = why;
    v->failed = v->writer;
    found = DUPLICATE_FAILED;
  }
  arena_free(&a);
  return found;
}

bool volume_remember(struct volume *v, struct user *u, struct str source, struct str id, int64_t seq) {
  int64_t arrived = v->row_arrived;
  if (seq != v->row_seq) {
    struct arena a = {0};
    struct entry row;
    const bool read = volume_entry(v, seq, &a, &row, NULL, NULL);
    arrived = read ? row.arrived : clock_now();
    arena_free(&a);
  }
  return seen_add(u, event_digest(v, source, id), seq, arrived / CLOCK_HOUR);
}
