/* The shape of a model that takes named numbers and gives one: what its configuration says of "inputs" and "output", and the fields that
 * "kairos.schema/1" tells the engine. `who` is the plugin's id, for sentences. */
#ifndef KAIROS_COMMON_SHAPE_H
#define KAIROS_COMMON_SHAPE_H
#include "common/config.h"
#include "kairos_plugin.h"

#define SHAPE_INPUTS_MOST 1024
#define SHAPE_NAME_MOST   128

struct shape {
  const char *who;
  uint32_t input_count;
  uint32_t width; /* of every input: values a row; 1 from shape_new */
  char *names;    /* the inputs' names one after the other, each closed by a NUL */
  size_t names_size;
  char output[SHAPE_NAME_MOST + 1];
  double low, high;     /* of the output */
  kairos_field *fields; /* [input_count + 1]: the inputs, then the output; NULL before shape_describe */
  const kairos_field **pointers;
  kairos_schema inputs, outputs;
};

struct shape shape_new(const char *who); /* no inputs yet; one output "value" within 0 and 1 */
/* "inputs": ["name", …] and "output": {"name", "low", "high"}; what is refused leaves what was read to shape_free. [build] */
kairos_status shape_read_inputs(struct shape *s, const kairos_host *host, struct config_value list, kairos_error *error);
kairos_status shape_read_output(struct shape *s, struct config_value object, kairos_error *error);
/* Is the member one of those two? Then it is read, with what came of it in *status. */
bool shape_read_member(struct shape *s, const kairos_host *host, struct config_value key, struct config_value value, kairos_status *status,
                       kairos_error *error);
/* A number in [low, high], or a refusal with the key. */
kairos_status shape_read_number(const struct shape *s, double *to, double low, double high, struct config_value key,
                                struct config_value value, kairos_error *error);
kairos_status shape_check(const struct shape *s, kairos_error *error); /* after all members: it has inputs */
/* Fills the fields; the shape may not move any more. [build] */
kairos_status shape_describe(struct shape *s, const kairos_host *host, const char *output_doc, kairos_error *error);
void shape_free(struct shape *s, const kairos_host *host);

/* Are the columns those of the shape, doubles of its width, and the rows at most `rows_most` and as many on both sides? [predict] */
kairos_status shape_check_batch(const struct shape *s, uint32_t rows_most, const kairos_batch *in, const kairos_batch *out,
                                kairos_error *error);
/* The number of the input of that name, or input_count. */
uint32_t shape_find(const struct shape *s, const char *name, size_t length);

#endif
