/* one_model: a program is read, one of its models is found and its plugin opened, in a store that is thrown away. Promises that nothing of
 * the program has to work but this model's file: other models' plugins are not opened and no state needs to be there. Main thread. */
#include "one_model.h"
#include "arguments.h"
#include "kit/file.h"
#include "workshop.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MOST ((size_t)64 << 20)

static bool load_program(struct one_model *m, const char *directory, struct err *e) {
  const struct program_from from = {0}; /* no plugins */
  if (!(m->program = program_from_directory(directory, &from, e))) return false;
  if (m->program->findings.errors == 0) return true;
  struct buf text = {0};
  program_print_findings(m->program, &text);
  fprintf(stderr, STR_FORMAT, STR_ARG(buf_view(&text)));
  buf_free(&text);
  return err_set(e, ERR_INPUT, "%s: the program has errors", directory);
}

static bool find_model(struct one_model *m, const char *name, struct err *e) {
  const struct program *p = m->program;
  const char *names[64];
  size_t count = 0;
  for (uint32_t i = 0; i < models_count(p->models) && i < p->nouns.model_count; i++) {
    m->index = i;
    m->noun = &p->nouns.models[i];
    if (strcmp(model_name(p->models, i), name) == 0) return true;
    if (count < 64) names[count++] = model_name(p->models, i);
  }
  const char *near = str_nearest(str_from(name), names, count);
  return err_set(e, ERR_MISSING, "the program has no model \"%s\"%s%s%s", name, near ? " (did you mean \"" : "", near ? near : "",
                 near ? "\"?)" : "");
}

static bool open_plugin(struct one_model *m, const char *plugins, struct err *e) {
  const char *path;
  if (m->noun->combine)
    return err_set(e, ERR_INPUT, "%s combines other models and has no weights of its own; ask or train those",
                   model_name(m->program->models, m->index));
  if (!workshop_store(m->store, sizeof m->store, e)) return false;
  if (!model_plugin_file(&m->arena, plugins ? plugins : tool_plugin_directory(), m->noun->plugin, &path, e))
    return err_wrap(e, "%s:%d: model \"%s\"", m->noun->at.file, m->noun->at.line, model_name(m->program->models, m->index));
  if (str_is(m->noun->isolate, "process")) return plugin_open_hosted(path, m->store, &m->plugin, e);
  if (str_is(m->noun->isolate, "none")) return plugin_open_unlisted(path, m->store, &m->plugin, e);
  return plugin_open(path, m->store, &m->plugin, e);
}

bool one_model_find(struct one_model *m, const char *program, const char *name, struct err *e) {
  *m = (struct one_model){0};
  return load_program(m, program, e) && find_model(m, name, e);
}

int one_model_missing(const struct usage *u, const char *program) {
  struct err e = {0};
  struct program *p = program_from_directory(program, &(struct program_from){0}, &e);
  size_t count = 0;
  fprintf(stderr, "kairos %s: MODEL is missing", u->name);
  for (size_t i = 0; p && i < p->nouns.model_count; i++) {
    const struct noun_model *n = &p->nouns.models[i];
    if (n->train || n->combine) fprintf(stderr, "%s" STR_FORMAT, count++ ? ", " : ": expected one of ", STR_ARG(n->at.name));
  }
  if (!p) fprintf(stderr, ": %s; --program DIR says where the program lies", e.text);
  else if (!count)
    fprintf(stderr, ", and no model of %s says by `train` what it learns from: --program DIR names another program", program);
  fprintf(stderr, "\nkairos %s --help tells more.\n", u->name);
  program_free(p);
  return EXIT_USAGE;
}

bool one_model_open(struct one_model *m, const char *program, const char *name, const char *plugins, struct err *e) {
  if (!one_model_find(m, program, name, e)) return false;
  if (m->noun->state.len) snprintf(m->state, sizeof m->state, "%s/models/" STR_FORMAT, program, STR_ARG(m->noun->state));
  m->spec = model_spec_of(m->program->models, m->index, &m->arena);
  if (!m->spec.config.len) return err_set(e, ERR_BUSY, "no memory for the configuration of model \"%s\"", name);
  return open_plugin(m, plugins, e) && model_create(m->plugin, &m->spec, &m->model, e);
}

bool one_model_fits(const struct one_model *m, struct err *e) {
  return model_has_outputs(m->noun, m->model, e) || err_wrap(e, "%s:%d", m->noun->at.file, m->noun->at.line);
}

static const char *state_path(const struct one_model *m, const char *path, const char *option, struct err *e) {
  if (path) return path;
  if (m->state[0]) return m->state;
  err_set(e, ERR_INPUT, "the model names no state; say %s FILE", option);
  return NULL;
}

/* Weights, and the calibration that lies with them. */
static bool take_state(struct one_model *m, struct str bytes, struct err *e) {
  struct envelope envelope;
  struct calibration *calibration;
  if (!model_load(m->model, bytes, e) || !envelope_read(bytes, &envelope, e) ||
      !calibration_read(envelope.metrics, &m->arena, &calibration, e))
    return false;
  model_calibrate(m->program->models, m->index, calibration);
  return model_take_typical(m->program->models, m->index, envelope.metrics, &m->arena, e);
}

bool one_model_load(struct one_model *m, const char *path, struct err *e) {
  struct buf bytes = {0};
  path = state_path(m, path, "--state", e);
  bool fine = path && file_read(path, &bytes, STATE_MOST, e) && (take_state(m, buf_view(&bytes), e) || err_wrap(e, "%s", path));
  buf_free(&bytes);
  return fine;
}

bool one_model_write(struct one_model *m, const struct buf *metrics_json, const char *path, struct err *e) {
  struct buf envelope = {0};
  if (metrics_json->failed) return err_set(e, ERR_INTERNAL, "no memory for a state's figures");
  path = state_path(m, path, "--out", e);
  bool fine = path && model_save(m->model, buf_view(metrics_json), &envelope, e) && file_write_atomic(path, buf_view(&envelope), 0644, e);
  if (fine) fprintf(stderr, "%s: %zu bytes\n", path, envelope.len);
  buf_free(&envelope);
  return fine;
}

bool one_model_renew(struct one_model *m, struct err *e) {
  model_free(m->model);
  m->model = NULL;
  model_calibrate(m->program->models, m->index, NULL);
  return model_create(m->plugin, &m->spec, &m->model, e);
}

void one_model_close(struct one_model *m) {
  model_free(m->model);
  plugin_close(m->plugin);
  if (m->store[0]) file_remove_tree(m->store, NULL);
  program_free(m->program);
  arena_free(&m->arena);
  *m = (struct one_model){0};
}
