/* train: a model of the program learns from a file of events, from a data directory's journal, or from the built-in population. Events go
 * through the same features as live ones; the plugin trains in a child; training and test are split by user. Prints what the predictions
 * are worth beside the base rate, writes the state, and prints golden rows for the model's file. Main thread; nothing else is changed. */
#include "accept/accept.h"
#include "arguments.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "learning.h"
#include "program/program.h"
#include "tools_list.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
  const char *model, *program, *file, *data, *out, *plugins;
  int64_t users, days, seed, seconds;
  bool json;
};

static const struct noun_model *find_model(const struct program *p, const char *name, struct err *e) {
  const char *names[64];
  size_t count = 0;
  for (size_t i = 0; i < p->nouns.model_count; i++) {
    if (str_is(p->nouns.models[i].at.name, name)) return &p->nouns.models[i];
    if (count < 64) names[count++] = models_count(p->models) > i ? model_name(p->models, (uint32_t)i) : "";
  }
  const char *near = str_nearest(str_from(name), names, count);
  err_set(e, ERR_MISSING, "the program has no model \"%s\"%s%s%s", name, near ? " (did you mean \"" : "", near ? near : "",
          near ? "\"?)" : "");
  return NULL;
}

static bool load_program(const struct options *o, struct program **out, struct err *e) {
  struct program_from from = {0}; /* no plugin, no state: the model is what is being made */
  struct buf text = {0};
  if (!(*out = program_from_directory(o->program, &from, e))) return false;
  if ((*out)->findings.errors == 0) return true;
  program_print_findings(*out, &text);
  fprintf(stderr, STR_FORMAT, STR_ARG(buf_view(&text)));
  buf_free(&text);
  return err_set(e, ERR_INPUT, "%s: the program has errors", o->program);
}

/* ---- predicting with what was learned ---- */

struct trained_model {
  struct plugin *plugin;
  struct trained *model;
  struct session *session;
  char store[512];
};

static bool predict_part(struct trained_model *t, const struct training_rows *rows, double *out, struct err *e) {
  const struct plugin_field *fields;
  size_t count;
  bool fine = model_outputs(t->model, &fields, &count);
  uint64_t *seeds = kit_alloc((rows->rows + 1) * sizeof *seeds), *good = kit_alloc((rows->rows / 64 + 1) * sizeof *good);
  double *outputs[] = {out};
  uint64_t *valid[] = {good};
  if (seeds) memset(seeds, 0, (rows->rows + 1) * sizeof *seeds);
  if (fine && count != 1) fine = err_set(e, ERR_INPUT, "the plugin has %zu outputs; a model that learns one target has one", count);
  fine = fine && seeds && good && session_open(t->model, rows->rows, &t->session, e) &&
         session_predict(t->session, rows->rows, (const double *const *)rows->inputs, (const uint64_t *const *)rows->valid, seeds, outputs,
                         valid, e);
  for (uint32_t r = 0; fine && r < rows->rows; r++)
    if (!(good[r / 64] >> (r % 64) & 1)) out[r] = 0.5; /* the model gives no answer: judged as if it knew nothing */
  session_close(t->session);
  t->session = NULL;
  kit_free(seeds);
  kit_free(good);
  return fine;
}

static bool evaluate_part(struct trained_model *t, const struct training_table *table, bool test, struct json_writer *w, struct err *e) {
  struct training_rows rows;
  training_table_rows(table, test, &rows);
  double *p = kit_alloc((rows.rows + 1) * sizeof *p);
  bool fine = p ? predict_part(t, &rows, p, e) : err_set(e, ERR_INTERNAL, "no memory for predictions");
  json_key(w, test ? "test" : "train");
  if (fine) evaluate_binary(p, rows.outcome, rows.rows, w);
  else json_put_null(w);
  kit_free(p);
  return fine;
}

/* ---- golden rows: a few test rows, inputs rounded to what a person can read, answers asked for the rounded ones ---- */
#define GOLDEN_ROWS 4

static double read_back(double v) {
  char text[32];
  double back;
  snprintf(text, sizeof text, "%.4g", v);
  return str_to_double(str_from(text), &back) ? back : v;
}

static void print_golden_row(const struct program *p, uint32_t model, const struct model_spec *spec, const struct training_rows *rows,
                             uint32_t r, double answer) {
  printf("    { inputs = { ");
  for (uint32_t c = 0; c < rows->input_count; c++)
    if (rows->valid[c][r / 64] >> (r % 64) & 1) printf("%s = %.10g, ", spec->inputs[c], rows->inputs[c][r]);
  printf("},\n      outputs = { ");
  for (uint32_t b = 0; b < beliefs_count(p->models); b++)
    if (belief_model(p->models, b) == model)
      printf("%s = %.6f, ", belief_name(p->models, b), belief_from_output(p->models, b, answer).number);
  printf("} },\n");
}

static bool print_golden(const struct program *p, uint32_t model, const struct model_spec *spec, struct trained_model *t,
                         const struct training_table *table, struct err *e) {
  struct training_rows all, few = {.rows = GOLDEN_ROWS};
  struct arena a = {0};
  double answers[GOLDEN_ROWS];
  training_table_rows(table, true, &all);
  few.input_count = all.input_count;
  double **inputs = ARENA_ARRAY(&a, double *, all.input_count);
  uint64_t **valid = ARENA_ARRAY(&a, uint64_t *, all.input_count);
  for (uint32_t c = 0; c < all.input_count; c++) {
    inputs[c] = ARENA_ARRAY(&a, double, GOLDEN_ROWS);
    valid[c] = ARENA_ARRAY(&a, uint64_t, 1);
    for (uint32_t r = 0; r < GOLDEN_ROWS; r++) {
      uint32_t from = r * (all.rows / GOLDEN_ROWS) + all.rows / (2 * GOLDEN_ROWS);
      inputs[c][r] = read_back(all.inputs[c][from]);
      valid[c][0] |= (all.valid[c][from / 64] >> (from % 64) & 1) << r;
    }
  }
  few.inputs = inputs;
  few.valid = valid;
  bool fine = predict_part(t, &few, answers, e);
  if (fine) printf("  golden = {\n");
  for (uint32_t r = 0; fine && r < GOLDEN_ROWS; r++) print_golden_row(p, model, spec, &few, r, answers[r]);
  if (fine) printf("  },\n");
  arena_free(&a);
  return fine;
}

/* ---- the run ---- */

static bool show_progress(void *context, double share, const char *note) {
  (void)context;
  (void)note;
  tool_progress("training", share);
  return true;
}

static bool open_plugin(const struct options *o, const struct noun_model *noun, struct trained_model *t, struct err *e) {
  char path[4096];
  snprintf(t->store, sizeof t->store, "%s/kairos-train-XXXXXX", P_tmpdir);
  if (!mkdtemp(t->store)) return err_set(e, ERR_STORAGE, "%s: no temporary directory could be made", t->store);
  snprintf(path, sizeof path, "%s/" STR_FORMAT ".so", o->plugins ? o->plugins : tool_plugin_directory(), STR_ARG(noun->plugin));
  return plugin_open(path, t->store, &t->plugin, e);
}

static bool learn(const struct options *o, struct trained_model *t, const struct model_spec *spec, const struct training_table *table,
                  struct buf *envelope, struct err *e) {
  struct training_rows rows;
  training_table_rows(table, false, &rows);
  struct training job = {.rows = rows.rows,
                         .inputs = (const double *const *)rows.inputs,
                         .valid = (const uint64_t *const *)rows.valid,
                         .target = rows.target,
                         .limit_ms = o->seconds * CLOCK_SECOND,
                         .memory_limit = (size_t)2 << 30,
                         .progress = show_progress};
  uint64_t *seeds = kit_alloc((rows.rows + 1) * sizeof *seeds);
  for (uint32_t r = 0; seeds && r < rows.rows; r++) seeds[r] = r;
  job.seeds = seeds;
  bool fine = seeds && model_train(t->plugin, spec, &job, STR("{}"), envelope, e);
  tool_progress_end();
  kit_free(seeds);
  return fine && model_create(t->plugin, spec, &t->model, e) && model_load(t->model, buf_view(envelope), e);
}

static bool write_state(const struct options *o, const struct noun_model *noun, struct trained_model *t, struct str figures,
                        struct err *e) {
  struct buf envelope = {0};
  char path[4096];
  if (o->out) snprintf(path, sizeof path, "%s", o->out);
  else if (noun->state.len) snprintf(path, sizeof path, "%s/models/" STR_FORMAT, o->program, STR_ARG(noun->state));
  else return err_set(e, ERR_INPUT, "the model names no state; say --out FILE");
  bool fine = model_save(t->model, figures, &envelope, e) && file_write_atomic(path, buf_view(&envelope), 0644, e);
  if (fine) fprintf(stderr, "%s: %zu bytes\n", path, envelope.len);
  buf_free(&envelope);
  return fine;
}

static bool run_model(const struct options *o, const struct program *p, const struct noun_model *noun, struct trained_model *t,
                      const struct training_table *table, struct err *e) {
  struct arena a = {0};
  struct buf envelope = {0}, figures = {0};
  struct json_writer w = json_to(&figures);
  uint32_t model = (uint32_t)(noun - p->nouns.models);
  struct model_spec spec = model_spec_of(p->models, model, &a);
  bool fine = open_plugin(o, noun, t, e) && learn(o, t, &spec, table, &envelope, e);
  json_open_object(&w);
  fine = fine && evaluate_part(t, table, false, &w, e) && evaluate_part(t, table, true, &w, e);
  if (fine) {
    json_close_object(&w);
    printf(STR_FORMAT "\n", STR_ARG(buf_view(&figures)));
    fine = write_state(o, noun, t, buf_view(&figures), e) && (o->json || print_golden(p, model, &spec, t, table, e));
  }
  buf_free(&envelope);
  buf_free(&figures);
  arena_free(&a);
  return fine;
}

static bool run(const struct options *o, struct err *e) {
  struct program *p = NULL;
  struct training_table *table = NULL;
  struct trained_model t = {0};
  const struct noun_model *noun = NULL;
  struct learning_from from = {o->file, o->data, (uint32_t)o->users, (uint32_t)o->days, (uint64_t)o->seed};
  bool fine = load_program(o, &p, e) && (noun = find_model(p, o->model, e)) &&
              (table = training_table_new(p->models, noun, p->features, e)) && learning_table(p, &from, table, e) &&
              run_model(o, p, noun, &t, table, e);
  model_free(t.model);
  if (t.store[0]) file_remove_tree(t.store, NULL);
  training_table_free(table);
  program_free(p);
  return fine;
}

int tool_train(int argc, char **argv) {
  struct options o = {.program = ".", .users = 400, .days = 84, .seed = 7, .seconds = 600};
  const struct argument list[] = {
      {"MODEL", ARGUMENT_TEXT, &o.model, NULL, "name of the model in the program", NULL},
      {"--program", ARGUMENT_TEXT, &o.program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--from", ARGUMENT_TEXT, &o.file, "FILE", "learn from events as NDJSON, in order of time", NULL},
      {"--data", ARGUMENT_TEXT, &o.data, "DIR", "learn from a data directory's journal", NULL},
      {"--users", ARGUMENT_NUMBER, &o.users, "N", "without --from and --data: people of the built-in population (400)", NULL},
      {"--days", ARGUMENT_NUMBER, &o.days, "D", "days of their lives (84)", NULL},
      {"--seed", ARGUMENT_NUMBER, &o.seed, "S", "their seed (7)", NULL},
      {"--out", ARGUMENT_TEXT, &o.out, "FILE", "where the state goes (default: the model's, in models/)", NULL},
      {"--plugins", ARGUMENT_TEXT, &o.plugins, "DIR", "where plugins lie (default: the engine's)", NULL},
      {"--seconds", ARGUMENT_NUMBER, &o.seconds, "S", "limit of the training child (600)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "figures only, no golden rows", NULL}};
  const struct usage usage = {"train", "Trains a model of the program and says what its predictions are worth.",
                              "  kairos train adherence --data data\n  kairos train adherence --from events.ndjson --out adherence.state\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (!o.model) {
    fprintf(stderr, "kairos train: which MODEL?\n");
    return EXIT_USAGE;
  }
  if (o.users < 1 || o.users > 100000 || o.days < 1 || o.days > 3660 || o.seconds < 1) {
    err_set(&e, ERR_INPUT, "expected 1 to 100000 users, 1 to 3660 days and at least 1 second");
    return tool_fail(&e);
  }
  return run(&o, &e) ? EXIT_OK : tool_fail(&e);
}
