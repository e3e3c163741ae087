/* The hours at which a workout would most likely be done (D11 to D13): the user's own successes by hour, pulled to their overall rate with
 * the weight of four attempts, moved by what the day is expected to be like, closed where the profile says so. Promises the top three
 * hours, in a fixed order, with reasons and what to do when they pass. Timing was not randomised: these are associations, and the answer
 * says so. Called through a view on the lane. */
#include "insights.h"

#define PRIOR_STRENGTH 4.0
#define BAR            0.7
#define SURE           0.6 /* P(rate > BAR) from which an hour is recommended */
#define TOP            3
#define BACKUPS        2

struct window {
  int hour;
  double n, done, low;
  double success; /* posterior mean, moved by the day */
  double above;   /* P(rate > BAR), before it is moved */
  bool preferred, over, closed, recommended;
};

static double moved(double p, double offset) {
  const double odds = math_log(p / (1 - p)) + offset;
  return 1 / (1 + math_exp(-odds));
}

/* What the day adds to every hour's log odds. */
static double day_offset(const struct outlook *o) {
  double sum = stats_none(o->weather) ? 0 : o->weather;
  const struct influence *both[] = {&o->stress, &o->energy};
  for (int i = 0; i < 2; i++)
    if (!stats_none(both[i]->effect) && !stats_none(both[i]->expected))
      sum += (both[i]->expected > both[i]->level ? .5 : -.5) * both[i]->effect;
  return math_clamp(sum, -2, 2);
}

static double overall_rate(struct view *v, double *attempts) {
  const struct patterns *p = patterns_of(v);
  *attempts = p->attempts;
  return p->attempts >= 5 ? math_clamp((double)p->done / p->attempts, .02, .98) : .5;
}

static void count_hours(struct view *v, struct window list[WINDOW_COUNT]) {
  for (uint16_t i = v->u->attempt_count; i-- > 0;) {
    const struct attempt *a = &v->u->attempts[i];
    const int hour = a->minute % 1440 / 60 - WINDOW_FIRST;
    if (a->day > v->today || hour < 0 || hour >= WINDOW_COUNT) continue;
    if (a->day <= v->today - LOOKBACK_DAYS) break;
    list[hour].n++;
    list[hour].done += a->done != 0;
  }
}

static bool comes_before(const struct window *a, const struct window *b) {
  if (a->over != b->over) return b->over;
  if (a->success != b->success) return a->success > b->success;
  if (a->n != b->n) return a->n > b->n;
  return a->hour < b->hour;
}

static void weigh(struct window *one, double rate, const struct outlook *o) {
  const double a = PRIOR_STRENGTH * rate + one->done, b = PRIOR_STRENGTH * (1 - rate) + one->n - one->done, mean = a / (a + b);
  one->low = beta_quantile(.05, a, b);
  one->above = 1 - beta_below(BAR, a, b);
  one->over = one->hour < o->hours_over;
  one->closed = !(o->open_hours >> one->hour & 1);
  one->success = one->closed ? 0 : moved(mean, day_offset(o));
  one->recommended = one->success > BAR && one->above >= SURE && !one->over;
}

static void put_reasons(const struct window *one, const struct outlook *o, double rate, struct json_writer *w) {
  struct buf text = {0};
  json_key(w, "reasoning");
  json_open_array(w);
  if (one->n > 0) buf_printf(&text, "%g of %g attempts at this hour were done in the last %d days", one->done, one->n, LOOKBACK_DAYS);
  else buf_printf(&text, "nothing was tried at this hour: the overall rate of %.2f stands in", rate);
  json_put_str(w, buf_view(&text));
  if (one->preferred) json_put_str(w, STR("the profile names it as a preferred time"));
  if (o->day_is_closed) json_put_str(w, STR("the profile's schedule leaves this weekday out"));
  else if (one->closed) json_put_str(w, STR("the profile's schedule leaves this hour out"));
  const double offset = day_offset(o);
  buf_clear(&text);
  buf_printf(&text, "the day's weather, stress and sleep %s the odds by a factor of %.2f", offset > 0 ? "raise" : "lower",
             math_exp(offset > 0 ? offset : -offset));
  if (offset > 1e-9 || offset < -1e-9) json_put_str(w, buf_view(&text));
  json_close_array(w);
  buf_free(&text);
}

static void put_window(const struct window *one, struct json_writer *w) {
  json_open_object(w);
  json_pair_int(w, "hour", one->hour);
  json_pair_double(w, "attempts", one->n);
  json_pair_double(w, "completed", one->done);
  put_figure(w, "success_probability", one->success);
  put_figure(w, "at_least", one->low);
  put_figure(w, "probability_above_0.7", one->above);
  json_pair_bool(w, "over", one->over);
  json_pair_bool(w, "recommended", one->recommended);
}

/* Later hours of the same day that are still good, in case this one passes. */
static void put_backups(const struct window *list, const struct window *one, struct json_writer *w) {
  struct window later[WINDOW_COUNT];
  int count = 0;
  for (int i = 0; i < WINDOW_COUNT; i++)
    if (list[i].hour > one->hour && list[i].success > 0) later[count++] = list[i];
  json_key(w, "backup_plans");
  json_open_array(w);
  for (int told = 0; told < BACKUPS && count; told++) {
    int best = 0;
    for (int i = 1; i < count; i++)
      if (comes_before(&later[i], &later[best])) best = i;
    json_open_object(w);
    json_pair_int(w, "hour", later[best].hour);
    put_figure(w, "success_probability", later[best].success);
    json_close_object(w);
    later[best] = later[--count];
  }
  json_close_array(w);
}

void windows_put(struct view *v, const struct outlook *o, struct json_writer *w) {
  struct window list[WINDOW_COUNT] = {0}, sorted[WINDOW_COUNT];
  double attempts;
  const double rate = overall_rate(v, &attempts);
  count_hours(v, list);
  for (int i = 0; i < WINDOW_COUNT; i++) {
    list[i].hour = WINDOW_FIRST + i;
    list[i].preferred = facts_of(v)->preferred >> list[i].hour & 1;
    weigh(&list[i], rate, o);
    int to = i;
    for (; to > 0 && comes_before(&list[i], &sorted[to - 1]); to--) sorted[to] = sorted[to - 1];
    sorted[to] = list[i];
  }
  json_key(w, "optimal_workout_window");
  json_open_object(w);
  json_pair_text(w, "method", "own attempts by hour, beta posterior around the overall rate; an association, timing was not randomised");
  json_pair_double(w, "attempts", attempts);
  put_figure(w, "overall_rate", rate);
  json_key(w, "top");
  json_open_array(w);
  for (int i = 0; i < TOP && !sorted[i].over; i++) {
    put_window(&sorted[i], w);
    put_reasons(&sorted[i], o, rate, w);
    put_backups(list, &sorted[i], w);
    json_close_object(w);
  }
  json_close_array(w);
  json_key(w, "hours");
  json_open_array(w);
  for (int i = 0; i < WINDOW_COUNT; i++) {
    put_window(&list[i], w);
    json_close_object(w);
  }
  json_close_array(w);
  json_close_object(w);
}
