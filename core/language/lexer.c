/* The lexer of conditions: Lua's tokens, of which the language knows only a part. What other languages or the rest of Lua would write is
 * refused with the word to use instead. Borrows the source; unescaped texts lie in the arena. Called by parse.c. [builder] */
#include "lexer.h"
#include "kit/arena.h"
#include <string.h>

bool lexer_at(struct str source, uint32_t offset, struct err *e) {
  unsigned line = 1, column = 1, lines = 1;
  for (uint32_t i = 0; i < source.len; i++) {
    unsigned char c = (unsigned char)source.at[i];
    if (c == '\n') lines++;
    if (i >= offset) continue;
    if (c == '\n') {
      line++;
      column = 1;
    } else if ((c & 0xc0) != 0x80) {
      column++;
    }
  }
  return lines > 1 ? err_wrap(e, "line %u, column %u", line, column) : err_wrap(e, "column %u", column);
}

static bool refuse(struct lexer *l, struct err *e, const char *sentence) {
  err_set(e, ERR_INPUT, "%s", sentence);
  return lexer_at(l->source, l->start, e);
}

static unsigned char peek(const struct lexer *l, uint32_t ahead) {
  return l->at + ahead < l->source.len ? (unsigned char)l->source.at[l->at + ahead] : 0;
}
static bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}
static bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool read_number(struct lexer *l, struct err *e) {
  bool point = false, hex = peek(l, 0) == '0' && (peek(l, 1) | 0x20) == 'x';
  while (is_digit(peek(l, 0)) || peek(l, 0) == '.' || is_letter(peek(l, 0))) {
    unsigned char c = peek(l, 0);
    point = point || c == '.';
    l->at++;
    if ((c | 0x20) == 'e' && !hex && (peek(l, 0) == '+' || peek(l, 0) == '-')) l->at++;
  }
  l->end = l->at;
  l->kind = TOKEN_NUMBER;
  if (hex) return refuse(l, e, "numbers are written in decimal");
  /* Lua also writes .5 and 5. ; the reader of numbers wants a digit on both sides */
  char digits[80];
  size_t n = 0;
  for (uint32_t i = l->start; i < l->end && n + 3 < sizeof digits; i++) {
    char c = l->source.at[i];
    if (c == '.' && n == 0) digits[n++] = '0';
    digits[n++] = c;
    if (c == '.' && !is_digit(i + 1 < l->end ? (unsigned char)l->source.at[i + 1] : 0)) digits[n++] = '0';
  }
  if (l->end - l->start > 64 || !str_to_double((struct str){digits, n}, &l->number)) return refuse(l, e, "this is not a number");
  return true;
}

static const struct {
  const char *word;
  enum token_kind kind;
} words[] = {{"and", TOKEN_AND},     {"or", TOKEN_OR},   {"not", TOKEN_NOT}, {"true", TOKEN_TRUE},
             {"false", TOKEN_FALSE}, {"nil", TOKEN_NIL}, {NULL, TOKEN_END}};

static bool read_name(struct lexer *l, struct err *e) {
  for (;;) {
    uint32_t from = l->at;
    while (is_letter(peek(l, 0)) || is_digit(peek(l, 0))) l->at++;
    struct str piece = {l->source.at + from, l->at - from};
    for (int i = 0; words[i].word; i++)
      if (str_is(piece, words[i].word) && (from > l->start || peek(l, 0) == '.'))
        return refuse(l, e, "a reserved word cannot be part of a name");
    if (peek(l, 0) != '.' || !is_letter(peek(l, 1))) break;
    l->at++;
  }
  l->end = l->at;
  l->text = (struct str){l->source.at + l->start, l->end - l->start};
  l->kind = TOKEN_NAME;
  if (peek(l, 0) == '.' && peek(l, 1) != '.') return refuse(l, e, "a name ends in a dot");
  if (peek(l, 0) == '[') return refuse(l, e, "names are written with dots; brackets are not in the language");
  for (int i = 0; words[i].word; i++)
    if (str_is(l->text, words[i].word)) l->kind = words[i].kind;
  return true;
}

static bool read_text(struct lexer *l, struct err *e) {
  unsigned char quote = peek(l, 0);
  uint32_t from = ++l->at;
  bool escaped = false;
  while (l->at < l->source.len && peek(l, 0) != quote && peek(l, 0) != '\n') {
    if (peek(l, 0) == '\\') {
      escaped = true;
      l->at++;
    }
    l->at++;
  }
  if (peek(l, 0) != quote || l->at >= l->source.len) return refuse(l, e, "this text has no closing quote");
  l->text = (struct str){l->source.at + from, l->at - from};
  l->end = ++l->at;
  l->kind = TOKEN_TEXT;
  if (!escaped) return true;
  char *out = arena_alloc(l->arena, l->text.len);
  if (!out) return err_set(e, ERR_INTERNAL, "memory failed");
  size_t n = 0;
  for (size_t i = 0; i < l->text.len; i++) {
    char c = l->text.at[i];
    if (c == '\\') {
      c = l->text.at[++i];
      if (c == 'n') c = '\n';
      else if (c == 't') c = '\t';
      else if (c != '\\' && c != '"' && c != '\'') return refuse(l, e, "in a text only \\n \\t \\\\ \\\" \\' may follow a backslash");
    }
    out[n++] = c;
  }
  l->text = (struct str){out, n};
  return true;
}

/* Longest first. A sentence instead of a kind: what to write. */
static const struct {
  const char *mark;
  enum token_kind kind;
  const char *sentence;
} marks[] = {
    {"==", TOKEN_EQUAL, NULL},
    {"~=", TOKEN_NOT_EQUAL, NULL},
    {"<=", TOKEN_LESS_EQUAL, NULL},
    {">=", TOKEN_GREATER_EQUAL, NULL},
    {"!=", TOKEN_END, "`!=` is not in the language (did you mean `~=`?)"},
    {"&&", TOKEN_END, "`&&` is not in the language (did you mean `and`?)"},
    {"||", TOKEN_END, "`||` is not in the language (did you mean `or`?)"},
    {"<<", TOKEN_END, "bitwise operators are not in the language"},
    {">>", TOKEN_END, "bitwise operators are not in the language"},
    {"//", TOKEN_END, "`//` is not in the language (use floor(a / b))"},
    {"--", TOKEN_END, "`--` begins a comment in Lua; put a space between two minus signs"},
    {"..", TOKEN_END, "texts are not joined in conditions"},
    {"(", TOKEN_OPEN, NULL},
    {")", TOKEN_CLOSE, NULL},
    {",", TOKEN_COMMA, NULL},
    {"<", TOKEN_LESS, NULL},
    {">", TOKEN_GREATER, NULL},
    {"+", TOKEN_PLUS, NULL},
    {"-", TOKEN_MINUS, NULL},
    {"*", TOKEN_STAR, NULL},
    {"/", TOKEN_SLASH, NULL},
    {"%", TOKEN_PERCENT, NULL},
    {"=", TOKEN_END, "`=` is not a comparison (did you mean `==`?)"},
    {"!", TOKEN_END, "`!` is not in the language (did you mean `not`?)"},
    {"^", TOKEN_END, "`^` is not in the language (use exp and log)"},
    {"&", TOKEN_END, "bitwise operators are not in the language"},
    {"|", TOKEN_END, "bitwise operators are not in the language"},
    {"~", TOKEN_END, "bitwise operators are not in the language"},
    {"[", TOKEN_END, "brackets are not in the language"},
    {"{", TOKEN_END, "tables are not in the language of conditions"},
    {"#", TOKEN_END, "`#` is not in the language"},
    {":", TOKEN_END, "methods are not in the language of conditions"},
};

static bool read_mark(struct lexer *l, struct err *e) {
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    size_t n = strlen(marks[i].mark);
    if (l->source.len - l->at < n || memcmp(l->source.at + l->at, marks[i].mark, n) != 0) continue;
    l->at += (uint32_t)n;
    l->end = l->at;
    l->kind = marks[i].kind;
    return marks[i].sentence ? refuse(l, e, marks[i].sentence) : true;
  }
  return refuse(l, e, "this character is not in the language");
}

bool lexer_next(struct lexer *l, struct err *e) {
  while (l->at < l->source.len && strchr(" \t\r\n", l->source.at[l->at]) && l->source.at[l->at]) l->at++;
  l->start = l->end = l->at;
  l->kind = TOKEN_END;
  if (l->at >= l->source.len) return true;
  unsigned char c = peek(l, 0);
  if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) return read_number(l, e);
  if (is_letter(c)) return read_name(l, e);
  if (c == '"' || c == '\'') return read_text(l, e);
  return read_mark(l, e);
}
