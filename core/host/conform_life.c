/* The groups life, fault and thread: a model's beginning and end, memory that runs out, and lanes side by side. */
#include "conform.h"
#include "contract.h"
#include <malloc.h>
#include <pthread.h>
#include <string.h>

static size_t held(const struct bench *b) {
  return atomic_load(&b->meter.used);
}

/* ---- life ---- */

static size_t heap_bytes(void) { /* what a plugin takes from malloc behind the host's back; 0 under a sanitizer */
  return mallinfo2().uordblks;
}

static bool many_lives(struct bench *b) {
  struct subject s;
  size_t before = 0;
  for (int i = 0; i < 1000; i++) {
    if (!subject_new(b, &s)) return false;
    subject_free(b, &s);
    if (held(b)) return bench_fail(b, "after destroy %zu bytes of the model are still held", held(b));
    if (i == 9) before = heap_bytes();
  }
  if (heap_bytes() > before + 65536)
    return bench_fail(b, "990 models came and went, and %zu bytes more of malloc are held", heap_bytes() - before);
  return true;
}

static bool two_models(struct bench *b) {
  struct subject one, two;
  kairos_session *session = NULL;
  if (!subject_ready(b, &one)) return false;
  bool fine = session_new(b, &one, 7, &session);
  struct batch *first = batch_new(b, &one, 7, FILL_USUAL), *again = batch_new(b, &one, 7, FILL_USUAL);
  for (uint32_t r = 0; r < 7; r++) batch_copy_row(again, r, first, r);
  fine = fine && batch_predict(b, &one, session, first, NULL) && subject_ready(b, &two);
  if (fine) subject_free(b, &two);
  fine = fine && batch_predict(b, &one, session, again, NULL);
  for (uint32_t r = 0; fine && r < 7; r++) fine = batch_same(b, "while another model came and went", first, r, again, r, true);
  session_end(b, session);
  subject_free(b, &one);
  return fine;
}

/* The engine has checked the syntax, and nothing else. */
static bool odd_configurations(struct bench *b) {
  static const char deep[] = "{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}";
  static const char *const configs[] = {"{}",
                                        "{\"inputs\":3}",
                                        "{\"inputs\":[]}",
                                        "{\"inputs\":[1,null,{}]}",
                                        "{\"inputs\":[\"\"]}",
                                        "{\"inputs\":[\"a\",\"a\"]}",
                                        "{\"inputs\":{\"a\":1}}",
                                        "{\"nobody knows this\":1e308}",
                                        "{\"a\":\"\\ud800\\u0000\"}",
                                        "{ \"inputs\" : [ \"x\" ] , \"output\" : { \"name\" : 7 } }",
                                        deep};
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    kairos_model *model = NULL;
    kairos_error said = contract_error();
    const kairos_status status = b->t->create(&b->meter.host, configs[i], &model, &said);
    if (status == KAIROS_OK && !model) return bench_fail(b, "create said that all is well with %s and gave no model", configs[i]);
    if (status != KAIROS_OK && model) return bench_fail(b, "create refused %s and gave a model all the same", configs[i]);
    if (status != KAIROS_OK && said.message[0] == 0) return bench_fail(b, "create refused %s without a sentence", configs[i]);
    if (!memchr(said.message, 0, sizeof said.message)) return bench_fail(b, "create's sentence about %s has no end", configs[i]);
    if (model) b->t->destroy(model);
    if (held(b)) return bench_fail(b, "after the configuration %s %zu bytes are still held", configs[i], held(b));
  }
  return true;
}

const struct conform_entry conform_life[] = {
    {"many", many_lives, false}, {"two", two_models, false}, {"configurations", odd_configurations, false}, {NULL, NULL, false}};

/* ---- fault ---- */

#define FAULTS_MOST 3000

/* Runs `body` with its n-th allocation failing, for every n (beyond `thinning` not quite for every one) until none is left to fail. */
static bool fail_each(struct bench *b, const char *what, int64_t thinning, kairos_status (*body)(struct bench *b)) {
  for (int64_t n = 1; n < FAULTS_MOST; n += 1 + n / thinning) {
    meter_fail(&b->meter, n);
    const kairos_status status = body(b);
    const bool struck = atomic_load(&b->meter.fail_in) <= 0;
    meter_fail(&b->meter, 0);
    if (status < KAIROS_OK || status > KAIROS_FAILED)
      return bench_fail(b, "%s with allocation %lld failing: status %d, expected one of the contract's", what, (long long)n, (int)status);
    if (held(b)) return bench_fail(b, "%s with allocation %lld failing: %zu bytes are still held", what, (long long)n, held(b));
    if (!struck) return true;
  }
  return true;
}

static kairos_status try_life(struct bench *b) {
  struct subject s = {0};
  kairos_error said = contract_error();
  kairos_status status = b->t->create(&b->meter.host, b->config, &s.model, &said);
  if (status == KAIROS_OK && b->weights.len) {
    b->t->destroy(s.model);
    s.model = NULL;
    if (subject_loaded(b, &s, b->weights, b->weights.len, b->t->state_version, &status) && status != KAIROS_OK) subject_free(b, &s);
  }
  if (status != KAIROS_OK || !s.model) return status;
  kairos_session *session = NULL;
  if (b->t->open) status = b->t->open(s.model, CONFORM_ROWS, &session, &said);
  if (status == KAIROS_OK) session_end(b, session);
  subject_free(b, &s);
  return status;
}

static bool fault_life(struct bench *b) {
  return fail_each(b, "create, load and open", 64, try_life);
}

static uint32_t lesson_rows; /* of a process that does this one check */

static kairos_status try_train(struct bench *b) {
  struct subject s;
  struct lesson l;
  kairos_error said = contract_error();
  if (!subject_new(b, &s)) return KAIROS_FAILED;
  lesson_new(b, &s, lesson_rows, &l);
  const kairos_status status = b->t->train(s.model, &l.x->in, &l.y, &said);
  subject_free(b, &s);
  return status;
}

static bool fault_train(struct bench *b) {
  if (!b->t->train) return bench_skip(b, "it does not train");
  lesson_rows = 40;
  if (try_train(b) != KAIROS_OK) lesson_rows = 400; /* too few to learn from */
  return fail_each(b, "train", 8, try_train);
}

/* After a refusal the model works as if nobody had asked. */
static bool fault_again(struct bench *b) {
  struct subject s;
  kairos_session *session = NULL;
  kairos_error said = contract_error();
  if (!subject_ready(b, &s)) return false;
  bool fine = true;
  if (b->t->open) {
    meter_fail(&b->meter, 1);
    const kairos_status status = b->t->open(s.model, 7, &session, &said);
    const bool struck = atomic_load(&b->meter.fail_in) <= 0;
    meter_fail(&b->meter, 0);
    if (struck && status == KAIROS_OK) fine = bench_fail(b, "open said that all is well though there was no memory");
    if (status == KAIROS_OK) session_end(b, session);
  }
  session = NULL;
  fine = fine && session_new(b, &s, 7, &session) && batch_predict(b, &s, session, batch_new(b, &s, 7, FILL_USUAL), NULL);
  session_end(b, session);
  subject_free(b, &s);
  return fine;
}

const struct conform_entry conform_fault[] = {
    {"memory", fault_life, false}, {"train", fault_train, false}, {"again", fault_again, false}, {NULL, NULL, false}};

/* ---- thread ---- */

#define THREADS 8
#define ROUNDS  40

struct lane {
  struct bench bench; /* a copy: words and arena are its own */
  const struct subject *subject;
  const struct batch *expected;
  pthread_t thread;
  uint32_t shift; /* each has its rows in another order */
  bool fine;
};

static void *run_lane(void *context) {
  struct lane *l = context;
  struct bench *b = &l->bench;
  kairos_session *session = NULL;
  const bool exact = b->t->caps & KAIROS_CAP_EXACT;
  l->fine = session_new(b, l->subject, CONFORM_ROWS, &session);
  struct batch *batch = batch_new(b, l->subject, CONFORM_ROWS, FILL_USUAL);
  for (uint32_t r = 0; r < CONFORM_ROWS; r++) batch_copy_row(batch, r, l->expected, (r + l->shift) % CONFORM_ROWS);
  for (int i = 0; l->fine && i < ROUNDS; i++) {
    l->fine = batch_predict(b, l->subject, session, batch, NULL);
    for (uint32_t r = 0; l->fine && r < CONFORM_ROWS; r++)
      l->fine = batch_same(b, "beside other threads", l->expected, (r + l->shift) % CONFORM_ROWS, batch, r, exact);
  }
  session_end(b, session);
  return NULL;
}

static bool sessions_together(struct bench *b) {
  struct subject s;
  kairos_session *session = NULL;
  struct lane *lanes = ARENA_ARRAY(&b->arena, struct lane, THREADS);
  if (!lanes || !subject_ready(b, &s) || !session_new(b, &s, CONFORM_ROWS, &session)) return false;
  struct batch *expected = batch_new(b, &s, CONFORM_ROWS, FILL_USUAL);
  bool fine = batch_predict(b, &s, session, expected, NULL);
  int started = 0;
  for (; fine && started < THREADS; started++) {
    struct lane *l = &lanes[started];
    *l = (struct lane){.bench = *b, .subject = &s, .expected = expected, .shift = (uint32_t)started * 7};
    l->bench.arena = (struct arena){0};
    l->bench.rng = rng_from((uint64_t)started);
    if (pthread_create(&l->thread, NULL, run_lane, l) != 0) {
      fine = bench_fail(b, "no thread could be started");
      break;
    }
  }
  for (int i = 0; i < started; i++) {
    pthread_join(lanes[i].thread, NULL);
    if (fine && !lanes[i].fine) fine = bench_fail(b, "%s", lanes[i].bench.words);
    arena_free(&lanes[i].bench.arena);
  }
  session_end(b, session);
  subject_free(b, &s);
  return fine;
}

const struct conform_entry conform_thread[] = {{"sessions", sessions_together, true}, {NULL, NULL, false}};
