/* rooms: kit language accept; inside: accept */
/* parser: core/accept/route.c core/accept/decode.c */
/* What must hold for any path, query, credentials and gzip body: a path that finds a route fills its parameters with UTF-8 without control
 * bytes, whatever its spelling; doubled slashes and a slash at the end change nothing; what is decoded is never longer than what came, and
 * what is inflated never longer than it may be. */
#include "decode.h"
#include "kit/arena.h"
#include "route.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define INFLATED_MOST 65536

static void handle_nothing(struct request *r, void *context) {
  (void)r;
  (void)context;
}

static const struct route routes[] = {
    {METHOD_POST, "/v1/events", SCOPE_INGEST, false, 0, handle_nothing, "", NULL},
    {METHOD_GET, "/v1/users/{id}", SCOPE_READ, false, 0, handle_nothing, "", NULL},
    {METHOD_GET, "/v1/users/me", SCOPE_READ, false, 0, handle_nothing, "", NULL},
    {METHOD_POST, "/v1/users/{id}/opt-out", SCOPE_INGEST, true, 0, handle_nothing, "", NULL},
    {METHOD_PUT, "/v1/kill/{kind}/{name}", SCOPE_OPERATE, true, 0, handle_nothing, "", NULL},
    {METHOD_GET, "/metrics", SCOPE_NONE, false, 0, handle_nothing, "", NULL},
};

static bool clean(struct str s) {
  for (size_t i = 0; i < s.len; i++) {
    if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7F) return false;
  }
  return str_utf8(s);
}

static void check_match(enum match found, const struct match_result *match, struct str path) {
  must((found == MATCH_FOUND) == (match->route != NULL));
  must((found == MATCH_NO_METHOD) ? match->allow.len > 0 : true);
  for (size_t i = 0; found == MATCH_FOUND && i < 4; i++)
    must(match->params[i].len == 0 || (clean(match->params[i]) && match->params[i].len <= path.len));
}

/* The head has let only visible ASCII through; so does this. */
static void check_path(const struct router *router, struct str path, struct arena *a) {
  for (unsigned method = METHOD_GET; method <= METHOD_OTHER; method++) {
    struct match_result match, again;
    const enum match found = router_match(router, (enum method)method, path, a, &match);
    check_match(found, &match, path);
    char *twice = arena_alloc(a, path.len * 2 + 2);
    must(twice);
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
      twice[n++] = path.at[i];
      if (path.at[i] == '/') twice[n++] = '/';
    }
    twice[n++] = '/';
    must(router_match(router, (enum method)method, (struct str){twice, n}, a, &again) == found && again.route == match.route);
    for (size_t i = 0; i < 4; i++) must(str_eq(match.params[i], again.params[i]));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct router *router;
  static void *inflater;
  if (!router) router = router_new(routes, sizeof routes / sizeof *routes, NULL);
  must(router);
  char *text = malloc(size ? size : 1);
  must(text);
  memcpy(text, bytes, size);
  const struct str all = {text, size};
  struct arena a = {0};
  size_t visible = 0;
  while (visible < size && bytes[visible] > 0x20 && bytes[visible] < 0x7F && bytes[visible] != '?') visible++;
  check_path(router, (struct str){text, visible}, &a);
  struct str decoded;
  for (int plus = 0; plus < 2; plus++) {
    if (decode_percent(all, plus, &a, &decoded)) must(decoded.len <= size);
  }
  must(decode_basic_user(all, &a).len <= size);
  if (decode_gzip(&inflater, all, INFLATED_MOST, &a, &decoded) == INFLATED) must(decoded.len <= INFLATED_MOST);
  arena_free(&a);
  free(text);
  return 0;
}
