/* The kinds of fields that hold further tables: fields of events, outputs, arms, stages, an outcome, quiet hours, moments. Each table
 * within a noun has rows of its own in the field tables, so it gets the same checks and the same sentences. [builder] */
#include "fields.h"
#include <string.h>

static size_t enter_entry(struct setting *s, const char *name, struct str key) {
  size_t was = setting_enter(s, str_from(name));
  setting_enter(s, key);
  return was;
}

static size_t enter_place(struct setting *s, const char *name, uint32_t i) {
  const char *place = arena_printf(s->arena, "%u", i + 1);
  return enter_entry(s, name, str_from(place));
}

/* ---- event fields ---- */
bool read_field_type(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  struct str word;
  if (!read_choice(s, f, n, name, &word, count)) return false;
  struct noun_event_field *field = (void *)((char *)to - offsetof(struct noun_event_field, type));
  static const struct {
    const char *word;
    enum value_kind kind;
  } kinds[] = {{"number", VALUE_NUMBER}, {"integer", VALUE_NUMBER}, {"boolean", VALUE_BOOL},
               {"text", VALUE_TEXT},     {"list", VALUE_LIST},      {"any", VALUE_MISSING}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (str_is(word, kinds[i].word)) field->type = kinds[i].kind;
  field->whole = str_is(word, "integer");
  return true;
}

static void check_event_field(struct setting *s, const struct noun_event_field *field) {
  bool number = field->type == VALUE_NUMBER, limits = field->low == field->low || field->high == field->high;
  if (limits && !number) setting_problem(s, "only numbers have \"low\" and \"high\"");
  if (field->low > field->high) setting_problem(s, "\"low\" is above \"high\"");
  if (field->one_of_count && field->type != VALUE_TEXT) setting_problem(s, "only texts have \"one_of\"");
  if (field->fallback.kind == VALUE_MISSING) return;
  if (field->type != VALUE_MISSING && field->fallback.kind != field->type)
    setting_problem(s, "\"default\" is of another type than the field");
  else if (number && (field->fallback.number < field->low || field->fallback.number > field->high))
    setting_problem(s, "\"default\" lies outside \"low\" and \"high\"");
}

static bool field_name_good(struct str name) {
  for (size_t i = 0; i < name.len; i++) {
    unsigned char c = (unsigned char)name.at[i];
    if (c < ' ' || c == 0x7f) return false;
  }
  return name.len >= 1 && name.len <= 64 && name.at[0] != '.' && name.at[name.len - 1] != '.';
}

bool read_event_fields(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f;
  if (n->kind != NODE_TABLE || n->length) return wrong_type(s, name, "a table: name = { type = … }", n);
  struct noun_event_field *list = setting_array(s, n->pairs, sizeof *list);
  if (!list) return false;
  size_t kept = 0;
  for (uint32_t i = 0; i < n->pairs; i++) {
    size_t was = enter_entry(s, name, n->keys[i]), ignored;
    struct noun_event_field *field = &list[kept];
    const struct node *value = &n->values[i];
    *field = (struct noun_event_field){.name = n->keys[i], .low = __builtin_nan(""), .high = __builtin_nan("")};
    if (!field_name_good(n->keys[i])) setting_problem(s, "is no name for a field");
    static const struct field type = {KIND_FIELD_TYPE, 0, 0, "number|integer|boolean|text|list|any"};
    if (value->kind == NODE_TEXT) read_field_type(s, &type, value, "type", &field->type, &ignored);
    else if (value->kind == NODE_TABLE) fields_set(s, "event.fields", value, field);
    else if (value->kind != NODE_NIL) wrong_type(s, "field", "a type or a table", value);
    check_event_field(s, field);
    setting_leave(s, was);
    kept++;
  }
  *(struct noun_event_field **)to = list;
  *count = kept;
  return true;
}

/* ---- outputs of a model ---- */
static void add_output(struct setting *s, struct noun_model_output *o, struct str name, const struct node *value) {
  o->name = name;
  if (!word_good(name)) setting_problem(s, "output \"" STR_FORMAT "\" is no name that conditions can read", STR_ARG(name));
  if (!value) return;
  size_t was = enter_entry(s, "outputs", name), ignored;
  if (value->kind == NODE_TEXT) read_text(s, NULL, value, "from", &o->from, &ignored);
  else if (value->kind == NODE_TABLE) fields_set(s, "model.outputs", value, o);
  else if (value->kind != NODE_NIL) wrong_type(s, "output", "a name or a table", value);
  setting_leave(s, was);
}

bool read_outputs(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f;
  if (n->kind == NODE_TEXT) {
    struct noun_model_output *one = setting_array(s, 1, sizeof *one);
    if (!one) return false;
    add_output(s, one, n->text, NULL);
    *(struct noun_model_output **)to = one;
    *count = 1;
    return true;
  }
  if (n->kind != NODE_TABLE || n->length + n->pairs == 0) return wrong_type(s, name, "a list of names, or a table", n);
  struct noun_model_output *list = setting_array(s, (size_t)n->length + n->pairs, sizeof *list);
  if (!list) return false;
  size_t kept = 0;
  for (uint32_t i = 0; i < n->length; i++) {
    if (n->items[i].kind != NODE_TEXT) return wrong_type(s, name, "a list of names", &n->items[i]);
    add_output(s, &list[kept++], n->items[i].text, NULL);
  }
  for (uint32_t i = 0; i < n->pairs; i++) add_output(s, &list[kept++], n->keys[i], &n->values[i]);
  *(struct noun_model_output **)to = list;
  *count = kept;
  return true;
}

/* ---- experiments ---- */
bool read_send(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  struct noun_arm *arm = (void *)((char *)to - offsetof(struct noun_arm, send));
  arm->silence = n->kind == NODE_NOTHING;
  if (arm->silence) return true;
  if (n->kind != NODE_TEXT || !name_good(n->text)) return wrong_type(s, name, "an intervention's name, or nothing", n);
  arm->send = n->text;
  return true;
}

bool read_arms(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f;
  if (n->kind != NODE_TABLE || n->length) return wrong_type(s, name, "a table: name = { weight = …, send = … }", n);
  struct noun_arm *list = setting_array(s, n->pairs, sizeof *list);
  if (!list) return false;
  for (uint32_t i = 0; i < n->pairs; i++) { /* keys are sorted already */
    size_t was = enter_entry(s, name, n->keys[i]);
    list[i].name = n->keys[i];
    if (!name_good(n->keys[i])) setting_problem(s, "is no name for an arm");
    if (n->values[i].kind == NODE_TABLE) fields_set(s, "experiment.arms", &n->values[i], &list[i]);
    else if (n->values[i].kind != NODE_NIL) wrong_type(s, "arm", "a table: { weight = …, send = … }", &n->values[i]);
    setting_leave(s, was);
  }
  *(struct noun_arm **)to = list;
  *count = n->pairs;
  return true;
}

bool read_outcome(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TABLE) return wrong_type(s, name, "a table: { metric = …, within = … }", n);
  size_t was = setting_enter(s, str_from(name));
  fields_set(s, "experiment.outcome", n, (char *)to - offsetof(struct noun_experiment, outcome_metric));
  setting_leave(s, was);
  return true;
}

/* ---- rollouts, policies ---- */
bool read_stages(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f;
  if (n->kind != NODE_TABLE || n->pairs || n->length == 0)
    return wrong_type(s, name, "a list of stages: { { name = …, share = … }, … }", n);
  struct noun_stage *list = setting_array(s, n->length, sizeof *list);
  if (!list) return false;
  for (uint32_t i = 0; i < n->length; i++) {
    size_t was = enter_place(s, name, i);
    list[i].share = __builtin_nan(""); /* what is refused, or not said, is told once: it is not also too small */
    if (n->items[i].kind == NODE_TABLE) fields_set(s, "rollout.stages", &n->items[i], &list[i]);
    else if (n->items[i].kind != NODE_NIL) wrong_type(s, "stage", "a table", &n->items[i]);
    setting_leave(s, was);
  }
  *(struct noun_stage **)to = list;
  *count = n->length;
  return true;
}

bool read_quiet(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TABLE) return wrong_type(s, name, "a table: { from = \"20:30\", to = \"08:30\" }", n);
  size_t was = setting_enter(s, str_from(name));
  fields_set(s, "policy.quiet", n, (char *)to - offsetof(struct noun_policy, quiet_from));
  setting_leave(s, was);
  return true;
}

/* ---- moments ---- */
bool read_moments(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f;
  bool list = n->kind == NODE_TABLE;
  const struct node *items = list ? n->items : n;
  size_t length = list ? n->length : 1;
  if (list && (n->pairs || n->length == 0)) return wrong_type(s, name, "an event type, a moment, or a list of them", n);
  struct moment *moments = setting_array(s, length, sizeof *moments);
  if (!moments) return false;
  size_t kept = 0;
  for (size_t i = 0; i < length; i++) {
    struct moment *m = &moments[kept];
    if (items[i].kind == NODE_NIL) continue;
    if (items[i].kind == NODE_MOMENT) *m = *items[i].moment;
    else if (items[i].kind != NODE_TEXT) return wrong_type(s, name, "an event type or a moment", &items[i]);
    else if (str_is(items[i].text, "day_started")) m->kind = MOMENT_DAY;
    else if (str_is(items[i].text, "*") || event_name_good(items[i].text))
      *m = (struct moment){.kind = MOMENT_EVENT, .text = items[i].text};
    else return wrong_type(s, name, "an event type", &items[i]);
    kept++;
  }
  *(struct moment **)to = moments;
  *count = kept;
  return true;
}
