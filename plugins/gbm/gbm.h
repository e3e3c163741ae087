/* gbm: gradient boosted trees, private to its folder.
 *   margin(x) = base + sum over trees of the addend of the leaf that x falls into
 *   output    = clamp(margin), or clamp(1 / (1 + exp(−slope · margin))) with the logistic link
 * The forest is what was learnt, what is saved and what is explained; predictions come from a packed copy of it (pack.h). */
#ifndef KAIROS_GBM_H
#define KAIROS_GBM_H
#include "common/shape.h"

#define GBM_TREES_MOST 20000
#define GBM_NODES_MOST 1000000 /* of all trees together */
#define GBM_DEPTH_MOST 128     /* inner nodes on the longest path */
#define GBM_ROWS_MOST  4000000 /* trained on */
#define GBM_ADDEND     1e30    /* no addend, base or slope beyond: sums stay finite */

/* ---- configuration ---- */

enum objective { OBJECTIVE_LOGISTIC, OBJECTIVE_SQUARED };
enum method {
  METHOD_AUTO,      /* exact up to GBM_EXACT_ROWS, histogram beyond */
  METHOD_EXACT,     /* every threshold, Friedman's gain: scikit-learn's GradientBoostingClassifier */
  METHOD_NEWTON,    /* every threshold, XGBoost's gain: tree_method = exact */
  METHOD_HISTOGRAM, /* at most `bins` thresholds an input, XGBoost's gain */
};
#define GBM_EXACT_ROWS 20000

struct settings {
  enum objective objective;
  enum method method;
  uint32_t trees, depth, leaf_rows, split_rows, bins;
  double rate, lambda, weight; /* weight: least sum of second derivatives in a child; it and lambda: newton and histogram */
  double base_score;           /* in (0, 1), or any number for squared; NaN: the targets' mean */
  struct shape shape;
};
/* Reads the configuration; what it holds is then the caller's to give back with settings_free. [build] */
kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error);
void settings_free(struct settings *s, const kairos_host *host);

/* ---- trees ---- */

enum link { LINK_NONE, LINK_LOGISTIC };

#define NODE_LEAF         UINT32_MAX
#define NODE_DELETED      (UINT32_MAX - 1) /* loose nodes only: left over in a file, no child of any */
#define NODE_MISSING_LEFT 1u               /* a missing value goes left; otherwise right */
#define NODE_ZERO_MISSING 2u               /* a value within ±1e-35 counts as missing (LightGBM's zero_as_missing) */

/* A tree's nodes stand in preorder: the left child of an inner node is the next one, so a forest has no cycles by its form. */
struct node {
  double number; /* inner: x ≤ number goes left; leaf: its addend */
  double cover;  /* what weight of training rows came here: their count, or what the imported file says */
  uint32_t input, flags;
  uint32_t right; /* inner: the right child, counted from the forest's first node */
};

struct forest {
  uint32_t inputs, tree_count, node_count;
  uint32_t tree_room, node_room;
  uint32_t rows; /* trained on; 0 when imported */
  enum link link;
  bool single; /* inputs are rounded to float before they are compared */
  double base, slope;
  uint32_t *roots; /* [tree_count] */
  struct node *nodes;
  double *importance; /* [inputs]: total gain of the splits on each input; 0 where an import does not tell */
};
struct forest forest_new(uint32_t inputs);
/* Room for importance; false: no memory. */
bool forest_begin(struct forest *f, const kairos_host *host);
bool forest_add_tree(struct forest *f, const kairos_host *host);         /* its root is the next node added */
struct node *forest_add_node(struct forest *f, const kairos_host *host); /* NULL: no memory */
/* Finds the right children of the newest tree's inner nodes; false: its nodes are no tree in preorder, or one too deep. */
bool forest_close_tree(struct forest *f);
uint32_t forest_tree_end(const struct forest *f, uint32_t tree); /* the node after its last */
uint32_t forest_depth(const struct forest *f, uint32_t tree);    /* inner nodes on its longest path */
void forest_free(struct forest *f, const kairos_host *host);

/* One node of a tree from a file: children by number within the tree, nothing believed yet. */
struct loose_node {
  double number, cover;
  uint32_t left, right, input, flags; /* leaf: input is NODE_LEAF */
  bool seen;                          /* forest_adopt's mark; begins false */
};
/* Adds the tree whose root is loose node 0: every child in range, every node reached exactly once (so no cycles), at most GBM_DEPTH_MOST
 * deep, inputs in range, numbers usable; `deleted` of them unreached. `what` names the file's kind and `tree` its number, for the sentence.
 * [build] */
kairos_status forest_adopt(struct forest *f, const kairos_host *host, struct loose_node *loose, uint32_t count, uint32_t deleted,
                           const char *what, uint32_t tree, kairos_error *error);

/* ---- models ---- */

struct pack;
struct kairos_model {
  const kairos_host *host;
  struct settings settings;
  struct forest forest; /* only when there is a pack */
  struct pack *pack;    /* NULL: never trained, loaded or imported */
  int way;              /* enum way: how predictions are computed here */
};
/* Takes the forest and packs it; the old one is freed. On failure the model stays as it was and the forest is freed. */
kairos_status model_adopt(kairos_model *model, struct forest *forest, kairos_error *error);
void model_drop(kairos_model *model); /* its weights */

struct kairos_session {
  const kairos_host *host;
  uint32_t rows_most;
  size_t size;  /* of this block */
  float *lanes; /* inside it, on 64 bytes: a block of rows' lanes */
};

kairos_status gbm_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                          kairos_error *error);
kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error);
kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
kairos_status gbm_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error);
/* XGBoost's JSON (booster gbtree) and LightGBM's text. */
kairos_status xgboost_import(kairos_model *model, const kairos_reader *reader, kairos_error *error);
kairos_status lightgbm_import(kairos_model *model, const kairos_reader *reader, kairos_error *error);
/* TreeSHAP: kairos_explain's function. */
kairos_status gbm_explain(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                          double *contributions, double *base, kairos_error *error);

/* A threshold may be the largest double: then every value goes left and only what is missing goes right. */
static inline bool threshold_usable(double value) {
  return value - value == 0;
}

/* An addend, a base, a slope, a cover. */
static inline bool number_usable(double value) {
  return value - value == 0 && value > -GBM_ADDEND && value < GBM_ADDEND;
}

#endif
