/* A program's models: plugins opened, states loaded, golden rows asked. Promises that whatever is wrong with a model's file, plugin or
 * state is a finding with file and line and the program is refused, so that a lane never meets a half-built model. Does not train and does
 * not predict. Without a plugin directory (replay) the beliefs are numbered all the same and nothing is opened. Called on the builder's
 * thread; what is built is read by lanes. */
#include "models.h"
#include "kit/file.h"
#include "kit/hash.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 3, 4))) complain(struct findings *f, const struct noun_model *n, const char *format, ...) {
  char text[700];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  findings_add(f, FINDING_ERROR, n->at.file, n->at.line, "model \"" STR_FORMAT "\": %s", STR_ARG(n->at.name), text);
}

/* ---- names ---- */

static void unknown_input(struct arena *a, const struct model *m, struct str name, const struct features *features, struct findings *f) {
  size_t days;
  const struct feature_doc *docs = history_docs(&days);
  const char **names = ARENA_ARRAY(a, const char *, features->count + days);
  for (uint32_t i = 0; names && i < features->count; i++) names[i] = features->names[i];
  for (size_t i = 0; names && i < days; i++) names[features->count + i] = docs[i].name;
  const char *near = names ? str_nearest(name, names, features->count + days) : NULL;
  complain(f, m->noun, "input \"" STR_FORMAT "\" is no feature%s%s%s", STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "",
           near ? "\"?)" : "");
}

static bool resolve_inputs(struct arena *a, struct model *m, const struct features *features, struct findings *f) {
  m->input_count = (uint32_t)m->noun->input_count;
  m->inputs = ARENA_ARRAY(a, const char *, m->input_count + 1);
  m->from = ARENA_ARRAY(a, struct model_input, m->input_count + 1);
  m->widths = ARENA_ARRAY(a, uint32_t, m->input_count + 1);
  if (!m->inputs || !m->from || !m->widths) return false;
  bool known = m->input_count > 0;
  if (!known) complain(f, m->noun, "inputs: expected at least one feature");
  for (uint32_t i = 0; i < m->input_count; i++) {
    struct symbol s;
    struct str name = m->noun->inputs[i];
    struct model_input *from = &m->from[i];
    m->inputs[i] = arena_text(a, name.at, name.len);
    m->widths[i] = 1;
    from->is_history = history_find(features, name, &from->history);
    from->is_feature = features_find(features, name, &s);
    from->feature = s.index;
    if (from->is_feature || from->is_history) continue;
    unknown_input(a, m, name, features, f); /* and on: whoever misspelt several hears of all */
    known = false;
  }
  return known;
}

static bool value_find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  if (!str_is(name, "value"))
    return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\": an output's `as` reads only `value`, the plugin's output", STR_ARG(name));
  *out = (struct symbol){.kind = SYMBOL_BELIEF, .type = VALUE_NUMBER};
  return true;
}

static void add_belief(struct arena *a, struct models *all, struct model *m, const struct noun_model_output *o, struct findings *f) {
  struct belief *b = &all->beliefs[all->belief_count];
  struct symbol known;
  struct err e = {0};
  *b = (struct belief){.name = arena_text(a, o->name.at, o->name.len), .model = (uint32_t)(m - all->at)};
  if (m->role != MODEL_SERVED) b->name = arena_printf(a, "%s." STR_FORMAT, m->name, STR_ARG(o->name)); /* no rule can say it */
  else if (models_find(all, o->name, &known))
    complain(f, m->noun, "output \"%s\": model \"%s\" has an output of this name already", b->name,
             model_name(all, belief_model(all, known.index)));
  if (m->role == MODEL_SERVED && features_find(all->features, o->name, &known))
    complain(f, m->noun, "output \"%s\": a feature has this name already", b->name);
  if (o->as.len) {
    struct symbols value = {.arena = a, .find = value_find};
    b->as = expression_compile(&value, o->as, WANT_NUMBER, &e);
    if (!b->as) complain(f, m->noun, "output \"%s\": as: %s", b->name, e.text);
  }
  all->belief_count++;
  m->count++;
}

/* ---- plugin, state ---- */

/* The copy in the store that this build of the program ran with, when that is said: the directory may hold other code by now. */
static bool pinned_plugin(struct arena *a, const struct models_from *from, struct str id, const char **path) {
  struct str rest = str_from(from->plugins), pin, name;
  while (str_split(&rest, ',', &pin)) {
    if (!str_split(&pin, '=', &name) || !str_eq(name, id)) continue;
    *path = arena_printf(a, "%s/" STR_FORMAT ".so", from->store_directory, STR_ARG(pin));
    return true;
  }
  return false;
}

bool model_plugin_file(struct arena *a, const char *directories, struct str id, const char **path, struct err *e) {
  struct str rest = str_from(directories), directory;
  while (str_split(&rest, ':', &directory)) {
    *path = arena_printf(a, STR_FORMAT "/" STR_FORMAT ".so", STR_ARG(directory), STR_ARG(id));
    if (file_exists(*path)) return true;
    *path = arena_printf(a, STR_FORMAT "/" STR_FORMAT "/" STR_FORMAT ".so", STR_ARG(directory), STR_ARG(id), STR_ARG(id));
    if (file_exists(*path)) return true;
  }
  return err_set(e, ERR_MISSING,
                 "plugin: neither " STR_FORMAT ".so nor " STR_FORMAT "/" STR_FORMAT
                 ".so is in %s (KAIROS_PLUGINS names further directories)",
                 STR_ARG(id), STR_ARG(id), STR_ARG(id), directories);
}

struct model_spec model_spec_of(const struct models *all, uint32_t model, struct arena *a) {
  const struct model *m = &all->at[model];
  struct buf json = {0};
  struct json_writer w = json_to(&json);
  if (m->noun->config) node_to_json(&w, m->noun->config);
  else buf_text(&json, "{}");
  struct model_spec spec = {.name = m->name, .inputs = m->inputs, .input_count = m->input_count};
  spec.config = buf_into(&json, a); /* nothing: no memory. Less than all of it would be another model */
  return spec;
}

/* Does the state stand in the place of another, which the small file names? Then the model's file's golden rows are not of it. */
static bool stands_over(const struct model *m, const struct models_from *from, struct findings *f) {
  char over[600];
  struct str marker;
  unsigned char sha256[HASH_SHA256];
  model_over_path(m->name, over, sizeof over);
  if (m->role != MODEL_SERVED || !from->file(from->context, over, &marker)) return false;
  if (hash_unhex(str_trim(marker), sha256, sizeof sha256)) return true;
  findings_add(f, f->stored ? FINDING_WARNING : FINDING_ERROR, m->noun->at.file, m->noun->at.line,
               "model \"%s\": %s: expected the SHA-256 of the state in whose place this one stands, 64 hex digits", m->name, over);
  return f->stored; /* it was accepted without its rows once */
}

static bool load_state(struct arena *a, struct model *m, const struct models_from *from, struct findings *f) {
  struct str bytes;
  struct err e = {0};
  char beside[600];
  m->golden = m->noun->golden;
  if (!m->noun->state.len) return true;
  const char *path = arena_printf(a, "models/" STR_FORMAT, STR_ARG(m->noun->state));
  if (m->role != MODEL_SERVED) {
    model_beside_path(arena_text(a, m->noun->at.name.at, m->noun->at.name.len), m->role, beside, sizeof beside);
    path = beside;
    m->golden = NULL; /* the file's rows are of the served state */
  }
  if (!from->file(from->context, path, &bytes)) {
    complain(f, m->noun, "state: %s is not there; `kairos train %s` makes it", path, m->name);
    return false;
  }
  struct envelope envelope;
  struct calibration *calibration = NULL;
  const bool stands = stands_over(m, from, f);
  if (model_load(m->trained, bytes, &e) && envelope_read(bytes, &envelope, &e) && calibration_read(envelope.metrics, a, &calibration, &e) &&
      figures_read(a, m, envelope.metrics, stands, &e)) {
    m->calibration = calibration;
    return true;
  }
  complain(f, m->noun, "state: %s: %s", path, e.text);
  return false;
}

/* How many values a row the plugin wants of each input, and whether they are there to be had. */
static bool match_inputs(struct model *m, struct findings *f) {
  const struct plugin_field *fields;
  size_t count;
  if (!model_inputs(m->trained, &fields, &count)) return false;
  bool matched = true;
  for (uint32_t i = 0; i < m->input_count; i++) {
    const uint32_t width = m->widths[i] = fields[i].width;
    if (width == 1 || (m->from[i].is_history && width <= HISTORY_DAYS_MOST)) continue;
    matched = false;
    if (m->from[i].is_history)
      complain(f, m->noun, "input \"%s\": the plugin takes %u days of it; at most %d are kept", m->inputs[i], width, HISTORY_DAYS_MOST);
    else
      complain(f, m->noun,
               "input \"%s\": the plugin takes a window of %u days of it, which this feature has not; daily_stress is one that has",
               m->inputs[i], width);
  }
  return matched;
}

const uint32_t *model_widths(const struct models *all, uint32_t model) {
  return all->at[model].widths;
}

static bool find_output(const struct noun_model_output *o, const struct plugin_field *fields, size_t count, uint32_t *column,
                        struct err *e) {
  const struct str wanted = o->from.len ? o->from : o->name;
  uint32_t c = 0;
  while (c < count && !str_is(wanted, fields[c].name)) c++;
  *column = c;
  if (c < count) return true;
  char meant[200] = ""; /* the usual slip: a belief has a name of its own */
  if (count == 1 && o->from.len == 0)
    snprintf(meant, sizeof meant, ": write outputs = { " STR_FORMAT " = { from = \"%s\" } }", STR_ARG(o->name), fields[0].name);
  return err_set(e, ERR_INPUT, "output \"" STR_FORMAT "\": the plugin has no output of this name; it has \"%s\"%s%s", STR_ARG(wanted),
                 count ? fields[0].name : "none", count > 1 ? " and others" : "", meant);
}

bool model_has_outputs(const struct noun_model *n, const struct trained *t, struct err *e) {
  const struct plugin_field *fields;
  size_t count;
  uint32_t column;
  bool has = model_outputs(t, &fields, &count);
  for (size_t i = 0; has && i < n->output_count; i++) has = find_output(&n->outputs[i], fields, count, &column, e);
  return has;
}

/* Which of the plugin's outputs each belief is. */
static bool match_outputs(struct models *all, struct model *m, struct findings *f) {
  const struct plugin_field *fields;
  size_t count;
  if (!model_outputs(m->trained, &fields, &count)) return false;
  m->output_count = (uint32_t)count;
  bool matched = true;
  for (uint32_t c = 0; c < count; c++) { /* a belief is one number */
    if (fields[c].width == 1) continue;
    complain(f, m->noun, "plugin: its output \"%s\" has %u values a row; expected 1", fields[c].name, fields[c].width);
    matched = false;
  }
  for (uint32_t i = 0; i < m->count; i++) {
    struct err e = {0};
    uint32_t c;
    if (find_output(&m->noun->outputs[i], fields, count, &c, &e)) all->beliefs[m->first + i].column = c;
    else {
      complain(f, m->noun, "%s", e.text);
      matched = false;
    }
  }
  return matched;
}

static void open_model(struct arena *a, struct models *all, struct model *m, const struct models_from *from, struct findings *f) {
  const char *path;
  struct plugin *plugin;
  struct err e = {0};
  if (!pinned_plugin(a, from, m->noun->plugin, &path) && !model_plugin_file(a, from->plugin_directory, m->noun->plugin, &path, &e)) {
    complain(f, m->noun, "%s", e.text);
    return;
  }
  struct model_spec spec = model_spec_of(all, (uint32_t)(m - all->at), a);
  const struct str isolate = m->noun->isolate;
  if (!spec.config.len) {
    complain(f, m->noun, "no memory for its configuration");
    return;
  }
  const bool opened = isolate.len == 0             ? plugin_open(path, from->store_directory, &plugin, &e)
                      : str_is(isolate, "process") ? plugin_open_hosted(path, from->store_directory, &plugin, &e)
                                                   : plugin_open_unlisted(path, from->store_directory, &plugin, &e);
  if (opened) m->plugin = plugin;
  if (!opened || !model_create(plugin, &spec, &m->trained, &e)) {
    complain(f, m->noun, "%s", e.text);
    return;
  }
  const bool matched = match_outputs(all, m, f); /* told before there is a state to load: nobody shall train for nothing */
  if (!match_inputs(m, f) || !load_state(a, m, from, f) || !matched) return;
  if (m->calibration && m->output_count != 1)
    complain(f, m->noun, "state: a calibration is for models of one output, this has %u", m->output_count);
  model_calibrate(all, (uint32_t)(m - all->at), m->calibration);
  if (model_start(m->trained, &e)) model_golden(all, m, f);
  else complain(f, m->noun, "%s", e.text);
}

void model_build(struct arena *a, struct models *all, struct model *m, const struct models_from *from, struct findings *f) {
  const struct noun_model *n = m->noun;
  m->first = all->belief_count;
  for (size_t i = 0; i < n->output_count; i++) add_belief(a, all, m, &n->outputs[i], f);
  if (n->combine) return; /* once all beliefs are named */
  struct retraining retraining;
  struct err e = {0};
  if (m->role == MODEL_SERVED && !model_retraining(n, &retraining, &e)) complain(f, n, "%s", e.text);
  const struct node *on = n->retrain && n->train ? node_get(n->train, "on") : NULL;
  if (on && on->kind == NODE_TEXT) m->kept_at = on->text;
  if (!n->plugin.len) {
    complain(f, n, "plugin: expected the id of a plugin, such as \"svr\"");
    return;
  }
  if (resolve_inputs(a, m, all->features, f) && from && from->plugin_directory) open_model(a, all, m, from, f);
}

struct models *models_build(struct arena *a, const struct noun_model *declared, size_t count, const struct features *features,
                            const struct models_from *from, struct findings *f) {
  size_t outputs = 0;
  for (size_t i = 0; i < count; i++) outputs += declared[i].output_count;
  struct models *all = ARENA_NEW(a, struct models);
  if (!all) return NULL;
  all->features = features;
  all->at = ARENA_ARRAY(a, struct model, 2 * count + 1);
  all->beliefs = ARENA_ARRAY(a, struct belief, 2 * outputs + 1);
  if (!all->at || !all->beliefs) return NULL;
  for (size_t i = 0; i < count; i++) {
    struct model *m = &all->at[all->count++];
    m->noun = &declared[i];
    if (!(m->trouble = ARENA_NEW(a, struct trouble)) || !(m->adapted = ARENA_NEW(a, struct adapted))) return NULL;
    for (uint32_t k = 0; k < PARTITIONS_MOST; k++) atomic_store(&m->adapted->quantile[k], STATS_NONE);
    m->name = arena_text(a, declared[i].at.name.at, declared[i].at.name.len);
    model_build(a, all, m, from, f);
  }
  beside_add(a, all, from, f);
  for (uint32_t i = 0; i < all->count; i++)
    if (all->at[i].noun->combine) combine_build(a, all, &all->at[i], f);
  return all;
}

void model_calibrate(struct models *m, uint32_t model, const struct calibration *c) {
  m->at[model].calibration = c;
  for (uint32_t i = 0; i < m->at[model].count; i++) m->beliefs[m->at[model].first + i].calibration = c;
}

void model_adapt(const struct models *m, uint32_t model, uint32_t partition, double quantile) {
  if (m->at[model].adapted && partition < PARTITIONS_MOST) atomic_store(&m->at[model].adapted->quantile[partition], quantile);
}

const char *model_confidence(const struct models *m, uint32_t model, uint32_t partition, double p) {
  const struct model *one = &m->at[model];
  const double quantile = one->adapted && partition < PARTITIONS_MOST ? atomic_load(&one->adapted->quantile[partition]) : STATS_NONE;
  return stats_none(quantile) ? calibration_confidence(one->calibration, p) : set_word(p, quantile);
}

const struct calibration *model_calibration(const struct models *m, uint32_t model) {
  return m->at[model].calibration;
}

void models_plugins(const struct models *m, struct buf *out) {
  size_t begun = out->len;
  for (const struct model *last = NULL;;) { /* in order of id, each once: a program has few models */
    const struct model *next = NULL;
    for (uint32_t i = 0; i < m->count; i++) {
      const struct model *one = &m->at[i];
      if (one->plugin && (!last || str_compare(one->noun->plugin, last->noun->plugin) > 0) &&
          (!next || str_compare(one->noun->plugin, next->noun->plugin) < 0))
        next = one;
    }
    if (!next) return;
    char hex[2 * HASH_SHA256 + 1];
    hash_hex(plugin_sha256(next->plugin), HASH_SHA256, hex);
    buf_printf(out, "%s" STR_FORMAT "=%s", out->len > begun ? "," : "", STR_ARG(next->noun->plugin), hex);
    last = next;
  }
}

void models_free(struct models *m) {
  for (uint32_t i = 0; m && i < m->count; i++) {
    model_free(m->at[i].trained);
    plugin_close(m->at[i].plugin);
    m->at[i].trained = NULL;
    m->at[i].plugin = NULL;
  }
}

/* ---- looking up ---- */

uint32_t models_count(const struct models *m) {
  return m->count;
}

const char *model_name(const struct models *m, uint32_t model) {
  return m->at[model].name;
}

bool models_find(const struct models *m, struct str name, struct symbol *out) {
  for (uint32_t i = 0; i < m->belief_count; i++) {
    if (m->at[m->beliefs[i].model].role != MODEL_SERVED || !str_is(name, m->beliefs[i].name)) continue;
    *out = (struct symbol){.kind = SYMBOL_BELIEF, .type = VALUE_NUMBER, .index = i, .unit = "", .doc = "what a model predicts"};
    return true;
  }
  return false;
}

uint32_t beliefs_count(const struct models *m) {
  return m->belief_count;
}

const char *belief_name(const struct models *m, uint32_t belief) {
  return m->beliefs[belief].name;
}

uint32_t belief_model(const struct models *m, uint32_t belief) {
  return m->beliefs[belief].model;
}
