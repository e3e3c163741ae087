/* The scan before Lua: a token walk over a rule file that refuses what must not run here. Bitwise operators and an index by a comparison
 * are refused because Lua 5.4.4 compiles some of them wrongly; `^` because its result differs between machines; `_ENV` because it would put
 * another environment in place of the language. It judges tokens only: what is not Lua at all is left to Lua's own parser. [builder] */
#include "sandbox.h"
#include <string.h>

struct scan {
  struct str text;
  size_t at;
  int line;
  char open[220];            /* brackets around here; deeper nesting is refused by Lua itself */
  size_t depth, index_depth; /* how many of them are [ */
  struct findings *findings; /* NULL: nothing is refused */
  const char *file;
  struct scan_shape *shape; /* NULL: not asked for */
  struct scan_lines *lines; /* NULL: not asked for */
};

static char byte_at(const struct scan *s, size_t ahead) {
  return s->at + ahead < s->text.len ? s->text.at[s->at + ahead] : 0;
}

/* As Lua reads them: a carriage return ends a line too, and two different ones behind each other are one. */
static bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || is_line_end(c);
}

static void step(struct scan *s) {
  const char c = byte_at(s, 0), next = byte_at(s, 1);
  if (is_line_end(c)) {
    s->line++;
    s->at += is_line_end(next) && next != c;
  }
  s->at++;
}

/* At `[`, `[=` …: the level of a long bracket, or −1. */
static int long_level(const struct scan *s) {
  if (byte_at(s, 0) != '[') return -1;
  size_t level = 0;
  while (byte_at(s, 1 + level) == '=') level++;
  return byte_at(s, 1 + level) == '[' ? (int)level : -1;
}

static void skip_long(struct scan *s, int level) {
  s->at += (size_t)level + 2;
  for (; s->at < s->text.len; step(s)) {
    if (byte_at(s, 0) != ']') continue;
    int n = 0;
    while (byte_at(s, 1 + (size_t)n) == '=') n++;
    if (n != level || byte_at(s, 1 + (size_t)n) != ']') continue;
    s->at += (size_t)level + 2;
    return;
  }
}

static void skip_comment(struct scan *s) {
  s->at += 2;
  int level = long_level(s);
  if (level >= 0) {
    skip_long(s, level);
    return;
  }
  while (s->at < s->text.len && !is_line_end(byte_at(s, 0))) s->at++;
}

static void refuse(struct scan *s, const char *sentence) {
  if (!s->findings) return;
  findings_add(s->findings, FINDING_ERROR, s->file, s->line, "%s", sentence);
}

/* A NUL makes comparing two texts slow beyond any budget (strcoll, piece by piece), and no rule needs one. */
static bool escapes_nul(const struct scan *s) {
  size_t at = 1;
  char kind = byte_at(s, at);
  if (kind == 'x' || kind == 'u') at += kind == 'x' ? 1 : 2;
  else if (kind != '0') return false;
  size_t zeros = 0;
  while (byte_at(s, at + zeros) == '0') zeros++;
  char after = byte_at(s, at + zeros);
  if (kind == 'x') return zeros >= 2;
  if (kind == 'u') return zeros > 0 && after == '}';
  return zeros >= 3 || after < '0' || after > '9';
}

/* A text goes on behind an escaped line end, and behind `\z` and whatever blanks follow it. */
static void skip_escape(struct scan *s) {
  const bool blanks = byte_at(s, 1) == 'z';
  if (escapes_nul(s)) refuse(s, "a text cannot hold a NUL byte");
  step(s);
  step(s);
  while (blanks && s->at < s->text.len && is_blank(byte_at(s, 0))) step(s);
}

static void skip_text(struct scan *s) {
  char quote = byte_at(s, 0);
  s->at++;
  while (s->at < s->text.len && byte_at(s, 0) != quote && !is_line_end(byte_at(s, 0))) {
    if (byte_at(s, 0) == '\\') skip_escape(s);
    else step(s);
  }
  s->at++;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool shape_is_on(const struct scan *s) {
  return s->shape && s->line >= s->shape->first && s->line <= s->shape->last;
}

static void scan_word(struct scan *s) {
  size_t from = s->at;
  bool number = byte_at(s, 0) >= '0' && byte_at(s, 0) <= '9';
  while (is_word(byte_at(s, 0)) || (number && byte_at(s, 0) == '.')) s->at++;
  struct str word = {s->text.at + from, s->at - from};
  if (str_is(word, "_ENV")) refuse(s, "_ENV is not in the language");
}

static void scan_bracket(struct scan *s, char c) {
  if (c == '(' || c == '[' || c == '{') {
    if (s->depth < sizeof s->open) {
      s->open[s->depth] = c;
      s->index_depth += c == '[';
    }
    s->depth++;
  } else if (s->depth > 0) {
    s->depth--;
    if (s->depth < sizeof s->open && s->open[s->depth] == '[') s->index_depth--;
  }
  s->at++;
}

static const struct {
  const char *mark;
  enum { MARK_FINE, MARK_BITWISE, MARK_COMPARE, MARK_POWER } kind;
} marks[] = {{"...", MARK_FINE},   {"==", MARK_COMPARE}, {"~=", MARK_COMPARE}, {"<=", MARK_COMPARE}, {">=", MARK_COMPARE},
             {"<<", MARK_BITWISE}, {">>", MARK_BITWISE}, {"..", MARK_FINE},    {"<", MARK_COMPARE},  {">", MARK_COMPARE},
             {"&", MARK_BITWISE},  {"|", MARK_BITWISE},  {"~", MARK_BITWISE},  {"^", MARK_POWER}};

static void scan_mark(struct scan *s) {
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    size_t n = strlen(marks[i].mark);
    if (s->text.len - s->at < n || memcmp(s->text.at + s->at, marks[i].mark, n) != 0) continue;
    if (marks[i].kind == MARK_BITWISE) refuse(s, "bitwise operators are not in the language");
    if (marks[i].kind == MARK_POWER) refuse(s, "`^` is not in the language (use math.pow(a, b), which is the same on every machine)");
    if (marks[i].kind == MARK_COMPARE && s->index_depth) refuse(s, "a comparison cannot be an index (put it in a local first)");
    s->at += n;
    return;
  }
  step(s);
}

static void scan_token(struct scan *s) {
  char c = byte_at(s, 0);
  const bool blank = is_blank(c);
  const size_t from = s->at;
  const int line = s->line;
  const bool on = shape_is_on(s), comment = c == '-' && byte_at(s, 1) == '-';
  if (comment) skip_comment(s);
  else if (c == '"' || c == '\'') skip_text(s);
  else if (long_level(s) >= 0) skip_long(s, long_level(s));
  else if (is_word(c)) scan_word(s);
  else if (c && strchr("()[]{}", c)) scan_bracket(s, c);
  else scan_mark(s);
  const bool token = !blank && !comment;
  if (s->lines && token && s->lines->at[line] == UINT32_MAX) s->lines->at[line] = (uint32_t)from;
  if (s->shape && token) scan_shape_token(s->shape, (struct str){s->text.at + from, s->at - from}, on);
}

bool scan_source(struct findings *f, const char *file, struct str text) {
  struct scan s = {.text = text, .line = 1, .findings = f, .file = file};
  size_t errors = f->errors;
  if (memchr(text.at, 0, text.len)) refuse(&s, "a rule file cannot hold a NUL byte");
  while (s.at < text.len && f->errors <= errors + 20) scan_token(&s);
  return f->errors == errors;
}

/* Forms by which a text or a line may end elsewhere than it looks. They are read as Lua reads them; still, nothing that decides whether a
 * function is watched shall rest on that. */
static bool is_odd(struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    const char c = text.at[i], next = i + 1 < text.len ? text.at[i + 1] : 0;
    if (c == '\f' || c == '\v' || (c == '\r' && next != '\n') || (c == '\\' && (next == 'z' || is_line_end(next)))) return true;
  }
  return false;
}

bool scan_lines(struct arena *a, struct str text, struct scan_lines *lines) {
  struct scan_shape whole = {0};
  struct scan s = {.text = text, .line = 1, .shape = &whole, .lines = lines};
  lines->count = 2;
  for (size_t i = 0; i < text.len; i++) lines->count += is_line_end(text.at[i]);
  lines->at = ARENA_ARRAY(a, uint32_t, (size_t)lines->count);
  if (!lines->at) return false;
  memset(lines->at, 0xff, (size_t)lines->count * sizeof *lines->at);
  while (s.at < text.len) scan_token(&s);
  lines->renamed = whole.renamed;
  lines->odd = is_odd(text);
  return true;
}

void scan_shape(struct str text, const struct scan_lines *lines, struct scan_shape *shape) {
  struct scan s = {.text = text, .line = shape->first, .shape = shape};
  shape->loops += lines->odd;
  shape->renamed = lines->renamed;
  if (shape->first < 1 || shape->first >= lines->count || lines->at[shape->first] == UINT32_MAX) {
    shape->loops++;
    return;
  }
  s.at = lines->at[shape->first];
  while (s.at < text.len && s.line <= shape->last && shape->functions <= 1) scan_token(&s); /* of two nothing more is asked */
}
