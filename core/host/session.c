/* Sessions: a lane's calls into a model. Promises that what a model says is looked at before anyone uses it: a row whose output was not
 * written, is not finite or leaves its declared range is absent, and a batch that the plugin refuses is absent as a whole, with its
 * sentence. Outputs begin as NaN, so that what a plugin forgot shows. No allocation in a prediction. A hosted model is asked in pieces of
 * RING_ROWS rows, all of them within one patience; who is late again and again is waited for ever less, so that a slow plugin cannot eat a
 * lane's time. Does not count bad batches: compute suspends a model. One session belongs to one lane; many sessions of a model run at once.
 */
#include "contract.h"
#include "kit/clock.h"
#include "kit/math.h"
#include "model.h"
#include <string.h>

struct session {
  const struct trained *model;
  kairos_session *inner;
  uint32_t rows_most;
  kairos_column *columns; /* inputs, then outputs */
  kairos_column **pointers;
  struct arena arena;
  int64_t patience, patience_now; /* ns; of hosted models */
  enum session_absence absence;
  struct ring_habit habit;
};

#define PATIENCE_LEAST INT64_C(1000000)

static void describe_columns(struct session *s) {
  const kairos_schema *sides[] = {s->model->inputs, s->model->outputs};
  uint32_t at = 0;
  for (int side = 0; side < 2; side++)
    for (uint32_t i = 0; i < sides[side]->count; i++, at++) {
      const kairos_field *f = sides[side]->fields[i];
      s->columns[at] = (kairos_column){.size = sizeof(kairos_column), .type = f->type, .width = f->width};
      s->pointers[at] = &s->columns[at];
    }
}

static bool open_inner(struct session *s, struct err *e) {
  const kairos_plugin *t = s->model->plugin->table;
  if (s->model->plugin->hosted) return s->model->host || err_set(e, ERR_INTERNAL, "%s: its process was never started", s->model->name);
  const size_t count = (size_t)s->model->inputs->count + s->model->outputs->count;
  s->columns = ARENA_ARRAY(&s->arena, kairos_column, count);
  s->pointers = ARENA_ARRAY(&s->arena, kairos_column *, count);
  if (!s->columns || !s->pointers) return err_set(e, ERR_BUSY, "%s: no memory for a session", s->model->name);
  describe_columns(s);
  if (!t->open) return true;
  kairos_error said = contract_error();
  const kairos_status status = t->open(s->model->model, s->rows_most, &s->inner, &said);
  return status == KAIROS_OK || contract_status(s->model->name, "open", status, &said, e);
}

bool session_open(const struct trained *m, uint32_t rows_most, struct session **out, struct err *e) {
  struct session *s = kit_alloc(sizeof *s);
  if (!s) return err_set(e, ERR_BUSY, "%s: no memory for a session", m->name);
  *s = (struct session){.model = m, .rows_most = rows_most};
  session_patience(s, SESSION_PATIENCE_MS * INT64_C(1000000));
  const bool fine = open_inner(s, e);
  if (fine) *out = s;
  else session_close(s);
  return fine;
}

void session_close(struct session *s) {
  if (!s) return;
  const kairos_plugin *t = s->model->plugin->table;
  if (s->inner && t->close) t->close(s->inner);
  arena_free(&s->arena);
  kit_free(s);
}

void session_patience(struct session *s, int64_t ns) {
  s->patience = s->patience_now = ns;
}

enum session_absence session_absence(const struct session *s) {
  return s->absence;
}

static void set_bits(uint64_t *bits, size_t count) {
  memset(bits, 0, (count + 63) / 64 * sizeof *bits);
  memset(bits, 0xFF, count / 64 * sizeof *bits);
  if (count % 64) bits[count / 64] = (UINT64_C(1) << (count % 64)) - 1;
}

static void clear_row(uint64_t *bits, uint32_t row, uint32_t width) {
  for (size_t i = (size_t)row * width; i < ((size_t)row + 1) * width; i++) bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static void bind_columns(struct session *s, uint32_t rows, const double *const *inputs, const uint64_t *const *valid,
                         double *const *outputs, uint64_t *const *output_valid) {
  const uint32_t count = s->model->inputs->count;
  for (uint32_t i = 0; i < count; i++) { /* the plugin only reads them: kairos_plugin.h */
    memcpy(&s->columns[i].data, &inputs[i], sizeof(void *));
    s->columns[i].valid = NULL;
    if (valid && valid[i]) memcpy(&s->columns[i].valid, &valid[i], sizeof(void *));
  }
  for (uint32_t i = 0; i < s->model->outputs->count; i++) {
    const size_t values = (size_t)rows * s->columns[count + i].width;
    s->columns[count + i].data = outputs[i];
    s->columns[count + i].valid = output_valid[i];
    for (size_t k = 0; k < values; k++) outputs[i][k] = __builtin_nan("");
    set_bits(output_valid[i], values);
  }
}

static bool row_holds(const struct session *s, uint32_t row, double *const *outputs, uint64_t *const *output_valid) {
  for (uint32_t c = 0; c < s->model->outputs->count; c++) {
    const kairos_field *f = s->model->outputs->fields[c];
    for (size_t i = (size_t)row * f->width; i < ((size_t)row + 1) * f->width; i++) {
      const double value = outputs[c][i];
      if (!(output_valid[c][i / 64] >> (i % 64) & 1) || !math_finite(value) || value < f->lo || value > f->hi) return false;
    }
  }
  return true;
}

static void check_rows(const struct session *s, uint32_t rows, double *const *outputs, uint64_t *const *output_valid) {
  for (uint32_t row = 0; row < rows; row++) {
    if (row_holds(s, row, outputs, output_valid)) continue;
    for (uint32_t c = 0; c < s->model->outputs->count; c++) clear_row(output_valid[c], row, s->model->outputs->fields[c]->width);
  }
}

static void clear_all(const struct session *s, uint32_t rows, uint64_t *const *output_valid) {
  const kairos_schema *outputs = s->model->outputs;
  for (uint32_t c = 0; c < outputs->count; c++)
    memset(output_valid[c], 0, ((size_t)rows * outputs->fields[c]->width + 63) / 64 * sizeof(uint64_t));
}

/* ---- in a process of its own ---- */

static bool tell_absence(struct session *s, enum call_end end, struct err *e) {
  const char *name = s->model->name;
  char why[RING_WORDS];
  static const enum session_absence absences[] = {
      [CALL_ANSWERED] = SESSION_THERE, [CALL_AWAY] = SESSION_AWAY,           [CALL_BUSY] = SESSION_BUSY,
      [CALL_LATE] = SESSION_LATE,      [CALL_SUSPENDED] = SESSION_SUSPENDED,
  };
  s->absence = absences[end];
  switch (end) {
  case CALL_SUSPENDED:
    hosted_tell(s->model->host, why, sizeof why);
    return err_set(e, ERR_INTERNAL, "%s: its process ended %d times in a minute; the last time %s", name, ZYGOTE_CRASHES, why);
  case CALL_LATE: return err_set(e, ERR_BUSY, "%s: no answer from its process within %.1f ms", name, (double)s->patience_now / 1e6);
  case CALL_BUSY: return err_set(e, ERR_BUSY, "%s: its process is busy, or waits for the processor", name);
  case CALL_AWAY:
  case CALL_ANSWERED: break;
  }
  return err_set(e, ERR_BUSY, "%s: its process is starting again", name);
}

static void learn_patience(struct session *s, enum call_end end) {
  if (end == CALL_ANSWERED) s->patience_now = s->patience;
  if ((end == CALL_LATE || end == CALL_BUSY) && s->patience_now / 2 >= PATIENCE_LEAST) s->patience_now /= 2;
}

static bool call_pieces(struct session *s, uint32_t rows, struct call *c, struct err *e) {
  c->deadline = clock_monotonic() + s->patience_now;
  kairos_status status = KAIROS_OK;
  kairos_error said;
  for (c->first = 0; c->first < rows || rows == 0; c->first += RING_ROWS) {
    c->rows = rows - c->first < RING_ROWS ? rows - c->first : RING_ROWS;
    const enum call_end end = hosted_call(s->model->host, c, &status, &said);
    if (end != CALL_ANSWERED) tell_absence(s, end, e);
    learn_patience(s, end);
    if (end != CALL_ANSWERED) return false;
    if (status != KAIROS_OK) return contract_status(s->model->name, "predict", status, &said, e);
    if (rows == 0) break;
  }
  return true;
}

/* ---- a batch ---- */

static bool predict_here(struct session *s, uint32_t rows, const double *const *inputs, const uint64_t *const *valid, const uint64_t *seeds,
                         double *const *outputs, uint64_t *const *output_valid, struct err *e) {
  const struct trained *m = s->model;
  bind_columns(s, rows, inputs, valid, outputs, output_valid);
  const uint32_t count = m->inputs->count;
  const kairos_batch in = {.size = sizeof in, .rows = rows, .column_count = count, .columns = s->pointers, .seeds = seeds};
  const kairos_batch out = {.size = sizeof out, .rows = rows, .column_count = m->outputs->count, .columns = s->pointers + count};
  kairos_error said = contract_error();
  const kairos_status status = m->plugin->table->predict(m->model, s->inner, &in, &out, &said);
  return status == KAIROS_OK || contract_status(m->name, "predict", status, &said, e);
}

bool session_predict(struct session *s, uint32_t rows, const double *const *inputs, const uint64_t *const *valid, const uint64_t *seeds,
                     double *const *outputs, uint64_t *const *output_valid, struct err *e) {
  const struct trained *m = s->model;
  if (rows > s->rows_most)
    return err_set(e, ERR_INTERNAL, "%s: a batch of %u rows in a session that was opened for %u", m->name, rows, s->rows_most);
  struct call call = {
      .habit = &s->habit, .inputs = inputs, .valid = valid, .seeds = seeds, .outputs = outputs, .output_valid = output_valid};
  s->absence = SESSION_THERE;
  const bool answered =
      m->plugin->hosted ? call_pieces(s, rows, &call, e) : predict_here(s, rows, inputs, valid, seeds, outputs, output_valid, e);
  if (answered) check_rows(s, rows, outputs, output_valid);
  else clear_all(s, rows, output_valid);
  return answered;
}

bool session_explain(struct session *s, uint32_t output, const double *const *inputs, const uint64_t *const *valid, double *contributions,
                     struct explanation *out, struct err *e) {
  const struct trained *m = s->model;
  const kairos_plugin *t = m->plugin->table;
  const kairos_explain *x = m->plugin->hosted || !t->extension ? NULL : t->extension(KAIROS_EXTENSION_EXPLAIN);
  if (!x || !KAIROS_HAS(kairos_explain, x, explain) || output >= m->outputs->count)
    return err_set(e, ERR_MISSING, "%s: its plugin explains nothing", m->name);
  const uint32_t count = m->inputs->count;
  for (uint32_t c = 0; c < count; c++) {
    s->columns[c].data = (void *)(uintptr_t)inputs[c];
    s->columns[c].valid = (uint64_t *)(uintptr_t)valid[c];
  }
  const uint64_t seed = 0;
  const kairos_batch in = {.size = sizeof in, .rows = 1, .column_count = count, .columns = s->pointers, .seeds = &seed};
  kairos_error said = contract_error();
  *out = (struct explanation){x->method, x->scale(m->model), 0};
  const kairos_status status = x->explain(m->model, s->inner, &in, output, contributions, &out->base, &said);
  if (status != KAIROS_OK) return contract_status(m->name, "explain", status, &said, e);
  for (uint32_t c = 0; c < count; c++)
    if (!math_finite(contributions[c]) || !math_finite(out->base))
      return err_set(e, ERR_INPUT, "%s: its plugin has no explanation of this row", m->name);
  return true;
}
