/* The calibration of a model: what turns its output into a probability that can be taken at its word, and how sure a prediction is. It is
 * learned by `kairos train` from people that the model was not trained on and lies in the figures of the model's state, so it travels with
 * the weights. Promises that what is read from a state was checked, that a calibrated output lies within 0 to 1, and that too little data
 * leave the output as it is and say why. Read on the builder's thread, applied on any. */
#include "models.h"
#include "stats/stats.h"
#include <stdlib.h>
#include <string.h>

enum method { METHOD_NONE, METHOD_PLATT, METHOD_ISOTONIC };
struct calibration {
  enum method method;
  struct platt platt; /* over log odds of the output */
  const struct isotonic_point *corners;
  size_t count;
  double quantile, alpha;                /* of the conformal sets; none: too few rows */
  uint32_t rows, conformal_rows, people; /* people 0: nobody counted them */
  const char *why;                       /* what was not done; or NULL */
};

#define CORNERS_MOST 1024
#define CLASS_LEAST  20
#define SCORE_EDGE   0.001 /* an output that was clamped to 0 or 1 says no more than that */

static double score_of(double output) {
  const double p = math_clamp(output, SCORE_EDGE, 1 - SCORE_EDGE);
  return math_log(p / (1 - p));
}

double calibration_apply(const struct calibration *c, double output) {
  if (!c || c->method == METHOD_NONE) return output;
  if (c->method == METHOD_PLATT) return platt_at(c->platt, score_of(output));
  return isotonic_at(c->corners, c->count, output);
}

const char *set_word(double p, double quantile) {
  static const char *const words[] = {"atypical", "high", "high", "low"};
  return words[conformal_set(p, quantile)];
}

const char *calibration_confidence(const struct calibration *c, double p) {
  return c && !stats_none(c->quantile) ? set_word(p, c->quantile) : NULL;
}

/* ---- learning ---- */

static bool fit_isotonic(struct calibration *c, const double *output, const double *outcome, size_t n, struct arena *a) {
  struct isotonic_point *points = ARENA_ARRAY(a, struct isotonic_point, n);
  if (!points) return false;
  for (size_t i = 0; i < n; i++) points[i] = (struct isotonic_point){.x = output[i], .y = outcome[i]};
  c->count = isotonic_fit(points, n);
  c->corners = points;
  return c->count <= CORNERS_MOST;
}

struct calibration *calibration_fit(bool isotonic, const double *output, const double *outcome, size_t n, struct arena *a) {
  struct calibration *c = ARENA_NEW(a, struct calibration);
  size_t positives = 0;
  if (!c) return NULL;
  *c = (struct calibration){.quantile = STATS_NONE, .alpha = STATS_NONE, .rows = (uint32_t)n};
  for (size_t i = 0; i < n; i++) positives += outcome[i] > .5;
  if (positives < CLASS_LEAST || n - positives < CLASS_LEAST) {
    c->why = "fewer than 20 of one outcome";
    return c;
  }
  if (isotonic && n >= CALIBRATION_ISOTONIC_ROWS && fit_isotonic(c, output, outcome, n, a)) {
    c->method = METHOD_ISOTONIC;
    return c;
  }
  double *score = ARENA_ARRAY(a, double, n);
  for (size_t i = 0; score && i < n; i++) score[i] = score_of(output[i]);
  if (score && platt_fit(score, outcome, n, &c->platt)) c->method = METHOD_PLATT;
  else c->why = "no sigmoid fits";
  if (isotonic && c->method == METHOD_PLATT) c->why = "fewer than 1000 rows: a sigmoid instead of steps";
  return c;
}

bool calibration_conform(struct calibration *c, const double *output, const double *outcome, size_t n, double alpha, struct arena *a) {
  double *scores = ARENA_ARRAY(a, double, n + 1);
  if (!scores) return false;
  for (size_t i = 0; i < n; i++) {
    const double p = calibration_apply(c, output[i]);
    scores[i] = outcome[i] > .5 ? 1 - p : p;
  }
  stats_sort(scores, n);
  const double quantile = conformal_quantile(scores, n, alpha);
  if (!math_finite(quantile)) return false; /* too few rows */
  c->quantile = quantile;
  c->alpha = alpha;
  c->conformal_rows = (uint32_t)n;
  return true;
}

const char *calibration_why(const struct calibration *c) {
  return c->why ? c->why : "";
}

void calibration_of_people(struct calibration *c, uint32_t people) {
  c->people = people;
}

static const char *const methods[] = {"none", "platt", "isotonic"};

const char *calibration_method(const struct calibration *c) {
  return methods[c->method];
}

void calibration_write(const struct calibration *c, struct json_writer *w) {
  json_open_object(w);
  json_pair_text(w, "method", methods[c->method]);
  json_pair_int(w, "rows", c->rows);
  if (c->people) json_pair_int(w, "people", c->people);
  if (c->why) json_pair_text(w, "why", c->why);
  if (c->method == METHOD_PLATT) {
    json_pair_double(w, "a", c->platt.a);
    json_pair_double(w, "b", c->platt.b);
  }
  for (int axis = 0; c->method == METHOD_ISOTONIC && axis < 2; axis++) {
    json_key(w, axis ? "y" : "x");
    json_open_array(w);
    for (size_t i = 0; i < c->count; i++) json_put_double(w, axis ? c->corners[i].y : c->corners[i].x);
    json_close_array(w);
  }
  if (!stats_none(c->quantile)) {
    json_pair_double(w, "alpha", c->alpha);
    json_pair_double(w, "quantile", c->quantile);
    json_pair_int(w, "conformalRows", c->conformal_rows);
  }
  json_close_object(w);
}

/* ---- reading: a state may come from anywhere ---- */

static bool read_axis(const struct json *j, uint32_t list, struct isotonic_point *corners, size_t count, bool is_y, struct err *e) {
  uint32_t child = list + 1;
  for (size_t i = 0; i < count; i++, child = j->tokens[child].next) {
    double *to = is_y ? &corners[i].y : &corners[i].x;
    if (!json_double(j, child, to)) return err_set(e, ERR_INPUT, "calibration.%s[%zu]: expected a finite number", is_y ? "y" : "x", i);
    const bool rises = i == 0 || (is_y ? corners[i].y >= corners[i - 1].y : corners[i].x > corners[i - 1].x);
    if (!rises || (is_y && !(*to >= 0 && *to <= 1)))
      return err_set(e, ERR_INPUT, "calibration.%s[%zu]: expected numbers that rise%s", is_y ? "y" : "x", i, is_y ? " within 0 to 1" : "");
  }
  return true;
}

static bool read_corners(const struct json *j, uint32_t at, struct calibration *c, struct arena *a, struct err *e) {
  const uint32_t x = json_get(j, at, "x"), y = json_get(j, at, "y");
  const size_t count = json_type(j, x) == JSON_ARRAY ? j->tokens[x].count : 0;
  if (count < 1 || count > CORNERS_MOST || json_type(j, y) != JSON_ARRAY || j->tokens[y].count != count)
    return err_set(e, ERR_INPUT, "calibration: expected lists x and y of the same length, 1 to %d", CORNERS_MOST);
  struct isotonic_point *corners = ARENA_ARRAY(a, struct isotonic_point, count);
  if (!corners) return err_set(e, ERR_INTERNAL, "no memory for a calibration");
  c->corners = corners;
  c->count = count;
  return read_axis(j, x, corners, count, false, e) && read_axis(j, y, corners, count, true, e);
}

static bool read_object(const struct json *j, uint32_t at, struct calibration *c, struct arena *a, struct err *e) {
  const struct str method = json_text(j, json_get(j, at, "method"), a);
  double rows = 0, people = 0;
  int known = 0;
  while (known < 3 && !str_is(method, methods[known])) known++;
  if (known == 3) return err_set(e, ERR_INPUT, "calibration.method: expected none, platt or isotonic");
  c->method = (enum method)known;
  json_double(j, json_get(j, at, "rows"), &rows);
  c->rows = rows >= 0 && rows < 1e9 ? (uint32_t)rows : 0;
  if (json_double(j, json_get(j, at, "people"), &people)) c->people = people >= 0 && people < 1e9 ? (uint32_t)people : 0;
  if (c->method == METHOD_PLATT &&
      (!json_double(j, json_get(j, at, "a"), &c->platt.a) || !json_double(j, json_get(j, at, "b"), &c->platt.b)))
    return err_set(e, ERR_INPUT, "calibration: expected finite numbers a and b");
  if (c->method == METHOD_ISOTONIC && !read_corners(j, at, c, a, e)) return false;
  const uint32_t quantile = json_get(j, at, "quantile");
  if (quantile == JSON_NONE) return true;
  if (!json_double(j, quantile, &c->quantile) || !json_double(j, json_get(j, at, "alpha"), &c->alpha) || c->quantile < 0 ||
      c->quantile > 1 || !(c->alpha > 0 && c->alpha < 1))
    return err_set(e, ERR_INPUT, "calibration: expected quantile and alpha within 0 to 1");
  return true;
}

bool calibration_read(struct str metrics_json, struct arena *a, struct calibration **out, struct err *e) {
  struct json j;
  *out = NULL;
  if (!json_parse(&j, a, metrics_json, &json_limits_default, e)) return false;
  const uint32_t at = json_get(&j, 0, "calibration");
  if (at == JSON_NONE) return true;
  struct calibration *c = ARENA_NEW(a, struct calibration);
  if (!c) return err_set(e, ERR_INTERNAL, "no memory for a calibration");
  *c = (struct calibration){.quantile = STATS_NONE, .alpha = STATS_NONE};
  if (!read_object(&j, at, c, a, e)) return false;
  *out = c;
  return true;
}
