/* rooms: language kit */
/* parser: core/language/lexer.c core/language/parse.c core/language/types.c core/language/compile.c core/language/run.c
 * core/language/explain.c */
/* What must hold for any text given as a condition: it is refused with a sentence, or compiles and then, for any values of its names, its
 * truth and its value agree, its terms lie inside its source, compiling its source again gives the same truths, and a nearest change that
 * touches a name of one term alone does flip the whole. Never crashes, whatever is nested how deep. */
#include "kit/arena.h"
#include "kit/rng.h"
#include "language/language.h"
#include <string.h>

#define ROUNDS 12

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  if (str_starts(name, "unknown")) return err_set(e, ERR_INPUT, "no such name");
  *out = (struct symbol){.name = name, .kind = SYMBOL_FEATURE};
  if (str_ends(name, "_number")) out->type = VALUE_NUMBER;
  if (str_ends(name, "_text")) out->type = VALUE_TEXT;
  if (str_ends(name, "_default")) out->fallback = value_number(1);
  return true;
}

static struct value draw(struct rng *r, uint8_t type) {
  static const struct value words[2] = {{.kind = VALUE_TEXT, .text = {"high", 4}}, {.kind = VALUE_NUMBER, .number = 3}};
  const double u = rng_uniform(r);
  if (u < 0.2) return value_missing(MISSING_TOO_LITTLE);
  if (type == VALUE_NUMBER || (type == VALUE_MISSING && u < 0.6)) return value_number((double)(int)(40 * u) - 16);
  if (type == VALUE_TEXT || (type == VALUE_MISSING && u < 0.75)) return value_text(u < 0.5 ? STR("high") : STR("low"));
  if (u < 0.9) return value_bool(u < 0.82);
  return (struct value){.kind = VALUE_LIST, .count = 2, .items = words};
}

static void check_terms(const struct expression *x, const struct value *slots, struct arena *a) {
  struct term *terms;
  const size_t count = expression_terms(x, slots, a, &terms);
  for (size_t i = 0; i < count; i++) {
    must(terms[i].truth <= TRUTH_UNKNOWN && terms[i].operator);
    must(terms[i].source.len <= expression_source(x).len);
  }
}

/* How many terms speak of the name. */
static size_t mentions(const struct expression *x, const struct value *slots, struct str name, struct arena *a) {
  struct term *terms;
  const size_t count = expression_terms(x, slots, a, &terms);
  size_t found = 0;
  for (size_t i = 0; i < count; i++)
    if (memmem(terms[i].source.at, terms[i].source.len, name.at, name.len)) found++;
  return found;
}

static void check_change(const struct expression *x, const struct symbols *s, struct value *slots, struct arena *a) {
  struct change c;
  const enum truth before = expression_truth(x, slots);
  if (!expression_nearest_change(x, slots, a, &c)) return;
  const struct symbol *symbol = symbols_known(s, c.name);
  must(symbol && c.operator);
  if (c.bound.kind != VALUE_NUMBER || mentions(x, slots, c.name, a) != 1) return;
  if (c.bound.number > 1e12 || c.bound.number < -1e12) return; /* a step of a thousandth would be lost */
  const struct value kept = slots[symbol->slot];
  slots[symbol->slot] = value_number(c.bound.number + (c.operator[0] == '>'   ? 1e-3
                                                       : c.operator[0] == '<' ? -1e-3
                                                       : c.operator[0] == '~' ? 1
                                                                              : 0));
  must(expression_truth(x, slots) != before);
  slots[symbol->slot] = kept;
}

static void run(const struct expression *x, const struct expression *again, const struct symbols *s, struct rng *r, struct arena *a) {
  struct value *slots = ARENA_ARRAY(a, struct value, s->count + 1);
  const uint32_t *read;
  const uint32_t count = expression_slots(x, &read);
  for (uint32_t i = 0; i < count; i++) must(read[i] < s->count && (i == 0 || read[i] > read[i - 1]));
  for (int round = 0; round < ROUNDS; round++) {
    const struct arena_mark mark = arena_mark(a);
    for (uint32_t i = 0; i < s->count; i++) slots[i] = draw(r, (uint8_t)s->at[i].type);
    const enum truth truth = expression_truth(x, slots);
    const struct value value = expression_value(x, slots);
    must(truth <= TRUTH_UNKNOWN && truth == expression_truth(again, slots));
    if (truth == TRUTH_UNKNOWN) must(value.kind == VALUE_MISSING);
    else must(value.kind == VALUE_BOOL && (value.number != 0) == (truth == TRUTH_TRUE));
    check_terms(x, slots, a);
    check_change(x, s, slots, a);
    arena_rewind(a, mark);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size > 4096) return 0;
  struct arena a = {0};
  struct symbols s = {.arena = &a, .find = find};
  struct err e = {0};
  const char *text = arena_text(&a, (const char *)bytes, size);
  struct expression *x = text ? expression_compile(&s, (struct str){text, size}, WANT_TRUTH, &e) : NULL;
  if (x) {
    struct expression *again = expression_compile(&s, expression_source(x), WANT_TRUTH, &e);
    must(again);
    struct rng r = rng_from(size ? bytes[0] : 0);
    run(x, again, &s, &r, &a);
  } else {
    must(e.text[0] != 0);
  }
  e.text[0] = 0;
  if (!expression_compile(&s, (struct str){text, size}, WANT_NUMBER, &e)) must(e.text[0] != 0);
  arena_free(&a);
  return 0;
}
