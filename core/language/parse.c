/* The parser of conditions: recursive descent over Lua's precedence (or < and < comparison < + - < * / % < not -), bounded in length and
 * depth. It resolves names to slots as it reads them, so that the first unknown name is the one reported. The tree lies in the symbols'
 * arena; nothing is freed on refusal, since the arena goes with the refused program. Called by expression_compile. [builder] */
#include "lexer.h"
#include "tree.h"
#include <string.h>

struct parser {
  struct lexer lexer;
  struct symbols *symbols;
  struct arena *arena;
  uint32_t depth;
  struct err *e;
};

static struct tree *parse_or(struct parser *p);

static struct tree *refuse_at(struct parser *p, uint32_t offset, const char *sentence) {
  err_set(p->e, ERR_INPUT, "%s", sentence);
  lexer_at(p->lexer.source, offset, p->e);
  return NULL;
}

static bool advance(struct parser *p) {
  return lexer_next(&p->lexer, p->e);
}

static struct tree *node_new(struct parser *p, enum tree_kind kind, uint32_t start, uint32_t parts) {
  struct tree *t = ARENA_NEW(p->arena, struct tree);
  struct tree **at = parts ? ARENA_ARRAY(p->arena, struct tree *, parts) : NULL;
  if (!t || (parts && !at)) {
    err_set(p->e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  t->kind = kind;
  t->start = start;
  t->end = p->lexer.end;
  t->parts = at;
  t->count = parts;
  return t;
}

static struct tree *binary(struct parser *p, enum tree_kind kind, enum operation o, struct tree *left, struct tree *right) {
  if (!right) return NULL;
  struct tree *t = node_new(p, kind, left->start, 2);
  if (!t) return NULL;
  t->operation = o;
  t->end = right->end;
  t->parts[0] = left;
  t->parts[1] = right;
  return t;
}

static struct tree *literal(struct parser *p, struct value v) {
  struct tree *t = node_new(p, TREE_LITERAL, p->lexer.start, 0);
  if (!t) return NULL;
  t->literal = v;
  t->end = p->lexer.end;
  return advance(p) ? t : NULL;
}

static const struct {
  const char *word;
  double seconds;
} units[] = {{"second", 1},  {"seconds", 1},  {"minute", 60},   {"minutes", 60},   {"hour", 3600},   {"hours", 3600},
             {"day", 86400}, {"days", 86400}, {"week", 604800}, {"weeks", 604800}, {"percent", 0.01}};

static const struct {
  const char *word;
  enum operation operation;
  uint32_t least, most; /* arguments */
} functions[] = {{"min", CALL_MIN, 1, 16}, {"max", CALL_MAX, 1, 16},   {"abs", CALL_ABS, 1, 1},     {"log", CALL_LOG, 1, 1},
                 {"exp", CALL_EXP, 1, 1},  {"sqrt", CALL_SQRT, 1, 1},  {"floor", CALL_FLOOR, 1, 1}, {"round", CALL_ROUND, 1, 1},
                 {"has", CALL_HAS, 2, 2},  {"known", CALL_KNOWN, 1, 1}};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static struct tree *parse_arguments(struct parser *p, const char *word, struct tree *t) {
  struct tree *list[16];
  uint32_t count = 0, least = 0, most = 0;
  for (size_t i = 0; i < FUNCTIONS; i++)
    if (functions[i].operation == t->operation) {
      least = functions[i].least;
      most = functions[i].most;
    }
  if (!advance(p)) return NULL; /* over the bracket */
  while (p->lexer.kind != TOKEN_CLOSE) {
    if (count == most) {
      err_set(p->e, ERR_INPUT, "%s takes at most %u value%s", word, most, most == 1 ? "" : "s");
      lexer_at(p->lexer.source, p->lexer.start, p->e);
      return NULL;
    }
    if (!(list[count++] = parse_or(p))) return NULL;
    if (p->lexer.kind != TOKEN_COMMA) break;
    if (!advance(p)) return NULL;
    if (p->lexer.kind == TOKEN_CLOSE) return refuse_at(p, p->lexer.start, "a value is missing after the comma");
  }
  if (p->lexer.kind != TOKEN_CLOSE) return refuse_at(p, p->lexer.start, "expected `)` or `,`");
  if (count < least) {
    err_set(p->e, ERR_INPUT, "%s takes %u value%s, got %u", word, least, least == 1 ? "" : "s", count);
    lexer_at(p->lexer.source, t->start, p->e);
    return NULL;
  }
  t->end = p->lexer.end;
  t->count = count;
  t->parts = arena_copy(p->arena, list, count * sizeof *list);
  if (!t->parts) {
    err_set(p->e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  return advance(p) ? t : NULL;
}

static struct tree *unknown_function(struct parser *p, struct str name, uint32_t start) {
  const char *list[FUNCTIONS];
  for (size_t i = 0; i < FUNCTIONS; i++) list[i] = functions[i].word;
  const char *near = str_nearest(name, list, FUNCTIONS);
  err_set(p->e, ERR_INPUT, "unknown function \"" STR_FORMAT "\"%s%s%s", STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "",
          near ? "\"?)" : "");
  lexer_at(p->lexer.source, start, p->e);
  return NULL;
}

static struct tree *parse_name(struct parser *p) {
  struct str name = p->lexer.text;
  uint32_t start = p->lexer.start, end = p->lexer.end;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (str_is(name, units[i].word)) return literal(p, value_number(units[i].seconds));
  if (!advance(p)) return NULL;
  if (p->lexer.kind == TOKEN_OPEN) {
    for (size_t i = 0; i < FUNCTIONS; i++) {
      if (!str_is(name, functions[i].word)) continue;
      struct tree *t = node_new(p, TREE_CALL, start, 0);
      if (!t) return NULL;
      t->operation = functions[i].operation;
      return parse_arguments(p, functions[i].word, t);
    }
    return unknown_function(p, name, start);
  }
  for (size_t i = 0; i < FUNCTIONS; i++)
    if (str_is(name, functions[i].word)) return refuse_at(p, start, "this is a function: its values go in brackets behind it");
  struct tree *t = node_new(p, TREE_NAME, start, 0);
  if (!t) return NULL;
  const struct symbol *symbol = symbols_name(p->symbols, name, p->e);
  if (!symbol) {
    lexer_at(p->lexer.source, start, p->e);
    return NULL;
  }
  t->slot = symbol->slot;
  t->end = end;
  return t;
}

/* Whoever writes 5% means a share. */
static struct tree *no_value(struct parser *p, uint32_t start, const char *sentence) {
  uint32_t before = start;
  while (before && p->lexer.source.at[before - 1] == ' ') before--;
  const bool percent = before && p->lexer.source.at[before - 1] == '%';
  return refuse_at(p, start, percent ? "a value is missing behind %, the rest of a division: five in a hundred is 5 * percent" : sentence);
}

static struct tree *parse_primary(struct parser *p) {
  uint32_t start = p->lexer.start;
  switch (p->lexer.kind) {
  case TOKEN_NUMBER: return literal(p, value_number(p->lexer.number));
  case TOKEN_TEXT: return literal(p, value_text(p->lexer.text));
  case TOKEN_TRUE: return literal(p, value_bool(true));
  case TOKEN_FALSE: return literal(p, value_bool(false));
  case TOKEN_NIL: {
    struct tree *t = literal(p, value_missing(MISSING_ABSENT));
    if (t) t->nil = true;
    return t;
  }
  case TOKEN_NAME: return parse_name(p);
  case TOKEN_OPEN: {
    if (!advance(p)) return NULL;
    struct tree *t = parse_or(p);
    if (!t) return NULL;
    if (p->lexer.kind != TOKEN_CLOSE) return refuse_at(p, p->lexer.start, "expected `)`");
    t->start = start; /* brackets belong to the term, so that it prints as it was written */
    t->end = p->lexer.end;
    return advance(p) ? t : NULL;
  }
  case TOKEN_END: return no_value(p, start, "a value is missing at the end");
  default: return no_value(p, start, "a value is missing here");
  }
}

static struct tree *parse_unary(struct parser *p) {
  if (p->depth >= EXPRESSION_DEPTH) return refuse_at(p, p->lexer.start, "this condition is nested more than 200 deep");
  p->depth++;
  struct tree *t;
  if (p->lexer.kind == TOKEN_NOT || p->lexer.kind == TOKEN_MINUS) {
    enum tree_kind kind = p->lexer.kind == TOKEN_NOT ? TREE_NOT : TREE_MINUS;
    uint32_t start = p->lexer.start;
    struct tree *inner = advance(p) ? parse_unary(p) : NULL;
    t = inner ? node_new(p, kind, start, 1) : NULL;
    if (t) {
      t->parts[0] = inner;
      t->end = inner->end;
    }
  } else {
    t = parse_primary(p);
  }
  p->depth--;
  return t;
}

/* One function for the four left-associative levels: product, sum, comparison, and. */
static const struct {
  enum token_kind token;
  int level;
  enum tree_kind kind;
  enum operation operation;
} operators[] = {
    {TOKEN_AND, 0, TREE_AND, OPERATION_NONE},
    {TOKEN_LESS, 1, TREE_COMPARE, COMPARE_LESS},
    {TOKEN_LESS_EQUAL, 1, TREE_COMPARE, COMPARE_LESS_EQUAL},
    {TOKEN_GREATER, 1, TREE_COMPARE, COMPARE_GREATER},
    {TOKEN_GREATER_EQUAL, 1, TREE_COMPARE, COMPARE_GREATER_EQUAL},
    {TOKEN_EQUAL, 1, TREE_COMPARE, COMPARE_EQUAL},
    {TOKEN_NOT_EQUAL, 1, TREE_COMPARE, COMPARE_NOT_EQUAL},
    {TOKEN_PLUS, 2, TREE_ARITHMETIC, ADD},
    {TOKEN_MINUS, 2, TREE_ARITHMETIC, SUBTRACT},
    {TOKEN_STAR, 3, TREE_ARITHMETIC, MULTIPLY},
    {TOKEN_SLASH, 3, TREE_ARITHMETIC, DIVIDE},
    {TOKEN_PERCENT, 3, TREE_ARITHMETIC, MODULO},
};
#define OPERATORS (sizeof operators / sizeof *operators)

static size_t operator_here(const struct parser *p, int level) {
  size_t i = 0;
  while (i < OPERATORS && (operators[i].token != p->lexer.kind || operators[i].level != level)) i++;
  return i;
}

static struct tree *parse_level(struct parser *p, int level) {
  if (level == 4) return parse_unary(p);
  struct tree *left = parse_level(p, level + 1);
  bool compared = false;
  while (left) {
    size_t i = operator_here(p, level);
    if (i == OPERATORS) return left;
    if (level == 1 && compared) return refuse_at(p, p->lexer.start, "comparisons are not chained: write a < b and b < c");
    compared = true;
    if (!advance(p)) return NULL;
    left = binary(p, operators[i].kind, operators[i].operation, left, parse_level(p, level + 1));
  }
  return NULL;
}

static struct tree *parse_or(struct parser *p) {
  struct tree *left = parse_level(p, 0);
  while (left && p->lexer.kind == TOKEN_OR) {
    if (!advance(p)) return NULL;
    left = binary(p, TREE_OR, OPERATION_NONE, left, parse_level(p, 0));
  }
  return left;
}

struct tree *parse_expression(struct symbols *s, struct str source, struct err *e) {
  struct parser p = {.lexer = {.source = source, .arena = s->arena}, .symbols = s, .arena = s->arena, .e = e};
  if (source.len > EXPRESSION_LENGTH) {
    err_set(e, ERR_INPUT, "a condition may have at most %u bytes, this one has %zu", EXPRESSION_LENGTH, source.len);
    return NULL;
  }
  if (!str_utf8(source)) {
    err_set(e, ERR_INPUT, "a condition must be UTF-8");
    return NULL;
  }
  if (str_trim(source).len == 0) {
    err_set(e, ERR_INPUT, "the condition is empty");
    return NULL;
  }
  if (!advance(&p)) return NULL;
  struct tree *t = parse_or(&p);
  if (!t) return NULL;
  if (p.lexer.kind == TOKEN_CLOSE) return refuse_at(&p, p.lexer.start, "this `)` closes nothing");
  if (p.lexer.kind != TOKEN_END) return refuse_at(&p, p.lexer.start, "expected and, or, a comparison or an operator here");
  return t;
}
