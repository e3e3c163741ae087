/* rebuild: a user as of a time in the past, by walking the user's own chain of journal rows from its beginning. For "why not then" and for
 * whoever doubts a state. Applies stored rows and stored decisions; decides nothing. Rows are applied under the program that is given, so
 * the answer is what that program says of that past. Called in the user's lane: it reads the volume, and nothing of the live user changes.
 */
#include "program/moving.h"
#include <string.h>

/* The rows of the chain, newest first, as one buffer of seqs. */
static bool collect(struct volume *v, int64_t head, struct buf *seqs, struct err *e) {
  struct arena a = {0};
  bool ok = true;
  for (int64_t seq = head; ok && seq > 0;) {
    struct entry row;
    ok = volume_entry(v, seq, &a, &row, NULL, e);
    if (ok) buf_put(seqs, &seq, sizeof seq);
    seq = ok ? row.previous : 0;
    arena_reset(&a);
  }
  arena_free(&a);
  return ok && (!seqs->failed || err_set(e, ERR_INTERNAL, "no memory for a user's chain"));
}

static bool apply_seq(const struct program *p, struct volume *v, int64_t seq, int64_t until, struct user *then, bool *over, struct arena *a,
                      struct err *e) {
  struct entry row;
  struct recorded r;
  if (!volume_entry(v, seq, a, &row, NULL, e) || !recorded_unpack(row.record, a, &r, e)) return false;
  *over = r.clock > until;
  if (*over) return true;
  struct str *stored = ARENA_ARRAY(a, struct str, r.decision_count + 1);
  for (uint32_t i = 0; i < r.decision_count; i++)
    if (!volume_decision(v, r.first_decision + i, a, &stored[i], NULL, e)) return false;
  if (!program_apply(p, then, &row, stored, r.decision_count, a, e)) return false;
  then->head = seq;
  then->events++;
  return true;
}

bool program_rebuild(const struct program *p, struct volume *v, const struct user *now, int64_t until, struct user *then, struct err *e) {
  struct buf seqs = {0};
  struct arena a = {0};
  then->id = now->id;
  then->partition = now->partition;
  then->number = now->number;
  bool over = false, ok = collect(v, now->head, &seqs, e);
  for (size_t left = seqs.len / sizeof(int64_t); ok && !over && left > 0; left--) {
    int64_t seq;
    memcpy(&seq, seqs.at + (left - 1) * sizeof seq, sizeof seq);
    ok = apply_seq(p, v, seq, until, then, &over, &a, e);
    arena_reset(&a);
  }
  buf_free(&seqs);
  arena_free(&a);
  return ok;
}
