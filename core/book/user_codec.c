/* A user's stored state: everything in struct user but identity and caches, as one packed blob. Promises: the same content makes the same
 * bytes, any bytes are safe to read, and what reads back writes the same bytes again. Neither compresses nor seals; users.c does. Called
 * by the lane that owns the user, by readers and by the fuzz target. */
#include "book/user.h"
#include "kit/arena.h"
#include "kit/err.h"
#include "seen.h"
#include "user_text.h"
#include <string.h>

#define STATE_VERSION 1u
#define TIME_MOST     (INT64_C(1) << 53) /* of stored times and rows: far beyond the year 9999 */

static void put_f32(struct buf *out, float v) {
  buf_put(out, &v, sizeof v);
}

static void put_key(struct buf *out, uint64_t v) {
  buf_put(out, &v, sizeof v); /* hashes do not shrink as varints */
}

void user_encode_series(const struct series *s, struct buf *out) {
  put_key(out, s->digest);
  pack_i64(out, s->newest);
  uint64_t filled = 0;
  for (int32_t back = 0; back < SERIES_DAYS; back++) {
    const struct series_day *day = s->newest == INT32_MIN ? NULL : series_at(s, s->newest - back);
    if (day && day->n) filled |= UINT64_C(1) << back;
  }
  pack_u64(out, filled);
  for (int32_t back = 0; back < SERIES_DAYS; back++) {
    if (!(filled >> back & 1)) continue;
    const struct series_day *day = series_at(s, s->newest - back);
    pack_u64(out, day->n);
    put_f32(out, day->sum);
  }
}

/* In the order of their digests: which came first does not matter. In memory they mostly lie so already, since states are read so. */
static void encode_all_series(const struct user *u, struct buf *out) {
  uint16_t order[SERIES_MOST];
  for (uint16_t i = 0; i < u->series_count; i++) {
    uint16_t at = i;
    for (; at > 0 && u->series[order[at - 1]].digest > u->series[i].digest; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  for (uint16_t i = 0; i < u->series_count; i++) user_encode_series(&u->series[order[i]], out);
}

static void encode_lists(const struct user *u, struct buf *out) {
  pack_u64(out, u->series_count);
  encode_all_series(u, out);
  pack_u64(out, u->attempt_count);
  for (uint16_t i = 0; i < u->attempt_count; i++) {
    const struct attempt *a = &u->attempts[i];
    pack_i64(out, a->day);
    pack_u64(out, a->minute);
    pack_u64(out, (uint64_t)a->done | (uint64_t)a->social << 8);
    pack_u64(out, a->place);
    pack_u64(out, a->weather);
    pack_u64(out, a->kind);
    pack_u64(out, a->completion);
  }
  pack_u64(out, u->mark_count);
  for (uint16_t i = 0; i < u->mark_count; i++) {
    put_key(out, u->marks[i].key);
    pack_i64(out, u->marks[i].at);
    pack_f64(out, u->marks[i].value);
  }
  pack_u64(out, u->send_count);
  for (uint16_t i = 0; i < u->send_count; i++) {
    const struct send *s = &u->sends[i];
    pack_i64(out, s->at);
    pack_u64(out, s->decision);
    put_key(out, s->trigger);
    put_key(out, s->option);
    pack_u64(out, s->response);
  }
}

bool user_encode(const struct user *u, struct buf *out) {
  pack_u64(out, STATE_VERSION);
  pack_i64(out, u->head);
  pack_u64(out, u->events);
  pack_i64(out, u->clock);
  pack_i64(out, u->due);
  pack_i64(out, u->last_event);
  pack_u64(out, (uint64_t)u->consent);
  pack_i64(out, u->age);
  pack_u64(out, u->minor_consent);
  pack_str(out, u->zone_name);
  pack_str(out, u->profile);
  pack_u64(out, u->profile_version);
  encode_lists(u, out);
  seen_encode(u->seen, out);
  return !out->failed;
}

/* ---- reading: each function returns false on anything that user_encode does not write ---- */

static bool take(struct unpack *in, void *out, size_t n) {
  if (in->failed || (size_t)(in->end - in->at) < n) return false;
  memcpy(out, in->at, n);
  in->at += n;
  return true;
}

static bool take_u64(struct unpack *in, uint64_t most, uint64_t *out) {
  *out = unpack_u64(in);
  return !in->failed && *out <= most;
}

static bool take_i64(struct unpack *in, int64_t least, int64_t most, int64_t *out) {
  *out = unpack_i64(in);
  return !in->failed && *out >= least && *out <= most;
}

bool user_decode_series(struct user *u, struct unpack *in) {
  uint64_t digest, filled, n;
  int64_t newest;
  if (!take(in, &digest, sizeof digest) || !take_i64(in, INT32_MIN, INT32_MAX, &newest)) return false;
  if (!take_u64(in, (UINT64_C(1) << SERIES_DAYS) - 1, &filled) || user_series(u, digest, false)) return false;
  if (filled && newest < INT32_MIN + SERIES_DAYS) return false;
  struct series *s = user_series(u, digest, true);
  if (!s) return false;
  s->newest = (int32_t)newest;
  for (int32_t back = 0; back < SERIES_DAYS; back++) {
    if (!(filled >> back & 1)) continue;
    struct series_day day = {0};
    if (!take_u64(in, UINT16_MAX, &n) || n == 0 || !take(in, &day.sum, sizeof day.sum)) return false;
    day.n = (uint16_t)n;
    const int32_t slot = (s->newest - back) % SERIES_DAYS;
    s->days[slot < 0 ? slot + SERIES_DAYS : slot] = day;
  }
  return true;
}

static bool decode_attempt(struct user *u, struct unpack *in) {
  int64_t day;
  uint64_t minute, flags, place, weather, kind, completion;
  if (!take_i64(in, INT32_MIN, INT32_MAX, &day) || !take_u64(in, UINT16_MAX, &minute) || !take_u64(in, UINT16_MAX, &flags)) return false;
  if (!take_u64(in, UINT16_MAX, &place) || !take_u64(in, UINT16_MAX, &weather) || !take_u64(in, UINT16_MAX, &kind)) return false;
  if (!take_u64(in, UINT16_MAX, &completion)) return false;
  const struct attempt a = {.day = (int32_t)day,
                            .minute = (uint16_t)minute,
                            .done = (uint8_t)flags,
                            .social = (uint8_t)(flags >> 8),
                            .place = (uint16_t)place,
                            .weather = (uint16_t)weather,
                            .kind = (uint16_t)kind,
                            .completion = (uint16_t)completion};
  const struct attempt *last = u->attempt_count ? &u->attempts[u->attempt_count - 1] : NULL;
  if (last && (last->day != a.day ? last->day > a.day : last->minute > a.minute)) return false;
  return user_add_attempt(u, &a);
}

static bool decode_mark(struct user *u, struct unpack *in) {
  uint64_t key;
  int64_t at;
  if (!take(in, &key, sizeof key) || !take_i64(in, INT64_MIN, INT64_MAX, &at)) return false;
  const double value = unpack_f64(in);
  if (in->failed || (u->mark_count && u->marks[u->mark_count - 1].key >= key)) return false;
  return user_set_mark(u, key, at, value);
}

static bool decode_send(struct user *u, struct unpack *in) {
  struct send s = {0};
  uint64_t response;
  if (!take_i64(in, -TIME_MOST, TIME_MOST, &s.at) || !take_u64(in, UINT64_MAX, &s.decision)) return false;
  if (!take(in, &s.trigger, sizeof s.trigger) || !take(in, &s.option, sizeof s.option) || !take_u64(in, 3, &response)) return false;
  s.response = (uint8_t)response;
  return user_add_send(u, &s);
}

static bool decode_list(struct user *u, struct unpack *in, uint64_t most, bool (*one)(struct user *u, struct unpack *in)) {
  uint64_t count;
  if (!take_u64(in, most, &count)) return false;
  for (uint64_t i = 0; i < count; i++)
    if (!one(u, in)) return false;
  return true;
}

static bool decode_who(struct user *u, struct unpack *in) {
  uint64_t consent, minor, version;
  int64_t age;
  if (!take_u64(in, CONSENT_WITHDRAWN, &consent) || !take_i64(in, -1, 130, &age) || !take_u64(in, 1, &minor)) return false;
  const struct str zone_name = unpack_str(in), profile = unpack_str(in);
  if (!take_u64(in, UINT32_MAX, &version)) return false;
  u->consent = (enum consent)consent;
  u->age = (int32_t)age;
  u->minor_consent = minor != 0;
  if (!user_set_profile(u, profile)) return false;
  u->profile_version = (uint32_t)version;
  if (!zone_name.len) return true;
  /* A zone that this machine does not know stays named and unknown: nothing is sent, nothing is lost. */
  u->zone = tz_named(zone_name, NULL);
  return user_text_copy(zone_name, &u->zone_name);
}

static bool decode_all(struct user *u, struct unpack *in, struct err *e) {
  uint64_t version;
  if (!take_u64(in, UINT64_MAX, &version)) return false;
  if (version != STATE_VERSION)
    return err_set(e, ERR_CONFLICT, "a user's state has version %llu, this engine reads %u", (unsigned long long)version, STATE_VERSION);
  if (!take_i64(in, 0, TIME_MOST, &u->head) || !take_u64(in, INT64_MAX, &u->events)) return false;
  if (!take_i64(in, -TIME_MOST, TIME_MOST, &u->clock) || !take_i64(in, -TIME_MOST, TIME_MOST, &u->due)) return false;
  if (!take_i64(in, -TIME_MOST, TIME_MOST, &u->last_event) || !decode_who(u, in)) return false;
  if (!decode_list(u, in, SERIES_MOST, user_decode_series) || !decode_list(u, in, ATTEMPTS_MOST, decode_attempt)) return false;
  if (!decode_list(u, in, UINT16_MAX, decode_mark) || !decode_list(u, in, SENDS_MOST, decode_send)) return false;
  u->closed = user_mark(u, user_closed_key()) != NULL;
  return seen_decode(u, in) && !in->failed && in->at == in->end;
}

bool user_decode(struct user *u, struct str bytes, struct err *e) {
  struct user fresh;
  if (!user_init(&fresh)) return err_set(e, ERR_STORAGE, "memory for a user is missing");
  struct unpack in = unpack_from(bytes);
  struct err why = {0};
  const bool read = decode_all(&fresh, &in, &why);
  if (!read) {
    user_clear(&fresh);
    if (!user_init(&fresh)) return err_set(e, ERR_STORAGE, "memory for a user is missing");
  }
  fresh.digest = u->digest;
  fresh.number = u->number;
  fresh.partition = u->partition;
  fresh.id = u->id;
  memcpy(fresh.key, u->key, sizeof fresh.key);
  u->id = (struct str){0};
  user_clear(u);
  *u = fresh;
  if (read) return true;
  if (why.kind) {
    if (e) *e = why;
    return false;
  }
  return err_set(e, ERR_INTERNAL, "a user's state does not read back: wrong after byte %zu of %zu", bytes.len - (size_t)(in.end - in.at),
                 bytes.len);
}
