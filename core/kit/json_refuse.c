/* Refusals of the JSON tokenizer: the sentence with its byte, and the JSON pointer that is gathered while the refusal climbs out of the
 * document. Promises that a hostile text costs no more than an honest one here, and that the sentence stays short. Called by json.c alone,
 * on every thread. */
#include "json_reader.h"
#include <string.h>

const unsigned char *json_refuse(struct json_reader *r, const unsigned char *at, const char *what) {
  size_t offset = (size_t)(at - r->start);
  if (at >= r->end) {
    err_set(r->e, ERR_INPUT, "JSON: %s, but the text ends at byte %zu", what, offset);
  } else if (*at >= 0x21 && *at <= 0x7E) {
    err_set(r->e, ERR_INPUT, "JSON: %s, got '%c' at byte %zu", what, *at, offset);
  } else {
    err_set(r->e, ERR_INPUT, "JSON: %s, got byte 0x%02X at byte %zu", what, *at, offset);
  }
  return NULL;
}

/* Puts one segment in front of the pointer. What does not fit is lost at the front, where "…" then says so. */
static const unsigned char *pointer_push(struct json_reader *r, const char *segment, size_t length) {
  static const char cut[] = "...";
  size_t room = r->pointer_at;
  if (room < length + 1 + sizeof cut) {
    if (room >= sizeof cut) {
      r->pointer_at -= sizeof cut - 1;
      memcpy(r->pointer + r->pointer_at, cut, sizeof cut - 1);
    }
    return NULL;
  }
  r->pointer_at -= length;
  memcpy(r->pointer + r->pointer_at, segment, length);
  r->pointer[--r->pointer_at] = '/';
  return NULL;
}

/* The key as written; `~` and `/` as RFC 6901 wants them. */
const unsigned char *json_pointer_key(struct json_reader *r, uint32_t key) {
  char segment[POINTER_LONGEST];
  size_t length = 0;
  const struct json_token *t = &r->tokens[key];
  for (uint32_t i = t->start; i < t->end && length + 2 < sizeof segment; i++) {
    char c = (char)r->start[i];
    if (c == '~' || c == '/') {
      segment[length++] = '~';
      segment[length++] = c == '~' ? '0' : '1';
    } else {
      segment[length++] = c;
    }
  }
  return pointer_push(r, segment, length);
}

const unsigned char *json_pointer_index(struct json_reader *r, uint32_t index) {
  char digits[10];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + index % 10);
    index /= 10;
  } while (index);
  return pointer_push(r, digits + at, sizeof digits - at);
}

/* Adds to the sentence where in the document the refusal climbed out. */
void json_pointer_say(struct json_reader *r) {
  size_t length = sizeof r->pointer - r->pointer_at;
  if (!r->e || length == 0) return;
  char inner[sizeof r->e->text];
  memcpy(inner, r->e->text, sizeof inner);
  err_set(r->e, r->e->kind, "%s (in %.*s)", inner, (int)length, r->pointer + r->pointer_at);
}
