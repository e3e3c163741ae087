/* Lays small trees out by input, for a single row. Promises that the masks of every key, each taken at the number of its thresholds that
 * the row is above, leave of each tree the leaf that its comparisons lead to as the lowest bit: a row that goes right at a node reaches
 * none of the leaves on its left, and of those that are left over after all nodes were asked the first is where the path ends. Called when
 * weights are adopted. */
#include "pack.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cut {
  float threshold;
  uint32_t key;
  uint8_t tree, node;
  bool missing_left;
};

static int by_key_and_threshold(const void *a, const void *b) {
  const struct cut *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->threshold > y->threshold) - (x->threshold < y->threshold);
}

/* Lanes that differ only in where a missing value goes are one key, and stand near each other. */
static uint32_t key_of(struct ranks *r, const struct lane *lane) {
  for (uint32_t k = r->key_count; k-- > 0 && r->keys[k].input == lane->input;)
    if (r->keys[k].zero_missing == lane->zero_missing) return k;
  r->keys[r->key_count] = (struct rank_key){lane->input, lane->zero_missing};
  r->zero_missing |= lane->zero_missing;
  return r->key_count++;
}

/* The leaves on a node's left, as bits. */
static uint8_t left_leaves(uint32_t node) {
  static const uint8_t leaves[] = {0x0F, 0x03, 0x30, 0x01, 0x04, 0x10, 0x40};
  return leaves[node];
}

/* Nodes that send everything left have no say. */
static uint32_t collect(const struct pack *p, const uint32_t *key_of_lane, const struct rank_block *block, struct cut *cuts) {
  uint32_t found = 0;
  for (uint32_t t = 0; t < block->trees; t++) {
    const struct small_tree *tree = &p->small_trees[block->first_tree + t];
    for (uint32_t n = 0; n < 7; n++) {
      const uint32_t lane = tree->lane[n] / PACK_ROWS;
      if (tree->threshold[n] < INFINITY)
        cuts[found++] = (struct cut){tree->threshold[n], key_of_lane[lane], (uint8_t)t, (uint8_t)n, p->lane[lane].missing_left};
    }
  }
  qsort(cuts, found, sizeof *cuts, by_key_and_threshold);
  return found;
}

/* One key's thresholds and masks in a block, from its cuts; returns how many those are. */
static uint32_t fill_lane(struct ranks *r, struct rank_lane *lane, const struct cut *cuts, uint32_t count) {
  float *thresholds = r->thresholds + r->threshold_count;
  uint8_t(*masks)[RANK_TREES] = r->masks + r->mask_count, missing[RANK_TREES];
  uint32_t distinct = 0, i = 0;
  memset(masks[0], 0xFF, RANK_TREES);
  memset(missing, 0xFF, RANK_TREES);
  for (; i < count && cuts[i].key == cuts[0].key; i++) {
    if (i == 0 || cuts[i].threshold > cuts[i - 1].threshold) {
      thresholds[distinct++] = cuts[i].threshold;
      memcpy(masks[distinct], masks[distinct - 1], RANK_TREES);
    }
    const uint8_t left = (uint8_t)~left_leaves(cuts[i].node);
    masks[distinct][cuts[i].tree] &= left;
    if (!cuts[i].missing_left) missing[cuts[i].tree] &= left;
  }
  memcpy(masks[distinct + 1], missing, RANK_TREES);
  const uint32_t packs = (distinct + RANK_PACK - 1) / RANK_PACK;
  for (uint32_t rest = distinct; rest < packs * RANK_PACK; rest++) thresholds[rest] = INFINITY; /* nothing is above */
  *lane = (struct rank_lane){cuts[0].key, r->keys[cuts[0].key].input, thresholds + packs * RANK_PACK, (const uint8_t(*)[RANK_TREES])masks,
                             masks[distinct + 1]};
  r->threshold_count += packs * RANK_PACK;
  r->mask_count += distinct + 2;
  return i;
}

void ranks_fill(struct pack *p) {
  struct ranks *r = &p->ranks;
  struct cut cuts[RANK_TREES * 7];
  for (uint32_t l = 0; l < p->lanes; l++) r->key_of_lane[l] = key_of(r, &p->lane[l]);
  for (uint32_t first = 0; first < p->trees; first += RANK_TREES) {
    struct rank_block *block = &r->blocks[r->block_count++];
    *block = (struct rank_block){.first_tree = first, .first_lane = r->lane_count, .thresholds = r->thresholds + r->threshold_count};
    block->trees = p->trees - first < RANK_TREES ? p->trees - first : RANK_TREES;
    const uint32_t found = collect(p, r->key_of_lane, block, cuts);
    for (uint32_t done = 0; done < found; block->lanes++, r->lane_count++)
      done += fill_lane(r, &r->lanes[r->lane_count], cuts + done, found - done);
  }
}
