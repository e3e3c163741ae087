/* lifecycle_drift: what a served model sees, held against what it was trained on. The lanes count into bins (compute); here the counts are
 * taken off in points of so many rows, without a clock: the newest points are the window that is compared with the reference, and each
 * point is compared with the ones before it. Promises an alarm only where a distance is large and improbable (METHODS 10.1), and that what
 * was counted goes on with another program and another start (lifecycle_kept.c) as long as the state is the same: the bins are the state's.
 * Main thread. */
#include "lifecycle.h"
#include "stats/stats.h"
#include <stdio.h>
#include <string.h>

#define POINT_ROWS   500
#define POINTS_MOST  24
#define WINDOW       20    /* points */
#define ROWS_LEAST   1000  /* in the window; fewer say nothing */
#define LEVEL        0.001 /* of false discoveries over the columns */
#define PSI_LEAST    0.1
#define SIGMAS       3.0
#define COLUMNS_MOST 128

struct drift {
  uint32_t columns, points;
  uint64_t rows;     /* in the window */
  uint64_t begun;    /* rows when the newest point began */
  uint64_t *last;    /* [columns × DRIFT_CELLS]: counts when the newest point ended */
  uint32_t *point;   /* [POINTS_MOST × columns × DRIFT_CELLS], newest last */
  uint64_t *carried; /* [columns × DRIFT_CELLS]: of the point that had begun, counted by an earlier program or before the start */
};
struct distance {
  double psi, p, js, rows;
};

static size_t size_of_point(const struct drift *d) {
  return (size_t)d->columns * DRIFT_CELLS;
}

/* The prediction is counted for every row that was asked. */
static uint64_t take_counts(const struct drift *d, const struct program *p, uint32_t model, uint64_t *counts) {
  double reference[DRIFT_CELLS];
  uint64_t rows = 0;
  memset(counts, 0, size_of_point(d) * sizeof *counts);
  for (uint32_t c = 0; c < d->columns; c++) model_watched_counts(p->models, model, c, reference, counts + (size_t)c * DRIFT_CELLS);
  for (size_t i = 0; i < size_of_point(d); i++) counts[i] += d->carried[i];
  for (uint32_t i = 0; i < DRIFT_CELLS; i++) rows += counts[(size_t)(d->columns - 1) * DRIFT_CELLS + i];
  return rows;
}

struct drift *drift_new(const struct program *p, uint32_t model) {
  const uint32_t columns = model_watched(p->models, model);
  struct drift *d = columns ? kit_alloc(sizeof *d) : NULL;
  if (!d) return NULL;
  *d = (struct drift){.columns = columns};
  d->last = kit_alloc(size_of_point(d) * sizeof *d->last);
  d->point = kit_alloc(POINTS_MOST * size_of_point(d) * sizeof *d->point);
  d->carried = kit_alloc(size_of_point(d) * sizeof *d->carried);
  if (d->last && d->point && d->carried) {
    memset(d->carried, 0, size_of_point(d) * sizeof *d->carried);
    d->begun = take_counts(d, p, model, d->last);
    return d;
  }
  drift_free(d);
  return NULL;
}

void drift_free(struct drift *d) {
  if (!d) return;
  kit_free(d->last);
  kit_free(d->point);
  kit_free(d->carried);
  kit_free(d);
}

/* ---- distances ---- */

static struct distance distance_of(const struct drift *d, const struct program *p, uint32_t model, uint32_t column) {
  double reference[DRIFT_CELLS], now[DRIFT_CELLS] = {0}, n = 0;
  uint64_t unused[DRIFT_CELLS];
  const uint32_t cells = model_watched_counts(p->models, model, column, reference, unused);
  const uint32_t from = d->points > WINDOW ? d->points - WINDOW : 0;
  struct distance out = {0};
  for (uint32_t k = from; k < d->points; k++)
    for (uint32_t i = 0; i < cells; i++) now[i] += d->point[k * size_of_point(d) + (size_t)column * DRIFT_CELLS + i];
  for (uint32_t i = 0; i < cells; i++) {
    n += reference[i];
    out.rows += now[i];
  }
  out.psi = psi_of(reference, now, cells);
  out.p = psi_p(out.psi, n, out.rows, cells);
  out.js = js_distance(reference, now, cells);
  return out;
}

static void measure(const struct drift *d, const struct program *p, uint32_t model, struct drift_figures *out) {
  double all_p[COLUMNS_MOST] = {0};
  bool found[COLUMNS_MOST] = {false};
  struct distance all[COLUMNS_MOST] = {{0}};
  const uint32_t columns = d->columns < COLUMNS_MOST ? d->columns : COLUMNS_MOST;
  *out = (struct drift_figures){.score = 0, .prediction = STATS_NONE};
  for (uint32_t c = 0; c < columns; c++) {
    all[c] = distance_of(d, p, model, c);
    all_p[c] = stats_none(all[c].p) ? 1 : all[c].p;
  }
  false_discoveries(all_p, columns, LEVEL, found);
  out->rows = (uint64_t)all[columns - 1].rows;
  out->prediction = all[columns - 1].js;
  for (uint32_t c = 0; c + 1 < columns; c++) {
    if (!found[c] || !(all[c].psi > PSI_LEAST)) continue;
    out->columns++;
    if (!(all[c].js > out->score)) continue;
    out->score = all[c].js;
    out->worst = model_watched_name(p->models, model, c);
  }
}

/* ---- points ---- */

/* Where a point's values lie among the reference's bins, 0 to 1; none when all were missing. */
static double level_of(const struct drift *d, uint32_t point, uint32_t column, uint32_t cells) {
  const uint32_t *counts = d->point + point * size_of_point(d) + (size_t)column * DRIFT_CELLS;
  double n = 0, sum = 0;
  for (uint32_t i = 0; i + 1 < cells; i++) {
    n += counts[i];
    sum += (double)counts[i] * i;
  }
  return n > 0 && cells > 2 ? sum / n / (cells - 2) : STATS_NONE;
}

static void watch_column(const struct drift *d, const struct program *p, uint32_t model, uint32_t column, char *alert, size_t size) {
  double reference[DRIFT_CELLS], before[POINTS_MOST];
  uint64_t unused[DRIFT_CELLS];
  const uint32_t cells = model_watched_counts(p->models, model, column, reference, unused);
  size_t n = 0;
  for (uint32_t k = 0; k + 1 < d->points; k++) {
    const double level = level_of(d, k, column, cells);
    if (!stats_none(level)) before[n++] = level;
  }
  const double now = level_of(d, d->points - 1, column, cells), z = stats_none(now) ? STATS_NONE : z_score(before, n, now);
  if (!(z > SIGMAS || z < -SIGMAS)) return;
  snprintf(alert, size, "%s: its level in the newest rows is %.3f, %.1f standard deviations from the %zu times before",
           model_watched_name(p->models, model, column), now, z, n);
}

static void count_window(struct drift *d) {
  const size_t size = size_of_point(d);
  d->rows = 0;
  for (uint32_t k = d->points > WINDOW ? d->points - WINDOW : 0; k < d->points; k++)
    for (uint32_t i = 0; i < DRIFT_CELLS; i++) d->rows += d->point[k * size + size - DRIFT_CELLS + i];
}

static void end_point(struct drift *d, const uint64_t *counts) {
  const size_t size = size_of_point(d);
  if (d->points == POINTS_MOST) memmove(d->point, d->point + size, --d->points * size * sizeof *d->point);
  uint32_t *newest = d->point + d->points++ * size;
  for (size_t i = 0; i < size; i++) newest[i] = (uint32_t)(counts[i] - d->last[i]);
  memcpy(d->last, counts, size * sizeof *counts);
  count_window(d);
}

bool drift_look(struct drift *d, const struct program *p, uint32_t model, struct drift_figures *out, char *alert, size_t size) {
  uint64_t *counts = kit_alloc(size_of_point(d) * sizeof *counts);
  if (!counts) return false;
  const uint64_t rows = take_counts(d, p, model, counts);
  const bool ends = rows - d->begun >= POINT_ROWS;
  if (ends) {
    end_point(d, counts);
    d->begun = rows;
  }
  kit_free(counts);
  if (!ends) return false;
  for (uint32_t c = 0; c < d->columns && !alert[0]; c++) watch_column(d, p, model, c, alert, size);
  if (d->rows >= ROWS_LEAST) measure(d, p, model, out);
  return true;
}

void drift_put(const struct drift *d, const struct program *p, uint32_t model, struct json_writer *w) {
  json_pair_int(w, "points", d->points);
  json_key(w, "columns");
  json_open_array(w);
  for (uint32_t c = 0; c < d->columns && d->rows >= ROWS_LEAST; c++) {
    const struct distance x = distance_of(d, p, model, c);
    json_open_object(w);
    json_pair_text(w, "name", model_watched_name(p->models, model, c));
    json_pair_double(w, "psi", math_round6(x.psi));
    json_pair_double(w, "p", x.p);
    json_pair_double(w, "distance", math_round6(x.js));
    json_close_object(w);
  }
  json_close_array(w);
}

/* ---- going on ---- */

void drift_figures(const struct drift *d, const struct program *p, uint32_t model, struct drift_figures *out) {
  *out = (struct drift_figures){.score = STATS_NONE, .prediction = STATS_NONE};
  if (d && d->rows >= ROWS_LEAST) measure(d, p, model, out);
}

uint64_t drift_seen(const struct drift *d, const struct program *p, uint32_t model) {
  uint64_t *counts = kit_alloc(size_of_point(d) * sizeof *counts);
  const uint64_t rows = counts ? take_counts(d, p, model, counts) : 0;
  kit_free(counts);
  return rows;
}

bool drift_carry(struct drift *d, const struct program *p, uint32_t model, const struct drift *from, const struct program *was,
                 uint32_t was_model) {
  bool same = from->columns == d->columns;
  for (uint32_t c = 0; same && c < d->columns; c++)
    same = strcmp(model_watched_name(p->models, model, c), model_watched_name(was->models, was_model, c)) == 0;
  if (!same) return false;
  take_counts(from, was, was_model, d->carried);
  for (size_t i = 0; i < size_of_point(d); i++) d->carried[i] -= from->last[i];
  memcpy(d->point, from->point, from->points * size_of_point(d) * sizeof *d->point);
  d->points = from->points;
  count_window(d);
  return true;
}

void drift_write(const struct drift *d, const struct program *p, uint32_t model, struct json_writer *w) {
  const size_t size = size_of_point(d);
  uint64_t *counts = kit_alloc(size * sizeof *counts);
  json_key(w, "columns");
  json_open_array(w);
  for (uint32_t c = 0; c < d->columns; c++) json_put_text(w, model_watched_name(p->models, model, c));
  json_close_array(w);
  json_key(w, "points");
  json_open_array(w);
  for (uint32_t k = 0; k < d->points; k++) {
    json_open_array(w);
    for (size_t i = 0; i < size; i++) json_put_int(w, d->point[k * size + i]);
    json_close_array(w);
  }
  json_close_array(w);
  json_key(w, "begun");
  json_open_array(w);
  if (counts) take_counts(d, p, model, counts);
  for (size_t i = 0; counts && i < size; i++) json_put_int(w, (int64_t)(counts[i] - d->last[i]));
  json_close_array(w);
  kit_free(counts);
}

/* True: `at` is a list of `size` counts, and they are in `out`. */
static bool read_counts(const struct json *j, uint32_t at, size_t size, uint32_t *out) {
  if (json_type(j, at) != JSON_ARRAY || j->tokens[at].count != size) return false;
  uint32_t child = at + 1;
  for (size_t i = 0; i < size; i++, child = j->tokens[child].next) {
    int64_t count;
    if (!json_int(j, child, &count) || count < 0 || count > UINT32_MAX) return false;
    out[i] = (uint32_t)count;
  }
  return true;
}

bool drift_read(struct drift *d, const struct program *p, uint32_t model, const struct json *j, uint32_t at) {
  const size_t size = size_of_point(d);
  const uint32_t columns = json_get(j, at, "columns"), points = json_get(j, at, "points");
  bool fine = json_type(j, columns) == JSON_ARRAY && j->tokens[columns].count == d->columns && json_type(j, points) == JSON_ARRAY &&
              j->tokens[points].count <= POINTS_MOST;
  for (uint32_t c = 0; fine && c < d->columns; c++)
    fine = json_text_is(j, json_child(j, columns, c), model_watched_name(p->models, model, c));
  uint32_t *begun = fine ? kit_alloc(size * sizeof *begun) : NULL;
  fine = begun && read_counts(j, json_get(j, at, "begun"), size, begun);
  for (uint32_t k = 0; fine && k < j->tokens[points].count; k++) fine = read_counts(j, json_child(j, points, k), size, d->point + k * size);
  if (fine) {
    for (size_t i = 0; i < size; i++) d->carried[i] = begun[i];
    d->points = j->tokens[points].count;
    count_window(d);
  }
  kit_free(begun);
  return fine;
}
