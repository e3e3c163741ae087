/* A hazard's weights as bytes. Layout, all little-endian:
 *   u32 inputs, u32 rows, u32 events, u32 ridged, f64 constant, f64 mean[inputs], f64 scale[inputs], f64 slope[inputs]
 * Promises that a state is taken only when its count fits this model and its length to the byte and every number is usable, and that a
 * refused state leaves the model as it was. Save after load gives the same bytes. Called while a model is built. */
#include "common/bytes.h"
#include "common/refuse.h"
#include "hazard.h"

#define STATE_VERSION 1
#define STATE_HEAD    (4 * 4 + 8)

static bool usable(double value) {
  return value - value == 0 && value > -1e100 && value < 1e100;
}

void model_adopt(kairos_model *model, struct curve *curve) {
  if (model->trained) curve_free(&model->curve, model->host);
  model->curve = *curve;
  model->trained = true;
}

static kairos_status check_head(const kairos_model *model, const kairos_reader *reader, struct bytes_in *in, struct curve *head,
                                kairos_error *error) {
  const uint32_t wanted = model->settings.shape.input_count;
  const uint64_t expected = STATE_HEAD + 3 * 8 * (uint64_t)wanted;
  *head = (struct curve){.inputs = bytes_u32(in), .rows = bytes_u32(in), .events = bytes_u32(in)};
  const uint32_t ridged = bytes_u32(in);
  head->ridged = ridged == 1;
  head->constant = bytes_f64(in);
  if (in->failed || reader->length != expected)
    return refuse(error, KAIROS_BAD_STATE, "hazard state: %u inputs take %zu bytes, it has %zu", wanted, (size_t)expected,
                  (size_t)reader->length);
  if (head->inputs != wanted)
    return refuse(error, KAIROS_BAD_STATE, "hazard state: it has %u inputs, the model's configuration names %u", head->inputs, wanted);
  if (ridged > 1 || head->events > head->rows)
    return refuse(error, KAIROS_BAD_STATE, "hazard state: %u events of %u rows, ridged %u; expected no more than rows, and 0 or 1",
                  head->events, head->rows, ridged);
  if (!usable(head->constant)) return refuse(error, KAIROS_BAD_STATE, "hazard state: the constant is %g", head->constant);
  return KAIROS_OK;
}

static kairos_status read_list(struct bytes_in *in, const char *what, double *to, uint32_t count, double least, kairos_error *error) {
  for (uint32_t i = 0; i < count; i++) {
    to[i] = bytes_f64(in);
    if (!usable(to[i]) || to[i] < least)
      return refuse(error, KAIROS_BAD_STATE, "hazard state: %s %u is %g, expected a usable number", what, i, to[i]);
  }
  return in->failed ? refuse(error, KAIROS_BAD_STATE, "hazard state: it ends before its announced length") : KAIROS_OK;
}

kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  if (version != STATE_VERSION)
    return refuse(error, KAIROS_BAD_STATE, "hazard state: version %u, this plugin reads version %d", version, STATE_VERSION);
  struct bytes_in in = bytes_from(reader);
  struct curve head, c;
  kairos_status status = check_head(model, reader, &in, &head, error);
  if (status != KAIROS_OK) return status;
  if (!curve_new(&c, model->host, head.inputs))
    return refuse(error, KAIROS_NO_MEMORY, "hazard state: no memory for %u inputs", head.inputs);
  c.rows = head.rows;
  c.events = head.events;
  c.ridged = head.ridged;
  c.constant = head.constant;
  status = read_list(&in, "mean", c.mean, c.inputs, -1e100, error);
  if (status == KAIROS_OK) status = read_list(&in, "scale", c.scale, c.inputs, 1e-100, error);
  if (status == KAIROS_OK) status = read_list(&in, "slope", c.slopes, c.inputs, -1e100, error);
  if (status == KAIROS_OK) model_adopt(model, &c);
  else curve_free(&c, model->host);
  return status;
}

kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  if (!model->trained) return refuse(error, KAIROS_FAILED, "hazard: there are no weights to save, the model was never trained or loaded");
  const struct curve *c = &model->curve;
  struct bytes_out out = bytes_to(writer);
  bytes_put_u32(&out, c->inputs);
  bytes_put_u32(&out, c->rows);
  bytes_put_u32(&out, c->events);
  bytes_put_u32(&out, c->ridged);
  bytes_put_f64(&out, c->constant);
  for (uint32_t i = 0; i < 3 * c->inputs; i++) bytes_put_f64(&out, c->mean[i]); /* means, scales and slopes are one block */
  return out.failed ? refuse(error, KAIROS_FAILED, "hazard: the state could not be written whole") : KAIROS_OK;
}
