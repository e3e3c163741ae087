/* guard: the safeguards that stand after all rules (PROMISES C1, C2, C4, C5, C7). Rules can only lower them; whatever is unknown means that
 * nothing is sent. Called by slate.c in a lane, before any draw. Reads the user and the controls, changes nothing. */
#include "goal.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "reasons_words.h"
#include "rules_inside.h"

bool guard_minor(const struct user *u) {
  return u->age < ADULT_AGE;
}

/* What cannot be read counts as a reason to take care. */
bool guard_unwell(const struct user *u, struct arena *a) {
  return user_health(u, a) != 0;
}

static void count_sends(const struct user *u, int64_t clock, struct guard_figures *g) {
  g->since_last = -1;
  for (size_t i = 0; i < u->send_count; i++) {
    int64_t since = clock - u->sends[i].at; /* negative after a clock jump: still counts */
    if (since < CLOCK_DAY) g->day++;
    if (since < 7 * CLOCK_DAY) g->week++;
    if (g->since_last < 0 || since < g->since_last) g->since_last = since < 0 ? 0 : since;
  }
}

static bool is_quiet(const struct policy *p, int32_t minute) {
  return minute >= p->quiet_from || minute < p->quiet_to;
}

/* One uniform for life: who is held out does not depend on the program or the day. */
bool rules_hold_out(const struct rules *r, const struct user *u) {
  return r->policy.holdout > 0 && holdout_place(u) < r->policy.holdout;
}

static const char *guard_age(const struct rules *r, const struct user *u, struct arena *a, struct str *detail) {
  if (!guard_minor(u) || (!r->policy.minors_nothing && u->minor_consent)) return NULL;
  *detail =
      u->age < 0 ? STR("age unknown and no guardian's consent") : str_from(arena_printf(a, "age %d and no guardian's consent", u->age));
  return REASON_MINOR;
}

static const char *guard_gap(const struct rules *r, const struct guard_figures *g, struct arena *a, struct str *detail) {
  if (g->since_last < 0 || g->since_last >= r->policy.gap) return NULL;
  *detail = str_from(arena_printf(a, "%lld min since the last, at least %lld", (long long)(g->since_last / CLOCK_MINUTE),
                                  (long long)(r->policy.gap / CLOCK_MINUTE)));
  return REASON_TOO_SOON;
}

/* Who was erased and is somebody new under the same id has been enrolled by nobody. */
static bool is_enrolled(const struct rules *r, const struct user *u) {
  return r->policy.enrolled && !(u && user_mark(u, user_returned_key()));
}

/* Who may be disturbed, in the order in which it is asked; what no figure says needs the user. */
static const char *guard_who(const struct rules *r, const struct user *u, const struct guard_figures *g, int check, struct arena *a,
                             struct str *detail) {
  switch (check) {
  case 0: return g->consent == CONSENT_WITHDRAWN ? REASON_OPTED_OUT : NULL;
  case 1: return g->consent == CONSENT_UNKNOWN && !is_enrolled(r, u) ? REASON_CONSENT_UNKNOWN : NULL;
  case 2: return u ? guard_age(r, u, a, detail) : NULL;
  default: return u && rules_hold_out(r, u) ? REASON_HOLDOUT : NULL;
  }
}
#define WHO 4

static const char *guard_when(const struct rules *r, const struct guard_figures *g, int check, struct arena *a, struct str *detail) {
  switch (check) {
  case 0: return g->local_minute < 0 ? REASON_ZONE_UNKNOWN : NULL;
  case 1:
    if (g->local_minute < 0 || !is_quiet(&r->policy, g->local_minute)) return NULL;
    *detail = str_from(arena_printf(a, "%02d:%02d local time", g->local_minute / 60, g->local_minute % 60));
    return REASON_QUIET_HOURS;
  case 2:
    if (g->day < g->day_most) return NULL;
    *detail = str_from(arena_printf(a, "%d of %d in 24 h", g->day, g->day_most));
    return REASON_DAY_CAP;
  case 3:
    if (g->week < g->week_most) return NULL;
    *detail = str_from(arena_printf(a, "%d of %d in 7 days", g->week, g->week_most));
    return REASON_WEEK_CAP;
  default: return guard_gap(r, g, a, detail);
  }
}
#define WHEN 5

const char *guard_user_next(const struct rules *r, const struct user *u, const struct guard_figures *g, struct arena *a, struct str *detail,
                            int *from) {
  while (*from < WHO + WHEN) {
    const int check = (*from)++;
    *detail = (struct str){0};
    const char *reason = check < WHO ? guard_who(r, u, g, check, a, detail) : guard_when(r, g, check - WHO, a, detail);
    if (reason) return reason;
  }
  return NULL;
}

const char *guard_user(const struct rules *r, const struct controls *c, const struct user *u, int64_t clock, struct guard_figures *g,
                       struct arena *a, struct str *detail) {
  *g = (struct guard_figures){
      .day_most = r->policy.per_day, .week_most = r->policy.per_week, .consent = u->consent, .age = u->age, .local_minute = -1};
  count_sends(u, clock, g);
  if (u->zone) {
    g->local_minute = tz_local(u->zone, clock).minute;
    g->quiet = is_quiet(&r->policy, g->local_minute);
  }
  if (c->kill_all) {
    *detail = STR("all");
    return REASON_KILLED;
  }
  int from = 0;
  return guard_user_next(r, u, g, a, detail, &from);
}

void rules_safeguards(const struct rules *r, const struct controls *c, const struct user *u, int64_t clock, struct json_writer *w,
                      struct arena *a) {
  struct guard_figures g;
  struct str detail = {0};
  const char *reason = guard_user(r, c, u, clock, &g, a, &detail);
  json_open_object(w);
  json_pair_bool(w, "possible", !reason);
  if (reason) json_pair_text(w, "reason", reason);
  if (detail.len) json_pair_str(w, "detail", detail);
  json_key(w, "figures");
  put_guard_figures(w, &g);
  json_close_object(w);
}

int64_t guard_last_send(const struct user *u, uint64_t hash, bool option) {
  int64_t last = INT64_MIN;
  for (size_t i = 0; i < u->send_count; i++) {
    const struct send *s = &u->sends[i];
    if ((option ? s->option : s->trigger) == hash && s->at > last) last = s->at;
  }
  return last;
}

static bool cooling(const struct user *u, uint64_t hash, bool option, double cooldown, int64_t clock) {
  int64_t last = cooldown > 0 ? guard_last_send(u, hash, option) : INT64_MIN;
  return last != INT64_MIN && clock - last < (int64_t)(cooldown * 1000);
}

const char *guard_trigger(const struct moment_input *in, const struct trigger *t, struct str *detail, int *from) {
  while (*from < 3) {
    const int check = (*from)++;
    *detail = check == 2 ? t->noun->available : t->noun->at.name;
    if (check == 0 && controls_killed(in->controls, t->names[0])) return REASON_KILLED;
    if (check == 1 && cooling(in->user, t->hash, false, t->noun->cooldown, in->clock)) return REASON_COOLDOWN;
    if (check == 2 && t->available && expression_truth(t->available, in->slots) != TRUTH_TRUE) return REASON_NOT_AVAILABLE;
  }
  *detail = (struct str){0};
  return NULL;
}

/* The slot is the option's own only until the next one is asked: its message is rendered here, and never again. */
static const char *offer_goal(const struct moment_input *in, const struct option *o, struct arena *a, struct goal_given *goal) {
  const uint32_t slot = in->rules->offered;
  *goal = (struct goal_given){0};
  if (slot != NO_ONE) in->slots[slot] = value_missing(MISSING_ABSENT);
  if (!o->goal) return NULL;
  const struct value proposed = expression_value(o->goal_value, in->slots), usual = expression_value(o->goal_usual, in->slots);
  const double nan = __builtin_nan("");
  const char *reason = goal_guard(o->goal, in->user, proposed.kind == VALUE_NUMBER ? proposed.number : nan,
                                  usual.kind == VALUE_NUMBER ? usual.number : nan, in->clock, a, goal);
  if (!reason && slot != NO_ONE) in->slots[slot] = value_number(goal->value);
  return reason;
}

/* What keeps an option from anybody, from this person, or from now. */
static const char *option_stands_back(const struct moment_input *in, const struct option *o, bool minor, int check, struct arena *a) {
  switch (check) {
  case 0: return controls_killed(in->controls, o->kill_name) ? REASON_KILLED : NULL;
  case 1: return minor && (o->noun->raises_goal || o->noun->vigorous) ? REASON_MINOR : NULL;
  case 2: return o->noun->vigorous && guard_unwell(in->user, a) ? REASON_UNWELL : NULL;
  case 3: return o->strained && expression_truth(o->strained, in->slots) == TRUTH_TRUE ? REASON_RECOVERY : NULL;
  case 4: return cooling(in->user, o->hash, true, o->noun->cooldown, in->clock) ? REASON_COOLDOWN : NULL;
  case 5: return o->available && expression_truth(o->available, in->slots) != TRUTH_TRUE ? REASON_NOT_AVAILABLE : NULL;
  default: return o->accept && expression_truth(o->accept, in->slots) != TRUTH_TRUE ? REASON_NOT_ACCEPTED : NULL;
  }
}
#define STANDS_BACK 7

/* The message may read the goal: where there is none, what it lacks says nothing. */
static const char *option_says(const struct moment_input *in, uint32_t option, struct arena *a, struct str *detail,
                               struct goal_given *goal) {
  struct str missing = {0};
  const char *no_goal = offer_goal(in, &in->rules->options[option], a, goal);
  if (no_goal || !in->sayable || in->sayable(in->context, option, &missing)) return no_goal;
  *detail = missing;
  return REASON_MESSAGE_INCOMPLETE;
}

const char *guard_option(const struct moment_input *in, uint32_t option, bool minor, struct arena *a, struct str *detail,
                         struct goal_given *goal, int *from) {
  const struct option *o = &in->rules->options[option];
  while (*from <= STANDS_BACK) {
    const int check = (*from)++;
    *detail = check == 3 && o->strained ? expression_source(o->strained)
              : check == 5              ? o->noun->available
              : check == 6              ? o->noun->accept
                                        : o->noun->at.name;
    const char *reason = check < STANDS_BACK ? option_stands_back(in, o, minor, check, a) : option_says(in, option, a, detail, goal);
    if (reason) return reason;
  }
  *detail = (struct str){0};
  return NULL;
}

int64_t guard_next_quiet(const struct rules *r, const struct user *u, int64_t clock) {
  struct tz_local local = tz_local(u->zone, clock);
  for (int32_t day = local.day; day <= local.day + 2; day++) {
    int64_t begin = tz_utc(u->zone, day, r->policy.quiet_from);
    if (begin > clock) return begin;
  }
  return clock; /* a zone without evenings: nothing may be sent */
}
