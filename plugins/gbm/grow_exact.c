/* Grows trees over every threshold between neighbouring values. With method "exact" as scikit-learn 1.2.1's GradientBoosting (Friedman's
 * gain, midpoints of floats as doubles, leaf = sum of residuals over sum of p(1 − p)); with "newton" as XGBoost's exact method
 * (second-order gain with lambda, a least weight a child). Each input's rows are sorted once; a split parts every input's order stably, so
 * a node's rows lie together in each of them. Missing values try both sides. Gains within rounding of each other count as equal: the first
 * input, then the lowest threshold wins, whatever order sums were made in. [train] */
#include "common/memory.h"
#include "train.h"
#include <math.h>
#include <string.h>

#define SAME        1e-12   /* relative: gains closer than this are a tie */
#define STEP        1e-7f   /* scikit-learn: floats no further apart are one value */
#define IMPURITY    0x1p-52 /* scikit-learn: a node of no more is a leaf */
#define NEWTON_GAIN 1e-6    /* XGBoost: a split must gain more */
#define EVERYTHING  ((double)__FLT_MAX__)

struct grower {
  struct stage s;
  bool newton;
  uint32_t *sorted; /* [inputs × rows]: each input's rows in order of its values */
  uint32_t *order;  /* the same, parted by the tree that grows */
  uint32_t *spare;  /* [rows] */
  uint8_t *left;    /* [rows]: side of the split at hand */
};

struct side { /* sums over some rows */
  double residual, weight;
  uint32_t rows;
};

struct split {
  bool found, missing_left;
  uint32_t input;
  double gain, threshold;
};

static struct grower *exact_begin(const struct stage *s) {
  const uint32_t rows = s->table->rows, inputs = s->table->inputs;
  struct grower *g = memory_take(s->host, 1, sizeof *g);
  if (!g) return NULL;
  g->s = *s;
  g->newton = s->settings->method == METHOD_NEWTON;
  g->sorted = memory_take(s->host, (size_t)rows * inputs, sizeof *g->sorted);
  g->order = memory_take(s->host, (size_t)rows * inputs, sizeof *g->order);
  g->spare = memory_take(s->host, rows, sizeof *g->spare);
  g->left = memory_take(s->host, rows, 1);
  if (!g->sorted || !g->order || !g->spare || !g->left) {
    grower_exact.end(g);
    return NULL;
  }
  for (uint32_t input = 0; input < inputs; input++)
    order_column(s->table->values + (size_t)input * rows, rows, g->sorted + (size_t)input * rows, g->spare);
  return g;
}

static void exact_end(struct grower *g) {
  if (!g) return;
  const uint32_t rows = g->s.table->rows, inputs = g->s.table->inputs;
  memory_give(g->s.host, g->sorted, (size_t)rows * inputs, sizeof *g->sorted);
  memory_give(g->s.host, g->order, (size_t)rows * inputs, sizeof *g->order);
  memory_give(g->s.host, g->spare, rows, sizeof *g->spare);
  memory_give(g->s.host, g->left, rows, 1);
  memory_give(g->s.host, g, 1, sizeof *g);
}

static const float *column_of(const struct grower *g, uint32_t input) {
  return g->s.table->values + (size_t)input * g->s.table->rows;
}

static uint32_t *order_of(const struct grower *g, uint32_t input) {
  return g->order + (size_t)input * g->s.table->rows;
}

static struct side side_of(const struct grower *g, const uint32_t *rows, uint32_t count) {
  struct side sum = {.rows = count};
  for (uint32_t i = 0; i < count; i++) {
    sum.residual += g->s.residual[rows[i]];
    sum.weight += g->s.weight[rows[i]];
  }
  return sum;
}

static struct side side_plus(struct side a, struct side b) {
  return (struct side){a.residual + b.residual, a.weight + b.weight, a.rows + b.rows};
}
static struct side side_minus(struct side a, struct side b) {
  return (struct side){a.residual - b.residual, a.weight - b.weight, a.rows - b.rows};
}

static double gain_of(const struct grower *g, struct side left, struct side right, struct side all) {
  if (!g->newton) {
    const double l = left.rows, r = right.rows, difference = r * left.residual - l * right.residual;
    return difference * difference / (l * r);
  }
  const double lambda = g->s.settings->lambda;
  return 0.5 * (left.residual * left.residual / (left.weight + lambda) + right.residual * right.residual / (right.weight + lambda) -
                all.residual * all.residual / (all.weight + lambda));
}

static void consider(const struct grower *g, struct split *best, struct side left, struct side all, uint32_t input, double threshold,
                     bool missing_left) {
  const struct settings *s = g->s.settings;
  const struct side right = side_minus(all, left);
  if (left.rows < s->leaf_rows || right.rows < s->leaf_rows || left.rows == 0 || right.rows == 0) return;
  if (g->newton && (left.weight < s->weight || right.weight < s->weight)) return;
  const double gain = gain_of(g, left, right, all);
  if (g->newton && gain <= NEWTON_GAIN) return;
  if (best->found && gain <= best->gain + SAME * fabs(best->gain)) return;
  *best = (struct split){true, missing_left, input, gain, threshold};
}

/* Everything up to and including this threshold goes left. */
static double threshold_between(bool newton, float below, float above) {
  if (!newton) { /* their middle as a double */
    const double middle = (double)above / 2.0 + (double)below / 2.0;
    return middle == (double)above ? (double)below : middle;
  }
  const float middle = (above + below) * 0.5f; /* XGBoost sends left what is below the middle */
  const float last = nextafterf(middle, -INFINITY);
  return (double)(last < below ? below : last);
}

static void search_input(const struct grower *g, uint32_t input, uint32_t start, uint32_t end, struct side all, struct split *best) {
  const float *value = column_of(g, input);
  const uint32_t *order = order_of(g, input);
  uint32_t known = end;
  while (known > start && value[order[known - 1]] != value[order[known - 1]]) known--;
  const struct side missing = side_of(g, order + known, end - known);
  struct side left = {0};
  for (uint32_t i = start + 1; i < known; i++) {
    const uint32_t before = order[i - 1];
    left = side_plus(left, (struct side){g->s.residual[before], g->s.weight[before], 1});
    const float below = value[before], above = value[order[i]];
    if (g->newton ? above == below : above <= below + STEP) continue;
    const double threshold = threshold_between(g->newton, below, above);
    consider(g, best, left, all, input, threshold, false);
    if (missing.rows) consider(g, best, side_plus(left, missing), all, input, threshold, true);
  }
  if (missing.rows && known > start) consider(g, best, side_minus(all, missing), all, input, EVERYTHING, false);
}

/* Parts the node's rows in every input's order; returns how many go left. */
static uint32_t part(struct grower *g, const struct split *split, uint32_t start, uint32_t end) {
  const float *value = column_of(g, split->input);
  const uint32_t *order = order_of(g, split->input);
  uint32_t lefts = 0;
  for (uint32_t i = start; i < end; i++) {
    const float v = value[order[i]];
    g->left[order[i]] = v == v ? (double)v <= split->threshold : split->missing_left;
    lefts += g->left[order[i]];
  }
  for (uint32_t input = 0; input < g->s.table->inputs; input++) {
    uint32_t *rows = order_of(g, input), to = start, aside = 0;
    for (uint32_t i = start; i < end; i++) {
      const uint32_t row = rows[i];
      rows[to] = row;
      g->spare[aside] = row;
      to += g->left[row];
      aside += !g->left[row];
    }
    memcpy(rows + to, g->spare, aside * sizeof *rows);
  }
  return lefts;
}

static struct split search(const struct grower *g, uint32_t start, uint32_t end, uint32_t depth, struct side all) {
  const struct settings *s = g->s.settings;
  struct split best = {0};
  if (depth >= s->depth || all.rows < s->split_rows || all.rows / 2 < s->leaf_rows) return best;
  if (!g->newton) {
    double squares = 0;
    for (uint32_t i = start; i < end; i++) squares += g->s.residual[g->order[i]] * g->s.residual[g->order[i]];
    const double mean = all.residual / all.rows;
    if (squares / all.rows - mean * mean <= IMPURITY) return best;
  }
  for (uint32_t input = 0; input < g->s.table->inputs; input++) search_input(g, input, start, end, all, &best);
  return best;
}

static void settle(struct grower *g, struct node *leaf, uint32_t start, uint32_t end, struct side all) {
  leaf->number = leaf_addend(g->s.settings, g->newton, all.residual, all.weight);
  for (uint32_t i = start; i < end; i++) g->s.margin[g->order[i]] += leaf->number;
}

static bool grow_node(struct grower *g, uint32_t start, uint32_t end, uint32_t depth) {
  const kairos_host *host = g->s.host;
  struct node *node = forest_add_node(g->s.forest, host);
  if (!node || host->cancelled(host)) return false;
  const struct side all = side_of(g, g->order + start, end - start);
  const struct split split = search(g, start, end, depth, all);
  node->cover = all.rows;
  if (!split.found) {
    settle(g, node, start, end, all);
    return true;
  }
  const uint32_t lefts = part(g, &split, start, end), rights = end - start - lefts;
  const float *value = column_of(g, split.input);
  const uint32_t last_left = order_of(g, split.input)[start + lefts - 1], last = order_of(g, split.input)[end - 1];
  const bool seen_missing = value[last_left] != value[last_left] || value[last] != value[last];
  const bool missing_left = seen_missing ? split.missing_left : lefts >= rights; /* never seen one here: with the larger share */
  node->input = split.input;
  node->flags = missing_left ? NODE_MISSING_LEFT : 0;
  node->number = split.threshold;
  /* importance: what the split took off the sum of squares, or XGBoost's gain */
  g->s.forest->importance[split.input] += g->newton ? split.gain : split.gain / (end - start);
  return grow_node(g, start, start + lefts, depth + 1) && grow_node(g, start + lefts, end, depth + 1);
}

static bool exact_grow(struct grower *g) {
  memcpy(g->order, g->sorted, (size_t)g->s.table->rows * g->s.table->inputs * sizeof *g->order);
  return grow_node(g, 0, g->s.table->rows, 0);
}

const struct grower_kind grower_exact = {exact_begin, exact_grow, exact_end};
