/* revive: messages that come back from their file, and what operators stopped since they were decided. A dead letter that is to be sent
 * again stays dead after a kill of anything that it names, or the halt of its rollout; one that waited on disk, because the courier was
 * full or there was none, ends after a kill as those that the courier held; both also when it was lifted meanwhile. Promises to look no
 * further back than messages live, and for facts at the journal only: what control.db knows besides, the courier's gate knows as well.
 * Called in the lane. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/json.h"
#include "kit/log.h"
#include <string.h>

#define LIVES_MOST (2 * CLOCK_DAY) /* quiet hours let no message wait longer than from a morning to an evening */

struct stop {
  int64_t seq;   /* of the fact */
  uint64_t name; /* hash_64 of "trigger:x", "all" … */
  bool kills;    /* or it halts a rollout, which lets go on what waits */
};
struct stops { /* of each partition, the newest first, back to before `next` */
  struct flow *flow;
  struct {
    bool begun;
    int64_t next; /* the fact to look at next, 0: there is none */
    struct buf list;
  } of[BOOK_PARTITIONS];
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

static int64_t next_fact(struct stops *s, uint32_t partition) {
  if (!s->of[partition].begun) s->of[partition].next = volume_last_fact(s->flow->volume, partition);
  s->of[partition].begun = true;
  return s->of[partition].next;
}

static bool look_at_next(struct stops *s, uint32_t partition, int64_t *arrived, struct err *e) {
  struct entry row;
  struct json fact;
  const int64_t seq = s->of[partition].next;
  if (!volume_entry(s->flow->volume, seq, &s->arena, &row, NULL, e)) return err_wrap(e, "what was stopped since");
  if (!json_parse(&fact, &s->arena, row.body, &json_limits_default, e)) return err_wrap(e, "control fact %lld", (long long)seq);
  const struct stop stop = {seq, stopped_name(&fact, &s->arena), json_text_is(&fact, json_get(&fact, 0, "kind"), "kill")};
  struct buf *list = &s->of[partition].list;
  if (stop.name) buf_put(list, &stop, sizeof stop);
  s->of[partition].next = row.previous;
  *arrived = row.arrived;
  arena_reset(&s->arena);
  return !list->failed || err_set(e, ERR_BUSY, "no memory for what was stopped");
}

static bool stops_letter(const struct stop *s, const struct letter *l) {
  if (s->name == hash_64(STR("all"))) return true;
  for (size_t i = 0; i < LETTER_NAMES && l->names[i]; i++)
    if (l->names[i] == s->name || l->names[i] == hash_64(STR("any"))) return true;
  return false;
}

static bool any_stops(const struct buf *list, int64_t decided, struct str names, bool only_kills) {
  struct letter letter = {0};
  letter_unpack(&letter, names);
  for (size_t at = 0; at < list->len; at += sizeof(struct stop)) {
    struct stop stop;
    memcpy(&stop, list->at + at, sizeof stop);
    if (stop.seq > decided && (stop.kills || !only_kills) && stops_letter(&stop, &letter)) return true;
  }
  return false;
}

static void stops_free(struct stops *s) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) buf_free(&s->of[p].list);
  arena_free(&s->arena);
}

/* ---- dead letters ---- */

static bool was_stopped(void *context, uint64_t id, int64_t decided, struct str names, bool *stopped, struct err *e) {
  struct stops *s = context;
  const uint32_t partition = (uint32_t)(id >> 48);
  int64_t arrived;
  while (next_fact(s, partition) > decided)
    if (!look_at_next(s, partition, &arrived, e)) return false;
  *stopped = any_stops(&s->of[partition].list, decided, names, false);
  return true;
}

bool flow_revive(struct flow *f, struct revival *r, uint32_t most, struct err *e) {
  struct stops stops = {.flow = f};
  r->stopped = was_stopped;
  r->context = &stops;
  const bool done = volume_revive(f->volume, r, most, e);
  r->stopped = NULL;
  r->context = NULL;
  stops_free(&stops);
  return done;
}

/* ---- what waited ---- */

/* Where nobody was killed lately, as nearly always, no decision is looked up. A fact that cannot be read ends the look: what is killed now
 * the courier knows by itself, and a message must not wait for a fact. */
static void look_back(struct stops *s, uint32_t partition, int64_t now) {
  struct err why = {0};
  int64_t arrived = now;
  while (next_fact(s, partition) && arrived > now - LIVES_MOST)
    if (!look_at_next(s, partition, &arrived, &why)) {
      log_warn("flow", "partition %u: what was killed: %s", partition, why.text);
      s->of[partition].next = 0;
    }
}

bool flow_find_killed(void *flow, struct outbox_row *rows, size_t count, struct err *e) {
  struct stops stops = {.flow = flow};
  const int64_t now = clock_now();
  bool ok = true;
  for (size_t i = 0; ok && i < count; i++) {
    const uint32_t partition = (uint32_t)(rows[i].id >> 48);
    int64_t decided;
    if (rows[i].damaged) continue;
    if (!stops.of[partition].begun) look_back(&stops, partition, now);
    if (!stops.of[partition].list.len) continue;
    ok = volume_decided(stops.flow->volume, rows[i].id, &decided, e);
    rows[i].killed = ok && any_stops(&stops.of[partition].list, decided, rows[i].names, true);
  }
  stops_free(&stops);
  return ok;
}
