/* Functions in fields: where a noun holds a function, the field gets the function's name, and the function is put on the program's list
 * with the noun's `needs`. What the function says is another file's matter (functions.c); here only what can be seen without running it is
 * checked. [builder] */
#include "fields.h"
#include <string.h>

static struct noun_function *function_add(struct setting *s) {
  struct function_list *list = s->functions;
  if (list->count == list->cap) {
    size_t cap = list->cap ? list->cap * 2 : 16;
    struct noun_function *at = setting_array(s, cap, sizeof *at);
    if (!at) return NULL;
    if (list->count) memcpy(at, list->at, list->count * sizeof *at);
    list->at = at;
    list->cap = cap;
  }
  return &list->at[list->count++];
}

bool read_function(struct setting *s, const struct node *n, const char *name, enum function_gives gives, struct str *to) {
  const char *text = arena_printf(s->arena, FUNCTION_WORD "%s " STR_FORMAT ".%s%s%s (%s:%d)", s->word, STR_ARG(s->at->name), s->path,
                                  s->path[0] ? "." : "", name, s->at->file, n->line);
  struct noun_function *function = text ? function_add(s) : NULL;
  if (!function) {
    s->failed = true;
    return false;
  }
  *function = (struct noun_function){.at = s->at, .name = str_from(text), .captured = (uint32_t)n->number, .line = n->line, .gives = gives};
  *to = function->name;
  return true;
}

void needs_check(struct setting *s, size_t first, const struct str *needs, size_t count, bool said) {
  struct function_list *list = s->functions;
  if (list->count > first && !said)
    setting_problem(s, "a function needs \"needs\": the names that it reads, as in needs = { \"skip_probability\" }");
  if (list->count == first && said) setting_problem(s, "\"needs\" is for functions; a condition in quotes needs no list of what it reads");
  for (size_t i = first; i < list->count; i++) {
    list->at[i].needs = needs;
    list->at[i].need_count = count;
  }
}
