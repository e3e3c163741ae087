/* Beside the served model: a candidate, or the one that was served before, as a model of its own that nobody can name. It comes from a file
 * of the program, so that a program with a candidate is another program, becomes live as any does, and its past keeps its code. Promises
 * that it is asked exactly when the served one is, and that a state which does not lie in its program's own directory is held to golden
 * rows of its own: the model file's were written for the state that lay there. Builder thread. */
#include "kit/json.h"
#include "models.h"
#include <stdio.h>
#include <string.h>

static const char *const role_words[] = {"served", "candidate", "previous"};

const char *model_role_word(enum model_role role) {
  return role_words[role];
}

enum model_role model_role(const struct models *m, uint32_t model) {
  return m->at[model].role;
}

uint32_t model_served(const struct models *m, uint32_t model) {
  return m->at[model].role == MODEL_SERVED ? model : m->at[model].served;
}

void model_beside_path(const char *name, enum model_role role, char *path, size_t size) {
  snprintf(path, size, "models/%s.%s.state", name, role_words[role]);
}

void model_over_path(const char *name, char *path, size_t size) {
  snprintf(path, size, "models/%s.over", name);
}

uint32_t model_beside(const struct models *m, uint32_t model) {
  for (uint32_t i = 0; i < m->count; i++)
    if (m->at[i].role != MODEL_SERVED && m->at[i].served == model) return i;
  return NO_MODEL;
}

uint32_t model_of_name(const struct models *m, struct str name) {
  for (uint32_t i = 0; i < m->count; i++)
    if (m->at[i].role == MODEL_SERVED && str_is(name, m->at[i].name)) return i;
  return NO_MODEL;
}

uint32_t model_judged(const struct models *m, uint32_t model) {
  const struct model *one = &m->at[model];
  for (uint32_t i = 0; i < one->count; i++)
    if (!one->noun->outputs[i].as.len) return one->first + i;
  return NO_MODEL;
}

const struct noun_model *model_noun(const struct models *m, uint32_t model) {
  return m->at[model].noun;
}

static void add(struct arena *a, struct models *all, uint32_t served, enum model_role role, const struct models_from *from,
                struct findings *f) {
  const struct model *of = &all->at[served];
  char path[600];
  struct str bytes;
  model_beside_path(of->name, role, path, sizeof path);
  if (of->noun->combine || !of->noun->state.len || !from->file(from->context, path, &bytes)) return;
  if (all->count >= 64 || model_beside(all, served) != NO_MODEL) {
    findings_add(f, FINDING_ERROR, of->noun->at.file, of->noun->at.line, "model \"%s\": %s: %s", of->name, path,
                 all->count >= 64 ? "a program has at most 64 models, those beside others included"
                                  : "one lies beside it already: expected a candidate or a previous one, not both");
    return;
  }
  struct model *m = &all->at[all->count++];
  *m = (struct model){.noun = of->noun, .role = role, .served = served};
  m->name = arena_printf(a, "%s.%s", of->name, role_words[role]);
  if ((m->trouble = ARENA_NEW(a, struct trouble))) model_build(a, all, m, from, f);
}

void beside_add(struct arena *a, struct models *all, const struct models_from *from, struct findings *f) {
  const uint32_t declared = all->count;
  for (uint32_t i = 0; from && from->file && i < declared; i++) {
    add(a, all, i, MODEL_CANDIDATE, from, f);
    add(a, all, i, MODEL_PREVIOUS, from, f);
  }
}

/* ---- a state's own golden rows: the same data as in a model's file, as JSON ---- */

static bool to_node(struct arena *a, const struct json *j, uint32_t at, struct node *out) {
  const enum json_type type = json_type(j, at);
  *out = (struct node){.kind = NODE_NIL};
  if (type == JSON_NUMBER && json_double(j, at, &out->number)) out->kind = NODE_NUMBER;
  if (type == JSON_STRING) {
    out->kind = NODE_TEXT;
    out->text = json_text(j, at, a);
  }
  if (type != JSON_ARRAY && type != JSON_OBJECT) return true;
  const uint32_t count = j->tokens[at].count;
  struct node *values = ARENA_ARRAY(a, struct node, count + 1);
  struct str *keys = ARENA_ARRAY(a, struct str, count + 1);
  if (!values || !keys) return false;
  uint32_t child = at + 1;
  for (uint32_t i = 0; i < count; i++, child = j->tokens[child].next) {
    if (type == JSON_OBJECT) {
      keys[i] = json_text(j, child, a);
      child = j->tokens[child].next;
    }
    if (!to_node(a, j, child, &values[i])) return false;
  }
  out->kind = NODE_TABLE;
  if (type == JSON_ARRAY) out->items = values;
  else out->values = values;
  out->keys = keys;
  *(type == JSON_ARRAY ? &out->length : &out->pairs) = count;
  return true;
}

/* A state that was trained into its place is held to the rows that people review and paste, or a swapped one would bless itself. */
static bool is_held_to_file(const struct model *m, const struct json *figures, bool stands) {
  bool in_place = false;
  json_bool(figures, json_get(figures, 0, "in_place"), &in_place);
  return in_place && !stands && m->role == MODEL_SERVED && m->golden && m->golden->length > 0;
}

bool figures_read(struct arena *a, struct model *m, struct str metrics_json, bool stands, struct err *e) {
  struct json j;
  if (!json_parse(&j, a, metrics_json, &json_limits_default, e)) return false;
  m->watched = m->role == MODEL_SERVED ? watched_read(a, m, &j) : NULL;
  m->typical = typical_read(a, m, &j);
  const uint32_t golden = json_get(&j, 0, "golden");
  if (golden == JSON_NONE && stands) m->golden = NULL; /* the file's are of the state in whose place this one stands */
  if (golden == JSON_NONE || is_held_to_file(m, &j, stands)) return true;
  struct node *rows = ARENA_NEW(a, struct node);
  if (!rows || !to_node(a, &j, golden, rows)) return err_set(e, ERR_INTERNAL, "no memory for golden rows");
  if (json_type(&j, golden) != JSON_ARRAY) return err_set(e, ERR_INPUT, "golden: expected a list of rows");
  m->golden = rows; /* none: a state from elsewhere, and the rows of the file are not its own either */
  return true;
}
