/* Drift's counts: what a served model sees and says, in the deciles of the rows that it was trained on. A state's figures bring the
 * deciles; each batch that is answered adds to counts that all lanes share. Promises a few additions for a row and no memory: what they
 * mean is worked out elsewhere, on the main thread. A window counts by its newest value; a value that is missing has a bin of its own,
 * since a sensor that falls silent is drift too. */
#include "models.h"
#include "stats/stats.h"
#include <stdio.h>
#include <string.h>

#define WATCHED_MOST 128 /* columns; what is wider is not watched */

struct watched_column {
  struct drift_bins bins;
  double reference[DRIFT_CELLS]; /* edges + 1 bins, then missing */
  uint64_t now[DRIFT_CELLS];
};
struct watched {
  uint32_t columns; /* inputs, then the prediction */
  struct watched_column at[];
};

/* ---- writing ---- */

static double short_number(double v) {
  char text[32];
  double back;
  snprintf(text, sizeof text, "%.6g", v);
  return str_to_double(str_from(text), &back) ? back : v;
}

static void write_column(struct json_writer *w, const char *name, double *values, uint32_t n, uint32_t missing) {
  struct drift_bins bins;
  uint32_t counts[DRIFT_CELLS] = {0};
  stats_sort(values, n);
  drift_edges(values, n, &bins);
  for (uint32_t i = 0; i < bins.edges; i++) bins.edge[i] = short_number(bins.edge[i]);
  for (uint32_t i = 0; i < n; i++) counts[drift_bin(&bins, values[i])]++;
  counts[bins.edges + 1] = missing;
  json_key(w, name);
  json_open_object(w);
  json_key(w, "edges");
  json_open_array(w);
  for (uint32_t i = 0; i < bins.edges; i++) json_put_double(w, bins.edge[i]);
  json_close_array(w);
  json_key(w, "counts");
  json_open_array(w);
  for (uint32_t i = 0; i < bins.edges + 2; i++) json_put_int(w, counts[i]);
  json_close_array(w);
  json_close_object(w);
}

static void write_input(struct json_writer *w, const char *name, const struct training_rows *rows, uint32_t c, double *values) {
  const uint32_t width = rows->widths[c];
  uint32_t n = 0;
  for (uint32_t r = 0; r < rows->rows; r++) {
    const size_t newest = (size_t)r * width + width - 1;
    if (rows->valid[c][newest / 64] >> (newest % 64) & 1) values[n++] = rows->inputs[c][newest];
  }
  write_column(w, name, values, n, rows->rows - n);
}

void reference_write(const struct training_rows *rows, const char *const *inputs, const double *p, struct json_writer *w) {
  double *values = kit_alloc((rows->rows + 1) * sizeof *values);
  if (!values || rows->rows == 0 || rows->input_count + 1 > WATCHED_MOST) {
    kit_free(values);
    return;
  }
  json_key(w, "reference");
  json_open_object(w);
  json_pair_int(w, "rows", rows->rows);
  json_key(w, "inputs");
  json_open_object(w);
  for (uint32_t c = 0; c < rows->input_count; c++) write_input(w, inputs[c], rows, c, values);
  json_close_object(w);
  memcpy(values, p, rows->rows * sizeof *values);
  write_column(w, "prediction", values, rows->rows, 0);
  json_close_object(w);
  kit_free(values);
}

/* ---- reading ---- */

static bool read_column(const struct json *j, uint32_t at, struct watched_column *out) {
  const uint32_t edges = json_get(j, at, "edges"), counts = json_get(j, at, "counts");
  if (json_type(j, edges) != JSON_ARRAY || json_type(j, counts) != JSON_ARRAY || j->tokens[edges].count >= DRIFT_BINS ||
      j->tokens[counts].count != j->tokens[edges].count + 2)
    return false;
  out->bins.edges = j->tokens[edges].count;
  for (uint32_t i = 0; i < out->bins.edges; i++)
    if (!json_double(j, json_child(j, edges, i), &out->bins.edge[i]) || (i && out->bins.edge[i] <= out->bins.edge[i - 1])) return false;
  for (uint32_t i = 0; i < out->bins.edges + 2; i++)
    if (!json_double(j, json_child(j, counts, i), &out->reference[i]) || out->reference[i] < 0) return false;
  return true;
}

/* A reference that does not fit the model is none: the state serves all the same. */
struct watched *watched_read(struct arena *a, const struct model *m, const struct json *figures) {
  const uint32_t at = json_get(figures, 0, "reference"), inputs = json_get(figures, at, "inputs");
  if (at == JSON_NONE || m->input_count + 1 > WATCHED_MOST) return NULL;
  struct watched *w = arena_zero(a, 1, sizeof *w + (m->input_count + 1) * sizeof *w->at);
  if (!w) return NULL;
  w->columns = m->input_count + 1;
  for (uint32_t c = 0; c < m->input_count; c++)
    if (!read_column(figures, json_get(figures, inputs, m->inputs[c]), &w->at[c])) return NULL;
  return read_column(figures, json_get(figures, at, "prediction"), &w->at[m->input_count]) ? w : NULL;
}

/* ---- counting ---- */

static void count(struct watched_column *c, bool there, double value) {
  const uint32_t cell = there ? drift_bin(&c->bins, value) : c->bins.edges + 1;
  __atomic_fetch_add(&c->now[cell], 1, __ATOMIC_RELAXED);
}

void watched_note(const struct model *m, uint32_t rows, double *const *inputs, uint64_t *const *valid, const double *outputs,
                  const uint64_t *good) {
  struct watched *w = m->watched;
  if (!w || m->output_count != 1) return;
  for (uint32_t c = 0; c + 1 < w->columns; c++)
    for (uint32_t r = 0; r < rows; r++) {
      const size_t newest = (size_t)r * m->widths[c] + m->widths[c] - 1;
      count(&w->at[c], valid[c][newest / 64] >> (newest % 64) & 1, inputs[c][newest]);
    }
  for (uint32_t r = 0; r < rows; r++)
    count(&w->at[w->columns - 1], good[r / 64] >> (r % 64) & 1, calibration_apply(m->calibration, outputs[r]));
}

/* ---- looking ---- */

uint32_t model_watched(const struct models *m, uint32_t model) {
  return m->at[model].watched ? m->at[model].watched->columns : 0;
}

const char *model_watched_name(const struct models *m, uint32_t model, uint32_t column) {
  return column < m->at[model].input_count ? m->at[model].inputs[column] : "prediction";
}

uint32_t model_watched_counts(const struct models *m, uint32_t model, uint32_t column, double reference[DRIFT_CELLS],
                              uint64_t now[DRIFT_CELLS]) {
  const struct watched_column *c = &m->at[model].watched->at[column];
  const uint32_t cells = c->bins.edges + 2;
  memcpy(reference, c->reference, cells * sizeof *reference);
  for (uint32_t i = 0; i < cells; i++) now[i] = __atomic_load_n(&c->now[i], __ATOMIC_RELAXED);
  return cells;
}
