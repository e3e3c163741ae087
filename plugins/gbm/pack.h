/* pack: a forest laid out for prediction. What a comparison looks at is a lane: one float, made from one input once a row.
 *
 *   lane   an input as float when the model is single, its rank among the input's thresholds otherwise (so that doubles are compared
 * exactly), and −inf or +inf where the value is missing, by the way a missing value goes at the nodes that read this lane node   left when
 * lane ≤ threshold leaf   its addend in units of `unit`, a whole number: sums of whole numbers are the same in any order, so each kernel
 * may take the trees and rows as it likes and all give the same bits */
#ifndef KAIROS_GBM_PACK_H
#define KAIROS_GBM_PACK_H
#include "gbm.h"

#define PACK_ROWS       64   /* rows that are worked on side by side: those of one word of validity bits */
#define PACK_SMALL      3    /* trees of up to this depth are filled up to it: 7 thresholds, 8 leaves, no branches */
#define PACK_CHAINS     8    /* small trees of a row are added up so many at a time */
#define RANK_TREES      128  /* whose leaves are bits of one mask */
#define RANK_TREES_MOST 4096 /* beyond, masks would take megabytes */
#define RANK_PACK       32   /* thresholds that are looked at side by side */

struct lane {
  uint32_t input;
  bool missing_left, zero_missing;
};

struct small_tree { /* node k's children are 2k + 1 and 2k + 2; leaves from left to right */
  float threshold[8];
  uint32_t lane[8]; /* × PACK_ROWS: where its rows begin */
};
struct small_leaves { /* apart from it: one row looks at these alone */
  int64_t leaf[8];
};

/* The same trees input by input, in blocks of RANK_TREES: what one row's input says of all of them is one mask (rank.c). */
struct rank_key { /* inputs of which zero counts as missing are another key */
  uint32_t input;
  bool zero_missing;
};
struct rank_lane { /* of one key */
  uint32_t key, input;
  const float *thresholds_end;        /* rising, in packs, one at least, filled up with infinity; they begin where those before end */
  const uint8_t (*masks)[RANK_TREES]; /* mask n is for rows that are above n thresholds, */
  const uint8_t *missing;             /* this one for a missing value */
};
struct rank_block {
  uint32_t first_tree, trees, first_lane, lanes;
  const float *thresholds; /* of its first lane */
};
struct ranks {
  struct rank_block *blocks; /* NULL: too many trees */
  struct rank_key *keys;     /* in order of their inputs */
  uint32_t *key_of_lane;
  struct rank_lane *lanes;
  float *thresholds;
  uint8_t (*masks)[RANK_TREES]; /* bit l of a byte: leaf l of that tree can still be reached */
  bool zero_missing;            /* any key's */
  uint32_t block_count, key_count, lane_count, threshold_count, mask_count;
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
  uint32_t lanes; /* that nodes read, in order of their inputs; one when there are none */
  bool small, single;
  struct lane *lane;
  uint32_t *cut_end; /* [inputs + 1], not single: input i's thresholds are cuts[cut_end[i]] up to cuts[cut_end[i + 1]], rising */
  double *cuts;
  struct small_tree *small_trees; /* [trees], filled up to a multiple of PACK_CHAINS with trees of 0 */
  struct small_leaves *small_leaves;
  struct ranks ranks;
  struct walk_tree *walks;
  struct walk_node *nodes;
  int64_t *leaves; /* [nodes] */
  int64_t base;
  double unit; /* margin = unit × (base + leaves) */
};

/* NULL: no memory. [build] [train] */
struct pack *pack_new(const struct forest *f, const kairos_host *host);
void pack_free(struct pack *p, const kairos_host *host);

/* rank.c: makes keys and blocks of the pack's trees; there is room for everything. */
void ranks_fill(struct pack *p);

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
int64_t wide_row(const struct pack *p, const float *values); /* when there are ranks; of each key, NaN where it is missing */
/* The short way, for a model of floats and one block: false when a value is missing or it is no such model; then *sum is nothing. */
bool wide_row_whole(const struct pack *p, const kairos_batch *in, uint32_t row, int64_t *sum);

#endif
