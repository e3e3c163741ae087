/* The setter: walks the rows of one noun's field table over the tree that its author wrote. It knows rows, not nouns; what a kind of field
 * looks like is in field_kinds.c and field_lists.c. Everything wrong becomes a finding and the next field is looked at, so one run shows
 * all of it. Also what else is asked of such a tree. [builder] */
#include "fields.h"
#include "kit/json.h"
#include <stdio.h>
#include <string.h>

#define FIELD(noun, structure, name, kind, required, member, doc)           {noun, name, TEXT_##kind, doc, EDITOR_##kind, required},
#define CHOICE(noun, structure, name, kind, required, member, choices, doc) {noun, name, choices, doc, NULL, required},
#define LIST(noun, structure, name, kind, required, member, count, doc)     {noun, name, TEXT_##kind, doc, EDITOR_##kind, required},
static const struct field_doc docs[] = {
#include "nouns_table.h"
};
#undef FIELD
#undef CHOICE
#undef LIST
#define FIELD(noun, structure, name, kind, required, member, doc)           {kind, offsetof(struct structure, member), 0, NULL},
#define CHOICE(noun, structure, name, kind, required, member, choices, doc) {kind, offsetof(struct structure, member), 0, choices},
#define LIST(noun, structure, name, kind, required, member, count, doc)                                                                    \
  {kind, offsetof(struct structure, member), offsetof(struct structure, count), NULL},
static const struct field fields[] = {
#include "nouns_table.h"
};
#undef FIELD
#undef CHOICE
#undef LIST
#define ROWS (sizeof docs / sizeof *docs)

const struct field_doc *language_fields(size_t *count) {
  *count = ROWS;
  return docs;
}

/* ---- findings ---- */
static void say(struct setting *s, enum finding_level level, const char *format, va_list list) {
  char sentence[1200];
  vsnprintf(sentence, sizeof sentence, format, list);
  bool named = strcmp(s->word, "policy") != 0 || !str_is(s->at->name, "policy");
  findings_add(s->findings, level, s->at->file, s->at->line, "%s%s" STR_FORMAT "%s: %s%s%s", s->word, named ? " \"" : "",
               named ? (int)s->at->name.len : 0, s->at->name.at, named ? "\"" : "", s->path, s->path[0] ? ": " : "", sentence);
}

void setting_problem(struct setting *s, const char *format, ...) {
  va_list list;
  va_start(list, format);
  say(s, FINDING_ERROR, format, list);
  va_end(list);
}

void setting_warning(struct setting *s, const char *format, ...) {
  va_list list;
  va_start(list, format);
  say(s, FINDING_WARNING, format, list);
  va_end(list);
}

size_t setting_enter(struct setting *s, struct str key) {
  size_t was = strlen(s->path);
  snprintf(s->path + was, sizeof s->path - was, "%s" STR_FORMAT, was ? "." : "", STR_ARG(key));
  return was;
}
void setting_leave(struct setting *s, size_t was) {
  s->path[was] = 0;
}

void *setting_array(struct setting *s, size_t count, size_t size) {
  void *p = arena_zero(s->arena, count + 1, size);
  if (!p) s->failed = true;
  return p;
}

/* ---- rows ---- */
static size_t first_row(const char *noun) {
  size_t i = 0;
  while (i < ROWS && strcmp(docs[i].noun, noun) != 0) i++;
  return i;
}

static void unknown_field(struct setting *s, const char *noun, struct str key) {
  const char *list[32];
  size_t n = 0;
  for (size_t i = first_row(noun); i < ROWS && n < 32 && strcmp(docs[i].noun, noun) == 0; i++) list[n++] = docs[i].field;
  const char *near = str_nearest(key, list, n);
  if (near) setting_problem(s, "unknown field \"" STR_FORMAT "\" (did you mean \"%s\"?)", STR_ARG(key), near);
  else setting_problem(s, "unknown field \"" STR_FORMAT "\"", STR_ARG(key));
}

static void set_field(struct setting *s, size_t row, const struct node *value, void *target) {
  const struct field *f = &fields[row];
  char *base = target;
  size_t ignored;
  if (value->kind == NODE_NIL) return; /* refused already while it was read */
  field_reader_of(f->kind)(s, f, value, docs[row].field, base + f->offset,
                           f->count_offset ? (size_t *)(void *)(base + f->count_offset) : &ignored);
}

void fields_set(struct setting *s, const char *noun, const struct node *table, void *target) {
  size_t first = first_row(noun), end = first;
  while (end < ROWS && strcmp(docs[end].noun, noun) == 0) end++;
  if (table->length) setting_problem(s, "has values without a field name");
  for (uint32_t i = 0; i < table->pairs; i++) {
    size_t row = first;
    while (row < end && !str_is(table->keys[i], docs[row].field)) row++;
    if (row < end) set_field(s, row, &table->values[i], target);
    else unknown_field(s, noun, table->keys[i]);
  }
  for (size_t row = first; row < end; row++)
    if (docs[row].required && !node_get(table, docs[row].field)) setting_problem(s, "field \"%s\" is missing", docs[row].field);
}

const struct node *node_get(const struct node *n, const char *key) {
  if (!n || n->kind != NODE_TABLE) return NULL;
  struct str wanted = str_from(key);
  uint32_t low = 0, high = n->pairs;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = str_compare(n->keys[middle], wanted);
    if (order == 0) return &n->values[middle];
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return NULL;
}

void node_to_json(struct json_writer *w, const struct node *n) {
  switch (n->kind) {
  case NODE_BOOL: json_put_bool(w, n->number != 0); return;
  case NODE_NUMBER: json_put_double(w, n->number); return;
  case NODE_TEXT: json_put_str(w, n->text); return;
  case NODE_NIL:
  case NODE_NOTHING:
  case NODE_MOMENT:
  case NODE_FUNCTION: json_put_null(w); return;
  case NODE_TABLE: break;
  }
  if (n->pairs == 0 && n->length > 0) {
    json_open_array(w);
    for (uint32_t i = 0; i < n->length; i++) node_to_json(w, &n->items[i]);
    json_close_array(w);
    return;
  }
  json_open_object(w);
  for (uint32_t i = 0; i < n->pairs; i++) {
    json_key_str(w, n->keys[i]);
    node_to_json(w, &n->values[i]);
  }
  json_close_object(w);
}
