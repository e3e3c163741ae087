/* The shape of a function, from its tokens: how many there are, how often the loops around each go round, and where the rounds of those
 * loops begin of which only Lua knows how often they go round. Judges tokens only, of files that Lua has taken already, and errs to the
 * safe side: what it does not know is a loop whose rounds nothing can count. Called by scan.c for callers.c. [builder] */
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

/* Plain digits, few of them. */
static bool is_written(struct str token, int64_t *number) {
  return token.len <= 6 && token.len > 0 && token.at[0] >= '0' && token.at[0] <= '9' && str_to_int(token, number);
}

/* ---- places ---- */
/* What a round is written with costs as much as so many tokens. */
#define ROUND_TOKENS 8

static void rounds_add(struct scan_shape *shape, struct scan_rounds place) {
  if (shape->round_count < SHAPE_ROUNDS) shape->rounds[shape->round_count++] = place;
  else shape->loops++;
}

/* A block ends: so do the rounds in it. */
static void rounds_close(struct scan_shape *shape, int depth) {
  for (size_t i = 0; i < shape->round_count; i++) {
    struct scan_rounds *r = &shape->rounds[i];
    if (r->depth < depth) continue;
    r->weight = (shape->tokens - r->weight) / r->times + 1 + ROUND_TOKENS;
    r->depth = -1;
  }
}

/* ---- heads of loops ---- */
static void lose_head(struct scan_shape *shape) {
  shape->loop.head = HEAD_ANY;
}

static int bracket(struct str token) {
  const char c = token.at[0];
  if (token.len != 1) return 0;
  return (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
}

/* The arguments of ipairs or pairs; behind the bracket that closes them must stand `do`, or it would not be they that go round. */
static void read_argument(struct scan_loop *l, struct str token) {
  l->brackets += bracket(token);
  if (l->brackets == 0) l->head = HEAD_DO;
}

static void read_number(struct scan_shape *shape, struct str token) {
  struct scan_loop *l = &shape->loop;
  int64_t *const place = l->head == HEAD_FROM ? &l->from : l->head == HEAD_TO ? &l->to : &l->step;
  if (!is_written(token, place)) lose_head(shape);
  else l->head = l->head == HEAD_FROM ? HEAD_COMMA : l->head == HEAD_LIMIT_STEP ? HEAD_LIMIT_DO : HEAD_DO;
}

/* The limit of a loop from a written number: any expression, up to a comma of its own or `do`. */
static void read_limit(struct scan_shape *shape, struct str token) {
  struct scan_loop *l = &shape->loop;
  if (l->head != HEAD_LIMIT) {
    l->limit = l->head == HEAD_TO ? token.at : shape->before[0].at;
    l->brackets = 0;
    l->head = HEAD_LIMIT;
  }
  l->brackets += bracket(token);
  if (l->brackets != 0 || !str_is(token, ",")) return;
  l->limit_end = token.at;
  l->head = HEAD_LIMIT_STEP;
}

/* Tokens of a head but `do`. */
static void read_head(struct scan_shape *shape, struct str token) {
  static const char *const goes[] = {"ipairs", "pairs", NULL};
  struct scan_loop *l = &shape->loop;
  int64_t number;
  switch (l->head) {
  case HEAD_NONE:
  case HEAD_ANY: return;
  case HEAD_NAME: l->head = HEAD_NAMED; return;
  case HEAD_NAMED:
    if (str_is(token, ",")) l->head = HEAD_NAME;
    else if (str_is(token, "=")) l->head = HEAD_FROM;
    else if (str_is(token, "in")) l->head = HEAD_IN;
    else lose_head(shape);
    return;
  case HEAD_TO:
    if (is_written(token, &number)) read_number(shape, token);
    else read_limit(shape, token);
    return;
  case HEAD_FROM:
  case HEAD_LIMIT_STEP:
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
  case HEAD_DO: /* a step, once; or the written number was the beginning of an expression */
    if (l->paced || l->step != 0) lose_head(shape);
    else if (str_is(token, ",")) l->head = HEAD_STEP;
    else read_limit(shape, token);
    return;
  case HEAD_LIMIT: read_limit(shape, token); return;
  case HEAD_LIMIT_DO: lose_head(shape); return;
  }
}

/* ---- blocks ---- */

static struct scan_block *block(struct scan_shape *shape) {
  return &shape->blocks[shape->depth < SHAPE_DEPTH ? shape->depth : SHAPE_DEPTH - 1];
}

/* `do` behind the head of a loop. */
static void open_loop(struct scan_shape *shape, struct str token, size_t times) {
  struct scan_loop *l = &shape->loop;
  struct scan_rounds place = {.at = token.at + token.len, .weight = l->tokens, .times = times, .depth = shape->depth};
  if (l->head == HEAD_LIMIT) l->limit_end = token.at, l->step = 1;
  const bool limit = (l->head == HEAD_LIMIT && l->brackets == 0) || (l->head == HEAD_LIMIT_DO && l->step > 0);
  const int64_t step = l->step > 0 ? l->step : 1;
  if (l->head == HEAD_DO && l->paced) block(shape)->paced = true;
  else if (l->head == HEAD_DO) block(shape)->times = product(times, l->to < l->from ? 1 : (size_t)((l->to - l->from) / step + 1));
  else {
    place.kind = limit ? ROUNDS_LIMIT : ROUNDS_EACH;
    if (limit) place.at = l->limit, place.to = l->limit_end, place.from = l->from, place.step = l->step;
    rounds_add(shape, place);
  }
  l->head = HEAD_NONE;
}

static void open_block(struct scan_shape *shape, struct str token) {
  const struct scan_block outer = *block(shape);
  shape->depth++;
  if (shape->depth >= SHAPE_DEPTH) shape->loops++; /* too deep to be known */
  *block(shape) = outer;
  if (str_is(token, "do") && shape->loop.head != HEAD_NONE) open_loop(shape, token, outer.times);
}

static void close_block(struct scan_shape *shape) {
  rounds_close(shape, shape->depth);
  shape->depth--;
  if (shape->depth == 0) rounds_close(shape, 0);
}

/* A `repeat` is over where the block around it is: where its condition ends no token says. Of a `goto` nobody knows what it repeats. */
static void read_round(struct scan_shape *shape, struct str word) {
  const bool repeat = str_is(word, "repeat"), jump = str_is(word, "goto");
  const size_t times = block(shape)->times;
  if (shape->depth == 0) {
    shape->loops++;
    return;
  }
  if (str_is(word, "while")) shape->loop = (struct scan_loop){.head = HEAD_ANY, .tokens = shape->tokens};
  if (repeat) rounds_add(shape, (struct scan_rounds){ROUNDS_EACH, word.at + word.len, NULL, 0, 0, shape->tokens, times, shape->depth});
  if (jump) rounds_add(shape, (struct scan_rounds){ROUNDS_EACH, word.at, NULL, 0, 0, 0, 1, 0});
}

static void read_word(struct scan_shape *shape, struct str word) {
  static const char *const rounds[] = {"while", "repeat", "goto", NULL}, *const opens[] = {"if", "do", "repeat", NULL},
                           *const closes[] = {"end", "until", NULL};
  const bool function = str_is(word, "function");
  shape->functions += function;
  if (shape->depth == 0) shape->blocks[0] = (struct scan_block){1, false};
  if (is_one_of(word, rounds)) read_round(shape, word);
  if (function) shape->in_name = true;
  if (function || (shape->depth > 0 && is_one_of(word, opens))) open_block(shape, word);
  else if (shape->depth > 0 && is_one_of(word, closes)) close_block(shape);
  if (str_is(word, "for") && shape->depth > 0) shape->loop = (struct scan_loop){.head = HEAD_NAME, .tokens = shape->tokens};
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
    if (shape->loop.head != HEAD_NONE && !str_is(token, "do")) read_head(shape, token);
    if (shape->in_name && str_is(token, ")")) {
      rounds_add(shape, (struct scan_rounds){.kind = ROUNDS_COUNTER, .at = token.at + token.len, .times = 1, .depth = 0});
      shape->in_name = false;
    }
    if (is_name(token)) read_word(shape, token);
    else if (shape->depth > 0) read_mark(shape, token);
    if (shape->depth > 0 && shape->tokens < TIMES_MOST) shape->tokens += block(shape)->times;
    if (shape->depth > 0 && block(shape)->paced && shape->paced < TIMES_MOST) shape->paced += block(shape)->times;
  }
  shape->before[1] = shape->before[0];
  shape->before[0] = token;
}
