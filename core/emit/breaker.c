/* When an endpoint is left alone. The breaker opens after five failures in a row and lets one attempt through when its pause is over; a
 * success closes it, a failure opens it for twice as long, up to five minutes. A 410, or five days without one success, disables the
 * endpoint until an operator takes it back. A 4xx is an answer: it counts against the five days, but one poisonous letter does not keep
 * the others waiting. The token bucket spaces attempts out; 429, 502 and 504 halve what the endpoint has been getting, each success gives a
 * twentieth back. It starts
 * no timer and sends nothing. Called by outlet.c on the courier's thread. */
#include "breaker.h"
#include "kit/clock.h"

#define FAILURES_TO_OPEN 5
#define PAUSE_FIRST      (10 * CLOCK_SECOND)
#define PAUSE_MOST       (5 * CLOCK_MINUTE)
#define DISABLED_AFTER   (5 * CLOCK_DAY)
#define RATE_DEFAULT     100000 /* a second: in effect the eight in flight are the limit until the receiver complains */
#define SLOWEST          1.0

void breaker_reset(struct breaker *b) {
  *b = (struct breaker){.pause = PAUSE_FIRST, .failing_since = -1};
}

bool breaker_allows(struct breaker *b, int64_t now) {
  if (b->state == BREAKER_OPEN && now >= b->open_until) b->state = BREAKER_HALF_OPEN, b->probing = false;
  return b->state == BREAKER_CLOSED || (b->state == BREAKER_HALF_OPEN && !b->probing);
}

void breaker_started(struct breaker *b) {
  if (b->state == BREAKER_HALF_OPEN) b->probing = true;
}

static void breaker_open(struct breaker *b, int64_t now) {
  b->state = BREAKER_OPEN;
  b->open_until = now + b->pause;
  b->pause = b->pause * 2 > PAUSE_MOST ? PAUSE_MOST : b->pause * 2;
  b->failures = 0;
}

bool breaker_judge(struct breaker *b, enum verdict verdict, int64_t now) {
  enum breaker_state was = b->state;
  if (was == BREAKER_DISABLED) return false;
  if (verdict == VERDICT_UNTRIED) { /* a probe that told nothing: the next one may go */
    b->probing = false;
    return false;
  }
  if (verdict == VERDICT_TAKEN) {
    breaker_reset(b);
    return was != BREAKER_CLOSED;
  }
  if (b->failing_since < 0) b->failing_since = now;
  if (verdict == VERDICT_GONE || now - b->failing_since >= DISABLED_AFTER) {
    b->state = BREAKER_DISABLED;
    return true;
  }
  if (verdict == VERDICT_REFUSED) { /* it answers: the way is open */
    b->state = BREAKER_CLOSED;
    b->failures = 0, b->pause = PAUSE_FIRST;
    return was != BREAKER_CLOSED;
  }
  /* Attempts that were already on their way when it opened do not lengthen the pause. */
  if (was == BREAKER_HALF_OPEN || (was == BREAKER_CLOSED && ++b->failures >= FAILURES_TO_OPEN)) breaker_open(b, now);
  return b->state != was;
}

struct bucket bucket_new(double rate, double burst, int64_t now) {
  if (!(rate > 0)) rate = RATE_DEFAULT;
  if (!(burst >= 1)) burst = rate > 1 ? rate : 1;
  return (struct bucket){.rate = rate, .burst = burst, .slowed = rate, .tokens = burst, .filled = now, .counted = now};
}

bool bucket_take(struct bucket *b, int64_t now) {
  if (now > b->filled) {
    b->tokens += (double)(now - b->filled) / 1000 * b->slowed;
    double most = b->slowed < b->rate && b->slowed < b->burst ? (b->slowed > 1 ? b->slowed : 1) : b->burst;
    if (b->tokens > most) b->tokens = most;
    b->filled = now;
  }
  if (b->tokens < 1) return false;
  b->tokens -= 1;
  if (now - b->counted >= 2 * CLOCK_SECOND) { /* halves the count and its time, so that old attempts fade */
    b->counted = now - CLOCK_SECOND;
    b->count /= 2;
  }
  b->count += 1;
  return true;
}

int64_t bucket_ready(const struct bucket *b, int64_t now) {
  double tokens = b->tokens + (now > b->filled ? (double)(now - b->filled) / 1000 * b->slowed : 0);
  return tokens >= 1 ? 0 : (int64_t)((1 - tokens) / b->slowed * 1000) + 1;
}

/* Half of what the endpoint has been getting, not of what it was allowed to get: that may be far above. Never below one a second. */
void bucket_slow(struct bucket *b, int64_t now) {
  double seconds = now - b->counted > CLOCK_SECOND ? (double)(now - b->counted) / 1000 : 1;
  double getting = b->count / seconds;
  b->slowed = (getting < b->slowed ? getting : b->slowed) / 2;
  if (b->slowed < SLOWEST) b->slowed = SLOWEST;
  if (b->tokens > 1) b->tokens = 1;
}

void bucket_mend(struct bucket *b) {
  if (b->slowed >= b->rate) return;
  b->slowed *= 1.05;
  if (b->slowed > b->rate) b->slowed = b->rate;
}
