/* facts: what an operator says, into control.db and then to every volume. Promises that a fact is durable in control.db before any volume
 * hears of it, that facts of one name reach the volumes in the order in which they were said, that the main thread does not wait for the
 * disk while a kill is written (fact_write), and that a fact for which nobody waits is told again until every volume has it; whoever waits
 * for one gets the error instead, and says it again. Main thread, but for `write_first`, which libuv's pool runs, one at a time. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>

struct telling {
  struct api *api;
  struct request *request; /* who waits for it; NULL: nobody, and it is said again until all volumes have it */
  struct telling *next;    /* of the api's, without a request; or of those that are being written */
  struct arena arena;
  const char *kind, *author;
  struct str name, fact, answer;
  int64_t number;                                    /* of control.db */
  void (*written)(struct api *api, struct str name); /* fact_write's */
  uint64_t volumes;                                  /* bits: those that do not have it */
  uint32_t waiting;
  bool stops, replaced, stuck;
  struct err err;
};

static void end_telling(struct telling *t) {
  struct telling **at = &t->api->tellings;
  while (*at != t) at = &(*at)->next;
  *at = t->next;
  arena_free(&t->arena);
  kit_free(t);
}

static void told_all(struct telling *t) {
  if (t->request && t->err.kind != ERR_NONE) request_refuse(t->request, &t->err);
  else if (t->request) request_answer(t->request, 200, "application/json", t->answer);
  else if (!t->volumes || t->replaced) end_telling(t);
  else {
    if (!t->stuck) log_error("control", "a volume does not take a %s, and is told again until it does: %s", t->kind, t->err.text);
    t->stuck = true;
  }
}

static void told_volume(struct job *j) {
  struct telling *t = j->owner;
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
  struct str copy = {arena_text(a, out.at, out.len), out.len};
  buf_free(&out);
  return copy;
}

/* As the partitions get it. Without memory for the number it acts all the same: control.db has it, and a kill must not fail now. */
static struct str with_number(struct arena *a, struct str fact, int64_t number) {
  struct buf out = {0};
  const char *copy = fact_numbered(fact, number, &out) ? arena_text(a, out.at, out.len) : NULL;
  struct str numbered = copy ? (struct str){copy, out.len} : fact;
  buf_free(&out);
  return numbered;
}

static void tell_volume(struct telling *t, uint32_t volume) {
  struct job *j = job_new(volume);
  if (j) {
    j->fact = (struct str){arena_text(&j->arena, t->fact.at, t->fact.len), t->fact.len};
    j->owner = t;
    j->done = told_volume;
    j->urgent = true;
    j->stops = t->stops;
    t->waiting++;
    if (j->fact.at && lanes_submit(t->api->lanes, j)) return;
    t->waiting--;
    job_free(j);
  }
  err_set(&t->err, ERR_BUSY, "volume %u did not take the fact: send again", volume);
}

static void tell_volumes(struct telling *t) {
  t->waiting = 1;
  t->err = (struct err){0};
  for (uint32_t v = 0; v < book_volumes(t->api->book); v++)
    if (t->volumes >> v & 1) tell_volume(t, v);
  if (--t->waiting == 0) told_all(t);
}

static void tell_first(struct telling *t) {
  for (uint32_t v = 0; v < book_volumes(t->api->book); v++) t->volumes |= UINT64_C(1) << v;
  tell_volumes(t);
}

/* A later word about the same: an older one must not come after it. An experiment's end is that of one revision, and no other's replaces
 * it.
 */
static void replace_tellings(struct api *api, const char *kind, struct str name) {
  if (strcmp(kind, "experiment") == 0) return;
  for (struct telling *t = api->tellings; t; t = t->next) t->replaced |= strcmp(t->kind, kind) == 0 && str_eq(t->name, name);
}

void facts_again(struct api *api) {
  for (struct telling *t = api->tellings, *next; t; t = next) {
    next = t->next;
    if (t->waiting) continue;
    if (t->replaced) end_telling(t);
    else tell_volumes(t);
  }
}

void facts_forget(struct api *api) {
  while (api->tellings) end_telling(api->tellings);
}

/* All of it in the request's arena; NULL: no memory, and the request is answered. */
static struct telling *telling_new(struct request *r, struct api *api, const char *kind, struct str name, const char *more_json,
                                   struct str answer_json) {
  struct telling *t = ARENA_NEW(&r->arena, struct telling);
  struct str fact = fact_text(&r->arena, kind, name, more_json);
  const char *author = r->key_name.len ? arena_text(&r->arena, r->key_name.at, r->key_name.len) : "local";
  const char *named = arena_text(&r->arena, name.at, name.len);
  if (!t || !fact.at || !author || !named) {
    request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
    return NULL;
  }
  *t = (struct telling){.api = api, .request = r, .kind = kind, .author = author, .name = {named, name.len}, .fact = fact};
  t->answer = answer_json;
  t->stops = strcmp(kind, "kill") == 0;
  return t;
}

static bool write_down(struct telling *t, struct err *e) {
  return control_append(t->api->book, t->author, t->kind, t->name.at, t->fact, &t->number, e);
}

/* control.db has it: what was said of the same before is no longer meant. */
static void number_written(struct telling *t) {
  replace_tellings(t->api, t->kind, t->name);
  t->fact = with_number(t->request ? &t->request->arena : &t->arena, t->fact, t->number);
}

bool fact_submit(struct request *r, struct api *api, const char *kind, struct str name, const char *more_json, struct str answer_json) {
  struct err e = {0};
  struct telling *t = telling_new(r, api, kind, name, more_json, answer_json);
  if (!t) return false;
  if (!write_down(t, &e)) {
    request_refuse(r, &e);
    return false;
  }
  number_written(t);
  tell_first(t);
  return true;
}

bool fact_tell(struct api *api, const char *author, const char *kind, struct str name, const char *more_json) {
  struct err e = {0};
  struct arena arena = {0};
  struct telling *t = kit_alloc(sizeof *t);
  struct str fact = fact_text(&arena, kind, name, more_json);
  const char *named = arena_text(&arena, name.at, name.len);
  const bool memory = t && fact.at && named;
  if (memory) *t = (struct telling){.api = api, .kind = kind, .author = author, .name = {named, name.len}, .fact = fact};
  if (!memory || !write_down(t, &e)) {
    log_error("control", "%s", memory ? e.text : "no memory for a fact");
    arena_free(&arena);
    kit_free(t);
    return false;
  }
  t->arena = arena;
  number_written(t);
  t->next = api->tellings;
  api->tellings = t;
  tell_first(t);
  return true;
}

/* ---- facts that are written while the loop goes on ---- */

static void write_next(struct api *api);

static void write_first(uv_work_t *work) {
  struct telling *t = ((struct api *)work->data)->writing;
  write_down(t, &t->err);
}

static void written_first(uv_work_t *work, int status) {
  struct api *api = work->data;
  struct telling *t = api->writing;
  if (status != 0) err_set(&t->err, ERR_BUSY, "the engine is stopping");
  const bool done = t->err.kind == ERR_NONE;
  if (done && t->written) t->written(api, t->name); /* the request may be gone with its answer */
  api->writing = t->next;
  t->next = NULL;
  if (done) {
    number_written(t);
    tell_first(t);
  } else request_refuse(t->request, &t->err);
  write_next(api);
}

/* One after the other: the pool's threads keep no order of their own. */
static void write_next(struct api *api) {
  if (!api->writing) return;
  api->write.data = api;
  must(uv_queue_work(api->loop, &api->write, write_first, written_first) == 0);
}

void fact_write(struct request *r, struct api *api, const char *kind, struct str name, struct str answer_json,
                void (*written)(struct api *api, struct str name)) {
  struct telling *t = telling_new(r, api, kind, name, NULL, answer_json), **last = &api->writing;
  if (!t) return;
  if (api->facts_ended) {
    request_problem(r, 503, "stopping", NULL, "the engine is stopping");
    return;
  }
  t->written = written;
  const bool alone = !api->writing;
  while (*last) last = &(*last)->next;
  *last = t;
  if (alone) write_next(api);
}

bool fact_follows(const struct api *api, const char *kind, struct str name) {
  for (const struct telling *t = api->writing ? api->writing->next : NULL; t; t = t->next)
    if (strcmp(t->kind, kind) == 0 && str_eq(t->name, name)) return true;
  return false;
}

void facts_end(struct api *api) {
  while (api->writing) uv_run(api->loop, UV_RUN_ONCE);
  api->facts_ended = true;
}
