/* Is this input like what the model learned from? Mahalanobis' distance of a person's inputs from the rows of the training, held against
 * the distance beyond which one in a hundred of those lay. It lies in the figures of the state, beside the calibration, so it travels with
 * the weights. Promises numbers that were checked when a state is read, none where a state says nothing, and that nothing that decides
 * reads it: a model that is asked about somebody strange answers all the same, and whoever looks is told. Written by tools, read on the
 * builder's thread, asked on lanes. */
#include "models.h"
#include "stats/stats.h"
#include <stdio.h>

#define TYPICAL_MOST  64 /* inputs; a state with more says nothing */
#define TYPICAL_SHARE .99

struct typical {
  struct cloud cloud;
  double bound;
};

/* An input's newest value; none when it is missing. */
static double newest_of(const double *values, const uint64_t *valid, uint32_t width, uint32_t row) {
  const size_t at = (size_t)row * width + width - 1;
  return valid[at / 64] >> (at % 64) & 1 ? values[at] : STATS_NONE;
}

static bool cloud_new(struct cloud *c, size_t count, struct arena *a) {
  *c = (struct cloud){count, ARENA_ARRAY(a, double, count), ARENA_ARRAY(a, double, count), ARENA_ARRAY(a, double, count *(count + 1) / 2)};
  return c->mean && c->scale && c->lower;
}

/* ---- writing ---- */

static void put_list(struct json_writer *w, const char *key, double *values, size_t count) {
  json_key(w, key);
  json_open_array(w);
  for (size_t i = 0; i < count; i++) { /* six digits are enough, and what was written is what is used */
    char text[32];
    double back;
    snprintf(text, sizeof text, "%.6g", values[i]);
    json_put_double(w, values[i] = str_to_double(str_from(text), &back) ? back : values[i]);
  }
  json_close_array(w);
}

void typical_write(const struct training_rows *rows, struct json_writer *w) {
  struct arena a = {0};
  struct cloud c;
  const size_t k = rows->input_count;
  double *table = k && k <= TYPICAL_MOST ? ARENA_ARRAY(&a, double, (size_t)rows->rows *k + 1) : NULL;
  double *distances = ARENA_ARRAY(&a, double, rows->rows + 1), scratch[TYPICAL_MOST];
  bool fine = table && distances && rows->rows && cloud_new(&c, k, &a);
  for (uint32_t r = 0; fine && r < rows->rows; r++)
    for (uint32_t i = 0; i < k; i++) table[r * k + i] = newest_of(rows->inputs[i], rows->valid[i], rows->widths[i], r);
  if (fine && cloud_fit(&c, table, rows->rows)) {
    json_key(w, "typical");
    json_open_object(w);
    put_list(w, "mean", c.mean, k);
    put_list(w, "scale", c.scale, k);
    put_list(w, "lower", c.lower, k * (k + 1) / 2);
    for (uint32_t r = 0; r < rows->rows; r++) distances[r] = cloud_distance(&c, table + r * k, scratch);
    stats_sort(distances, rows->rows);
    json_pair_double(w, "bound", math_round6(quantile_sorted(distances, rows->rows, TYPICAL_SHARE, 7)));
    json_close_object(w);
  }
  arena_free(&a);
}

/* ---- reading ---- */

static bool read_list(const struct json *j, uint32_t at, const char *key, double *to, size_t count) {
  const uint32_t list = json_get(j, at, key);
  if (json_type(j, list) != JSON_ARRAY || j->tokens[list].count != count) return false;
  uint32_t child = list + 1;
  for (size_t i = 0; i < count; i++, child = j->tokens[child].next)
    if (!json_double(j, child, &to[i])) return false;
  return true;
}

const struct typical *typical_read(struct arena *a, const struct model *m, const struct json *figures) {
  const uint32_t at = json_get(figures, 0, "typical");
  const size_t k = m->input_count;
  struct typical *t = at != JSON_NONE && k && k <= TYPICAL_MOST ? ARENA_NEW(a, struct typical) : NULL;
  if (!t || !cloud_new(&t->cloud, k, a) || !read_list(figures, at, "mean", t->cloud.mean, k) ||
      !read_list(figures, at, "scale", t->cloud.scale, k) || !read_list(figures, at, "lower", t->cloud.lower, k * (k + 1) / 2) ||
      !json_double(figures, json_get(figures, at, "bound"), &t->bound) || !(t->bound >= 0))
    return NULL; /* as with the reference: the state serves all the same */
  for (size_t i = 0; i < k; i++)
    if (!(t->cloud.scale[i] > 0) || !(t->cloud.lower[i * (i + 1) / 2 + i] > 0)) return NULL;
  return t;
}

bool model_take_typical(struct models *all, uint32_t model, struct str metrics_json, struct arena *a, struct err *e) {
  struct json j;
  if (!json_parse(&j, a, metrics_json, &json_limits_default, e)) return false;
  all->at[model].typical = typical_read(a, &all->at[model], &j);
  return true;
}

/* ---- asking ---- */

static void hold_against(const struct model *m, const double *row, struct typicality *out) {
  const struct typical *t = m->typical;
  double scratch[TYPICAL_MOST];
  *out = (struct typicality){.bound = t->bound, .distance = cloud_distance(&t->cloud, row, scratch)};
  if (!math_finite(out->distance)) out->distance = 1e300; /* farther than can be said */
  out->atypical = out->distance > out->bound;
  for (uint32_t i = 0; i < m->input_count; i++) {
    const double z = stats_none(row[i]) ? 0 : (row[i] - t->cloud.mean[i]) / t->cloud.scale[i];
    if (out->furthest && (z < 0 ? -z : z) <= (out->deviations < 0 ? -out->deviations : out->deviations)) continue;
    out->furthest = m->inputs[i];
    out->deviations = z;
  }
}

bool model_typical_row(const struct models *all, uint32_t model, const double *const *inputs, const uint64_t *const *valid,
                       const uint32_t *widths, uint32_t row, struct typicality *out) {
  const struct model *m = &all->at[model];
  double values[TYPICAL_MOST];
  if (!m->typical) return false;
  for (uint32_t i = 0; i < m->input_count; i++) values[i] = newest_of(inputs[i], valid[i], widths[i], row);
  hold_against(m, values, out);
  return true;
}

bool model_typical(const struct models *all, uint32_t model, const struct user *u, int64_t clock, struct value *slots, struct arena *a,
                   struct typicality *out) {
  const struct model *m = &all->at[model];
  double values[TYPICAL_MOST], window[HISTORY_DAYS_MOST];
  struct view v;
  if (!m->typical) return false;
  view_open(&v, all->features, u, clock, a);
  for (uint32_t i = 0; i < m->input_count; i++) {
    uint64_t valid = 0;
    input_read(&m->from[i], m->widths[i], &v, slots, window, &valid, 0);
    values[i] = newest_of(window, &valid, m->widths[i], 0);
  }
  hold_against(m, values, out);
  return true;
}

void typicality_write(const struct typicality *t, struct json_writer *w) {
  json_open_object(w);
  json_pair_double(w, "distance", math_round6(t->distance));
  json_pair_double(w, "bound", t->bound);
  json_pair_bool(w, "atypical", t->atypical);
  json_pair_text(w, "furthest", t->furthest);
  json_pair_double(w, "deviations", math_round6(t->deviations));
  json_close_object(w);
}
