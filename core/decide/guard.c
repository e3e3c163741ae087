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

static const char *guard_who(const struct rules *r, const struct user *u, struct arena *a, struct str *detail) {
  if (u->consent == CONSENT_WITHDRAWN) return REASON_OPTED_OUT;
  if (u->consent == CONSENT_UNKNOWN && !r->policy.enrolled) return REASON_CONSENT_UNKNOWN;
  if (guard_minor(u) && (r->policy.minors_nothing || !u->minor_consent)) {
    *detail =
        u->age < 0 ? STR("age unknown and no guardian's consent") : str_from(arena_printf(a, "age %d and no guardian's consent", u->age));
    return REASON_MINOR;
  }
  if (rules_hold_out(r, u)) return REASON_HOLDOUT;
  return NULL;
}

static const char *guard_when(const struct rules *r, const struct guard_figures *g, struct arena *a, struct str *detail) {
  if (g->quiet) {
    *detail = str_from(arena_printf(a, "%02d:%02d local time", g->local_minute / 60, g->local_minute % 60));
    return REASON_QUIET_HOURS;
  }
  if (g->day >= g->day_most) {
    *detail = str_from(arena_printf(a, "%d of %d in 24 h", g->day, g->day_most));
    return REASON_DAY_CAP;
  }
  if (g->week >= g->week_most) {
    *detail = str_from(arena_printf(a, "%d of %d in 7 days", g->week, g->week_most));
    return REASON_WEEK_CAP;
  }
  if (g->since_last >= 0 && g->since_last < r->policy.gap) {
    *detail = str_from(arena_printf(a, "%lld min since the last, at least %lld", (long long)(g->since_last / CLOCK_MINUTE),
                                    (long long)(r->policy.gap / CLOCK_MINUTE)));
    return REASON_TOO_SOON;
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
  const char *who = guard_who(r, u, a, detail);
  if (who) return who;
  if (!u->zone) return REASON_ZONE_UNKNOWN;
  return guard_when(r, g, a, detail);
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

static int64_t last_send(const struct user *u, uint64_t hash, bool option) {
  int64_t last = INT64_MIN;
  for (size_t i = 0; i < u->send_count; i++) {
    const struct send *s = &u->sends[i];
    if ((option ? s->option : s->trigger) == hash && s->at > last) last = s->at;
  }
  return last;
}

static bool cooling(const struct user *u, uint64_t hash, bool option, double cooldown, int64_t clock) {
  int64_t last = cooldown > 0 ? last_send(u, hash, option) : INT64_MIN;
  return last != INT64_MIN && clock - last < (int64_t)(cooldown * 1000);
}

const char *guard_trigger(const struct rules *r, const struct controls *c, const struct user *u, const struct trigger *t, int64_t clock,
                          const struct value *slots, struct str *detail) {
  (void)r;
  if (controls_killed(c, t->names[0])) {
    *detail = t->noun->at.name;
    return REASON_KILLED;
  }
  if (cooling(u, t->hash, false, t->noun->cooldown, clock)) {
    *detail = t->noun->at.name;
    return REASON_COOLDOWN;
  }
  if (t->available && expression_truth(t->available, slots) != TRUTH_TRUE) {
    *detail = t->noun->available;
    return REASON_NOT_AVAILABLE;
  }
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

const char *guard_option(const struct moment_input *in, uint32_t option, bool minor, struct arena *a, struct str *detail,
                         struct goal_given *goal) {
  const struct option *o = &in->rules->options[option];
  *detail = o->noun->at.name;
  if (controls_killed(in->controls, o->kill_name)) return REASON_KILLED;
  if (minor && (o->noun->raises_goal || o->noun->vigorous)) return REASON_MINOR;
  if (o->noun->vigorous && guard_unwell(in->user, a)) return REASON_UNWELL;
  if (o->strained && expression_truth(o->strained, in->slots) == TRUTH_TRUE) {
    *detail = expression_source(o->strained);
    return REASON_RECOVERY;
  }
  if (cooling(in->user, o->hash, true, o->noun->cooldown, in->clock)) return REASON_COOLDOWN;
  if (o->available && expression_truth(o->available, in->slots) != TRUTH_TRUE) {
    *detail = o->noun->available;
    return REASON_NOT_AVAILABLE;
  }
  if (o->accept && expression_truth(o->accept, in->slots) != TRUTH_TRUE) {
    *detail = o->noun->accept;
    return REASON_NOT_ACCEPTED;
  }
  const char *no_goal = offer_goal(in, o, a, goal);
  if (no_goal) return no_goal;
  struct str missing = {0};
  if (in->sayable && !in->sayable(in->context, option, &missing)) {
    *detail = missing;
    return REASON_MESSAGE_INCOMPLETE;
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
