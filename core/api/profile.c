/* profile: what came to PUT /v1/users/{id}, looked over before it is merged. Promises that a field which the engine itself reads has the
 * kind that it reads, all faults in one answer, and that names which nothing reads are told to whoever sent them: they are kept, but they
 * do nothing. Does not merge, and does not judge what the program declares: that is the lane's. Main thread. */
#include "inside.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum field_kind { FIELD_TEXT, FIELD_FLAG, FIELD_AGE, FIELD_NUMBER, FIELD_LIST, FIELD_OBJECT };
static const char *const kind_words[] = {"a text", "true or false", "years from 0 to 130, whole ones", "a number", "a list", "an object"};

/* All that the engine reads by itself; docs/API.md shows it. */
static const struct {
  const char *path;
  enum field_kind kind;
} fields[] = {
    {"timezone", FIELD_TEXT},
    {"age", FIELD_AGE},
    {"demographics", FIELD_OBJECT},
    {"demographics.age", FIELD_AGE},
    {"guardianConsent", FIELD_FLAG},
    {"language", FIELD_TEXT},
    {"ill", FIELD_FLAG},
    {"injured", FIELD_FLAG},
    {"pregnant", FIELD_FLAG},
    {"goals", FIELD_OBJECT},
    {"goals.sessionsPerWeek", FIELD_NUMBER},
    {"preferences", FIELD_OBJECT},
    {"preferences.preferredTimes", FIELD_LIST},
    {"constraints", FIELD_OBJECT},
    {"constraints.schedule", FIELD_OBJECT},
};
#define FIELDS      (sizeof fields / sizeof *fields)
#define UNREAD_MOST 20

static bool is_kind(const struct json *j, uint32_t at, enum field_kind kind) {
  const enum json_type type = json_type(j, at);
  double number;
  switch (kind) {
  case FIELD_TEXT: return type == JSON_STRING;
  case FIELD_FLAG: return type == JSON_TRUE || type == JSON_FALSE;
  case FIELD_AGE: return json_double(j, at, &number) && number >= 0 && number <= 130 && number == (double)(int32_t)number;
  case FIELD_NUMBER: return type == JSON_NUMBER;
  case FIELD_LIST: return type == JSON_ARRAY;
  case FIELD_OBJECT: return type == JSON_OBJECT;
  }
  return false;
}

/* "/demographics/age": the pointer of a dotted path. */
static void pointer_of(const char *path, char pointer[64]) {
  snprintf(pointer, 64, "/%s", path);
  for (char *c = pointer; *c; c++)
    if (*c == '.') *c = '/';
}

bool profile_fine(const struct json *body, struct arena *a, struct err *e) {
  struct err one = {0}, all = {0};
  if (!profile_zone_fine(body, 0, "/timezone", a, &one)) err_also(&all, &one);
  for (size_t i = 0; i < FIELDS; i++) {
    const uint32_t at = json_path(body, 0, fields[i].path);
    if (at == JSON_NONE || json_type(body, at) == JSON_NULL || is_kind(body, at, fields[i].kind)) continue;
    const struct str raw = json_raw(body, at);
    char pointer[64];
    pointer_of(fields[i].path, pointer);
    err_set(&one, ERR_INPUT, "%s: expected %s, got %.*s", pointer, kind_words[fields[i].kind], raw.len < 40 ? (int)raw.len : 40, raw.at);
    err_also(&all, &one);
  }
  if (all.kind == ERR_NONE) return true;
  *e = all;
  return false;
}

/* ---- names that nothing reads ---- */

static bool engine_reads(struct str key) {
  for (size_t i = 0; i < FIELDS; i++)
    if (str_is(key, fields[i].path)) return true;
  return false;
}

/* Read by a condition of the program, or declared by its vocabulary. */
static bool program_reads(const struct program *p, struct str key, struct arena *a) {
  struct symbol declared;
  const char *name = arena_printf(a, "profile." STR_FORMAT, STR_ARG(key)), *field = arena_printf(a, "event." STR_FORMAT, STR_ARG(key));
  if (!name || !field) return true; /* no memory: nothing is said */
  const size_t length = strlen(name);
  for (uint32_t i = 0; i < p->symbols.count; i++) {
    const struct str s = p->symbols.at[i].name;
    if (str_starts(s, name) && (s.len == length || s.at[length] == '.')) return true;
  }
  return vocabulary_field(p->vocabulary, str_from(field), &declared);
}

static const char *meant(struct str key) {
  const char *paths[FIELDS];
  for (size_t i = 0; i < FIELDS; i++) {
    paths[i] = fields[i].path;
    if (strlen(paths[i]) == key.len && strncasecmp(paths[i], key.at, key.len) == 0) return paths[i];
  }
  return str_nearest(key, paths, FIELDS);
}

static void put_unread(struct json_writer *w, struct str key) {
  char detail[160] = "kept, but nothing reads it";
  const char *near = meant(key);
  if (str_is(key, "consent")) snprintf(detail, sizeof detail, "kept, but consent has routes of its own: opt-in and opt-out");
  else if (near) snprintf(detail, sizeof detail, "kept, but nothing reads it (did you mean \"%s\"?)", near);
  json_open_object(w);
  json_pair_str(w, "field", key);
  json_pair_text(w, "detail", detail);
  json_close_object(w);
}

struct str profile_unread(const struct json *body, const struct program *p, struct arena *a) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  int told = 0;
  json_open_array(&w);
  for (uint32_t i = 0, at = 1; i < body->tokens[0].count && told < UNREAD_MOST; i++, at = body->tokens[at + 1].next) {
    const struct str key = json_text(body, at, a);
    if (json_type(body, at + 1) == JSON_NULL || engine_reads(key)) continue;
    if (!str_is(key, "consent") && program_reads(p, key, a)) continue;
    put_unread(&w, key);
    told++;
  }
  json_close_array(&w);
  const struct str unread = buf_into(&out, a);
  return told ? unread : (struct str){0};
}
