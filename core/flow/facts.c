/* facts: what operators and programs say, and what a start has to know. Control facts are applied to a partition and journaled there;
 * recovery gives back what the stored states do not hold yet: stored decisions are applied, never made again. Called in a lane (or by
 * whoever replays), never while a wave is walked. */
#include "inside.h"
#include <string.h>

bool flow_apply_fact(struct flow *f, uint32_t partition, struct str fact_json, struct err *e) {
  return places_fact(&f->places, partition, fact_json, e);
}

/* The models' sessions of a program end with the last partition that runs it; the next wave opens those of the new one. */
void flow_drop_sessions(struct flow *f) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    if (f->sessions_of && f->places.at[p].program == f->sessions_of) return;
  sessions_close(f->sessions);
  library_release(f->places.library, f->sessions_of);
  f->sessions = NULL;
  f->sessions_of = NULL;
}

bool flow_fact(struct flow *f, uint32_t partition, struct str fact_json, struct err *e) {
  if (!places_fact(&f->places, partition, fact_json, e)) return false;
  flow_drop_sessions(f);
  if (!f->places.at[partition].program && !warming_program_changed(f, e)) return false;
  struct entry entry = {.partition = partition, .kind = ENTRY_CONTROL, .body = fact_json};
  return volume_append(f->volume, NULL, &entry, e);
}

bool flow_refresh_zones(struct flow *f, struct err *e) {
  struct buf fact = {0};
  bool ok = true;
  for (uint32_t p = 0; ok && p < BOOK_PARTITIONS; p++)
    for (size_t i = 0; ok && i < f->places.at[p].zone_count; i++) {
      ok = place_zone_fact(&f->places.at[p], f->book, str_from(f->places.at[p].zones[i].name), ZONE_OF_SYSTEM, &fact, e);
      if (ok && fact.len) ok = flow_fact(f, p, buf_view(&fact), e);
    }
  buf_free(&fact);
  return ok;
}

bool flow_activate(struct flow *f, const struct program *p, struct str fact_json, struct err *e) {
  for (uint32_t part = 0; part < BOOK_PARTITIONS; part++) {
    const char *live = f->places.at[part].identity;
    if (book_volume_of(f->book, part) != volume_number(f->volume) || (live && strcmp(live, p->identity) == 0)) continue;
    if (!flow_fact(f, part, fact_json, e)) return false;
  }
  return flow_refresh_zones(f, e) && volume_commit(f->volume, e);
}

/* ---- recovery ---- */

/* The duplicates' memory of a row that came after the stored state. */
static bool remember_row(struct flow *f, struct volume *v, struct user *u, const struct entry *row, const struct recorded *r) {
  struct json j;
  if (r->given_id.len || row->kind == ENTRY_TICK || !json_parse(&j, &f->scratch, row->body, &json_limits_default, NULL)) return true;
  return volume_remember(v, u, r->source, json_text(&j, json_get(&j, 0, "id"), &f->scratch), row->seq);
}

bool flow_recover_row(void *context, struct volume *v, struct user *user, const struct entry *row, struct err *e) {
  struct flow *f = context;
  if (row->kind == ENTRY_CONTROL) {
    const uint64_t before = f->places.at[row->partition].programs;
    if (!places_fact(&f->places, row->partition, row->body, e)) return false;
    f->warming.anew |= f->warming.rows && f->places.at[row->partition].programs != before;
    return true;
  }
  struct arena_mark mark = arena_mark(&f->scratch);
  struct recorded r;
  bool ok = recorded_unpack(row->record, &f->scratch, &r, e);
  struct str *stored = ok ? ARENA_ARRAY(&f->scratch, struct str, r.decision_count + 1) : NULL;
  for (uint32_t i = 0; ok && i < r.decision_count; i++) ok = volume_decision(v, r.first_decision + i, &f->scratch, &stored[i], NULL, e);
  ok = ok && places_row(&f->places, user, row, stored, r.decision_count, e);
  if (ok && !remember_row(f, v, user, row, &r)) ok = err_set(e, ERR_INTERNAL, "no memory for what was seen");
  const struct program *p = f->places.at[row->partition].program;
  if (ok) user->due = p ? ticks_next(p->rules, user) : 0;
  f->warming.rows = true;
  arena_rewind(&f->scratch, mark);
  return ok;
}
