/* pack: a forest laid out for prediction. What a comparison looks at is a lane: one float, made from one input once a row.
 *
 *   lane   an input as float when the model is single, its rank among the input's thresholds otherwise (so that doubles are compared
 * exactly), and −inf or +inf where the value is missing, by the way a missing value goes at the nodes that read this lane node   left when
 * lane ≤ threshold leaf   its addend in units of `unit`, a whole number: sums of whole numbers are the same in any order, so each kernel
 * may take the trees and rows as it likes and all give the same bits */
#ifndef KAIROS_GBM_PACK_H
#define KAIROS_GBM_PACK_H
#include "gbm.h"

#define PACK_ROWS        64 /* rows that are worked on side by side: those of one word of validity bits */
#define PACK_SMALL       3  /* trees of up to this depth are filled up to it: 7 thresholds, 8 leaves, no branches */
#define PACK_GROUP       16 /* small trees that are worked on side by side for a single row */
#define PACK_GROUP_LANES 32 /* that many lanes fit the registers of the single row's kernel */

struct lane {
  uint32_t input;
  bool missing_left, zero_missing;
};

struct small_tree { /* node k's children are 2k + 1 and 2k + 2; leaves from left to right */
  float threshold[8];
  uint32_t lane[8]; /* × PACK_ROWS: where its rows begin */
  int64_t leaf[8];
};

struct small_group { /* the same trees, node by node */
  float threshold[7][PACK_GROUP];
  uint8_t lane[7][PACK_GROUP];
  uint8_t padding[16];
};

struct walk_node { /* of deeper trees; a leaf is its own child, so that a walk takes the tree's depth in steps whatever the row */
  float threshold;
  uint32_t lane;
  uint32_t child[2]; /* left, right */
};

struct walk_tree {
  uint32_t root, depth;
};

struct pack {
  void *block; /* the memory that this lies in, and its size */
  size_t size;
  uint32_t inputs, trees;
  uint32_t lanes; /* PACK_GROUP_LANES when there are no more, otherwise as many as there are */
  uint32_t used;  /* lanes that nodes read; they stand in order of their inputs */
  bool small, single;
  struct lane *lane;
  uint32_t *cut_end; /* [inputs + 1], not single: input i's thresholds are cuts[cut_end[i]] up to cuts[cut_end[i + 1]], rising */
  double *cuts;
  struct small_tree *small_trees;
  struct small_group *groups; /* [ceil(trees / PACK_GROUP)]; the last filled up with trees of 0 */
  struct walk_tree *walks;
  struct walk_node *nodes;
  int64_t *leaves; /* [nodes] */
  int64_t base;
  double unit; /* margin = unit × (base + leaves) */
};

/* NULL: no memory. [build] [train] */
struct pack *pack_new(const struct forest *f, const kairos_host *host);
void pack_free(struct pack *p, const kairos_host *host);

/* How predictions are computed: chosen once by what the processor has; every way gives the same bits. */
enum way { WAY_PORTABLE, WAY_AVX512, WAY_COUNT };
enum way way_best(void);

/* Sums of leaves and base for rows first … first + count − 1 (at most PACK_ROWS; `first` is a multiple of it), bit r of *answered for a row
 * that has at least one input. `lanes`: p->lanes × PACK_ROWS floats on 64 bytes. [predict] */
void pack_rows(const struct pack *p, enum way way, const kairos_batch *in, uint32_t first, uint32_t count, float *lanes,
               int64_t sums[PACK_ROWS], uint64_t *answered);
/* The same for one row; false: it has no input. */
bool pack_row(const struct pack *p, enum way way, const kairos_batch *in, uint32_t row, float *lanes, int64_t *sum);

/* evaluate_wide.c; only called where way_best says so. */
void wide_rows(const struct pack *p, const kairos_batch *in, uint32_t first, uint32_t count, float *lanes, int64_t sums[PACK_ROWS],
               uint64_t *answered);
int64_t wide_row(const struct pack *p, const float *lanes);

#endif
