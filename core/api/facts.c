/* facts: what an operator says, into control.db and then to every volume. Promises that a fact is durable in control.db before any volume
 * hears of it, that facts of one name reach the volumes in the order in which they were said, that the main thread does not wait for the
 * disk while one is written, that nothing is written but what a start can read, whatever memory was missing for, and that what control.db
 * has is told again until every volume has it; whoever waits for it is then answered 503, and it need not be said again. Main thread, but
 * for `write_down`. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>

struct arena *fact_arena(struct fact *f) {
  return f->request ? &f->request->arena : &f->own;
}

void fact_free(struct fact *f) {
  if (f->request) return;
  arena_free(&f->own);
  kit_free(f);
}

static void stop_telling(struct fact *t) {
  struct fact **at = &t->api->tellings;
  while (*at && *at != t) at = &(*at)->next;
  if (*at) *at = t->next;
}

static void end_telling(struct fact *t) {
  stop_telling(t);
  fact_free(t);
}

static void start_telling(struct fact *t) {
  t->next = t->api->tellings;
  t->api->tellings = t;
}

static struct str keep_text(struct fact *f, struct str text) {
  const char *copy = arena_text(&f->own, text.at, text.len);
  return (struct str){copy, copy ? text.len : 0};
}

/* The request ends here, what it said does not. */
static bool tell_on(const struct fact *t) {
  struct fact *f = kit_alloc(sizeof *f);
  if (!f) return false;
  *f = (struct fact){.api = t->api, .kind = t->kind, .number = t->number, .volumes = t->volumes, .stops = t->stops, .stuck = true};
  f->name = keep_text(f, t->name);
  f->text = keep_text(f, t->text);
  if (f->name.at && f->text.at) start_telling(f);
  else fact_free(f);
  return f->name.at && f->text.at;
}

static void told_request(struct fact *t) {
  stop_telling(t);
  if (!t->volumes || t->replaced) {
    request_answer(t->request, 200, "application/json", t->answer);
    return;
  }
  const bool goes_on = tell_on(t);
  log_error("control", "a volume does not take a %s, and is told again %s: %s", t->kind, goes_on ? "until it does" : "at the next start",
            t->err.text);
  request_problem(t->request, 503, "untold", NULL,
                  "it is written down and holds, and what did not take it yet is told again %s; it need not be "
                  "sent again; the engine's log says what failed",
                  goes_on ? "until it does" : "at the next start");
}

static void told_all(struct fact *t) {
  if (t->request) told_request(t);
  else if (!t->volumes || t->replaced) end_telling(t);
  else {
    if (!t->stuck) log_error("control", "a volume does not take a %s, and is told again until it does: %s", t->kind, t->err.text);
    t->stuck = true;
  }
}

static void told_volume(struct job *j) {
  struct fact *t = j->owner;
  if (j->err.kind == ERR_NONE) t->volumes &= ~(UINT64_C(1) << j->volume);
  else t->err = j->err;
  job_free(j);
  if (--t->waiting == 0) told_all(t);
}

static struct str fact_text(struct arena *a, const char *kind, struct str name, const char *more_json) {
  char at[32];
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "kind", kind);
  json_pair_str(&w, "name", name);
  json_pair_str(&w, "at", (struct str){at, clock_format(clock_now(), at)});
  json_close_object(&w);
  if (more_json && out.len) { /* "\"stage\":1" goes in before the last brace */
    out.len--;
    buf_printf(&out, ",%s}", more_json);
  }
  return buf_into(&out, a);
}

const char *fact_quoted(struct fact *f, struct str text) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_put_str(&w, text);
  return buf_into(&out, fact_arena(f)).at;
}

/* As the partitions get it. Without memory for the number it acts all the same: control.db has it, and a kill must not fail now. */
static struct str with_number(struct arena *a, struct str fact, int64_t number) {
  struct buf out = {0};
  const char *copy = fact_numbered(fact, number, &out) ? arena_text(a, out.at, out.len) : NULL;
  struct str numbered = copy ? (struct str){copy, out.len} : fact;
  buf_free(&out);
  return numbered;
}

static void tell_volume(struct fact *t, uint32_t volume) {
  struct job *j = job_new(volume);
  if (j) {
    j->fact = (struct str){arena_text(&j->arena, t->text.at, t->text.len), t->text.len};
    j->owner = t;
    j->done = told_volume;
    j->urgent = true;
    j->stops = t->stops;
    t->waiting++;
    if (j->fact.at && lanes_submit(t->api->lanes, j)) return;
    t->waiting--;
    job_free(j);
  }
  err_set(&t->err, ERR_BUSY, "volume %u did not take the fact", volume);
}

static void tell_volumes(struct fact *t) {
  t->waiting = 1;
  t->err = (struct err){0};
  for (uint32_t v = 0; v < book_volumes(t->api->book); v++)
    if (t->volumes >> v & 1) tell_volume(t, v);
  if (--t->waiting == 0) told_all(t);
}

static void tell_first(struct fact *t) {
  for (uint32_t v = 0; v < book_volumes(t->api->book); v++) t->volumes |= UINT64_C(1) << v;
  tell_volumes(t);
}

static bool is_kill(const char *kind) {
  return strcmp(kind, "kill") == 0 || strcmp(kind, "unkill") == 0;
}

/* A later word about the same: an older one must not come after it. An experiment's end is that of one revision, an approval that of one
 * person, and no other's replaces it. */
static void replace_tellings(struct api *api, const char *kind, struct str name) {
  if (strcmp(kind, "experiment") == 0 || strcmp(kind, "approval") == 0) return;
  for (struct fact *t = api->tellings; t; t = t->next)
    t->replaced |= (strcmp(t->kind, kind) == 0 || (is_kill(t->kind) && is_kill(kind))) && str_eq(t->name, name);
}

void facts_again(struct api *api) {
  for (struct fact *t = api->tellings, *next; t; t = next) {
    next = t->next;
    if (t->waiting) continue;
    if (t->replaced) end_telling(t);
    else tell_volumes(t);
  }
}

void facts_forget(struct api *api) {
  while (api->tellings) end_telling(api->tellings);
}

static struct fact *prepare(struct fact *f, struct api *api, struct request *r, const char *kind, const char *author, struct str name) {
  *f = (struct fact){.api = api, .request = r, .kind = kind};
  const char *named = arena_text(fact_arena(f), name.at, name.len);
  const char *by = arena_text(fact_arena(f), author, strlen(author));
  if (!named || !by) return NULL;
  f->name = (struct str){named, name.len};
  f->author = by;
  f->stops = strcmp(kind, "kill") == 0;
  return f;
}

struct fact *fact_new(struct request *r, struct api *api, const char *kind, struct str name) {
  struct fact *f = ARENA_NEW(&r->arena, struct fact);
  if (f && prepare(f, api, r, kind, request_author(r), name)) return f;
  request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return NULL;
}

struct fact *fact_unasked(struct api *api, const char *author, const char *kind, struct str name) {
  struct fact *f = kit_alloc(sizeof *f);
  if (f && prepare(f, api, NULL, kind, author, name)) return f;
  if (f) fact_free(f);
  log_error("control", "no memory for a fact");
  return NULL;
}

bool fact_say(struct fact *f, const char *more_json) {
  f->text = fact_text(fact_arena(f), f->kind, f->name, more_json);
  if (f->text.at) return true;
  if (f->request) request_problem(f->request, 503, "memory", NULL, "no memory for this request: send again in a second");
  else log_error("control", "no memory for a fact");
  return false;
}

/* ---- its way ---- */

static bool has_turn(struct writing *w) {
  struct fact *f = (struct fact *)w;
  return !f->begin || f->begin(f);
}

static bool write_down(struct writing *w, struct err *e) {
  struct fact *f = (struct fact *)w;
  return control_append(f->api->book, f->author, f->kind, f->name.at, f->text, &f->number, e);
}

/* control.db has it: what was said of the same before is no longer meant. */
static void written(struct writing *w) {
  struct fact *f = (struct fact *)w;
  const bool done = w->err.kind == ERR_NONE;
  if (f->written) f->written(f, done);
  if (done) {
    replace_tellings(f->api, f->kind, f->name);
    f->text = with_number(fact_arena(f), f->text, f->number);
    start_telling(f);
    tell_first(f); /* it may be gone now */
  } else if (f->request) request_refuse(f->request, &w->err);
  else {
    log_error("control", "%s", w->err.text);
    fact_free(f);
  }
}

void fact_queue(struct fact *f) {
  f->writing = (struct writing){.kind = f->kind, .name = f->name, .begin = has_turn, .write = write_down, .end = written};
  writing_queue(f->api, &f->writing);
}
