/* The configuration reader of the shipped plugins. Promises to refuse everything outside JSON's grammar with the byte where it went wrong,
 * never to read beyond the closing NUL, and not to recurse deeper than CONFIG_DEPTH whatever it is given. Strings stay as written: names
 * and words need no escapes here, and one that has some is simply no text. Duplicate keys are the engine's to refuse. [build] */
#include "common/config.h"
#include "common/refuse.h"
#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
  return at;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Each end_of_… takes the first byte and returns where the thing ends, or NULL with the fault's place in *fault. */
static const char *end_of_string(const char *at, const char **fault) {
  for (at++; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) { /* the closing NUL too */
      *fault = at;
      return NULL;
    }
    if (*at != '\\') continue;
    at++;
    if (*at == 'u') {
      for (int i = 0; i < 4; i++) {
        at++;
        if (!is_digit(*at) && !(*at >= 'a' && *at <= 'f') && !(*at >= 'A' && *at <= 'F')) {
          *fault = at;
          return NULL;
        }
      }
    } else if (*at == 0 || !strchr("\"\\/bfnrt", *at)) {
      *fault = at;
      return NULL;
    }
  }
  return at + 1;
}

static const char *end_of_number(const char *at, const char **fault) {
  *fault = at;
  if (*at == '-') at++;
  if (*at == '0') at++;
  else if (is_digit(*at))
    while (is_digit(*at)) at++;
  else return NULL;
  if (*at == '.') {
    at++;
    if (!is_digit(*at)) return NULL;
    while (is_digit(*at)) at++;
  }
  if (*at == 'e' || *at == 'E') {
    at++;
    if (*at == '+' || *at == '-') at++;
    if (!is_digit(*at)) return NULL;
    while (is_digit(*at)) at++;
  }
  return at;
}

static const char *end_of_value(const char *at, int depth, const char **fault);

static const char *end_of_member(const char *at, int depth, const char **fault) {
  *fault = at;
  if (*at != '"') return NULL;
  at = end_of_string(at, fault);
  if (!at) return NULL;
  at = skip_space(at);
  *fault = at;
  if (*at != ':') return NULL;
  return end_of_value(skip_space(at + 1), depth, fault);
}

static const char *end_of_container(const char *at, int depth, const char **fault) {
  const char close = *at == '{' ? '}' : ']';
  *fault = at;
  if (depth >= CONFIG_DEPTH) return NULL;
  at = skip_space(at + 1);
  if (*at == close) return at + 1;
  for (;;) {
    at = close == '}' ? end_of_member(at, depth + 1, fault) : end_of_value(at, depth + 1, fault);
    if (!at) return NULL;
    at = skip_space(at);
    if (*at == close) return at + 1;
    *fault = at;
    if (*at != ',') return NULL;
    at = skip_space(at + 1);
  }
}

static const char *end_of_value(const char *at, int depth, const char **fault) {
  static const char *const words[] = {"true", "false", "null"};
  if (*at == '{' || *at == '[') return end_of_container(at, depth, fault);
  if (*at == '"') return end_of_string(at, fault);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strncmp(at, words[i], strlen(words[i])) == 0) return at + strlen(words[i]);
  return end_of_number(at, fault);
}

bool config_parse(const char *json, struct config_value *root, kairos_error *error) {
  const char *at = skip_space(json), *fault = at;
  const char *end = *at == '{' ? end_of_container(at, 0, &fault) : NULL;
  if (end) fault = skip_space(end);
  if (!end || *fault) {
    refuse(error, KAIROS_BAD_CONFIG, "the configuration: expected one JSON object, at byte %zu it is not (or deeper than %d)",
           (size_t)(fault - json), CONFIG_DEPTH);
    return false;
  }
  *root = (struct config_value){at, end};
  return true;
}

/* The text was checked by config_parse: from here on every end is found. */
bool config_each(struct config_value container, const char **cursor, struct config_value *key, struct config_value *value) {
  const char *fault, *at = *cursor ? *cursor : container.at + 1;
  at = skip_space(at);
  if (*at == ',') at = skip_space(at + 1);
  if (at >= container.end - 1) return false;
  *key = (struct config_value){at, at};
  if (*container.at == '{') {
    key->end = end_of_string(at, &fault);
    at = skip_space(skip_space(key->end) + 1);
  }
  *value = (struct config_value){at, end_of_value(at, 0, &fault)};
  *cursor = value->end;
  return true;
}

bool config_key_is(struct config_value key, const char *name) {
  const size_t length = strlen(name);
  return (size_t)(key.end - key.at) == length + 2 && memcmp(key.at + 1, name, length) == 0;
}

bool config_member(struct config_value object, const char *name, struct config_value *value) {
  struct config_value key;
  for (const char *cursor = NULL; config_each(object, &cursor, &key, value);)
    if (config_key_is(key, name)) return true;
  return false;
}

bool config_number(struct config_value v, double *out) {
  if (*v.at != '-' && !is_digit(*v.at)) return false;
  char *end;
  *out = strtod(v.at, &end); /* a locale with a decimal comma would stop early: then it is no number, never another one */
  return end == v.end && *out - *out == 0;
}

bool config_bool(struct config_value v, bool *out) {
  *out = *v.at == 't';
  return *v.at == 't' || *v.at == 'f';
}

bool config_text(struct config_value v, const char **text, size_t *length) {
  if (*v.at != '"') return false;
  *text = v.at + 1;
  *length = (size_t)(v.end - v.at) - 2;
  return !memchr(*text, '\\', *length);
}

bool config_is_object(struct config_value v) {
  return *v.at == '{';
}
bool config_is_array(struct config_value v) {
  return *v.at == '[';
}
