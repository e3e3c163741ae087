/* What a model's answer about one person hangs on: the plugin's own explanation where it has one (TreeSHAP), else occlusion: how the output
 * would differ if that input were not known. Promises the inputs that moved it most, largest first, in a fixed order, and to name the
 * method and its scale. An explanation of a prediction is no cause: what to do about it is for experiments to say. A look with a session of
 * its own, on the lane. */
#include "models.h"
#include "stats/stats.h"

struct row { /* one person, `rows` times */
  uint32_t rows;
  double **inputs, *moved;
  uint64_t **valid;
};

static bool bit(const uint64_t *words, size_t at) {
  return words[at / 64] >> (at % 64) & 1;
}

static bool row_new(const struct model *m, uint32_t rows, struct arena *a, struct row *r) {
  *r = (struct row){rows, ARENA_ARRAY(a, double *, m->input_count), ARENA_ARRAY(a, double, m->input_count),
                    ARENA_ARRAY(a, uint64_t *, m->input_count)};
  bool there = r->inputs && r->moved && r->valid;
  for (uint32_t c = 0; there && c < m->input_count; c++) {
    r->inputs[c] = ARENA_ARRAY(a, double, (size_t)rows * m->widths[c]);
    r->valid[c] = ARENA_ARRAY(a, uint64_t, (size_t)rows * m->widths[c] / 64 + 1);
    there = r->inputs[c] && r->valid[c];
  }
  return there;
}

static void row_fill(const struct model *m, struct row *r, struct view *v, struct value *slots) {
  for (uint32_t c = 0; c < m->input_count; c++)
    for (uint32_t k = 0; k < r->rows; k++) {
      const size_t first = (size_t)k * m->widths[c];
      input_read(&m->from[c], m->widths[c], v, slots, r->inputs[c] + first, r->valid[c], first);
    }
}

/* Row 0 as it is, row c + 1 without input c. */
static bool occlude(const struct model *m, struct session *s, struct row *r, struct arena *a, double *base) {
  const struct plugin_field *fields;
  size_t count;
  if (!model_outputs(m->trained, &fields, &count) || count != 1 || fields->width != 1) return false; /* a policy's draw hangs on chance */
  double **outputs = ARENA_ARRAY(a, double *, m->output_count);
  uint64_t **good = ARENA_ARRAY(a, uint64_t *, m->output_count), *seeds = ARENA_ARRAY(a, uint64_t, r->rows);
  if (!outputs || !good || !seeds) return false;
  for (uint32_t c = 0; c < m->output_count; c++) {
    outputs[c] = ARENA_ARRAY(a, double, r->rows);
    good[c] = ARENA_ARRAY(a, uint64_t, r->rows / 64 + 1);
    if (!outputs[c] || !good[c]) return false;
  }
  for (uint32_t c = 0; c < m->input_count; c++)
    for (size_t i = (size_t)(c + 1) * m->widths[c]; i < (size_t)(c + 2) * m->widths[c]; i++)
      r->valid[c][i / 64] &= ~(UINT64_C(1) << (i % 64));
  if (!session_predict(s, r->rows, (const double *const *)r->inputs, (const uint64_t *const *)r->valid, seeds, outputs, good, NULL) ||
      !bit(good[0], 0))
    return false;
  *base = outputs[0][0];
  for (uint32_t c = 0; c < m->input_count; c++) r->moved[c] = bit(good[0], c + 1) ? outputs[0][0] - outputs[0][c + 1] : 0;
  return true;
}

static void take_top(const struct model *m, const struct row *r, struct explained *out) {
  for (uint32_t c = 0; c < m->input_count; c++) {
    const double size = r->moved[c] < 0 ? -r->moved[c] : r->moved[c];
    if (!(size > 1e-9) || !bit(r->valid[c], m->widths[c] - 1)) continue; /* what is not known moved nothing by its value */
    const struct factor one = {m->inputs[c], r->inputs[c][m->widths[c] - 1], r->moved[c]};
    uint32_t at = out->count < FACTORS_MOST ? out->count++ : FACTORS_MOST;
    for (; at > 0; at--) {
      const double before = out->at[at - 1].moved < 0 ? -out->at[at - 1].moved : out->at[at - 1].moved;
      if (before >= size) break;
      if (at < FACTORS_MOST) out->at[at] = out->at[at - 1];
    }
    if (at < FACTORS_MOST) out->at[at] = one;
  }
}

bool model_explain(const struct models *all, uint32_t model, const struct user *u, int64_t clock, struct value *slots, struct arena *a,
                   struct explained *out) {
  const struct model *m = &all->at[model];
  struct session *s = NULL;
  struct view v;
  struct row r;
  struct explanation said;
  *out = (struct explained){.base = STATS_NONE};
  if (!m->trained || !m->output_count || trouble_suspended(m) || trouble_withholds(m, u, true) || !row_new(m, m->input_count + 1, a, &r))
    return false;
  if (!session_open(m->trained, r.rows, &s, NULL)) return false;
  const uint32_t crashes = trouble_crashes(m);
  view_open(&v, all->features, u, clock, a);
  row_fill(m, &r, &v, slots);
  bool told = session_explain(s, 0, (const double *const *)r.inputs, (const uint64_t *const *)r.valid, r.moved, &said, NULL);
  if (told) {
    out->method = said.method;
    out->scale = said.scale;
    out->base = said.base;
  } else if ((told = occlude(m, s, &r, a, &out->base))) {
    out->method = "occlusion: how far the output moves when the input is not known";
    out->scale = "the output's";
  }
  const enum session_absence absence = session_absence(s);
  if (absence != SESSION_THERE) trouble_ask_failed(m, crashes, trouble_who(u), true, absence == SESSION_LATE || absence == SESSION_BUSY);
  if (told) take_top(m, &r, out);
  session_close(s);
  return told;
}
