/* The container "safetensors": named tensors in one file. u64 length of the header, the header (JSON: name → dtype, shape, data_offsets),
 * then the numbers. */
#ifndef KAIROS_LSTM_TENSORS_H
#define KAIROS_LSTM_TENSORS_H
#include "lstm.h"

#define TENSORS_MOST        128
#define TENSORS_HEADER_MOST (1u << 20)

struct tensor {
  const char *name; /* a view of the header */
  size_t length;
  bool wide; /* F64; otherwise F32 */
  uint32_t dimensions;
  uint64_t shape[2];
  uint64_t begin, end; /* of its bytes */
};
struct tensors {
  unsigned char *file;
  size_t file_size;
  char *header; /* closed by a NUL */
  size_t header_size;
  const unsigned char *data;
  uint64_t data_size;
  uint32_t count;
  struct tensor at[TENSORS_MOST];
};
/* The whole file, every tensor's bytes inside it, none twice, none left over. tensors_free in any case. [build] */
kairos_status tensors_read(struct tensors *t, const kairos_host *host, const kairos_reader *reader, kairos_error *error);
void tensors_free(struct tensors *t, const kairos_host *host);
double tensor_number(const struct tensors *t, const struct tensor *tensor, uint64_t index); /* any bits */

#endif
