/* Inside compute: what insights.c puts together from the other files. All write into the open object of `w`. */
#pragma once
#include "features.h"

#define OUTLOOK_DAYS 28 /* of history that predictions about tomorrow look at */

/* What one thing about the day does to success: the difference of log odds between the user's own days above and below their median. */
struct influence {
  double level, expected; /* the median of OUTLOOK_DAYS; what is expected on the day */
  double effect;          /* log odds of success, above less below; none with fewer than 8 attempts on either side */
  uint32_t above, below;  /* attempts */
};
struct outlook {
  struct influence stress, energy; /* energy is read off hours slept */
  double weather;                  /* log odds of success in the asked weather, less the user's own; none: unknown, or too little */
  uint32_t weather_attempts;
  double free_share[24]; /* of the user's days with attempts or plans at all: how many had one begin in that hour */
  bool day_is_closed;    /* the profile says that this weekday is not available */
  bool slots_named;      /* the profile names hours of this weekday */
  uint32_t open_hours;   /* bit h: hour h is neither on a closed day nor outside the named hours */
  int32_t hours_over;    /* of the day that is looked at: hours before this one have begun already */
};
/* `weather` empty: not asked for. `day`: the local day that is looked at. */
void outlook_read(struct view *v, struct str weather, int32_t day, struct outlook *out);
void outlook_put(const struct outlook *o, struct str weather, struct json_writer *w);

#define WINDOW_FIRST 6
#define WINDOW_COUNT 16 /* hours 6 to 21 */
void windows_put(struct view *v, const struct outlook *o, struct json_writer *w);

void forecasts_put(struct view *v, struct json_writer *w);
void opportunities_put(struct view *v, struct json_writer *w);
/* Single figures that the assessment names again. None when there is too little. */
double forecast_burnout(struct view *v);
bool forecast_plateau(struct view *v, bool *plateau);
double forecast_churn(struct view *v);
double forecast_performance(struct view *v);
/* A spike of training load describes: 30 % and two deviations above the three weeks before. `change` as a share. */
bool forecast_spike(struct view *v, bool *spike, double *change);

static inline void put_figure(struct json_writer *w, const char *key, double value) {
  json_pair_figure(w, key, value);
}
/* The ring's values of the last `days` days that have one: days since the first of these into x, values into y. */
size_t ring_values(struct view *v, enum ring ring, int32_t days, double *x, double *y);
