/* size: how many people a comparison of two arms takes, and for how many days, or what so many people would show (METHODS 7.1): for whoever
 * looks once at the end, and for the bounds that the engine itself looks at each second. Promises not to guess what an effect is measured
 * in: absolute, relative and in deviations are three questions whose answers lie a hundredfold apart. Asks no engine. Main thread. */
#include "size.h"
#include "kit/json.h"
#include "stats/stats.h"
#include <stdio.h>

enum effect_type { ABSOLUTE, RELATIVE, DEVIATIONS };

/* "5%" or 0.05. */
static bool read_number(const char *name, const char *text, double *out, struct err *e) {
  struct str s = str_from(text);
  const bool percent = s.len && s.at[s.len - 1] == '%';
  if (percent) s.len--;
  if (!str_to_double(s, out)) return err_set(e, ERR_INPUT, "%s: expected a number such as 0.05 or 5%%, got \"%s\"", name, text);
  if (percent) *out /= 100;
  return true;
}

static bool read_between(const char *name, const char *text, double low, double high, double *out, struct err *e) {
  if (!text) return true;
  if (!read_number(name, text, out, e)) return false;
  return (*out > low && *out < high) || err_set(e, ERR_INPUT, "%s: expected more than %g and less than %g, got %s", name, low, high, text);
}

static bool read_type(const struct size_ask *ask, enum effect_type *type, struct err *e) {
  static const char *const words[] = {"absolute", "relative", "deviations"};
  const struct str said = ask->type ? str_from(ask->type) : STR("");
  for (int i = 0; i < 3; i++) {
    *type = (enum effect_type)i;
    if (str_is(said, words[i])) return true;
  }
  if (!ask->type)
    return err_set(e, ERR_INPUT,
                   "--effect-type is missing: absolute (5%% more of 30%% is 35%%), relative (31.5%%) or deviations (Cohen's d)");
  return err_set(e, ERR_INPUT, "--effect-type: expected absolute, relative or deviations, got \"%s\"", ask->type);
}

/* What is asked for, but for the difference. */
static bool read_plan(const struct size_ask *ask, struct plan *p, struct err *e) {
  *p = (struct plan){.base = STATS_NONE, .difference = STATS_NONE, .deviation = STATS_NONE, .share = .5, .alpha = .05, .power = .8};
  return (!ask->base || read_number("--base", ask->base, &p->base, e)) &&
         read_between("--deviation", ask->deviation, 0, 1e300, &p->deviation, e) &&
         read_between("--share", ask->share, 0, 1, &p->share, e) && read_between("--alpha", ask->alpha, 0, .5, &p->alpha, e) &&
         read_between("--power", ask->power, p->alpha, 1, &p->power, e);
}

static bool read_difference(const struct size_ask *ask, struct plan *p, struct err *e) {
  enum effect_type type;
  double effect;
  if (!read_number("--effect", ask->effect, &effect, e) || !read_type(ask, &type, e)) return false;
  if (effect == 0) return err_set(e, ERR_INPUT, "--effect: nobody finds an effect of 0");
  if (type == DEVIATIONS) {
    if (ask->base || ask->deviation) return err_set(e, ERR_INPUT, "an effect in deviations needs no --base and no --deviation");
    p->base = 0;
    p->deviation = 1;
  }
  if (stats_none(p->base)) return err_set(e, ERR_INPUT, "--base is missing: the share, or with --deviation the mean, of the control arm");
  if (type == RELATIVE && !(p->base > 0)) return err_set(e, ERR_INPUT, "--base: a relative effect needs more than 0, got %s", ask->base);
  p->difference = type == RELATIVE ? p->base * effect : effect;
  return true;
}

static bool read_ask(const struct size_ask *ask, struct plan *p, struct err *e) {
  if (!read_plan(ask, p, e)) return false;
  if (!ask->effect == !ask->people)
    return err_set(e, ERR_INPUT,
                   "expected either --effect, to learn how many people it takes, or --people, to learn which effect they show");
  if (ask->type && !ask->effect) return err_set(e, ERR_INPUT, "--effect-type goes with --effect, which is not there");
  if (ask->people < 0 || ask->daily < 0) return err_set(e, ERR_INPUT, "--people and --daily: expected at least 1");
  if (ask->effect && !read_difference(ask, p, e)) return false;
  if (stats_none(p->base) && !stats_none(p->deviation)) p->base = 0; /* of a mean only the difference counts */
  if (stats_none(p->base)) return err_set(e, ERR_INPUT, "--base is missing: the share of the control arm, or --deviation for means");
  const double other = p->base + (ask->effect ? p->difference : 0);
  if (stats_none(p->deviation) && !(p->base >= 0 && p->base <= 1 && other >= 0 && other <= 1))
    return err_set(e, ERR_INPUT, "%g in the control arm and %g in the other: shares lie from 0 to 1 (means need --deviation)", p->base,
                   other);
  return true;
}

/* From "never" to "always": nothing varies. */
static bool is_sure(const struct plan *p) {
  const double other = p->base + p->difference;
  return stats_none(p->deviation) && !(p->base > 0 && p->base < 1) && !(other > 0 && other < 1);
}

/* ---- answers ---- */

static const char *const keys[2] = {"once", "always"};
static const char *const words[2] = {"looked at once, at the end", "looked at whenever, as the engine does"};

static double days_of(const struct size_ask *ask, double all) {
  const double days = all / (double)ask->daily, whole = (double)(uint64_t)days;
  return days > whole ? whole + 1 : whole;
}

static void print_people(const struct size_ask *ask, const struct plan *p) {
  double people[2];
  printf("%g beside %g in the control arm, found %g times in a hundred where it is there:\n", p->base + p->difference, p->base,
         100 * p->power);
  for (int always = 0; always < 2; always++) {
    plan_people(p, always != 0, people);
    printf("  %-40s %.0f people in the control arm, %.0f in the other", words[always], people[0], people[1]);
    if (ask->daily) printf(", %.0f days", days_of(ask, people[0] + people[1]));
    printf("\n");
  }
}

static void print_difference(const struct size_ask *ask, const struct plan *p) {
  printf("The smallest effect above %g that %lld people", p->base, (long long)ask->people);
  if (ask->daily) printf(" of %.0f days", days_of(ask, (double)ask->people));
  printf(" show, %g times in a hundred where it is there:\n", 100 * p->power);
  for (int always = 0; always < 2; always++) {
    const double d = plan_difference(p, always != 0, (double)ask->people);
    if (stats_none(d)) printf("  %-40s none, however large\n", words[always]);
    else printf("  %-40s %.4g, to %.4g\n", words[always], d, p->base + d);
  }
}

static void write_answers(const struct size_ask *ask, const struct plan *p, struct json_writer *w) {
  double people[2];
  json_open_object(w);
  json_pair_figure(w, "base", p->base);
  json_pair_figure(w, "deviation", p->deviation);
  json_pair_double(w, "share", p->share);
  json_pair_double(w, "alpha", p->alpha);
  json_pair_double(w, "power", p->power);
  for (int always = 0; always < 2; always++) {
    json_key(w, keys[always]);
    json_open_object(w);
    const bool known = ask->effect && plan_people(p, always != 0, people);
    json_pair_figure(w, "difference", ask->effect ? p->difference : plan_difference(p, always != 0, (double)ask->people));
    if (known) json_pair_double(w, "control", people[0]);
    if (known) json_pair_double(w, "other", people[1]);
    if (known && ask->daily) json_pair_double(w, "days", days_of(ask, people[0] + people[1]));
    json_close_object(w);
  }
  if (ask->people && ask->daily) json_pair_double(w, "days", days_of(ask, (double)ask->people));
  json_close_object(w);
}

int experiments_size(const struct usage *u, const struct size_ask *ask) {
  struct err e = {0};
  struct plan p;
  double people[2];
  if (!read_ask(ask, &p, &e)) return arguments_refuse(u, &e);
  if (ask->effect && !(plan_people(&p, false, people) && plan_people(&p, true, people))) {
    if (is_sure(&p))
      err_set(&e, ERR_INPUT, "from %g to %g nobody differs from anybody: there is no chance to reckon with", p.base, p.base + p.difference);
    else err_set(&e, ERR_INPUT, "a difference of %g takes more people than there are", p.difference);
    return arguments_refuse(u, &e);
  }
  if (ask->json) {
    struct buf out = {0};
    struct json_writer w = json_to(&out);
    write_answers(ask, &p, &w);
    tool_print(&out);
  } else if (ask->effect) print_people(ask, &p);
  else print_difference(ask, &p);
  return EXIT_OK;
}
