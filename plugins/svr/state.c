/* An svr's weights as bytes. Layout, all little-endian:
 *   u32 inputs, u32 support vectors, u32 rows trained on, f64 gamma, f64 bias, f64 mean[inputs], f64 scale[inputs],
 *   f64 coefficient[vectors], f64 support[vectors][inputs]
 * Promises that a state is taken only when its counts fit this model and its length to the byte and every number is finite and usable, and
 * that a refused state leaves the model as it was. Save after load gives the same bytes. Called while a model is built. */
#include "common/bytes.h"
#include "common/refuse.h"
#include "svr.h"

#define STATE_VERSION 1
#define STATE_HEAD    (3 * 4 + 2 * 8)

static bool usable(double value) {
  return value - value == 0 && value > -1e100 && value < 1e100;
}

static kairos_status check_head(const kairos_model *model, const kairos_reader *reader, struct bytes_in *in, struct machine *head,
                                kairos_error *error) {
  const uint32_t wanted = model->settings.shape.input_count;
  *head = (struct machine){.inputs = bytes_u32(in), .vectors = bytes_u32(in), .rows = bytes_u32(in)};
  head->gamma = bytes_f64(in);
  head->bias = bytes_f64(in);
  if (in->failed)
    return refuse(error, KAIROS_BAD_STATE, "svr state: expected at least %d bytes, it has %zu", STATE_HEAD, (size_t)reader->length);
  if (head->inputs != wanted)
    return refuse(error, KAIROS_BAD_STATE, "svr state: it has %u inputs, the model's configuration names %u", head->inputs, wanted);
  if (head->vectors > SVR_VECTORS_MOST)
    return refuse(error, KAIROS_BAD_STATE, "svr state: %u support vectors, expected at most %d", head->vectors, SVR_VECTORS_MOST);
  const uint64_t expected = STATE_HEAD + 8 * (2 * (uint64_t)wanted + (uint64_t)head->vectors * (1 + (uint64_t)wanted));
  if (reader->length != expected)
    return refuse(error, KAIROS_BAD_STATE, "svr state: %u support vectors of %u inputs take %zu bytes, it has %zu", head->vectors, wanted,
                  (size_t)expected, (size_t)reader->length);
  if (!usable(head->gamma) || head->gamma <= 0 || !usable(head->bias))
    return refuse(error, KAIROS_BAD_STATE, "svr state: expected a finite gamma above 0 and a finite bias, it has %g and %g", head->gamma,
                  head->bias);
  return KAIROS_OK;
}

static kairos_status refuse_number(kairos_error *error, const char *what, uint32_t index, double value) {
  return refuse(error, KAIROS_BAD_STATE, "svr state: %s %u is %g, expected a usable number", what, index, value);
}

static kairos_status read_numbers(struct machine *m, struct bytes_in *in, kairos_error *error) {
  for (uint32_t i = 0; i < m->inputs; i++) {
    m->mean[i] = bytes_f64(in);
    if (!usable(m->mean[i])) return refuse_number(error, "the mean of input", i, m->mean[i]);
  }
  for (uint32_t i = 0; i < m->inputs; i++) {
    m->scale[i] = bytes_f64(in);
    if (!usable(m->scale[i]) || m->scale[i] < 1e-300) return refuse_number(error, "the scale of input", i, m->scale[i]);
  }
  for (uint32_t v = 0; v < m->vectors; v++) {
    m->coefficients[v] = bytes_f64(in);
    if (!usable(m->coefficients[v])) return refuse_number(error, "coefficient", v, m->coefficients[v]);
  }
  for (uint32_t v = 0; v < m->vectors; v++)
    for (uint32_t i = 0; i < m->inputs; i++) {
      const double value = bytes_f64(in);
      if (!usable(value)) return refuse_number(error, "a number of support vector", v, value);
      *machine_support(m, v, i) = value;
    }
  return in->failed ? refuse(error, KAIROS_BAD_STATE, "svr state: it ends before its announced length") : KAIROS_OK;
}

kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  if (version != STATE_VERSION)
    return refuse(error, KAIROS_BAD_STATE, "svr state: version %u, this plugin reads version %d", version, STATE_VERSION);
  struct bytes_in in = bytes_from(reader);
  struct machine head, machine;
  kairos_status status = check_head(model, reader, &in, &head, error);
  if (status != KAIROS_OK) return status;
  if (!machine_new(&machine, model->host, head.inputs, head.vectors))
    return refuse(error, KAIROS_NO_MEMORY, "svr state: no memory for %u support vectors", head.vectors);
  machine.rows = head.rows;
  machine.gamma = head.gamma;
  machine.bias = head.bias;
  status = read_numbers(&machine, &in, error);
  if (status == KAIROS_OK) model_adopt(model, &machine);
  else machine_free(&machine, model->host);
  return status;
}

kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  if (!model->trained) return refuse(error, KAIROS_FAILED, "svr: there are no weights to save, the model was never trained or loaded");
  const struct machine *m = &model->machine;
  struct bytes_out out = bytes_to(writer);
  bytes_put_u32(&out, m->inputs);
  bytes_put_u32(&out, m->vectors);
  bytes_put_u32(&out, m->rows);
  bytes_put_f64(&out, m->gamma);
  bytes_put_f64(&out, m->bias);
  for (uint32_t i = 0; i < m->inputs; i++) bytes_put_f64(&out, m->mean[i]);
  for (uint32_t i = 0; i < m->inputs; i++) bytes_put_f64(&out, m->scale[i]);
  for (uint32_t v = 0; v < m->vectors; v++) bytes_put_f64(&out, m->coefficients[v]);
  for (uint32_t v = 0; v < m->vectors; v++)
    for (uint32_t i = 0; i < m->inputs; i++) bytes_put_f64(&out, *machine_support(m, v, i));
  return out.failed ? refuse(error, KAIROS_FAILED, "svr: the state could not be written whole") : KAIROS_OK;
}
