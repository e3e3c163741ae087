/* programs: what programs there are in a running engine, and what becomes of what the builder finds. Promises that a draft with an error
 * touches nothing that is live, that what lies in the directory is acted on once, and that memory holds the labelled programs only: live,
 * previous, shadow, and for a while the ones that drain. Main thread. */
#include "programs.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <stdio.h>
#include <string.h>

#define UNLABELLED_MOST 24 /* of history; of these … */
#define READY_MOST      4  /* … that hold a program */
#define WATCH_MS        200

/* ---- editions ---- */

void edition_state(struct edition *e, enum edition_state state) {
  e->state = state;
  e->since = clock_now();
}

static void edition_free(struct edition *e) {
  draft_free(e->draft);
  arena_free(&e->arena);
  kit_free(e);
}

static bool is_labelled(const struct programs *s, const struct edition *e) {
  return e == s->live || e == s->previous || e == s->shadow || activations_hold(s, e);
}

static void let_go(struct edition *e) {
  library_release(e->draft->library, e->draft->program);
  e->draft->program = NULL;
}

static void remove_at(struct programs *s, size_t at) {
  edition_free(s->editions[at]);
  memmove(&s->editions[at], &s->editions[at + 1], (--s->edition_count - at) * sizeof *s->editions);
}

static bool is_there_again(const struct programs *s, const struct edition *gone) {
  for (size_t i = 0; i < s->edition_count; i++)
    if (s->editions[i] != gone && strcmp(s->editions[i]->draft->digest, gone->draft->digest) == 0) return true;
  return false;
}

/* The oldest go first. A refused draft of the directory is of interest until the next one. */
static void trim(struct programs *s) {
  size_t ready = 0, unlabelled = 0;
  for (size_t i = s->edition_count; i-- > 0;) {
    struct edition *e = s->editions[i];
    if (is_labelled(s, e) || e->state == EDITION_DRAINING) continue;
    unlabelled++;
    ready += e->state == EDITION_READY;
    if (unlabelled > UNLABELLED_MOST || (e->state == EDITION_READY && ready > READY_MOST) ||
        (e->state == EDITION_GONE && is_there_again(s, e)))
      remove_at(s, i);
  }
}

static void forget_refused(struct programs *s) {
  for (size_t i = s->edition_count; i-- > 0;)
    if (s->editions[i]->state == EDITION_REFUSED && strcmp(s->editions[i]->from, "directory") == 0) remove_at(s, i);
}

void edition_compare(struct edition *e, const struct edition *before) {
  const struct draft *d = e->draft, *was = before ? before->draft : NULL;
  e->changed_count = 0;
  if (!was || !d->files || !was->files) return; /* what was not read is not compared */
  e->changed_count =
      files_changed(d->files, d->file_count, was->files, was->file_count, e->changed, sizeof e->changed / sizeof *e->changed);
  for (size_t i = 0; i < e->changed_count; i++) e->changed[i] = arena_text(&e->arena, e->changed[i], strlen(e->changed[i]));
}

/* A program that is in memory already is the same edition again: the draft takes the old one's place. */
static struct edition *again(struct programs *s, struct draft *d) {
  for (size_t i = 0; d->program && i < s->edition_count; i++) {
    struct edition *e = s->editions[i];
    if (e->draft->program != d->program) continue;
    memmove(&s->editions[i], &s->editions[i + 1], (s->edition_count - i - 1) * sizeof e);
    s->editions[s->edition_count - 1] = e;
    draft_free(e->draft);
    e->draft = d;
    e->changed_count = 0;
    if (!is_labelled(s, e)) arena_free(&e->arena); /* with all that was said of it then */
    return e;
  }
  return NULL;
}

/* Sent once more without a change it is refused once more: told once. */
static void forget_same(struct programs *s, const struct draft *d, const char *from) {
  for (size_t i = s->edition_count; !d->program && d->digest[0] && i-- > 0;) {
    const struct edition *e = s->editions[i];
    if (e->state == EDITION_REFUSED && strcmp(e->from, from) == 0 && strcmp(e->draft->digest, d->digest) == 0) remove_at(s, i);
  }
}

static struct edition *add_new(struct programs *s, struct draft *d) {
  struct edition *e = s->edition_count < EDITIONS_MOST ? kit_alloc(sizeof *e) : NULL;
  if (!e) return NULL;
  *e = (struct edition){.draft = d};
  s->editions[s->edition_count++] = e;
  return e;
}

struct edition *edition_add(struct programs *s, struct draft *d, const char *from, const char *author) {
  struct edition *e = again(s, d);
  if (!e) forget_same(s, d, from);
  if (!e && !(e = add_new(s, d))) {
    draft_free(d);
    return NULL;
  }
  if (is_labelled(s, e)) return e;
  *e = (struct edition){.draft = d, .from = from, .arena = e->arena};
  e->author = arena_text(&e->arena, author, strlen(author));
  edition_state(e, d->program ? EDITION_READY : EDITION_REFUSED);
  edition_compare(e, s->live);
  trim(s);
  return e;
}

bool edition_is_live(const struct programs *s, const struct draft *d) {
  return d->program && s->live && d->program == s->live->draft->program;
}

static bool begins(const char *digest, struct str name) {
  return name.len >= 6 && name.len <= 64 && memcmp(digest, name.at, name.len) == 0;
}

struct edition *edition_of(struct programs *s, struct str name) {
  if (str_is(name, "live")) return s->live;
  if (str_is(name, "previous")) return s->previous;
  if (str_is(name, "shadow")) return s->shadow;
  struct edition *found = NULL;
  for (size_t i = s->edition_count; i-- > 0;) {
    struct edition *e = s->editions[i];
    if (!begins(e->draft->digest, name)) continue;
    if (!found || (e->draft->program && !found->draft->program) || e == s->live) found = e;
  }
  return found;
}

struct edition *edition_newest(struct programs *s, struct str name) {
  for (size_t i = s->edition_count; i-- > 0;)
    if (begins(s->editions[i]->draft->digest, name) && s->editions[i]->draft->program) return s->editions[i];
  return edition_of(s, name);
}

/* What was sent several times, and what was refused of it, has one name: it is gone under that name, but for builds that are needed. */
void edition_discard(struct programs *s, const char *digest) {
  char name[65];
  snprintf(name, sizeof name, "%s", digest); /* it may lie in what is freed */
  if (s->shadow && strcmp(s->shadow->draft->digest, name) == 0) shadow_end(s);
  for (size_t i = s->edition_count; i-- > 0;) {
    const struct edition *e = s->editions[i];
    if (strcmp(e->draft->digest, name) == 0 && !is_labelled(s, e)) remove_at(s, i);
  }
}

/* A program is free when only its edition holds it. */
void programs_drain(struct programs *s) {
  bool any = false;
  for (size_t i = 0; i < s->edition_count; i++) {
    struct edition *e = s->editions[i];
    if (e->state != EDITION_DRAINING || is_labelled(s, e) || library_holders(s->library, e->draft->program) > 1) continue;
    let_go(e);
    edition_state(e, EDITION_GONE);
    any = true;
  }
  if (!any) return;
  trim(s);
  if (s->builder) builder_tidy(s->builder);
}

/* ---- what the builder found ---- */

static void say_findings(const struct draft *d) {
  for (size_t i = 0; i < d->finding_count; i++) {
    const struct finding *f = &d->findings[i];
    log_say(f->level == FINDING_ERROR ? LOG_ERROR : LOG_WARN, "program", "%s:%d: %s", f->file, f->line, f->text);
  }
}

static void refuse(struct programs *s, struct draft *d) {
  say_findings(d);
  log_error("program", "%s: refused for %zu %s; %s stays live", s->directory, d->errors, d->errors == 1 ? "error" : "errors",
            s->live->draft->program->brief);
  s->figures.refused++;
  s->figures.directory_refused = 1;
  edition_add(s, d, "directory", "directory");
}

static void rebuilt(struct errand *errand);

/* The program that is live once everything that was asked for is done. */
static const struct draft *wanted(const struct programs *s) {
  const struct activation *c = s->activations;
  while (c && c->next) c = c->next;
  return c ? c->to->draft : s->live->draft;
}

/* Other code for the models of a program that is not the directory's. */
static void rebuild_live(struct programs *s) {
  struct errand *errand = kit_alloc(sizeof *errand);
  struct draft *d = draft_new(DRAFT_STORED, s->library, &s->from);
  if (errand && d) {
    d->identity_wanted = arena_text(&d->arena, wanted(s)->digest, 64);
    *errand = (struct errand){.work = draft_errand, .done = rebuilt, .owner = d, .context = s};
    builder_ask(s->builder, errand);
    return;
  }
  draft_free(d);
  kit_free(errand);
  log_error("program", "no memory to build with other plugins");
}

static void take_good(struct programs *s, struct draft *d, const char *from, const char *why) {
  if (edition_is_live(s, d)) {
    draft_free(d);
    return;
  }
  struct edition *e = edition_add(s, d, from, from);
  struct activation *c = e ? activation_new(s, e, from, from, why) : NULL;
  if (c) activation_submit(c);
  else log_error("program", "no memory to make a program live");
}

/* What somebody published or undid meanwhile is not overruled: then that is built with the new code. */
static void rebuilt(struct errand *errand) {
  struct programs *s = errand->context;
  struct draft *d = errand->owner;
  if (!errand->worked || s->closing) draft_free(d);
  else if (d->digest[0] && strcmp(d->digest, wanted(s)->digest) != 0) {
    draft_free(d);
    rebuild_live(s);
  } else if (d->program) take_good(s, d, "plugins", "its plugins are other files");
  else {
    say_findings(d);
    draft_free(d);
  }
  kit_free(errand);
}

/* Sources that were acted on before change nothing: an operator may have undone them, or they were broken for a moment. */
static void on_found(void *context, struct found *f) {
  struct programs *s = context;
  struct draft *d = f->draft;
  if (s->closing) return;
  s->files = f->files;
  f->draft = NULL;
  s->figures.directory_refused = 0;
  forget_refused(s);
  if (d) s->figures.build_us = (uint64_t)d->took / 1000;
  if (d && !d->program) {
    refuse(s, d);
    return;
  }
  const bool acted = d && strcmp(d->digest, s->acted) == 0, runs = d && strcmp(d->digest, s->live->draft->digest) == 0;
  if (f->plugins && (!d || (acted && !runs))) rebuild_live(s);
  if (!d || (acted && !runs)) {
    draft_free(d);
    return;
  }
  memcpy(s->acted, d->digest, sizeof s->acted);
  take_good(s, d, "directory", f->sources ? "the directory changed" : "the plugins changed");
}

/* ---- life ---- */

static void on_news(uv_async_t *async) {
  struct programs *s = async->data;
  builder_done(s->builder);
}

static void wake(void *context) {
  uv_async_send(&((struct programs *)context)->news);
}

static void on_watch(uv_timer_t *timer) {
  lifecycle_tick(((struct programs *)timer->data)->api);
  programs_watch(timer->data);
  trials_tick(((struct programs *)timer->data)->api);
  rollouts_watch(((struct programs *)timer->data)->api);
  experiments_watch(((struct programs *)timer->data)->api);
  programs_drain(timer->data);
}

/* What an undo returns to after a start: known by name, built from the store when it is wanted. */
static void remember_previous(struct programs *s, const char *identity) {
  struct draft *d = draft_new(DRAFT_STORED, s->library, &s->from);
  if (!d) return;
  draft_name(d, identity);
  struct edition *e = edition_add(s, d, "store", "start");
  if (!e) return;
  edition_state(e, EDITION_GONE);
  s->previous = e;
  e->changed_count = 0; /* the one before it is not known any more */
  edition_compare(s->live, e);
}

static void take_chosen(struct programs *s, struct chosen *c) {
  memcpy(s->acted, c->acted, sizeof s->acted);
  s->files = c->files;
  if (c->refused) {
    s->figures.directory_refused = 1;
    edition_add(s, c->refused, "directory", "directory");
    c->refused = NULL;
  }
  s->live = edition_add(s, c->live, "start", "start");
  c->live = NULL;
  if (!s->live) return;
  edition_state(s->live, EDITION_LIVE);
  const char *identity = s->live->draft->identity;
  const bool same = c->last.identity && strcmp(c->last.identity, identity) == 0;
  const char *before = same ? c->last.before : c->last.identity;
  if (!same) watch_begin(s, s->live->since, c->announced);
  else if (!c->last.returned) watch_begin(s, c->last.since, c->last.change);
  if (same) s->earlier = c->last.earlier;
  probation_read(s);
  if (before && strcmp(before, identity) != 0) remember_previous(s, before);
}

static void begin(struct programs *s) {
  uv_async_init(s->loop, &s->news, on_news);
  uv_timer_init(s->loop, &s->retry);
  uv_timer_init(s->loop, &s->watch);
  s->news.data = s->retry.data = s->watch.data = s;
  uv_timer_start(&s->watch, on_watch, WATCH_MS, WATCH_MS);
}

bool programs_open(struct api *a, const struct programs_options *o, struct err *e) {
  struct programs *s = kit_alloc(sizeof *s);
  if (!s) return err_set(e, ERR_INTERNAL, "no memory for programs");
  *s = (struct programs){.api = a, .library = a->library, .from = o->from, .directory = o->directory, .loop = o->loop};
  take_chosen(s, o->chosen);
  a->programs = s;
  begin(s);
  if (!s->live || !library_live(s->library, s->live->draft->program)) return err_set(e, ERR_INTERNAL, "no memory for programs");
  a->program = s->live->draft->program;
  struct builder_options b = {
      .library = a->library, .from = o->from, .directory = o->directory, .known = s->files, .found = on_found, .wake = wake, .context = s};
  return lifecycle_open(a, e) && trials_open(a, e) && (s->builder = builder_start(&b, e)) != NULL;
}

void programs_stop(struct api *a) {
  struct programs *s = a->programs;
  if (!s) return;
  s->closing = true;
  lifecycle_stop(a);
  uv_timer_stop(&s->retry);
  uv_timer_stop(&s->watch);
  builder_stop(s->builder);
  s->builder = NULL;
  uv_close((uv_handle_t *)&s->news, NULL);
  uv_close((uv_handle_t *)&s->retry, NULL);
  uv_close((uv_handle_t *)&s->watch, NULL);
}

void programs_answer(struct api *a) {
  if (a->programs) activations_end(a->programs);
}

void programs_close(struct api *a) {
  struct programs *s = a->programs;
  if (!s) return;
  probation_end(s);
  lifecycle_close(a);
  trials_close(a);
  while (s->edition_count) remove_at(s, s->edition_count - 1);
  shadows_free(s);
  kit_free(s);
  a->programs = NULL;
}

struct programs_figures programs_figures(const struct api *a) {
  struct programs_figures f = a->programs->figures;
  f.held = library_size(a->library);
  return f;
}
