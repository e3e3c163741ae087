/* Text: comparisons, cutting, strict UTF-8, numbers from text, and the "did you mean". Promises that no function reads beyond a view,
 * writes to it, allocates, or asks a locale; an empty view may have a NULL address. Called by every room on every thread. */
#include "kit/str.h"
#include "number.h"
#include "utf8.h"
#include <string.h>

bool str_starts(struct str a, const char *prefix) {
  size_t n = strlen(prefix);
  return a.len >= n && (n == 0 || memcmp(a.at, prefix, n) == 0);
}

bool str_ends(struct str a, const char *suffix) {
  size_t n = strlen(suffix);
  return a.len >= n && (n == 0 || memcmp(a.at + (a.len - n), suffix, n) == 0);
}

int str_compare(struct str a, struct str b) {
  size_t n = a.len < b.len ? a.len : b.len;
  int order = n ? memcmp(a.at, b.at, n) : 0;
  if (order != 0) return order < 0 ? -1 : 1;
  return (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str a) {
  while (a.len > 0 && is_blank(a.at[0])) a = (struct str){a.at + 1, a.len - 1};
  while (a.len > 0 && is_blank(a.at[a.len - 1])) a.len--;
  return a;
}

/* "a,,b" gives a, "", b; "a," gives a, "": a spent `rest` is told from an empty last piece by its NULL address. */
bool str_split(struct str *rest, char at, struct str *piece) {
  if (!rest->at) return false;
  const char *cut = rest->len ? memchr(rest->at, at, rest->len) : NULL;
  if (!cut) {
    *piece = *rest;
    *rest = (struct str){NULL, 0};
    return true;
  }
  size_t length = (size_t)(cut - rest->at);
  *piece = (struct str){rest->at, length};
  *rest = (struct str){cut + 1, rest->len - length - 1};
  return true;
}

bool str_utf8(struct str a) {
  if (!a.len) return true;
  const unsigned char *at = (const unsigned char *)a.at;
  const unsigned char *end = at + a.len;
  while (at < end) {
    uint64_t eight;
    if (end - at >= 8 && (memcpy(&eight, at, 8), (eight & UINT64_C(0x8080808080808080)) == 0)) {
      at += 8;
      continue;
    }
    size_t step = utf8_step(at, end);
    if (step == 0) return false;
    at += step;
  }
  return true;
}

bool str_to_int(struct str a, int64_t *out) {
  bool minus = a.len > 0 && a.at[0] == '-';
  size_t i = minus ? 1 : 0;
  if (i == a.len) return false;
  int64_t value = 0; /* gathered below zero, where the range is larger by one */
  for (; i < a.len; i++) {
    if (a.at[i] < '0' || a.at[i] > '9') return false;
    if (__builtin_mul_overflow(value, INT64_C(10), &value) || __builtin_sub_overflow(value, (int64_t)(a.at[i] - '0'), &value)) return false;
  }
  if (!minus && value == INT64_MIN) return false;
  *out = minus ? value : -value;
  return true;
}

bool str_to_double(struct str a, double *out) {
  if (a.len == 0 || number_end(a.at, a.at + a.len) != a.at + a.len) return false;
  return number_double(a, out);
}

/* Each star first takes nothing and grows only when the rest does not fit; only the last star ever has to grow, so no recursion. */
bool str_match(struct str a, const char *glob) {
  size_t i = 0;
  size_t retry = 0;
  const char *star = NULL;
  while (i < a.len) {
    if (*glob == '*') {
      star = ++glob;
      retry = i;
    } else if (*glob && *glob == a.at[i]) {
      glob++;
      i++;
    } else if (star) {
      glob = star;
      i = ++retry;
    } else {
      return false;
    }
  }
  while (*glob == '*') glob++;
  return *glob == '\0';
}

#define NEAREST_LONGEST 64

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Damerau–Levenshtein with adjacent transpositions (no substring is edited twice), three rolling rows. */
static size_t edit_distance(struct str a, struct str b) {
  size_t rows[3][NEAREST_LONGEST + 1];
  size_t *before = rows[0];
  size_t *above = rows[1];
  size_t *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) {
    above[j] = j;
    before[j] = 0;
  }
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t change = above[j - 1] + (a.at[i - 1] != b.at[j - 1]);
      row[j] = least(change, least(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1]) row[j] = least(row[j], before[j - 2] + 1);
    }
    size_t *free_row = before;
    before = above;
    above = row;
    row = free_row;
  }
  return above[b.len];
}

const char *str_nearest(struct str word, const char *const *candidates, size_t count) {
  if (word.len == 0 || word.len > NEAREST_LONGEST) return NULL;
  size_t most = word.len / 3 > 1 ? word.len / 3 : 1;
  const char *nearest = NULL;
  for (size_t i = 0; i < count; i++) {
    struct str candidate = str_from(candidates[i]);
    if (candidate.len == 0 || candidate.len > NEAREST_LONGEST) continue;
    size_t distance = edit_distance(word, candidate);
    if (distance > most || (nearest && distance == most)) continue;
    nearest = candidates[i]; /* of equals the first in the list */
    most = distance;
  }
  return nearest;
}
