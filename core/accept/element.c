/* Where does one JSON value end? Asked only when a list of events could not be read as a whole: if the grammar holds, the faulty event can
 * be refused alone and the ones behind it are taken; if it does not, nothing behind the fault can be trusted. Promises linear time, no
 * recursion and no memory beyond its stack frame. Does not judge duplicate keys, UTF-8 or surrogates: the tokenizer does, on what this
 * walk has cut out. Called by batch.c on any thread. */
#include "event.h"
#include <string.h>

#define DEPTH_MOST 10000

struct walk {
  const unsigned char *at, *end;
  uint32_t depth;
  unsigned char in_object[DEPTH_MOST / 8 + 1]; /* a bit for each open bracket */
};

static void walk_blanks(struct walk *w) {
  while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\t' || *w->at == '\r')) w->at++;
}

static bool walk_byte(struct walk *w, unsigned char wanted) {
  if (w->at == w->end || *w->at != wanted) return false;
  w->at++;
  return true;
}

static bool walk_escape(struct walk *w) {
  if (w->at == w->end) return false;
  const unsigned char c = *w->at++;
  if (c != 'u') return c && strchr("\"\\/bfnrt", c);
  for (int i = 0; i < 4; i++, w->at++) {
    if (w->at == w->end) return false;
    const unsigned char digit = *w->at | 0x20;
    if (!(*w->at >= '0' && *w->at <= '9') && !(digit >= 'a' && digit <= 'f')) return false;
  }
  return true;
}

static bool walk_string(struct walk *w) {
  if (!walk_byte(w, '"')) return false;
  while (w->at < w->end) {
    const unsigned char c = *w->at++;
    if (c == '"') return true;
    if (c < 0x20 || (c == '\\' && !walk_escape(w))) return false;
  }
  return false;
}

static bool walk_digits(struct walk *w) {
  const unsigned char *start = w->at;
  while (w->at < w->end && *w->at >= '0' && *w->at <= '9') w->at++;
  return w->at > start;
}

static bool walk_number(struct walk *w) {
  walk_byte(w, '-');
  if (!walk_byte(w, '0') && !walk_digits(w)) return false;
  if (walk_byte(w, '.') && !walk_digits(w)) return false;
  if (walk_byte(w, 'e') || walk_byte(w, 'E')) {
    if (!walk_byte(w, '+')) walk_byte(w, '-');
    return walk_digits(w);
  }
  return true;
}

static bool walk_word(struct walk *w, const char *word) {
  const size_t length = strlen(word);
  if ((size_t)(w->end - w->at) < length || memcmp(w->at, word, length) != 0) return false;
  w->at += length;
  return true;
}

static bool walk_scalar(struct walk *w) {
  switch (*w->at) {
  case '"': return walk_string(w);
  case 't': return walk_word(w, "true");
  case 'f': return walk_word(w, "false");
  case 'n': return walk_word(w, "null");
  default: return walk_number(w);
  }
}

static bool walk_inside_object(const struct walk *w) {
  return (w->in_object[w->depth / 8] >> (w->depth % 8)) & 1;
}

static bool walk_key(struct walk *w) {
  walk_blanks(w);
  if (!walk_string(w)) return false;
  walk_blanks(w);
  return walk_byte(w, ':');
}

/* Enters a bracket. `*empty`: it was closed at once. */
static bool walk_open(struct walk *w, bool *empty) {
  const bool object = *w->at++ == '{';
  walk_blanks(w);
  *empty = walk_byte(w, object ? '}' : ']');
  if (*empty) return true;
  if (++w->depth > DEPTH_MOST) return false;
  const unsigned char bit = (unsigned char)(1u << (w->depth % 8));
  unsigned char *byte = &w->in_object[w->depth / 8];
  *byte = object ? *byte | bit : (unsigned char)(*byte & ~bit);
  return !object || walk_key(w);
}

/* Behind a value: closes what ends here, or takes the comma. `*over`: the whole value has ended. */
static bool walk_after(struct walk *w, bool *over) {
  while (w->depth > 0) {
    walk_blanks(w);
    if (walk_byte(w, ',')) return !walk_inside_object(w) || walk_key(w);
    if (!walk_byte(w, walk_inside_object(w) ? '}' : ']')) return false;
    w->depth--;
  }
  *over = true;
  return true;
}

bool element_skip(struct str text, size_t *used) {
  struct walk w;
  w.at = (const unsigned char *)text.at;
  w.end = w.at + text.len;
  w.depth = 0;
  for (bool over = false; !over;) {
    walk_blanks(&w);
    if (w.at == w.end) return false;
    bool whole = true;
    if (*w.at == '{' || *w.at == '[') {
      if (!walk_open(&w, &whole)) return false;
    } else if (!walk_scalar(&w)) {
      return false;
    }
    if (whole && !walk_after(&w, &over)) return false;
  }
  *used = (size_t)(w.at - (const unsigned char *)text.at);
  return true;
}
