/* model: weights come from, or go to, other programs' files; and what a state says of itself. An import makes the state that the model's
 * file names, so that a model trained elsewhere is served with the next program; what the plugin does not believe is refused with the place
 * in the file, and then nothing is written. Main thread; no engine needed. */
#include "arguments.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/json.h"
#include "live.h"
#include "one_model.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

#define FILE_MOST ((size_t)256 << 20)

struct options {
  const char *verb, *model, *file, *format, *layout, *program, *plugins, *out, *state;
  bool json;
};

/* "safetensors" with --layout keras is the format "safetensors-keras". */
static const char *format_of(const struct options *o, char *room, size_t size) {
  if (!o->format || !o->layout) return o->format;
  snprintf(room, size, "%s-%s", o->format, o->layout);
  return room;
}

/* What the state keeps of where it is from. */
static void describe_origin(const char *format, struct str file, bool elsewhere, struct buf *metrics) {
  unsigned char sha256[HASH_SHA256];
  char hex[2 * HASH_SHA256 + 1];
  struct json_writer w = json_to(metrics);
  hash_sha256(file, sha256);
  hash_hex(sha256, HASH_SHA256, hex);
  json_open_object(&w);
  json_key(&w, "imported");
  json_open_object(&w);
  json_pair_text(&w, "format", format);
  json_pair_text(&w, "sha256", hex);
  json_close_object(&w);
  if (elsewhere) { /* the golden rows of the model's file are of the state that lies there */
    json_key(&w, "golden");
    json_open_array(&w);
    json_close_array(&w);
  }
  json_close_object(&w);
}

static bool import_model(const struct options *o, struct one_model *m, struct err *e) {
  struct buf file = {0}, metrics = {0};
  char room[80];
  const char *format = format_of(o, room, sizeof room);
  bool fine = file_read(o->file, &file, FILE_MOST, e) && (model_import(m->model, format, buf_view(&file), e) || err_wrap(e, "%s", o->file));
  if (fine) describe_origin(format, buf_view(&file), o->out != NULL, &metrics);
  fine = fine && one_model_write(m, &metrics, o->out, e);
  buf_free(&file);
  buf_free(&metrics);
  return fine;
}

static bool export_model(const struct options *o, struct one_model *m, struct err *e) {
  struct buf file = {0};
  char room[80];
  bool fine = one_model_load(m, o->state, e) && model_export(m->model, format_of(o, room, sizeof room), &file, e);
  if (fine && o->file) fine = file_write_atomic(o->file, buf_view(&file), 0644, e);
  else if (fine) fwrite(file.at, 1, file.len, stdout);
  if (fine && o->file) fprintf(stderr, "%s: %zu bytes\n", o->file, file.len);
  buf_free(&file);
  return fine;
}

static void show_fields(struct json_writer *w, const char *side, const struct plugin_field *fields, size_t count) {
  json_key(w, side);
  json_open_array(w);
  for (size_t i = 0; i < count; i++) {
    json_open_object(w);
    json_pair_text(w, "name", fields[i].name);
    json_pair_int(w, "width", fields[i].width);
    json_pair_text(w, "unit", fields[i].unit);
    json_close_object(w);
  }
  json_close_array(w);
}

static bool show_state(const char *path, struct json_writer *w, struct err *e) {
  struct buf bytes = {0};
  struct envelope x;
  bool fine = file_read(path, &bytes, FILE_MOST, e) && (envelope_read(buf_view(&bytes), &x, e) || err_wrap(e, "%s", path));
  if (fine) {
    json_pair_text(w, "file", path);
    json_pair_int(w, "bytes", (int64_t)bytes.len);
    json_pair_str(w, "plugin", x.plugin);
    json_pair_str(w, "pluginVersion", x.version);
    json_key(w, "metrics");
    json_put_raw(w, x.metrics);
  }
  buf_free(&bytes);
  return fine;
}

/* ---- in words ---- */

static void print_fields(const struct json *j, const char *side, struct arena *a) {
  const uint32_t list = json_get(j, 0, side), count = list == JSON_NONE ? 0 : j->tokens[list].count;
  printf("%u %.*s\n", count, count == 1 ? (int)strlen(side) - 1 : (int)strlen(side), side);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t field = json_child(j, list, i);
    const struct str name = live_text(j, json_get(j, field, "name"), a), unit = live_text(j, json_get(j, field, "unit"), a);
    double width = 1;
    json_double(j, json_get(j, field, "width"), &width);
    printf("  " STR_FORMAT, STR_ARG(name));
    if (width > 1) printf(", %.0f days", width);
    if (unit.len) printf(" (" STR_FORMAT ")", STR_ARG(unit));
    printf("\n");
  }
}

/* One figure a line, by its path; long lists of numbers (references, golden rows) only by their number. */
static void print_figures(const struct json *j, uint32_t at, const char *path, int depth, struct arena *a) {
  if (json_type(j, at) == JSON_OBJECT && depth < 3 && j->tokens[at].count > 0) {
    for (uint32_t key = at + 1; key < j->tokens[at].next; key = j->tokens[key + 1].next) {
      const struct str name = live_text(j, key, a);
      print_figures(j, key + 1, arena_printf(a, "%s%s" STR_FORMAT, path, path[0] ? "." : "", STR_ARG(name)), depth + 1, a);
    }
    return;
  }
  const struct str raw = json_raw(j, at);
  if (json_type(j, at) == JSON_ARRAY || raw.len > 80) printf("  %s: %u of them (--json shows all)\n", path, j->tokens[at].count);
  else printf("  %s: " STR_FORMAT "\n", path, STR_ARG(raw));
}

static bool print_words(struct str text, struct err *e) {
  struct arena a = {0};
  struct json j;
  bool fine = json_parse(&j, &a, text, &json_limits_default, e);
  if (fine) {
    const uint32_t state = json_get(&j, 0, "state");
    const struct str model = live_text(&j, json_get(&j, 0, "model"), &a), plugin = live_text(&j, json_get(&j, 0, "plugin"), &a),
                     version = live_text(&j, json_get(&j, 0, "pluginVersion"), &a);
    printf(STR_FORMAT ": plugin " STR_FORMAT " " STR_FORMAT "\n", STR_ARG(model), STR_ARG(plugin), STR_ARG(version));
    print_fields(&j, "inputs", &a);
    print_fields(&j, "outputs", &a);
    if (json_type(&j, state) == JSON_OBJECT) {
      printf("state\n");
      print_figures(&j, state, "", 0, &a);
    } else printf("no state: `kairos train " STR_FORMAT "` makes one, `kairos model import` takes one from elsewhere\n", STR_ARG(model));
  }
  arena_free(&a);
  return fine;
}

static bool show_model(const struct options *o, struct one_model *m, struct err *e) {
  const struct plugin_field *fields;
  size_t count;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  const char *path = o->state ? o->state : m->state[0] ? m->state : NULL;
  json_open_object(&w);
  json_pair_text(&w, "model", m->spec.name);
  json_pair_text(&w, "plugin", plugin_id(m->plugin));
  json_pair_text(&w, "pluginVersion", plugin_version(m->plugin));
  if (model_inputs(m->model, &fields, &count)) show_fields(&w, "inputs", fields, count);
  if (model_outputs(m->model, &fields, &count)) show_fields(&w, "outputs", fields, count);
  json_key(&w, "state");
  bool fine = true;
  if (path && file_exists(path)) {
    json_open_object(&w);
    fine = show_state(path, &w, e);
    json_close_object(&w);
  } else {
    json_put_null(&w);
  }
  json_close_object(&w);
  if (fine && o->json) tool_print(&out);
  else if (fine) fine = print_words(buf_view(&out), e);
  buf_free(&out);
  return fine;
}

/* A plugin with one format needs no word for it; of several none is taken by chance. */
static bool is_format_said(const struct options *o, int verb, const struct one_model *m, struct err *e) {
  struct buf names = {0};
  const bool reads = verb == 0, said = verb == 2 || o->format || model_formats(m->model, reads, &names) < 2;
  if (!said)
    err_set(e, ERR_INPUT, "--format is missing: the plugin of %s %s " STR_FORMAT, o->model, reads ? "reads" : "writes",
            STR_ARG(buf_view(&names)));
  buf_free(&names);
  return said;
}

static bool run(const struct options *o, int verb, bool *unsaid, struct err *e) {
  static bool (*const verbs[])(const struct options *, struct one_model *, struct err *) = {import_model, export_model, show_model};
  struct one_model m;
  bool fine = one_model_open(&m, o->program, o->model, o->plugins, e);
  *unsaid = fine && !is_format_said(o, verb, &m, e);
  fine = fine && !*unsaid && verbs[verb](o, &m, e);
  one_model_close(&m);
  return fine;
}

int tool_model(int argc, char **argv) {
  static const char *const verbs[] = {"import", "export", "show", NULL};
  struct options o = {.program = "."};
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &o.verb, NULL, "import, export or show", NULL},
      {"MODEL", ARGUMENT_TEXT, &o.model, NULL, "name of the model in the program", NULL},
      {"FILE", ARGUMENT_TEXT, &o.file, NULL, "import: what is read; export: where it goes (default: standard output)", NULL},
      {"--format", ARGUMENT_TEXT, &o.format, "F", "safetensors, libsvm, xgboost, lightgbm: what the model's plugin knows", NULL},
      {"--layout", ARGUMENT_TEXT, &o.layout, "L", "of the format's variants: keras (default for safetensors: PyTorch's)", NULL},
      {"--program", ARGUMENT_TEXT, &o.program, "DIR", "the program (default: .)", "KAIROS_PROGRAM"},
      {"--state", ARGUMENT_TEXT, &o.state, "FILE", "the weights (default: the model's state, in models/)", NULL},
      {"--out", ARGUMENT_TEXT, &o.out, "FILE", "where the state goes (default: the model's, in models/)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "everything, as one line of JSON", NULL},
      {"--plugins", ARGUMENT_TEXT, &o.plugins, "DIR", "where plugins lie (default: KAIROS_PLUGINS, then the engine's)", NULL}};
  static const struct argument_fit fits[] = {
      {"--format", "import, export"}, {"--layout", "import, export"}, {"--state", "export, show"}, {"--out", "import"}, {"--json", "show"}};
  const struct usage usage = {"model",
                              "Takes a model's weights from another program's file, or writes them into one; shows what a state holds.",
                              "  kairos model import sequence net.safetensors --format safetensors\n"
                              "  kairos model export sequence net.safetensors --format safetensors\n  kairos model show adherence\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int verb = arguments_word(&usage, "VERB", o.verb, verbs);
  if (verb < 0 || !arguments_given(&usage, "MODEL", o.model) || (verb == 0 && !arguments_given(&usage, "FILE", o.file))) return EXIT_USAGE;
  if (verb == 2 && !arguments_unused(&usage, o.file)) return EXIT_USAGE;
  if (o.layout && !arguments_given(&usage, "--format", o.format)) return EXIT_USAGE;
  struct err e = {0};
  bool unsaid;
  if (run(&o, verb, &unsaid, &e)) return EXIT_OK;
  return unsaid ? arguments_refuse(&usage, &e) : tool_fail(&e);
}
