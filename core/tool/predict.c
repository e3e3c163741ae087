/* predict: rows of inputs through one model of a program, a JSON line in, a JSON line out. Promises the answers that rules would read: the
 * model's outputs by the names of its file, `as` applied, rounded to 1e-6; null where the model has none, and then why; lines in order. A
 * line that is wrong has an error for an answer and the lines after it are answered; then the exit code is 1. Needs no engine and changes
 * nothing. Main thread. */
#include "arguments.h"
#include "lines.h"
#include "one_model.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

#define PATIENCE  INT64_C(60000000000) /* ns; nobody waits behind us */
#define ROWS_MOST 256u                 /* of one batch */

struct predicting {
  const struct one_model *m;
  const char *path;
  uint64_t line;
  uint32_t rows; /* waiting in the columns */
  const struct plugin_field *inputs, *outputs;
  size_t input_count, output_count;
  double **values, **answers;
  uint64_t **valid, **good, *seeds;
  struct session *session;
  struct arena columns, scratch;
  bool typical;          /* say how like the rows that were learned from each is */
  uint64_t lines, wrong; /* with anything in them; and those that had an error for an answer */
};

static bool make_columns(struct arena *a, const struct plugin_field *fields, size_t count, double ***values, uint64_t ***bits) {
  *values = ARENA_ARRAY(a, double *, count + 1);
  *bits = ARENA_ARRAY(a, uint64_t *, count + 1);
  bool there = *values && *bits;
  for (size_t c = 0; there && c < count; c++) {
    (*values)[c] = ARENA_ARRAY(a, double, (size_t)ROWS_MOST *fields[c].width);
    (*bits)[c] = ARENA_ARRAY(a, uint64_t, (size_t)ROWS_MOST * fields[c].width / 64 + 1);
    there = (*values)[c] && (*bits)[c];
  }
  return there;
}

static bool begin(struct predicting *p, struct err *e) {
  const struct trained *t = p->m->model;
  if (!model_inputs(t, &p->inputs, &p->input_count) || !model_outputs(t, &p->outputs, &p->output_count)) return false;
  p->seeds = ARENA_ARRAY(&p->columns, uint64_t, ROWS_MOST);
  if (!p->seeds || !make_columns(&p->columns, p->inputs, p->input_count, &p->values, &p->valid) ||
      !make_columns(&p->columns, p->outputs, p->output_count, &p->answers, &p->good))
    return err_set(e, ERR_INTERNAL, "no memory for %u rows", ROWS_MOST);
  if (!model_start(p->m->model, e) || !session_open(t, ROWS_MOST, &p->session, e)) return false;
  session_patience(p->session, PATIENCE);
  return true;
}

/* ---- reading ---- */

static bool wrong(const struct predicting *p, struct err *e, const char *name, const char *what) {
  return err_set(e, ERR_INPUT, "%s:%llu: %s%s%s", p->path, (unsigned long long)p->line, name, name[0] ? ": " : "", what);
}

static bool put(struct predicting *p, const struct json *j, uint32_t at, size_t c, size_t place, struct err *e) {
  if (json_type(j, at) == JSON_NULL) return true;
  if (!json_double(j, at, &p->values[c][place])) return wrong(p, e, p->inputs[c].name, "expected a finite number or null");
  p->valid[c][place / 64] |= UINT64_C(1) << (place % 64);
  return true;
}

static bool put_input(struct predicting *p, const struct json *j, uint32_t at, size_t c, struct err *e) {
  const uint32_t width = p->inputs[c].width;
  const bool list = json_type(j, at) == JSON_ARRAY;
  const uint32_t count = list ? j->tokens[at].count : 1;
  char text[120];
  if (json_type(j, at) == JSON_NULL) return true;
  if (count > width || (!list && width > 1)) {
    snprintf(text, sizeof text, "expected %s%u %s", width > 1 ? "a list of at most " : "", width,
             width > 1 ? "numbers, the newest last" : "number");
    return wrong(p, e, p->inputs[c].name, text);
  }
  if (!list) return put(p, j, at, c, p->rows, e);
  const size_t first = (size_t)p->rows * width + width - count; /* a list that is short has no oldest values */
  uint32_t child = at + 1;
  for (uint32_t i = 0; i < count; i++, child = j->tokens[child].next)
    if (!put(p, j, child, c, first + i, e)) return false;
  return true;
}

static bool unknown_input(const struct predicting *p, struct str name, struct err *e) {
  const char *near = str_nearest(name, p->m->spec.inputs, p->m->spec.input_count);
  char text[400];
  snprintf(text, sizeof text, "\"" STR_FORMAT "\" is none of the model's inputs%s%s%s", STR_ARG(name), near ? " (did you mean \"" : "",
           near ? near : "", near ? "\"?)" : "");
  return wrong(p, e, "", text);
}

static void clear_row(struct predicting *p) {
  for (size_t c = 0; c < p->input_count; c++)
    for (size_t i = (size_t)p->rows * p->inputs[c].width; i < ((size_t)p->rows + 1) * p->inputs[c].width; i++) {
      p->values[c][i] = 0;
      p->valid[c][i / 64] &= ~(UINT64_C(1) << (i % 64));
    }
}

static bool take_line(struct predicting *p, struct str text, struct err *e) {
  struct json j;
  arena_reset(&p->scratch);
  if (!json_parse(&j, &p->scratch, text, &json_limits_default, e)) return err_wrap(e, "%s:%llu", p->path, (unsigned long long)p->line);
  const uint32_t inputs = json_get(&j, 0, "inputs");
  if (json_type(&j, inputs) != JSON_OBJECT) return wrong(p, e, "", "expected {\"inputs\": {\"name\": number or [numbers]}}");
  clear_row(p);
  for (uint32_t key = inputs + 1; key < j.tokens[inputs].next; key = j.tokens[key + 1].next) {
    const struct str name = json_text(&j, key, &p->scratch);
    size_t c = 0;
    while (c < p->input_count && !str_is(name, p->inputs[c].name)) c++;
    if (c == p->input_count) return unknown_input(p, name, e);
    if (!put_input(p, &j, key + 1, c, e)) return false;
  }
  p->rows++;
  return true;
}

/* ---- answering ---- */

/* False: there is none. */
static bool put_answer(const struct predicting *p, struct json_writer *w, const char *name, size_t c, uint32_t row,
                       const uint32_t *belief) {
  json_key(w, name);
  const bool good = p->good[c][row / 64] >> (row % 64) & 1;
  const struct value v =
      good && belief ? belief_from_output(p->m->program->models, *belief, p->answers[c][row]) : value_missing(MISSING_FAILED);
  if (good && !belief) json_put_double(w, p->answers[c][row]);
  else if (v.kind == VALUE_NUMBER) json_put_double(w, v.number);
  else json_put_null(w);
  return good;
}

/* How many of the row's inputs have a value: of a window, any. */
static uint32_t known_inputs(const struct predicting *p, uint32_t row) {
  uint32_t known = 0;
  for (size_t c = 0; c < p->input_count; c++) {
    const uint32_t width = p->inputs[c].width;
    bool any = false;
    for (size_t i = (size_t)row * width; i < ((size_t)row + 1) * width; i++) any = any || (p->valid[c][i / 64] >> (i % 64) & 1);
    known += any;
  }
  return known;
}

/* A plugin that has no answer says no more than that: what it was given says the rest. */
static void put_reason(const struct predicting *p, struct json_writer *w, uint32_t row) {
  const uint32_t known = known_inputs(p, row);
  char why[300];
  if (known == p->input_count)
    snprintf(why, sizeof why, "all %zu inputs are known, but %s gave no finite value within its output's bounds", p->input_count,
             plugin_id(p->m->plugin));
  else
    snprintf(why, sizeof why, "%u of %zu inputs %s known, and %s gives no answer from so little", known, p->input_count,
             known == 1 ? "is" : "are", plugin_id(p->m->plugin));
  json_pair_text(w, "reason", why);
}

static void put_typical(const struct predicting *p, struct json_writer *w, uint32_t row) {
  uint32_t widths[256];
  struct typicality t;
  for (size_t c = 0; c < p->input_count && c < 256; c++) widths[c] = p->inputs[c].width;
  json_key(w, "input");
  if (model_typical_row(p->m->program->models, p->m->index, (const double *const *)p->values, (const uint64_t *const *)p->valid, widths,
                        row, &t))
    typicality_write(&t, w);
  else json_put_null(w); /* the state does not say */
}

/* The names of the model's file; of the plugin when the file gives none. Wider outputs are nobody's belief and are left out. */
static void print_row(const struct predicting *p, uint32_t row, struct buf *out) {
  const struct noun_model *n = p->m->noun;
  const struct models *all = p->m->program->models;
  struct json_writer w = json_to(out);
  buf_clear(out);
  json_open_object(&w);
  json_key(&w, "outputs");
  json_open_object(&w);
  uint32_t belief = 0;
  bool answered = true;
  while (n->output_count && belief_model(all, belief) != p->m->index) belief++;
  for (size_t i = 0; i < n->output_count; i++, belief++) {
    const struct str wanted = n->outputs[i].from.len ? n->outputs[i].from : n->outputs[i].name;
    for (size_t c = 0; c < p->output_count; c++)
      if (str_is(wanted, p->outputs[c].name) && p->outputs[c].width == 1)
        answered = put_answer(p, &w, belief_name(all, belief), c, row, &belief) && answered;
  }
  for (size_t c = 0; n->output_count == 0 && c < p->output_count; c++)
    if (p->outputs[c].width == 1) answered = put_answer(p, &w, p->outputs[c].name, c, row, NULL) && answered;
  json_close_object(&w);
  if (!answered) put_reason(p, &w, row);
  if (p->typical) put_typical(p, &w, row);
  json_close_object(&w);
  buf_char(out, '\n');
}

/* Whole or not at all. */
static bool print_line(const struct buf *line, struct err *e) {
  if (line->failed) return err_set(e, ERR_INTERNAL, "no memory for an answer");
  fwrite(line->at, 1, line->len, stdout);
  return true;
}

static bool answer(struct predicting *p, struct err *e) {
  struct buf line = {0};
  bool fine = p->rows == 0 || session_predict(p->session, p->rows, (const double *const *)p->values, (const uint64_t *const *)p->valid,
                                              p->seeds, p->answers, p->good, e);
  for (uint32_t r = 0; fine && r < p->rows; r++) {
    print_row(p, r, &line);
    fine = print_line(&line, e);
  }
  p->rows = 0;
  buf_free(&line);
  return fine;
}

/* Its place in the answers is its place among the lines: what waits is answered first. */
static bool answer_wrong(struct predicting *p, const struct err *why, struct err *e) {
  struct buf line = {0};
  if (!answer(p, e)) return false;
  struct json_writer w = json_to(&line);
  json_open_object(&w);
  json_pair_text(&w, "error", why->text);
  json_close_object(&w);
  buf_char(&line, '\n');
  const bool fine = print_line(&line, e);
  buf_free(&line);
  if (p->wrong++ == 0) fprintf(stderr, "kairos predict: %s\n", why->text);
  return fine;
}

static bool walk(struct predicting *p, struct lines *lines, struct err *e) {
  struct str line;
  struct err end = {0};
  bool fine = true;
  while (fine && lines_next(lines, &line, &end)) {
    const struct str text = str_trim(line);
    struct err why = {0};
    p->line = lines->number;
    if (text.len == 0) continue;
    p->lines++;
    if (!take_line(p, text, &why)) fine = answer_wrong(p, &why, e);
    if (fine && p->rows == ROWS_MOST) fine = answer(p, e);
  }
  fine = fine && answer(p, e);
  if (fine && end.kind != ERR_NONE) *e = end; /* it could not be read to its end */
  return fine && end.kind == ERR_NONE;
}

static bool run(const char *program, const char *name, const char *plugins, const char *state, const char *rows, bool typical,
                struct err *e) {
  struct one_model m;
  struct predicting p = {.m = &m, .path = rows, .typical = typical};
  struct lines lines = {.file = -1};
  bool fine = one_model_open(&m, program, name, plugins, e) && one_model_load(&m, state, e) && begin(&p, e) &&
              lines_open(&lines, rows, e) && walk(&p, &lines, e);
  if (fine && p.wrong)
    fine = err_set(e, ERR_INPUT, "%llu of %llu lines were wrong and have an error for an answer", (unsigned long long)p.wrong,
                   (unsigned long long)p.lines);
  lines_close(&lines);
  session_close(p.session);
  arena_free(&p.columns);
  arena_free(&p.scratch);
  one_model_close(&m);
  return fine;
}

int tool_predict(int argc, char **argv) {
  const char *model = NULL, *rows = "-", *program = ".", *state = NULL, *plugins = NULL;
  bool typical = false;
  const struct argument list[] = {
      {"MODEL", ARGUMENT_TEXT, &model, NULL, "name of the model in the program", NULL},
      {"ROWS", ARGUMENT_TEXT, &rows, NULL, "a file of rows, one JSON object a line (default: -, standard input)", NULL},
      {"--program", ARGUMENT_TEXT, &program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--state", ARGUMENT_TEXT, &state, "FILE", "its weights (default: the model's state, in models/)", NULL},
      {"--plugins", ARGUMENT_TEXT, &plugins, "DIR", "where plugins lie (default: KAIROS_PLUGINS, then the engine's)", NULL},
      {"--typical", ARGUMENT_FLAG, &typical, NULL, "also say how like the rows that it learned from each row is", NULL}};
  const struct usage usage = {
      "predict", "What a model says of rows: {\"inputs\": {\"name\": number or [window]}} gives {\"outputs\": {\"name\": number}}.",
      "  kairos predict adherence rows.jsonl\n"
      "  echo '{\"inputs\": {\"habit_strength\": 0.7, \"streak_length\": 4}}' | kairos predict trees\n",
      ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "MODEL", model)) return EXIT_USAGE;
  struct err e = {0};
  return run(program, model, plugins, state, rows, typical, &e) ? EXIT_OK : tool_fail(&e);
}
