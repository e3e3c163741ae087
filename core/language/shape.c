/* The shape of a function, from its tokens: how many there are, how often the loops around each go round, and whether anything in it can
 * run without an end. Judges tokens only, of files that Lua has taken already, and errs to the safe side: what it does not know is a loop
 * whose rounds are not known. Called by scan.c for callers.c. [builder] */
#include "sandbox.h"

#define TIMES_MOST ((size_t)1 << 20) /* no bound is believed beyond */

static bool is_one_of(struct str word, const char *const *words) {
  while (*words && !str_is(word, *words)) words++;
  return *words != NULL;
}

static bool is_name(struct str token) {
  const char c = token.len ? token.at[0] : 0;
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t product(size_t a, size_t b) {
  return a > TIMES_MOST / (b ? b : 1) ? TIMES_MOST : a * b;
}

/* ---- heads of loops ---- */

/* Plain digits, few of them. */
static bool is_written(struct str token, int64_t *number) {
  return token.len <= 6 && token.len > 0 && token.at[0] >= '0' && token.at[0] <= '9' && str_to_int(token, number);
}

static void lose_head(struct scan_shape *shape) {
  shape->loops++;
  shape->loop.head = HEAD_NONE;
}

/* The arguments of ipairs or pairs; behind the bracket that closes them must stand `do`, or it would not be they that go round. */
static void read_argument(struct scan_loop *l, struct str token) {
  const char c = token.at[0];
  if (token.len == 1) l->brackets += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
  if (l->brackets == 0) l->head = HEAD_DO;
}

static void read_number(struct scan_shape *shape, struct str token) {
  struct scan_loop *l = &shape->loop;
  int64_t *const place = l->head == HEAD_FROM ? &l->from : l->head == HEAD_TO ? &l->to : &l->step;
  if (!is_written(token, place)) lose_head(shape);
  else l->head = l->head == HEAD_FROM ? HEAD_COMMA : HEAD_DO;
}

/* Tokens of a head but `do`. */
static void read_head(struct scan_shape *shape, struct str token) {
  static const char *const goes[] = {"ipairs", "pairs", NULL};
  struct scan_loop *l = &shape->loop;
  switch (l->head) {
  case HEAD_NONE: return;
  case HEAD_NAME: l->head = HEAD_NAMED; return;
  case HEAD_NAMED:
    if (str_is(token, ",")) l->head = HEAD_NAME;
    else if (str_is(token, "=")) l->head = HEAD_FROM;
    else if (str_is(token, "in")) l->head = HEAD_IN;
    else lose_head(shape);
    return;
  case HEAD_FROM:
  case HEAD_TO:
  case HEAD_STEP: read_number(shape, token); return;
  case HEAD_COMMA:
    if (str_is(token, ",")) l->head = HEAD_TO;
    else lose_head(shape);
    return;
  case HEAD_IN:
    l->paced = true;
    if (is_one_of(token, goes)) l->head = HEAD_OPEN;
    else lose_head(shape);
    return;
  case HEAD_OPEN:
    l->brackets = 1;
    if (str_is(token, "(")) l->head = HEAD_ARGUMENTS;
    else lose_head(shape);
    return;
  case HEAD_ARGUMENTS: read_argument(l, token); return;
  case HEAD_DO: /* a step, once */
    if (str_is(token, ",") && !l->paced && l->step == 0) l->head = HEAD_STEP;
    else lose_head(shape);
    return;
  }
}

/* ---- blocks ---- */

static struct scan_block *block(struct scan_shape *shape) {
  return &shape->blocks[shape->depth < SHAPE_DEPTH ? shape->depth : SHAPE_DEPTH - 1];
}

static void open_block(struct scan_shape *shape, struct str token) {
  const struct scan_block outer = *block(shape);
  struct scan_loop *l = &shape->loop;
  shape->depth++;
  if (shape->depth >= SHAPE_DEPTH) shape->loops++; /* too deep to be known */
  *block(shape) = outer;
  if (!str_is(token, "do") || l->head != HEAD_DO) return;
  const int64_t step = l->step > 0 ? l->step : 1;
  if (l->paced) block(shape)->paced = true;
  else block(shape)->times = product(outer.times, l->to < l->from ? 1 : (size_t)((l->to - l->from) / step + 1));
  l->head = HEAD_NONE;
}

static void read_word(struct scan_shape *shape, struct str word) {
  static const char *const loops[] = {"while", "repeat", "goto", NULL}, *const opens[] = {"if", "do", NULL};
  const bool function = str_is(word, "function");
  shape->functions += function;
  shape->loops += is_one_of(word, loops);
  if (shape->depth == 0) shape->blocks[0] = (struct scan_block){1, false};
  if (function || (shape->depth > 0 && is_one_of(word, opens))) open_block(shape, word);
  else if (shape->depth > 0 && str_is(word, "end")) shape->depth--;
  if (str_is(word, "for")) shape->loop = (struct scan_loop){.head = HEAD_NAME};
  if (str_is(word, "local")) shape->local = true;
}

/* `local a, b <const> =` is no assignment, nor is `a =`, which nobody else sees; behind a bracket, a dot or a comma may stand a field. */
static void read_mark(struct scan_shape *shape, struct str token) {
  static const char *const fields[] = {".", ",", "{", ";", NULL}, *const parts[] = {",", "<", ">", NULL};
  const bool equals = str_is(token, "=");
  const bool plain = is_name(shape->before[0]) && !is_one_of(shape->before[1], fields);
  if (equals && !shape->local && !plain) shape->assignments++;
  if (equals || !is_one_of(token, parts)) shape->local = false;
}

void scan_shape_token(struct scan_shape *shape, struct str token, bool on) {
  static const char *const goes[] = {"ipairs", "pairs", NULL};
  if (is_one_of(token, goes) && !str_is(shape->before[0], "in")) shape->renamed = true;
  if (on) {
    const bool head = shape->loop.head != HEAD_NONE && !(shape->loop.head == HEAD_DO && str_is(token, "do"));
    if (head) read_head(shape, token);
    if (is_name(token)) read_word(shape, token);
    else if (shape->depth > 0) read_mark(shape, token);
    if (shape->depth > 0 && shape->tokens < TIMES_MOST) shape->tokens += block(shape)->times;
    if (shape->depth > 0 && block(shape)->paced && shape->paced < TIMES_MOST) shape->paced += block(shape)->times;
  }
  shape->before[1] = shape->before[0];
  shape->before[0] = token;
}
