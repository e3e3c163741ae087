/* programs_kept: how many events a program on probation has met and refused, in a file of the data directory, so that a program which fails
 * between restarts is found out all the same. Promises that the file is written every few seconds while there is something new, and at the
 * end; and that it counts for that one probation only, by the number of the fact in control.db that began it. What failed of its models'
 * rows is not in it: whose they were is known to memory alone, and one person over several restarts would look like many. A file that is
 * broken is not used. Main thread; while the engine runs, the builder's thread writes. */
#include "book/book.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/json.h"
#include "kit/log.h"
#include "programs.h"
#include <stdio.h>

#define KEEP_NS    INT64_C(5000000000)
#define BYTES_MOST 4096

struct keeping {
  struct errand errand; /* first */
  struct programs *programs;
  char path[4200];
  struct buf text;
  struct err err;
};

struct program_health probation_counts(const struct programs *s) {
  const struct program_health h = program_health(s->live->draft->program), *from = &s->live->at_start, *more = &s->probation.carried;
  return (struct program_health){.events = h.events - from->events + more->events,
                                 .events_refused = h.events_refused - from->events_refused + more->events_refused,
                                 .rows = h.rows - from->rows,
                                 .rows_failed = h.rows_failed - from->rows_failed};
}

static void name_file(const struct programs *s, char *path, size_t size) {
  snprintf(path, size, "%s/" PROBATION_KEPT, book_directory(s->api->book));
}

/* ---- writing ---- */

static void prepare(struct keeping *k, struct programs *s) {
  const struct program_health h = probation_counts(s);
  struct json_writer w = json_to(&k->text);
  name_file(s, k->path, sizeof k->path);
  json_open_object(&w);
  json_pair_int(&w, "fact", s->probation.fact);
  json_pair_int(&w, "events", (int64_t)h.events);
  json_pair_int(&w, "events_refused", (int64_t)h.events_refused);
  json_close_object(&w);
  buf_text(&k->text, "\n");
  s->probation.kept = h.events;
}

static void put_file(struct errand *errand) {
  struct keeping *k = (struct keeping *)errand;
  if (k->text.failed) err_set(&k->err, ERR_INTERNAL, "no memory for it");
  else file_write_atomic(k->path, buf_view(&k->text), 0600, &k->err);
  buf_free(&k->text);
}

static void say_failed(const struct keeping *k) {
  log_warn("program", "what is counted of a program on probation is not kept over a restart: %s", k->err.text);
}

static void done(struct errand *errand) {
  struct keeping *k = (struct keeping *)errand;
  struct probation *p = &k->programs->probation;
  p->writing = false;
  if (!errand->worked) p->kept = UINT64_MAX; /* the end writes it */
  if (k->err.kind != ERR_NONE && !p->failed) say_failed(k);
  p->failed = k->err.kind != ERR_NONE;
  buf_free(&k->text);
  kit_free(k);
}

static bool is_news(const struct programs *s) {
  return s->live && s->live->watched_until && probation_counts(s).events != s->probation.kept;
}

void probation_tick(struct programs *s) {
  struct probation *p = &s->probation;
  const int64_t now = clock_monotonic();
  if (p->writing || !s->builder || now - p->kept_at < KEEP_NS || !is_news(s)) return;
  p->kept_at = now;
  struct keeping *k = kit_alloc(sizeof *k);
  if (!k) return;
  *k = (struct keeping){.errand = {.work = put_file, .done = done}, .programs = s};
  prepare(k, s);
  p->writing = true;
  builder_ask(s->builder, &k->errand);
}

void probation_end(struct programs *s) {
  struct keeping k = {.programs = s};
  if (!is_news(s)) return;
  prepare(&k, s);
  put_file(&k.errand);
  if (k.err.kind != ERR_NONE) say_failed(&k);
}

/* ---- reading ---- */

static bool read_count(const struct json *j, const char *key, uint64_t *out) {
  int64_t n;
  if (!json_int(j, json_get(j, 0, key), &n) || n < 0) return false;
  *out = (uint64_t)n;
  return true;
}

void probation_read(struct programs *s) {
  struct probation *p = &s->probation;
  struct buf text = {0};
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  char path[4200];
  int64_t fact;
  struct program_health h = {0};
  name_file(s, path, sizeof path);
  if (!s->live->watched_until || !file_exists(path)) return;
  const bool fine = file_read(path, &text, BYTES_MOST, &e) && json_parse(&j, &a, buf_view(&text), &json_limits_default, &e);
  if (!fine) log_warn("program", "what was counted of a program on probation cannot be read, so it is counted anew: %s", e.text);
  else if (json_int(&j, json_get(&j, 0, "fact"), &fact) && fact == p->fact && read_count(&j, "events", &h.events) &&
           read_count(&j, "events_refused", &h.events_refused)) {
    p->carried = h;
    p->kept = h.events;
  }
  buf_free(&text);
  arena_free(&a);
}
