/* lifecycle_scan: what models answered, read from the journal, where every answer that a lane asked for is recorded, those of a state
 * beside included. Promises that no lane waits for it and none does anything for it, that the figures after a restart are those without
 * one, and that a piece is bounded: some thousand rows, then others have the builder's thread. Reads on that thread with a reader of its
 * own; the main thread leaves the episodes' scores alone meanwhile. */
#include "kit/hash.h"
#include "kit/log.h"
#include "lifecycle.h"
#include "program/recorded.h"
#include "stats/stats.h"
#include <string.h>

#define ROWS_BUSY 2000 /* a piece while events come in: a fifth of a second lies between two */
#define ROWS_IDLE 10000

/* ---- which program a partition runs ---- */

/* The digest that the manifest gives a file; false: it is not there. */
static bool file_digest(struct str manifest, const char *path, char digest[DIGEST_TEXT]) {
  struct str rest = manifest, line;
  while (str_split(&rest, '\n', &line)) {
    if (line.len < 66 || !str_is((struct str){line.at + 65, line.len - 65}, path)) continue;
    memcpy(digest, line.at, 64);
    digest[64] = 0;
    return true;
  }
  return false;
}

static bool has_states(const struct episode *e, struct str manifest) {
  char digest[DIGEST_TEXT], path[600];
  if (!file_digest(manifest, e->state_path, digest) || strcmp(digest, e->served) != 0) return false;
  if (!e->beside[0]) return true; /* answers of the served one count whatever lay beside */
  model_beside_path(e->name, e->role, path, sizeof path);
  return file_digest(manifest, path, digest) && strcmp(digest, e->beside) == 0;
}

static struct seat seat_in(const struct program *p, const struct episode *e) {
  const uint32_t model = model_of_name(p->models, str_from(e->name));
  struct seat s = {.served = NO_MODEL, .beside = NO_MODEL};
  if (model == NO_MODEL) return s;
  s.served = model_judged(p->models, model);
  const uint32_t beside = e->beside[0] ? model_beside(p->models, model) : NO_MODEL;
  if (beside != NO_MODEL) s.beside = model_judged(p->models, beside);
  s.there = s.served != NO_MODEL && (!e->beside[0] || s.beside != NO_MODEL);
  return s;
}

struct pass { /* over a volume, for those episodes that are this far; who is further joins where they are */
  struct scan *scan;
  uint32_t volume;
  int64_t from;
};

static bool takes(const struct pass *p, const struct episode *e, const struct entry *row) {
  return e->next[p->volume] >= p->from && e->next[p->volume] <= row->seq;
}

/* Sixteen partitions take the same program one after the other. */
static struct seating *seating_of(struct scan *s, struct str digest) {
  struct seating *last = &s->last;
  if (str_is(digest, last->digest)) return last;
  memset(last, 0, sizeof *last);
  if (digest.len < sizeof last->digest) memcpy(last->digest, digest.at, digest.len);
  return last;
}

/* Built is only what an episode's states were in. */
static void fill_seating(struct lifecycle *l, struct seating *to, struct str digest, const bool *wanted) {
  unsigned char sha256[HASH_SHA256];
  struct buf manifest = {0};
  struct err e = {0};
  const struct program *p = NULL;
  const bool there = hash_unhex(digest, sha256, HASH_SHA256) && store_get(library_book(l->api->library), sha256, &manifest, &e);
  for (uint32_t i = 0; i < l->episode_count; i++) {
    if (!wanted[i] || to->known[i]) continue;
    to->known[i] = there;
    if (there && has_states(l->episodes[i], buf_view(&manifest)) && (p || (p = library_plain(l->api->library, digest, &e))))
      to->seats[i] = seat_in(p, l->episodes[i]);
  }
  library_release(l->api->library, p);
  buf_free(&manifest);
}

static void take_program(const struct pass *pass, const struct entry *row, struct str digest) {
  struct lifecycle *l = pass->scan->lifecycle;
  struct seating *now = seating_of(pass->scan, digest);
  bool wanted[EPISODES_MOST] = {false}, lacking = false;
  for (uint32_t i = 0; i < l->episode_count; i++) {
    wanted[i] = takes(pass, l->episodes[i], row);
    lacking = lacking || (wanted[i] && !now->known[i]);
  }
  if (lacking) fill_seating(l, now, digest, wanted);
  for (uint32_t i = 0; i < l->episode_count; i++) {
    struct episode *one = l->episodes[i];
    if (!wanted[i] || !now->known[i]) continue;
    if (now->seats[i].there && !one->seats[row->partition].there) scores_begin(one->scores, row->partition);
    one->seats[row->partition] = now->seats[i];
  }
}

static void take_fact(const struct pass *pass, const struct entry *row) {
  struct arena *a = &pass->scan->arena;
  struct json j;
  if (!json_parse(&j, a, row->body, &json_limits_default, NULL) || !json_text_is(&j, json_get(&j, 0, "kind"), "program")) return;
  take_program(pass, row, json_text(&j, json_get(&j, 0, "name"), a));
}

/* ---- rows ---- */

static double belief_in(const struct recorded *r, uint32_t belief) {
  for (uint32_t i = 0; i < r->belief_count; i++)
    if (r->beliefs[i].belief == belief && r->beliefs[i].value.kind == VALUE_NUMBER) return math_clamp(r->beliefs[i].value.number, 0, 1);
  return STATS_NONE;
}

static void take_row(const struct pass *pass, const struct entry *row, const struct user *u) {
  struct scan *s = pass->scan;
  struct lifecycle *l = s->lifecycle;
  struct recorded r;
  struct json j;
  struct err e = {0};
  if (row->kind != ENTRY_EVENT || !u || !recorded_unpack(row->record, &s->arena, &r, &e) ||
      !json_parse(&j, &s->arena, row->body, &json_limits_default, NULL))
    return;
  struct event event = {0};
  const struct str type = json_text(&j, json_get(&j, 0, "eventType"), &s->arena);
  const int64_t number = u->number;
  const uint64_t user = hash_64((struct str){(const char *)&number, sizeof number});
  for (uint32_t i = 0; i < l->episode_count; i++) {
    const struct episode *one = l->episodes[i];
    const struct seat *seat = &one->seats[row->partition];
    if (!seat->there || !takes(pass, one, row)) continue;
    bool yes;
    if (str_eq(type, one->terms.target) &&
        (event.type.len || event_parse(&s->arena, row->body, r.received, r.source, r.history, &event, &e)) &&
        outcomes_told(one->outcomes, &event, &s->arena, &yes))
      scores_outcome(one->scores, row->partition, user, r.clock, yes);
    if (!str_eq(type, one->terms.on)) continue;
    const double served = belief_in(&r, seat->served), beside = seat->beside == NO_MODEL ? STATS_NONE : belief_in(&r, seat->beside);
    if (!stats_none(served) && (seat->beside == NO_MODEL || !stats_none(beside)))
      scores_answer(one->scores, row->partition, user, r.clock, served, beside);
  }
}

static void step(const struct pass *p, const struct entry *row) {
  const struct lifecycle *l = p->scan->lifecycle;
  for (uint32_t i = 0; i < l->episode_count; i++)
    if (takes(p, l->episodes[i], row)) l->episodes[i]->next[p->volume] = row->seq + 1;
}

/* True: the journal goes on. */
static bool read_volume(const struct pass *p, uint32_t *left) {
  struct scan *s = p->scan;
  struct err e = {0};
  struct volume *reader = volume_reader(s->lifecycle->api->book, p->volume, &e);
  struct entry row;
  struct user *u;
  bool more = reader != NULL;
  int64_t next = p->from;
  while (more && *left > 0 && (more = volume_scan(reader, next, &row, &u, &e))) {
    next = row.seq + 1;
    s->rows++;
    --*left;
    if (row.kind == ENTRY_CONTROL) take_fact(p, &row);
    else take_row(p, &row, u);
    step(p, &row);
    arena_reset(&s->arena);
  }
  volume_close(reader);
  if (e.kind != ERR_NONE) log_warn("models", "the journal could not be read: %s", e.text);
  return more && e.kind == ERR_NONE;
}

static void work(struct errand *errand) {
  struct scan *s = (struct scan *)errand;
  const struct lifecycle *l = s->lifecycle;
  uint32_t ahead = s->rows_most / 2, left = s->rows_most / 2; /* who begins does not keep the others waiting, nor they it */
  s->more = false;
  for (uint32_t v = 0; v < book_volumes(l->api->book); v++) {
    int64_t first = INT64_MAX, last = 0;
    for (uint32_t i = 0; i < l->episode_count; i++) {
      if (l->episodes[i]->next[v] < first) first = l->episodes[i]->next[v];
      if (l->episodes[i]->next[v] > last) last = l->episodes[i]->next[v];
    }
    if (ahead == 0 || read_volume(&(struct pass){s, v, last}, &ahead)) s->more = true;
    if (first < last && (left == 0 || read_volume(&(struct pass){s, v, first}, &left))) s->more = true;
  }
}

static void done(struct errand *errand) {
  ((struct scan *)errand)->running = false;
}

void scan_tick(struct lifecycle *l) {
  struct scan *s = &l->scan;
  struct lanes_figures f;
  lanes_figures(l->api->lanes, &f);
  const bool quiet = f.flow.events == l->seen_events;
  if (!lifecycle_needs_scan(l) || (quiet && !s->more) || !l->programs->builder) return;
  l->seen_events = f.flow.events;
  s->rows_most = quiet ? ROWS_IDLE : ROWS_BUSY;
  s->errand = (struct errand){.work = work, .done = done};
  s->running = true;
  builder_ask(l->programs->builder, &s->errand);
}
