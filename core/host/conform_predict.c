/* The group predict: what an engine that calls a model in the middle of a turn relies on: rows in their order, gaps answered, the same
 * bits again. Promises to say what came where; called by conform.c in a jailed child. */
#include "conform.h"

static const uint32_t sizes[] = {0, 1, 7, CONFORM_ROWS};
#define SIZES (sizeof sizes / sizeof *sizes)

static bool exact(const struct bench *b) {
  return b->t->caps & KAIROS_CAP_EXACT;
}

/* A ready model with one session, around the body of a check. */
static bool with_model(struct bench *b, bool (*body)(struct bench *b, const struct subject *s, kairos_session *session)) {
  struct subject s;
  kairos_session *session = NULL;
  const bool fine = subject_ready(b, &s) && session_new(b, &s, CONFORM_ROWS, &session) && body(b, &s, session);
  session_end(b, session);
  subject_free(b, &s);
  return fine;
}

static bool try_sizes(struct bench *b, const struct subject *s, kairos_session *session) {
  uint32_t answered = 0;
  for (size_t i = 0; i < SIZES; i++) {
    struct batch *batch = batch_new(b, s, sizes[i], FILL_USUAL);
    if (!batch_predict(b, s, session, batch, NULL)) return false;
    answered += batch_answered(batch);
  }
  return answered > 0 || bench_skip(b, "no row got an answer: give the inputs their ranges (lo, hi), or another --config");
}

static bool try_too_many(struct bench *b, const struct subject *s, kairos_session *session) {
  bool refused = false;
  if (!session) return bench_skip(b, "its predict needs no session, so no batch is too large for it");
  if (!batch_predict(b, s, session, batch_new(b, s, CONFORM_ROWS + 1, FILL_USUAL), &refused)) return false;
  return refused || bench_fail(b, "a session opened for %d rows took %d", CONFORM_ROWS, CONFORM_ROWS + 1);
}

static bool try_single(struct bench *b, const struct subject *s, kairos_session *session) {
  for (int k = 0; k < 2; k++) {
    struct batch *all = batch_new(b, s, CONFORM_ROWS, k ? FILL_MISSING : FILL_USUAL), *one = batch_new(b, s, 1, FILL_USUAL);
    if (!batch_predict(b, s, session, all, NULL)) return false;
    for (uint32_t r = 0; r < CONFORM_ROWS; r++) {
      batch_copy_row(one, 0, all, r);
      if (!batch_predict(b, s, session, one, NULL) || !batch_same(b, "in a batch and alone", all, r, one, 0, exact(b))) return false;
    }
  }
  return true;
}

static bool try_permuted(struct bench *b, const struct subject *s, kairos_session *session) {
  struct batch *all = batch_new(b, s, CONFORM_ROWS, FILL_MISSING), *other = batch_new(b, s, CONFORM_ROWS, FILL_USUAL);
  for (uint32_t r = 0; r < CONFORM_ROWS; r++) batch_copy_row(other, (r * 27 + 5) % CONFORM_ROWS, all, r);
  if (!batch_predict(b, s, session, all, NULL) || !batch_predict(b, s, session, other, NULL)) return false;
  for (uint32_t r = 0; r < CONFORM_ROWS; r++)
    if (!batch_same(b, "in another order", all, r, other, (r * 27 + 5) % CONFORM_ROWS, exact(b))) return false;
  return true;
}

static bool try_again(struct bench *b, const struct subject *s, kairos_session *session) {
  struct batch *all = batch_new(b, s, CONFORM_ROWS, FILL_USUAL), *same = batch_new(b, s, CONFORM_ROWS, FILL_USUAL);
  kairos_session *fresh = NULL;
  for (uint32_t r = 0; r < CONFORM_ROWS; r++) batch_copy_row(same, r, all, r);
  bool fine = batch_predict(b, s, session, all, NULL) && batch_predict(b, s, session, batch_new(b, s, 7, FILL_MISSING), NULL) &&
              session_new(b, s, CONFORM_ROWS, &fresh) && batch_predict(b, s, fresh, same, NULL);
  for (uint32_t r = 0; fine && r < CONFORM_ROWS; r++) fine = batch_same(b, "the same rows and seeds again", all, r, same, r, true);
  session_end(b, fresh);
  return fine;
}

static bool try_filling(struct bench *b, const struct subject *s, kairos_session *session, enum filling filling) {
  for (size_t i = 0; i < SIZES; i++) {
    bool refused;
    if (!batch_predict(b, s, session, batch_new(b, s, sizes[i], filling), &refused)) return false;
    if (refused && filling <= FILL_EMPTY)
      return bench_fail(b, "predict refused a whole batch for what is missing in it: clear the rows' validity bits");
  }
  return true;
}
static bool try_missing(struct bench *b, const struct subject *s, kairos_session *session) {
  return try_filling(b, s, session, FILL_MISSING) && try_filling(b, s, session, FILL_EMPTY);
}
static bool try_extreme(struct bench *b, const struct subject *s, kairos_session *session) {
  return try_filling(b, s, session, FILL_EXTREME) && try_filling(b, s, session, FILL_DENORMAL);
}

static bool rows(struct bench *b) {
  return with_model(b, try_sizes);
}
static bool too_many(struct bench *b) {
  return with_model(b, try_too_many);
}
static bool single(struct bench *b) {
  return with_model(b, try_single);
}
static bool permuted(struct bench *b) {
  return with_model(b, try_permuted);
}
static bool again(struct bench *b) {
  return with_model(b, try_again);
}
static bool missing(struct bench *b) {
  return with_model(b, try_missing);
}
static bool extreme(struct bench *b) {
  return with_model(b, try_extreme);
}

const struct conform_entry conform_predict[] = {
    {"rows", rows, false},   {"too_many", too_many, false}, {"single", single, false},   {"order", permuted, false},
    {"again", again, false}, {"missing", missing, false},   {"extreme", extreme, false}, {"explain", conform_explain, false},
    {NULL, NULL, false},
};
