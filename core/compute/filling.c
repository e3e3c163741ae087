/* filling: which declared windows a user's state holds whole. A window is named by the digest of its definition, and a mark of that name
 * says that everything of the user's chain is in it. Whoever is moved by a first event has all windows whole; whoever meets a definition
 * that came later lacks it: it is neither moved nor read ("warming") until it is filled in one step with what the whole chain makes of it.
 * What the program does not define any more is forgotten at the user's next row, so that coming back means filling again. Promises that a
 * state filled so is that of somebody for whom the definition was always there. Does not read journals: flow/warming.c walks. Called on the
 * lane, by replay and by recovery. */
#include "features.h"
#include <string.h>

#define CATEGORY_BITS  0xffffull
#define FILLED_VERSION 1u

static uint64_t filled_key(uint64_t digest) {
  return mark_key("filled", (struct str){(const char *)&digest, sizeof digest});
}

/* ---- the program's windows [builder] ---- */

bool windows_build(struct arena *a, struct features *f, uint32_t count) {
  f->windows = ARENA_ARRAY(a, struct definition, count + 1);
  f->set_key = mark_key("features", STR("set"));
  f->since_key = mark_key("user", STR("since"));
  if (!f->windows) return false;
  for (uint32_t i = 0; i < count; i++) {
    struct declared_feature *d = &f->declared[i];
    if (d->kind == WINDOW_DERIVED || d->type == UINT32_MAX) continue;
    d->filled = filled_key(d->digest);
    uint32_t at = f->window_count;
    while (at > 0 && f->windows[at - 1].digest > d->digest) at--;
    if (at > 0 && f->windows[at - 1].digest == d->digest) continue; /* the same window, read over other days */
    memmove(f->windows + at + 1, f->windows + at, (f->window_count - at) * sizeof *f->windows);
    f->windows[at] = (struct definition){d->digest, d->filled};
    f->window_count++;
  }
  uint64_t set = 0;
  for (uint32_t i = 0; i < f->window_count; i++) {
    const uint64_t both[2] = {set, f->windows[i].digest};
    set = hash_64((struct str){(const char *)both, sizeof both});
  }
  f->window_set = f->window_count && !set ? 1 : set;
  return true;
}

uint64_t features_set(const struct features *f) {
  return f->window_set;
}

static const struct definition *find_window(const struct features *f, uint64_t digest) {
  for (uint32_t i = 0; i < f->window_count; i++)
    if (f->windows[i].digest == digest) return &f->windows[i];
  return NULL;
}

/* ---- a user's ---- */

/* Nobody whom program_move has not met lacks anything: tables of training and tests move users by features_update alone. */
bool features_some_warming(const struct features *f, const struct user *u) {
  if (!f->window_set) return false;
  const struct mark *m = user_mark(u, f->set_key);
  if (!m) return user_mark(u, f->since_key) != NULL;
  return (uint64_t)m->at != f->window_set || m->value > 0;
}

bool window_is_filled(const struct declared_feature *d, const struct user *u) {
  return user_mark(u, d->filled) != NULL;
}

bool view_is_warming(struct view *v, const struct declared_feature *d) {
  if (v->warm == WARM_UNKNOWN) v->warm = features_some_warming(v->f, v->u) ? WARM_SOME : WARM_NONE;
  return v->warm == WARM_SOME && !window_is_filled(d, v->u);
}

uint32_t features_lacking(const struct features *f, const struct user *u) {
  uint32_t lacking = 0;
  for (uint32_t i = 0; features_some_warming(f, u) && i < f->window_count; i++) lacking += !user_mark(u, f->windows[i].key);
  return lacking;
}

void features_lacking_names(const struct features *f, const struct user *u, struct json_writer *w) {
  const bool some = features_some_warming(f, u);
  json_open_array(w);
  for (uint32_t i = 0; some && i < f->count - f->builtin; i++) {
    const struct declared_feature *d = &f->declared[i];
    if (d->kind != WINDOW_DERIVED && d->type != UINT32_MAX && !window_is_filled(d, u)) json_put_text(w, f->names[f->builtin + i]);
  }
  json_close_array(w);
}

static bool is_of_window(uint64_t series, uint64_t digest) {
  return series == digest || series == ~digest || ((digest & CATEGORY_BITS) == 0 && (series & ~CATEGORY_BITS) == digest);
}

static void drop_window(struct user *u, uint64_t digest) {
  for (uint16_t i = u->series_count; i-- > 0;)
    if (is_of_window(u->series[i].digest, digest)) user_clear_series(u, u->series[i].digest);
  user_clear_mark(u, digest);
}

/* The digest of a window that is marked as filled and is none of the program's any more; 0: there is none. */
static uint64_t find_foreign(const struct features *f, const struct user *u) {
  for (uint16_t i = 0; i < u->mark_count; i++) {
    const uint64_t digest = (uint64_t)u->marks[i].at;
    if (digest && u->marks[i].key == filled_key(digest) && !find_window(f, digest)) return digest;
  }
  return 0;
}

static bool set_count(const struct features *f, struct user *u) {
  double warming = 0;
  for (uint32_t i = 0; i < f->window_count; i++) warming += !user_mark(u, f->windows[i].key);
  if (f->window_set) return user_set_mark(u, f->set_key, (int64_t)f->window_set, warming);
  user_clear_mark(u, f->set_key);
  return true;
}

bool features_meet(const struct features *f, struct user *u, bool fresh) {
  const struct mark *m = user_mark(u, f->set_key);
  if ((m ? (uint64_t)m->at : 0) == f->window_set) return true;
  for (uint64_t digest; (digest = find_foreign(f, u)) != 0;) {
    drop_window(u, digest);
    user_clear_mark(u, filled_key(digest));
  }
  for (uint32_t i = 0; i < f->window_count; i++) {
    const struct definition *w = &f->windows[i];
    if (user_mark(u, w->key)) continue;
    if (fresh && !user_set_mark(u, w->key, (int64_t)w->digest, 0)) return false;
    if (!fresh) drop_window(u, w->digest); /* half of it is worth nothing */
  }
  return set_count(f, u);
}

bool features_begin(const struct features *f, struct user *u, const uint64_t *late, size_t count) {
  for (uint32_t i = 0; i < f->window_count; i++) {
    bool is_late = false;
    for (size_t k = 0; k < count; k++) is_late |= late[k] == f->windows[i].digest;
    if (!is_late && !user_set_mark(u, f->windows[i].key, (int64_t)f->windows[i].digest, 0)) return false;
  }
  return set_count(f, u);
}

void features_late(const struct features *f, const struct user *now, struct buf *late) {
  const bool some = features_some_warming(f, now);
  for (uint32_t i = 0; some && i < f->window_count; i++)
    if (!user_mark(now, f->windows[i].key)) buf_put(late, &f->windows[i].digest, sizeof f->windows[i].digest);
}

/* ---- filling in: a version, a count, and for each window its digest, its mark if it has one, and its rings of days ---- */

static uint32_t series_of(const struct user *u, uint64_t digest) {
  uint32_t n = 0;
  for (uint16_t i = 0; i < u->series_count; i++) n += is_of_window(u->series[i].digest, digest);
  return n;
}

void features_pack(const struct features *f, const struct user *u, const struct user *whole, struct buf *out) {
  pack_u64(out, FILLED_VERSION);
  pack_u64(out, features_lacking(f, u));
  for (uint32_t i = 0; i < f->window_count; i++) {
    const uint64_t digest = f->windows[i].digest;
    if (user_mark(u, f->windows[i].key)) continue;
    const struct mark *m = user_mark(whole, digest);
    buf_put(out, &digest, sizeof digest);
    pack_u64(out, m != NULL);
    if (m) pack_i64(out, m->at), pack_f64(out, m->value);
    pack_u64(out, series_of(whole, digest));
    for (uint16_t k = 0; k < whole->series_count; k++)
      if (is_of_window(whole->series[k].digest, digest)) user_encode_series(&whole->series[k], out);
  }
}

static bool read_digest(struct unpack *in, uint64_t *digest) {
  if (in->failed || (size_t)(in->end - in->at) < sizeof *digest) return false;
  memcpy(digest, in->at, sizeof *digest);
  in->at += sizeof *digest;
  return *digest != 0;
}

/* One window into `into`, which holds nothing else but windows. */
static bool read_window(struct unpack *in, struct user *into, uint64_t *digest) {
  if (!read_digest(in, digest)) return false;
  const uint64_t marked = unpack_u64(in);
  if (in->failed || marked > 1) return false;
  const int64_t at = marked ? unpack_i64(in) : 0;
  const double value = marked ? unpack_f64(in) : 0;
  if (in->failed || (marked && !user_set_mark(into, *digest, at, value))) return false;
  const uint64_t rings = unpack_u64(in);
  if (in->failed || rings > SERIES_MOST) return false;
  for (uint64_t i = 0; i < rings; i++)
    if (!user_decode_series(into, in) || !is_of_window(into->series[into->series_count - 1].digest, *digest)) return false;
  return true;
}

static bool copy_window(const struct features *f, struct user *u, const struct user *from, uint64_t digest) {
  const struct definition *w = find_window(f, digest);
  if (!w || user_mark(u, w->key)) return true; /* another program's, or whole already */
  drop_window(u, digest);
  const struct mark *m = user_mark(from, digest);
  if (m && !user_set_mark(u, digest, m->at, m->value)) return false;
  for (uint16_t i = 0; i < from->series_count; i++) {
    if (!is_of_window(from->series[i].digest, digest)) continue;
    struct series *s = user_series(u, from->series[i].digest, true);
    if (!s) return false;
    *s = from->series[i];
  }
  return user_set_mark(u, w->key, (int64_t)digest, 0);
}

bool features_fill_in(const struct features *f, struct user *u, struct str packed, struct err *e) {
  struct unpack in = unpack_from(packed);
  struct user from;
  uint64_t digests[SERIES_MOST];
  const uint64_t version = unpack_u64(&in), count = unpack_u64(&in);
  if (in.failed || version != FILLED_VERSION || count > sizeof digests / sizeof *digests)
    return err_set(e, ERR_STORAGE, "filled features: expected version %u and at most %u windows", FILLED_VERSION, SERIES_MOST);
  if (!user_init(&from)) return err_set(e, ERR_STORAGE, "memory for the features of a user is missing");
  bool read = true, kept = true;
  for (uint64_t i = 0; read && i < count; i++) read = read_window(&in, &from, &digests[i]);
  read = read && !in.failed && in.at == in.end;
  for (uint64_t i = 0; read && kept && i < count; i++) kept = copy_window(f, u, &from, digests[i]);
  kept = kept && (!read || set_count(f, u));
  user_clear(&from);
  if (!read)
    return err_set(e, ERR_STORAGE, "filled features: do not read back after byte %zu of %zu", packed.len - (size_t)(in.end - in.at),
                   packed.len);
  return kept || err_set(e, ERR_STORAGE, "memory for the features of a user is missing");
}

bool features_filled_digests(struct str packed, struct buf *digests) {
  struct unpack in = unpack_from(packed);
  struct user from;
  uint64_t digest;
  const uint64_t version = unpack_u64(&in), count = unpack_u64(&in);
  bool ok = !in.failed && version == FILLED_VERSION && user_init(&from);
  if (!ok) return false;
  for (uint64_t i = 0; ok && i < count; i++) {
    ok = read_window(&in, &from, &digest);
    if (ok) buf_put(digests, &digest, sizeof digest);
  }
  user_clear(&from);
  return ok && !digests->failed;
}
