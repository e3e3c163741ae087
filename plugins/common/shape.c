/* The shape of models with named inputs and one output. Promises names that the engine takes and that are not doubled, an output whose low
 * is below its high, and fields that live as long as the shape. Does not know which inputs exist. Called once a model, by create; the batch
 * check by every predict. */
#include "common/shape.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <string.h>

struct shape shape_new(const char *who) {
  return (struct shape){.who = who, .width = 1, .output = "value", .low = 0, .high = 1};
}

static bool name_fits(const char *text, size_t length) {
  if (length == 0 || length > SHAPE_NAME_MOST) return false;
  for (size_t i = 0; i < length; i++) {
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.') return false;
  }
  return true;
}

static kairos_status refuse_name(const struct shape *s, kairos_error *error, const char *what, uint32_t number) {
  return refuse(error, KAIROS_BAD_CONFIG, "%s: %s %u: expected a name of 1 to %d letters, digits, '_' or '.'", s->who, what, number,
                SHAPE_NAME_MOST);
}

static uint32_t find_before(const struct shape *s, size_t used, const char *text, size_t length) {
  uint32_t number = 0;
  for (size_t at = 0; at < used; at += strlen(s->names + at) + 1, number++)
    if (strlen(s->names + at) == length && memcmp(s->names + at, text, length) == 0) return number;
  return s->input_count;
}

uint32_t shape_find(const struct shape *s, const char *name, size_t length) {
  return find_before(s, s->names_size, name, length);
}

kairos_status shape_read_inputs(struct shape *s, const kairos_host *host, struct config_value list, kairos_error *error) {
  struct config_value key, value;
  const char *text;
  size_t length, size = 0, used = 0;
  if (s->names) return refuse(error, KAIROS_BAD_CONFIG, "%s: inputs stands twice", s->who);
  if (!config_is_array(list)) return refuse(error, KAIROS_BAD_CONFIG, "%s: inputs: expected a list of names", s->who);
  uint32_t count = 0;
  for (const char *cursor = NULL; config_each(list, &cursor, &key, &value); count++) {
    if (count == SHAPE_INPUTS_MOST) return refuse(error, KAIROS_BAD_CONFIG, "%s: inputs: more than %d", s->who, SHAPE_INPUTS_MOST);
    if (!config_text(value, &text, &length) || !name_fits(text, length)) return refuse_name(s, error, "input", count + 1);
    size += length + 1;
  }
  if (count == 0) return refuse(error, KAIROS_BAD_CONFIG, "%s: inputs: expected at least one name, the list is empty", s->who);
  s->names = memory_take(host, size, 1);
  if (!s->names) return refuse(error, KAIROS_NO_MEMORY, "%s: no memory for %u names", s->who, count);
  s->names_size = size;
  s->input_count = count;
  for (const char *cursor = NULL; config_each(list, &cursor, &key, &value);) {
    config_text(value, &text, &length);
    if (find_before(s, used, text, length) < count)
      return refuse(error, KAIROS_BAD_CONFIG, "%s: inputs: '%.*s' stands twice", s->who, (int)length, text);
    memcpy(s->names + used, text, length);
    used += length + 1;
  }
  return KAIROS_OK;
}

kairos_status shape_read_output(struct shape *s, struct config_value object, kairos_error *error) {
  struct config_value key, value;
  const char *text;
  size_t length;
  if (!config_is_object(object)) return refuse(error, KAIROS_BAD_CONFIG, "%s: output: expected {\"name\", \"low\", \"high\"}", s->who);
  for (const char *cursor = NULL; config_each(object, &cursor, &key, &value);) {
    if (config_key_is(key, "name")) {
      if (!config_text(value, &text, &length) || !name_fits(text, length)) return refuse_name(s, error, "output", 1);
      memcpy(s->output, text, length);
      s->output[length] = 0;
    } else if (config_key_is(key, "low") || config_key_is(key, "high")) {
      if (!config_number(value, config_key_is(key, "low") ? &s->low : &s->high))
        return refuse(error, KAIROS_BAD_CONFIG, "%s: output.%.*s: expected a number", s->who, (int)(key.end - key.at) - 2, key.at + 1);
    } else {
      return refuse(error, KAIROS_BAD_CONFIG, "%s: output: unknown field %.*s, expected name, low or high", s->who, (int)(key.end - key.at),
                    key.at);
    }
  }
  if (!(s->low < s->high)) return refuse(error, KAIROS_BAD_CONFIG, "%s: output: low %g is not below high %g", s->who, s->low, s->high);
  return KAIROS_OK;
}

bool shape_read_member(struct shape *s, const kairos_host *host, struct config_value key, struct config_value value, kairos_status *status,
                       kairos_error *error) {
  if (config_key_is(key, "inputs")) *status = shape_read_inputs(s, host, value, error);
  else if (config_key_is(key, "output")) *status = shape_read_output(s, value, error);
  else return false;
  return true;
}

kairos_status shape_read_number(const struct shape *s, double *to, double low, double high, struct config_value key,
                                struct config_value value, kairos_error *error) {
  if (config_number(value, to) && *to >= low && *to <= high) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG, "%s: %.*s: expected a number in [%g, %g]", s->who, (int)(key.end - key.at) - 2, key.at + 1, low,
                high);
}

kairos_status shape_check(const struct shape *s, kairos_error *error) {
  if (s->input_count > 0) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG, "%s: expected inputs, a list of at least one name; there is none", s->who);
}

kairos_status shape_describe(struct shape *s, const kairos_host *host, const char *output_doc, kairos_error *error) {
  const size_t count = (size_t)s->input_count + 1;
  const double infinite = __builtin_inf();
  s->fields = memory_take(host, count, sizeof *s->fields);
  s->pointers = memory_take(host, count, sizeof *s->pointers);
  if (!s->fields || !s->pointers) return refuse(error, KAIROS_NO_MEMORY, "%s: no memory for %zu fields", s->who, count);
  const char *name = s->names;
  for (uint32_t i = 0; i < s->input_count; i++, name += strlen(name) + 1)
    s->fields[i] = (kairos_field){.size = sizeof(kairos_field),
                                  .type = KAIROS_F64,
                                  .width = s->width,
                                  .name = name,
                                  .unit = "",
                                  .doc = "",
                                  .lo = -infinite,
                                  .hi = infinite};
  s->fields[s->input_count] = (kairos_field){.size = sizeof(kairos_field),
                                             .type = KAIROS_F64,
                                             .width = 1,
                                             .name = s->output,
                                             .unit = "",
                                             .doc = output_doc,
                                             .lo = s->low,
                                             .hi = s->high};
  for (uint32_t i = 0; i <= s->input_count; i++) s->pointers[i] = &s->fields[i];
  s->inputs = (kairos_schema){sizeof(kairos_schema), s->input_count, s->pointers};
  s->outputs = (kairos_schema){sizeof(kairos_schema), 1, s->pointers + s->input_count};
  return KAIROS_OK;
}

void shape_free(struct shape *s, const kairos_host *host) {
  const size_t count = (size_t)s->input_count + 1;
  memory_give(host, s->fields, count, sizeof *s->fields);
  memory_give(host, (void *)s->pointers, count, sizeof *s->pointers);
  memory_give(host, s->names, s->names_size, 1);
  *s = (struct shape){.who = s->who, .width = s->width};
}

static inline uint32_t column_differs(const kairos_column *column, uint32_t width) {
  return ((uint32_t)column->type ^ (uint32_t)KAIROS_F64) | (column->width ^ width);
}

kairos_status shape_check_batch(const struct shape *s, uint32_t rows_most, const kairos_batch *in, const kairos_batch *out,
                                kairos_error *error) {
  if (in->column_count != s->input_count || (out && out->column_count != 1))
    return refuse(error, KAIROS_BAD_INPUT, "%s: expected %u inputs and 1 output, got %u and %u", s->who, s->input_count, in->column_count,
                  out ? out->column_count : 1);
  if (in->rows > rows_most || (out && out->rows != in->rows))
    return refuse(error, KAIROS_BAD_INPUT, "%s: expected up to %u rows on both sides, got %u and %u", s->who, rows_most, in->rows,
                  out ? out->rows : in->rows);
  uint32_t wrong = 0; /* one look at all of them: this is asked for every row that comes alone */
  for (uint32_t i = 0; i < in->column_count; i++) wrong |= column_differs(in->columns[i], s->width);
  if (!wrong && !(out && column_differs(out->columns[0], 1))) return KAIROS_OK;
  uint32_t i = 0;
  while (i < in->column_count && !column_differs(in->columns[i], s->width)) i++;
  return refuse(error, KAIROS_BAD_INPUT, "%s: column %u: expected doubles of width %u", s->who, i, i < in->column_count ? s->width : 1);
}
