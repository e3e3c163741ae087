/* From a path to its route. Promises the same answer for every spelling of a path that means the same (double slashes, a slash at the end,
 * percent-encoding of plain letters), refuses spellings that could mean two things (dot segments, broken escapes, NUL), prefers a literal
 * segment to a {parameter}, and knows what may have been meant when nothing fits. The usual path is one look-up in a small table. Knows
 * no scopes: that is the connection's next question. Called on the loop thread. */
#include "route.h"
#include "decode.h"
#include "kit/hash.h"
#include <string.h>

#define SEGMENTS_MOST 12
#define METHODS       METHOD_OTHER

struct place { /* one path with its methods */
  struct str path;
  struct str segments[SEGMENTS_MOST];
  uint32_t count, parameters;
  const struct route *routes[METHODS];
  char allow[64];
};
struct router {
  struct place *places; /* those without parameters, then by number of parameters */
  size_t count;
  struct place **table; /* without parameters, by hash of the path */
  size_t mask;
  struct arena arena;
};

static const char *const method_words[METHODS] = {"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"};

/* Cuts a path into segments; empty ones (double slashes, the end) are left out. False when there are too many. */
static bool path_split(struct str path, struct str segments[SEGMENTS_MOST], uint32_t *count) {
  *count = 0;
  for (struct str piece; str_split(&path, '/', &piece);) {
    if (piece.len == 0) continue;
    if (*count == SEGMENTS_MOST) return false;
    segments[(*count)++] = piece;
  }
  return true;
}

static bool is_parameter(struct str segment) {
  return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

static struct str path_join(struct arena *a, const struct str *segments, uint32_t count) {
  size_t length = count ? 0 : 1, n = 0;
  for (uint32_t i = 0; i < count; i++) length += segments[i].len + 1;
  char *text = arena_alloc(a, length + 1);
  if (!text) return (struct str){"", 0};
  if (count == 0) text[n++] = '/';
  for (uint32_t i = 0; i < count; i++) {
    text[n++] = '/';
    memcpy(text + n, segments[i].at, segments[i].len);
    n += segments[i].len;
  }
  text[n] = '\0';
  return (struct str){text, n};
}

static bool place_add(struct router *r, const struct route *route, struct err *e) {
  struct place made = {0};
  if (route->method >= METHODS || !path_split(str_from(route->path), made.segments, &made.count)) {
    return err_set(e, ERR_INTERNAL, "route %s: expected a known method and at most %d segments", route->path, SEGMENTS_MOST);
  }
  for (uint32_t i = 0; i < made.count; i++) made.parameters += is_parameter(made.segments[i]);
  if (made.parameters > 4) return err_set(e, ERR_INTERNAL, "route %s: expected at most 4 parameters", route->path);
  made.path = path_join(&r->arena, made.segments, made.count);
  if (made.path.len == 0) return err_set(e, ERR_BUSY, "out of memory for the routes");
  size_t at = 0;
  while (at < r->count && !str_eq(r->places[at].path, made.path)) at++;
  if (at == r->count) {
    for (at = 0; at < r->count && r->places[at].parameters <= made.parameters;) at++; /* fewer parameters first, else as listed */
    memmove(&r->places[at + 1], &r->places[at], (r->count - at) * sizeof made);
    r->places[at] = made;
    r->count++;
  }
  if (r->places[at].routes[route->method]) return err_set(e, ERR_INTERNAL, "route %s stands twice", route->path);
  r->places[at].routes[route->method] = route;
  return true;
}

static void place_finish(struct router *r, struct place *p) {
  if (!p->routes[METHOD_HEAD]) p->routes[METHOD_HEAD] = p->routes[METHOD_GET];
  char *to = p->allow;
  for (unsigned m = 0; m < METHODS; m++) {
    if (!p->routes[m] && m != METHOD_OPTIONS) continue;
    to = stpcpy(to, to == p->allow ? "" : ", ");
    to = stpcpy(to, method_words[m]);
  }
  if (p->parameters) return;
  size_t slot = hash_64(p->path) & r->mask;
  while (r->table[slot]) slot = (slot + 1) & r->mask;
  r->table[slot] = p;
}

struct router *router_new(const struct route *routes, size_t count, struct err *e) {
  struct router *r = kit_alloc(sizeof *r);
  if (!r) {
    err_set(e, ERR_BUSY, "out of memory for %zu routes", count);
    return NULL;
  }
  memset(r, 0, sizeof *r);
  r->mask = 63;
  while (r->mask < count * 4) r->mask = r->mask * 2 + 1;
  r->places = ARENA_ARRAY(&r->arena, struct place, count + 1);
  r->table = ARENA_ARRAY(&r->arena, struct place *, r->mask + 1);
  bool fine = r->places && r->table ? true : err_set(e, ERR_BUSY, "out of memory for %zu routes", count);
  for (size_t i = 0; fine && i < count; i++) fine = place_add(r, &routes[i], e);
  if (!fine) {
    router_free(r);
    return NULL;
  }
  for (size_t i = 0; i < r->count; i++) place_finish(r, &r->places[i]);
  return r;
}

void router_free(struct router *r) {
  if (!r) return;
  arena_free(&r->arena);
  kit_free(r);
}

static const struct place *find_exact(const struct router *r, struct str path) {
  for (size_t slot = hash_64(path) & r->mask; r->table[slot]; slot = (slot + 1) & r->mask) {
    if (str_eq(r->table[slot]->path, path)) return r->table[slot];
  }
  return NULL;
}

static bool place_fits(const struct place *p, const struct str *segments, uint32_t count, struct str params[4]) {
  if (p->count != count) return false;
  uint32_t taken = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (is_parameter(p->segments[i])) params[taken++] = segments[i];
    else if (!str_eq(p->segments[i], segments[i])) return false;
  }
  return true;
}

static const struct place *find_place(const struct router *r, const struct str *segments, uint32_t count, struct str params[4]) {
  for (size_t i = 0; i < r->count; i++) {
    if (place_fits(&r->places[i], segments, count, params)) return &r->places[i];
  }
  return NULL;
}

/* The nearest known path, with what came in the place of parameters. */
static const char *find_nearest(const struct router *r, const struct str *segments, uint32_t count, struct arena *a) {
  const char **candidates = ARENA_ARRAY(a, const char *, r->count + 1);
  if (!candidates) return NULL;
  size_t n = 0;
  for (size_t i = 0; i < r->count; i++) {
    const struct place *p = &r->places[i];
    if (p->parameters && p->count != count) continue;
    struct str spelled[SEGMENTS_MOST];
    for (uint32_t s = 0; s < p->count; s++) spelled[s] = p->parameters && is_parameter(p->segments[s]) ? segments[s] : p->segments[s];
    candidates[n++] = path_join(a, spelled, p->count).at;
  }
  return str_nearest(path_join(a, segments, count), candidates, n);
}

static bool segments_decode(struct str *segments, uint32_t count, struct arena *a) {
  for (uint32_t i = 0; i < count; i++) {
    if (!decode_percent(segments[i], false, a, &segments[i])) return false;
    if (str_is(segments[i], ".") || str_is(segments[i], "..")) return false; /* a proxy before us may have resolved them otherwise */
  }
  return true;
}

static enum match place_answer(const struct place *p, enum method method, struct match_result *out) {
  out->allow = str_from(p->allow);
  out->route = method < METHODS ? p->routes[method] : NULL;
  return out->route ? MATCH_FOUND : MATCH_NO_METHOD;
}

enum match router_match(const struct router *r, enum method method, struct str path, struct arena *a, struct match_result *out) {
  memset(out, 0, sizeof *out);
  const struct place *place = find_exact(r, path);
  if (place) return place_answer(place, method, out);
  struct str segments[SEGMENTS_MOST];
  uint32_t count;
  if (!path_split(path, segments, &count)) return MATCH_NO_PATH;
  if (!segments_decode(segments, count, a)) return MATCH_BAD_PATH;
  place = find_place(r, segments, count, out->params);
  if (place) return place_answer(place, method, out);
  out->nearest = find_nearest(r, segments, count, a);
  return MATCH_NO_PATH;
}
