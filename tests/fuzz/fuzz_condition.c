/* rooms: kit language */
/* parser: core/language/lexer.c core/language/parse.c core/language/types.c core/language/compile.c core/language/explain.c */
/* What must hold for any bytes given to the compiler of conditions: a refusal has a sentence; what is accepted runs over any slots to a
 * truth, `not (…)` around it gives the opposite, its value and its terms agree with it, and a nearest change that is offered names
 * something that the condition reads. Never crashes, never reads beyond the text. */
#include "kit/hash.h"
#include "kit/rng.h"
#include "language/expression.h"
#include "language/nouns.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct str one_function = {FUNCTION_WORD "trigger a.when (rules/a.lua:3)",
                                        sizeof FUNCTION_WORD "trigger a.when (rules/a.lua:3)" - 1};

/* Names end in what they hold; everything else exists undeclared, unless it begins with an x. A program knows a function only by the
 * whole name that it gave it itself: a text that merely begins like one is refused. */
static bool find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  out->type = str_ends(name, "number")  ? VALUE_NUMBER
              : str_ends(name, "truth") ? VALUE_BOOL
              : str_ends(name, "text")  ? VALUE_TEXT
              : str_ends(name, "list")  ? VALUE_LIST
                                        : VALUE_MISSING;
  if (str_starts(name, FUNCTION_WORD)) return str_eq(name, one_function) || err_set(e, ERR_INPUT, "unknown function");
  return name.at[0] != 'x' || err_set(e, ERR_INPUT, "unknown name");
}

static struct value draw(struct rng *r) {
  static const struct value items[] = {{.kind = VALUE_NUMBER, .number = 1}, {.kind = VALUE_BOOL, .number = 1}};
  switch (rng_next(r) % 6) {
  case 0: return value_bool(rng_next(r) % 2);
  case 1: return value_text(rng_next(r) % 2 ? STR("a") : STR("low"));
  case 2: return (struct value){.kind = VALUE_LIST, .count = (uint32_t)(rng_next(r) % 3), .items = items};
  case 3: return value_missing(MISSING_WARMING);
  default: return value_number((double)(int64_t)(rng_next(r) % 2000) / 100 - 5);
  }
}

static enum truth opposite(enum truth t) {
  return t == TRUTH_UNKNOWN ? t : t == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
}

static void check_explanations(const struct expression *x, const struct symbols *s, const struct value *slots, struct arena *a) {
  struct term *terms;
  size_t count = expression_terms(x, slots, a, &terms);
  must(count >= 1);
  bool decisive = false;
  for (size_t i = 0; i < count; i++) {
    must(terms[i].source.len > 0 && terms[i].source.at >= expression_source(x).at);
    must(terms[i].truth <= TRUTH_UNKNOWN && terms[i].operator);
    decisive = decisive || terms[i].decisive;
  }
  struct change change;
  if (!expression_nearest_change(x, slots, a, &change)) return;
  const struct symbol *symbol = symbols_known(s, change.name);
  must(symbol && decisive && change.operator[0] && change.bound.kind != VALUE_MISSING);
  must(value_equal(&slots[symbol->slot], &change.was));
}

static void run_condition(struct symbols *s, const struct expression *x, const struct expression *negated, struct rng *r) {
  struct value *slots = ARENA_ARRAY(s->arena, struct value, s->count + 1);
  must(slots);
  for (int round = 0; round < 4; round++) {
    for (uint32_t i = 0; i < s->count; i++) slots[i] = draw(r);
    enum truth truth = expression_truth(x, slots);
    struct value v = expression_value(x, slots);
    must(v.kind == (truth == TRUTH_UNKNOWN ? VALUE_MISSING : VALUE_BOOL));
    if (negated) must(expression_truth(negated, slots) == opposite(truth));
    check_explanations(x, s, slots, s->arena);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct arena arena = {0};
  struct symbols symbols = {.arena = &arena, .find = find};
  struct str source = {(const char *)bytes, size};
  struct rng r = rng_from(hash_64(source));
  struct err e = {0};
  struct expression *x = expression_compile(&symbols, source, WANT_TRUTH, &e);
  must(x || e.text[0]);
  const char *wrapped = arena_printf(&arena, "not (" STR_FORMAT ")", STR_ARG(source));
  bool negatable = x && !memchr(bytes, 0, size) && !str_eq(expression_source(x), one_function); /* a function stands alone */
  struct expression *negated = negatable ? expression_compile(&symbols, str_from(wrapped), WANT_TRUTH, NULL) : NULL;
  if (x) run_condition(&symbols, x, negated, &r);
  for (int want = WANT_NUMBER; want <= WANT_ANY; want++) {
    struct expression *other = expression_compile(&symbols, source, (enum expression_want)want, &e);
    if (!other) continue;
    struct value *slots = ARENA_ARRAY(&arena, struct value, symbols.count + 1);
    must(slots);
    for (uint32_t i = 0; i < symbols.count; i++) slots[i] = draw(&r);
    struct value v = expression_value(other, slots);
    must(want == WANT_ANY || v.kind == VALUE_NUMBER || v.kind == VALUE_MISSING);
    must(v.kind != VALUE_NUMBER || v.number - v.number == 0);
  }
  arena_free(&arena);
  return 0;
}
