/* When a letter is tried again: two tables and a jitter that is a function of the letter, so that a restart, a replay or another machine
 * gives the same times. The tables hold the pause before each attempt, not the time since the first. It knows no clock and no expiry: the
 * courier holds every attempt against send_before. Pure, any thread. */
#include "emit.h"
#include "kit/clock.h"
#include "kit/rng.h"

static const int64_t intervention_pauses[] = {0, 5 * CLOCK_SECOND, 30 * CLOCK_SECOND, 2 * CLOCK_MINUTE, 5 * CLOCK_MINUTE};
static const int64_t other_pauses[] = {
    0,
    5 * CLOCK_SECOND,
    5 * CLOCK_MINUTE,
    30 * CLOCK_MINUTE,
    2 * CLOCK_HOUR,
    5 * CLOCK_HOUR,
    10 * CLOCK_HOUR,
    14 * CLOCK_HOUR,
    20 * CLOCK_HOUR,
    24 * CLOCK_HOUR,
};

int64_t retry_delay(uint32_t attempts_made, bool intervention, uint64_t id) {
  size_t count = intervention ? sizeof intervention_pauses / sizeof *intervention_pauses : sizeof other_pauses / sizeof *other_pauses;
  if (attempts_made >= count) return -1;
  int64_t pause = intervention ? intervention_pauses[attempts_made] : other_pauses[attempts_made];
  /* An odd multiplier keeps the attempts of one letter, and neighbouring letters at one attempt, on different keys. */
  double u = rng_mix(id + attempts_made * UINT64_C(0x9E3779B97F4A7C15));
  return (int64_t)((double)pause * (0.8 + 0.4 * u));
}
