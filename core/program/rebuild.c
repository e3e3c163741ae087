/* rebuild: a user as of a time in the past, by walking the user's own chain of journal rows from its beginning. For "why not then" and for
 * whoever doubts a state. Applies stored rows and stored decisions; decides nothing. Rows are applied under the program that is given, so
 * the answer is what that program says of that past. Goes in pieces, so that a person with a hundred thousand events keeps nobody waiting:
 * first back along the chain, then forward. Called in the user's lane: it reads the volume, and nothing of the live user changes. */
#include "book/retention.h"
#include "kit/clock.h"
#include "program/moving.h"
#include <string.h>

struct rebuild {
  const struct program *program;
  const struct controls *controls; /* the partition's: since when an entry counts */
  int64_t until, seq;              /* seq: the next row on the way back; 0: at the beginning */
  int64_t base;                    /* of the checkpoint that stands for trimmed rows; −1: not looked for yet */
  struct buf seqs;                 /* of the rows, newest first */
  struct buf late;                 /* windows that were filled later than from the beginning, or are not yet: 8 bytes each */
  size_t left;                     /* rows that are not applied yet, once seq is 0 */
  bool counted, over;
  struct user *user;
  struct arena kept, scratch;
};

struct rebuild *rebuild_begin(const struct program *p, const struct controls *c, const struct user *now, int64_t until) {
  struct rebuild *r = kit_alloc(sizeof *r);
  if (!r) return NULL;
  *r = (struct rebuild){.program = p, .controls = c, .until = until, .seq = now->head, .base = -1, .user = user_new()};
  const char *id = arena_text(&r->kept, now->id.at, now->id.len);
  if (!r->user || !id) {
    rebuild_free(r);
    return NULL;
  }
  if (p) features_late(p->features, now, &r->late);
  r->user->id = (struct str){id, now->id.len};
  r->user->partition = now->partition;
  r->user->number = now->number;
  return r;
}

/* Where older rows were trimmed the walk begins at the checkpoint's state; moments before it cannot be told any more. */
static bool find_base(struct rebuild *r, struct volume *v, struct err *e) {
  struct trim t;
  char from[32], on[32];
  if (!volume_base(v, r->user->number, r->user, &r->base, e) || !volume_trim(v, r->user->number, &t, e)) return false;
  if (!r->base || r->user->clock <= r->until) return true;
  clock_format(r->user->clock, from);
  clock_format(t.at, on);
  return err_set(e, ERR_MISSING, "older events were trimmed on %.10s: what was then can be told from %s on", on, from);
}

static bool go_back(struct rebuild *r, struct volume *v, struct err *e) {
  struct entry row;
  if (r->base < 0 && !find_base(r, v, e)) return false;
  if (r->seq <= r->base) {
    r->seq = 0;
    return true;
  }
  if (!volume_entry(v, r->seq, &r->scratch, &row, NULL, e)) return false;
  buf_put(&r->seqs, &r->seq, sizeof r->seq);
  r->seq = row.previous;
  struct recorded rec;
  if (row.kind == ENTRY_FILLED && (!recorded_unpack(row.record, &r->scratch, &rec, e) || !features_filled_digests(rec.filled, &r->late)))
    return err_set(e, ERR_STORAGE, "row %lld of a user's chain: what it filled does not read back", (long long)row.seq);
  return (!r->seqs.failed && !r->late.failed) || err_set(e, ERR_INTERNAL, "no memory for a user's chain");
}

static bool apply_seq(struct rebuild *r, struct volume *v, int64_t seq, struct err *e) {
  struct arena *a = &r->scratch;
  struct entry row;
  struct recorded rec;
  if (!volume_entry(v, seq, a, &row, NULL, e) || !recorded_unpack(row.record, a, &rec, e)) return false;
  r->over = rec.clock > r->until;
  if (r->over) return true;
  struct str *stored = ARENA_ARRAY(a, struct str, rec.decision_count + 1);
  if (!stored) return err_set(e, ERR_INTERNAL, "no memory for a user's decisions");
  for (uint32_t i = 0; i < rec.decision_count; i++)
    if (!volume_decision(v, rec.first_decision + i, a, &stored[i], NULL, e)) return false;
  if (!program_apply(r->program, r->controls, r->user, &row, stored, rec.decision_count, a, e)) return false;
  r->user->head = seq;
  r->user->events++;
  return true;
}

/* What came later warms until the row that filled it, as it did then. */
static bool begin_late(struct rebuild *r) {
  uint64_t *late = ARENA_ARRAY(&r->kept, uint64_t, r->late.len / sizeof *late + 1);
  if (late && r->late.len) memcpy(late, r->late.at, r->late.len);
  return late && features_begin(r->program->features, r->user, late, r->late.len / sizeof *late);
}

static bool go_forward(struct rebuild *r, struct volume *v, struct err *e) {
  int64_t seq;
  if (!r->counted) r->left = r->seqs.len / sizeof seq;
  if (!r->counted && r->program && r->base <= 0 && !begin_late(r)) /* a checkpoint's state knows what it lacks */
    return err_set(e, ERR_INTERNAL, "no memory for a user's features");
  r->counted = true;
  if (r->left == 0) return true;
  memcpy(&seq, r->seqs.at + --r->left * sizeof seq, sizeof seq);
  return apply_seq(r, v, seq, e);
}

bool rebuild_step(struct rebuild *r, struct volume *v, bool (*spent)(const void *context), const void *context, bool *done, struct err *e) {
  bool ok = true;
  do {
    ok = r->seq > 0 ? go_back(r, v, e) : go_forward(r, v, e);
    arena_reset(&r->scratch);
    *done = ok && r->counted && (r->over || r->left == 0);
  } while (ok && !*done && !(spent && spent(context)));
  return ok;
}

struct user *rebuild_user(struct rebuild *r) {
  return r->user;
}

void rebuild_free(struct rebuild *r) {
  if (!r) return;
  if (r->user) r->user->id = (struct str){0};
  if (r->user) user_free(r->user);
  buf_free(&r->seqs);
  buf_free(&r->late);
  arena_free(&r->kept);
  arena_free(&r->scratch);
  kit_free(r);
}
