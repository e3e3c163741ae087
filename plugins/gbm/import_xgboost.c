/* XGBoost's JSON, read without XGBoost, which believes every child in the file and ignores a base_score that it cannot read. Promises to
 * take only booster gbtree, one output, numerical splits, versions 1 to 3, objectives whose link it knows, and trees that are trees;
 * everything else is refused with the field's name. Thresholds and leaves are rounded to float as XGBoost does; "below" becomes "not above
 * the float before". Called while a model is built. */
#include "common/refuse.h"
#include "common/text.h"
#include "import.h"
#include <math.h>
#include <string.h>

#define WHAT    "xgboost model"
#define DELETED 2147483647 /* split_indices of a node that pruning took out: it stays in the arrays, unreached */

/* ---- values ---- */

static bool find(struct config_value from, const char *path, struct config_value *value) {
  char name[40];
  *value = from;
  while (*path) {
    const size_t length = strcspn(path, ".");
    memcpy(name, path, length);
    name[length] = 0;
    if (!config_is_object(*value) || !config_member(*value, name, value)) return false;
    path += length + (path[length] == '.');
  }
  return true;
}

/* A number, or a text that is one, or such a text of one element in brackets (version 3). */
static bool number_of(struct config_value v, double *number) {
  const char *text;
  size_t length;
  char word[64];
  if (config_number(v, number)) return true;
  if (!config_text(v, &text, &length) || length >= sizeof word) return false;
  memcpy(word, text, length);
  word[length] = 0;
  if (length > 2 && word[0] == '[' && word[length - 1] == ']') {
    word[length - 1] = 0;
    return text_number(word + 1, number);
  }
  return text_number(word, number);
}

static kairos_status need_number(struct config_value root, const char *path, double low, double high, double *number, kairos_error *error) {
  struct config_value v;
  const bool there = find(root, path, &v);
  if (there && number_of(v, number) && *number >= low && *number <= high) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_STATE, WHAT ": %s: expected a number in [%g, %g], got %.*s", path, low, high,
                there ? (int)(v.end - v.at < 40 ? v.end - v.at : 40) : 7, there ? v.at : "nothing");
}

static bool text_is(struct config_value v, const char *wanted) {
  const char *text;
  size_t length;
  return config_text(v, &text, &length) && length == strlen(wanted) && memcmp(text, wanted, length) == 0;
}

/* ---- the head ---- */

static kairos_status read_version(struct config_value root, kairos_error *error) {
  struct config_value list, key, value;
  double major;
  const char *cursor = NULL;
  if (find(root, "version", &list) && config_is_array(list) && config_each(list, &cursor, &key, &value) && config_number(value, &major)) {
    if (major >= 1 && major < 4) return KAIROS_OK;
    return refuse(error, KAIROS_BAD_STATE, WHAT ": version: %g, this plugin reads 1 to 3", major);
  }
  return refuse(error, KAIROS_BAD_STATE, WHAT ": version: expected a list such as [1, 7, 4]");
}

static kairos_status read_objective(struct config_value root, struct forest *f, kairos_error *error) {
  static const struct {
    const char *name;
    enum link link;
    bool base_is_share; /* base_score is a probability, the base its log odds */
  } known[] = {{"binary:logistic", LINK_LOGISTIC, true}, {"reg:logistic", LINK_LOGISTIC, true},
               {"binary:logitraw", LINK_NONE, true},     {"reg:squarederror", LINK_NONE, false},
               {"reg:absoluteerror", LINK_NONE, false},  {"reg:pseudohubererror", LINK_NONE, false},
               {"reg:quantileerror", LINK_NONE, false}};
  struct config_value name;
  double base;
  if (!find(root, "learner.objective.name", &name))
    return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.objective.name: expected a text, there is none");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (!text_is(name, known[i].name)) continue;
    const bool share = known[i].base_is_share;
    const kairos_status status = need_number(root, "learner.learner_model_param.base_score", share ? 1e-7 : -GBM_ADDEND / 2,
                                             share ? 1 - 1e-7 : GBM_ADDEND / 2, &base, error);
    if (status != KAIROS_OK) return status;
    base = (double)(float)base;
    f->link = known[i].link;
    f->base = share ? -log(1 / base - 1) : base;
    return KAIROS_OK;
  }
  return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.objective.name: %.*s; expected binary:logistic or a regression on a plain sum",
                (int)(name.end - name.at < 60 ? name.end - name.at : 60), name.at);
}

static kairos_status read_names(struct config_value root, struct import_map *map, kairos_error *error) {
  struct config_value list, key, value;
  const char *text;
  size_t length;
  if (!find(root, "learner.feature_names", &list)) return KAIROS_OK;
  if (!config_is_array(list)) return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.feature_names: expected a list");
  for (const char *cursor = NULL; config_each(list, &cursor, &key, &value);) {
    if (!config_text(value, &text, &length))
      return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.feature_names: expected plain names in it");
    const kairos_status status = import_map_name(map, text, length, error);
    if (status != KAIROS_OK) return status;
  }
  return import_map_end(map, error);
}

static kairos_status read_head(kairos_model *model, struct config_value root, struct forest *f, struct import_map *map, double *trees,
                               kairos_error *error) {
  struct config_value name;
  double number;
  kairos_status status = read_version(root, error);
  if (status != KAIROS_OK) return status;
  if (!find(root, "learner.gradient_booster.name", &name) || !text_is(name, "gbtree"))
    return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.gradient_booster.name: expected \"gbtree\" (not dart, not gblinear)");
  if ((status = need_number(root, "learner.learner_model_param.num_class", 0, 1, &number, error)) != KAIROS_OK) return status;
  if (find(root, "learner.learner_model_param.num_target", &name) && !(number_of(name, &number) && number == 1))
    return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.learner_model_param.num_target: expected 1, one output");
  status = need_number(root, "learner.gradient_booster.model.gbtree_model_param.num_trees", 0, GBM_TREES_MOST, trees, error);
  if (status == KAIROS_OK) status = need_number(root, "learner.learner_model_param.num_feature", 1, SHAPE_INPUTS_MOST, &number, error);
  if (status == KAIROS_OK) status = import_map_count(map, model, WHAT, (uint32_t)number, error);
  if (status == KAIROS_OK) status = read_names(root, map, error);
  return status == KAIROS_OK ? read_objective(root, f, error) : status;
}

/* ---- trees ---- */

enum column { LEFT, RIGHT, INDEX, CONDITION, DEFAULT_LEFT, HESSIAN, SPLIT_TYPE, COLUMNS };
static const char *const column_names[COLUMNS] = {"left_children", "right_children", "split_indices", "split_conditions",
                                                  "default_left",  "sum_hessian",    "split_type"};

struct tree {
  uint32_t number, nodes;
  struct config_value columns[COLUMNS];
  const char *cursors[COLUMNS];
  bool has[COLUMNS];
};

static kairos_status refuse_tree(kairos_error *error, const struct tree *t, const char *field, const char *fault) {
  return refuse(error, KAIROS_BAD_STATE, WHAT ": tree %u: %s: %s", t->number, field, fault);
}

static kairos_status find_columns(struct tree *t, struct config_value object, kairos_error *error) {
  struct config_value key, value, v;
  double nodes, leaf_vector;
  for (const char *cursor = NULL; config_each(object, &cursor, &key, &value);) {
    for (int c = 0; c < COLUMNS; c++)
      if (config_key_is(key, column_names[c]) && config_is_array(value)) {
        t->columns[c] = value;
        t->has[c] = true;
      }
    if (config_key_is(key, "categories") && config_is_array(value)) {
      const char *inner = NULL;
      if (config_each(value, &inner, &v, &v))
        return refuse_tree(error, t, "categories", "it splits on categories; only numerical splits can be imported");
    }
  }
  for (int c = 0; c < SPLIT_TYPE; c++)
    if (!t->has[c]) return refuse_tree(error, t, column_names[c], "expected a list, there is none");
  if (!find(object, "tree_param.num_nodes", &v) || !number_of(v, &nodes) || nodes < 1 || nodes > GBM_NODES_MOST || nodes != floor(nodes))
    return refuse_tree(error, t, "tree_param.num_nodes", "expected a count of 1 or more");
  if (find(object, "tree_param.size_leaf_vector", &v) && !(number_of(v, &leaf_vector) && leaf_vector <= 1 && leaf_vector >= 0))
    return refuse_tree(error, t, "tree_param.size_leaf_vector", "expected 0 or 1, one output");
  t->nodes = (uint32_t)nodes;
  /* a number takes two bytes at least: no memory for nodes that cannot be there */
  if ((size_t)(t->columns[LEFT].end - t->columns[LEFT].at) < 2 * (size_t)t->nodes)
    return refuse_tree(error, t, column_names[LEFT], "it is shorter than tree_param.num_nodes");
  return KAIROS_OK;
}

/* The next number of a column; true and false count as 1 and 0. */
static bool next_number(struct tree *t, enum column c, double *number) {
  struct config_value key, value;
  bool truth;
  if (!config_each(t->columns[c], &t->cursors[c], &key, &value)) return false;
  if (config_number(value, number)) return true;
  if (!config_bool(value, &truth)) return false;
  *number = truth;
  return true;
}

static kairos_status read_node(struct tree *t, const struct import_map *map, struct loose_node *n, uint32_t *deleted, kairos_error *error) {
  double v[COLUMNS] = {0};
  for (int c = 0; c < COLUMNS; c++)
    if (t->has[c] && !next_number(t, (enum column)c, &v[c]))
      return refuse_tree(error, t, column_names[c], "expected a number for each of tree_param.num_nodes");
  if (v[SPLIT_TYPE] != 0) return refuse_tree(error, t, "split_type", "it splits on categories; only numerical splits can be imported");
  n->cover = v[HESSIAN];
  const float condition = (float)v[CONDITION];
  if (v[INDEX] == DELETED) {
    n->input = NODE_DELETED;
    ++*deleted;
  } else if (v[LEFT] == -1 && v[RIGHT] == -1) {
    n->input = NODE_LEAF;
    n->number = (double)condition;
  } else {
    if (!(v[LEFT] >= 0 && v[LEFT] < t->nodes && v[LEFT] == floor(v[LEFT])))
      return refuse_tree(error, t, "left_children", "a child is out of range");
    if (!(v[RIGHT] >= 0 && v[RIGHT] < t->nodes && v[RIGHT] == floor(v[RIGHT])))
      return refuse_tree(error, t, "right_children", "a child is out of range");
    if (!(v[INDEX] >= 0 && v[INDEX] < map->shape->input_count && v[INDEX] == floor(v[INDEX])))
      return refuse_tree(error, t, "split_indices", "it splits on a feature that the model does not have");
    n->left = (uint32_t)v[LEFT];
    n->right = (uint32_t)v[RIGHT];
    n->input = map->input[(uint32_t)v[INDEX]];
    n->flags = v[DEFAULT_LEFT] != 0 ? NODE_MISSING_LEFT : 0;
    n->number = (double)nextafterf(condition, -INFINITY);
  }
  return KAIROS_OK;
}

static kairos_status read_tree(kairos_model *model, struct tree *t, struct config_value object, const struct import_map *map,
                               struct forest *f, struct import_room *room, kairos_error *error) {
  double rest;
  uint32_t deleted = 0;
  if (!config_is_object(object)) return refuse_tree(error, t, "trees", "expected an object");
  kairos_status status = find_columns(t, object, error);
  if (status != KAIROS_OK) return status;
  struct loose_node *nodes = import_room(room, model->host, t->nodes);
  if (!nodes) return refuse(error, KAIROS_NO_MEMORY, WHAT ": no memory for %u nodes", t->nodes);
  for (uint32_t n = 0; n < t->nodes && status == KAIROS_OK; n++) status = read_node(t, map, &nodes[n], &deleted, error);
  for (int c = 0; c < COLUMNS && status == KAIROS_OK; c++)
    if (t->has[c] && next_number(t, (enum column)c, &rest))
      status = refuse_tree(error, t, column_names[c], "it is longer than tree_param.num_nodes");
  return status == KAIROS_OK ? forest_adopt(f, model->host, nodes, t->nodes, deleted, WHAT, t->number, error) : status;
}

static kairos_status read_trees(kairos_model *model, struct config_value root, const struct import_map *map, double announced,
                                struct forest *f, struct import_room *room, kairos_error *error) {
  struct config_value trees, info, key, value;
  double group;
  uint32_t count = 0;
  kairos_status status = KAIROS_OK;
  if (!find(root, "learner.gradient_booster.model.trees", &trees) || !config_is_array(trees))
    return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.gradient_booster.model.trees: expected a list");
  if (find(root, "learner.gradient_booster.model.tree_info", &info))
    for (const char *cursor = NULL; config_is_array(info) && config_each(info, &cursor, &key, &value);)
      if (!config_number(value, &group) || group != 0)
        return refuse(error, KAIROS_BAD_STATE, WHAT ": learner.gradient_booster.model.tree_info: expected 0 for each tree, one output");
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(trees, &cursor, &key, &value); count++) {
    struct tree t = {.number = count};
    status = read_tree(model, &t, value, map, f, room, error);
  }
  if (status == KAIROS_OK && (double)count != announced)
    return refuse(error, KAIROS_BAD_STATE, WHAT ": gbtree_model_param.num_trees: %g are announced, %u are there", announced, count);
  return status;
}

static kairos_status read_text(kairos_model *model, const struct text *text, struct forest *f, kairos_error *error) {
  struct config_value root;
  struct import_map map;
  struct import_room room = {0};
  double trees;
  if (!config_parse(text->bytes, &root, error))
    return refuse(error, KAIROS_BAD_STATE,
                  WHAT ": expected one JSON object (not UBJSON), whole and by the grammar: it is not, or is cut off");
  kairos_status status = read_head(model, root, f, &map, &trees, error);
  if (status == KAIROS_OK) status = read_trees(model, root, &map, trees, f, &room, error);
  import_room_free(&room, model->host);
  return status;
}

kairos_status xgboost_import(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  struct text text;
  struct forest forest = forest_new(model->settings.shape.input_count);
  kairos_status status = text_read(&text, model->host, reader, WHAT, error);
  if (status == KAIROS_OK && !forest_begin(&forest, model->host)) status = refuse(error, KAIROS_NO_MEMORY, WHAT ": no memory");
  if (status == KAIROS_OK) status = read_text(model, &text, &forest, error);
  text_free(&text, model->host);
  if (status == KAIROS_OK) return model_adopt(model, &forest, error);
  forest_free(&forest, model->host);
  return status;
}
