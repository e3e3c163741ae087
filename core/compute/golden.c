/* Golden rows: what a model's file says must come out, asked before the program may run. A row gives inputs by feature name (one left out
 * is missing; a window is a list, whose numbers are the newest days, "missing" for one that is not known) and beliefs by name. Promises
 * that a state which answers otherwise than its author saw is refused with the difference. Called on the builder's thread. */
#include "models.h"
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define GOLDEN_PATIENCE INT64_C(5000000000) /* ns; nobody waits behind them */
#define GOLDEN_MOST     64                  /* rows: as many as one word of an output's validity bits */

struct golden {
  const struct models *all;
  const struct model *m;
  struct findings *f;
  struct arena arena;
  uint32_t rows;
  double **inputs, **outputs;
  uint64_t **valid, **good;
  uint64_t *seeds;
  uint32_t off; /* answers that are others */
};

/* The rows lie in the state, not in the model's file: nobody would find them there. */
static bool is_of_state(const struct golden *g) {
  return g->m->golden != g->m->noun->golden;
}

static void __attribute__((format(printf, 3, 4))) complain(const struct golden *g, uint32_t row, const char *format, ...) {
  char text[600];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  findings_add(g->f, FINDING_ERROR, g->m->noun->at.file, g->m->noun->at.line, "model \"%s\": %sgolden row %u: %s", g->m->name,
               is_of_state(g) ? "its state's " : "", row + 1, text);
}

/* A column of 64 rows has a word of validity bits for each value of a row. */
static bool columns(struct golden *g, uint32_t count, const uint32_t *widths, uint64_t ***bits, double ***out) {
  *out = ARENA_ARRAY(&g->arena, double *, count + 1);
  *bits = ARENA_ARRAY(&g->arena, uint64_t *, count + 1);
  bool there = *out && *bits;
  for (uint32_t c = 0; there && c < count; c++) {
    const size_t width = widths ? widths[c] : 1;
    (*out)[c] = ARENA_ARRAY(&g->arena, double, width *GOLDEN_MOST);
    (*bits)[c] = ARENA_ARRAY(&g->arena, uint64_t, width);
    there = (*out)[c] && (*bits)[c];
  }
  return there;
}

/* One input of a row; the numbers of a list shorter than the window are its newest. */
static void read_input(struct golden *g, uint32_t row, uint32_t c, const struct node *given) {
  const bool list = given->kind == NODE_TABLE;
  const uint32_t width = g->m->widths[c], length = list ? given->length : 1;
  if (list ? length > width || given->pairs : width > 1) {
    complain(g, row, "\"%s\": expected %s of %s%u", g->m->inputs[c], width > 1 ? "a list" : "a number", width > 1 ? "at most " : "width ",
             width);
    return;
  }
  for (uint32_t i = 0; i < length; i++) {
    const struct node *one = list ? &given->items[i] : given;
    const size_t place = (size_t)row * width + width - length + i;
    if (one->kind != NODE_NUMBER) continue;
    g->inputs[c][place] = one->number;
    g->valid[c][place / 64] |= UINT64_C(1) << (place % 64);
  }
}

static void read_inputs(struct golden *g, uint32_t row, const struct node *given) {
  for (uint32_t i = 0; given && i < given->pairs; i++) {
    uint32_t c = 0;
    while (c < g->m->input_count && !str_is(given->keys[i], g->m->inputs[c])) c++;
    if (c < g->m->input_count) read_input(g, row, c, &given->values[i]);
    else complain(g, row, "\"" STR_FORMAT "\" is none of the model's inputs", STR_ARG(given->keys[i]));
  }
}

/* The file's rows, or the state's own, and a state or a plugin that was changed since: said once, with what to do. */
static void complain_of_number(struct golden *g, uint32_t row, const struct belief *b, double expected, double within, double got) {
  if (g->off++) complain(g, row, "\"%s\": expected %.6f within %g, got %.6f", b->name, expected, within, got);
  else if (is_of_state(g))
    complain(g, row,
             "\"%s\": expected %.6f within %g, got %.6f (is the plugin another one since it was trained? Train it again, or put that "
             "plugin back)",
             b->name, expected, within, got);
  else
    complain(g, row,
             "\"%s\": expected %.6f within %g, got %.6f (was the state trained again, or is the plugin another one? After a training put "
             "the rows that it printed into %s)",
             b->name, expected, within, got, g->m->noun->at.file);
}

static void check_output(struct golden *g, uint32_t row, struct str name, const struct node *expected, double within) {
  const struct belief *b = NULL;
  for (uint32_t i = 0; i < g->m->count; i++)
    if (str_eq(name, g->m->noun->outputs[i].name)) b = &g->all->beliefs[g->m->first + i];
  if (!b) {
    complain(g, row, "\"" STR_FORMAT "\" is none of the model's outputs", STR_ARG(name));
    return;
  }
  bool good = *g->good[b->column] >> row & 1;
  if (expected->kind == NODE_TEXT && str_is(expected->text, "missing")) {
    if (good) complain(g, row, "\"%s\": expected missing, got %.6f", b->name, belief_value(b, g->outputs[b->column][row]).number);
    return;
  }
  if (expected->kind != NODE_NUMBER) {
    complain(g, row, "\"%s\": expected a number or \"missing\"", b->name);
    return;
  }
  struct value got = good ? belief_value(b, g->outputs[b->column][row]) : value_missing(MISSING_FAILED);
  double off = got.kind == VALUE_NUMBER ? got.number - expected->number : 0;
  if (got.kind != VALUE_NUMBER) complain(g, row, "\"%s\": expected %.6f, the model gave none", b->name, expected->number);
  else if (off > within || off < -within) complain_of_number(g, row, b, expected->number, within, got.number);
}

static void check_rows(struct golden *g, const struct node *rows) {
  for (uint32_t r = 0; r < g->rows; r++) {
    const struct node *outputs = node_get(&rows->items[r], "outputs"), *within = node_get(&rows->items[r], "within");
    double tolerance = within && within->kind == NODE_NUMBER ? within->number : 1e-6;
    if (!outputs || outputs->pairs == 0) complain(g, r, "outputs: expected { belief = number }");
    for (uint32_t i = 0; outputs && i < outputs->pairs; i++) check_output(g, r, outputs->keys[i], &outputs->values[i], tolerance + 5e-7);
  }
}

/* A process that ended on a row is reaped by the zygote a moment later, which knows how it ended. */
static void complain_of_answer(const struct golden *g, const struct err *e) {
  struct model_host host = {0};
  const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
  for (int i = 0; i < 40 && model_hosted(g->m->trained, &host) && host.crashes == 0; i++) nanosleep(&moment, NULL);
  if (host.crashes && host.why[0]) complain(g, 0, "no row was answered: %s", host.why);
  else complain(g, 0, "%s", e->text);
}

static void ask(struct golden *g, const struct node *rows) {
  struct session *session = NULL;
  struct err e = {0};
  if (!columns(g, g->m->input_count, g->m->widths, &g->valid, &g->inputs) || !columns(g, g->m->output_count, NULL, &g->good, &g->outputs))
    return;
  if (!(g->seeds = ARENA_ARRAY(&g->arena, uint64_t, GOLDEN_MOST))) return;
  for (uint32_t r = 0; r < g->rows; r++) read_inputs(g, r, node_get(&rows->items[r], "inputs"));
  const bool opened = session_open(g->m->trained, g->rows, &session, &e);
  if (opened) session_patience(session, GOLDEN_PATIENCE);
  if (opened && session_predict(session, g->rows, (const double *const *)g->inputs, (const uint64_t *const *)g->valid, g->seeds, g->outputs,
                                g->good, &e))
    check_rows(g, rows);
  else complain_of_answer(g, &e);
  session_close(session);
}

void model_golden(const struct models *all, const struct model *m, struct findings *f) {
  const struct node *rows = m->golden;
  struct golden g = {.all = all, .m = m, .f = f};
  if ((!rows || rows->length == 0) && m->role != MODEL_SERVED) return;
  if (!rows || rows->length == 0) {
    findings_add(f, FINDING_WARNING, m->noun->at.file, m->noun->at.line,
                 "model \"%s\": it has no golden rows, so a state that answers otherwise would not be noticed", m->name);
    return;
  }
  g.rows = rows->length < GOLDEN_MOST ? rows->length : GOLDEN_MOST;
  ask(&g, rows);
  arena_free(&g.arena);
}

bool model_keeps_golden(const struct models *all, uint32_t model, struct trained *trained) {
  const struct plugin_field *fields;
  size_t count;
  struct arena a = {0};
  struct findings f = {.arena = &a};
  struct model m = all->at[model];
  uint32_t *widths = model_inputs(trained, &fields, &count) && count == m.input_count ? ARENA_ARRAY(&a, uint32_t, count + 1) : NULL;
  for (size_t i = 0; widths && i < count; i++) widths[i] = fields[i].width;
  m.trained = trained;
  m.widths = widths;
  m.golden = m.noun->golden;
  m.output_count = 1;
  if (widths && m.golden && m.golden->length) model_golden(all, &m, &f);
  const bool kept = widths && f.errors == 0;
  arena_free(&a);
  return kept;
}
