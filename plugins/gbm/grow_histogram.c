/* Grows trees over at most `bins` thresholds an input, with XGBoost's second-order gain. A node's histogram holds, for each input and bin,
 * the sum of residuals and of second derivatives as two whole numbers in one word, so that one addition a value does, a larger child's
 * histogram is its parent's less the smaller child's exactly, and sums do not depend on the order of rows. The rounding that this costs
 * (the sums of all rows must fit) chooses splits only; what a leaf says is summed up in doubles. Missing values have a bin of their own and
 * try both sides. [train] */
#include "common/memory.h"
#include "train.h"
#include <math.h>
#include <string.h>

#define BINS       256
#define MISSING    BIN_MISSING /* the bins of values are below */
#define LEAST_GAIN 1e-6
#define SAME       1e-12
#define EVERYTHING ((double)__FLT_MAX__)

struct grower {
  struct stage s;
  uint32_t stride;     /* bytes of a row's bins, a multiple of 4 */
  uint8_t *columns;    /* [inputs][rows] bins */
  uint8_t *bins;       /* [rows][stride] the same, row by row */
  uint32_t *bin_count; /* [inputs] bins of values */
  double *cuts;        /* [inputs][BINS]: bin ≤ b exactly when value ≤ cut b */
  int64_t *sums;       /* [rows]: residual and weight of the tree at hand, packed */
  int64_t *pool;       /* [depth + 1][inputs × BINS] histograms */
  uint32_t *counts;    /* the same for numbers of rows; NULL when min_samples_leaf is 1 */
  uint32_t *rows, *spare;
  double residual_scale, weight_scale;
};

struct split {
  bool found, missing_left;
  uint32_t input, bin;
  double gain, threshold;
};

/* ---- bins ---- */

static double middle(float below, float above) {
  const float between = (above + below) * 0.5f;
  return (double)(between >= above || between < below ? below : between);
}

/* Cuts an input into bins of about as many rows each, equal values together. */
static void cut_column(struct grower *g, uint32_t input, uint32_t *order, uint32_t *spare) {
  const uint32_t rows = g->s.table->rows, most = g->s.settings->bins;
  const float *values = g->s.table->values + (size_t)input * rows;
  uint8_t *bins = g->columns + (size_t)input * rows;
  double *cuts = g->cuts + (size_t)input * BINS;
  const uint32_t known = order_column(values, rows, order, spare);
  uint32_t distinct = 0, bin = 0, full = 0;
  for (uint32_t i = 0; i < known; i++) distinct += i == 0 || values[order[i]] != values[order[i - 1]];
  for (uint32_t i = 0; i < known; i++) {
    const bool other = i > 0 && values[order[i]] != values[order[i - 1]];
    if (other && (distinct <= most || (uint64_t)full * most >= known)) {
      cuts[bin++] = middle(values[order[i - 1]], values[order[i]]);
      full = 0;
    }
    bins[order[i]] = (uint8_t)bin;
    full++;
  }
  for (uint32_t i = known; i < rows; i++) bins[order[i]] = MISSING;
  g->bin_count[input] = known ? bin + 1 : 0;
}

static void cut_columns(struct grower *g) {
  const uint32_t rows = g->s.table->rows;
  for (uint32_t input = 0; input < g->s.table->inputs; input++) {
    const uint8_t *column = g->columns + (size_t)input * rows;
    cut_column(g, input, g->rows, g->spare);
    for (uint32_t r = 0; r < rows; r++) g->bins[(size_t)r * g->stride + input] = column[r];
  }
}

/* ---- life ---- */

static size_t pool_size(const struct grower *g) {
  return ((size_t)g->s.settings->depth + 1) * g->s.table->inputs * BINS;
}

static struct grower *histogram_begin(const struct stage *s) {
  const uint32_t rows = s->table->rows, inputs = s->table->inputs;
  struct grower *g = memory_take(s->host, 1, sizeof *g);
  if (!g) return NULL;
  g->s = *s;
  g->stride = (inputs + 3) & ~3u;
  g->columns = memory_take(s->host, (size_t)rows * inputs + ROWS_SLACK, 1);
  g->bins = memory_take(s->host, (size_t)rows * g->stride, 1);
  g->bin_count = memory_take(s->host, inputs, sizeof *g->bin_count);
  g->cuts = memory_take(s->host, (size_t)inputs * BINS, sizeof *g->cuts);
  g->sums = memory_take(s->host, rows, sizeof *g->sums);
  g->pool = memory_take(s->host, pool_size(g), sizeof *g->pool);
  g->rows = memory_take(s->host, (size_t)rows + ROWS_SLACK, 2 * sizeof *g->rows);
  const bool counted = s->settings->leaf_rows > 1;
  if (counted) g->counts = memory_take(s->host, pool_size(g), sizeof *g->counts);
  if (!g->columns || !g->bins || !g->bin_count || !g->cuts || !g->sums || !g->pool || !g->rows || (counted && !g->counts)) {
    grower_histogram.end(g);
    return NULL;
  }
  g->spare = g->rows + rows + ROWS_SLACK;
  cut_columns(g);
  return g;
}

static void histogram_end(struct grower *g) {
  if (!g) return;
  const kairos_host *host = g->s.host;
  const uint32_t rows = g->s.table->rows, inputs = g->s.table->inputs;
  memory_give(host, g->columns, (size_t)rows * inputs + ROWS_SLACK, 1);
  memory_give(host, g->bins, (size_t)rows * g->stride, 1);
  memory_give(host, g->bin_count, inputs, sizeof *g->bin_count);
  memory_give(host, g->cuts, (size_t)inputs * BINS, sizeof *g->cuts);
  memory_give(host, g->sums, rows, sizeof *g->sums);
  memory_give(host, g->pool, pool_size(g), sizeof *g->pool);
  memory_give(host, g->counts, pool_size(g), sizeof *g->counts);
  memory_give(host, g->rows, (size_t)rows + ROWS_SLACK, 2 * sizeof *g->rows);
  memory_give(host, g, 1, sizeof *g);
}

/* ---- sums ---- */

/* The largest power of two by which `rows` numbers of up to `largest` add up to less than 2^bits. */
static double scale_for(double largest, uint32_t rows, int bits) {
  int exponent;
  frexp((largest + 1e-300) * rows + rows * 1e-300, &exponent);
  const int shift = bits - 1 - exponent;
  return ldexp(1, shift > 30 ? 30 : shift);
}

static void pack_sums(struct grower *g) {
  const uint32_t rows = g->s.table->rows;
  double residual = 1, weight = 0.25;
  if (g->s.settings->objective == OBJECTIVE_SQUARED) {
    residual = 0;
    for (uint32_t r = 0; r < rows; r++) residual = fmax(residual, fabs(g->s.residual[r]));
    weight = 1;
  }
  g->residual_scale = scale_for(residual, rows, 31);
  g->weight_scale = scale_for(weight, rows, 32);
  stage_pack(&g->s, g->residual_scale, g->weight_scale, g->sums);
}

struct side {
  double residual, weight;
};

static struct side side_of(const struct grower *g, int64_t sum) {
  const int64_t weight = sum & 0xFFFFFFFF;
  return (struct side){(double)((sum - weight) >> 32) / g->residual_scale, (double)weight / g->weight_scale};
}

#define AT_ONCE 4 /* inputs: the bins of a row stand in words of as many bytes */

static inline void add_word(int64_t *histogram, uint32_t bins, int64_t sum) {
  histogram[bins & 0xFF] += sum;
  histogram[BINS + (bins >> 8 & 0xFF)] += sum;
  histogram[2 * BINS + (bins >> 16 & 0xFF)] += sum;
  histogram[3 * BINS + (bins >> 24)] += sum;
}

static inline void add_bins(int64_t *histogram, const uint8_t *bins, uint32_t inputs, int64_t sum) {
  const uint8_t *end = bins + inputs;
  for (; bins + AT_ONCE <= end; bins += AT_ONCE, histogram += AT_ONCE * BINS) {
    uint32_t word;
    memcpy(&word, bins, sizeof word);
    add_word(histogram, word, sum);
  }
  for (; bins < end; bins++, histogram += BINS) histogram[*bins] += sum;
}

/* All rows when `rows` is NULL. */
static void add_rows(const struct grower *g, int64_t *histogram, const uint32_t *rows, uint32_t count) {
  const uint32_t inputs = g->s.table->inputs;
  const size_t stride = g->stride;
  memset(histogram, 0, (size_t)inputs * BINS * sizeof *histogram);
  if (!rows)
    for (uint32_t row = 0; row < count; row++) add_bins(histogram, g->bins + row * stride, inputs, g->sums[row]);
  else
    for (uint32_t i = 0; i < count; i++) add_bins(histogram, g->bins + rows[i] * stride, inputs, g->sums[rows[i]]);
}

static void count_rows(const struct grower *g, uint32_t *counts, const uint32_t *rows, uint32_t count) {
  const uint32_t inputs = g->s.table->inputs;
  memset(counts, 0, (size_t)inputs * BINS * sizeof *counts);
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t input = 0; input < inputs; input++) counts[input * BINS + g->bins[(size_t)rows[i] * g->stride + input]]++;
}

/* ---- splits ---- */

struct candidate { /* a left side */
  int64_t sum;
  uint32_t rows;
};

struct search {
  const struct grower *g;
  struct candidate all;
  struct side all_side;
  double all_gain;
  struct split best;
};

static double gain_of_side(const struct grower *g, struct side x) {
  return x.residual * x.residual / (x.weight + g->s.settings->lambda);
}

static void consider(struct search *s, struct candidate left, uint32_t input, uint32_t bin, bool missing_left) {
  const struct grower *g = s->g;
  const struct settings *settings = g->s.settings;
  if (g->counts && (left.rows < settings->leaf_rows || s->all.rows - left.rows < settings->leaf_rows)) return;
  const struct side l = side_of(g, left.sum), r = {s->all_side.residual - l.residual, s->all_side.weight - l.weight};
  if (l.weight < settings->weight || r.weight < settings->weight || l.weight <= 0 || r.weight <= 0) return;
  const double gain = 0.5 * (gain_of_side(g, l) + gain_of_side(g, r) - s->all_gain);
  if (gain <= LEAST_GAIN || (s->best.found && gain <= s->best.gain + SAME * s->best.gain)) return;
  const bool everything = bin + 1 == g->bin_count[input];
  s->best = (struct split){true, missing_left, input, bin, gain, everything ? EVERYTHING : g->cuts[(size_t)input * BINS + bin]};
}

static void search_input(struct search *s, const int64_t *histogram, const uint32_t *counts, uint32_t input) {
  const struct grower *g = s->g;
  const uint32_t last = g->bin_count[input] - 1;
  const struct candidate missing = {histogram[MISSING], counts ? counts[MISSING] : 0};
  struct candidate left = {0};
  for (uint32_t bin = 0; bin < last; bin++) {
    left.sum += histogram[bin];
    left.rows += counts ? counts[bin] : 0;
    if (histogram[bin] == 0) continue; /* no row, so no other split than the last one */
    consider(s, left, input, bin, false);
    if (missing.sum) consider(s, (struct candidate){left.sum + missing.sum, left.rows + missing.rows}, input, bin, true);
  }
  if (missing.sum) consider(s, (struct candidate){s->all.sum - missing.sum, s->all.rows - missing.rows}, input, last, false);
}

static struct split search(const struct grower *g, const int64_t *histogram, const uint32_t *counts, uint32_t rows) {
  struct search s = {.g = g, .all = {.rows = rows}};
  if (rows < g->s.settings->split_rows) return s.best;
  for (uint32_t bin = 0; bin < BINS; bin++) s.all.sum += histogram[bin]; /* of any input: each row is in one bin */
  s.all_side = side_of(g, s.all.sum);
  s.all_gain = gain_of_side(g, s.all_side);
  for (uint32_t input = 0; input < g->s.table->inputs; input++)
    if (g->bin_count[input]) search_input(&s, histogram + (size_t)input * BINS, counts ? counts + (size_t)input * BINS : NULL, input);
  return s.best;
}

/* ---- trees ---- */

struct place { /* a node's histogram */
  int64_t *histogram;
  uint32_t *counts;
};

#define CHAINS 4 /* sums side by side: none waits for the one before */

static inline void add_row(const struct grower *g, struct side *side, uint32_t row) {
  side->residual += g->s.residual[row];
  side->weight += g->s.weight[row];
}

static void settle(struct grower *g, struct node *leaf, const uint32_t *rows, uint32_t count) {
  struct side some[CHAINS] = {{0}};
  uint32_t i = 0;
  for (; i + CHAINS <= count; i += CHAINS)
    for (uint32_t k = 0; k < CHAINS; k++) add_row(g, &some[k], rows[i + k]);
  for (uint32_t k = 0; i < count; i++, k++) add_row(g, &some[k], rows[i]);
  for (uint32_t k = 1; k < CHAINS; k++) some[0] = (struct side){some[0].residual + some[k].residual, some[0].weight + some[k].weight};
  leaf->number = leaf_addend(g->s.settings, true, some[0].residual, some[0].weight);
  for (i = 0; i < count; i++) g->s.margin[rows[i]] += leaf->number;
}

/* The smaller child's histogram is added up, the larger child's is what is left of the parent's. */
static void share_out(struct grower *g, struct place parent, uint32_t *rows, uint32_t lefts, uint32_t rights, uint32_t depth,
                      struct place *left, struct place *right) {
  const size_t size = (size_t)g->s.table->inputs * BINS, at = size * (depth + 1);
  const struct place small = {g->pool + at, g->counts ? g->counts + at : NULL};
  const bool left_small = lefts <= rights;
  const uint32_t *some = left_small ? rows : rows + lefts, few = left_small ? lefts : rights;
  add_rows(g, small.histogram, some, few);
  for (size_t i = 0; i < size; i++) parent.histogram[i] -= small.histogram[i];
  if (g->counts) {
    count_rows(g, small.counts, some, few);
    for (size_t i = 0; i < size; i++) parent.counts[i] -= small.counts[i];
  }
  *left = left_small ? small : parent;
  *right = left_small ? parent : small;
}

static bool grow_node(struct grower *g, uint32_t *rows, uint32_t count, uint32_t depth, struct place place) {
  const kairos_host *host = g->s.host;
  struct node *node = forest_add_node(g->s.forest, host);
  if (!node || host->cancelled(host)) return false;
  node->cover = count;
  struct split split = {0};
  if (depth < g->s.settings->depth) split = search(g, place.histogram, place.counts, count);
  if (!split.found) {
    settle(g, node, rows, count);
    return true;
  }
  bool any_missing;
  const uint8_t *column = g->columns + (size_t)split.input * g->s.table->rows;
  const uint32_t lefts = rows_part(column, (uint8_t)split.bin, split.missing_left, rows, count, g->spare, true, &any_missing);
  const uint32_t rights = count - lefts;
  node->input = split.input;
  node->number = split.threshold;
  node->flags = (any_missing ? split.missing_left : lefts >= rights) ? NODE_MISSING_LEFT : 0;
  g->s.forest->importance[split.input] += split.gain;
  struct place left = place, right = place;
  if (depth + 1 < g->s.settings->depth) share_out(g, place, rows, lefts, rights, depth, &left, &right);
  return grow_node(g, rows, lefts, depth + 1, left) && grow_node(g, rows + lefts, rights, depth + 1, right);
}

static bool histogram_grow(struct grower *g) {
  const uint32_t rows = g->s.table->rows;
  pack_sums(g);
  for (uint32_t r = 0; r < rows; r++) g->rows[r] = r;
  add_rows(g, g->pool, NULL, rows);
  if (g->counts) count_rows(g, g->counts, g->rows, rows);
  return grow_node(g, g->rows, rows, 0, (struct place){g->pool, g->counts});
}

const struct grower_kind grower_histogram = {histogram_begin, histogram_grow, histogram_end};
