/* Inside accept: the table of routes, indexed when the door is opened. */
#pragma once
#include "accept.h"

struct router;
struct router *router_new(const struct route *routes, size_t count, struct err *e);
void router_free(struct router *r);

enum match { MATCH_FOUND, MATCH_NO_PATH, MATCH_NO_METHOD, MATCH_BAD_PATH };
struct match_result {
  const struct route *route; /* GET's for HEAD */
  struct str params[4];
  struct str allow;    /* MATCH_NO_METHOD, and OPTIONS without a route of its own: "GET, HEAD, POST" */
  const char *nearest; /* MATCH_NO_PATH: a path that may have been meant, or NULL; lies in the arena */
};
/* `path` as it came; params are decoded into `a`. */
enum match router_match(const struct router *r, enum method method, struct str path, struct arena *a, struct match_result *out);
