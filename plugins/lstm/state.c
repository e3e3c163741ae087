/* An lstm's weights as bytes. Layout, all little-endian:
 *   u32 mark, u32 inputs, u32 steps, u32 flags (1: missing flags, 2: doubles), u32 lstm layers, u32 their units …, u32 dense layers
 * (without the last), u32 their units …, u32 rows and u32 epochs trained on, f64 mean[inputs], f64 factor[inputs], then every weight in
 * PyTorch's order (one bias): f32, or f64 with flag 2. Promises that a state is taken only when its shape is the configuration's, its
 * length fits to the byte and every number is usable, and that a refused state leaves the model as it was. Save after load gives the same
 * bytes. Called while a model is built. */
#include "common/bytes.h"
#include "common/refuse.h"
#include "lstm.h"
#include <string.h>

#define STATE_VERSION 1
#define STATE_MARK    0x314D4C4Cu /* "LLM1"; the other way round, the bytes were written on a machine of the other order */
#define HEAD_MOST     (8 + LSTM_LAYERS_MOST + LSTM_DENSE_MOST)

/* The words that the configuration asks for, up to the layers. */
static uint32_t expected_head(const kairos_model *model, uint32_t head[HEAD_MOST]) {
  const struct settings *s = &model->settings;
  uint32_t n = 0;
  head[n++] = STATE_MARK;
  head[n++] = s->shape.input_count;
  head[n++] = s->steps;
  head[n++] = (s->flags ? 1 : 0) | (s->exact ? 2 : 0);
  head[n++] = s->lstm_count;
  for (uint32_t i = 0; i < s->lstm_count; i++) head[n++] = s->lstm[i];
  head[n++] = s->dense_count;
  for (uint32_t i = 0; i < s->dense_count; i++) head[n++] = s->dense[i];
  return n;
}

static uint64_t expected_length(const kairos_model *model, uint32_t head) {
  return 4 * ((uint64_t)head + 2) + 16 * (uint64_t)model->settings.shape.input_count +
         (model->settings.exact ? 8 : 4) * (uint64_t)model->plan.canonical;
}

static const char *word_name(const kairos_model *model, uint32_t number) {
  static const char *const names[] = {"mark", "number of inputs", "number of steps", "flags", "number of lstm layers"};
  if (number < 5) return names[number];
  if (number < 5 + model->settings.lstm_count) return "units of an lstm layer";
  return number == 5 + model->settings.lstm_count ? "number of dense layers" : "units of a dense layer";
}

static kairos_status read_head(const kairos_model *model, struct bytes_in *in, uint64_t length, kairos_error *error) {
  uint32_t head[HEAD_MOST];
  const uint32_t count = expected_head(model, head);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t word = bytes_u32(in);
    if (in->failed)
      return refuse(error, KAIROS_BAD_STATE, "lstm state: it ends before its %s, after %zu bytes", word_name(model, i), (size_t)length);
    if (i == 0 && word == __builtin_bswap32(STATE_MARK))
      return refuse(error, KAIROS_BAD_STATE, "lstm state: its mark stands backwards: expected little-endian numbers");
    if (word != head[i])
      return refuse(error, KAIROS_BAD_STATE, "lstm state: its %s is %u (word %u), the model's configuration says %u", word_name(model, i),
                    word, i, head[i]);
  }
  const uint64_t wanted = expected_length(model, count);
  if (length == wanted) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_STATE, "lstm state: %zu weights over %u inputs take %zu bytes, it has %zu", model->plan.canonical,
                model->settings.shape.input_count, (size_t)wanted, (size_t)length);
}

static kairos_status read_numbers(const kairos_model *model, struct network *n, struct bytes_in *in, kairos_error *error) {
  for (uint32_t i = 0; i < n->inputs; i++) {
    n->mean[i] = bytes_f64(in);
    if (!(n->mean[i] - n->mean[i] == 0))
      return refuse(error, KAIROS_BAD_STATE, "lstm state: the mean of input %u is %g, expected a finite number", i, n->mean[i]);
  }
  for (uint32_t i = 0; i < n->inputs; i++) {
    n->factor[i] = bytes_f64(in);
    if (!(n->factor[i] > 0 && n->factor[i] - n->factor[i] == 0))
      return refuse(error, KAIROS_BAD_STATE, "lstm state: the factor of input %u is %g, expected a number above 0", i, n->factor[i]);
  }
  for (size_t i = 0; i < model->plan.canonical; i++) {
    n->weights[i] = model->settings.exact ? bytes_f64(in) : (double)bytes_f32(in);
    if (!number_usable(n->weights[i]))
      return refuse(error, KAIROS_BAD_STATE, "lstm state: weight %zu is %g, expected one within ±%g", i, n->weights[i], LSTM_NUMBER_MOST);
  }
  return in->failed ? refuse(error, KAIROS_BAD_STATE, "lstm state: it ends before its announced length") : KAIROS_OK;
}

kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  if (version != STATE_VERSION)
    return refuse(error, KAIROS_BAD_STATE, "lstm state: version %u, this plugin reads version %d", version, STATE_VERSION);
  struct bytes_in in = bytes_from(reader);
  struct network n;
  kairos_status status = read_head(model, &in, reader->length, error);
  if (status != KAIROS_OK) return status;
  if (!network_new(&n, model->host, &model->plan, model->kernels, model->settings.shape.input_count))
    return refuse(error, KAIROS_NO_MEMORY, "lstm state: no memory for %zu weights", model->plan.canonical);
  n.rows = bytes_u32(&in);
  n.epochs = bytes_u32(&in);
  status = read_numbers(model, &n, &in, error);
  if (status == KAIROS_OK) model_adopt(model, &n);
  else network_free(&n, model->host);
  return status;
}

kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  if (!model->trained)
    return refuse(error, KAIROS_FAILED, "lstm: there are no weights to save, the model was never trained, loaded or imported");
  const struct network *n = &model->network;
  uint32_t head[HEAD_MOST];
  const uint32_t count = expected_head(model, head);
  struct bytes_out out = bytes_to(writer);
  for (uint32_t i = 0; i < count; i++) bytes_put_u32(&out, head[i]);
  bytes_put_u32(&out, n->rows);
  bytes_put_u32(&out, n->epochs);
  for (uint32_t i = 0; i < n->inputs; i++) bytes_put_f64(&out, n->mean[i]);
  for (uint32_t i = 0; i < n->inputs; i++) bytes_put_f64(&out, n->factor[i]);
  for (size_t i = 0; i < model->plan.canonical; i++) {
    if (model->settings.exact) bytes_put_f64(&out, n->weights[i]);
    else bytes_put_f32(&out, (float)n->weights[i]);
  }
  return out.failed ? refuse(error, KAIROS_FAILED, "lstm: the state could not be written whole") : KAIROS_OK;
}
