/* rooms: host kit; inside: host; libraries: plugin_gbm_parts */
/* Promise: a gbm trained here is, tree by tree, what scikit-learn 1.2.1 and XGBoost 1.7.4 train (METHODS 3.1), and its explanations are the
 * Shapley values of METHODS 3.4; in the parts, and once through the whole path: plugin from its file, training child, envelope, session. */
#include "gbm_parts.h"
#include "host/host.h"
#include "kit/file.h"

#include <jansson.h>

static json_t *vectors;
static struct plugin *gbm;
static char store[64];

static int open_all(void **state) {
  (void)state;
  struct err e = {0};
  meter_begin(&meter, "test", METER_MODEL_MOST);
  vectors = json_load_file(KAIROS_SOURCE_DIR "/tests/vectors/gbm.json", 0, NULL);
  snprintf(store, sizeof store, "/tmp/kairos-gbm-XXXXXX");
  if (!vectors || !mkdtemp(store)) return -1;
  if (plugin_open(KAIROS_BINARY_DIR "/plugins/gbm.so", store, &gbm, &e)) return 0;
  fprintf(stderr, "%s\n", e.text);
  return -1;
}

static int close_all(void **state) {
  (void)state;
  struct err e = {0};
  json_decref(vectors);
  return file_remove_tree(store, &e) ? 0 : -1;
}

#define INPUTS 4
#define NAMES  "\"inputs\":[\"a\",\"b\",\"c\",\"d\"]"

/* What stands at a path such as "exact100.trees.50". */
static const json_t *at(const char *path) {
  const json_t *j = vectors;
  char name[64];
  while (*path) {
    const size_t length = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    j = json_object_get(j, name);
    if (!j) fail_msg("the vectors have no %s", name);
    path += length + (path[length] == '.');
  }
  return j;
}

static double number_at(const json_t *list, size_t index) {
  return json_number_value(json_array_get(list, index));
}

static struct part_table *rows_at(const char *path) {
  const json_t *rows = at(path);
  struct part_table *t = part_table((uint32_t)json_array_size(rows), INPUTS);
  for (uint32_t r = 0; r < t->rows; r++)
    for (uint32_t i = 0; i < INPUTS; i++) *part_cell(t, r, i) = number_at(json_array_get(rows, r), i);
  return t;
}

static struct part_table *targets_at(const char *path) {
  const json_t *list = at(path);
  struct part_table *t = part_table((uint32_t)json_array_size(list), 1);
  for (uint32_t r = 0; r < t->rows; r++) t->values[r] = number_at(list, r);
  return t;
}

/* Within 1e-10, and half a unit of the tenth digit: so many are written. */
static void near(const char *what, size_t index, double got, double wanted) {
  double unit = 1e-10;
  for (double size = fabs(wanted); size >= 1; size /= 10) unit *= 10;
  if (!(fabs(got - wanted) <= 0.5 * unit + 1e-10)) fail_msg("%s %zu: expected %.12g, got %.12g", what, index, wanted, got);
}

static void train(kairos_model *m, const char *config, const char *x_path, const char *y_path) {
  kairos_error error = {.size = sizeof error};
  struct part_table *x = rows_at(x_path), *y = targets_at(y_path);
  if (part_create(m, config, &error) != KAIROS_OK || gbm_train(m, &x->batch, &y->batch, &error) != KAIROS_OK) fail_msg("%s", error.message);
  part_table_free(x);
  part_table_free(y);
}

static void expect_margins(const kairos_model *m, const char *path) {
  struct part_table *test = rows_at("X_test");
  double got[40];
  part_margins(m, WAY_PORTABLE, test, got);
  assert_int_equal(json_array_size(at(path)), test->rows);
  for (uint32_t r = 0; r < test->rows; r++) near(path, r, got[r], number_at(at(path), r));
  part_table_free(test);
}

/* One tree as scikit-learn's arrays say it: the same preorder, so node for node. */
static void expect_tree(const kairos_model *m, uint32_t number, const json_t *tree) {
  const uint32_t root = m->forest.roots[number], count = forest_tree_end(&m->forest, number) - root;
  assert_int_equal(count, json_array_size(json_object_get(tree, "left")));
  for (uint32_t n = 0; n < count; n++) {
    const struct node *node = &m->forest.nodes[root + n];
    const int left = (int)number_at(json_object_get(tree, "left"), n);
    assert_int_equal(node->input == NODE_LEAF, left < 0);
    near("rows of node", n, node->cover, number_at(json_object_get(tree, "n"), n));
    if (left < 0) {
      near("leaf", n, node->number / 0.1, number_at(json_object_get(tree, "value"), n));
    } else {
      assert_int_equal(left, n + 1);
      assert_int_equal(node->right - root, (int)number_at(json_object_get(tree, "right"), n));
      assert_int_equal(node->input, (int)number_at(json_object_get(tree, "feature"), n));
      near("threshold", n, node->number, number_at(json_object_get(tree, "threshold"), n));
    }
  }
}

static void a_hundred_trees_are_exact(void **state) {
  (void)state;
  const int stages[] = {1, 2, 10, 50, 100};
  kairos_model m;
  for (size_t s = 0; s < 5; s++) {
    char config[200], path[60];
    snprintf(config, sizeof config, "{" NAMES ",\"n_estimators\":%d,\"min_samples_leaf\":8,\"method\":\"exact\"}", stages[s]);
    snprintf(path, sizeof path, "exact100.staged_decision.%d", stages[s]);
    train(&m, config, "exact100.X", "exact100.y");
    expect_margins(&m, path);
    near("base", 0, m.forest.base, json_number_value(at("exact100.init_raw")));
    if (stages[s] == 100) {
      double sum = 0;
      expect_tree(&m, 0, at("exact100.trees.0"));
      expect_tree(&m, 50, at("exact100.trees.50"));
      expect_tree(&m, 99, at("exact100.trees.99"));
      for (uint32_t i = 0; i < INPUTS; i++) sum += m.forest.importance[i];
      for (uint32_t i = 0; i < INPUTS; i++)
        near("importance", i, m.forest.importance[i] / sum, number_at(at("exact100.feature_importances"), i));
    }
    part_free(&m);
  }
}

/* scikit-learn's own first trees of the default case, brought in as a file's would be. */
static void adopt_trees(kairos_model *m, uint32_t count) {
  kairos_error error = {.size = sizeof error};
  assert_int_equal(part_create(m, "{" NAMES "}", &error), KAIROS_OK);
  struct forest f = forest_new(INPUTS);
  assert_true(forest_begin(&f, &meter.host));
  f.link = LINK_LOGISTIC;
  f.base = json_number_value(at("init_raw"));
  for (uint32_t t = 0; t < count; t++) {
    const json_t *tree = json_array_get(at("trees"), t), *lefts = json_object_get(tree, "left");
    struct loose_node nodes[15] = {0};
    const uint32_t size = (uint32_t)json_array_size(lefts);
    assert_in_range(size, 1, 15);
    for (uint32_t n = 0; n < size; n++) {
      const bool leaf = number_at(lefts, n) < 0;
      nodes[n].cover = number_at(json_object_get(tree, "n"), n);
      nodes[n].number = leaf ? 0.1 * number_at(json_object_get(tree, "value"), n) : number_at(json_object_get(tree, "threshold"), n);
      nodes[n].input = leaf ? NODE_LEAF : (uint32_t)number_at(json_object_get(tree, "feature"), n);
      nodes[n].left = leaf ? 0 : (uint32_t)number_at(lefts, n);
      nodes[n].right = leaf ? 0 : (uint32_t)number_at(json_object_get(tree, "right"), n);
    }
    if (forest_adopt(&f, &meter.host, nodes, size, 0, "test", t, &error) != KAIROS_OK) fail_msg("%s", error.message);
  }
  assert_int_equal(model_adopt(m, &f, &error), KAIROS_OK);
}

static void the_default_trees_predict_as_there(void **state) {
  (void)state;
  for (uint32_t trees = 1; trees <= 3; trees++) {
    kairos_model m;
    char path[60];
    snprintf(path, sizeof path, "staged_decision.%u", trees);
    adopt_trees(&m, trees);
    expect_margins(&m, path);
    part_free(&m);
  }
}

/* In the default case two splits of node 2 of the very first tree gain the same; scikit-learn draws input 1, here the first input wins. */
static void ties_go_to_the_first_input(void **state) {
  (void)state;
  kairos_model m;
  const json_t *tree = json_array_get(at("trees"), 0);
  train(&m, "{" NAMES ",\"n_estimators\":1}", "X", "y");
  for (uint32_t n = 0; n < 2; n++) {
    assert_int_equal(m.forest.nodes[n].input, (int)number_at(json_object_get(tree, "feature"), n));
    near("threshold", n, m.forest.nodes[n].number, number_at(json_object_get(tree, "threshold"), n));
  }
  assert_int_equal(number_at(json_object_get(tree, "feature"), 2), 1);
  assert_int_equal(m.forest.nodes[2].input, 0);
  near("threshold", 2, m.forest.nodes[2].number, -1.468500018);
  part_free(&m);
}

static void newton_is_xgboost(void **state) {
  (void)state;
  kairos_model m;
  struct part_table *test = rows_at("X_test");
  double got[40];
  train(&m, "{" NAMES ",\"method\":\"newton\",\"n_estimators\":20,\"base_score\":0.5}", "X", "y");
  part_margins(&m, WAY_PORTABLE, test, got);
  for (uint32_t r = 0; r < test->rows; r++) {
    const double wanted = number_at(at("xgb_exact.proba_test"), r);
    if (!(fabs(1 / (1 + exp(-got[r])) - wanted) <= 1e-6)) fail_msg("row %u: expected %.9g, got %.9g", r, wanted, 1 / (1 + exp(-got[r])));
  }
  part_table_free(test);
  part_free(&m);
}

static void explanations_are_shapley_values(void **state) {
  (void)state;
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  kairos_session session = {.rows_most = 40};
  struct part_table *test = rows_at("X_test");
  double got[40 * INPUTS], base[40];
  adopt_trees(&m, 3);
  assert_int_equal(gbm_explain(&m, &session, &test->batch, 0, got, base, &error), KAIROS_OK);
  const json_t *rows = at("shap_first3_trees");
  assert_int_equal(json_array_size(rows), 4);
  for (uint32_t r = 0; r < 4; r++) {
    const json_t *row = json_array_get(rows, r);
    double sum = base[r];
    near("expected value", r, base[r], json_number_value(json_object_get(row, "expected_value")));
    for (uint32_t i = 0; i < INPUTS; i++) {
      near("contribution", i, got[r * INPUTS + i], number_at(json_object_get(row, "phi"), i));
      sum += got[r * INPUTS + i];
    }
    near("sum", r, sum, json_number_value(json_object_get(row, "fx")));
  }
  part_table_free(test);
  part_free(&m);
}

static void the_whole_path_predicts_the_same(void **state) {
  (void)state;
  struct err e = {0};
  struct part_table *x = rows_at("exact100.X"), *y = targets_at("exact100.y"), *test = rows_at("X_test");
  static const char *const names[] = {"a", "b", "c", "d"};
  const struct model_spec spec = {.name = "m", .inputs = names, .input_count = INPUTS, .config = STR("{\"min_samples_leaf\":8}")};
  const double *columns[INPUTS], *tests[INPUTS];
  for (uint32_t i = 0; i < INPUTS; i++) {
    columns[i] = part_cell(x, 0, i);
    tests[i] = part_cell(test, 0, i);
  }
  struct buf envelope = {0};
  struct trained *m = NULL;
  struct session *s = NULL;
  const struct training t = {.rows = x->rows, .inputs = columns, .target = y->values, .limit_ms = 60000, .memory_limit = (size_t)256 << 20};
  double got[40], *out = got;
  uint64_t valid, *bits = &valid, seeds[40] = {0};
  if (!model_train(gbm, &spec, &t, STR("{}"), &envelope, &e) || !model_create(gbm, &spec, &m, &e) ||
      !model_load(m, buf_view(&envelope), &e) || !session_open(m, 40, &s, &e) ||
      !session_predict(s, test->rows, tests, NULL, seeds, &out, &bits, &e))
    fail_msg("%s", e.text);
  assert_true(valid == (UINT64_C(1) << test->rows) - 1);
  for (uint32_t r = 0; r < test->rows; r++) near("probability", r, got[r], number_at(at("exact100.proba_test"), r));
  session_close(s);
  model_free(m);
  buf_free(&envelope);
  part_table_free(x);
  part_table_free(y);
  part_table_free(test);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hundred_trees_are_exact),       cmocka_unit_test(the_default_trees_predict_as_there),
      cmocka_unit_test(ties_go_to_the_first_input),      cmocka_unit_test(newton_is_xgboost),
      cmocka_unit_test(explanations_are_shapley_values), cmocka_unit_test(the_whole_path_predicts_the_same),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
