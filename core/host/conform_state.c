/* The groups state and train: bytes that come and go, and learning. Promises to say which promise of the contract did not hold and what
 * came instead. Called by conform.c in a jailed child. */
#include "conform.h"
#include "contract.h"
#include "kit/math.h"
#include <string.h>

/* ---- state ---- */

static bool has_state(struct bench *b) {
  if (!b->t->save) return !bench_skip(b, "it has no states");
  if (b->weights.len == 0) return !bench_skip(b, "there is no state to try: it answers without one");
  return true;
}

static bool same_body(struct bench *b, const char *when, const struct subject *s, struct str expected) {
  struct buf body = {0};
  kairos_status status;
  bool fine = subject_save(b, s, &body, &status);
  if (fine && !str_eq(buf_view(&body), expected))
    fine = bench_fail(b, "%s the state has other bytes (%zu, then %zu)", when, expected.len, body.len);
  buf_free(&body);
  return fine;
}

static bool saved_twice(struct bench *b) {
  struct subject s;
  struct buf first = {0};
  kairos_status status;
  if (!has_state(b)) return b->skipped;
  if (!subject_ready(b, &s)) return false;
  const bool fine = subject_save(b, &s, &first, &status) && same_body(b, "saved again", &s, buf_view(&first));
  buf_free(&first);
  subject_free(b, &s);
  return fine;
}

static bool loaded_in_pieces(struct bench *b) {
  static const size_t pieces[] = {1, 7, 1021, (size_t)1 << 30};
  if (!has_state(b)) return b->skipped;
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct subject s = {0};
    kairos_status status = KAIROS_FAILED;
    const bool fine = subject_loaded(b, &s, b->weights, pieces[i], b->t->state_version, &status) && status == KAIROS_OK &&
                      same_body(b, "loaded and saved", &s, b->weights);
    subject_free(b, &s);
    if (!fine) return false;
  }
  return true;
}

/* A load that is refused leaves a model that can be destroyed; one that is taken must answer without crashing. */
static bool try_body(struct bench *b, struct str body, const char *what, bool must_refuse, uint32_t version) {
  struct subject s = {0};
  kairos_status status = KAIROS_FAILED;
  if (!subject_loaded(b, &s, body, 4096, version, &status)) return false;
  if (status == KAIROS_OK && must_refuse) {
    subject_free(b, &s);
    return bench_fail(b, "load took %s", what);
  }
  if (status == KAIROS_OK) {
    kairos_session *session = NULL;
    bool refused;
    struct batch *batch = batch_new(b, &s, 7, FILL_USUAL);
    if (session_new(b, &s, 7, &session)) batch_predict(b, &s, session, batch, &refused);
    session_end(b, session);
  }
  subject_free(b, &s);
  if (atomic_load(&b->meter.used)) return bench_fail(b, "after %s %zu bytes are still held", what, atomic_load(&b->meter.used));
  b->words[0] = 0;
  return true;
}

static bool cut_off(struct bench *b) {
  if (!has_state(b)) return b->skipped;
  for (size_t i = 0; i < 64; i++)
    if (!try_body(b, (struct str){b->weights.at, b->weights.len * i / 64}, "a state that is cut off", true, b->t->state_version))
      return false;
  return try_body(b, (struct str){b->weights.at, b->weights.len - 1}, "a state without its last byte", true, b->t->state_version);
}

static bool hostile(struct bench *b) {
  const size_t size = (size_t)1 << 20;
  if (!b->t->load) return bench_skip(b, "it has no states");
  char *bytes = arena_alloc(&b->arena, size);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(rng_next(&b->rng) >> 32);
    if (!try_body(b, (struct str){bytes, size}, "a megabyte of chance", true, b->t->state_version)) return false;
  }
  const size_t length = b->weights.len < size ? b->weights.len : size;
  for (int round = 0; length && round < 200; round++) { /* one bit of a true state */
    memcpy(bytes, b->weights.at, length);
    const uint64_t at = rng_next(&b->rng) % length;
    bytes[at] = (char)(bytes[at] ^ (1 << (rng_next(&b->rng) % 8)));
    if (!try_body(b, (struct str){bytes, length}, "a state with one bit changed", false, b->t->state_version)) return false;
  }
  return true;
}

static bool newer(struct bench *b) {
  if (!has_state(b)) return b->skipped;
  return try_body(b, b->weights, "a state of a newer version", true, b->t->state_version + 1);
}

const struct conform_entry conform_state[] = {{"twice", saved_twice, false}, {"pieces", loaded_in_pieces, false},
                                              {"cut", cut_off, false},       {"hostile", hostile, false},
                                              {"newer", newer, false},       {NULL, NULL, false}};

/* ---- train ---- */

#define LESSONS   400
#define CANCEL_MS 50

static bool trains(struct bench *b) {
  return b->t->train || !bench_skip(b, "it does not train");
}

static bool learn(struct bench *b, struct subject *s, struct lesson *l) {
  kairos_error said = contract_error();
  const kairos_status status = b->t->train(s->model, &l->x->in, &l->y, &said);
  return status == KAIROS_OK || bench_fail(b, "train refused %u rows (status %d): %.200s", l->x->in.rows, (int)status, said.message);
}

/* Mean square of what is left, of the first output; rows without an answer count as the mean. NaN: it does not answer. */
static double loss_of(struct bench *b, const struct subject *s, const struct lesson *l) {
  kairos_session *session = NULL;
  double loss = 0;
  const double *y = l->y.columns[0]->data;
  bool refused = true;
  struct batch *part = batch_new(b, s, CONFORM_ROWS, FILL_USUAL);
  if (!session_new(b, s, CONFORM_ROWS, &session)) return __builtin_nan("");
  for (uint32_t from = 0; from + CONFORM_ROWS <= l->x->in.rows; from += CONFORM_ROWS) {
    for (uint32_t r = 0; r < CONFORM_ROWS; r++) batch_copy_row(part, r, l->x, from + r);
    if (!batch_predict(b, s, session, part, &refused) || refused) break;
    for (uint32_t r = 0; r < CONFORM_ROWS; r++) {
      const kairos_column *out = part->out.columns[0];
      const bool there = out->valid[(size_t)r * out->width / 64] >> ((size_t)r * out->width % 64) & 1;
      const double off = y[from + r] - (there ? ((const double *)out->data)[(size_t)r * out->width] : 0.5);
      loss += off * off;
    }
  }
  session_end(b, session);
  return refused ? __builtin_nan("") : loss / (l->x->in.rows / CONFORM_ROWS * CONFORM_ROWS);
}

static double variance_of(const struct lesson *l) {
  const double *y = l->y.columns[0]->data;
  double mean = 0;
  for (uint32_t r = 0; r < l->y.rows; r++) mean += y[r] / l->y.rows;
  return mean * (1 - mean);
}

static bool loss_falls(struct bench *b) {
  struct subject s;
  struct lesson l;
  if (!trains(b)) return b->skipped;
  if (!subject_new(b, &s)) return false;
  lesson_new(b, &s, LESSONS, &l);
  const double untrained = loss_of(b, &s, &l), before = untrained == untrained ? untrained : variance_of(&l);
  bool fine = learn(b, &s, &l);
  const double after = fine ? loss_of(b, &s, &l) : 0;
  if (fine && !(after < before * 0.999))
    fine = bench_fail(b, "a loss of %.4f before training and %.4f after it: it learnt nothing", before, after);
  subject_free(b, &s);
  return fine;
}

static bool one_seed_one_result(struct bench *b) {
  struct subject one, two;
  struct lesson l;
  struct buf first = {0};
  kairos_status status;
  if (!trains(b)) return b->skipped;
  if (!subject_new(b, &one)) return false;
  lesson_new(b, &one, LESSONS, &l);
  bool fine = learn(b, &one, &l) && subject_save(b, &one, &first, &status) && subject_new(b, &two);
  if (fine) {
    fine = learn(b, &two, &l) && same_body(b, "trained again on the same rows and seeds", &two, buf_view(&first));
    subject_free(b, &two);
  }
  buf_free(&first);
  subject_free(b, &one);
  return fine;
}

static _Atomic int64_t cancelled_at;

static bool say_cancelled(const kairos_host *host) {
  int64_t never = 0;
  (void)host;
  atomic_compare_exchange_strong(&cancelled_at, &never, bench_cpu_ms() + 1);
  return true;
}

static bool cancelled(struct bench *b) {
  struct subject s;
  struct lesson l;
  kairos_error said = contract_error();
  if (!trains(b)) return b->skipped;
  if (!subject_new(b, &s)) return false;
  lesson_new(b, &s, LESSONS, &l);
  bool (*usual)(const kairos_host *) = b->meter.host.cancelled;
  b->meter.host.cancelled = say_cancelled;
  atomic_store(&cancelled_at, 0);
  const kairos_status status = b->t->train(s.model, &l.x->in, &l.y, &said);
  const int64_t asked = atomic_load(&cancelled_at), took = asked ? bench_cpu_ms() + 1 - asked : 0;
  b->meter.host.cancelled = usual;
  bool fine = true;
  if (asked && status != KAIROS_CANCELLED && status != KAIROS_OK)
    fine = bench_fail(b, "a cancelled training ended with status %d", (int)status);
  if (fine && took > CANCEL_MS) fine = bench_fail(b, "a cancelled training went on for %lld ms", (long long)took);
  subject_free(b, &s);
  if (fine && atomic_load(&b->meter.used)) fine = bench_fail(b, "a cancelled training still holds %zu bytes", atomic_load(&b->meter.used));
  if (!fine || b->weights.len == 0) return fine;
  fine = subject_ready(b, &s) && same_body(b, "after a cancelled training", &s, b->weights);
  subject_free(b, &s);
  return fine;
}

const struct conform_entry conform_train[] = {
    {"loss", loss_falls, false}, {"seed", one_seed_one_result, false}, {"cancel", cancelled, false}, {NULL, NULL, false}};
