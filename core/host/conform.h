/* conform: what the checks of `kairos conform` share. Each check runs in a child of its own, under the jail. Private to host. */
#pragma once
#include "host.h"
#include "kairos_plugin.h"
#include "kit/rng.h"
#include "meter.h"

#define CONFORM_ROWS  64 /* the most rows of a batch */
#define CONFORM_WORDS 380

struct bench { /* one check, in its process */
  const kairos_plugin *t;
  struct meter meter;
  const struct conform_options *options;
  const char *config;
  struct str weights; /* a state's body; empty: the model answers without one */
  struct rng rng;
  struct arena arena;
  char words[CONFORM_WORDS]; /* why it failed, or why it was not tried */
  bool skipped;
};
/* One promise of the contract. True: it holds, or it was skipped. */
typedef bool conform_check(struct bench *b);
bool bench_fail(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3))); /* always false */
bool bench_skip(struct bench *b, const char *why);                                               /* always true */
int64_t bench_cpu_ms(void); /* of this process: what a busy machine does not change */

/* A model that answers: created, and with its weights. */
struct subject {
  kairos_model *model;
  const kairos_schema *in, *out;
};
bool subject_new(struct bench *b, struct subject *s);   /* created only */
bool subject_ready(struct bench *b, struct subject *s); /* with weights; false after bench_fail */
bool subject_loaded(struct bench *b, struct subject *s, struct str body, size_t piece, uint32_t version, kairos_status *status);
void subject_free(struct bench *b, struct subject *s);
bool subject_save(struct bench *b, const struct subject *s, struct buf *body, kairos_status *status);

/* What stands in a batch's inputs. */
enum filling { FILL_USUAL, FILL_MISSING, FILL_EMPTY, FILL_EXTREME, FILL_DENORMAL, FILLINGS };
struct batch {
  kairos_batch in, out;
  uint64_t *seeds;
  enum filling filling;
  struct str untouched; /* a copy of the inputs, to see whether they were changed */
};
/* Of `rows` rows. Outputs lie between canaries. */
struct batch *batch_new(struct bench *b, const struct subject *s, uint32_t rows, enum filling filling);
/* Row `from` of one batch's inputs becomes row `to` of another's. */
void batch_copy_row(struct batch *to, uint32_t to_row, const struct batch *from, uint32_t from_row);
/* Predicts. False after bench_fail: it refused, wrote outside, changed its inputs, or gave (but for extreme inputs) what is not finite or
 * outside the field's limits. `may_refuse`: then a refusal is fine, and *refused says so. */
bool batch_predict(struct bench *b, const struct subject *s, kairos_session *session, struct batch *batch, bool *refused);
uint32_t batch_answered(const struct batch *batch); /* rows whose first output is there */
/* The same answers in row `i` of one and row `j` of the other, bit for bit or within 1e-6. */
bool batch_same(struct bench *b, const char *when, const struct batch *one, uint32_t i, const struct batch *other, uint32_t j, bool exact);
bool session_new(struct bench *b, const struct subject *s, uint32_t rows, kairos_session **session);
void session_end(struct bench *b, kairos_session *session);
/* Rows to learn from, with their target: is the newest value of the first input, with noise, above 0? */
struct lesson {
  struct batch *x;
  kairos_batch y;
};
void lesson_new(struct bench *b, const struct subject *s, uint32_t rows, struct lesson *l);

/* The nine groups; each list ends with a check of no name. */
struct conform_entry {
  const char *name;
  conform_check *check;
  bool threads; /* it starts some: the jail lets it */
};
bool conform_explain(struct bench *b); /* predict/explain, a file of its own */
extern const struct conform_entry conform_life[], conform_predict[], conform_state[], conform_fault[], conform_thread[], conform_train[];
