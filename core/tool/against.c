/* against: walks two programs, or one and what is stored, over the same past, side by side, and counts which decisions were gained, lost or
 * changed, by rule and by segment. Promises that a program against itself has no difference, and that nothing is written. Each moment is
 * compared when both sides are through it: the event and the ticks before it. Main thread. */
#include "against.h"
#include "accept/accept.h"
#include "arguments.h"
#include "book/retention.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "lines.h"
#include <stdio.h>
#include <string.h>

/* ---- counting ---- */

static struct tally *tally_of(struct against *g, struct tallies *t, struct str name) {
  for (size_t i = 0; i < t->count; i++)
    if (str_is(name, t->at[i].name)) return &t->at[i];
  if (t->count == t->cap) {
    size_t cap = t->cap ? t->cap * 2 : 32;
    struct tally *grown = kit_realloc(t->at, cap * sizeof *grown);
    if (!grown) return NULL;
    t->at = grown;
    t->cap = cap;
  }
  const char *kept = arena_text(&g->kept, name.at ? name.at : "", name.len);
  if (!kept) return NULL;
  t->at[t->count] = (struct tally){.name = kept};
  return &t->at[t->count++];
}

static bool is_send(const struct made *m) {
  return m && str_is(m->outcome, "sent");
}

static void count_in(struct tally *t, enum change_kind kind, const struct made *before, const struct made *after) {
  t->changes[kind]++;
  t->sends_before += is_send(before);
  t->sends_after += is_send(after);
}

static struct str in_words(struct against *g, const struct made *m) {
  if (!m) return (struct str){0};
  struct buf out = {0};
  buf_str(&out, m->outcome);
  if (m->option.len) buf_printf(&out, " " STR_FORMAT, STR_ARG(m->option));
  if (m->reason.len) buf_printf(&out, " " STR_FORMAT, STR_ARG(m->reason));
  if (m->arm.len) buf_printf(&out, ", arm " STR_FORMAT, STR_ARG(m->arm));
  struct str words = {arena_text(&g->kept, out.at ? out.at : "", out.len), out.len};
  buf_free(&out);
  return words;
}

static struct str copy(struct against *g, struct str s) {
  return (struct str){arena_text(&g->kept, s.at ? s.at : "", s.len), s.len};
}

static bool note(struct against *g, enum change_kind kind, const struct made *before, const struct made *after) {
  if (kind == CHANGE_SAME || (int64_t)g->change_count >= g->most) return true;
  if (g->change_count == g->change_room) {
    const size_t room = g->change_room ? g->change_room * 2 : 32; /* not what was asked for: that may be any number */
    struct changed *grown = kit_realloc(g->changes, room * sizeof *grown);
    if (!grown) return false;
    g->changes = grown;
    g->change_room = room;
  }
  const struct made *m = after ? after : before;
  struct changed *c = &g->changes[g->change_count++];
  *c = (struct changed){kind, copy(g, g->candidate.user->id), copy(g, m->trigger), in_words(g, before), in_words(g, after), m->at};
  if (kind == CHANGE_CHANGED && str_eq(c->before, c->after)) c->after = STR("the same with another message");
  return c->user.at && c->trigger.at;
}

/* ---- segments ---- */

static struct str printed(const struct value *v, struct arena *a) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  if (v->kind == VALUE_MISSING) return STR("(missing)");
  if (v->kind == VALUE_TEXT) return value_str(*v);
  value_to_json(&w, v);
  struct str text = {arena_text(a, out.at ? out.at : "", out.len), out.len};
  buf_free(&out);
  return text;
}

static struct str segment_of(struct against *g, const struct made *m) {
  const struct side *s = g->stored ? &g->candidate : &g->base;
  struct symbol symbol;
  struct json profile;
  if (strncmp(g->by, "profile.", 8) != 0) {
    if (!features_find(s->program->features, str_from(g->by), &symbol)) return STR("(missing)");
    struct value *slots = ARENA_ARRAY(&g->step, struct value, s->program->symbols.count + 1);
    if (!slots) return STR("(missing)");
    struct value v = feature_read(s->program->features, symbol.index, s->user, m->at, slots, &g->step);
    return printed(&v, &g->step);
  }
  if (!json_parse(&profile, &g->step, s->user->profile, &json_limits_default, NULL)) return STR("(missing)");
  struct value v = value_from_json(&profile, json_path(&profile, 0, g->by + 8), &g->step);
  return printed(&v, &g->step);
}

/* ---- comparing a step ---- */

static bool same(const struct made *a, const struct made *b) {
  return str_eq(a->outcome, b->outcome) && str_eq(a->option, b->option) && str_eq(a->reason, b->reason) && str_eq(a->arm, b->arm) &&
         str_eq(a->message, b->message);
}

static bool count(struct against *g, enum change_kind kind, const struct made *before, const struct made *after) {
  const struct made *m = after ? after : before;
  if (m->at < g->since) return true;
  count_in(&g->all, kind, before, after);
  struct tally *rule = tally_of(g, &g->rules, m->trigger), *segment = g->by ? tally_of(g, &g->segments, segment_of(g, m)) : &g->all;
  if (rule) count_in(rule, kind, before, after);
  if (segment && g->by) count_in(segment, kind, before, after);
  return rule && segment && note(g, kind, before, after);
}

static bool compare(struct against *g, struct made *base, size_t base_count, struct err *e) {
  bool ok = true;
  for (size_t i = 0; ok && i < g->candidate.made_count; i++) {
    const struct made *after = &g->candidate.made[i];
    struct made *before = NULL;
    for (size_t k = 0; k < base_count && !before; k++)
      if (!base[k].matched && base[k].at == after->at && str_eq(base[k].trigger, after->trigger)) before = &base[k];
    if (before) before->matched = true;
    ok = count(g, !before ? CHANGE_GAINED : same(before, after) ? CHANGE_SAME : CHANGE_CHANGED, before, after);
  }
  for (size_t k = 0; ok && k < base_count; k++)
    if (!base[k].matched) ok = count(g, CHANGE_LOST, &base[k], NULL);
  return ok || err_set(e, ERR_INTERNAL, "no memory for %zu rules", g->rules.count);
}

static bool meet(struct against *g, struct str id, enum consent consent, struct err *e) {
  size_t known = g->candidate.people.count;
  bool ok = side_meet(&g->candidate, id, consent) && (g->stored || side_meet(&g->base, id, consent));
  g->people += g->candidate.people.count - known;
  return ok || err_set(e, ERR_INTERNAL, "no memory for a user");
}

static bool step(struct against *g, const struct happening *h, struct made *stored, size_t stored_count, struct err *e) {
  g->events += h->kind != ENTRY_TICK;
  if (!side_step(&g->candidate, h, &g->step, e) || (!g->stored && !side_step(&g->base, h, &g->step, e))) return false;
  return g->stored ? compare(g, stored, stored_count, e) : compare(g, g->base.made, g->base.made_count, e);
}

/* ---- a journal ---- */

static bool take_row(struct against *g, struct volume *reader, const struct user *u, const struct entry *row, struct err *e) {
  struct happening h = {.kind = row->kind};
  struct str *records;
  uint64_t *ids;
  size_t found = 0;
  if (!recorded_unpack(row->record, &g->step, &h.recorded, e)) return false;
  if (!event_parse(&g->step, row->body, h.recorded.received, h.recorded.source, h.recorded.history, &h.event, e))
    return err_wrap(e, "stored event");
  if (h.recorded.given_id.len) h.event.id = h.recorded.given_id;
  if (h.recorded.decision_count) {
    h.first_decision = h.recorded.first_decision;
    if (!volume_scan_decisions(reader, row->seq, &g->step, &records, &ids, &found, e)) return false;
  }
  struct made *stored = ARENA_ARRAY(&g->step, struct made, found + 1);
  if (row->kind == ENTRY_FILLED) return true; /* each side has its own features, from the first event on */
  if (row->kind == ENTRY_IMPORTED || !g->stored) found = 0;
  for (size_t i = 0; stored && i < found; i++)
    if (!made_of_record(records[i], &g->step, &stored[i], e)) return false;
  return stored && meet(g, u->id, CONSENT_UNKNOWN, e) && step(g, &h, stored, found, e);
}

/* Who lives now has ticks up to now: those after the last event. */
static bool finish_people(struct against *g, int64_t until, struct err *e) {
  bool ok = true;
  for (size_t i = 0; ok && i < g->candidate.people.count; i++) {
    const struct user *u = g->candidate.people.at[i];
    if (user_mark(u, mark_key("user", STR("history")))) continue;
    arena_reset(&g->step);
    ok = meet(g, u->id, CONSENT_UNKNOWN, e) && side_ticks(&g->candidate, until, &g->step, e) &&
         (g->stored || side_ticks(&g->base, until, &g->step, e)) &&
         compare(g, g->stored ? NULL : g->base.made, g->stored ? 0 : g->base.made_count, e);
  }
  return ok;
}

static bool take_volume(struct against *g, struct volume *reader, struct err *e) {
  struct entry row;
  struct user *u;
  int64_t until = 0;
  uint64_t rows = 0, total = volume_figures(reader).rows;
  bool ok = true;
  e->kind = ERR_NONE;
  while (ok && volume_scan(reader, 0, &row, &u, e)) {
    if (row.kind != ENTRY_CONTROL) ok = take_row(g, reader, u, &row, e);
    else ok = side_fact(&g->candidate, row.partition, row.body, e) && (g->stored || side_fact(&g->base, row.partition, row.body, e));
    if (row.kind != ENTRY_CONTROL && ok && g->candidate.user->clock > until) until = g->candidate.user->clock;
    arena_reset(&g->step);
    if (++rows % 4096 == 0) tool_progress("replaying", (double)rows / (double)(total ? total : 1));
  }
  if (e->kind != ERR_NONE) return err_wrap(e, "volume %u, row %lld", volume_number(reader), (long long)row.seq);
  return finish_people(g, until, e);
}

bool against_journal(struct against *g, struct book *b, struct err *e) {
  bool ok = true;
  for (uint32_t v = 0; ok && v < book_volumes(b); v++) {
    struct volume *reader = volume_reader(b, v, e);
    ok = reader && volume_trims(reader, &g->trimmed, &g->whole_since, e) && take_volume(g, reader, e);
    volume_close(reader);
    side_forget_people(&g->candidate);
    side_forget_people(&g->base);
  }
  return ok;
}

/* ---- a file ---- */

static void refuse(struct against *g, uint64_t line, const char *why) {
  if (g->refused_lines++ == 0) snprintf(g->first_refusal, sizeof g->first_refusal, "line %llu: %s", (unsigned long long)line, why);
}

/* A file cannot hold consent, so its people are taken as having given it: else nothing could be compared. */
static bool take_line(struct against *g, struct str line, uint64_t number, struct err *e) {
  struct happening h = {.kind = ENTRY_EVENT};
  struct err why = {0};
  if (!event_parse(&g->step, line, clock_now(), STR("replay"), true, &h.event, &why) || event_is_own(&h.event)) {
    refuse(g, number, why.text[0] ? why.text : "the engine's own events cannot come from a file");
    return true;
  }
  if (str_is(h.event.type, "logged_decision")) h.kind = ENTRY_IMPORTED;
  if (!meet(g, h.event.user, CONSENT_GIVEN, e)) return false;
  const struct user *u = g->candidate.user;
  h.recorded = (struct recorded){.clock = h.event.timestamp > u->clock ? h.event.timestamp : u->clock,
                                 .received = h.event.received,
                                 .history = true,
                                 .may_identify = true,
                                 .decides = true,
                                 .source = STR("replay")};
  return step(g, &h, NULL, 0, e);
}

bool against_file(struct against *g, const char *path, struct err *e) {
  struct lines lines;
  struct str line;
  if (!lines_open(&lines, path, e)) return false;
  bool ok = true;
  while (ok && lines_next(&lines, &line, e)) {
    struct str text = str_trim(line);
    if (text.len) ok = take_line(g, text, lines.number, e);
    arena_reset(&g->step);
    if (lines.number % 1000 == 0 && lines.size > 0) tool_progress("replaying", (double)lines.bytes / lines.size);
  }
  if (ok && e->kind != ERR_NONE) ok = false;
  lines_close(&lines);
  return ok;
}

/* ---- life ---- */

bool against_open(struct against *g, struct library *library, const struct program *candidate, const struct program *base, struct err *e) {
  g->stored = base == NULL;
  if (!side_open(&g->candidate, library, candidate, e)) return false;
  return !base || side_open(&g->base, library, base, e);
}

uint64_t against_differences(const struct against *g) {
  return g->all.changes[CHANGE_GAINED] + g->all.changes[CHANGE_LOST] + g->all.changes[CHANGE_CHANGED];
}

void against_close(struct against *g) {
  side_close(&g->candidate);
  side_close(&g->base);
  kit_free(g->rules.at);
  kit_free(g->segments.at);
  kit_free(g->changes);
  arena_free(&g->kept);
  arena_free(&g->step);
}
