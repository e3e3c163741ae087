/* LightGBM's model text. Promises to take only one output, numerical splits, constant leaves, versions v2 to v4, objectives whose link it
 * knows, and trees that are trees; everything else is refused with its line and field. Values are compared as doubles, "not above" as
 * there; the three ways of LightGBM with missing values become flags of nodes. Called while a model is built. */
#include "common/refuse.h"
#include "common/text.h"
#include "import.h"
#include <string.h>

#define WHAT "lightgbm model"

#define DECISION_CATEGORY 1u
#define DECISION_LEFT     2u
enum missing { MISSING_NONE, MISSING_ZERO, MISSING_NAN }; /* bits 2 and 3 of a decision_type */

static kairos_status refuse_line(kairos_error *error, const struct text *t, const char *field, const char *fault) {
  return refuse(error, KAIROS_BAD_STATE, WHAT ", line %u: %.60s: %s", t->line, field, fault);
}

/* Cuts "key=value"; a line without '=' is a key without a value. */
static char *cut_key(char *line) {
  char *value = strchr(line, '=');
  if (!value) return NULL;
  *value = 0;
  return value + 1;
}

/* ---- the head ---- */

struct head {
  bool version, one_class, one_tree, objective;
  uint32_t features;
  char *names;
};

static kairos_status read_objective(struct forest *f, const struct text *t, char *value, kairos_error *error) {
  static const char *const plain[] = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"};
  char *name = text_word(&value), *option = text_word(&value);
  if (name && strcmp(name, "binary") == 0) {
    f->link = LINK_LOGISTIC;
    if (option && strncmp(option, "sigmoid:", 8) == 0 && text_number(option + 8, &f->slope) && f->slope >= 1e-6 && f->slope <= 1e6)
      return KAIROS_OK;
    return refuse_line(error, t, "objective", "expected 'binary sigmoid:' and a slope above 0");
  }
  if (name && strcmp(name, "cross_entropy") == 0 && !option) {
    f->link = LINK_LOGISTIC;
    return KAIROS_OK;
  }
  for (size_t i = 0; name && !option && i < sizeof plain / sizeof *plain; i++)
    if (strcmp(name, plain[i]) == 0) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_STATE,
                WHAT ", line %u: objective: '%.40s'; expected binary, cross_entropy or a regression on a plain sum", t->line,
                name ? name : "");
}

static kairos_status read_head_line(struct head *h, struct forest *f, const struct text *t, char *line, kairos_error *error) {
  char *value = cut_key(line);
  uint32_t number;
  if (!value)
    return strcmp(line, "average_output") == 0 ? refuse_line(error, t, line, "random forests cannot be imported, only boosted trees")
                                               : KAIROS_OK;
  if (strcmp(line, "version") == 0) {
    h->version = strcmp(value, "v2") == 0 || strcmp(value, "v3") == 0 || strcmp(value, "v4") == 0;
    return h->version ? KAIROS_OK : refuse_line(error, t, line, "expected v2, v3 or v4, got another");
  }
  if (strcmp(line, "num_class") == 0 || strcmp(line, "num_tree_per_iteration") == 0) {
    if (!text_count(value, 1, &number) || number != 1) return refuse_line(error, t, line, "expected 1, one output");
    *(line[4] == 'c' ? &h->one_class : &h->one_tree) = true;
  } else if (strcmp(line, "max_feature_idx") == 0) {
    if (!text_count(value, SHAPE_INPUTS_MOST - 1, &number)) return refuse_line(error, t, line, "expected a number of 0 to 1023");
    h->features = number + 1;
  } else if (strcmp(line, "objective") == 0) {
    h->objective = true;
    return read_objective(f, t, value, error);
  } else if (strcmp(line, "feature_names") == 0) {
    h->names = value;
  }
  return KAIROS_OK;
}

/* Up to the first tree, or "end of trees" where there is none; *line is then that line. */
static kairos_status read_head(kairos_model *model, struct text *t, struct forest *f, struct import_map *map, char **line,
                               kairos_error *error) {
  struct head h = {0};
  *line = text_line(t);
  if (!*line || strcmp(*line, "tree") != 0) return refuse(error, KAIROS_BAD_STATE, WHAT ": expected 'tree' as its first line");
  while ((*line = text_line(t)) && strncmp(*line, "Tree=", 5) != 0 && strcmp(*line, "end of trees") != 0) {
    const kairos_status status = read_head_line(&h, f, t, *line, error);
    if (status != KAIROS_OK) return status;
  }
  if (!*line || !h.version || !h.one_class || !h.one_tree || !h.features || !h.objective)
    return refuse(error, KAIROS_BAD_STATE,
                  WHAT ", line %u: expected version, num_class, num_tree_per_iteration, max_feature_idx and objective before its trees",
                  t->line);
  kairos_status status = import_map_count(map, model, WHAT, h.features, error);
  for (char *name; status == KAIROS_OK && h.names && (name = text_word(&h.names));)
    status = import_map_name(map, name, strlen(name), error);
  return status == KAIROS_OK ? import_map_end(map, error) : status;
}

/* ---- trees ---- */

enum column { FEATURE, THRESHOLD, DECISION, LEFT, RIGHT, INNER_COUNT, VALUE, LEAF_COUNT, COLUMNS };
static const char *const column_names[COLUMNS] = {"split_feature", "threshold",      "decision_type", "left_child",
                                                  "right_child",   "internal_count", "leaf_value",    "leaf_count"};

struct tree {
  uint32_t number, leaves;
  char *columns[COLUMNS];
};

static kairos_status refuse_tree(kairos_error *error, const struct tree *t, const char *field, const char *fault) {
  return refuse(error, KAIROS_BAD_STATE, WHAT ": tree %u: %s: %s", t->number, field, fault);
}

/* The lines of one tree; *line is then the next one that begins a tree or ends them. */
static kairos_status read_columns(struct tree *tree, struct text *t, char **line, kairos_error *error) {
  uint32_t number;
  if (!text_count(*line + 5, GBM_TREES_MOST, &number) || number != tree->number)
    return refuse_line(error, t, *line, "expected the next tree's number");
  while ((*line = text_line(t)) && strncmp(*line, "Tree=", 5) != 0 && strcmp(*line, "end of trees") != 0) {
    char *value = cut_key(*line);
    if (!value) continue;
    for (int c = 0; c < COLUMNS; c++)
      if (strcmp(*line, column_names[c]) == 0) tree->columns[c] = value;
    if (strcmp(*line, "num_leaves") == 0 && (!text_count(value, GBM_NODES_MOST / 2, &tree->leaves) || tree->leaves == 0))
      return refuse_line(error, t, *line, "expected a count of 1 or more");
    if (strcmp(*line, "num_cat") == 0 && strcmp(value, "0") != 0)
      return refuse_line(error, t, *line, "it splits on categories; only numerical splits can be imported");
    if (strcmp(*line, "is_linear") == 0 && strcmp(value, "0") != 0)
      return refuse_line(error, t, *line, "it has linear leaves; only constant ones can be imported");
  }
  if (!*line) return refuse(error, KAIROS_BAD_STATE, WHAT ": it ends after line %u without 'end of trees'", t->line);
  if (!tree->leaves) return refuse_tree(error, tree, "num_leaves", "expected a count, there is none");
  for (int c = tree->leaves > 1 ? FEATURE : VALUE; c < LEAF_COUNT + (tree->leaves > 1); c++)
    if (!tree->columns[c]) return refuse_tree(error, tree, column_names[c], "expected a list, there is none");
  if (strlen(tree->columns[VALUE]) + 1 < 2 * (size_t)tree->leaves) /* no memory for leaves that cannot be there */
    return refuse_tree(error, tree, column_names[VALUE], "it is shorter than num_leaves");
  return KAIROS_OK;
}

/* A child's place among the loose nodes: inner nodes first, then leaves, which are numbered −1, −2, … */
static bool child_of(const struct tree *t, double child, uint32_t *node) {
  const double inner = t->leaves - 1.0;
  if (!(child < inner && child >= -(double)t->leaves) || child != (double)(int64_t)child) return false;
  *node = child >= 0 ? (uint32_t)child : (uint32_t)(inner - 1 - child);
  return true;
}

static uint32_t flags_of(uint32_t decision, double threshold) {
  const uint32_t missing = decision >> 2 & 3, left = decision & DECISION_LEFT ? NODE_MISSING_LEFT : 0;
  if (missing == MISSING_ZERO) return left | NODE_ZERO_MISSING;
  return missing == MISSING_NAN ? left : threshold >= 0 ? NODE_MISSING_LEFT : 0; /* none: what is missing counts as 0 */
}

static kairos_status read_inner(struct tree *t, const struct import_map *map, struct loose_node *n, kairos_error *error) {
  double v[INNER_COUNT + 1];
  for (int c = FEATURE; c <= INNER_COUNT; c++)
    if (!text_number(text_word(&t->columns[c]), &v[c]))
      return refuse_tree(error, t, column_names[c], "expected a number for each inner node");
  if (!(v[FEATURE] >= 0 && v[FEATURE] < map->shape->input_count && v[FEATURE] == (double)(uint32_t)v[FEATURE]))
    return refuse_tree(error, t, "split_feature", "it splits on a feature that the model does not have");
  if (!(v[DECISION] >= 0 && v[DECISION] < 12 && v[DECISION] == (double)(uint32_t)v[DECISION]))
    return refuse_tree(error, t, "decision_type", "expected a number of 0 to 11");
  const uint32_t decision = (uint32_t)v[DECISION];
  if (decision & DECISION_CATEGORY)
    return refuse_tree(error, t, "decision_type", "it splits on categories; only numerical splits can be imported");
  *n = (struct loose_node){.number = v[THRESHOLD], .cover = v[INNER_COUNT], .input = map->input[(uint32_t)v[FEATURE]]};
  n->flags = flags_of(decision, v[THRESHOLD]);
  if (!child_of(t, v[LEFT], &n->left)) return refuse_tree(error, t, "left_child", "a child is out of range");
  if (!child_of(t, v[RIGHT], &n->right)) return refuse_tree(error, t, "right_child", "a child is out of range");
  return KAIROS_OK;
}

static kairos_status read_leaf(struct tree *t, struct loose_node *n, kairos_error *error) {
  *n = (struct loose_node){.input = NODE_LEAF};
  if (!text_number(text_word(&t->columns[VALUE]), &n->number))
    return refuse_tree(error, t, "leaf_value", "expected a number for each leaf");
  if (t->leaves > 1 && !text_number(text_word(&t->columns[LEAF_COUNT]), &n->cover))
    return refuse_tree(error, t, "leaf_count", "expected a number for each leaf");
  return KAIROS_OK;
}

static kairos_status read_tree(kairos_model *model, struct tree *tree, struct text *t, char **line, const struct import_map *map,
                               struct forest *f, struct import_room *room, kairos_error *error) {
  kairos_status status = read_columns(tree, t, line, error);
  if (status != KAIROS_OK) return status;
  const uint32_t count = 2 * tree->leaves - 1;
  struct loose_node *nodes = import_room(room, model->host, count);
  if (!nodes) return refuse(error, KAIROS_NO_MEMORY, WHAT ": no memory for %u nodes", count);
  for (uint32_t n = 0; n < count && status == KAIROS_OK; n++)
    status = n + 1 < tree->leaves ? read_inner(tree, map, &nodes[n], error) : read_leaf(tree, &nodes[n], error);
  for (int c = 0; c < COLUMNS && status == KAIROS_OK; c++)
    if (tree->leaves > 1 && text_word(&tree->columns[c]))
      status = refuse_tree(error, tree, column_names[c], "it is longer than num_leaves");
  return status == KAIROS_OK ? forest_adopt(f, model->host, nodes, count, 0, WHAT, tree->number, error) : status;
}

kairos_status lightgbm_import(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  struct text t;
  struct import_map map;
  struct import_room room = {0};
  char *line = NULL;
  struct forest forest = forest_new(model->settings.shape.input_count);
  forest.single = false;
  kairos_status status = text_read(&t, model->host, reader, WHAT, error);
  if (status == KAIROS_OK && !forest_begin(&forest, model->host)) status = refuse(error, KAIROS_NO_MEMORY, WHAT ": no memory");
  if (status == KAIROS_OK) status = read_head(model, &t, &forest, &map, &line, error);
  for (uint32_t number = 0; status == KAIROS_OK && strcmp(line, "end of trees") != 0; number++) {
    struct tree tree = {.number = number};
    status = read_tree(model, &tree, &t, &line, &map, &forest, &room, error);
  }
  import_room_free(&room, model->host);
  text_free(&t, model->host);
  if (status == KAIROS_OK) return model_adopt(model, &forest, error);
  forest_free(&forest, model->host);
  return status;
}
