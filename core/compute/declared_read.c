/* Declared features, read: each window as of a view's day, and derived expressions with what they read filled in first. Promises missing
 * with a reason where there are fewer observations than the definition asks for. Changes nothing but the scratch slots. Called through
 * view_read on the lane. */
#include "features.h"
#include "kit/clock.h"

#define CATEGORY_BITS 0xffffull
#define COUNTS_MOST   16

struct total {
  double sum, n;
};

static const struct series *find_series(const struct user *u, uint64_t digest) {
  for (uint16_t i = 0; i < u->series_count; i++)
    if (u->series[i].digest == digest) return &u->series[i];
  return NULL;
}

static struct total total_of(const struct view *v, const struct series *s, int32_t days) {
  struct total t = {0};
  for (struct day_walk w = day_walk(s, v->today, days); w.left; walk_next(&w)) {
    t.sum += (double)walk_day(&w)->sum;
    t.n += walk_day(&w)->n;
  }
  return t;
}

static struct value or_too_little(const struct declared_feature *d, double n, double value) {
  return n >= d->at_least && n > 0 ? value_number(value) : value_missing(MISSING_TOO_LITTLE);
}

/* Of windows for which nothing is a number too, unless their definition asks for more. */
static struct value or_too_few(const struct declared_feature *d, double n, double value) {
  return n >= d->at_least ? value_number(value) : value_missing(MISSING_TOO_LITTLE);
}

static struct value read_trend(const struct view *v, const struct declared_feature *d, const struct series *s) {
  double x[SERIES_DAYS], y[SERIES_DAYS];
  size_t n = 0;
  struct line line;
  for (struct day_walk w = day_walk(s, v->today, d->days); w.left; walk_next(&w)) {
    const struct series_day *day = walk_day(&w);
    if (!day->n) continue;
    x[n] = w.day - v->today;
    y[n++] = (double)day->sum / day->n;
  }
  if ((double)n < d->at_least || !line_fit(x, y, n, &line)) return value_missing(MISSING_TOO_LITTLE);
  return value_number(line.slope);
}

/* Consecutive days with an event, up to today or yesterday. */
static struct value read_streak(const struct view *v, const struct series *s) {
  const struct series_day *today = series_at(s, v->today);
  int32_t day = today && today->n ? v->today : v->today - 1, length = 0;
  for (; length < SERIES_DAYS; length++) {
    const struct series_day *d = series_at(s, day - length);
    if (!d || !d->n) break;
  }
  return value_number(length);
}

/* By weekday without a field, by the field's values with one; counts are put in order so that the sum has one. */
static struct value read_entropy(const struct view *v, const struct declared_feature *d) {
  double counts[COUNTS_MOST] = {0}, n = 0;
  size_t kinds = 0;
  const struct series *s = find_series(v->u, d->digest);
  struct entropy e;
  if (d->field_slot == UINT32_MAX) {
    kinds = 7;
    for (int32_t i = 0; s && i < d->days; i++) {
      const struct series_day *day = series_at(s, v->today - i);
      if (day) counts[(v->today - i) % 7 < 0 ? (v->today - i) % 7 + 7 : (v->today - i) % 7] += day->n;
    }
  } else {
    for (uint16_t i = 0; i < v->u->series_count && kinds < COUNTS_MOST; i++)
      if ((v->u->series[i].digest & ~CATEGORY_BITS) == d->digest) counts[kinds++] = total_of(v, &v->u->series[i], d->days).n;
  }
  for (size_t i = 0; i < kinds; i++) n += counts[i];
  if (n < d->at_least) return value_missing(kinds && n > 0 ? MISSING_TOO_LITTLE : MISSING_ABSENT);
  stats_sort(counts, kinds);
  return entropy_counts(counts, kinds, 0, &e) ? value_number(e.h) : value_missing(MISSING_TOO_LITTLE);
}

static struct value read_circular(const struct view *v, const struct declared_feature *d, const struct series *s) {
  struct total c = total_of(v, s, d->days), y = total_of(v, find_series(v->u, ~d->digest), d->days);
  struct circular out;
  if (c.n < d->at_least || !circular_sums(c.sum, y.sum, c.n, (size_t)c.n, &out)) return value_missing(MISSING_TOO_LITTLE);
  return value_number(out.resultant);
}

/* Several features read the profile; its text is parsed once a view. NULL: it is none. */
static const struct json *profile_of(struct view *v) {
  if (v->profile) return v->profile;
  struct json *j = ARENA_NEW(v->arena, struct json);
  if (!j || !json_parse(j, v->arena, v->u->profile, &json_limits_default, NULL)) return NULL;
  return v->profile = j;
}

static struct value profile_value(struct view *v, const struct symbol *s) {
  const struct json *j = profile_of(v);
  struct str path = {s->name.at + 8, s->name.len - 8}; /* after "profile." */
  if (!j) return value_missing(MISSING_ABSENT);
  struct value out = value_from_json(j, json_path(j, 0, arena_text(v->arena, path.at, path.len)), v->arena);
  if (out.kind == VALUE_MISSING) return s->fallback;
  return s->type != VALUE_MISSING && out.kind != s->type ? value_missing(MISSING_WRONG_TYPE) : out;
}

static struct value read_derived(struct view *v, const struct declared_feature *d, struct value *slots) {
  const uint32_t *which;
  if (!d->value) return value_missing(MISSING_ABSENT);
  uint32_t count = expression_slots(d->value, &which);
  for (uint32_t i = 0; i < count; i++) {
    const struct symbol *s = &v->f->symbols->at[which[i]];
    slots[which[i]] = s->kind == SYMBOL_FEATURE ? view_read(v, s->index, slots) : profile_value(v, s);
  }
  struct value out = expression_value(d->value, slots);
  for (uint32_t i = 0; out.kind == VALUE_MISSING && i < count; i++)
    if (slots[which[i]].kind == VALUE_MISSING && slots[which[i]].reason == MISSING_WARMING) return slots[which[i]];
  if (out.kind == VALUE_BOOL) return value_number(out.number);
  return out.kind == VALUE_NUMBER || out.kind == VALUE_MISSING ? out : value_missing(MISSING_WRONG_TYPE);
}

static struct value read_since(const struct view *v, const struct declared_feature *d) {
  const struct mark *mark = user_mark(v->u, d->digest);
  if (!mark) return value_missing(MISSING_ABSENT);
  return value_number(v->clock > mark->at ? (double)(v->clock - mark->at) / (double)CLOCK_SECOND : 0);
}

/* The newest value, for as many times 24 hours as the definition says. */
static struct value read_last(const struct view *v, const struct declared_feature *d) {
  const struct mark *mark = user_mark(v->u, d->digest);
  if (!mark) return value_missing(MISSING_ABSENT);
  if (v->clock - mark->at > d->days * CLOCK_DAY) return value_missing(MISSING_TOO_LITTLE);
  return value_number(mark->value);
}

bool declared_days(const struct declared_feature *d, enum day_rule *rule) {
  const bool events = d->kind == WINDOW_RATE && !d->where && d->field_slot == UINT32_MAX; /* a rate of events a day */
  *rule = d->kind == WINDOW_SUM ? DAY_SUM : d->kind == WINDOW_COUNT || d->kind == WINDOW_STREAK || events ? DAY_COUNT : DAY_MEAN;
  return d->kind == WINDOW_SUM || d->kind == WINDOW_COUNT || d->kind == WINDOW_MEAN || d->kind == WINDOW_RATE || d->kind == WINDOW_TREND ||
         d->kind == WINDOW_STREAK;
}

struct value declared_read(struct view *v, const struct declared_feature *d, struct value *slots) {
  if (d->kind == WINDOW_DERIVED) return read_derived(v, d, slots);
  if (view_is_warming(v, d)) return value_missing(MISSING_WARMING);
  if (d->kind == WINDOW_SINCE_LAST) return read_since(v, d);
  if (d->kind == WINDOW_LAST) return read_last(v, d);
  if (d->kind == WINDOW_ENTROPY) return read_entropy(v, d);
  const struct series *s = find_series(v->u, d->digest);
  if (!s) {
    const bool none = d->kind == WINDOW_COUNT && d->at_least < 1 && user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
    return none ? value_number(0) : value_missing(MISSING_ABSENT);
  }
  struct total t = total_of(v, s, d->days);
  switch (d->kind) {
  case WINDOW_SUM: return or_too_few(d, t.n, t.sum);
  case WINDOW_COUNT: return or_too_few(d, t.n, t.n);
  case WINDOW_MEAN: return or_too_little(d, t.n, t.sum / t.n);
  case WINDOW_RATE:
    if (d->where || d->field_slot != UINT32_MAX) return or_too_little(d, t.n, t.sum / t.n);
    return or_too_few(d, t.n, t.n / d->days);
  case WINDOW_TREND: return read_trend(v, d, s);
  case WINDOW_STREAK: return read_streak(v, s);
  case WINDOW_CIRCULAR: return read_circular(v, d, s);
  case WINDOW_SINCE_LAST:
  case WINDOW_ENTROPY:
  case WINDOW_LAST:
  case WINDOW_DERIVED: break;
  }
  return value_missing(MISSING_ABSENT);
}
