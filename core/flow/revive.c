/* revive: dead letters wait again because an operator says so, but for what operators stopped since it was decided: a kill of anything that
 * it names, or the halt of its rollout, also when that was lifted meanwhile. A message that waited then has ended; one that had failed
 * must not come back behind it. Promises to look no further back than the decision, and for facts at the journal only: what control.db
 * knows besides, the courier's gate knows as well. Called in the lane. */
#include "inside.h"
#include "kit/hash.h"
#include "kit/json.h"
#include <string.h>

struct stop {
  int64_t seq;   /* of the fact */
  uint64_t name; /* hash_64 of "trigger:x", "all" … */
};
struct stops { /* of one partition, the newest first, back to before `next` */
  struct flow *flow;
  uint32_t partition;
  int64_t next; /* the fact to look at next, 0: there is none */
  struct buf list;
  struct arena arena;
};

/* A name of nothing: 0, when it stops nobody. */
static uint64_t stopped_name(const struct json *fact, struct arena *a) {
  const struct str name = json_text(fact, json_get(fact, 0, "name"), a);
  int64_t stage = 0;
  if (json_text_is(fact, json_get(fact, 0, "kind"), "kill")) return hash_64(name);
  if (!json_text_is(fact, json_get(fact, 0, "kind"), "rollout") || !json_int(fact, json_get(fact, 0, "stage"), &stage) || stage >= 0)
    return 0;
  const char *full = arena_printf(a, "rollout:" STR_FORMAT, STR_ARG(name));
  return full ? hash_64(str_from(full)) : hash_64(STR("all")); /* without memory the careful side */
}

static bool look_at_next(struct stops *s, struct err *e) {
  struct entry row;
  struct json fact;
  if (!volume_entry(s->flow->volume, s->next, &s->arena, &row, NULL, e)) return err_wrap(e, "what was stopped since");
  if (!json_parse(&fact, &s->arena, row.body, &json_limits_default, e)) return err_wrap(e, "control fact %lld", (long long)s->next);
  const struct stop stop = {s->next, stopped_name(&fact, &s->arena)};
  if (stop.name) buf_put(&s->list, &stop, sizeof stop);
  s->next = row.previous;
  arena_reset(&s->arena);
  return !s->list.failed || err_set(e, ERR_BUSY, "no memory for what was stopped");
}

static bool stops_letter(const struct stop *s, const struct letter *l) {
  if (s->name == hash_64(STR("all"))) return true;
  for (size_t i = 0; i < LETTER_NAMES && l->names[i]; i++)
    if (l->names[i] == s->name || l->names[i] == hash_64(STR("any"))) return true;
  return false;
}

static bool was_stopped(void *context, uint64_t id, int64_t decided, struct str names, bool *stopped, struct err *e) {
  struct stops *s = context;
  const uint32_t partition = (uint32_t)(id >> 48);
  if (s->partition != partition) {
    s->partition = partition;
    s->next = volume_last_fact(s->flow->volume, partition);
    buf_clear(&s->list);
  }
  while (s->next > decided)
    if (!look_at_next(s, e)) return false;
  struct letter letter = {0};
  letter_unpack(&letter, names);
  for (size_t at = 0; at < s->list.len && !*stopped; at += sizeof(struct stop)) {
    struct stop stop;
    memcpy(&stop, s->list.at + at, sizeof stop);
    *stopped = stop.seq > decided && stops_letter(&stop, &letter);
  }
  return true;
}

bool flow_revive(struct flow *f, struct revival *r, uint32_t most, struct err *e) {
  struct stops stops = {.flow = f, .partition = BOOK_PARTITIONS};
  r->stopped = was_stopped;
  r->context = &stops;
  const bool done = volume_revive(f->volume, r, most, e);
  r->stopped = NULL;
  r->context = NULL;
  buf_free(&stops.list);
  arena_free(&stops.arena);
  return done;
}
