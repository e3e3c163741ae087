/* recorded: the codec of what a journal row keeps beside its event. Small, because every event carries one. Called by flow in a lane and by
 * replay; pure. */
#include "program/recorded.h"

#define RECORDED_VERSION 1
#define BELIEFS_MOST     4096
#define CLOCK_MOST       (INT64_C(1) << 52) /* ms: far beyond the year 9999 */
enum { FLAG_HISTORY = 1, FLAG_IDENTIFY = 2, FLAG_DECIDES = 4, FLAG_FILLED = 8, FLAG_TRACED = 16, FLAG_RETURNED = 32 };

void recorded_pack(const struct recorded *r, struct buf *out) {
  pack_u64(out, RECORDED_VERSION);
  pack_u64(out, (r->history ? FLAG_HISTORY : 0u) | (r->may_identify ? FLAG_IDENTIFY : 0u) | (r->decides ? FLAG_DECIDES : 0u) |
                    (r->filled.len ? FLAG_FILLED : 0u) | (r->trace.there ? FLAG_TRACED : 0u) | (r->returned ? FLAG_RETURNED : 0u));
  pack_i64(out, r->clock);
  pack_i64(out, r->received - r->clock);
  pack_str(out, r->source);
  pack_str(out, r->given_id);
  pack_u64(out, r->decision_count);
  if (r->decision_count) pack_u64(out, r->first_decision);
  pack_u64(out, r->belief_count);
  for (uint32_t i = 0; i < r->belief_count; i++) {
    const struct recorded_belief *b = &r->beliefs[i];
    pack_u64(out, b->belief);
    pack_u64(out, b->value.kind == VALUE_NUMBER ? 0 : 1u + b->value.reason);
    if (b->value.kind == VALUE_NUMBER) pack_f64(out, b->value.number);
  }
  if (r->filled.len) pack_str(out, r->filled);
  if (r->trace.there) trace_pack(&r->trace, out);
}

static bool unpack_beliefs(struct unpack *u, struct arena *a, struct recorded *out) {
  uint64_t count = unpack_u64(u);
  if (u->failed || count > BELIEFS_MOST) return false;
  out->belief_count = (uint32_t)count;
  out->beliefs = ARENA_ARRAY(a, struct recorded_belief, count + 1);
  for (uint32_t i = 0; i < count && !u->failed; i++) {
    out->beliefs[i].belief = (uint32_t)unpack_u64(u);
    uint64_t missing = unpack_u64(u);
    if (missing > MISSING_REASONS) u->failed = true;
    out->beliefs[i].value = missing ? value_missing((enum missing_reason)(missing - 1)) : value_number(unpack_f64(u));
  }
  return !u->failed;
}

bool recorded_unpack(struct str bytes, struct arena *a, struct recorded *out, struct err *e) {
  struct unpack u = unpack_from(bytes);
  *out = (struct recorded){0};
  uint64_t version = unpack_u64(&u), flags = unpack_u64(&u);
  if (version != RECORDED_VERSION)
    return err_set(e, ERR_STORAGE, "journal record: expected version %d, got %llu", RECORDED_VERSION, (unsigned long long)version);
  out->history = flags & FLAG_HISTORY;
  out->may_identify = flags & FLAG_IDENTIFY;
  out->decides = flags & FLAG_DECIDES;
  out->returned = flags & FLAG_RETURNED;
  const int64_t clock = unpack_i64(&u), since = unpack_i64(&u);
  if (clock < -CLOCK_MOST || clock > CLOCK_MOST || since < -CLOCK_MOST || since > CLOCK_MOST)
    return err_set(e, ERR_STORAGE, "journal record: %lld ms is no time", (long long)clock);
  out->clock = clock;
  out->received = clock + since;
  out->source = unpack_str(&u);
  out->given_id = unpack_str(&u);
  out->decision_count = (uint32_t)unpack_u64(&u);
  if (out->decision_count) out->first_decision = unpack_u64(&u);
  bool whole = unpack_beliefs(&u, a, out);
  if (whole && (flags & FLAG_FILLED)) out->filled = unpack_str(&u);
  if (whole && (flags & FLAG_TRACED)) whole = trace_unpack(&u, &out->trace);
  if (!whole || u.failed)
    return err_set(e, ERR_STORAGE, "journal record: ends early at byte %zu of %zu", bytes.len - (size_t)(u.end - u.at), bytes.len);
  return true;
}
