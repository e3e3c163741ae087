/* Why a prediction is what it is: path-dependent TreeSHAP (Lundberg and others 2018), leaf by leaf. For a leaf, the value of knowing a set
 * of inputs is its addend times, for each input on its path, either whether the row takes the path there (known) or the share of training
 * cover that does (unknown). The Shapley values of such a product come from one polynomial a leaf, in as many steps as the path has inputs,
 * squared. Promises that base and contributions add up to the margin. Explains predictions; says nothing of causes. Any lane. */
#include "common/refuse.h"
#include "common/rows.h"
#include "fill.h"
#include "pack.h"

struct step { /* one input on the way to a leaf */
  uint32_t input;
  bool taken;   /* the row takes every branch on this input */
  double share; /* of the cover that takes them */
};

struct walk {
  const struct forest *f;
  const kairos_batch *in;
  uint32_t row, count;
  struct step steps[GBM_DEPTH_MOST];
  double *contributions, base;
};

static bool goes_left(const struct walk *w, const struct node *n) {
  double value;
  bool known = column_value(w->in->columns[n->input], w->row, &value);
  if (known && (n->flags & NODE_ZERO_MISSING) && value >= -FILL_ZERO && value <= FILL_ZERO) known = false;
  if (!known) return n->flags & NODE_MISSING_LEFT;
  return (w->f->single ? (double)(float)value : value) <= n->number;
}

/* The polynomial of all inputs but `step`, out of that of all: a division by (share + t) or by share. */
static void leave_out(const struct step *step, const double *all, uint32_t count, double *others) {
  if (!step->taken) {
    for (uint32_t k = 0; k < count; k++) others[k] = all[k] / step->share;
    return;
  }
  others[count - 1] = all[count];
  for (uint32_t k = count - 1; k > 0; k--) others[k - 1] = all[k] - step->share * others[k];
}

static void explain_leaf(struct walk *w, double addend) {
  double all[GBM_DEPTH_MOST + 1] = {1}, others[GBM_DEPTH_MOST], expected = addend;
  const uint32_t count = w->count;
  for (uint32_t s = 0; s < count; s++) { /* coefficient k: sum over sets of k known inputs */
    const struct step *step = &w->steps[s];
    expected *= step->share;
    for (uint32_t k = s + 1; k > 0; k--) all[k] = all[k] * step->share + (step->taken ? all[k - 1] : 0);
    all[0] *= step->share;
  }
  w->base += expected;
  for (uint32_t s = 0; s < count; s++) {
    const struct step *step = &w->steps[s];
    const double moved = (step->taken ? 1 : 0) - step->share;
    if (moved == 0) continue; /* also share 0 and not taken: no set gives this leaf anything */
    leave_out(step, all, count, others);
    double sum = 0, weight = 1.0 / count; /* k! (count − 1 − k)! / count! */
    for (uint32_t k = 0; k < count; k++) {
      sum += weight * others[k];
      if (k + 1 < count) weight *= (double)(k + 1) / (count - 1 - k);
    }
    w->contributions[step->input] += addend * moved * sum;
  }
}

static void explain_node(struct walk *w, uint32_t number);

static void descend(struct walk *w, const struct node *from, uint32_t child, bool taken, double share) {
  uint32_t s = 0;
  while (s < w->count && w->steps[s].input != from->input) s++;
  const struct step before = s < w->count ? w->steps[s] : (struct step){from->input, true, 1};
  const uint32_t count = w->count;
  if (s == count) w->count++;
  w->steps[s] = (struct step){from->input, before.taken && taken, before.share * share};
  explain_node(w, child);
  w->steps[s] = before;
  w->count = count;
}

static void explain_node(struct walk *w, uint32_t number) {
  const struct node *n = &w->f->nodes[number];
  if (n->input == NODE_LEAF) {
    explain_leaf(w, n->number);
    return;
  }
  const double left = w->f->nodes[number + 1].cover, right = w->f->nodes[n->right].cover;
  const double share = left + right > 0 ? left / (left + right) : 0.5;
  const bool to_left = goes_left(w, n);
  descend(w, n, number + 1, to_left, share);
  descend(w, n, n->right, !to_left, 1 - share);
}

static void explain_row(const kairos_model *model, const kairos_batch *in, uint32_t row, double *contributions, double *base) {
  const struct forest *f = &model->forest;
  struct walk w = {.f = f, .in = in, .row = row, .contributions = contributions};
  bool any = false;
  double value;
  for (uint32_t i = 0; i < f->inputs; i++) {
    any = any || column_value(in->columns[i], row, &value);
    contributions[i] = 0;
  }
  for (uint32_t t = 0; t < f->tree_count; t++) explain_node(&w, f->roots[t]);
  for (uint32_t i = 0; i < f->inputs; i++) contributions[i] = any ? contributions[i] * f->slope : __builtin_nan("");
  *base = any ? (f->base + w.base) * f->slope : __builtin_nan("");
}

kairos_status gbm_explain(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                          double *contributions, double *base, kairos_error *error) {
  if (!model->pack) return refuse(error, KAIROS_FAILED, "gbm: the model has no trees yet");
  if (output != 0) return refuse(error, KAIROS_BAD_INPUT, "gbm: expected output 0, got %u", output);
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, NULL, error);
  for (uint32_t row = 0; status == KAIROS_OK && row < in->rows; row++)
    explain_row(model, in, row, contributions + (size_t)row * model->forest.inputs, &base[row]);
  return status;
}
