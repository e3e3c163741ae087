/* A bound of a share that may be looked at after every count: the share is above it with the stated confidence at all times together, so
 * that somebody who looks each second is wrong no more often than somebody who looks once. The bets are spread evenly over all shares above
 * the one that is doubted; that is a supermartingale for every share up to it (Ville). Pure; any thread. */
#include "kit/math.h"
#include "stats.h"

/* The log of what the bets against "the share is at most p" have grown to. */
static double log_wealth(double done, double left, double p) {
  const double above = 1 - beta_below(p, done + 1, left + 1);
  if (above <= 0) return -1e300;
  return log_gamma(done + 1) + log_gamma(left + 1) - log_gamma(done + left + 2) + math_log(above) - done * math_log(p) -
         (left + 1) * math_log(1 - p);
}

double share_low(double done, double n, double alpha) {
  if (!(done > 0) || !(n >= done)) return 0;
  const double enough = -math_log(alpha), left = n - done;
  double low = 0, high = done / n < 1 ? done / n : 1 - 1e-12;
  for (int i = 0; i < 60; i++) {
    const double middle = (low + high) / 2;
    if (log_wealth(done, left, middle) >= enough) low = middle;
    else high = middle;
  }
  return low;
}
