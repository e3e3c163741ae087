/* asking: one question to one lane, and one fact to all of them. The patterns that most handlers share. Promises that a fact for which
 * nobody waits is told again until every volume has it; whoever waits for one gets the error instead, and says it again. Main thread, but
 * for the calls themselves. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>

bool api_room(void *context) {
  return !lanes_full(((struct api *)context)->lanes);
}

struct asking *asking_new(struct request *r, struct api *api) {
  struct asking *a = ARENA_NEW(&r->arena, struct asking);
  if (a) *a = (struct asking){.api = api, .request = r};
  else request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return a;
}

void asking_answer_json(struct asking *a, struct job *j) {
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else request_answer(a->request, 200, "application/json", j->text);
}

static void asked(struct job *j) {
  struct asking *a = j->owner;
  a->answer(a, j);
  job_free(j);
}

void asking_submit(struct asking *a, uint32_t volume, struct str user, int64_t number, void (*call)(struct job *, struct flow *)) {
  if (!a) return; /* answered already */
  struct job *j = job_new(volume);
  if (!a->answer) a->answer = asking_answer_json;
  if (j) {
    j->owner = a;
    j->done = asked;
    j->user = user;
    j->number = number;
    j->call = call;
    j->withdraw = j->urgent = a->withdraw;
    if (lanes_submit(a->api->lanes, j)) return;
  }
  job_free(j);
  struct err busy;
  err_set(&busy, ERR_BUSY, "every place in the queue is taken: send again in a second");
  request_refuse(a->request, &busy);
}

const struct trace *request_trace(struct request *r) {
  struct trace t;
  if (!r->traceparent.len || !trace_parse(r->traceparent, &t)) return NULL;
  struct trace *kept = ARENA_NEW(&r->arena, struct trace);
  if (kept) *kept = t;
  return kept;
}

void job_text(struct job *j, struct buf *b) {
  const char *copy = b->failed ? NULL : arena_text(&j->arena, b->at ? b->at : "", b->len);
  if (copy) j->text = (struct str){copy, b->len};
  else err_set(&j->err, ERR_INTERNAL, "no memory for an answer");
  buf_free(b);
}

/* ---- facts ---- */

struct telling {
  struct api *api;
  struct request *request; /* who waits for it; NULL: nobody, and it is said again until all volumes have it */
  struct telling *next;    /* of the api's, without a request */
  struct arena arena;
  const char *kind;
  struct str name, fact, answer;
  uint64_t volumes; /* bits: those that do not have it */
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

/* A later word about the same: an older one must not come after it. */
static void replace_tellings(struct api *api, const char *kind, struct str name) {
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

bool fact_submit(struct request *r, struct api *api, const char *kind, struct str name, const char *more_json, struct str answer_json) {
  struct err e = {0};
  struct telling *t = ARENA_NEW(&r->arena, struct telling);
  struct str fact = fact_text(&r->arena, kind, name, more_json);
  const char *author = r->key_name.len ? arena_text(&r->arena, r->key_name.at, r->key_name.len) : "local";
  const char *named = arena_text(&r->arena, name.at, name.len);
  int64_t number;
  if (!t || !control_append(api->book, author, kind, named, fact, &number, &e)) {
    if (e.kind == ERR_NONE) err_set(&e, ERR_BUSY, "no memory for this request: send again in a second");
    request_refuse(r, &e);
    return false;
  }
  replace_tellings(api, kind, name);
  *t = (struct telling){.api = api, .request = r, .answer = answer_json, .kind = kind, .stops = strcmp(kind, "kill") == 0};
  t->fact = with_number(&r->arena, fact, number);
  tell_first(t);
  return true;
}

bool fact_tell(struct api *api, const char *author, const char *kind, struct str name, const char *more_json) {
  struct err e = {0};
  struct arena arena = {0};
  struct telling *t = kit_alloc(sizeof *t);
  struct str fact = fact_text(&arena, kind, name, more_json);
  const char *named = arena_text(&arena, name.at, name.len);
  int64_t number;
  if (!t || !fact.at || !named || !control_append(api->book, author, kind, named, fact, &number, &e)) {
    log_error("control", "%s", e.kind == ERR_NONE ? "no memory for a fact" : e.text);
    arena_free(&arena);
    kit_free(t);
    return false;
  }
  replace_tellings(api, kind, name);
  fact = with_number(&arena, fact, number);
  *t = (struct telling){.api = api, .next = api->tellings, .arena = arena, .kind = kind, .name = {named, name.len}, .fact = fact};
  api->tellings = t;
  tell_first(t);
  return true;
}
