/* merge: two ids become one person, while the engine runs; and what is done to a person of several ids: consent withdrawn, erasure. One act
 * after the other, each a few jobs in the lanes of its people: control.db has a merge before any journal, the old id's chain is closed
 * before what binds it is read, and events under the old id go to the one who stays only when all of it is durable; until then they are
 * answered 429. Promises that what a crash, a full disk or a stop leaves half done is ended by the next start, by asking again, or by
 * itself within a minute of whatever was in its way: until then what protects the old id does not yet protect the one who stays. Handlers
 * and steps on the main thread, functions named *_in_lane on the lane. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <stddef.h>
#include <string.h>

#define AGAIN_AFTER (60 * INT64_C(1000000000))

/* Lies in its request's arena, or, when nobody asked, in memory of its own. */
struct act {
  struct api *api;
  struct request *request; /* NULL: a merge that was left half done goes on */
  struct arena own;
  bool erases, queued;
  struct str from, into; /* into: as asked, then the one who stays */
  struct merge_clock from_clock, into_clock;
  unsigned char mark[16];
  bool closed, bound, withdrawn; /* what the lanes found */
  struct alias alias;
  struct buf carried;
  struct str *ids; /* all of the person's */
  size_t count;
  uint32_t waiting;
  bool any; /* somebody was there to be erased */
  struct err err;
  void (*then)(struct act *a);
  struct writing writing;
  struct alias_change change;
  struct act *next;
};

/* ---- whom an id means ---- */

struct str person_meant(struct request *r, const struct api *api, struct str id) {
  const struct str whom = aliases_whom(api->aliases, id);
  if (whom.at == id.at) return id;
  const char *copy = arena_text(&r->arena, whom.at, whom.len);
  return copy ? (struct str){copy, whom.len} : id; /* the old id: refused by its lane, and sent again */
}

struct str person_merged(struct request *r, const struct api *api, struct str id) {
  size_t count = 0;
  const struct str *ids = aliases_person(api->aliases, id, &r->arena, &count);
  if (!ids || count < 2) return (struct str){0};
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_array(&w);
  for (size_t i = 1; i < count; i++) json_put_str(&w, ids[i]);
  json_close_array(&w);
  return buf_into(&out, &r->arena);
}

/* ---- acts, one after the other ---- */

static struct arena *arena_of(struct act *a) {
  return a->request ? &a->request->arena : &a->own;
}

static struct act *act_new(struct request *r, struct api *api, bool erases) {
  struct act *a = ARENA_NEW(&r->arena, struct act);
  if (a) *a = (struct act){.api = api, .request = r, .erases = erases, .from = r->params[0]};
  else request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return a;
}

static void start(struct act *a);

static void act_queue(struct act *a) {
  struct act **last = &a->api->acts;
  while (*last) last = &(*last)->next;
  *last = a;
  a->queued = true;
  if (a->api->acts == a) start(a);
}

static void end_unasked(struct act *a) {
  if (a->err.kind != ERR_NONE) log_warn("merge", "a merge that was left half done cannot be ended yet: %s", a->err.text);
  else a->api->merges_at = 0; /* the next one need not wait */
  arena_free(&a->own);
  kit_free(a);
}

static void answer_text(struct act *a, struct str json) {
  struct api *api = a->api;
  struct act *next = a->next;
  const bool queued = a->queued;
  buf_free(&a->carried);
  if (queued) api->acts = next;
  if (!a->request) end_unasked(a);
  else if (a->err.kind != ERR_NONE) request_refuse(a->request, &a->err);
  else request_answer(a->request, 200, "application/json", json);
  if (queued && next) start(next);
}

static void fail(struct act *a) {
  if (a->err.kind == ERR_NONE) err_set(&a->err, ERR_BUSY, "no memory for this request: send again in a second");
  answer_text(a, (struct str){0});
}

/* ---- jobs ---- */

static void came_back(struct job *j) {
  struct act *a = j->owner;
  const struct err *refused = j->item_count && j->items[0].state == ITEM_REFUSED ? &j->items[0].err : NULL;
  if (j->err.kind != ERR_NONE && !(a->erases && j->err.kind == ERR_MISSING)) a->err = j->err;
  else if (refused) a->err = *refused;
  a->any |= a->erases && j->err.kind == ERR_NONE;
  job_free(j);
  if (--a->waiting > 0) return;
  if (a->err.kind != ERR_NONE) fail(a);
  else a->then(a);
}

/* False: a->err. While a->waiting holds one of our own the act cannot end under our hands. */
static bool submit(struct act *a, struct job *j) {
  if (j && !a->api->draining) {
    j->owner = a;
    j->done = came_back;
    j->urgent = true; /* what was begun is ended under load, too */
    if (lanes_submit(a->api->lanes, j)) {
      a->waiting++;
      return true;
    }
  }
  job_free(j);
  if (a->api->draining) err_set(&a->err, ERR_STOPPING, "the engine is stopping: send again in a second");
  else if (a->err.kind == ERR_NONE) err_set(&a->err, ERR_BUSY, "every place in the queue is taken: send again in a second");
  return false;
}

static void submit_one(struct act *a, struct job *j, void (*then)(struct act *a)) {
  a->then = then;
  if (!submit(a, j)) fail(a);
}

static void ask(struct act *a, struct str user, void (*call)(struct job *, struct flow *), void (*then)(struct act *a)) {
  struct job *j = job_new(volume_for(a->api, user));
  if (j) {
    j->user = user;
    j->call = call;
  }
  submit_one(a, j, then);
}

/* Several at once; when all are back, `then` or the error. */
static void submit_many(struct act *a, size_t first, struct job *(*make)(struct act *a, struct str id), void (*then)(struct act *a)) {
  a->then = then;
  a->waiting = 1;
  for (size_t i = first; i < a->count; i++)
    if (!submit(a, make(a, a->ids[i]))) break;
  if (--a->waiting > 0) return;
  if (a->err.kind != ERR_NONE) fail(a);
  else then(a);
}

static bool find_ids(struct act *a, struct str id) {
  a->ids = aliases_person(a->api->aliases, id, arena_of(a), &a->count);
  return a->ids != NULL;
}

/* ---- control.db ---- */

static struct act *act_of(struct writing *w) {
  return (struct act *)((char *)w - offsetof(struct act, writing));
}

static bool write_change(struct writing *w, struct err *e) {
  return alias_change_write(&act_of(w)->change, e);
}

static void change_is_over(struct writing *w) {
  struct act *a = act_of(w);
  const bool done = w->err.kind == ERR_NONE;
  const struct alias *x = alias_change_end(&a->change, done);
  if (x) a->alias = *x;
  if (!done) a->err = w->err;
  if (done) a->then(a);
  else fail(a);
}

/* What a->change is to be, while the loop goes on; `is_fine`: it was not refused. */
static void submit_change(struct act *a, bool is_fine, void (*then)(struct act *a)) {
  a->then = then;
  a->writing = (struct writing){.write = write_change, .end = change_is_over};
  if (is_fine) writing_queue(a->api, &a->writing);
  else fail(a);
}

/* ---- consent withdrawn under every id ---- */

static struct job *opt_out_job(struct act *a, struct str id) {
  const struct str key = a->request ? a->request->key_name : STR("merge");
  const int64_t now = a->request ? a->request->received : clock_now();
  return item_job(a->api, id, ENTRY_CONSENT, "opt_out", (struct str){0}, now, NULL, key.len ? key : STR("local"), &a->err);
}

static void opted_out(struct act *a) {
  answer_text(a, STR("{\"state_updated\":true}"));
}

bool opt_out_person(struct request *r, struct api *api) {
  if (!aliases_count(api->aliases)) return false;
  struct act *a = act_new(r, api, false);
  if (!a) return true;
  if (!find_ids(a, a->from)) fail(a);
  else if (a->count == 1) return false;
  else submit_many(a, 0, opt_out_job, opted_out);
  return true;
}

/* ---- merging ---- */

static void merged(struct act *a) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_bool(&w, "merged", true);
  json_pair_str(&w, "userId", a->into);
  json_pair_str(&w, "from", a->from);
  json_close_object(&w);
  answer_text(a, buf_view(&out));
  buf_free(&out);
}

static void finish_merge(struct act *a) {
  submit_change(a, aliases_begin_done(&a->change, a->api->aliases, a->from, &a->err), merged);
}

static void consent_in_lane(struct job *j, struct flow *f) {
  struct act *a = j->owner;
  const struct user *u = known_user(j, f);
  a->withdrawn = u && u->consent == CONSENT_WITHDRAWN;
}

static void look_at_consent(struct act *a) {
  if (!a->withdrawn) finish_merge(a);
  else if (find_ids(a, a->from)) submit_many(a, 0, opt_out_job, finish_merge);
  else fail(a);
}

static void is_bound(struct act *a) {
  ask(a, a->into, consent_in_lane, look_at_consent);
}

/* A job with one row of the merge. */
static void submit_row(struct act *a, bool closes, void (*then)(struct act *a)) {
  const struct str user = closes ? a->from : a->into;
  struct job *j = job_new(volume_for(a->api, user));
  if (j && (j->items = merge_item(&j->arena, &a->alias, closes, buf_view(&a->carried), closes ? &a->from_clock : &a->into_clock, &a->err)))
    j->item_count = 1;
  else {
    job_free(j);
    fail(a);
    return;
  }
  submit_one(a, j, then);
}

static void bind_other(struct act *a) {
  if (a->bound) is_bound(a);
  else submit_row(a, false, is_bound);
}

static void carry_in_lane(struct job *j, struct flow *f) {
  struct act *a = j->owner;
  const struct user *u = known_user(j, f);
  buf_clear(&a->carried);
  if (u) merge_carried(f, u, &a->alias, &j->arena, &a->carried, &j->err);
}

static void is_closed(struct act *a) {
  ask(a, a->from, carry_in_lane, bind_other);
}

static void is_begun(struct act *a) {
  if (a->closed) is_closed(a);
  else submit_row(a, true, is_closed);
}

static void begin_merge(struct act *a) {
  const struct alias *x = aliases_from(a->api->aliases, a->from);
  if (x) {
    a->alias = *x;
    is_begun(a);
  } else if (a->request)
    submit_change(a, aliases_begin_new(&a->change, a->api->aliases, request_author(a->request), a->from, a->into, a->mark, &a->err),
                  is_begun);
  else fail(a);
}

static void check_into_in_lane(struct job *j, struct flow *f) {
  struct act *a = j->owner;
  const struct user *u = known_user(j, f);
  if (!u) return;
  a->into_clock = merge_clock_of(u);
  a->bound = user_mark(u, merge_mark(a->from)) != NULL;
}

static void check_into(struct act *a) {
  ask(a, a->into, check_into_in_lane, begin_merge);
}

static void check_from_in_lane(struct job *j, struct flow *f) {
  struct act *a = j->owner;
  const struct user *u = known_user(j, f);
  if (!u) return;
  a->from_clock = merge_clock_of(u);
  a->closed = u->closed;
  user_erasure_mark(u, a->mark);
}

static void start_merge(struct act *a) {
  const struct alias *same;
  if (!aliases_may(a->api->aliases, a->from, a->into, &same, &a->err) || !find_ids(a, a->into)) {
    fail(a);
    return;
  }
  a->into = a->ids[0];
  if (same && same->state == ALIAS_DONE) merged(a);
  else {
    if (same) a->into = (struct str){arena_text(arena_of(a), same->into.at, same->into.len), same->into.len};
    ask(a, a->from, check_from_in_lane, check_into);
  }
}

void api_user_merge(struct request *r, void *context) {
  struct json body;
  struct err e = {0};
  if (!json_parse(&body, &r->arena, r->body, &json_limits_default, &e)) {
    request_problem(r, 400, "json-invalid", NULL, "%s", e.text);
    return;
  }
  const struct str into = json_text(&body, json_get(&body, 0, "into"), &r->arena);
  if (!into.len) {
    request_problem(r, 400, "request-invalid", "/into", "expected the id of the user who stays, as text");
    return;
  }
  struct act *a = act_new(r, context, false);
  if (!a) return;
  a->into = into;
  act_queue(a);
}

/* ---- what was left half done ---- */

/* The next one after the last that was tried, round and round: one that cannot be ended does not keep the others from it. */
static const struct alias *half_done(const struct api *api) {
  const struct alias *after = NULL, *first = NULL;
  size_t cursor = 0;
  for (const struct alias *x; (x = aliases_next(api->aliases, &cursor));) {
    if (x->state != ALIAS_BEGUN || aliases_begun_into(api->aliases, x->from)) continue;
    if (!first || x->number < first->number) first = x;
    if (x->number > api->merge_tried && (!after || x->number < after->number)) after = x;
  }
  return after ? after : first;
}

void merges_again(struct api *api) {
  if (api->acts || !aliases_count(api->aliases) || clock_monotonic() < api->merges_at) return;
  api->merges_at = clock_monotonic() + AGAIN_AFTER;
  const struct alias *x = half_done(api);
  struct act *a = x ? kit_alloc(sizeof *a) : NULL;
  if (!a) return;
  *a = (struct act){.api = api};
  a->from = (struct str){arena_text(&a->own, x->from.at, x->from.len), x->from.len};
  a->into = (struct str){arena_text(&a->own, x->into.at, x->into.len), x->into.len};
  api->merge_tried = x->number;
  if (a->from.at && a->into.at) act_queue(a);
  else end_unasked(a);
}

/* ---- erasing ---- */

static struct job *erase_job(struct act *a, struct str id) {
  struct job *j = job_new(volume_for(a->api, id));
  if (!j) return NULL;
  j->user = id;
  j->call = erase_in_lane;
  j->withdraw = true; /* the courier lets go of their messages before the answer */
  return j;
}

static void is_forgotten(struct act *a) {
  if (a->any) answer_text(a, STR("{\"erased\":true}"));
  else {
    err_set(&a->err, ERR_MISSING, "no user \"" STR_FORMAT "\" is known here", STR_ARG(a->from));
    fail(a);
  }
}

static void all_erased(struct act *a) {
  struct aliases *all = a->api->aliases;
  if (!aliases_count(all)) is_forgotten(a);
  else submit_change(a, aliases_begin_forget(&a->change, all, a->from, &a->err), is_forgotten);
}

static void erase_others(struct act *a) {
  submit_many(a, 1, erase_job, all_erased);
}

static void erase_first(struct act *a) {
  submit_one(a, erase_job(a, a->ids[0]), erase_others);
}

/* The one who stays goes first: as long as an old id is there, its merge says that the erasure is not over. */
static void start_erasure(struct act *a) {
  if (!find_ids(a, a->from)) fail(a);
  else if (a->count > 1) submit_change(a, aliases_begin_ending(&a->change, a->api->aliases, a->from, &a->err), erase_first);
  else erase_first(a);
}

static bool is_about(const struct act *a, struct str id) {
  return str_eq(a->from, id) || str_eq(a->into, id);
}

bool erase_person(struct request *r, struct api *api) {
  const struct str id = r->params[0];
  bool several = aliases_from(api->aliases, id) != NULL;
  for (const struct act *a = api->acts; a && !several; a = a->next) several = is_about(a, id);
  if (!several && aliases_count(api->aliases)) several = person_merged(r, api, id).len > 0;
  if (!several) return false;
  struct act *a = act_new(r, api, true);
  if (a) act_queue(a);
  return true;
}

static void start(struct act *a) {
  if (a->erases) start_erasure(a);
  else start_merge(a);
}
