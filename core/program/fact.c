/* fact: what is written down when a program becomes live: its name, the code of its models, and what a partition has to know of it without
 * opening it. Pure; called by whoever makes a program live. */
#include "inside.h"
#include "kit/clock.h"
#include <string.h>

void fact_pairs(const struct program *p, struct json_writer *w) {
  char at[32];
  const char *plugins = strchr(p->identity, '/');
  json_pair_text(w, "kind", "program");
  json_pair_text(w, "name", p->digest);
  if (plugins) json_pair_text(w, "plugins", plugins + 1);
  json_pair_str(w, "at", (struct str){at, clock_format(clock_now(), at)});
}

bool program_fact(const struct program *p, int64_t number, struct buf *out) {
  struct json_writer w = json_to(out);
  json_open_object(&w);
  fact_pairs(p, &w);
  if (number) json_pair_int(&w, "number", number);
  json_close_object(&w);
  return !out->failed;
}

bool fact_numbered(struct str fact, int64_t number, struct buf *out) {
  must(fact.len > 2 && fact.at[fact.len - 1] == '}');
  buf_put(out, fact.at, fact.len - 1);
  buf_printf(out, ",\"number\":%lld}", (long long)number);
  return !out->failed;
}
