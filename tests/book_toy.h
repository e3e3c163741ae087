/* A toy of flow for tests of the book: each event moves a user's state by a rule that is the same live and in replay, so that a recovered
 * state can be compared with the one that was lost, byte for byte. */
#pragma once
#include "book_fixture.h"

#define TOY_NOW INT64_C(1700000000000)

/* What an event does to its user; `row` as appended or replayed. */
static inline bool toy_apply(struct volume *v, struct user *u, const struct entry *row) {
  struct series *s = user_series(u, 42, true);
  if (!s || !series_add(s, (int32_t)(u->events % 50), (double)row->body.len)) return false;
  if (!user_set_mark(u, mark_key("toy", row->body), row->arrived, (double)u->events)) return false;
  const struct attempt a = {.day = (int32_t)(u->events % 9), .minute = (uint16_t)(row->seq % 1440), .done = 1};
  u->clock = row->arrived;
  u->due = row->arrived + 1000;
  return user_add_attempt(u, &a) && volume_remember(v, u, STR("toy"), row->body, row->seq);
}

static inline bool toy_replay(void *context, struct volume *v, struct user *u, const struct entry *row, struct err *e) {
  if (context) ++*(int *)context;
  if (!u) return true;
  /* In a live turn the state moves after the row got its number and before head and events: so does replay. */
  return toy_apply(v, u, row) || err_set(e, ERR_STORAGE, "memory failed in the toy");
}

/* One event of one user with one decision and one outbox row; false as soon as the book says so. */
static inline bool toy_event(struct volume *v, const char *user, int n, bool with_decision, struct err *e) {
  char body[128];
  struct user *u = volume_user(v, str_from(user), true, e);
  if (!u) return false;
  snprintf(body, sizeof body, "{\"userId\":\"%s\",\"n\":%d}", user, n);
  const uint64_t events = u->events;
  struct entry entry = {
      .partition = u->partition, .kind = ENTRY_EVENT, .body = str_from(body), .record = STR("toy"), .arrived = TOY_NOW + n};
  if (!volume_append(v, u, &entry, e)) return false;
  u->events = events; /* the toy's rule counts the rows before this one */
  const bool applied = toy_apply(v, u, &entry);
  u->events = events + 1;
  if (!applied) return err_set(e, ERR_STORAGE, "memory failed in the toy");
  if (!with_decision) return true;
  const uint64_t id = volume_next_decision(v, u->partition);
  struct outbox_row out = {.id = id, .send_before = TOY_NOW + 5000, .due = TOY_NOW + n, .body = STR("{}"), .names = STR("toy")};
  return volume_add_decision(v, u, id, entry.seq, STR("{\"toy\":true}"), e) && volume_add_outbox(v, u, &out, e);
}

static inline struct volume *toy_open(struct fixture *f, uint32_t number, int *replayed) {
  const struct volume_replay replay = {.row = toy_replay, .context = replayed};
  struct volume *v = volume_open(f->book, number, &replay, &f->e);
  if (!v) fail_msg("%s", f->e.text);
  return v;
}

/* The volume a user lives in, among those opened. */
static inline struct volume *toy_home(struct fixture *f, struct volume **volumes, const char *user) {
  return volumes[book_volume_of(f->book, book_partition_of(f->book, str_from(user)))];
}

/* The user's state as bytes, numbers of rows left out when `portable` (they change in a move). */
static inline void toy_state(struct volume *v, const char *user, struct buf *out, struct err *e) {
  buf_clear(out);
  struct user *u = volume_user(v, str_from(user), false, e);
  if (!u) fail_msg("user %s is not there: %s", user, e->text);
  if (!user_encode(u, out)) fail_msg("memory");
}
