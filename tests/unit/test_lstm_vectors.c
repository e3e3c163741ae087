/* rooms: host kit; inside: host; libraries: plugin_lstm_parts */
/* Promise: an lstm is, gate by gate, gradient by gradient and step by step of Adam, what PyTorch 1.13 computes in double precision
 * (METHODS 2.2, 2.3); every kernel of floats gives the same bits as every other, whatever the batch. */
#include "lstm_parts.h"
#define KERNEL_EXACT
#include "learning.h"

#include <jansson.h>

static json_t *vectors;
/* The template once more, so that its inner steps can be looked at. */
static const struct kernels opened = {"opened", sizeof(real), 24, pack, unpack, gather, predict, forward, learn, step, transpose};

static int open_all(void **state) {
  (void)state;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  vectors = json_load_file(KAIROS_SOURCE_DIR "/tests/vectors/lstm.json", 0, NULL);
  return vectors ? 0 : -1;
}

static int close_all(void **state) {
  (void)state;
  json_decref(vectors);
  return 0;
}

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

static void near(const char *what, size_t index, double got, double wanted, double tolerance) {
  if (!(fabs(got - wanted) <= tolerance)) fail_msg("%s %zu: expected %.12g, got %.12g", what, index, wanted, got);
}

/* A matrix or a row of the vectors. */
static void copy_numbers(const json_t *from, double *to, size_t count) {
  size_t done = 0;
  for (size_t r = 0; r < json_array_size(from); r++) {
    const json_t *row = json_array_get(from, r);
    if (json_is_number(row)) to[done++] = json_number_value(row);
    else
      for (size_t c = 0; c < json_array_size(row); c++) to[done++] = number_at(row, c);
    assert_true(done <= count);
  }
  assert_int_equal(done, count);
}

#define CELL "{\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":2,\"lstm\":[2],\"dense\":[],\"precision\":\"double\"}"

static void every_gate_of_a_cell(void **state) {
  (void)state;
  kairos_model m;
  struct network n;
  struct workspace w;
  struct part_table *t = part_table(1, 3, 2);
  part_new(&m, CELL);
  m.kernels = &opened;
  assert_true(network_new(&n, &meter.host, &m.plan, m.kernels, 3));
  const struct lstm_layer *l = &m.plan.lstm[0];
  copy_numbers(at("cell.W_ih"), n.weights + l->from_w, 24);
  copy_numbers(at("cell.W_hh"), n.weights + l->from_u, 16);
  copy_numbers(at("cell.b"), n.weights + l->from_b, 8);
  model_adopt(&m, &n);
  for (uint32_t s = 0; s < 2; s++)
    for (uint32_t i = 0; i < 3; i++) *part_cell(t, 0, s, i) = number_at(json_array_get(at("cell.x"), s), i);
  const struct scaling scaling = model_scaling(&m, &m.network);
  assert_true(workspace_new(&w, &meter.host, &m.plan, m.kernels, 1, true));
  gather(&m.plan, &scaling, &t->batch, NULL, 0, 1, &w);
  layer_keep(&m.plan, 0, m.network.packed, &w, 1, w.x);
  const double *z = w.lstm[0].z, *c = w.lstm[0].c, *h = w.lstm[0].h;
  for (size_t s = 0; s < 2; s++) {
    static const char *const gate_names[] = {"i", "f", "g", "o"};
    const json_t *wanted = json_array_get(at("cell.steps"), s);
    for (size_t u = 0; u < 2; u++) {
      for (size_t g = 0; g < 4; g++)
        near(gate_names[g], 2 * s + u, z[s * 64 + g * 16 + u], number_at(json_object_get(wanted, gate_names[g]), u), 1e-10);
      near("c", 2 * s + u, c[s * 16 + u], number_at(json_object_get(wanted, "c"), u), 1e-10);
      near("h", 2 * s + u, h[s * 16 + u], number_at(json_object_get(wanted, "h"), u), 1e-10);
    }
  }
  workspace_free(&w, &meter.host);
  part_free(&m);
  part_table_free(t);
}

#define TEN "\"inputs\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"]"

static void the_seed_architecture(void **state) {
  (void)state;
  struct part_table *t = part_table(5, 10, 30);
  part_cosines(t);
  for (int exact = 0; exact < 2; exact++) {
    kairos_model m;
    part_new(&m, exact ? "{" TEN ",\"precision\":\"double\"}" : "{" TEN "}");
    part_fill(&m, 0.1);
    assert_int_equal(m.plan.canonical, json_integer_value(at("seed_arch_forward.n_params")));
    for (size_t k = 0; k < KERNELS_COUNT; k++) {
      double got[5];
      if (!kernels_list(k) || (kernels_list(k) == kernels_exact) != (exact == 1)) continue;
      part_switch(&m, kernels_list(k));
      part_answers(&m, t, 5, got);
      for (size_t r = 0; r < 5; r++) near(m.kernels->name, r, got[r], number_at(at("seed_arch_forward.y"), r), exact ? 1e-10 : 1e-5);
    }
    part_free(&m);
  }
  part_table_free(t);
}

/* ---- learning ---- */

#define SMALL "\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":5,\"lstm\":[4,3],\"dense\":[3]"

struct bench { /* a network that learns from one batch */
  kairos_model m;
  struct part_table *t;
  struct workspace w;
  struct lesson lesson;
};

static void bench_new(struct bench *b, const char *config, const struct kernels *kernels, uint32_t rows) {
  part_new(&b->m, config);
  part_fill(&b->m, 0.1);
  part_switch(&b->m, kernels);
  b->t = part_table(rows, b->m.settings.shape.input_count, b->m.settings.steps);
  part_cosines(b->t);
  assert_true(workspace_new(&b->w, &meter.host, &b->m.plan, kernels, rows, true));
  kernels->pack(&b->m.plan, b->m.network.weights, b->w.weights);
  kernels->transpose(&b->m.plan, &b->w);
  b->lesson = (struct lesson){&b->m.plan, &b->w, 0, 1};
}

static void bench_free(struct bench *b) {
  workspace_free(&b->w, &meter.host);
  part_table_free(b->t);
  part_free(&b->m);
}

static void bench_rows(struct bench *b) {
  const struct scaling scaling = model_scaling(&b->m, &b->m.network);
  b->m.kernels->gather(&b->m.plan, &scaling, &b->t->batch, NULL, 0, b->t->rows, &b->w);
}

static void bench_compare(struct bench *b, const char *path, const void *packed, double tolerance) {
  static const char *const names[] = {"l1.weight_ih_l0", "l1.weight_hh_l0", "l1.bias_ih_l0", "l2.weight_ih_l0", "l2.weight_hh_l0",
                                      "l2.bias_ih_l0",   "d1.weight",       "d1.bias",       "d2.weight",       "d2.bias"};
  static const size_t sizes[] = {48, 64, 16, 48, 36, 12, 9, 3, 3, 1};
  double *got = calloc(b->m.plan.canonical, sizeof *got), wanted[64];
  size_t from = 0;
  assert_non_null(got);
  b->m.kernels->unpack(&b->m.plan, packed, got);
  for (size_t i = 0; i < 10; from += sizes[i++]) {
    copy_numbers(json_object_get(at(path), names[i]), wanted, sizes[i]);
    for (size_t k = 0; k < sizes[i]; k++) near(names[i], k, got[from + k], wanted[k], tolerance);
  }
  assert_int_equal(from, b->m.plan.canonical);
  free(got);
}

static void bench_answers(struct bench *b, const char *path, double tolerance) {
  bench_rows(b);
  b->m.kernels->predict(&b->m.plan, b->w.weights, &b->w, b->t->rows);
  for (size_t r = 0; r < b->t->rows; r++) near(path, r, number_sigmoid(b->w.logits[r]), number_at(at(path), r), tolerance);
}

static void three_steps_of_adam(void **state) {
  (void)state;
  for (size_t k = 0; k < KERNELS_COUNT; k++) {
    struct bench b;
    if (!kernels_list(k)) continue;
    const bool exact = kernels_list(k) == kernels_exact;
    const double tolerance = exact ? 1e-9 : 1e-5;
    bench_new(&b, exact ? "{" SMALL ",\"precision\":\"double\"}" : "{" SMALL "}", kernels_list(k), 4);
    struct adam adam = {.rate = 1e-2, .first = 0.9, .second = 0.999, .epsilon = 1e-8, .first_power = 1, .second_power = 1};
    bench_answers(&b, "train_small.p0", tolerance);
    for (uint32_t n = 0; n < 3; n++) {
      bench_rows(&b);
      for (uint32_t r = 0; r < 4; r++) b.w.targets[r] = number_at(at("train_small.target"), r);
      const double loss = b.m.kernels->learn(&b.lesson, 4, 0.25) / 4;
      near("loss", n, loss, number_at(at("train_small.loss_hist"), n), tolerance);
      if (n == 0) bench_compare(&b, "train_small.grad0", b.w.gradient, tolerance);
      adam.first_power *= adam.first;
      adam.second_power *= adam.second;
      b.m.kernels->step(&b.lesson, &adam);
    }
    /* Adam's first steps are a sign times the rate: floats land on another side where a gradient is next to nothing */
    if (exact) bench_compare(&b, "train_small.params_after3", b.w.weights, tolerance);
    bench_answers(&b, "train_small.p_after3", exact ? tolerance : 1e-4);
    bench_free(&b);
  }
}

static void clipped_steps_with_another_epsilon(void **state) {
  (void)state;
  struct bench b;
  bench_new(&b, "{" SMALL ",\"precision\":\"double\"}", kernels_exact, 4);
  struct adam adam = {.rate = json_number_value(at("train_small_keras_defaults_clip.lr")),
                      .first = 0.9,
                      .second = 0.999,
                      .epsilon = json_number_value(at("train_small_keras_defaults_clip.eps")),
                      .clip = json_number_value(at("train_small_keras_defaults_clip.clip_global_norm")),
                      .first_power = 1,
                      .second_power = 1};
  double length = 0;
  for (uint32_t n = 0; n < 3; n++) {
    bench_rows(&b);
    for (uint32_t r = 0; r < 4; r++) b.w.targets[r] = number_at(at("train_small.target"), r);
    b.m.kernels->learn(&b.lesson, 4, 0.25);
    adam.first_power *= adam.first;
    adam.second_power *= adam.second;
    length = b.m.kernels->step(&b.lesson, &adam);
  }
  near("norm", 0, length, json_number_value(at("train_small_keras_defaults_clip.last_grad_norm")), 1e-9);
  bench_answers(&b, "train_small_keras_defaults_clip.p_after3", 1e-9);
  bench_free(&b);
}

static void dropout_keeps_the_mean(void **state) {
  (void)state;
  struct lesson l = {.dropout = json_number_value(at("dropout.rate")), .chance = 7};
  double from[4096], to[4096];
  unsigned char kept[4096];
  size_t stay = 0;
  for (size_t i = 0; i < 4096; i++) from[i] = number_at(at("dropout.x"), i % 3);
  drop(&l, from, to, kept, 4096);
  for (size_t i = 0; i < 4096; i++) {
    const double wanted = i % 3 == 1 ? 2 * number_at(at("dropout.y"), 0) : number_at(at("dropout.y"), i % 3);
    near("dropout", i, to[i], kept[i] ? wanted : 0, 1e-15);
    stay += kept[i];
  }
  assert_in_range(stay, 3150, 3400); /* of 4096: .8 ± five deviations */
}

/* Losses' central differences against the gradient, for every weight, with steps and single values missing, flags and dropout. */
static void gradients_are_slopes(void **state) {
  (void)state;
  static const char *const configs[] = {
      "{\"inputs\":[\"a\",\"b\"],\"steps\":4,\"lstm\":[3],\"dense\":[],\"precision\":\"double\"}",
      "{\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":6,\"lstm\":[5,4],\"dense\":[3],\"missing_flags\":true,\"precision\":\"double\"}",
      "{\"inputs\":[\"a\"],\"steps\":3,\"lstm\":[17,2,3],\"dense\":[4,5],\"precision\":\"double\"}"};
  for (size_t c = 0; c < 3; c++)
    for (int dropping = 0; dropping < 2; dropping++) {
      struct bench b;
      bench_new(&b, configs[c], kernels_exact, 3);
      const struct plan *p = &b.m.plan;
      double *gradient = calloc(p->canonical, sizeof *gradient), *weights = b.m.network.weights;
      assert_non_null(gradient);
      b.lesson.dropout = dropping ? 0.3 : 0;
      for (uint32_t i = 0; i < b.t->inputs; i++) {
        part_hole(b.t, 0, 0, i); /* a window that begins late */
        part_hole(b.t, 1, 2, i); /* and one with a gap */
      }
      part_hole(b.t, 2, 1, 0);
      bench_rows(&b);
      for (uint32_t r = 0; r < 3; r++) b.w.targets[r] = r == 1 ? 0.3 : r % 2;
      b.lesson.chance = 11;
      b.m.kernels->learn(&b.lesson, 3, 0.5);
      b.m.kernels->unpack(p, b.w.gradient, gradient);
      for (size_t i = 0; i < p->canonical; i++) {
        double loss[2];
        const double kept = weights[i];
        for (int side = 0; side < 2; side++) {
          weights[i] = kept + (side ? 1e-5 : -1e-5);
          b.m.kernels->pack(p, weights, b.w.weights);
          b.lesson.chance = 11;
          loss[side] = 0.5 * b.m.kernels->learn(&b.lesson, 3, 0.5);
        }
        weights[i] = kept;
        const double slope = (loss[1] - loss[0]) / 2e-5, size = fabs(slope) > fabs(gradient[i]) ? fabs(slope) : fabs(gradient[i]);
        if (!(fabs(slope - gradient[i]) <= 1e-6 * (size > 1e-3 ? size : 1e-3)))
          fail_msg("network %zu, dropout %d, weight %zu: gradient %.9g, slope %.9g", c, dropping, i, gradient[i], slope);
      }
      free(gradient);
      bench_free(&b);
    }
}

/* ---- the same bits ---- */

static void same_bits(const double *a, const double *b, size_t count, const char *what) {
  for (size_t i = 0; i < count; i++)
    if (memcmp(&a[i], &b[i], sizeof *a) != 0) fail_msg("%s: %zu: %.17g and %.17g", what, i, a[i], b[i]);
}

#define ODD "{\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":37,\"lstm\":[33,70,5],\"dense\":[19],\"missing_flags\":true}"

static void a_row_is_the_same_alone_and_on_every_kernel(void **state) {
  (void)state;
  kairos_model m;
  struct part_table *t = part_table(29, 3, 37);
  double first[29], got[29];
  part_new(&m, ODD);
  part_fill(&m, 0.4);
  part_cosines(t);
  for (uint32_t r = 0; r < 29; r++)
    for (uint32_t s = 0; s < r; s++) part_hole(t, r, s, (r + s) % 3);
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t s = 20; s < 25; s++) part_hole(t, 7, s, i);
  for (size_t k = 0; k < KERNELS_COUNT; k++) {
    const uint32_t sizes[] = {24, 1, 2, 5, 23};
    if (!kernels_list(k) || kernels_list(k) == kernels_exact) continue;
    part_switch(&m, kernels_list(k));
    for (size_t s = 0; s < 5; s++) {
      part_answers(&m, t, sizes[s], got);
      if (kernels_list(k) == kernels_choose(false) && s == 0) memcpy(first, got, sizeof got);
      same_bits(got, first, 29, m.kernels->name);
    }
  }
  part_table_free(t);
  part_free(&m);
}

static void kernels_learn_the_same_bits(void **state) {
  (void)state;
  double *first = NULL;
  for (size_t k = 0; k < KERNELS_COUNT; k++) {
    struct bench b;
    if (!kernels_list(k) || kernels_list(k) == kernels_exact) continue;
    bench_new(&b, ODD, kernels_list(k), 7);
    struct adam adam = {1e-2, 0.9, 0.999, 1e-8, 0.05, 1, 1};
    double *got = calloc(b.m.plan.canonical, sizeof *got);
    assert_non_null(got);
    b.lesson.dropout = 0.2;
    for (int n = 0; n < 3; n++) {
      bench_rows(&b);
      for (uint32_t r = 0; r < 7; r++) b.w.targets[r] = r % 3 == 0;
      b.m.kernels->learn(&b.lesson, 7, 1.0 / 7);
      adam.first_power *= adam.first;
      adam.second_power *= adam.second;
      b.m.kernels->step(&b.lesson, &adam);
    }
    b.m.kernels->unpack(&b.m.plan, b.w.weights, got);
    if (!first) first = got;
    else same_bits(got, first, b.m.plan.canonical, b.m.kernels->name);
    if (got != first) free(got);
    bench_free(&b);
  }
  free(first);
}

/* Steps that are missing at the start do not count: the answer is that of a shorter window. */
static void missing_steps_are_passed_over(void **state) {
  (void)state;
  kairos_model lengthy, brief;
  double a[2], b[2];
  struct part_table *t = part_table(2, 3, 5), *u = part_table(2, 3, 3);
  part_new(&lengthy, "{" SMALL "}");
  part_new(&brief, "{\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":3,\"lstm\":[4,3],\"dense\":[3]}");
  part_fill(&lengthy, 0.1);
  part_fill(&brief, 0.1);
  part_cosines(t);
  for (uint32_t r = 0; r < 2; r++)
    for (uint32_t i = 0; i < 3; i++) {
      const uint32_t kept[] = {1, 3, 4}; /* one gap at the start, one within */
      for (uint32_t s = 0; s < 3; s++) *part_cell(u, r, s, i) = *part_cell(t, r, kept[s], i);
      part_hole(t, r, 0, i);
      part_hole(t, r, 2, i);
    }
  part_answers(&lengthy, t, 2, a);
  part_answers(&brief, u, 2, b);
  same_bits(a, b, 2, "windows");
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t s = 0; s < 5; s++) part_hole(t, 1, s, i);
  part_answers(&lengthy, t, 2, a);
  same_bits(a, b, 1, "beside a row without anything");
  assert_true(isnan(a[1]));
  part_table_free(t);
  part_table_free(u);
  network_free(&brief.network, &meter.host);
  settings_free(&brief.settings, &meter.host);
  part_free(&lengthy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_gate_of_a_cell),
      cmocka_unit_test(the_seed_architecture),
      cmocka_unit_test(three_steps_of_adam),
      cmocka_unit_test(clipped_steps_with_another_epsilon),
      cmocka_unit_test(dropout_keeps_the_mean),
      cmocka_unit_test(gradients_are_slopes),
      cmocka_unit_test(a_row_is_the_same_alone_and_on_every_kernel),
      cmocka_unit_test(kernels_learn_the_same_bits),
      cmocka_unit_test(missing_steps_are_passed_over),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
