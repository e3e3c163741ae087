/* Tokens of the condition language. Private to language/. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

enum token_kind {
  TOKEN_END,
  TOKEN_NUMBER,
  TOKEN_TEXT,
  TOKEN_NAME, /* dotted: "event.local_hour"; reserved words are kinds of their own */
  TOKEN_AND,
  TOKEN_OR,
  TOKEN_NOT,
  TOKEN_TRUE,
  TOKEN_FALSE,
  TOKEN_NIL,
  TOKEN_OPEN,
  TOKEN_CLOSE,
  TOKEN_COMMA,
  TOKEN_LESS,
  TOKEN_LESS_EQUAL,
  TOKEN_GREATER,
  TOKEN_GREATER_EQUAL,
  TOKEN_EQUAL,
  TOKEN_NOT_EQUAL,
  TOKEN_PLUS,
  TOKEN_MINUS,
  TOKEN_STAR,
  TOKEN_SLASH,
  TOKEN_PERCENT,
};

struct arena;
struct lexer {
  struct str source;
  uint32_t at; /* next byte */
  enum token_kind kind;
  uint32_t start, end; /* bytes of the token */
  double number;
  struct str text; /* NAME: as written; TEXT: unescaped, in the arena when it had escapes */
  struct arena *arena;
};

/* Reads the next token into the lexer; false with a sentence that opens with the column. */
bool lexer_next(struct lexer *l, struct err *e);
/* Puts "column 7: " or "line 2, column 7: " in front of the error; columns count characters from 1. Always false. */
bool lexer_at(struct str source, uint32_t offset, struct err *e);
