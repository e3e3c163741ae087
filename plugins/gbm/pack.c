/* Packs a forest. Promises that the packed trees send every row to the leaf that the forest's own rule says: a threshold on floats is the
 * largest float that is not above it, a threshold on doubles becomes its number among all thresholds of its input, and trees less deep than
 * PACK_SMALL are filled up with nodes that send everything left. Addends become whole numbers of a unit so small that their sum just fits.
 * The forest was checked before. Called when weights are adopted. */
#include "pack.h"
#include "common/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct packing {
  const struct forest *f;
  struct pack *p;
  uint32_t lane_count;
  uint32_t *lane_of; /* [inputs × 4]: input and flags → lane + 1 */
};

/* ---- units ---- */

static double largest_sum(const struct forest *f) {
  double sum = fabs(f->base);
  for (uint32_t t = 0; t < f->tree_count; t++) {
    double largest = 0;
    for (uint32_t n = f->roots[t], end = forest_tree_end(f, t); n < end; n++)
      if (f->nodes[n].input == NODE_LEAF && fabs(f->nodes[n].number) > largest) largest = fabs(f->nodes[n].number);
    sum += largest;
  }
  return sum;
}

/* The power of two by which addends become whole numbers: no sum reaches 2^61. */
static int unit_exponent(const struct forest *f) {
  int exponent;
  frexp(largest_sum(f), &exponent); /* < 2^exponent; roundings of 20 000 trees cannot reach twice that */
  const int shift = 60 - exponent;
  return shift > 1000 ? 1000 : shift;
}

static int64_t whole(double addend, int shift) {
  return llrint(ldexp(addend, shift));
}

/* ---- lanes and thresholds ---- */

static uint32_t lane_key(const struct node *n) {
  return n->input * 4 + (n->flags & 3);
}

/* Lanes in order of inputs, so that a row's inputs are read one after the other. */
static void number_lanes(struct packing *k) {
  for (uint32_t n = 0; n < k->f->node_count; n++)
    if (k->f->nodes[n].input != NODE_LEAF) k->lane_of[lane_key(&k->f->nodes[n])] = 1;
  for (uint32_t key = 0; key < k->f->inputs * 4; key++)
    if (k->lane_of[key]) k->lane_of[key] = ++k->lane_count;
}

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void collect_cuts(struct packing *k, uint32_t *inner) {
  struct pack *p = k->p;
  for (uint32_t n = 0; n < k->f->node_count; n++)
    if (k->f->nodes[n].input != NODE_LEAF) p->cut_end[k->f->nodes[n].input + 1]++;
  for (uint32_t i = 0; i < p->inputs; i++) p->cut_end[i + 1] += p->cut_end[i];
  for (uint32_t i = 0; i < p->inputs; i++) inner[i] = p->cut_end[i];
  for (uint32_t n = 0; n < k->f->node_count; n++)
    if (k->f->nodes[n].input != NODE_LEAF) p->cuts[inner[k->f->nodes[n].input]++] = k->f->nodes[n].number;
  for (uint32_t i = 0; i < p->inputs; i++)
    if (p->cut_end[i + 1] - p->cut_end[i] > 1) qsort(p->cuts + p->cut_end[i], p->cut_end[i + 1] - p->cut_end[i], sizeof *p->cuts, rising);
}

/* The largest float that is not above the threshold: x ≤ threshold for the same floats x. */
static float float_below(double threshold) {
  const float nearest = (float)threshold;
  return (double)nearest > threshold ? nextafterf(nearest, -INFINITY) : nearest;
}

/* How many of the input's thresholds lie below this one: a rank, the number of thresholds that a value is above, is not above that
 * number exactly when the value is not above the threshold. */
static float rank_of(const struct pack *p, const struct node *n) {
  uint32_t low = p->cut_end[n->input], high = p->cut_end[n->input + 1];
  const uint32_t first = low;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (p->cuts[middle] < n->number) low = middle + 1;
    else high = middle;
  }
  return (float)(low - first);
}

static float packed_threshold(const struct packing *k, const struct node *n) {
  return k->p->single ? float_below(n->number) : rank_of(k->p, n);
}

static uint32_t packed_lane(const struct packing *k, const struct node *n) {
  return k->lane_of[lane_key(n)] - 1;
}

/* ---- trees ---- */

static void fill_small(const struct packing *k, uint32_t tree, uint32_t node, uint32_t at, int shift) {
  const struct node *n = &k->f->nodes[node];
  struct small_tree *t = &k->p->small_trees[tree];
  if (at >= 7) {
    k->p->small_leaves[tree].leaf[at - 7] = whole(n->number, shift);
    return;
  }
  const bool leaf = n->input == NODE_LEAF;
  t->threshold[at] = leaf ? INFINITY : packed_threshold(k, n);
  t->lane[at] = leaf ? 0 : packed_lane(k, n) * PACK_ROWS;
  fill_small(k, tree, leaf ? node : node + 1, 2 * at + 1, shift);
  fill_small(k, tree, leaf ? node : n->right, 2 * at + 2, shift);
}

static void pack_small(struct packing *k, int shift) {
  struct pack *p = k->p;
  for (uint32_t t = 0; t < p->trees; t++) fill_small(k, t, k->f->roots[t], 0, shift);
  if (p->ranks.blocks) ranks_fill(p);
}

static void pack_walks(struct packing *k, int shift) {
  struct pack *p = k->p;
  for (uint32_t t = 0; t < p->trees; t++) p->walks[t] = (struct walk_tree){k->f->roots[t], forest_depth(k->f, t)};
  for (uint32_t n = 0; n < k->f->node_count; n++) {
    const struct node *from = &k->f->nodes[n];
    if (from->input == NODE_LEAF) {
      p->nodes[n] = (struct walk_node){INFINITY, 0, {n, n}};
      p->leaves[n] = whole(from->number, shift);
    } else {
      p->nodes[n] = (struct walk_node){packed_threshold(k, from), packed_lane(k, from), {n + 1, from->right}};
    }
  }
}

/* ---- the block ---- */

/* Takes `count` × `size` bytes on 64 from the block; with a NULL block only counts. */
static void *carve(char *block, size_t *used, size_t count, size_t size) {
  void *at = block ? block + *used : NULL;
  *used += (count * size + 63) & ~(size_t)63;
  return at;
}

/* Room for the ranks of so many trees, whatever their nodes read. */
static void lay_out_ranks(struct pack *p, char *block, size_t *used) {
  const size_t blocks = (p->trees + RANK_TREES - 1) / RANK_TREES, cuts = 7 * (size_t)p->trees;
  const size_t lanes = blocks * (p->lanes < 7 * RANK_TREES ? p->lanes : 7 * RANK_TREES);
  p->ranks.blocks = carve(block, used, blocks, sizeof *p->ranks.blocks);
  p->ranks.keys = carve(block, used, p->lanes, sizeof *p->ranks.keys);
  p->ranks.key_of_lane = carve(block, used, p->lanes, sizeof *p->ranks.key_of_lane);
  p->ranks.lanes = carve(block, used, lanes, sizeof *p->ranks.lanes);
  p->ranks.thresholds = carve(block, used, cuts + lanes * RANK_PACK, sizeof *p->ranks.thresholds);
  p->ranks.masks = carve(block, used, cuts + 2 * lanes, sizeof *p->ranks.masks);
}

/* Where everything lies; returns the block's size. */
static size_t lay_out(struct pack *p, char *block, const struct forest *f, uint32_t inner) {
  size_t used = 0;
  const size_t small = p->small ? (p->trees + PACK_CHAINS - 1) / PACK_CHAINS * PACK_CHAINS : 0;
  carve(block, &used, 1, sizeof *p);
  p->lane = carve(block, &used, p->lanes, sizeof *p->lane);
  p->cut_end = carve(block, &used, p->single ? 0 : (size_t)p->inputs + 1, sizeof *p->cut_end);
  p->cuts = carve(block, &used, p->single ? 0 : inner, sizeof *p->cuts);
  p->small_trees = carve(block, &used, small, sizeof *p->small_trees);
  p->small_leaves = carve(block, &used, small, sizeof *p->small_leaves);
  if (p->small && p->trees <= RANK_TREES_MOST) lay_out_ranks(p, block, &used);
  p->walks = carve(block, &used, p->small ? 0 : p->trees, sizeof *p->walks);
  p->nodes = carve(block, &used, p->small ? 0 : f->node_count, sizeof *p->nodes);
  p->leaves = carve(block, &used, p->small ? 0 : f->node_count, sizeof *p->leaves);
  return used;
}

static struct pack describe(const struct forest *f, uint32_t lane_count, uint32_t *inner) {
  struct pack p = {.inputs = f->inputs, .trees = f->tree_count, .lanes = lane_count ? lane_count : 1, .small = true, .single = f->single};
  for (uint32_t t = 0; t < f->tree_count; t++) p.small = p.small && forest_depth(f, t) <= PACK_SMALL;
  *inner = 0;
  for (uint32_t n = 0; n < f->node_count; n++) *inner += f->nodes[n].input != NODE_LEAF;
  return p;
}

static void fill(struct packing *k, uint32_t *scratch) {
  struct pack *p = k->p;
  const int shift = unit_exponent(k->f);
  p->unit = ldexp(1, -shift);
  p->base = whole(k->f->base, shift);
  for (uint32_t key = 0; key < p->inputs * 4; key++)
    if (k->lane_of[key])
      p->lane[k->lane_of[key] - 1] = (struct lane){key / 4, (key & NODE_MISSING_LEFT) != 0, (key & NODE_ZERO_MISSING) != 0};
  if (!p->single) collect_cuts(k, scratch);
  if (p->small) pack_small(k, shift);
  else pack_walks(k, shift);
}

struct pack *pack_new(const struct forest *f, const kairos_host *host) {
  struct packing k = {.f = f};
  struct pack *p = NULL;
  k.lane_of = memory_take(host, f->inputs, 5 * sizeof *k.lane_of); /* and one number an input as scratch */
  if (!k.lane_of) return NULL;
  number_lanes(&k);
  uint32_t inner;
  struct pack head = describe(f, k.lane_count, &inner);
  const size_t size = lay_out(&head, NULL, f, inner) + 64;
  char *block = memory_take(host, size, 1);
  if (block) { /* memory of the host is aligned to 16 bytes only; the pack stands on the first 64 */
    char *at = block + ((size_t) - (uintptr_t)block & 63);
    p = (struct pack *)(void *)at;
    lay_out(&head, at, f, inner);
    *p = head;
    p->block = block;
    p->size = size;
    k.p = p;
    fill(&k, k.lane_of + (size_t)f->inputs * 4);
  }
  memory_give(host, k.lane_of, f->inputs, 5 * sizeof *k.lane_of);
  return p;
}

void pack_free(struct pack *p, const kairos_host *host) {
  if (p) memory_give(host, p->block, p->size, 1);
}
