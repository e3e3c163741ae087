/* The books of lives.c: the rules that people live under, what was told of them, and what may therefore be sent, counted again without
 * asking the engine. */
#pragma once
#include "unit/flow_world.h"
#include <stdarg.h>
#include <time.h>

#define PEOPLE 14
#define SENDS  8192
#define PLAIN  "type = \"micro\", channel = \"push\", action = \"a\", expires = 5 * hours,"
#define OPTION(name, more)                                                                                                                 \
  "intervention \"" name "\" { why = \"x\", " PLAIN more " message = { en = \"" name " {n}\" }, values = { n = \"pings or 0\" } }\n"
#define TRIGGER(name, on, more) "trigger \"" name "\" { why = \"x\", on = { " on " }, " more " }\n"
#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"pong\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"intervention_response\" { doc = \"x\", fields = { decisionId = \"text\", response = \"text\" } }\n"                             \
  "feature \"pings\" { window = \"count\", of = \"ping\", days = 7 }\n" OPTION("calm", "") OPTION("sprint", "vigorous = true,")            \
      OPTION("raise", "raises_goal = true,") OPTION(                                                                                       \
          "seldom",                                                                                                                        \
          "cooldown = 90 * days,") "intervention \"goal\" { why = \"x\", type = \"goal\", channel = \"push\", action = \"a\", expires = "  \
                                   "5 * hours, goal = "                                                                                    \
                                   "\"steps\",\n  goal_value = \"event.n * 1000\", goal_usual = \"5000\", message = { en = \"Goal "        \
                                   "{goal}\" },\n"                                                                                         \
                                   "  values = { goal = \"goal.offered\" } }\n" TRIGGER("each_ping", "\"ping\"",                           \
                                                                                        "offer = { \"calm\", \"sprint\", \"raise\" }")     \
                                       TRIGGER("goals", "\"pong\"", "offer = { \"goal\" }, priority = 5") TRIGGER(                         \
                                           "rarely", "\"ping\", \"pong\"", "offer = { \"seldom\" }, cooldown = 20 * days, priority = 7")   \
                                           TRIGGER("drawn", "\"pong\"", "when = \"event.n > 5\", offer = { \"calm\" }")                    \
                                               TRIGGER("mornings", "every \"day\":at \"08:30\"", "offer = { \"calm\" }") TRIGGER(          \
                                                   "after",                                                                                \
                                                   "follow_up { of = \"trigger:each_ping\", after = 2 * hours }, silence(3 * days)",       \
                                                   "offer = { \"calm\" }") "experiment \"trial\" { why = \"x\", revision = 1, at = "       \
                                                                           "\"trigger:drawn\", "                                           \
                                                                           "randomise = \"decision\",\n"                                   \
                                                                           "  arms = { none = { weight = 0.3, send = nothing }, calm = { " \
                                                                           "weight = "                                                     \
                                                                           "0.7, send = \"calm\" } },\n"                                   \
                                                                           "  outcome = { metric = \"n\", within = 1 * hours } }\n"        \
                                                                           "rollout \"slowly\" { why = \"x\", gates = { "                  \
                                                                           "\"trigger:goals\" }, stages = "                                \
                                                                           "{ { name = \"half\", share = 0.5, hold = 1 * days },\n"        \
                                                                           "  { name = \"all\", share = 1, hold = 1 * days } } }\n"        \
                                                                           "policy \"p\" { why = \"x\", holdout = 0.1 }\n"
#define MORE                                                                                                                               \
  RULES "feature \"pongs\" { window = \"sum\", of = \"pong\", field = \"n\", days = 14 }\n" TRIGGER(                                       \
      "many", "\"pong\"", "when = \"pongs > 20\", offer = { \"calm\" }, priority = 9") TRIGGER("any", "\"*\"", "offer = { \"calm\" }")
#define OTHER                                                                                                                              \
  RULES "feature \"pings_far\" { window = \"mean\", of = \"ping\", field = \"n\", days = 28 }\n" TRIGGER(                                  \
      "far", "\"ping\"", "when = \"pings_far > 4\", offer = { \"sprint\", \"calm\" }, priority = 8")

static const char *const programs[] = {RULES, MORE, OTHER};
static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "America/St_Johns"};
static const char *const names[] = {"all",           "trigger:each_ping", "trigger:goals",       "intervention:calm",
                                    "trigger:drawn", "experiment:trial",  "intervention:sprint", "rollout:slowly"};
#define NAMES (sizeof names / sizeof *names)

/* ---- the books ---- */

struct sent {
  int64_t at;
  uint64_t id;
  int person; /* the id's place, as it was decided */
  char trigger[16], option[16];
};
struct person {
  bool known, gone; /* gone: merged into `into` */
  int into;
  enum consent consent;
  int zone; /* −1 unknown */
  int age;
  bool guardian, ill;
  double goal;
  int64_t goal_at;
};
struct held {
  uint64_t id;
  int64_t send_before;
};
struct life {
  struct world *w;
  struct rng r;
  struct person people[PEOPLE];
  struct sent sends[SENDS];
  size_t send_count;
  struct held held[SENDS];
  size_t held_count;
  bool killed[NAMES];
  struct aliases *aliases;
  int64_t number; /* of the next event */
  bool short_of_memory;
  uint64_t lost, seed, steps, told, delivered, restarts;
};

static uint64_t dice(struct life *l, uint64_t most) {
  return rng_next(&l->r) % most;
}

static void wrong(const struct life *l, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
static void wrong(const struct life *l, const char *format, ...) {
  char text[500];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  fail_msg("life %llu, step %llu: %s", (unsigned long long)l->seed, (unsigned long long)l->steps, text);
  abort();
}

static int root(const struct life *l, int p) {
  while (l->people[p].gone) p = l->people[p].into;
  return p;
}

static const char *id_of(struct life *l, int p) {
  return arena_printf(&l->w->arena, "p%d", p);
}

static int place_of(struct str id) {
  int p = 0;
  for (size_t i = 1; i < id.len; i++) p = p * 10 + (id.at[i] - '0');
  return p;
}

static bool is_minor(const struct person *p) {
  return p->age < 18;
}

/* By the C library, which knows nothing of kit's zones. */
static bool is_quiet(const struct person *p, int64_t at) {
  const time_t seconds = (time_t)(at / 1000);
  struct tm local;
  setenv("TZ", zones[p->zone], 1);
  tzset();
  localtime_r(&seconds, &local);
  return local.tm_hour < 8 || local.tm_hour >= 21;
}

static bool is_killed(const struct life *l, const struct sent *s) {
  for (size_t i = 0; i < NAMES; i++) {
    char name[40];
    if (!l->killed[i]) continue;
    if (i == 0) return true;
    snprintf(name, sizeof name, "trigger:%s", s->trigger);
    if (strcmp(names[i], name) == 0) return true;
    snprintf(name, sizeof name, "intervention:%s", s->option);
    if (strcmp(names[i], name) == 0) return true;
    if (strcmp(names[i], "experiment:trial") == 0 && strcmp(s->trigger, "drawn") == 0) return true;
    if (strcmp(names[i], "rollout:slowly") == 0 && strcmp(s->trigger, "goals") == 0) return true;
  }
  return false;
}

/* What must hold of a person whenever something is decided for them, and whenever it leaves. */
static void expect_may_be_sent(struct life *l, const struct sent *s, const char *when, int64_t now) {
  const struct person *p = &l->people[root(l, s->person)];
  if (!p->known) wrong(l, "%s: p%d is erased", when, s->person);
  if (p->consent != CONSENT_GIVEN) wrong(l, "%s: p%d has not agreed", when, s->person);
  if (p->zone < 0) wrong(l, "%s: nobody knows where p%d is", when, s->person);
  if (is_quiet(p, now)) wrong(l, "%s: quiet hours of p%d", when, s->person);
  if (is_minor(p) && !p->guardian) wrong(l, "%s: p%d is a minor", when, s->person);
  if (is_minor(p) && (strcmp(s->option, "sprint") == 0 || strcmp(s->option, "raise") == 0 || strcmp(s->trigger, "drawn") == 0))
    wrong(l, "%s: p%d is a minor and gets %s by %s", when, s->person, s->option, s->trigger);
  if (p->ill && strcmp(s->option, "sprint") == 0) wrong(l, "%s: p%d is ill", when, s->person);
  for (int i = 0; i < PEOPLE; i++)
    if (root(l, i) == root(l, s->person) && rng_draw(STR("holdout"), str_from(id_of(l, i)), 0, STR("user")) < 0.1)
      wrong(l, "%s: p%d is held out as p%d", when, s->person, i);
}

static void expect_within_caps(struct life *l, const struct sent *s) {
  int day = 1, week = 1;
  for (size_t i = 0; i < l->send_count; i++) {
    const struct sent *old = &l->sends[i];
    const int64_t since = s->at - old->at;
    if (root(l, old->person) != root(l, s->person)) continue;
    day += since < CLOCK_DAY;
    week += since < 7 * CLOCK_DAY;
    if (since < CLOCK_HOUR) wrong(l, "p%d: two sends %lld ms apart", s->person, (long long)since);
    if (strcmp(s->trigger, "rarely") == 0 && strcmp(old->trigger, "rarely") == 0 && since < 20 * CLOCK_DAY)
      wrong(l, "p%d: the trigger's cooldown", s->person);
    if (strcmp(s->option, "seldom") == 0 && strcmp(old->option, "seldom") == 0 && since < 90 * CLOCK_DAY)
      wrong(l, "p%d: the option's cooldown", s->person);
  }
  if (day > 3 || week > 12) wrong(l, "p%d: %d sends in a day, %d in a week", s->person, day, week);
}

static void expect_goal(struct life *l, const struct sent *s, double given) {
  struct person *p = &l->people[root(l, s->person)];
  if (p->goal > 0 && s->at - p->goal_at < 7 * CLOCK_DAY) wrong(l, "p%d: a goal again within a week", s->person);
  const double from = p->goal > 0 ? p->goal : 5000;
  if (given < from * 0.9 - 50 || given > from * 1.1 + 1e-6) wrong(l, "p%d: from %g to %g steps", s->person, from, given);
  if (given > from && (is_minor(p) || p->ill)) wrong(l, "p%d: is not to do more: %g after %g", s->person, given, from);
  p->goal = given;
  p->goal_at = s->at;
}

static const struct sent *sent_as(const struct life *l, uint64_t id) {
  for (size_t i = l->send_count; i-- > 0;)
    if (l->sends[i].id == id) return &l->sends[i];
  return NULL;
}

static void copy_name(char to[16], struct str from) {
  snprintf(to, 16, STR_FORMAT, STR_ARG(from));
}

static void note_told(struct life *l, const struct item *item, int64_t clock) {
  for (size_t i = 0; i < item->told_count && !item->dry_run; i++) {
    const struct told *t = &item->told[i];
    l->told++;
    if (t->outcome != OUTCOME_SENT) continue;
    struct sent s = {.at = clock, .id = t->id, .person = place_of(t->user)};
    copy_name(s.trigger, t->trigger);
    copy_name(s.option, t->option);
    expect_may_be_sent(l, &s, "decided", clock);
    if (is_killed(l, &s)) wrong(l, "%s by %s is killed", s.option, s.trigger);
    expect_within_caps(l, &s);
    if (strcmp(s.option, "goal") == 0) expect_goal(l, &s, goal_in_force(0, world_user(l->w, id_of(l, s.person))).number);
    if (sent_as(l, s.id)) wrong(l, "decision %llu was made before", (unsigned long long)s.id);
    if (l->send_count < SENDS) l->sends[l->send_count++] = s;
  }
}
