/* programs_watch: watches over a program that has just become live. Promises that one under which events are refused, or models fail, more
 * than the guard allows and far more than under the program before, is replaced by that one within seconds, with the figures as the reason;
 * that nothing goes back and forth: what was returned to is not watched over itself; and that a restart ends no probation: when it began,
 * what was live before and how that had fared are in control.db, what was counted of the new one is kept by programs_kept.c. Whoever fixes
 * the directory is live again, since only the sources that failed stand decided. Main thread. */
#include "kit/clock.h"
#include "kit/log.h"
#include "programs.h"
#include <string.h>

#define PROBATION_MS INT64_C(600000) /* ten minutes */
#define LEAST_BAD    10              /* fewer prove nothing */
#define SHARE_MOST   0.01            /* the guard */
#define TIMES_WORSE  2.0             /* than under the program before: what fails anyway is no reason to go back */

struct count {
  uint64_t bad, all;
  const char *what;
};

static bool is_past_guard(const struct count *now, const struct count *before) {
  const double share = now->all ? (double)now->bad / (double)now->all : 0,
               was = before->all ? (double)before->bad / (double)before->all : 0;
  return now->bad >= LEAST_BAD && share > SHARE_MOST && share > TIMES_WORSE * was;
}

static void counts_of(const struct program_health *h, struct count out[2]) {
  out[0] = (struct count){h->rows_failed, h->rows, "rows of its models failed"};
  out[1] = (struct count){h->events_refused, h->events, "events were refused"};
}

/* ---- going back ---- */

struct returning {
  struct errand errand; /* first */
  struct programs *programs;
  struct draft *draft;
  char why[200];
};

static void go_back(struct programs *s, struct edition *to, const char *why) {
  struct activation *c = to ? activation_new(s, to, "watch", "watch", why) : NULL;
  if (c) activation_submit(c);
  else log_error("program", "no memory to return to the program before");
}

static void fetched(struct errand *errand) {
  struct returning *r = (struct returning *)errand;
  struct programs *s = r->programs;
  if (!errand->worked || s->closing) draft_free(r->draft);
  else if (r->draft->program) go_back(s, edition_add(s, r->draft, "store", "watch"), r->why);
  else {
    log_error("program", "the program before cannot be built any more: %s",
              r->draft->finding_count ? r->draft->findings[0].text : "no reason is known");
    draft_free(r->draft);
  }
  kit_free(r);
}

/* After a restart the program before is only a name: the builder makes it again. */
static void fetch_and_go_back(struct programs *s, const char *why) {
  struct returning *r = kit_alloc(sizeof *r);
  struct draft *d = r ? draft_new(DRAFT_STORED, s->library, &s->from) : NULL;
  const char *identity = s->previous->draft->identity;
  if (!d) {
    kit_free(r);
    log_error("program", "no memory to return to the program before");
    return;
  }
  d->identity_wanted = arena_text(&d->arena, identity, strlen(identity));
  *r = (struct returning){.errand = {.work = draft_errand, .done = fetched, .owner = d}, .programs = s, .draft = d};
  snprintf(r->why, sizeof r->why, "%s", why);
  builder_ask(s->builder, &r->errand);
}

/* A program whose plugin crashed, or whose model failed for many, is no better place; NULL: none of its models is suspended. */
static const char *suspended_in(const struct program *p, struct model_trouble *t) {
  for (uint32_t m = 0; p && m < models_count(p->models); m++)
    if (model_troubled(p->models, m, t) && t->suspended) return model_name(p->models, m);
  return NULL;
}

/* "name=<sha256>" of a plugin among an identity's; its SHA-256, empty when it is not there. */
static struct str code_of(const char *identity, struct str plugin) {
  const char *plugins = identity ? strchr(identity, '/') : NULL;
  struct str rest = str_from(plugins ? plugins + 1 : ""), pin, name;
  while (str_split(&rest, ',', &pin))
    if (str_split(&pin, '=', &name) && str_eq(name, plugin)) return pin;
  return (struct str){0};
}

static struct str brief_of(struct str sha256) {
  return (struct str){sha256.at, sha256.len < 8 ? sha256.len : 8};
}

/* What is returned to. The same files are another program with other code: their digest alone would name what is left. */
static void say_before(const struct draft *before, const struct draft *live, struct buf *out) {
  const char *plugins = before->identity ? strchr(before->identity, '/') : NULL, *link = " with the plugin before: ";
  struct str rest = str_from(plugins ? plugins + 1 : ""), pin, name;
  const bool same = strcmp(before->digest, live->digest) == 0;
  if (same) buf_text(out, "it");
  else buf_printf(out, "%.16s", before->digest);
  while (same && str_split(&rest, ',', &pin)) {
    if (!str_split(&pin, '=', &name) || str_eq(pin, code_of(live->identity, name))) continue;
    buf_printf(out, "%s" STR_FORMAT " " STR_FORMAT " instead of " STR_FORMAT, link, STR_ARG(name), STR_ARG(brief_of(pin)),
               STR_ARG(brief_of(code_of(live->identity, name))));
    link = ", ";
  }
  buf_char(out, 0);
}

static void say_return(const struct programs *s, const char *why, const char *suspended, const struct model_trouble *trouble) {
  const struct draft *live = s->live->draft, *before = s->previous->draft;
  struct buf to = {0};
  say_before(before, live, &to);
  const char *said = to.failed ? before->digest : to.at;
  if (suspended)
    log_error("program", "%s: %s; no return to %s, since its model \"%s\" is suspended: %s", live->program->brief, why, said, suspended,
              trouble->why);
  else log_error("program", "%s: %s; returning to %s", live->program->brief, why, said);
  buf_free(&to);
}

static void give_up(struct programs *s, const struct count *bad) {
  char why[200];
  struct model_trouble trouble;
  snprintf(why, sizeof why, "%.3g %% of %llu %s (guard: %g %%)", 100.0 * (double)bad->bad / (double)bad->all, (unsigned long long)bad->all,
           bad->what, 100 * SHARE_MOST);
  s->live->watched_until = 0;
  if (!s->previous) {
    log_error("program", "%s: %s; there is no program to return to", s->live->draft->program->brief, why);
    return;
  }
  const char *suspended = suspended_in(s->previous->draft->program, &trouble);
  say_return(s, why, suspended, &trouble);
  if (suspended) return;
  s->figures.returned++;
  if (s->previous->draft->program) go_back(s, s->previous, why);
  else fetch_and_go_back(s, why);
}

/* ---- watching ---- */

void watch_begin(struct programs *s, int64_t since, int64_t fact) {
  const int64_t now = clock_now();
  s->live->watched_until = (since < now ? since : now) + PROBATION_MS; /* a clock that went back makes no probation longer */
  s->live->at_start = program_health(s->live->draft->program);
  s->probation = (struct probation){.fact = fact, .writing = s->probation.writing};
}

void programs_watch(struct programs *s) {
  struct edition *live = s->live;
  struct count now[2], before[2];
  if (!live->watched_until || s->activations || s->closing) return;
  if (clock_now() > live->watched_until) live->watched_until = 0;
  const struct program_health h = probation_counts(s);
  const struct draft *previous = s->previous ? s->previous->draft : NULL;
  const struct program_health was = previous && previous->program ? program_health(previous->program) : s->earlier;
  counts_of(&h, now);
  counts_of(&was, before);
  for (size_t i = 0; i < sizeof now / sizeof *now && live->watched_until; i++)
    if (is_past_guard(&now[i], &before[i])) give_up(s, &now[i]);
  probation_tick(s);
}
