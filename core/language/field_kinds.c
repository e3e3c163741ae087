/* The kinds of plain fields: one reader each, which checks the value and puts it in place. A duration is a number of seconds above 0, a
 * share a number from 0 to 1 or a text like "3%", a time of day "HH:MM". Conditions and expressions stay text; who uses them compiles
 * them. [builder] */
#include "fields.h"
#include "kit/json.h"
#include <stdio.h>
#include <string.h>

static const char *node_text(const struct node *n) {
  switch (n->kind) {
  case NODE_NIL: return "nil";
  case NODE_BOOL: return n->number != 0 ? "true" : "false";
  case NODE_NUMBER: return "a number";
  case NODE_TEXT: return "a text";
  case NODE_TABLE: return "a table";
  case NODE_NOTHING: return "nothing";
  case NODE_MOMENT: return "a moment";
  case NODE_FUNCTION: return "a function";
  }
  return "?";
}

bool wrong_type(struct setting *s, const char *name, const char *wanted, const struct node *n) {
  char came[64];
  if (n->kind == NODE_TEXT && n->text.len <= 40) snprintf(came, sizeof came, "the text \"" STR_FORMAT "\"", STR_ARG(n->text));
  else snprintf(came, sizeof came, "%s", node_text(n));
  if (n->kind == NODE_NUMBER) {
    char digits[32];
    size_t length = json_number(n->number, digits);
    snprintf(came, sizeof came, "%.*s", (int)length, digits);
  }
  setting_problem(s, "\"%s\" must be %s, got %s", name, wanted, came);
  return false;
}

/* ---- names ---- */
static bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_good(struct str name) {
  for (size_t i = 0; i < name.len; i++)
    if (!is_alphanumeric(name.at[i]) && !(name.at[i] && strchr("_.-", name.at[i]))) return false;
  return name.len >= 1 && name.len <= 64;
}

bool event_name_good(struct str name) {
  for (size_t i = 0; i < name.len; i++)
    if (!is_alphanumeric(name.at[i]) && !(name.at[i] && strchr("_.-$ ", name.at[i]))) return false;
  return name.len >= 1 && name.len <= 64 && name.at[0] != ' ' && name.at[name.len - 1] != ' ';
}

bool word_good(struct str name) {
  static const char *const reserved[] = {"and",    "or",      "not",     "true",    "false",   "nil",   "min",     "max",
                                         "abs",    "log",     "exp",     "sqrt",    "floor",   "round", "has",     "known",
                                         "second", "seconds", "minute",  "minutes", "hour",    "hours", "day",     "days",
                                         "week",   "weeks",   "percent", "event",   "profile", "arm",   "segment", "function"};
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (str_is(name, reserved[i])) return false;
  for (size_t i = 0; i < name.len; i++)
    if (!is_alphanumeric(name.at[i]) && name.at[i] != '_') return false;
  return name.len >= 1 && name.len <= 64 && !(name.at[0] >= '0' && name.at[0] <= '9');
}

/* ---- texts ---- */
bool read_text(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TEXT) return wrong_type(s, name, "a text", n);
  if (n->text.len == 0) {
    setting_problem(s, "\"%s\" is an empty text", name);
    return false;
  }
  *(struct str *)to = n->text;
  return true;
}

static bool read_name(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TEXT || !name_good(n->text)) return wrong_type(s, name, "a name of letters, digits, _ . and -", n);
  *(struct str *)to = n->text;
  return true;
}

static bool read_word(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TEXT || !word_good(n->text))
    return wrong_type(s, name, "a word of letters, digits and _, none of the language's own", n);
  *(struct str *)to = n->text;
  return true;
}

static bool read_event_name(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TEXT || !event_name_good(n->text)) return wrong_type(s, name, "an event type", n);
  *(struct str *)to = n->text;
  return true;
}

static bool read_condition(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TEXT) return wrong_type(s, name, "a condition in quotes", n);
  *(struct str *)to = n->text;
  if (str_starts(str_trim(n->text), FUNCTION_WORD)) setting_problem(s, "\"%s\": a function stands without quotes", name);
  else if (str_trim(n->text).len) return true;
  else setting_problem(s, "\"%s\" is an empty condition", name);
  return false;
}

static bool read_expression(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  if (n->kind != NODE_NUMBER)
    return n->kind == NODE_TEXT ? read_condition(s, f, n, name, to, count) : wrong_type(s, name, "an expression in quotes, or a number", n);
  char digits[32];
  size_t length = json_number(n->number, digits);
  const char *text = arena_text(s->arena, digits, length);
  if (!text) s->failed = true;
  *(struct str *)to = (struct str){text, text ? length : 0};
  return true;
}

static bool read_rule(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  if (n->kind == NODE_FUNCTION) return read_function(s, n, name, GIVES_TRUTH, to);
  return n->kind == NODE_TEXT ? read_condition(s, f, n, name, to, count) : wrong_type(s, name, "a condition in quotes, or a function", n);
}

static bool read_figure(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  if (n->kind == NODE_FUNCTION) return read_function(s, n, name, f->kind == KIND_FIGURE ? GIVES_NUMBER : GIVES_ANY, to);
  return read_expression(s, f, n, name, to, count);
}

bool read_choice(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)count;
  const char *list[16];
  size_t entries = 0;
  char all[120], sentence[160] = "", *word = all;
  snprintf(all, sizeof all, "%s", f->choices);
  for (char *end; word && entries < 16; word = end) {
    end = strchr(word, '|');
    if (end) *end++ = 0;
    list[entries++] = word;
    if (n->kind == NODE_TEXT && str_is(n->text, word)) {
      *(struct str *)to = n->text;
      return true;
    }
  }
  if (n->kind == NODE_TEXT) {
    const char *near = str_nearest(n->text, list, entries);
    if (near) {
      setting_problem(s, "\"%s\" cannot be \"" STR_FORMAT "\" (did you mean \"%s\"?)", name, STR_ARG(n->text), near);
      return false;
    }
  }
  for (size_t i = 0, at = 0; i < entries && at < sizeof sentence; i++)
    at += (size_t)snprintf(sentence + at, sizeof sentence - at, "%s\"%s\"", i ? (i + 1 == entries ? " or " : ", ") : "", list[i]);
  return wrong_type(s, name, sentence, n);
}

/* ---- numbers ---- */
static bool read_number(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_NUMBER) return wrong_type(s, name, "a number", n);
  *(double *)to = n->number;
  return true;
}

static bool read_count(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_NUMBER || n->number < 0 || n->number > 1e9 || n->number != (double)(int64_t)n->number)
    return wrong_type(s, name, "a whole number of at least 0", n);
  *(double *)to = n->number;
  return true;
}

static bool read_bool(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_BOOL) return wrong_type(s, name, "true or false", n);
  *(bool *)to = n->number != 0;
  return true;
}

static bool read_duration(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_NUMBER || !(n->number > 0)) return wrong_type(s, name, "a duration above 0, as in 2 * hours", n);
  if (n->number > 3660.0 * 86400) return wrong_type(s, name, "a duration in seconds of at most ten years", n);
  *(double *)to = n->number;
  return true;
}

static bool read_share(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  double v = -1;
  if (n->kind == NODE_NUMBER) v = n->number;
  if (n->kind == NODE_TEXT && str_ends(n->text, "%")) {
    double percent;
    if (str_to_double(str_trim((struct str){n->text.at, n->text.len - 1}), &percent)) v = percent / 100;
  }
  if (!(v >= 0 && v <= 1)) return wrong_type(s, name, "a share from 0 to 1, 5 * percent or \"5%\"", n);
  *(double *)to = v;
  return true;
}

static bool read_time(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  int digits[5];
  bool good = n->kind == NODE_TEXT && n->text.len == 5 && n->text.at[2] == ':';
  for (int i = 0; good && i < 5; i++) {
    digits[i] = n->text.at[i] - '0';
    good = i == 2 || (digits[i] >= 0 && digits[i] <= 9);
  }
  int hour = good ? digits[0] * 10 + digits[1] : 24, minute = good ? digits[3] * 10 + digits[4] : 60;
  if (hour > 23 || minute > 59) return wrong_type(s, name, "a time of day from \"00:00\" to \"23:59\"", n);
  *(int32_t *)to = hour * 60 + minute;
  return true;
}

/* ---- others ---- */
static bool read_value(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  struct value *v = to;
  if (n->kind == NODE_NUMBER) *v = value_number(n->number);
  else if (n->kind == NODE_BOOL) *v = value_bool(n->number != 0);
  else if (n->kind == NODE_TEXT) *v = value_text(n->text);
  else return wrong_type(s, name, "a number, a text, true or false", n);
  return true;
}

static bool holds_function(const struct node *n) {
  bool holds = n->kind == NODE_FUNCTION;
  for (uint32_t i = 0; !holds && n->kind == NODE_TABLE && i < n->length; i++) holds = holds_function(&n->items[i]);
  for (uint32_t i = 0; !holds && n->kind == NODE_TABLE && i < n->pairs; i++) holds = holds_function(&n->values[i]);
  return holds;
}

static bool read_table(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  (void)f, (void)count;
  if (n->kind != NODE_TABLE) return wrong_type(s, name, "a table", n);
  if (holds_function(n)) {
    setting_problem(s, "\"%s\" holds a function, which nothing there can call", name);
    return false;
  }
  *(const struct node **)to = n;
  return true;
}

/* A text is a list of one. */
static bool read_texts(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  const struct node *items = n->kind == NODE_TABLE ? n->items : n;
  size_t length = n->kind == NODE_TABLE ? n->length : 1, kept = 0;
  if ((n->kind != NODE_TABLE && n->kind != NODE_TEXT) || (n->kind == NODE_TABLE && n->pairs))
    return wrong_type(s, name, "a list of texts", n);
  struct str *list = setting_array(s, length, sizeof *list);
  if (!list) return false;
  for (size_t i = 0; i < length; i++) {
    if (items[i].kind == NODE_NIL) continue;
    if (items[i].kind != NODE_TEXT || items[i].text.len == 0 || (f->kind == KIND_NAMES && !name_good(items[i].text)))
      return wrong_type(s, name, f->kind == KIND_NAMES ? "a list of names" : "a list of texts", &items[i]);
    for (size_t k = 0; k < kept; k++)
      if (str_eq(list[k], items[i].text)) setting_problem(s, "\"%s\" has \"" STR_FORMAT "\" twice", name, STR_ARG(list[k]));
    list[kept++] = items[i].text;
  }
  *(struct str **)to = list;
  *count = kept;
  return true;
}

static bool read_pairs(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count) {
  const char *wanted = f->kind == KIND_MESSAGES ? "a table of texts by language: { en = \"…\" }" : "a table: placeholder = \"expression\"";
  if (n->kind != NODE_TABLE || n->length || n->pairs == 0) return wrong_type(s, name, wanted, n);
  struct noun_text_pair *list = setting_array(s, n->pairs, sizeof *list);
  if (!list) return false;
  size_t was = setting_enter(s, str_from(name)), kept = 0, ignored;
  for (uint32_t i = 0; i < n->pairs; i++) {
    char key[65];
    snprintf(key, sizeof key, STR_FORMAT, STR_ARG(n->keys[i]));
    list[kept].key = n->keys[i];
    field_reader *reader = f->kind == KIND_MESSAGES ? read_text : read_figure;
    if (n->values[i].kind != NODE_NIL && reader(s, f, &n->values[i], key, &list[kept].text, &ignored)) kept++;
  }
  setting_leave(s, was);
  *(struct noun_text_pair **)to = list;
  *count = kept;
  return true;
}

field_reader *field_reader_of(enum field_kind kind) {
  static field_reader *const readers[KIND_COUNT_OF_KINDS] = {[KIND_TEXT] = read_text,
                                                             [KIND_NAME] = read_name,
                                                             [KIND_EVENT_NAME] = read_event_name,
                                                             [KIND_CONDITION] = read_condition,
                                                             [KIND_EXPRESSION] = read_expression,
                                                             [KIND_WORD] = read_word,
                                                             [KIND_RULE] = read_rule,
                                                             [KIND_FIGURE] = read_figure,
                                                             [KIND_NUMBER] = read_number,
                                                             [KIND_COUNT] = read_count,
                                                             [KIND_BOOL] = read_bool,
                                                             [KIND_DURATION] = read_duration,
                                                             [KIND_SHARE] = read_share,
                                                             [KIND_TIME] = read_time,
                                                             [KIND_CHOICE] = read_choice,
                                                             [KIND_FIELD_TYPE] = read_field_type,
                                                             [KIND_VALUE] = read_value,
                                                             [KIND_TABLE] = read_table,
                                                             [KIND_SEND] = read_send,
                                                             [KIND_NAMES] = read_texts,
                                                             [KIND_TEXTS] = read_texts,
                                                             [KIND_MOMENTS] = read_moments,
                                                             [KIND_MESSAGES] = read_pairs,
                                                             [KIND_EXPRESSIONS] = read_pairs,
                                                             [KIND_EVENT_FIELDS] = read_event_fields,
                                                             [KIND_OUTPUTS] = read_outputs,
                                                             [KIND_ARMS] = read_arms,
                                                             [KIND_STAGES] = read_stages,
                                                             [KIND_OUTCOME] = read_outcome,
                                                             [KIND_QUIET] = read_quiet};
  return readers[kind];
}
