/* warming: the walk over everybody after a program that defines or waits for something else. Looks at one user after the other. Whoever
 * is silent learns when their next moment is (a schedule, a silence, a follow-up); and where a window is lacking the user's chain makes it
 * (program/whole.c): then the windows go through the walk of a turn as a row of the user's journal, so the moment from which they count is
 * a recorded fact, in replay and after a crash the same. Promises pieces as small as `spent` says, and that a walk which was cut short
 * begins anew and passes those who have all. Called in a lane between turns; never while a wave is walked. */
#include "inside.h"
#include "kit/hash.h"
#include "kit/log.h"

void warming_reset(struct flow *f) {
  whole_free(f->warming.one);
  f->warming = (struct warming){0};
  f->figures.warming = 1; /* until somebody has looked */
  f->figures.warm_users = f->figures.warm_looked = 0;
}

/* What the programs of the volume's partitions want of everybody, as one number; 0: nothing. */
static bool find_target(struct flow *f, uint64_t *target, struct err *e) {
  uint64_t sets[BOOK_PARTITIONS] = {0}, any = 0;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    if (book_volume_of(f->book, p) != volume_number(f->volume)) continue;
    if (!places_whole(&f->places, p, &sets[p], e)) return false;
    any |= sets[p];
  }
  *target = any ? hash_64((struct str){(const char *)sets, sizeof sets}) | 1 : 0;
  return true;
}

bool warming_program_changed(struct flow *f, struct err *e) {
  uint64_t target;
  struct err why = {0};
  warming_reset(f);
  if (!f->volume || (find_target(f, &target, &why) && target == volume_whole(f->volume))) return true;
  return volume_set_whole(f->volume, 0, e);
}

static void begin(struct flow *f) {
  struct warming *w = &f->warming;
  struct err why = {0};
  if (w->known) return;
  w->known = true;
  const bool found = find_target(f, &w->target, &why);
  if (!found) log_warn("flow", "volume %u: new features stay empty until the next start: %s", volume_number(f->volume), why.text);
  w->over = !found || w->target == 0 || (w->target == volume_whole(f->volume) && !w->anew);
  f->figures.warming = !w->over;
  f->figures.warm_users = w->over ? 0 : volume_figures(f->volume).users_all;
}

/* Whoever could not be filled is looked at again after the next start. */
static bool end(struct flow *f, struct err *e) {
  struct warming *w = &f->warming;
  if (w->filled)
    log_info("flow", "volume %u: new features are filled for %llu users", volume_number(f->volume), (unsigned long long)w->filled);
  w->over = true;
  f->figures.warming = f->figures.warm_users = f->figures.warm_looked = 0;
  return w->skipped || volume_set_whole(f->volume, w->target, e);
}

/* One person whose rows or state do not read back keeps nobody else waiting; a file that fails does. */
static bool skip(struct flow *f, const struct err *why, struct err *e) {
  struct err storage;
  if (!volume_room(f->volume, &storage)) return err_set(e, storage.kind, "%s", why->text);
  log_warn("flow", "volume %u, user %lld: new features are not filled: %s", volume_number(f->volume), (long long)f->warming.cursor,
           why->text);
  f->warming.skipped++;
  return true;
}

/* Without memory for the heap's news the moment stands in the user's row: their next event or the next start finds it. */
static bool find_moment(struct flow *f, const struct program *p, struct user *u, struct err *e) {
  const int64_t due = ticks_next(p->rules, u);
  if (due == u->due) return true;
  if (!volume_set_due(f->volume, u, due, e)) return false;
  pile_push(&f->due, u);
  return true;
}

static bool look_at_next(struct flow *f, struct err *e) {
  struct warming *w = &f->warming;
  struct err why = {0};
  int64_t number;
  if (!volume_next_user(f->volume, w->cursor, &number, e)) return false;
  if (number == 0) return end(f, e);
  w->cursor = number;
  f->figures.warm_looked++;
  struct user *u = volume_user_number(f->volume, number, &why);
  if (why.kind != ERR_NONE) return skip(f, &why, e);
  const struct program *p = u ? f->places.at[u->partition].program : NULL;
  if (!p || u->closed) return true;
  if (!find_moment(f, p, u, e)) return false;
  if (features_lacking(p->features, u) == 0) return true;
  w->one = whole_begin(p, u);
  return w->one || err_set(e, ERR_INTERNAL, "no memory for a user's chain");
}

/* One row through the walk of a turn. */
static bool keep(struct flow *f, const struct user *u, struct err *e) {
  struct arena a = {0};
  struct item item = {.kind = ENTRY_FILLED, .asked = NO_ONE}, *items = &item;
  bool ok = whole_item(f->warming.one, u, &a, &item.event, &item.filled, e) && flow_walk(f, &items, 1, &a, e);
  if (ok && item.state != ITEM_TAKEN) ok = err_set(e, ERR_INTERNAL, "%s", item.err.text);
  f->warming.filled += ok;
  arena_free(&a);
  return ok;
}

static bool go_on(struct flow *f, bool (*spent)(const void *context), const void *context, struct err *e) {
  struct warming *w = &f->warming;
  struct err why = {0};
  bool done = false, ok = true;
  const struct user *u = volume_user_number(f->volume, whole_number(w->one), &why);
  if (u && whole_step(w->one, f->volume, u, spent, context, &done, &why)) {
    if (!done) return true;
    ok = keep(f, u, e);
  } else if (why.kind != ERR_NONE) ok = skip(f, &why, e); /* else: erased meanwhile */
  whole_free(w->one);
  w->one = NULL;
  return ok;
}

bool flow_warm(struct flow *f, bool (*spent)(const void *context), const void *context, bool *more, struct err *e) {
  bool ok = true;
  begin(f);
  while (ok && !f->warming.over) {
    ok = f->warming.one ? go_on(f, spent, context, e) : look_at_next(f, e);
    if (spent && spent(context)) break;
  }
  *more = ok && !f->warming.over;
  return ok;
}

bool flow_is_warm(const struct flow *f) {
  return f->warming.known && f->warming.over;
}
