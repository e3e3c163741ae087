/* Duplicates: has this user's (source, id) been here within the window, and with the same body? Promises that "same" and "other" are only
 * said after the stored row was opened and compared, and a bound on memory a user (seen.c). A chain is one person's, whatever ids they had:
 * so whether a body names the one or the other makes no difference. Called by flow, and by who looks under a merged id, on the volume's
 * lane.
 */
#include "kit/clock.h"
#include "kit/json.h"
#include "seen.h"
#include "volume.h"

static uint64_t event_digest(const struct volume *v, struct str source, struct str id) {
  return hash_64_seed(id, hash_64_seed(source, v->book->event_seed));
}

static bool around_user(struct str body, struct arena *a, struct str *before, struct str *after) {
  struct json j;
  if (!json_parse(&j, a, body, &json_limits_default, NULL)) return false;
  const uint32_t at = json_get(&j, 0, "userId");
  if (at == JSON_NONE) return false;
  const struct str user = json_raw(&j, at);
  *before = (struct str){body.at, (size_t)(user.at - body.at)};
  *after = (struct str){user.at + user.len, body.len - before->len - user.len};
  return true;
}

static bool same_but_for_user(struct str one, struct str other, struct arena *a) {
  struct str before[2], after[2];
  return around_user(one, a, &before[0], &after[0]) && around_user(other, a, &before[1], &after[1]) && str_eq(before[0], before[1]) &&
         str_eq(after[0], after[1]);
}

enum duplicate volume_duplicate(struct volume *v, struct user *u, struct str source, struct str id, struct str body, int64_t now,
                                struct err *e) {
  const int64_t seq = seen_find(u->seen, event_digest(v, source, id), now / CLOCK_HOUR);
  if (!seq) return DUPLICATE_NO;
  struct arena a = {0};
  struct entry row;
  struct err why = {0};
  enum duplicate found = DUPLICATE_SAME;
  if (volume_entry(v, seq, &a, &row, NULL, &why))
    found = str_eq(row.body, body) || same_but_for_user(row.body, body, &a) ? DUPLICATE_SAME : DUPLICATE_OTHER;
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
