/* scenario_draw: the values of a property. A scenario with `repeats` says where its values lie instead of what they are; each repeat draws
 * its own. Chance is a pure function of name, repeat and path, so that a property fails today where it failed yesterday, on any machine.
 * On the thread of whoever tests a program. */
#include "kit/clock.h"
#include "kit/rng.h"
#include "scene.h"
#include <string.h>

#define WIDEST 1e15 /* beyond it doubles skip whole numbers */

static double uniform(const struct drawing *d, const char *path) {
  return rng_draw(d->scenario, str_from(path), d->repeat, STR("scenario"));
}

static const struct node *keep(const struct drawing *d, const struct node *n, struct err *e) {
  const struct node *kept = arena_copy(d->arena, n, sizeof *n);
  if (!kept) err_set(e, ERR_INTERNAL, "no memory for a drawn value");
  return kept;
}

/* Into the list of what was drawn: "given.features.skip_probability = 0.93". */
static void say(const struct drawing *d, const char *path, const struct node *n) {
  struct json_writer w = json_to(d->said);
  buf_printf(d->said, "%s%s = ", d->said->len ? ", " : "", path);
  if (n->kind == NODE_NUMBER) json_put_double(&w, n->number);
  else if (n->kind == NODE_TEXT) json_put_str(&w, n->text);
  else if (n->kind == NODE_BOOL) json_put_bool(&w, n->number != 0);
  else buf_text(d->said, n->kind == NODE_TABLE ? "{ … }" : "nothing");
}

static const struct node *draw_time(const struct drawing *d, const struct node *ends, const char *path, double u, struct err *e) {
  int64_t low, high;
  char text[32];
  if (!clock_parse(ends[0].text, &low) || !clock_parse(ends[1].text, &high) || high < low) {
    err_set(e, ERR_INPUT, "%s.between: expected two times with a zone, the earlier first", path);
    return NULL;
  }
  struct node n = {.kind = NODE_TEXT, .line = ends[0].line};
  n.text.len = clock_format(low + (int64_t)(u * (double)(high - low)) / 1000 * 1000, text);
  n.text.at = arena_text(d->arena, text, n.text.len);
  say(d, path, &n);
  return keep(d, &n, e);
}

static const struct node *draw_between(const struct drawing *d, const struct node *ends, bool whole, const char *path, struct err *e) {
  double u = uniform(d, path);
  if (ends->length == 2 && ends->items[0].kind == NODE_TEXT && ends->items[1].kind == NODE_TEXT)
    return draw_time(d, ends->items, path, u, e);
  if (ends->length != 2 || ends->items[0].kind != NODE_NUMBER || ends->items[1].kind != NODE_NUMBER ||
      !(ends->items[1].number >= ends->items[0].number && ends->items[1].number - ends->items[0].number <= WIDEST)) {
    err_set(e, ERR_INPUT, "%s.between: expected { low, high }: two numbers or two times, the lower first", path);
    return NULL;
  }
  struct node n = ends->items[0];
  double width = ends->items[1].number - n.number;
  n.number += whole ? (double)(int64_t)(u * (width + 1)) : u * width;
  say(d, path, &n);
  return keep(d, &n, e);
}

static const struct node *draw_one(const struct drawing *d, const struct node *list, const char *path, struct err *e) {
  if (list->kind != NODE_TABLE || list->length == 0) {
    err_set(e, ERR_INPUT, "%s.one_of: expected a list of values", path);
    return NULL;
  }
  const struct node *n = &list->items[(uint32_t)(uniform(d, path) * list->length)];
  say(d, path, n);
  return n;
}

static const struct node *draw_within(const struct drawing *d, const struct node *n, const char *path, struct err *e) {
  struct node copy = *n;
  struct node *items = ARENA_ARRAY(d->arena, struct node, n->length + 1), *values = ARENA_ARRAY(d->arena, struct node, n->pairs + 1);
  if (!items || !values) {
    err_set(e, ERR_INTERNAL, "no memory for drawn values");
    return NULL;
  }
  for (uint32_t i = 0; i < n->length + n->pairs; i++) {
    bool item = i < n->length;
    uint32_t k = item ? i : i - n->length;
    const char *below =
        item ? arena_printf(d->arena, "%s[%u]", path, k + 1) : arena_printf(d->arena, "%s." STR_FORMAT, path, STR_ARG(n->keys[k]));
    const struct node *drawn = below ? scene_draw(d, item ? &n->items[k] : &n->values[k], below, e) : NULL;
    if (!drawn) return NULL;
    (item ? items : values)[k] = *drawn;
  }
  copy.items = items;
  copy.values = values;
  return keep(d, &copy, e);
}

const struct node *scene_draw(const struct drawing *d, const struct node *n, const char *path, struct err *e) {
  const struct node *between = node_get(n, "between"), *list = node_get(n, "one_of"), *whole = node_get(n, "whole");
  if (n->kind != NODE_TABLE) return n;
  if (n->length == 0 && between && between->kind == NODE_TABLE && n->pairs == 1u + (whole != NULL))
    return draw_between(d, between, whole && whole->kind == NODE_BOOL && whole->number != 0, path, e);
  if (n->length == 0 && list && n->pairs == 1) return draw_one(d, list, path, e);
  return draw_within(d, n, path, e);
}
