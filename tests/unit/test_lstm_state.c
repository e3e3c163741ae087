/* rooms: host kit; inside: host; libraries: plugin_lstm_parts */
/* Promise: a state or a safetensors file of an lstm is taken only when all of it is usable, in PyTorch's layout or in Keras', goes out as
 * the same bytes again, and one that is refused leaves the model as it was. */
#include "lstm_parts.h"

#include "kit/rng.h"

#define CONFIG "{\"inputs\":[\"a\",\"b\"],\"steps\":4,\"lstm\":[3,2],\"dense\":[2]}"
#define INPUTS 2
#define HEAD   (9 * 4) /* words up to the number of rows */

static struct buf good, file;

static int make_good(void **state) {
  (void)state;
  kairos_model m;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  part_new(&m, CONFIG);
  part_fill(&m, 0.1);
  m.network.mean[0] = 3;
  m.network.factor[0] = 0.3;
  m.network.rows = 40;
  m.network.epochs = 7;
  part_put(&m, state_save, &good);
  part_put(&m, pytorch_export, &file);
  part_free(&m);
  return 0;
}

static int drop_good(void **state) {
  (void)state;
  buf_free(&good);
  buf_free(&file);
  return 0;
}

/* A refusal has a sentence, names the field, and changes neither an empty model nor one with weights. */
static void refused(part_reading *reading, struct str bytes, const char *words) {
  for (int trained = 0; trained < 2; trained++) {
    kairos_model m;
    kairos_error error = {.size = sizeof error};
    struct buf again = {0};
    part_new(&m, CONFIG);
    if (trained) assert_int_equal(part_take(&m, buf_view(&good), 0, part_load_one, &error), KAIROS_OK);
    assert_int_equal(part_take(&m, bytes, 0, reading, &error), KAIROS_BAD_STATE);
    if (!strstr(error.message, words)) fail_msg("expected '%s', got '%s'", words, error.message);
    assert_int_equal(m.trained, trained);
    if (trained) {
      part_put(&m, state_save, &again);
      assert_int_equal(again.len, good.len);
      assert_memory_equal(again.at, good.at, good.len);
    }
    buf_free(&again);
    part_free(&m);
  }
}

static void load_then_save_is_byte_equal(void **state) {
  (void)state;
  const size_t steps[] = {0, 1, 7};
  for (size_t i = 0; i < 3; i++) {
    kairos_model m;
    kairos_error error = {.size = sizeof error};
    struct buf again = {0};
    part_new(&m, CONFIG);
    assert_int_equal(part_take(&m, buf_view(&good), steps[i], part_load_one, &error), KAIROS_OK);
    part_put(&m, state_save, &again);
    assert_int_equal(again.len, good.len);
    assert_memory_equal(again.at, good.at, good.len);
    buf_free(&again);
    part_free(&m);
  }
}

static void cut_and_long_states_are_refused(void **state) {
  (void)state;
  for (size_t length = 0; length < good.len; length += length < 64 ? 1 : 29) {
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, good.at, length);
    refused(part_load_one, (struct str){exact, length}, length < HEAD ? "ends before its" : "take");
    free(exact);
  }
  struct buf longer = {0};
  buf_str(&longer, buf_view(&good));
  buf_char(&longer, 0);
  refused(part_load_one, buf_view(&longer), "take");
  buf_free(&longer);
}

static void every_word_of_the_head_counts(void **state) {
  (void)state;
  static const char *const words[] = {"mark",
                                      "number of inputs",
                                      "number of steps",
                                      "flags",
                                      "number of lstm layers",
                                      "units of an lstm layer",
                                      "units of an lstm layer",
                                      "number of dense layers",
                                      "units of a dense layer"};
  const uint32_t values[] = {UINT32_MAX, 0x80000000u, 0};
  for (size_t i = 0; i < HEAD / 4; i++)
    for (size_t v = 0; v < 3; v++) {
      struct buf copy = {0};
      buf_str(&copy, buf_view(&good));
      memcpy(copy.at + 4 * i, &values[v], 4);
      if (i != 3 || v < 2) refused(part_load_one, buf_view(&copy), words[i]);
      buf_free(&copy);
    }
  struct buf backwards = {0};
  for (size_t i = 0; i < good.len / 4 * 4; i++) buf_char(&backwards, good.at[i / 4 * 4 + 3 - i % 4]);
  refused(part_load_one, buf_view(&backwards), "backwards");
  buf_free(&backwards);
}

static void refused_with(size_t at, const void *number, size_t size, const char *words) {
  char *bytes = malloc(good.len);
  assert_non_null(bytes);
  memcpy(bytes, good.at, good.len);
  memcpy(bytes + at, number, size);
  refused(part_load_one, (struct str){bytes, good.len}, words);
  free(bytes);
}

static void every_number_is_judged(void **state) {
  (void)state;
  const double wide[] = {NAN, INFINITY, -INFINITY};
  const float narrow[] = {NAN, INFINITY, -INFINITY, 2e6F};
  const size_t scaling = HEAD + 8, weights = scaling + 16 * INPUTS;
  for (size_t at = scaling; at < weights; at += 8)
    for (size_t k = 0; k < 3; k++) refused_with(at, &wide[k], 8, at < scaling + 8 * INPUTS ? "the mean of input" : "the factor of input");
  refused_with(scaling + 8 * INPUTS, &(double){0}, 8, "the factor of input 0");
  refused_with(scaling + 8 * INPUTS + 8, &(double){-1}, 8, "the factor of input 1");
  for (size_t at = weights; at < good.len; at += 4)
    for (size_t k = 0; k < 4; k++) refused_with(at, &narrow[k], 4, "weight ");
}

static void versions_and_liars(void **state) {
  (void)state;
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  struct part_source source = {{good.at, good.len - 1}, 0};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = good.len, .read = part_read};
  part_new(&m, CONFIG);
  assert_int_equal(state_load(&m, &reader, 1, &error), KAIROS_BAD_STATE);
  assert_int_equal(state_load(&m, &reader, 2, &error), KAIROS_BAD_STATE);
  assert_non_null(strstr(error.message, "version 2, this plugin reads version 1"));
  struct buf none = {0};
  const kairos_writer writer = {.size = sizeof writer, .context = &none, .write = part_write};
  assert_int_equal(state_save(&m, &writer, &error), KAIROS_FAILED);
  assert_int_equal(pytorch_export(&m, &writer, &error), KAIROS_FAILED);
  assert_int_equal(none.len, 0);
  part_free(&m);
}

static void reloads_leave_nothing(void **state) {
  (void)state;
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  part_new(&m, CONFIG);
  assert_int_equal(part_take(&m, buf_view(&good), 0, part_load_one, &error), KAIROS_OK);
  const size_t used = atomic_load(&meter.used);
  for (int i = 0; i < 10000; i++) assert_int_equal(part_take(&m, buf_view(&good), 0, part_load_one, &error), KAIROS_OK);
  assert_int_equal(atomic_load(&meter.used), used);
  part_free(&m);
}

/* ---- safetensors ---- */

static void both_layouts_come_back_to_the_bit(void **state) {
  (void)state;
  static const char *const configs[] = {CONFIG, "{\"inputs\":[\"a\",\"b\"],\"lstm\":[5],\"dense\":{},\"precision\":\"double\"}",
                                        "{\"inputs\":[\"a\",\"b\"],\"lstm\":[4,4,4],\"dense\":[6,6],\"missing_flags\":true}"};
  for (size_t c = 0; c < 3; c++)
    for (int keras = 0; keras < 2; keras++)
      for (int scaled = 0; scaled < 2; scaled++) {
        kairos_model m;
        kairos_error error = {.size = sizeof error};
        struct buf before = {0}, out = {0}, after = {0};
        part_new(&m, configs[c]);
        part_fill(&m, 0.1);
        m.network.mean[1] = scaled ? 0.1 : 0;
        m.network.factor[0] = scaled ? 1.0 / 49 : 1;
        part_put(&m, state_save, &before);
        part_put(&m, keras ? keras_export : pytorch_export, &out);
        if (part_take(&m, buf_view(&out), 5, keras ? keras_import : pytorch_import, &error) != KAIROS_OK) fail_msg("%s", error.message);
        part_put(&m, state_save, &after);
        assert_int_equal(after.len, before.len);
        assert_memory_equal(after.at, before.at, before.len);
        assert_int_equal(((unsigned char)out.at[0] | (unsigned char)out.at[1] << 8) % 8, 0);
        part_free(&m);
        buf_free(&before);
        buf_free(&out);
        buf_free(&after);
      }
}

/* A safetensors file: a header, then numbers 1/8, 2/8 … as F32. */
static void make_file(struct buf *out, const char *header, size_t numbers) {
  const uint64_t length = strlen(header);
  buf_clear(out);
  buf_put(out, &length, sizeof length);
  buf_put(out, header, length);
  for (size_t i = 0; i < numbers; i++) {
    const float number = (float)(i + 1) / 8;
    buf_put(out, &number, sizeof number);
  }
}

#define ONE "{\"inputs\":[\"a\"],\"steps\":3,\"lstm\":[1],\"dense\":[]}"

static const double *imported(kairos_model *m, part_reading *reading, const char *config, const char *header, size_t numbers) {
  kairos_error error = {.size = sizeof error};
  struct buf bytes = {0};
  make_file(&bytes, header, numbers);
  part_new(m, config);
  if (part_take(m, buf_view(&bytes), 0, reading, &error) != KAIROS_OK) fail_msg("%s", error.message);
  buf_free(&bytes);
  return m->network.weights;
}

/* Whatever the modules are called and in whatever order the tensors stand; PyTorch's two biases are added up. */
static void names_of_other_programs(void **state) {
  (void)state;
  kairos_model m;
  const double *w = imported(&m, pytorch_import, ONE,
                             "{\"head.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[64,68]},"
                             "\"body.rnn.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]},"
                             "\"body.rnn.bias_hh_l0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[48,64]},"
                             "\"body.rnn.weight_hh_l0\":{\"shape\":[4,1],\"data_offsets\":[16,32],\"dtype\":\"F32\"},"
                             "\"__metadata__\":{\"format\":\"pt\",\"shape\":\"none\"},"
                             "\"body.rnn.bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[32,48]},"
                             "\"head.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[68,72]}}   ",
                             18);
  const double torch[] = {1, 2, 3, 4, 5, 6, 7, 8, 9 + 13, 10 + 14, 11 + 15, 12 + 16, 17, 18};
  for (size_t i = 0; i < 14; i++) assert_true(w[i] == torch[i] / 8);
  part_free(&m);
  /* one nn.LSTM of two layers, and a name that has a dot too few */
  w = imported(&m, pytorch_import, "{\"inputs\":[\"a\"],\"steps\":3,\"lstm\":[1,1],\"dense\":[]}",
               "{\"weight_ih_l1\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]},"
               "\"weight_hh_l1\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[16,32]},"
               "\"bias_ih_l1\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[32,48]},"
               "\"bias_hh_l1\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[48,64]},"
               "\"weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[64,80]},"
               "\"weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[80,96]},"
               "\"bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[96,112]},"
               "\"bias_hh_l0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[112,128]},"
               "\"weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[128,132]},"
               "\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[132,136]}}",
               34);
  assert_true(w[0] == 17.0 / 8 && w[12] == 1.0 / 8);
  part_free(&m);
  /* Keras: kernels the other way round, lstm_2 before lstm_10 */
  w = imported(&m, keras_import, "{\"inputs\":[\"a\",\"b\"],\"steps\":3,\"lstm\":[2,2],\"dense\":[]}",
               "{\"lstm_10/lstm_cell_10/kernel:0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[0,64]},"
               "\"lstm_10/lstm_cell_10/recurrent_kernel:0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[64,128]},"
               "\"lstm_10/lstm_cell_10/bias:0\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[128,160]},"
               "\"lstm_2/lstm_cell_2/kernel:0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[160,224]},"
               "\"lstm_2/lstm_cell_2/recurrent_kernel:0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[224,288]},"
               "\"lstm_2/lstm_cell_2/bias:0\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[288,320]},"
               "\"dense/kernel:0\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[320,328]},"
               "\"dense/bias:0\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[328,332]}}",
               83);
  assert_true(w[0] == 41.0 / 8 && w[1] == 49.0 / 8 && w[2] == 42.0 / 8);
  assert_true(w[40] == 1.0 / 8 && w[41] == 9.0 / 8);
  assert_true(w[80] == 81.0 / 8 && w[82] == 83.0 / 8);
  part_free(&m);
}

/* The header of a good file of ONE with one thing in another's place. */
static void forged(const char *from, const char *to, const char *words) {
  static const char *const header = "{\"l.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]},"
                                    "\"l.weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[16,32]},"
                                    "\"l.bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[32,48]},"
                                    "\"l.bias_hh_l0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[48,64]},"
                                    "\"d.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[64,68]},"
                                    "\"d.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[68,72]}}";
  const char *place = strstr(header, from);
  struct buf text = {0}, bytes = {0};
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  assert_non_null(place);
  buf_put(&text, header, (size_t)(place - header));
  buf_put(&text, to, strlen(to));
  buf_put(&text, place + strlen(from), strlen(place + strlen(from)) + 1);
  make_file(&bytes, text.at, 18);
  part_new(&m, ONE);
  const kairos_status status = part_take(&m, buf_view(&bytes), 0, pytorch_import, &error);
  assert_int_equal(status, *words ? KAIROS_BAD_STATE : KAIROS_OK);
  if (*words && !strstr(error.message, words)) fail_msg("expected '%s', got '%s'", words, error.message);
  assert_int_equal(m.trained, !*words);
  part_free(&m);
  buf_free(&text);
  buf_free(&bytes);
}

static void forged_headers_are_refused(void **state) {
  (void)state;
  forged("l.", "l.", "");
  forged("[4,1]", "[4,4000000000000]", "'l.weight_ih_l0': shape");
  forged("[4,1]", "[4,-1]", "'l.weight_ih_l0': shape");
  forged("[4,1]", "[4,1.5]", "'l.weight_ih_l0': shape");
  forged("[4,1]", "[4,0]", "'l.weight_ih_l0': shape");
  forged("[4,1]", "[4,1,1]", "'l.weight_ih_l0': shape");
  forged("[4,1]", "[]", "'l.weight_ih_l0': shape");
  forged("[4,1]", "[4000000,4000000]", "data_offsets: 0 to 16, its shape takes 64000000000000 bytes");
  forged("[4,1]", "[4,2]", "its shape takes 32 bytes");
  forged("[4,1]", "[1,4]", "nothing has a weight_ih [4, 1]");
  forged("[0,16]", "[16,0]", "data_offsets");
  forged("[0,16]", "[0,1099511627776]", "data_offsets");
  forged("[0,16]", "[0,1e300]", "data_offsets: expected two whole numbers");
  forged("[0,16]", "[0]", "data_offsets: expected two whole numbers");
  forged("[16,32]", "[0,16]", "no hole, no overlap");
  forged("[68,72]", "[64,68]", "no hole, no overlap");
  forged(",\"d.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[68,72]}", "", "4 bytes follow after the last tensor");
  forged("F32", "F16", "'l.weight_ih_l0': dtype");
  forged("F32", "I32", "'l.weight_ih_l0': dtype");
  forged("\"dtype\":\"F32\",", "", "dtype, shape and data_offsets, once each");
  forged("\"dtype\":\"F32\"", "\"dtype\":\"F32\",\"dtype\":\"F32\"", "once each");
  forged("\"dtype\":", "\"strides\":", "once each");
  forged("l.bias_hh_l0", "l.bias_ih_l0", "each name once");
  forged("l.bias_hh_l0", "l.weight_hr_l0", "'l.weight_hr_l0': its name ends in none of");
  forged("l.bias_hh_l0", "l.bias_hh_l0_reverse", "its name ends in none of");
  forged("l.bias_hh_l0", "l.bias_hh_l1", "nothing has a weight_ih");
  forged("d.weight", "e.weight", "dense layer 1: nothing has a weight [1, 1]");
  forged("l.weight_ih_l0", "l.\\u0000", "without escapes");
  forged("}}", "}", "its header");
  forged("{\"l.", "[\"l.", "its header");
  forged("{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]}", "3", "expected an object");
}

static void files_cut_or_bent_anywhere(void **state) {
  (void)state;
  for (size_t length = 0; length < file.len; length += length < 900 ? 7 : 31) {
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, file.at, length);
    refused(pytorch_import, (struct str){exact, length}, "safetensors: ");
    free(exact);
  }
  struct buf huge = {0};
  buf_str(&huge, buf_view(&file));
  memset(huge.at, 0xFF, 8);
  refused(pytorch_import, buf_view(&huge), "header length is 18446744073709551615");
  buf_free(&huge);
  refused(keras_import, buf_view(&file), "'lstm1.weight_ih_l0': its name ends in none of kernel");
  kairos_model m;
  for (size_t i = 0; i < 3000; i++) { /* any single byte: taken or refused, never worse */
    kairos_error error = {.size = sizeof error};
    struct buf bent = {0};
    buf_str(&bent, buf_view(&file));
    bent.at[rng_mix(i) * (double)file.len < (double)file.len ? (size_t)(rng_mix(i) * (double)file.len) : 0] = (char)(i % 251);
    part_new(&m, CONFIG);
    const kairos_status status = part_take(&m, buf_view(&bent), 0, pytorch_import, &error);
    assert_true(status == KAIROS_OK ? m.trained : status == KAIROS_BAD_STATE && !m.trained && error.message[0]);
    part_free(&m);
    buf_free(&bent);
  }
  struct buf poisoned = {0};
  const float nan = NAN;
  buf_str(&poisoned, buf_view(&file));
  memcpy(poisoned.at + poisoned.len - 4, &nan, 4);
  refused(pytorch_import, buf_view(&poisoned), "tensor 'dense2.bias': number 0 is");
  buf_free(&poisoned);
}

/* ---- configurations ---- */

static void refused_config(const char *members, const char *words) {
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  char config[400];
  snprintf(config, sizeof config, "{\"inputs\":[\"a\",\"b\"],%s}", members);
  assert_int_equal(part_create(&m, config, &error), KAIROS_BAD_CONFIG);
  if (!strstr(error.message, words)) fail_msg("expected '%s', got '%s'", words, error.message);
  assert_int_equal(atomic_load(&meter.used), 0);
}

static void settings_are_bounded(void **state) {
  (void)state;
  refused_config("\"steps\":0", "steps: expected a whole number of 1 to 512");
  refused_config("\"steps\":1e9", "steps");
  refused_config("\"lstm\":[]", "lstm: expected at least one layer");
  refused_config("\"lstm\":{}", "lstm: expected at least one layer");
  refused_config("\"dense\":{\"a\":4}", "dense: expected a list");
  refused_config("\"lstm\":64", "lstm: expected a list");
  refused_config("\"lstm\":[64,0]", "lstm: layer 2: expected 1 to 512 units");
  refused_config("\"lstm\":[1,1,1,1,1]", "lstm: more than 4 layers");
  refused_config("\"lstm\":[512,512,512,512],\"dense\":[512,512]", "weights, expected at most 4000000");
  refused_config("\"dense\":[2.5]", "dense: layer 1");
  refused_config("\"dropout\":1", "dropout: expected a number in [0, 0.9]");
  refused_config("\"missing_flags\":1", "missing_flags: expected true or false");
  refused_config("\"precision\":\"half\"", "precision: expected");
  refused_config("\"least_steps\":31", "least_steps 31 is above steps 30");
  refused_config("\"learning_rate\":0", "learning_rate");
  refused_config("\"seed\":-1", "seed");
  refused_config("\"output\":{\"name\":\"p\",\"low\":-1,\"high\":1}", "a probability is within 0 and 1");
  refused_config("\"units\":3", "unknown field \"units\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(load_then_save_is_byte_equal),
      cmocka_unit_test(cut_and_long_states_are_refused),
      cmocka_unit_test(every_word_of_the_head_counts),
      cmocka_unit_test(every_number_is_judged),
      cmocka_unit_test(versions_and_liars),
      cmocka_unit_test(reloads_leave_nothing),
      cmocka_unit_test(both_layouts_come_back_to_the_bit),
      cmocka_unit_test(names_of_other_programs),
      cmocka_unit_test(forged_headers_are_refused),
      cmocka_unit_test(files_cut_or_bent_anywhere),
      cmocka_unit_test(settings_are_bounded),
  };
  return cmocka_run_group_tests(tests, make_good, drop_good);
}
