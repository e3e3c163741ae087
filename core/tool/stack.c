/* stack: the weights of a combination, learned from people that none of its parts was trained on. Promises that every part answers the same
 * rows (their `train` names the same events and asks for calibration, which keeps those people apart), that fewer than 200 rows leave the
 * weights as they were given, and figures of each part, of the given and of the learned weights on the test's people. Changes nothing: the
 * line to put into the model's file is printed. Main thread. */
#include "stack.h"
#include "arguments.h"
#include "kit/math.h"
#include "parts.h"
#include <stdio.h>
#include <string.h>

struct stack {
  struct parts parts;
  double weights[STACK_MOST];
};

static void put_weights(const struct stack *s, const char *key, const double *weights, struct json_writer *w) {
  double total = 0;
  for (uint32_t i = 0; i < s->parts.count; i++) total += weights[i];
  json_key(w, key);
  json_open_object(w);
  for (uint32_t i = 0; i < s->parts.count; i++)
    json_pair_double(w, belief_name(s->parts.models, s->parts.beliefs[i]), math_round6(weights[i] / total));
  json_close_object(w);
}

/* Rows without an answer are judged as if nothing were known. */
static void put_worth(const struct parts_side *test, bool late, const char *key, const double *p, struct arena *a, struct json_writer *w) {
  double *known = ARENA_ARRAY(a, double, test->rows + 1), *outcome = ARENA_ARRAY(a, double, test->rows + 1);
  uint32_t n = 0;
  if (!known || !outcome) return;
  for (uint32_t r = 0; r < test->rows; r++) {
    if (late && !test->late[r]) continue;
    known[n] = stats_none(p[r]) ? .5 : math_clamp(p[r], 0, 1);
    outcome[n++] = test->outcome[r];
  }
  const struct figures f = figures_of(known, outcome, n);
  json_key(w, key);
  figures_write(&f, w);
}

/* Every part by itself and both mixes; `late`: on the rows of the second half of the time alone. */
static void put_test(struct stack *s, bool late, const char *key, double *mix, struct json_writer *w) {
  const struct parts_side *test = &s->parts.sides[SIDE_TEST];
  json_key(w, key);
  json_open_object(w);
  for (uint32_t i = 0; i < s->parts.count; i++)
    put_worth(test, late, belief_name(s->parts.models, s->parts.beliefs[i]), test->columns[i], &s->parts.arena, w);
  combine_rows((const double *const *)test->columns, s->parts.count, test->rows, s->parts.given, mix);
  put_worth(test, late, "with given weights", mix, &s->parts.arena, w);
  combine_rows((const double *const *)test->columns, s->parts.count, test->rows, s->weights, mix);
  put_worth(test, late, "with these weights", mix, &s->parts.arena, w);
  json_close_object(w);
}

/* ---- in words ---- */

static double number(const struct json *j, uint32_t at, const char *key) {
  double x = 0;
  json_double(j, json_get(j, at, key), &x);
  return x;
}

static void print_worth(const struct json *j, const char *key, const char *people, struct arena *a) {
  const uint32_t list = json_get(j, 0, key);
  uint32_t at = list + 1;
  printf("%s:\n", people);
  for (uint32_t i = 0; json_type(j, list) == JSON_OBJECT && i < j->tokens[list].count; i++) {
    const struct str name = json_text(j, at, a);
    const uint32_t f = j->tokens[at].next;
    printf("  %-24.*s %6.0f rows, accuracy %.3f, log loss %.4f\n", STR_ARG(name), number(j, f, "rows"), number(j, f, "accuracy"),
           number(j, f, "log_loss"));
    at = j->tokens[f].next;
  }
}

static void print_words(const struct stack *s, bool learned, struct str figures) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, figures, &json_limits_default, NULL)) {
    printf("%u rows of people that no part learned from; the weights below %s\n", s->parts.sides[SIDE_LEARN].rows,
           learned ? "are learned from them" : "are the given ones");
    print_worth(&j, "test", "other people", &a);
    print_worth(&j, "test_late", "other people, second half of the time", &a);
  }
  arena_free(&a);
}

static bool print(struct stack *s, bool learned, bool json, struct err *e) {
  const struct parts_side *test = &s->parts.sides[SIDE_TEST];
  double *both = ARENA_ARRAY(&s->parts.arena, double, test->rows + 1);
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  if (!both) return err_set(e, ERR_INTERNAL, "no memory to combine models");
  json_open_object(&w);
  json_pair_int(&w, "rows", s->parts.sides[SIDE_LEARN].rows);
  json_pair_bool(&w, "learned", learned);
  put_weights(s, "given", s->parts.given, &w);
  put_weights(s, "weights", s->weights, &w);
  put_test(s, false, "test", both, &w);
  put_test(s, true, "test_late", both, &w);
  json_close_object(&w);
  if (json) tool_print(&out);
  else print_words(s, learned, buf_view(&out));
  buf_free(&out);
  if (json) return true;
  printf("  combine = { ");
  for (uint32_t i = 0; i < s->parts.count; i++) printf("%s = %.4f, ", belief_name(s->parts.models, s->parts.beliefs[i]), s->weights[i]);
  printf("},\n");
  return true;
}

bool stack_run(const struct one_model *combination, const char *program, const char *plugins, const struct learning_from *from, bool json,
               struct err *e) {
  struct stack s = {.parts = {.learns = true}};
  struct parts *p = &s.parts;
  bool fine = parts_ask(p, combination, program, plugins, from, NULL, NULL, e);
  const struct parts_side *learn = &p->sides[SIDE_LEARN];
  const bool learned =
      fine && combine_learn((const double *const *)learn->columns, p->count, learn->outcome, learn->rows, p->given, s.weights, &p->arena);
  if (fine && !learned) fprintf(stderr, "%u rows are too few to learn weights from; the given ones stay\n", learn->rows);
  fine = fine && print(&s, learned, json, e);
  parts_close(p);
  return fine;
}
