/* Reading safetensors. Promises that no number of the header is believed before it is held against the file: a tensor's bytes are as many
 * as its shape and type say, tensors lie one after the other without holes or overlaps, and the file ends where the last one does. Each
 * refusal names the tensor and the field. Takes F32 and F64 of one or two dimensions; escaped names are refused. Called while a model is
 * built. */
#include "tensors.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <string.h>

static kairos_status read_file(struct tensors *t, const kairos_host *host, const kairos_reader *reader, kairos_error *error) {
  if (reader->length < 8 || reader->length > LSTM_FILE_MOST)
    return refuse(error, KAIROS_BAD_STATE, "safetensors: expected 8 to %zu bytes, got %zu", (size_t)LSTM_FILE_MOST, (size_t)reader->length);
  t->file_size = (size_t)reader->length;
  t->file = memory_take(host, t->file_size, 1);
  if (!t->file) return refuse(error, KAIROS_NO_MEMORY, "safetensors: no memory for its %zu bytes", t->file_size);
  size_t have = 0;
  for (size_t got; have < t->file_size && (got = reader->read(reader, t->file + have, t->file_size - have)) > 0;) have += got;
  if (have < t->file_size) return refuse(error, KAIROS_BAD_STATE, "safetensors: it ends at byte %zu of %zu", have, t->file_size);
  return KAIROS_OK;
}

static kairos_status read_header(struct tensors *t, const kairos_host *host, kairos_error *error) {
  uint64_t length = 0;
  for (int i = 7; i >= 0; i--) length = length << 8 | t->file[i];
  if (length > t->file_size - 8 || length > TENSORS_HEADER_MOST)
    return refuse(error, KAIROS_BAD_STATE, "safetensors: its header length is %llu, the file has %zu bytes after it and %u are the most",
                  (unsigned long long)length, t->file_size - 8, TENSORS_HEADER_MOST);
  t->header_size = (size_t)length + 1;
  t->header = memory_take(host, t->header_size, 1);
  if (!t->header) return refuse(error, KAIROS_NO_MEMORY, "safetensors: no memory for a header of %zu bytes", t->header_size);
  memcpy(t->header, t->file + 8, (size_t)length);
  if (memchr(t->header, 0, (size_t)length)) return refuse(error, KAIROS_BAD_STATE, "safetensors: its header has a NUL, so it is no JSON");
  t->data = t->file + 8 + length;
  t->data_size = t->file_size - 8 - length;
  return KAIROS_OK;
}

/* ---- one tensor ---- */

static kairos_status refuse_field(const struct tensor *tensor, const char *field, const char *expected, kairos_error *error) {
  return refuse(error, KAIROS_BAD_STATE, "safetensors: tensor '%.*s': %s: expected %s", (int)(tensor->length < 80 ? tensor->length : 80),
                tensor->name, field, expected);
}

static bool whole_number(struct config_value v, uint64_t *to) {
  double number;
  if (!config_number(v, &number) || !(number >= 0 && number <= 0x1p40) || number != (double)(uint64_t)number) return false;
  *to = (uint64_t)number;
  return true;
}

static bool read_type(struct tensor *tensor, struct config_value v) {
  const char *text;
  size_t length;
  if (!config_text(v, &text, &length) || length != 3) return false;
  tensor->wide = memcmp(text, "F64", 3) == 0;
  return tensor->wide || memcmp(text, "F32", 3) == 0;
}

static bool read_shape(struct tensor *tensor, struct config_value list) {
  struct config_value none, v;
  if (!config_is_array(list)) return false;
  for (const char *cursor = NULL; config_each(list, &cursor, &none, &v); tensor->dimensions++)
    if (tensor->dimensions == 2 || !whole_number(v, &tensor->shape[tensor->dimensions]) || tensor->shape[tensor->dimensions] == 0 ||
        tensor->shape[tensor->dimensions] > LSTM_WEIGHTS_MOST)
      return false;
  if (tensor->dimensions == 1) tensor->shape[1] = 1;
  return tensor->dimensions > 0;
}

static bool read_offsets(struct tensor *tensor, struct config_value list) {
  struct config_value none, v;
  uint64_t *const ends[] = {&tensor->begin, &tensor->end};
  uint32_t count = 0;
  if (!config_is_array(list)) return false;
  for (const char *cursor = NULL; config_each(list, &cursor, &none, &v); count++)
    if (count == 2 || !whole_number(v, ends[count])) return false;
  return count == 2;
}

static kairos_status read_tensor(const struct tensors *t, struct tensor *tensor, struct config_value object, kairos_error *error) {
  struct config_value key, v;
  uint32_t members = 0;
  if (!config_is_object(object)) return refuse_field(tensor, "it", "an object with dtype, shape and data_offsets", error);
  for (const char *cursor = NULL; config_each(object, &cursor, &key, &v); members++)
    if (!config_key_is(key, "dtype") && !config_key_is(key, "shape") && !config_key_is(key, "data_offsets")) members = 8;
  if (members != 3 || !config_member(object, "dtype", &v))
    return refuse_field(tensor, "it", "dtype, shape and data_offsets, once each", error);
  if (!read_type(tensor, v)) return refuse_field(tensor, "dtype", "\"F32\" or \"F64\"", error);
  if (!config_member(object, "shape", &v) || !read_shape(tensor, v))
    return refuse_field(tensor, "shape", "one or two sizes, each at least 1 and none beyond what a model may have", error);
  if (!config_member(object, "data_offsets", &v) || !read_offsets(tensor, v))
    return refuse_field(tensor, "data_offsets", "two whole numbers", error);
  const uint64_t wanted = tensor->shape[0] * tensor->shape[1] * (tensor->wide ? 8 : 4);
  if (tensor->begin > tensor->end || tensor->end > t->data_size || tensor->end - tensor->begin != wanted)
    return refuse(error, KAIROS_BAD_STATE,
                  "safetensors: tensor '%.*s': data_offsets: %llu to %llu, its shape takes %llu bytes and the file has %llu",
                  (int)(tensor->length < 80 ? tensor->length : 80), tensor->name, (unsigned long long)tensor->begin,
                  (unsigned long long)tensor->end, (unsigned long long)wanted, (unsigned long long)t->data_size);
  return KAIROS_OK;
}

/* ---- all of them ---- */

static const struct tensor *find(const struct tensors *t, const char *name, size_t length) {
  for (uint32_t i = 0; i < t->count; i++)
    if (t->at[i].length == length && memcmp(t->at[i].name, name, length) == 0) return &t->at[i];
  return NULL;
}

/* Sorted by place they must follow each other from the first byte to the last. */
static kairos_status check_places(struct tensors *t, kairos_error *error) {
  uint64_t at = 0;
  for (uint32_t i = 1; i < t->count; i++)
    for (uint32_t k = i; k > 0 && t->at[k - 1].begin > t->at[k].begin; k--) {
      const struct tensor kept = t->at[k];
      t->at[k] = t->at[k - 1];
      t->at[k - 1] = kept;
    }
  for (uint32_t i = 0; i < t->count; at = t->at[i++].end)
    if (t->at[i].begin != at)
      return refuse_field(&t->at[i], "data_offsets", "the byte after the tensor before it: no hole, no overlap", error);
  if (at == t->data_size) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_STATE, "safetensors: %llu bytes follow after the last tensor", (unsigned long long)(t->data_size - at));
}

static kairos_status read_tensors(struct tensors *t, kairos_error *error) {
  struct config_value root, key, value;
  kairos_error inner = {.size = sizeof inner};
  if (!config_parse(t->header, &root, &inner))
    return refuse(error, KAIROS_BAD_STATE, "safetensors: its header is no whole JSON object, or is nested too deep");
  for (const char *cursor = NULL; config_each(root, &cursor, &key, &value);) {
    struct tensor tensor = {0};
    if (config_key_is(key, "__metadata__")) continue;
    if (!config_text(key, &tensor.name, &tensor.length) || tensor.length == 0)
      return refuse(error, KAIROS_BAD_STATE, "safetensors: tensor %u: expected a name without escapes", t->count + 1);
    if (t->count == TENSORS_MOST) return refuse(error, KAIROS_BAD_STATE, "safetensors: more than %d tensors", TENSORS_MOST);
    if (find(t, tensor.name, tensor.length)) return refuse_field(&tensor, "it", "each name once", error);
    const kairos_status status = read_tensor(t, &tensor, value, error);
    if (status != KAIROS_OK) return status;
    t->at[t->count++] = tensor;
  }
  return check_places(t, error);
}

kairos_status tensors_read(struct tensors *t, const kairos_host *host, const kairos_reader *reader, kairos_error *error) {
  *t = (struct tensors){0};
  kairos_status status = read_file(t, host, reader, error);
  if (status == KAIROS_OK) status = read_header(t, host, error);
  return status == KAIROS_OK ? read_tensors(t, error) : status;
}

void tensors_free(struct tensors *t, const kairos_host *host) {
  memory_give(host, t->header, t->header_size, 1);
  memory_give(host, t->file, t->file_size, 1);
}

double tensor_number(const struct tensors *t, const struct tensor *tensor, uint64_t index) {
  const unsigned char *at = t->data + tensor->begin + index * (tensor->wide ? 8 : 4);
  uint64_t bits = 0;
  for (int i = tensor->wide ? 7 : 3; i >= 0; i--) bits = bits << 8 | at[i];
  double number;
  float narrow;
  const uint32_t half = (uint32_t)bits;
  memcpy(&narrow, &half, sizeof narrow);
  memcpy(&number, &bits, sizeof number);
  return tensor->wide ? number : (double)narrow;
}
