/* programs_differ: two programs side by side, file by file and line by line, as `diff -u` prints them. Promises the shortest list of
 * changed lines for files of the size that people write; a part that is too large for that is shown as replaced. Pure but for stdout. Main
 * thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "programs.h"
#include <stdio.h>
#include <string.h>

#define AROUND     3    /* lines shown before and after a change */
#define LINES_MOST 3000 /* of the part between what is equal at both ends: the table grows with the square */

struct lines {
  struct str *at;
  size_t count;
};

static struct lines lines_of(struct str text, struct arena *a) {
  struct lines l = {0};
  size_t most = 1;
  for (size_t i = 0; i < text.len; i++) most += text.at[i] == '\n';
  l.at = ARENA_ARRAY(a, struct str, most);
  struct str rest = text, line;
  while (l.at && str_split(&rest, '\n', &line)) l.at[l.count++] = line;
  if (l.count && l.at[l.count - 1].len == 0) l.count--; /* what follows the last line end is no line */
  return l;
}

/* ---- which lines stay ---- */

enum change { KEPT = ' ', REMOVED = '-', ADDED = '+' };
struct script {
  enum change *change;
  struct str *line;
  size_t count;
};

static void add(struct script *s, enum change change, struct str line) {
  s->change[s->count] = change;
  s->line[s->count++] = line;
}

/* Longest common subsequence by the table of lengths, from the end. */
static void middle(struct script *s, const struct str *a, size_t n, const struct str *b, size_t m, struct arena *arena) {
  unsigned short *length = n && m && n <= LINES_MOST && m <= LINES_MOST ? arena_zero(arena, (n + 1) * (m + 1), sizeof *length) : NULL;
  size_t i = 0, k = 0;
  for (size_t x = n; length && x-- > 0;)
    for (size_t y = m; y-- > 0;) {
      unsigned short down = length[(x + 1) * (m + 1) + y], right = length[x * (m + 1) + y + 1];
      unsigned short longest = down > right ? down : right;
      if (str_eq(a[x], b[y])) longest = (unsigned short)(length[(x + 1) * (m + 1) + y + 1] + 1);
      length[x * (m + 1) + y] = longest;
    }
  while (length && i < n && k < m) {
    if (str_eq(a[i], b[k])) {
      add(s, KEPT, a[i++]);
      k++;
    } else if (length[(i + 1) * (m + 1) + k] >= length[i * (m + 1) + k + 1]) add(s, REMOVED, a[i++]);
    else add(s, ADDED, b[k++]);
  }
  while (i < n) add(s, REMOVED, a[i++]);
  while (k < m) add(s, ADDED, b[k++]);
}

static bool compare(struct script *s, struct lines a, struct lines b, struct arena *arena) {
  size_t head = 0, tail = 0;
  s->change = ARENA_ARRAY(arena, enum change, a.count + b.count + 1);
  s->line = ARENA_ARRAY(arena, struct str, a.count + b.count + 1);
  if (!s->change || !s->line) return false;
  while (head < a.count && head < b.count && str_eq(a.at[head], b.at[head])) add(s, KEPT, a.at[head++]);
  while (tail < a.count - head && tail < b.count - head && str_eq(a.at[a.count - 1 - tail], b.at[b.count - 1 - tail])) tail++;
  middle(s, a.at + head, a.count - head - tail, b.at + head, b.count - head - tail, arena);
  for (size_t i = a.count - tail; i < a.count; i++) add(s, KEPT, a.at[i]);
  return true;
}

/* ---- printing ---- */

static size_t hunk_end(const struct script *s, size_t begin) {
  size_t end = begin, kept = 0;
  for (size_t i = begin; i < s->count && kept <= 2 * (size_t)AROUND; i++) {
    kept = s->change[i] == KEPT ? kept + 1 : 0;
    if (s->change[i] != KEPT) end = i + 1;
  }
  return end + AROUND < s->count ? end + AROUND : s->count;
}

static void print_hunk(const struct script *s, size_t begin, size_t end) {
  size_t before = 1, after = 1, removed = 0, added = 0;
  for (size_t i = 0; i < end; i++) {
    size_t *old = i < begin ? &before : &removed, *new = i < begin ? &after : &added;
    *old += s->change[i] != ADDED;
    *new += s->change[i] != REMOVED;
  }
  printf("@@ -%zu,%zu +%zu,%zu @@\n", before, removed, after, added);
  for (size_t i = begin; i < end; i++) printf("%c" STR_FORMAT "\n", (char)s->change[i], STR_ARG(s->line[i]));
}

void texts_differ(const struct two_texts *t) {
  struct arena a = {0};
  struct script s = {0};
  printf("--- %s%s\n+++ %s%s\n", t->was ? "a/" : "", t->was ? t->path : "/dev/null", t->is ? "b/" : "", t->is ? t->path : "/dev/null");
  if (!str_utf8(t->before) || !str_utf8(t->after)) printf("(%zu bytes, then %zu bytes, no text)\n", t->before.len, t->after.len);
  else if (compare(&s, lines_of(t->before, &a), lines_of(t->after, &a), &a))
    for (size_t i = 0; i < s.count; i++) {
      if (s.change[i] == KEPT) continue;
      size_t begin = i > AROUND ? i - AROUND : 0, end = hunk_end(&s, i);
      print_hunk(&s, begin, end);
      i = end;
    }
  arena_free(&a);
}

/* ---- two programs ---- */

struct side {
  struct json j;
  uint32_t sources, at, left;
};

static bool side_open(struct side *s, struct arena *a, struct str answer) {
  if (!json_parse(&s->j, a, answer, &json_limits_default, NULL)) return false;
  s->sources = json_get(&s->j, 0, "sources");
  if (json_type(&s->j, s->sources) != JSON_ARRAY) return false;
  s->at = s->sources + 1;
  s->left = s->j.tokens[s->sources].count;
  return true;
}

static struct str side_text(const struct side *s, const char *key, struct arena *a) {
  return s->left ? json_text(&s->j, json_get(&s->j, s->at, key), a) : (struct str){0};
}

static void side_next(struct side *s) {
  s->at = s->j.tokens[s->at].next;
  s->left--;
}

/* Both lists are in order of path. A file that is no text stands with its base64, which says as much: it changed. */
bool programs_differ(struct str before, struct str after) {
  struct arena a = {0};
  struct side x, y;
  bool any = false, ok = side_open(&x, &a, before) && side_open(&y, &a, after);
  while (ok && (x.left || y.left)) {
    struct str was = side_text(&x, "path", &a), is = side_text(&y, "path", &a);
    int order = !y.left ? -1 : !x.left ? 1 : str_compare(was, is);
    struct str path = order > 0 ? is : was;
    struct two_texts t = {.path = arena_text(&a, path.at, path.len), .was = order <= 0, .is = order >= 0};
    bool same = order == 0 && str_eq(side_text(&x, "sha256", &a), side_text(&y, "sha256", &a));
    if (t.was) t.before = side_text(&x, "text", &a);
    if (t.is) t.after = side_text(&y, "text", &a);
    if (!same) texts_differ(&t);
    any |= !same;
    if (order <= 0) side_next(&x);
    if (order >= 0) side_next(&y);
  }
  arena_free(&a);
  return any;
}
