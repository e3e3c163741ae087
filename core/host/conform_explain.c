/* The check predict/explain: an explanation that a person is shown is of the answer that they got. Promises to say of which row and output
 * it is not: that base and contributions add up to the answer before its link, that who has no answer has no explanation, and that nothing
 * is written beside them. Called by conform.c in a jailed child. */
#include "conform.h"
#include "contract.h"
#include "kit/math.h"
#include <string.h>

#define MARK   12345.678 /* before and behind what is written */
#define MARKS  8
#define NEARLY 1e-4 /* a network of floats explains itself to about this */

struct told { /* what explain says of a batch's rows */
  const kairos_explain *x;
  const char *scale;
  double *parts, *base; /* the first of each behind its marks */
  size_t inputs, rows;
};

static double *marked(struct bench *b, size_t count) {
  double *all = ARENA_ARRAY(&b->arena, double, count + (size_t)2 * MARKS);
  for (size_t i = 0; all && i < count + (size_t)2 * MARKS; i++) all[i] = MARK;
  return all ? all + MARKS : NULL;
}

static bool keeps_marks(const double *values, size_t count) {
  for (size_t i = 0; i < MARKS; i++)
    if (values[-(ptrdiff_t)i - 1] != MARK || values[count + i] != MARK) return false;
  return true;
}

static bool is_finite_row(const struct told *t, size_t row) {
  bool all = math_finite(t->base[row]);
  for (size_t i = 0; i < t->inputs; i++) all = all && math_finite(t->parts[row * t->inputs + i]);
  return all;
}

static bool is_nan_row(const struct told *t, size_t row) {
  bool all = t->base[row] != t->base[row];
  for (size_t i = 0; i < t->inputs; i++) all = all && t->parts[row * t->inputs + i] != t->parts[row * t->inputs + i];
  return all;
}

/* On a scale of its own nobody but the plugin knows the way back to the answer. */
static bool adds_up(struct bench *b, const struct told *t, size_t row, const kairos_field *f, double answer) {
  double sum = t->base[row];
  for (size_t i = 0; i < t->inputs; i++) sum += t->parts[row * t->inputs + i];
  const bool odds = strcmp(t->scale, "log odds") == 0;
  if (!odds && strcmp(t->scale, "the output's") != 0) return true;
  const double expected = math_clamp(odds ? 1 / (1 + math_exp(-sum)) : sum, f->lo, f->hi), off = expected - answer;
  const double size = answer < 0 ? -answer : answer, bound = NEARLY * (size > 1 ? size : 1);
  if (off <= bound && off >= -bound) return true;
  return bench_fail(b,
                    "explain: base and contributions of '%s' in row %zu add up to %.6g (%s), which is an answer of %.6g; predict gave %.6g",
                    f->name, row, sum, t->scale, expected, answer);
}

static bool row_holds(struct bench *b, const struct told *t, size_t row, const kairos_field *f, const kairos_column *column) {
  const bool answered = column->valid[row / 64] >> (row % 64) & 1;
  if (!answered && !is_nan_row(t, row))
    return bench_fail(b, "explain: row %zu has no answer '%s', expected NaN as its base and contributions", row, f->name);
  if (!answered) return true;
  if (!is_finite_row(t, row)) return bench_fail(b, "explain: row %zu has an answer '%s' and no finite explanation of it", row, f->name);
  return adds_up(b, t, row, f, ((const double *)column->data)[row]);
}

static bool explains(struct bench *b, struct told *t, const struct subject *s, kairos_session *session, const struct batch *batch,
                     uint32_t output) {
  const kairos_field *f = s->out->fields[output];
  kairos_error said = contract_error();
  t->rows = batch->in.rows;
  t->inputs = s->in->count;
  t->parts = marked(b, t->rows * t->inputs);
  t->base = marked(b, t->rows);
  if (!t->parts || !t->base) return bench_fail(b, "no memory for explanations");
  const kairos_status status = t->x->explain(s->model, session, &batch->in, output, t->parts, t->base, &said);
  if (status != KAIROS_OK) return bench_fail(b, "explain refused %zu rows (status %d): %.200s", t->rows, (int)status, said.message);
  if (!keeps_marks(t->parts, t->rows * t->inputs) || !keeps_marks(t->base, t->rows))
    return bench_fail(b, "explain wrote outside its contributions or bases in a batch of %zu rows", t->rows);
  for (size_t r = 0; r < t->rows; r++)
    if (!row_holds(b, t, r, f, batch->out.columns[output])) return false;
  return true;
}

static bool explains_all(struct bench *b, struct told *t, const struct subject *s, kairos_session *session) {
  static const uint32_t sizes[] = {0, 1, 7};
  static const enum filling fillings[] = {FILL_USUAL, FILL_MISSING, FILL_EMPTY};
  t->scale = t->x->scale ? t->x->scale(s->model) : NULL;
  if (!t->scale || !t->x->method) return bench_fail(b, "explain: expected a method and a scale, both for people to read");
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (size_t k = 0; k < sizeof fillings / sizeof *fillings; k++) {
      struct batch *batch = batch_new(b, s, sizes[i], fillings[k]);
      if (!batch) return bench_fail(b, "no memory for a batch");
      if (!batch_predict(b, s, session, batch, NULL)) return false;
      for (uint32_t output = 0; output < s->out->count; output++)
        if (s->out->fields[output]->width == 1 && !explains(b, t, s, session, batch, output)) return false;
    }
  return true;
}

bool conform_explain(struct bench *b) {
  struct subject s;
  kairos_session *session = NULL;
  struct told t = {.x = b->t->extension ? b->t->extension(KAIROS_EXTENSION_EXPLAIN) : NULL};
  if (!t.x) return bench_skip(b, "it does not explain itself: the engine hides each input in turn instead");
  if (!KAIROS_HAS(kairos_explain, t.x, explain) || !t.x->explain) return bench_fail(b, "kairos.explain/1: explain is missing");
  const bool fine = subject_ready(b, &s) && session_new(b, &s, CONFORM_ROWS, &session) && explains_all(b, &t, &s, session);
  session_end(b, session);
  subject_free(b, &s);
  return fine;
}
