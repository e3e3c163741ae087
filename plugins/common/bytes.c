/* The codec of plugins' states. Promises the same bytes on every machine, that a reader which hands out one byte at a time works as well
 * as one that gives all, and that nothing beyond the announced length is asked for. Does not know what the numbers mean. Called while a
 * model is built or trained. */
#include "common/bytes.h"
#include <string.h>

struct bytes_in bytes_from(const kairos_reader *reader) {
  return (struct bytes_in){.reader = reader, .left = reader->length};
}

static bool bytes_read(struct bytes_in *in, unsigned char *to, size_t n) {
  if (in->failed || in->left < n) {
    in->failed = true;
    return false;
  }
  for (size_t done = 0; done < n;) {
    const size_t got = in->reader->read(in->reader, to + done, n - done);
    if (got == 0 || got > n - done) {
      in->failed = true;
      return false;
    }
    done += got;
  }
  in->left -= n;
  return true;
}

static uint64_t bytes_number(struct bytes_in *in, size_t n) {
  unsigned char raw[8];
  if (!bytes_read(in, raw, n)) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value |= (uint64_t)raw[i] << (8 * i);
  return value;
}

uint32_t bytes_u32(struct bytes_in *in) {
  return (uint32_t)bytes_number(in, 4);
}

float bytes_f32(struct bytes_in *in) {
  const uint32_t bits = bytes_u32(in);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double bytes_f64(struct bytes_in *in) {
  const uint64_t bits = bytes_number(in, 8);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

struct bytes_out bytes_to(const kairos_writer *writer) {
  return (struct bytes_out){.writer = writer};
}

static void bytes_put(struct bytes_out *out, uint64_t value, size_t n) {
  unsigned char raw[8];
  for (size_t i = 0; i < n; i++) raw[i] = (unsigned char)(value >> (8 * i));
  if (!out->failed && !out->writer->write(out->writer, raw, n)) out->failed = true;
}

void bytes_put_u32(struct bytes_out *out, uint32_t value) {
  bytes_put(out, value, 4);
}

void bytes_put_f32(struct bytes_out *out, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bytes_put_u32(out, bits);
}

void bytes_put_f64(struct bytes_out *out, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  bytes_put(out, bits, 8);
}
