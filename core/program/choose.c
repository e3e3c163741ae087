/* choose: which program a start runs. A directory is acted on once: what operators did afterwards (an undo, another program published)
 * stands until the directory changes, over every restart. Promises that a directory or a plugin that broke meanwhile keeps no engine down
 * that has a good program behind it. Main thread before anything runs, then the builder's. */
#include "program/choose.h"
#include "inside.h"
#include "kit/arena.h"
#include "kit/log.h"
#include <string.h>

/* ---- control.db ---- */

struct looking {
  struct library *library;
  struct last_program *last;
};

static char *keep(struct str s) {
  char *copy = kit_alloc(s.len + 1);
  if (!copy) return NULL;
  if (s.len) memcpy(copy, s.at, s.len);
  copy[s.len] = 0;
  return copy;
}

static void keep_digest(char to[65], struct str s) {
  if (s.len == 64) memcpy(to, s.at, 64);
  to[s.len == 64 ? 64 : 0] = 0;
}

static uint64_t counted(const struct json *j, uint32_t list, const char *key) {
  int64_t n = 0;
  return list != JSON_NONE && json_int(j, json_get(j, list, key), &n) && n > 0 ? (uint64_t)n : 0;
}

/* Facts of older engines do not say how the one before fared. */
static void note_change(struct last_program *last, const struct control_fact *fact, const struct json *j) {
  const uint32_t before = json_get(j, 0, "before");
  last->since = fact->at;
  last->change = fact->number;
  last->returned = json_text_is(j, json_get(j, 0, "from"), "watch");
  last->earlier = (struct program_health){.events = counted(j, before, "events"),
                                          .events_refused = counted(j, before, "events_refused"),
                                          .rows = counted(j, before, "rows"),
                                          .rows_failed = counted(j, before, "rows_failed")};
}

static bool note_program(void *context, const struct control_fact *fact) {
  struct looking *l = context;
  struct arena a = {0};
  struct json j;
  if (strcmp(fact->kind, "program") != 0) return true;
  bool ok = library_know(l->library, str_from(fact->name)) && json_parse(&j, &a, fact->body, &json_limits_default, NULL);
  if (ok) {
    struct str plugins = json_text(&j, json_get(&j, 0, "plugins"), &a);
    const char *identity = arena_printf(&a, "%s%s" STR_FORMAT, fact->name, plugins.len ? "/" : "", STR_ARG(plugins));
    const bool other = l->last->identity && strcmp(l->last->identity, identity) != 0;
    if (other || !l->last->identity) note_change(l->last, fact, &j);
    kit_free(other ? l->last->before : l->last->identity);
    if (other) l->last->before = l->last->identity;
    l->last->number = fact->number;
    l->last->identity = keep(str_from(identity));
    keep_digest(l->last->directory, json_text(&j, json_get(&j, 0, "directory"), &a));
    keep_digest(l->last->plugins, json_text(&j, json_get(&j, 0, "files"), &a));
  }
  arena_free(&a);
  return ok;
}

static void put_health(struct json_writer *w, const struct program_health *h) {
  json_key(w, "before");
  json_open_object(w);
  json_pair_int(w, "events", (int64_t)h->events);
  json_pair_int(w, "events_refused", (int64_t)h->events_refused);
  json_pair_int(w, "rows", (int64_t)h->rows);
  json_pair_int(w, "rows_failed", (int64_t)h->rows_failed);
  json_close_object(w);
}

bool program_announce(struct book *b, const struct announcement *a, int64_t *number, struct err *e) {
  struct buf body = {0};
  struct json_writer w = json_to(&body);
  json_open_object(&w);
  fact_pairs(a->program, &w);
  if (a->acted[0]) json_pair_text(&w, "directory", a->acted);
  json_pair_text(&w, "files", a->plugins);
  json_pair_text(&w, "from", a->from);
  if (a->why && a->why[0]) json_pair_text(&w, "why", a->why);
  if (a->before.events || a->before.rows) put_health(&w, &a->before);
  json_close_object(&w);
  bool ok = !body.failed ? control_append(b, a->author, "program", a->program->digest, buf_view(&body), number, e)
                         : err_set(e, ERR_INTERNAL, "no memory for a control fact");
  buf_free(&body);
  return ok;
}

/* ---- choosing ---- */

static bool try_stored(struct chosen *c, struct library *l, const struct program_from *from, const char *identity, struct err *e) {
  struct draft *d = draft_new(DRAFT_STORED, l, from);
  if (!d) return err_set(e, ERR_INTERNAL, "no memory for a program");
  d->identity_wanted = arena_text(&d->arena, identity, strlen(identity));
  draft_build(d);
  if (d->program) c->live = d;
  else {
    const struct finding *first = d->finding_count ? &d->findings[0] : NULL;
    if (d->unread.kind != ERR_NONE) err_set(e, d->unread.kind, "%s", d->unread.text); /* whoever starts it may know where the store lies */
    else if (first) err_set(e, ERR_STORAGE, "%s%s%s", first->file, first->file[0] ? ": " : "", first->text);
    draft_free(d);
  }
  return c->live != NULL;
}

/* With the plugins that are there now when they are others than then (a newer engine brings its own), else with those it ran with. */
static bool take_last(struct chosen *c, struct library *l, const struct program_from *from, struct err *e) {
  char digest[65] = "";
  if (!c->last.identity) return false;
  strncat(digest, c->last.identity, 64);
  const bool newer = strcmp(c->last.plugins, c->files.plugins) != 0;
  return try_stored(c, l, from, newer ? digest : c->last.identity, e) || try_stored(c, l, from, newer ? c->last.identity : digest, e);
}

static bool say_nothing_to_run(const struct chosen *c, const char *directory, struct err *e) {
  const struct draft *d = c->refused;
  if (c->last.identity) return false; /* said by whoever tried */
  if (!d) return err_set(e, ERR_MISSING, "no program has ever run here: name one with --program DIR (kairos init DIR makes one)");
  if (d->digest[0] == 0) return err_set(e, ERR_MISSING, "%s", d->findings[0].text);
  return err_set(e, ERR_INPUT, "%s: the program has %zu error%s", directory, d->errors, d->errors == 1 ? "" : "s");
}

/* What operators did after they had seen these very sources. */
static bool stands_decided(const struct chosen *c, const struct draft *d) {
  const char *last = c->last.identity;
  return last && strcmp(d->digest, c->acted) == 0 && strncmp(last, d->digest, 64) != 0;
}

/* A directory that changed while no engine ran is held to the same as one that changes under it. A last program that cannot be read any
 * more binds nobody. */
static void remember_live(struct library *l, const char *identity) {
  struct err e = {0};
  const struct program *p = library_plain(l, str_from(identity), &e);
  if (p) library_live(l, p);
  library_release(l, p);
}

bool program_choose(struct library *l, const struct program_from *from, const char *directory, struct chosen *out, struct err *e) {
  *out = (struct chosen){0};
  struct looking looking = {l, &out->last};
  if (!control_each(library_book(l), 0, note_program, &looking, e)) return false;
  files_now(directory, from->plugin_directory, NULL, &out->files);
  memcpy(out->acted, out->last.directory, sizeof out->acted);
  if (directory && out->last.identity && strncmp(out->last.identity, out->files.sources, 64) != 0) remember_live(l, out->last.identity);
  struct draft *d = directory ? draft_new(DRAFT_DIRECTORY, l, from) : NULL;
  if (directory && !d) return err_set(e, ERR_INTERNAL, "no memory for a program");
  if (d) {
    d->directory = directory;
    draft_build(d);
  }
  if (d && !d->program && d->digest[0]) memcpy(d->digest, out->files.sources, sizeof d->digest); /* as the builder names it */
  if (d && !d->program) out->refused = d;
  else if (d && stands_decided(out, d) && take_last(out, l, from, e)) draft_free(d);
  else if (d) {
    if (stands_decided(out, d))
      log_error("program", "%.16s should run and cannot: %s; what lies in the directory runs", out->last.identity, e->text);
    *e = (struct err){0};
    out->live = d;
    memcpy(out->acted, d->digest, sizeof out->acted);
  }
  return out->live || take_last(out, l, from, e) || say_nothing_to_run(out, directory, e);
}

void chosen_free(struct chosen *c) {
  draft_free(c->live);
  draft_free(c->refused);
  kit_free(c->last.identity);
  kit_free(c->last.before);
  *c = (struct chosen){0};
}
