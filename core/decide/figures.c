/* figures: what the names in a rollout's `halt` and `advance` stand for, and what they are worth on what was counted. A name alone is a
 * bound that holds however often anybody looks, on the careful side: whatever the condition says of it is beyond doubt, so an advance reads
 * the worst that the figure may be, and a halt the best. name.estimate is the point. Pure. [builder] for names, [any] for values. */
#include "rules_inside.h"
#include "stats/stats.h"
#include <string.h>

#define ESTIMATE ".estimate"

const char *rate_word(enum rate r) {
  static const char *const words[RATES] = {"opt_out_rate", "complaint_rate", "webhook_error_rate"};
  return words[r];
}

static bool cut_end(struct str *name, const char *end) {
  const size_t len = strlen(end);
  if (name->len <= len || memcmp(name->at + name->len - len, end, len) != 0) return false;
  name->len -= len;
  return true;
}

struct figure figure_of(const struct nouns *n, struct str name) {
  struct figure f = {.estimate = cut_end(&name, ESTIMATE)};
  for (int r = 0; r < RATES; r++)
    if (str_is(name, rate_word((enum rate)r))) return (struct figure){.kind = FIGURE_RATE, .rate = (enum rate)r, .estimate = f.estimate};
  if (str_is(name, "decisions") && !f.estimate) return (struct figure){.kind = FIGURE_DECISIONS};
  if (str_is(name, "users") && !f.estimate) return (struct figure){.kind = FIGURE_USERS};
  const enum figure_kind kind = cut_end(&name, ".lift") ? FIGURE_LIFT : cut_end(&name, ".difference") ? FIGURE_DIFFERENCE : FIGURE_LEVEL;
  for (uint32_t i = 0; i < n->metric_count; i++) {
    if (!str_eq(n->metrics[i].at.name, name)) continue;
    f.kind = kind;
    f.metric = i;
    f.lower_is_better = str_is(n->metrics[i].better, "lower");
  }
  return f;
}

const char *figure_unmeasured(const struct nouns *n, const struct noun_rollout *o, const struct figure *f) {
  if (f->kind == FIGURE_UNKNOWN || f->kind == FIGURE_RATE) return NULL;
  for (size_t i = 0; i < o->gate_count; i++)
    if (str_starts(o->gates[i], "model:")) return "a rollout that gates a model is not compared";
  if (f->kind == FIGURE_DECISIONS || f->kind == FIGURE_USERS) return NULL;
  const struct noun_metric *m = &n->metrics[f->metric];
  if (m->value.len) return "only metrics of events are measured, not a `value`";
  return m->window > 0 ? NULL : "the metric says no `window`";
}

/* ---- values ---- */

static struct value known(double v) {
  return stats_none(v) ? value_missing(MISSING_TOO_LITTLE) : value_number(v);
}

/* Which bound the condition is held to: true the lower one. */
static bool reads_low(const struct figure *f, bool halts) {
  return f->kind == FIGURE_RATE ? halts : f->lower_is_better == halts;
}

static struct value rate_value(const struct figure *f, const struct rate_count *c, bool halts) {
  if (c->all == 0) return value_missing(MISSING_ABSENT);
  const double all = (double)c->all, bad = c->bad < c->all ? (double)c->bad : all;
  if (f->estimate) return value_number(bad / all);
  return value_number(reads_low(f, halts) ? share_low(bad, all, RATE_ALPHA) : 1 - share_low(all - bad, all, RATE_ALPHA));
}

static struct value metric_value(const struct figure *f, const struct moments s[REACHED_GROUPS], bool halts) {
  struct bounded b;
  if (f->kind == FIGURE_LIFT) b = anytime_lift(&s[REACHED_NOT], &s[REACHED], RATE_ALPHA);
  else if (f->kind == FIGURE_DIFFERENCE) b = anytime_difference(&s[REACHED_NOT], &s[REACHED], RATE_ALPHA);
  else b = anytime_mean(&s[REACHED], RATE_ALPHA);
  if (f->estimate) return known(b.estimate);
  return known(reads_low(f, halts) ? b.low : b.high);
}

struct value figure_value(const struct figure *f, const struct stage_figures *s, bool halts) {
  if (f->kind == FIGURE_RATE) return rate_value(f, &s->rates[f->rate], halts);
  if (f->kind == FIGURE_UNKNOWN || !s->counted) return value_missing(MISSING_ABSENT);
  if (f->kind == FIGURE_DECISIONS) return value_number((double)s->decisions);
  if (f->kind == FIGURE_USERS) return value_number((double)s->users);
  return s->metrics ? metric_value(f, s->metrics[f->metric], halts) : value_missing(MISSING_ABSENT);
}

/* Which side it bounds is told by which one was read: with no bad one of a few, the lower bound is the share itself. */
static void bound_say(struct buf *out, double value, const struct figure *f, bool halts) {
  buf_printf(out, " %s %.*g with %.0f %% confidence", reads_low(f, halts) ? "at least" : "at most", f->kind == FIGURE_RATE ? 2 : 4, value,
             100 * (1 - RATE_ALPHA));
}

/* The share as it was counted, then the bound that the condition was held to. */
static void rate_say(struct buf *out, double value, const struct figure *f, const struct rate_count *c, bool halts) {
  const double all = (double)c->all, share = c->bad < c->all ? (double)c->bad / all : 1;
  buf_printf(out, " %.2g (%llu of %llu)", share, (unsigned long long)c->bad, (unsigned long long)c->all);
  if (f->estimate) return;
  buf_char(out, ',');
  bound_say(out, value, f, halts);
}

void figure_say(struct buf *out, struct str name, const struct value *v, const struct figure *f, const struct stage_figures *s,
                bool halts) {
  if (v->kind != VALUE_NUMBER) return;
  buf_printf(out, "%s" STR_FORMAT, out->len ? ", " : "", STR_ARG(name));
  if (f->kind == FIGURE_RATE) {
    rate_say(out, v->number, f, &s->rates[f->rate], halts);
    return;
  }
  if (f->kind < FIGURE_LEVEL || f->estimate) buf_printf(out, " %.4g", v->number);
  else bound_say(out, v->number, f, halts);
  if (f->kind < FIGURE_LEVEL) return;
  const struct moments *m = s->metrics[f->metric];
  buf_printf(out, " (%.4g of %.0f %s", m[REACHED].mean, m[REACHED].n, m[REACHED].clusters > 0 ? "decisions" : "people");
  if (m[REACHED].clusters > 0) buf_printf(out, " of %.0f people", m[REACHED].clusters);
  if (f->kind != FIGURE_LEVEL) buf_printf(out, ", %.4g of %.0f not reached", m[REACHED_NOT].mean, m[REACHED_NOT].n);
  buf_char(out, ')');
}
