/* The duplicates' memory of one user: three parallel arrays in order of arrival, so that looking up is a scan over 8-byte digests (2 048 of
 * them are 16 KiB, under half a microsecond) and forgetting is a cut at the front. Promises a bound of SEEN_MOST entries and SEEN_HOURS of
 * arrival, both applied as a function of the rows alone, never of the wall clock. Does not verify a hit; volume_duplicate does. Called by
 * duplicates.c, the state's codec and a move, on the thread that owns the user. */
#include "seen.h"
#include "kit/arena.h"
#include <string.h>

#define SEEN_FIRST 8u

static struct seen *seen_new(void) {
  struct seen *s = kit_alloc(sizeof *s);
  if (s) *s = (struct seen){0};
  return s;
}

/* One block holds the three arrays; the widest first keeps each aligned. */
static bool seen_grow(struct seen *s, uint32_t cap) {
  unsigned char *block = kit_alloc((size_t)cap * (sizeof *s->digest + sizeof *s->seq + sizeof *s->hour));
  if (!block) return false;
  uint64_t *digest = (uint64_t *)(void *)block;
  uint32_t *seq = (uint32_t *)(void *)(digest + cap);
  uint16_t *hour = (uint16_t *)(void *)(seq + cap);
  if (s->count) {
    memcpy(digest, s->digest, s->count * sizeof *digest);
    memcpy(seq, s->seq, s->count * sizeof *seq);
    memcpy(hour, s->hour, s->count * sizeof *hour);
  }
  kit_free(s->digest);
  s->digest = digest;
  s->seq = seq;
  s->hour = hour;
  s->cap = cap;
  return true;
}

static void seen_cut(struct seen *s, uint32_t front) {
  if (!front) return;
  s->count -= front;
  memmove(s->digest, s->digest + front, s->count * sizeof *s->digest);
  memmove(s->seq, s->seq + front, s->count * sizeof *s->seq);
  memmove(s->hour, s->hour + front, s->count * sizeof *s->hour);
}

/* Moves the bases up to the oldest entry. */
static void seen_rebase(struct seen *s) {
  if (!s->count) return;
  const uint32_t seq = s->seq[0];
  const uint16_t hour = s->hour[0];
  for (uint32_t i = 0; i < s->count; i++) {
    s->seq[i] -= seq;
    s->hour[i] = (uint16_t)(s->hour[i] - hour);
  }
  s->base_seq += seq;
  s->base_hour += hour;
}

#define BLOCK 16u

/* No way out before the end, so that the compiler compares several at once. */
static bool block_has(const uint64_t *at, uint64_t digest) {
  uint64_t hit = 0;
  for (uint32_t i = 0; i < BLOCK; i++) hit |= at[i] == digest;
  return hit;
}

int64_t seen_find(const struct seen *s, uint64_t digest, int64_t now_hour) {
  if (!s) return 0;
  uint32_t end = s->count;
  while (end >= BLOCK && !block_has(s->digest + end - BLOCK, digest)) end -= BLOCK;
  while (end-- > 0)
    if (s->digest[end] == digest) return s->base_hour + s->hour[end] < now_hour - SEEN_HOURS ? 0 : s->base_seq + s->seq[end];
  return 0;
}

static bool seen_fits(const struct seen *s, int64_t seq, int64_t hour) {
  return seq - s->base_seq <= UINT32_MAX && hour - s->base_hour <= UINT16_MAX;
}

bool seen_add(struct user *u, uint64_t digest, int64_t seq, int64_t hour) {
  if (!u->seen && !(u->seen = seen_new())) return false;
  struct seen *s = u->seen;
  /* Arrival never goes back within a chain; a clock that was set back counts as standing still. */
  if (s->count && hour < s->base_hour + s->hour[s->count - 1]) hour = s->base_hour + s->hour[s->count - 1];
  uint32_t front = s->count >= SEEN_MOST ? s->count - SEEN_MOST + 1 : 0;
  while (front < s->count && s->base_hour + s->hour[front] < hour - SEEN_HOURS) front++;
  if (s->count && seq <= s->base_seq + s->seq[s->count - 1]) return true; /* a row is remembered once */
  if (s->count == s->cap && !front && !seen_grow(s, s->cap < SEEN_FIRST ? SEEN_FIRST : s->cap + 8 + s->cap / 8)) return false;
  seen_cut(s, front);
  if (!s->count) {
    s->base_seq = seq;
    s->base_hour = hour;
  } else if (!seen_fits(s, seq, hour)) {
    seen_rebase(s);
    while (s->count && !seen_fits(s, seq, hour)) {
      seen_cut(s, 1);
      if (s->count) seen_rebase(s);
    }
    if (!s->count) {
      s->base_seq = seq;
      s->base_hour = hour;
    }
  }
  s->digest[s->count] = digest;
  s->seq[s->count] = (uint32_t)(seq - s->base_seq);
  s->hour[s->count] = (uint16_t)(hour - s->base_hour);
  s->count++;
  return true;
}

void seen_free(struct seen *s) {
  if (!s) return;
  kit_free(s->digest);
  kit_free(s);
}

size_t seen_memory(const struct seen *s) {
  return s ? sizeof *s + (size_t)s->cap * (sizeof *s->digest + sizeof *s->seq + sizeof *s->hour) : 0;
}

void seen_encode(const struct seen *s, struct buf *out) {
  pack_u64(out, s ? s->count : 0);
  if (!s) return;
  int64_t seq = 0, hour = 0;
  for (uint32_t i = 0; i < s->count; i++) {
    buf_put(out, &s->digest[i], sizeof s->digest[i]);
    pack_u64(out, (uint64_t)(s->base_seq + s->seq[i] - seq));
    pack_u64(out, (uint64_t)(s->base_hour + s->hour[i] - hour));
    seq = s->base_seq + s->seq[i];
    hour = s->base_hour + s->hour[i];
  }
}

bool seen_decode(struct user *u, struct unpack *in) {
  const uint64_t count = unpack_u64(in);
  if (in->failed || count > SEEN_MOST) return false;
  int64_t seq = 0, hour = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t digest;
    if ((size_t)(in->end - in->at) < sizeof digest) return false;
    memcpy(&digest, in->at, sizeof digest);
    in->at += sizeof digest;
    const uint64_t rows = unpack_u64(in), hours = unpack_u64(in);
    if (in->failed || rows == 0 || rows > (UINT64_C(1) << 62) - (uint64_t)seq || hours > (UINT64_C(1) << 40) - (uint64_t)hour) return false;
    seq += (int64_t)rows;
    hour += (int64_t)hours;
    if (!seen_add(u, digest, seq, hour)) return false;
  }
  return true;
}

bool seen_renumber(struct seen *s, int64_t (*map)(void *context, int64_t seq), void *context) {
  if (!s) return true;
  struct user fresh = {0};
  for (uint32_t i = 0; i < s->count; i++) {
    const int64_t seq = map(context, s->base_seq + s->seq[i]);
    if (seq && !seen_add(&fresh, s->digest[i], seq, s->base_hour + s->hour[i])) {
      seen_free(fresh.seen);
      return false;
    }
  }
  kit_free(s->digest);
  if (fresh.seen) *s = *fresh.seen;
  else *s = (struct seen){0};
  kit_free(fresh.seen);
  return true;
}
