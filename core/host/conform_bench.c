/* The bench of `kairos conform`: models, batches and lessons for the checks to work with. Promises inputs that are a function of the seed,
 * outputs that lie between canaries, and a sentence for whatever a plugin does to them. Lives in the checks' child; what it takes from its
 * arena is given back when the child ends. */
#include "conform.h"
#include "contract.h"
#include "kit/math.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define CANARY      0xC5
#define CANARY_SIZE 64

bool bench_fail(struct bench *b, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(b->words, sizeof b->words, format, list);
  va_end(list);
  return false;
}

bool bench_skip(struct bench *b, const char *why) {
  snprintf(b->words, sizeof b->words, "%s", why);
  b->skipped = true;
  return true;
}

int64_t bench_cpu_ms(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

/* ---- models ---- */

bool subject_new(struct bench *b, struct subject *s) {
  kairos_error said = contract_error();
  struct err e = {0};
  *s = (struct subject){0};
  const kairos_status status = b->t->create(&b->meter.host, b->config, &s->model, &said);
  if (status != KAIROS_OK)
    return bench_fail(b, "create refused the configuration %s (status %d): %.200s", b->config, (int)status, said.message);
  if (!s->model) return bench_fail(b, "create said that all is well and gave no model");
  if (contract_of_model("the model", b->t, s->model, &s->in, &s->out, &e)) return true;
  return bench_fail(b, "%s", e.text);
}

void subject_free(struct bench *b, struct subject *s) {
  if (s->model) b->t->destroy(s->model);
  s->model = NULL;
}

struct pieces {
  struct str left;
  size_t piece;
};

static size_t read_piece(const kairos_reader *reader, void *to, size_t n) {
  struct pieces *p = reader->context;
  if (n > p->piece) n = p->piece;
  if (n > p->left.len) n = p->left.len;
  if (n) memcpy(to, p->left.at, n);
  p->left = (struct str){p->left.at + n, p->left.len - n};
  return n;
}

bool subject_loaded(struct bench *b, struct subject *s, struct str body, size_t piece, uint32_t version, kairos_status *status) {
  if (!subject_new(b, s)) return false;
  struct pieces pieces = {body, piece};
  const kairos_reader reader = {.size = sizeof reader, .context = &pieces, .length = body.len, .read = read_piece};
  kairos_error said = contract_error();
  *status = b->t->load(s->model, &reader, version, &said);
  if (*status != KAIROS_OK) bench_fail(b, "load refused (status %d): %.200s", (int)*status, said.message);
  else if (pieces.left.len) bench_fail(b, "load left %zu bytes of the state unread", pieces.left.len), *status = KAIROS_BAD_STATE;
  return true;
}

bool subject_ready(struct bench *b, struct subject *s) {
  kairos_status status;
  if (b->weights.len == 0) return subject_new(b, s);
  return subject_loaded(b, s, b->weights, b->weights.len, b->t->state_version, &status) && status == KAIROS_OK;
}

static bool write_body(const kairos_writer *writer, const void *from, size_t n) {
  struct buf *out = writer->context;
  if (out->len + n > (size_t)256 << 20) return false;
  buf_put(out, from, n);
  return !out->failed;
}

bool subject_save(struct bench *b, const struct subject *s, struct buf *body, kairos_status *status) {
  const kairos_writer writer = {.size = sizeof writer, .context = body, .write = write_body};
  kairos_error said = contract_error();
  *status = b->t->save(s->model, &writer, &said);
  return *status == KAIROS_OK || bench_fail(b, "save refused (status %d): %.200s", (int)*status, said.message);
}

bool session_new(struct bench *b, const struct subject *s, uint32_t rows, kairos_session **session) {
  kairos_error said = contract_error();
  *session = NULL;
  if (!b->t->open) return true;
  const kairos_status status = b->t->open(s->model, rows, session, &said);
  return status == KAIROS_OK || bench_fail(b, "open for %u rows refused (status %d): %.200s", rows, (int)status, said.message);
}

void session_end(struct bench *b, kairos_session *session) {
  if (session && b->t->close) b->t->close(session);
}

/* ---- batches ---- */

static bool bit(const uint64_t *bits, size_t i) {
  return !bits || (bits[i / 64] >> (i % 64) & 1);
}
static void set_bit(uint64_t *bits, size_t i, bool to) {
  bits[i / 64] = (bits[i / 64] & ~(UINT64_C(1) << (i % 64))) | (uint64_t)to << (i % 64);
}

static double draw_value(struct bench *b, const kairos_field *f, enum filling filling) {
  static const double extremes[] = {0, -0.0, 1e300, -1e300, 1e-300, 1.7976931348623157e308, -1.7976931348623157e308, 1e9};
  const double u = rng_uniform(&b->rng);
  if (filling == FILL_EXTREME) return extremes[(size_t)(u * 8)];
  if (filling == FILL_DENORMAL) return u < 0.5 ? 5e-324 : -2e-310;
  const bool narrow = math_finite(f->lo) && math_finite(f->hi) && f->hi - f->lo <= 1e4;
  return narrow ? f->lo + u * (f->hi - f->lo) : rng_normal(&b->rng);
}

static void *between_canaries(struct bench *b, size_t size) {
  char *block = arena_alloc(&b->arena, size + (size_t)2 * CANARY_SIZE);
  if (!block) return NULL;
  memset(block, CANARY, size + (size_t)2 * CANARY_SIZE);
  return block + CANARY_SIZE;
}

static bool canaries_sing(const void *data, size_t size) {
  const unsigned char *before = (const unsigned char *)data - CANARY_SIZE, *after = (const unsigned char *)data + size;
  for (size_t i = 0; i < CANARY_SIZE; i++)
    if (before[i] != CANARY || after[i] != CANARY) return false;
  return true;
}

static size_t words(size_t values) {
  return (values + 63) / 64 * sizeof(uint64_t);
}

/* Under a bit of 0 stands nonsense: a plugin that reads it shows. */
static bool new_columns(struct bench *b, const kairos_schema *schema, uint32_t rows, kairos_batch *out) {
  kairos_column *columns = ARENA_ARRAY(&b->arena, kairos_column, schema->count);
  kairos_column **pointers = ARENA_ARRAY(&b->arena, kairos_column *, schema->count);
  for (uint32_t c = 0; columns && pointers && c < schema->count; c++) {
    const size_t values = (size_t)rows * schema->fields[c]->width;
    columns[c] = (kairos_column){.size = sizeof(kairos_column), .type = schema->fields[c]->type, .width = schema->fields[c]->width};
    columns[c].data = between_canaries(b, values * sizeof(double));
    columns[c].valid = between_canaries(b, words(values));
    if (!columns[c].data || !columns[c].valid) return false;
    pointers[c] = &columns[c];
  }
  *out = (kairos_batch){.size = sizeof *out, .rows = rows, .column_count = schema->count, .columns = pointers};
  return columns && pointers;
}

static void fill_column(struct bench *b, const kairos_field *f, kairos_column *c, uint32_t rows, enum filling filling) {
  const size_t values = (size_t)rows * f->width;
  memset(c->valid, 0, words(values));
  for (size_t i = 0; i < values; i++) {
    const bool there = filling == FILL_EMPTY ? false : filling != FILL_MISSING || rng_uniform(&b->rng) < 0.7;
    ((double *)c->data)[i] = there ? draw_value(b, f, filling) : __builtin_nan("");
    set_bit(c->valid, i, there);
  }
}

static struct str copy_inputs(struct bench *b, const kairos_batch *in) {
  struct buf all = {0};
  for (uint32_t c = 0; c < in->column_count; c++) {
    const size_t values = (size_t)in->rows * in->columns[c]->width;
    buf_put(&all, in->columns[c]->data, values * sizeof(double));
    buf_put(&all, in->columns[c]->valid, words(values));
  }
  const struct str copy = {arena_copy(&b->arena, all.at ? all.at : "", all.len), all.len};
  buf_free(&all);
  return copy;
}

struct batch *batch_new(struct bench *b, const struct subject *s, uint32_t rows, enum filling filling) {
  struct batch *batch = ARENA_NEW(&b->arena, struct batch);
  if (!batch) return NULL;
  batch->seeds = ARENA_ARRAY(&b->arena, uint64_t, rows + 1);
  if (!batch->seeds || !new_columns(b, s->in, rows, &batch->in) || !new_columns(b, s->out, rows, &batch->out)) return NULL;
  for (uint32_t c = 0; c < s->in->count; c++) fill_column(b, s->in->fields[c], batch->in.columns[c], rows, filling);
  for (uint32_t r = 0; r < rows; r++) batch->seeds[r] = rng_next(&b->rng);
  batch->in.seeds = batch->seeds;
  batch->filling = filling;
  return batch;
}

void batch_copy_row(struct batch *to, uint32_t to_row, const struct batch *from, uint32_t from_row) {
  for (uint32_t c = 0; c < from->in.column_count; c++) {
    const kairos_column *a = from->in.columns[c], *z = to->in.columns[c];
    for (uint32_t k = 0; k < a->width; k++) {
      const size_t i = (size_t)from_row * a->width + k, j = (size_t)to_row * a->width + k;
      ((double *)z->data)[j] = ((const double *)a->data)[i];
      set_bit(z->valid, j, bit(a->valid, i));
    }
  }
  to->seeds[to_row] = from->seeds[from_row];
}

static bool check_outputs(struct bench *b, const struct subject *s, const struct batch *batch) {
  for (uint32_t c = 0; c < s->out->count; c++) {
    const kairos_field *f = s->out->fields[c];
    const kairos_column *column = batch->out.columns[c];
    const size_t values = (size_t)batch->out.rows * f->width;
    if (!canaries_sing(column->data, values * sizeof(double)) || !canaries_sing(column->valid, words(values)))
      return bench_fail(b, "predict wrote outside the output '%s' in a batch of %u rows", f->name, batch->out.rows);
    for (size_t i = 0; batch->filling <= FILL_EMPTY && i < values; i++) {
      const double value = ((const double *)column->data)[i];
      if (bit(column->valid, i) && (!math_finite(value) || value < f->lo || value > f->hi))
        return bench_fail(b, "predict gave %g as '%s' in row %zu, expected a number from %g to %g, or a cleared validity bit", value,
                          f->name, i / f->width, f->lo, f->hi);
    }
  }
  return true;
}

bool batch_predict(struct bench *b, const struct subject *s, kairos_session *session, struct batch *batch, bool *refused) {
  kairos_error said = contract_error();
  for (uint32_t c = 0; c < s->out->count; c++) {
    const size_t values = (size_t)batch->out.rows * s->out->fields[c]->width;
    for (size_t i = 0; i < values; i++) ((double *)batch->out.columns[c]->data)[i] = __builtin_nan("");
    memset(batch->out.columns[c]->valid, 0, words(values));
    for (size_t i = 0; i < values; i++) set_bit(batch->out.columns[c]->valid, i, true);
  }
  batch->untouched = copy_inputs(b, &batch->in);
  const kairos_status status = b->t->predict(s->model, session, &batch->in, &batch->out, &said);
  if (!str_eq(batch->untouched, copy_inputs(b, &batch->in))) return bench_fail(b, "predict changed its inputs");
  if (refused) *refused = status != KAIROS_OK;
  if (status != KAIROS_OK && refused) return true;
  if (status != KAIROS_OK) return bench_fail(b, "predict refused %u rows (status %d): %.200s", batch->in.rows, (int)status, said.message);
  return check_outputs(b, s, batch);
}

uint32_t batch_answered(const struct batch *batch) {
  const kairos_column *first = batch->out.columns[0];
  uint32_t count = 0;
  for (uint32_t r = 0; r < batch->out.rows; r++) count += bit(first->valid, (size_t)r * first->width);
  return count;
}

bool batch_same(struct bench *b, const char *when, const struct batch *one, uint32_t i, const struct batch *other, uint32_t j, bool exact) {
  for (uint32_t c = 0; c < one->out.column_count; c++) {
    const kairos_column *a = one->out.columns[c], *z = other->out.columns[c];
    for (uint32_t k = 0; k < a->width; k++) {
      const size_t at = (size_t)i * a->width + k, to = (size_t)j * a->width + k;
      const bool there = bit(a->valid, at);
      if (there != bit(z->valid, to)) return bench_fail(b, "%s: output %u of row %u is there once and absent once", when, c + 1, i);
      if (!there) continue;
      const double x = ((const double *)a->data)[at], y = ((const double *)z->data)[to];
      const double off = x > y ? x - y : y - x, size = x < 0 ? -x : x;
      if (exact ? memcmp(&x, &y, sizeof x) != 0 : !(off <= 1e-6 * (size > 1 ? size : 1)))
        return bench_fail(b, "%s: output %u of row %u is %.17g once and %.17g once, expected the same %s", when, c + 1, i, x, y,
                          exact ? "bits (it says EXACT)" : "within 1e-6");
    }
  }
  return true;
}

void lesson_new(struct bench *b, const struct subject *s, uint32_t rows, struct lesson *l) {
  l->x = batch_new(b, s, rows, FILL_USUAL);
  kairos_column *y = ARENA_NEW(&b->arena, kairos_column);
  kairos_column **list = ARENA_NEW(&b->arena, kairos_column *);
  double *values = ARENA_ARRAY(&b->arena, double, rows + 1);
  const kairos_column *first = l->x->in.columns[0];
  double middle = 0;
  for (uint32_t r = 0; r < rows; r++) middle += ((const double *)first->data)[(size_t)(r + 1) * first->width - 1] / rows;
  for (uint32_t r = 0; r < rows; r++)
    values[r] = ((const double *)first->data)[(size_t)(r + 1) * first->width - 1] - middle + 0.2 * rng_normal(&b->rng) > 0;
  *y = (kairos_column){.size = sizeof *y, .type = KAIROS_F64, .width = 1, .data = values};
  list[0] = y;
  l->y = (kairos_batch){.size = sizeof l->y, .rows = rows, .column_count = 1, .columns = list};
}
