/* How long conditions take: the twenty rules of tests/bench/program (47 conditions) over the load generator's events, and one condition of
 * five terms that are all looked at. Slots are filled before the clock starts: filling belongs to reading the event, running is what is
 * measured. Prints the median of five runs. One thread; not a test, asserts no time. */
#include "events.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/rng.h"
#include "language/language.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MOST 64
#define EVENTS     512
#define RUNS       5

struct bench {
  struct arena arena;
  struct symbols symbols;
  struct expression *rules[RULES_MOST];
  size_t rule_count;
  struct value *slots[EVENTS];
  struct events events;
};

/* Every name is known and untyped: kinds only say where a value comes from. */
static bool find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  (void)e;
  *out = (struct symbol){.name = name, .kind = SYMBOL_FEATURE};
  if (str_starts(name, "event.")) out->kind = SYMBOL_EVENT;
  if (str_starts(name, "profile.")) out->kind = SYMBOL_PROFILE;
  return true;
}

/* The `when = [[…]]` of every trigger in the file, in order. */
static bool compile_rules(struct bench *b, struct str text, struct err *e) {
  struct str line;
  while (str_split(&text, '\n', &line)) {
    line = str_trim(line);
    if (!str_starts(line, "when = [[") || b->rule_count == RULES_MOST) continue;
    const struct str source = {line.at + 9, line.len - 9 - strlen("]],")};
    struct expression *x = expression_compile(&b->symbols, source, WANT_TRUTH, e);
    if (!x) return false;
    b->rules[b->rule_count++] = x;
  }
  return b->rule_count > 0 || err_set(e, ERR_INPUT, "no `when = [[…]]` found");
}

/* Event names are read from a real event, the others drawn from where such values lie. */
static bool fill(struct bench *b, struct value *slots, struct rng *r, struct err *e) {
  char *text = arena_alloc(&b->arena, EVENT_BYTES);
  struct event event = {0};
  event.body = (struct str){text, events_write(&b->events, text)};
  if (!json_parse(&event.json, &b->arena, event.body, &json_limits_default, e)) return false;
  event.data = json_get(&event.json, 0, "data");
  event.context = json_get(&event.json, 0, "context");
  for (uint32_t i = 0; i < b->symbols.count; i++) {
    const struct symbol *s = &b->symbols.at[i];
    const double u = rng_uniform(r);
    if (str_is(s->name, "event.local_hour")) slots[i] = value_number((double)(int)(24 * u));
    else if (s->kind == SYMBOL_EVENT) slots[i] = event_value(&event, (struct str){s->name.at + 6, s->name.len - 6}, &b->arena);
    else if (s->kind == SYMBOL_PROFILE) slots[i] = u < 0.3 ? value_missing(MISSING_ABSENT) : value_number(80 * u);
    else slots[i] = u < 0.2 ? value_missing(MISSING_TOO_LITTLE) : value_number(u);
  }
  return true;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* ns for all of `rules` over one event, and how many were true. */
static double measure(const struct bench *b, struct expression *const *rules, size_t count, uint32_t rounds, double *true_share) {
  double runs[RUNS];
  uint64_t trues = 0;
  for (int run = 0; run < RUNS; run++) {
    const int64_t start = clock_monotonic();
    for (uint32_t round = 0; round < rounds; round++)
      for (size_t event = 0; event < EVENTS; event++)
        for (size_t i = 0; i < count; i++) trues += expression_truth(rules[i], b->slots[event]) == TRUTH_TRUE;
    runs[run] = (double)(clock_monotonic() - start) / (double)rounds / EVENTS;
  }
  qsort(runs, RUNS, sizeof runs[0], ascending);
  *true_share = (double)trues / RUNS / rounds / EVENTS / (double)count;
  return runs[RUNS / 2];
}

static bool run(struct bench *b, const char *path, struct err *e) {
  static const char five[] = "skip_probability > -1 and event.stressLevel >= 1 and not (profile.is_driving or false) and "
                             "event.sleepHours < 24 and event.completionRate >= 0";
  struct buf text = {0};
  if (!file_read(path, &text, 1 << 20, e)) return false;
  b->symbols = (struct symbols){.arena = &b->arena, .find = find};
  if (!compile_rules(b, buf_view(&text), e)) return false;
  struct expression *five_terms = expression_compile(&b->symbols, str_from(five), WANT_TRUTH, e);
  if (!five_terms) return false;
  events_start(&b->events, 10000, 1);
  struct rng r = rng_from(7);
  for (size_t i = 0; i < EVENTS; i++) {
    b->slots[i] = ARENA_ARRAY(&b->arena, struct value, b->symbols.count);
    if (!fill(b, b->slots[i], &r, e)) return false;
    const struct symbol *driving = symbols_known(&b->symbols, STR("profile.is_driving"));
    const struct symbol *skip = symbols_known(&b->symbols, STR("skip_probability"));
    b->slots[i][driving->slot] = value_missing(MISSING_ABSENT);
    b->slots[i][skip->slot] = value_number(0.5);
  }
  double share;
  const double all = measure(b, b->rules, b->rule_count, 2000, &share);
  printf("%zu rules an event: %.3f us (limit 0.4), %.2f %% of the rules true\n", b->rule_count, all / 1000, 100 * share);
  const double one = measure(b, &five_terms, 1, 20000, &share);
  printf("one condition of five terms: %.1f ns (limit 40), true in %.0f %% of the events\n", one, 100 * share);
  buf_free(&text);
  return true;
}

int main(int count, char **arguments) {
  static struct bench b;
  struct err e = {0};
  if (!run(&b, count > 1 ? arguments[1] : KAIROS_SOURCE_DIR "/tests/bench/program/rules/triggers.lua", &e)) {
    fprintf(stderr, "conditions: %s\n", e.text);
    return 1;
  }
  arena_free(&b.arena);
  return 0;
}
