/* outbox: hands committed rows to the courier and joins what it reports. Never blocks: a full courier only means that rows wait in the
 * volume until it is hungry. A row that is damaged keeps no other waiting: it is noted, read once more in the next turn, and ended as
 * failed; one that was killed while it waited here ends as those that the courier held then. Called by a lane between commits; owns nothing
 * that another thread touches. */
#include "emit/outbox.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <stdio.h>

#define REFILL_MOST 4096
#define EXPIRE_MOST 256 /* rows a turn */

void outbox_send(struct outbox *o, struct letter *l) {
  uint64_t id = l->id;
  if (!o->courier && o->watched && !heap_push(&o->expiring, l->send_before, (int64_t)id)) outbox_forget(o);
  if (o->refused || !o->courier || !map_set(&o->held, id, 1)) {
    o->hungry |= !o->refused; /* nobody was asked, so nobody will call */
    o->refused = true;
    letter_free(l);
    return;
  }
  if (courier_push(o->courier, l)) return;
  map_remove(&o->held, id);
  o->refused = true;
  letter_free(l);
}

static enum outbox_end end_of(enum letter_end end) {
  switch (end) {
  case LETTER_AGAIN:
  case LETTER_RETURNED: return OUTBOX_WAITING;
  case LETTER_DELIVERED: return OUTBOX_DELIVERED;
  case LETTER_FAILED: return OUTBOX_FAILED;
  case LETTER_EXPIRED: return OUTBOX_EXPIRED;
  case LETTER_WITHDRAWN: return OUTBOX_WITHDRAWN;
  }
  return OUTBOX_FAILED;
}

static void put_result(struct buf *out, const struct attempt_result *r) {
  char at[32];
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_pair_str(&w, "at", (struct str){at, clock_format(r->at, at)});
  if (r->attempt) json_pair_int(&w, "attempt", r->attempt);
  if (r->status) json_pair_int(&w, "status", r->status);
  if (r->attempt) json_pair_int(&w, "milliseconds", r->milliseconds);
  if (r->reason[0]) json_pair_text(&w, "reason", r->reason);
  json_close_object(&w);
}

bool outbox_results(struct outbox *o, const struct attempt_result *results, size_t count, struct err *e) {
  struct buf text = {0};
  bool ok = true;
  for (size_t i = 0; ok && i < count; i++) {
    if (results[i].end == LETTER_RETURNED) {
      map_remove(&o->held, results[i].id);
      o->refused = true; /* hungry once the courier says so */
      continue;
    }
    buf_clear(&text);
    put_result(&text, &results[i]);
    struct err why = {0};
    const struct attempt_result *r = &results[i];
    const struct outbox_attempt made = {r->id, r->user, r->attempt, r->at, r->next_due, end_of(r->end), buf_view(&text)};
    ok = volume_attempt(o->volume, &made, &why);
    if (!ok && why.kind == ERR_MISSING) ok = true; /* its user was erased meanwhile: nothing to join */
    else if (!ok && e) *e = why;
    if (ok && results[i].end != LETTER_AGAIN) map_remove(&o->held, results[i].id);
  }
  buf_free(&text);
  return ok;
}

void letter_pack(const struct letter *l, struct buf *out) {
  for (int i = 0; i < LETTER_NAMES; i++)
    if (l->names[i]) pack_u64(out, l->names[i]);
  if (!l->trace.there && !l->origin) return;
  pack_u64(out, 0); /* no name */
  if (l->trace.there) trace_pack(&l->trace, out);
  if (l->origin) pack_u64(out, l->origin);
}

void letter_unpack(struct letter *l, struct str packed) {
  struct unpack in = unpack_from(packed);
  uint64_t name = 1;
  for (int i = 0; i < LETTER_NAMES && name; i++) l->names[i] = name = unpack_u64(&in);
  l->trace = (struct trace){0}, l->origin = 0;
  if (name && unpack_u64(&in) != 0) return;
  trace_unpack(&in, &l->trace); /* longer than any origin: takes nothing of one that stands alone */
  if (in.at < in.end) l->origin = unpack_u64(&in);
}

static struct letter *letter_of(const struct outbox *o, const struct outbox_row *row) {
  struct letter *l = letter_new(row->body);
  if (!l) return NULL;
  letter_unpack(l, row->names);
  l->id = row->id;
  l->volume = volume_number(o->volume);
  l->user = row->user;
  l->due = row->due;
  l->send_before = row->send_before;
  l->attempts = row->attempts;
  return l;
}

/* Everything that waits, whenever it is due: the courier keeps its own times. Rows that it has are skipped. */
bool outbox_refill(struct outbox *o, struct err *e) {
  if (!o->courier) return true;
  struct arena a = {0};
  struct outbox_row *rows;
  size_t count, next = 0;
  const uint32_t most = (uint32_t)o->held.count + REFILL_MOST;
  bool ok = volume_waiting(o->volume, INT64_MAX, most, &a, &rows, &count, e);
  ok = ok && (!o->find_killed || o->find_killed(o->context, rows, count, e));
  o->refused = o->hungry = !ok;
  for (; ok && next < count && !o->refused; next++) {
    uint64_t there;
    if (map_get(&o->held, rows[next].id, &there)) continue;
    if (rows[next].damaged || rows[next].killed) {
      if (o->aside_count == OUTBOX_ASIDE) continue;
      o->aside[o->aside_count].killed = rows[next].killed;
      o->aside[o->aside_count++].id = rows[next].id;
      continue;
    }
    struct letter *l = letter_of(o, &rows[next]);
    if (l) outbox_send(o, l);
    else o->refused = o->hungry = true;
  }
  if (ok && !o->refused && (count == most || o->aside_count)) o->refused = o->hungry = true; /* there are more than were read */
  arena_free(&a);
  return ok;
}

void outbox_wants(struct outbox *o) {
  o->refused = o->hungry = true;
  if (!o->courier) outbox_forget(o);
}

/* ---- without a courier ---- */

int64_t outbox_expires(const struct outbox *o) {
  if (o->courier) return INT64_MAX;
  return o->watched ? heap_next(&o->expiring) : o->look_at;
}

static bool watch(void *context, uint64_t id, int64_t send_before) {
  if (heap_push(&((struct outbox *)context)->expiring, send_before, (int64_t)id)) return true;
  outbox_forget(context);
  return false;
}

void outbox_forget(struct outbox *o) {
  o->watched = false;
  o->expiring.count = 0;
  o->look_at = clock_now() + CLOCK_SECOND; /* a disk that is full does not get better by asking all the time */
}

/* An end without an attempt, if it still waits. */
static bool end_one(struct outbox *o, uint64_t id, int64_t now, enum outbox_end how, const char *reason, struct err *e) {
  struct attempt_result r = {.at = now};
  struct buf text = {0};
  bool waits = false, ok = volume_outbox_waits(o->volume, id, &waits, e);
  if (!ok || !waits) return ok; /* withdrawn, or its user was erased */
  snprintf(r.reason, sizeof r.reason, "%s", reason);
  put_result(&text, &r);
  ok = !text.failed || err_set(e, ERR_STORAGE, "no memory to end a message");
  const struct outbox_attempt end = {.id = id, .at = now, .end = how, .result_json = buf_view(&text)};
  ok = ok && volume_attempt(o->volume, &end, e);
  buf_free(&text);
  return ok;
}

bool outbox_expire(struct outbox *o, int64_t now, bool *wrote, struct err *e) {
  struct heap_entry next;
  if (outbox_expires(o) > now) return true;
  if (!o->watched) {
    outbox_forget(o);
    o->watched = true; /* until memory fails */
    if (!volume_expiring(o->volume, watch, o, e)) outbox_forget(o);
    if (!o->watched) return e->kind == ERR_NONE; /* the next turn looks again */
  }
  bool ok = true;
  for (int i = 0; ok && i < EXPIRE_MOST && heap_pop(&o->expiring, now, &next); i++) {
    *wrote = true;
    ok = end_one(o, (uint64_t)next.number, now, OUTBOX_EXPIRED, "expired: no endpoint was there to send it to", e);
  }
  return ok;
}

/* ---- what the courier is not to have ---- */

static bool end_damaged(struct outbox *o, uint64_t id, int64_t now, bool *wrote, struct err *e) {
  struct arena a = {0};
  struct outbox_row row;
  struct err why = {0};
  char text[32];
  const bool read = volume_outbox(o->volume, id, &a, &row, &why);
  arena_free(&a);
  if (read || !row.damaged) return true; /* memory was short, or now the disk fails */
  decision_id_text(id, text);
  *wrote = true;
  if (!end_one(o, id, now, OUTBOX_FAILED, "it is damaged: it cannot be read, and was not sent", e)) return false;
  o->unreadable++;
  log_error("emit", "message of decision %s cannot be read and ends as failed: %s", text, why.text);
  return true;
}

bool outbox_set_aside(struct outbox *o, int64_t now, bool *wrote, struct err *e) {
  bool ok = true;
  for (size_t i = 0; ok && i < o->aside_count; i++) {
    const uint64_t id = o->aside[i].id;
    *wrote |= o->aside[i].killed;
    ok = o->aside[i].killed ? end_one(o, id, now, OUTBOX_WITHDRAWN, "killed", e) : end_damaged(o, id, now, wrote, e);
  }
  o->aside_count = 0; /* of a lost turn they wait, and are found again */
  return ok;
}

void outbox_close(struct outbox *o) {
  heap_free(&o->expiring);
  map_free(&o->held);
}
