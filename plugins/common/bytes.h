/* States in bytes: little-endian numbers over kairos_reader and kairos_writer. Both are sticky: after the first fault every read gives 0
 * and every write does nothing, so that the end is the one place that asks. */
#ifndef KAIROS_COMMON_BYTES_H
#define KAIROS_COMMON_BYTES_H
#include "kairos_plugin.h"

struct bytes_in {
  const kairos_reader *reader;
  uint64_t left; /* of reader->length */
  bool failed;   /* asked for more than there is */
};
struct bytes_in bytes_from(const kairos_reader *reader);
uint32_t bytes_u32(struct bytes_in *in);
float bytes_f32(struct bytes_in *in);  /* any bits, as the next */
double bytes_f64(struct bytes_in *in); /* any bits: the caller judges NaN and infinity */

struct bytes_out {
  const kairos_writer *writer;
  bool failed;
};
struct bytes_out bytes_to(const kairos_writer *writer);
void bytes_put_u32(struct bytes_out *out, uint32_t value);
void bytes_put_f32(struct bytes_out *out, float value);
void bytes_put_f64(struct bytes_out *out, double value);

#endif
