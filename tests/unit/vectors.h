/* Reading the files of tests/vectors: one is parsed once into an arena of the test; paths are dotted. Missing things fail the test. */
#pragma once
#include "kit/arena.h"
#include "kit/file.h"
#include "kit/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct vectors {
  struct arena arena;
  struct buf bytes;
  struct json json;
};

static inline void vectors_open(struct vectors *v, const char *name) {
  char path[1024];
  struct err e = {0};
  *v = (struct vectors){0};
  snprintf(path, sizeof path, "%s/tests/vectors/%s", KAIROS_SOURCE_DIR, name);
  if (!file_read(path, &v->bytes, 64 << 20, &e)) fail_msg("%s", e.text);
  if (!json_parse(&v->json, &v->arena, buf_view(&v->bytes), &json_limits_default, &e)) fail_msg("%s: %s", name, e.text);
}

static inline void vectors_close(struct vectors *v) {
  arena_free(&v->arena);
  buf_free(&v->bytes);
}

static inline uint32_t vectors_at(const struct vectors *v, const char *path) {
  uint32_t at = json_path(&v->json, 0, path);
  if (at == JSON_NONE) fail_msg("no %s in the vectors", path);
  return at;
}

/* A number; JSON null comes back as NaN. */
static inline double vectors_number(const struct vectors *v, const char *path) {
  uint32_t at = vectors_at(v, path);
  double value = __builtin_nan("");
  if (json_type(&v->json, at) != JSON_NULL && !json_double(&v->json, at, &value)) fail_msg("%s is no number", path);
  return value;
}

static inline double *vectors_list(struct vectors *v, const char *path, size_t *count) {
  uint32_t at = vectors_at(v, path);
  if (json_type(&v->json, at) != JSON_ARRAY) fail_msg("%s is no list", path);
  *count = v->json.tokens[at].count;
  double *list = ARENA_ARRAY(&v->arena, double, *count + 1);
  uint32_t child = at + 1;
  for (size_t i = 0; i < *count; i++) {
    if (!json_double(&v->json, child, &list[i])) fail_msg("%s[%zu] is no number", path, i);
    child = v->json.tokens[child].next;
  }
  return list;
}

static inline uint8_t *vectors_flags(struct vectors *v, const char *path, size_t *count) {
  double *list = vectors_list(v, path, count);
  uint8_t *flags = ARENA_ARRAY(&v->arena, uint8_t, *count + 1);
  for (size_t i = 0; i < *count; i++) flags[i] = list[i] != 0;
  return flags;
}

/* List number `index` of a list of lists; null comes back as NaN. */
static inline double *vectors_row(struct vectors *v, const char *path, size_t index, size_t *count) {
  uint32_t at = vectors_at(v, path), row = at + 1;
  if (json_type(&v->json, at) != JSON_ARRAY || index >= v->json.tokens[at].count) fail_msg("%s has no row %zu", path, index);
  for (size_t i = 0; i < index; i++) row = v->json.tokens[row].next;
  if (json_type(&v->json, row) != JSON_ARRAY) fail_msg("%s[%zu] is no list", path, index);
  *count = v->json.tokens[row].count;
  double *list = ARENA_ARRAY(&v->arena, double, *count + 1);
  uint32_t child = row + 1;
  for (size_t i = 0; i < *count; i++, child = v->json.tokens[child].next)
    if (!json_double(&v->json, child, &list[i])) list[i] = __builtin_nan("");
  return list;
}

static inline void assert_close(double got, double expected, double within, const char *what) {
  bool none = expected != expected;
  double off = got > expected ? got - expected : expected - got;
  if (none ? got == got : !(off <= within)) fail_msg("%s: expected %.15g within %g, got %.15g", what, expected, within, got);
}
