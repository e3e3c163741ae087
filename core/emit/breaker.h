/* The breaker of one endpoint and its token bucket: pure state machines over a time that is given, private to emit. Times are monotonic
 * milliseconds. [courier] */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_DISABLED };
/* What an attempt says about the endpoint, not about the letter. */
enum verdict {
  VERDICT_TAKEN,   /* 2xx */
  VERDICT_REFUSED, /* it answers, but not this letter: 3xx, most 4xx */
  VERDICT_FAILED,  /* no answer, a broken one, 5xx, 408, 429 */
  VERDICT_GONE,    /* 410 */
  VERDICT_UNTRIED, /* nothing was sent, and the endpoint is not to blame */
};
struct breaker {
  enum breaker_state state;
  uint32_t failures;     /* in a row */
  int64_t open_until;    /* OPEN */
  int64_t pause;         /* the next opening's length */
  int64_t failing_since; /* the first attempt without a 2xx since the last 2xx; −1: none */
  bool probing;          /* HALF_OPEN: its one attempt is on its way */
};
void breaker_reset(struct breaker *b);
/* May an attempt start now? Turns OPEN into HALF_OPEN when its time has come. */
bool breaker_allows(struct breaker *b, int64_t now);
void breaker_started(struct breaker *b);                                  /* an attempt starts; breaker_allows has said yes */
bool breaker_judge(struct breaker *b, enum verdict verdict, int64_t now); /* an attempt has ended; true: the state changed */

struct bucket {
  double rate, burst; /* tokens per second, tokens at most */
  double slowed;      /* the rate in force: below `rate` after 429, 502, 504, mended by successes */
  double tokens;
  int64_t filled;  /* when `tokens` was true */
  int64_t counted; /* attempts since then are in `count`: what the endpoint has really been getting, for bucket_slow */
  double count;
};
struct bucket bucket_new(double rate, double burst, int64_t now);
bool bucket_take(struct bucket *b, int64_t now);
int64_t bucket_ready(const struct bucket *b, int64_t now); /* milliseconds until a token is there, 0: now */
void bucket_slow(struct bucket *b, int64_t now);
void bucket_mend(struct bucket *b);
