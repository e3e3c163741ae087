/* events: POST /v1/events and /v1/decide. Events go to the lanes of their users, one job a volume, and the answer is given when every
 * volume has committed. Room is looked at before anything is handed over. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include <stdio.h>
#include <string.h>

struct posting {
  struct api *api;
  struct request *request;
  struct event_batch batch;
  struct job *jobs[BOOK_VOLUMES_MOST];
  uint32_t *places[BOOK_VOLUMES_MOST]; /* beside a job's items: place in the batch */
  uint32_t waiting;
  struct err refused; /* a volume that had no room after all */
  struct elsewhere elsewhere;
};

/* ---- answers ---- */

static void put_decision(struct json_writer *w, const struct told *t) {
  char id[32];
  json_open_object(w);
  json_pair_str(w, "id", (struct str){id, decision_id_text(t->id, id)});
  json_pair_str(w, "userId", t->user);
  json_pair_str(w, "trigger", t->trigger);
  if (t->option.len) json_pair_str(w, "option", t->option);
  json_pair_text(w, "outcome", outcome_word(t->outcome));
  if (t->reason) json_pair_text(w, "reason", t->reason);
  json_close_object(w);
}

struct totals {
  int64_t accepted, duplicates, sends;
  bool learned, all_lost;
};

static bool item_lost(const struct job *j) {
  return j->err.kind != ERR_NONE;
}

static struct totals total(const struct posting *p) {
  struct totals t = {.all_lost = true};
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++) {
    const struct job *j = p->jobs[v];
    if (!j || item_lost(j)) continue;
    t.all_lost = false;
    for (size_t i = 0; i < j->item_count; i++) {
      t.accepted += j->items[i].state == ITEM_TAKEN;
      t.duplicates += j->items[i].state == ITEM_DUPLICATE;
      t.learned |= j->items[i].learned;
      for (size_t k = 0; k < j->items[i].told_count; k++) t.sends += j->items[i].told[k].outcome == OUTCOME_SENT;
    }
  }
  return t;
}

static void put_rejected(struct json_writer *w, uint32_t index, const char *pointer, const char *detail, bool retryable) {
  json_open_object(w);
  json_pair_int(w, "index", index);
  json_pair_text(w, "pointer", pointer);
  json_pair_text(w, "detail", detail);
  json_pair_bool(w, "retryable", retryable);
  json_close_object(w);
}

/* An item's error starts with the JSON pointer: "/data/steps: …". */
static void put_item_error(struct json_writer *w, uint32_t index, const struct err *e, bool retryable) {
  const char *colon = e->text[0] == '/' ? strchr(e->text, ':') : NULL;
  char pointer[128] = "";
  if (colon) snprintf(pointer, sizeof pointer, "%.*s", (int)(colon - e->text), e->text);
  put_rejected(w, index, pointer, colon && !e->also_count ? colon + 2 : e->text, retryable); /* several: each says its place */
}

static void put_all_rejected(struct json_writer *w, const struct posting *p) {
  for (size_t i = 0; i < p->batch.refusal_count; i++) {
    const struct refusal *r = &p->batch.refusals[i];
    put_rejected(w, r->index, r->pointer, r->detail, r->retryable);
  }
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    for (size_t i = 0; p->jobs[v] && i < p->jobs[v]->item_count; i++) {
      const struct item *item = &p->jobs[v]->items[i];
      uint32_t index = p->batch.index[p->places[v][i]];
      if (item_lost(p->jobs[v])) put_item_error(w, index, &p->jobs[v]->err, true);
      else if (item->state == ITEM_REFUSED) put_item_error(w, index, &item->err, item->err.kind == ERR_BUSY);
    }
}

/* An event that came without an id was given one; whoever sent it has no other way to learn it. */
static void put_given_ids(struct json_writer *w, const struct posting *p) {
  bool any = false;
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    for (size_t i = 0; p->jobs[v] && !item_lost(p->jobs[v]) && i < p->jobs[v]->item_count; i++) {
      const struct item *item = &p->jobs[v]->items[i];
      if (item->event.id_given || item->state != ITEM_TAKEN) continue;
      if (!any) json_key(w, "ids"), json_open_array(w);
      any = true;
      json_open_object(w);
      json_pair_int(w, "index", p->batch.index[p->places[v][i]]);
      json_pair_str(w, "id", item->event.id);
      json_close_object(w);
    }
  if (any) json_close_array(w);
}

#define UNDECLARED_TOLD 20

/* A type that no event noun has is stored and decides nothing, which is nearly always a slip: so whoever sends it is told. */
static void put_undeclared(struct json_writer *w, const struct posting *p) {
  int told = 0;
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    for (size_t i = 0; p->jobs[v] && !item_lost(p->jobs[v]) && i < p->jobs[v]->item_count && told < UNDECLARED_TOLD; i++) {
      const struct item *item = &p->jobs[v]->items[i];
      if (item->state != ITEM_TAKEN || !item->undeclared) continue;
      if (told++ == 0) json_key(w, "undeclared"), json_open_array(w);
      json_open_object(w);
      json_pair_int(w, "index", p->batch.index[p->places[v][i]]);
      json_pair_str(w, "type", item->event.type);
      json_close_object(w);
    }
  if (told) json_close_array(w);
}

static void put_decisions(struct json_writer *w, const struct posting *p) {
  json_key(w, "decisions");
  json_open_array(w);
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    for (size_t i = 0; p->jobs[v] && !item_lost(p->jobs[v]) && i < p->jobs[v]->item_count; i++)
      for (size_t k = 0; k < p->jobs[v]->items[i].told_count; k++) put_decision(w, &p->jobs[v]->items[i].told[k]);
  json_close_array(w);
}

/* A reason says who has opted out, is ill or is a minor, and a public write key may send events about anybody. */
static bool may_be_told(uint32_t scopes) {
  return scope_allows(scopes, SCOPE_INGEST) || scope_allows(scopes, SCOPE_DECIDE) || scope_allows(scopes, SCOPE_READ);
}

static void answer_batch(struct posting *p, const struct totals *t) {
  struct buf out = {0};
  buf_reserve(&out, 256); /* most answers fit */
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_int(&w, "accepted", t->accepted);
  json_pair_int(&w, "duplicates", t->duplicates);
  json_key(&w, "rejected");
  json_open_array(&w);
  put_all_rejected(&w, p);
  json_close_array(&w);
  put_undeclared(&w, p);
  json_pair_bool(&w, "state_updated", t->accepted > 0);
  const bool tells = may_be_told(p->request->scopes);
  if (tells) json_pair_int(&w, "interventions_triggered", t->sends);
  json_pair_bool(&w, "learning_updated", t->learned);
  if (tells) put_decisions(&w, p);
  put_given_ids(&w, p);
  json_close_object(&w);
  request_answer(p->request, 200, "application/json", buf_view(&out));
  buf_free(&out);
}

/* An event sent alone is an error of its own when it is refused; in a list the good ones count. */
static bool answer_alone_refused(struct posting *p) {
  for (size_t v = 0; v < BOOK_VOLUMES_MOST && p->batch.alone; v++) {
    const struct job *j = p->jobs[v];
    if (!j || j->item_count == 0 || j->items[0].state != ITEM_REFUSED || item_lost(j)) continue;
    const struct err *e = &j->items[0].err;
    bool conflict = e->kind == ERR_CONFLICT;
    if (e->kind == ERR_BUSY) request_refuse(p->request, e);
    else request_refuse_as(p->request, conflict ? 409 : 400, conflict ? "conflict" : "event-invalid", e);
    return true;
  }
  return false;
}

static void finish(struct posting *p) {
  struct totals t = total(p);
  struct job *jobs[BOOK_VOLUMES_MOST];
  memcpy(jobs, p->jobs, sizeof jobs); /* the posting lies in the request, which is gone after the answer */
  const struct err *lost = NULL;
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    if (jobs[v] && item_lost(jobs[v])) lost = &jobs[v]->err;
  if (lost && t.all_lost) request_refuse(p->request, lost);
  else if (!answer_alone_refused(p)) answer_batch(p, &t);
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++) job_free(jobs[v]);
}

static void volume_done(struct job *j) {
  struct posting *p = j->owner;
  if (--p->waiting == 0) finish(p);
}

/* ---- requests ---- */

static bool make_job(struct posting *p, uint32_t volume, size_t most) {
  struct job *j = job_new(volume);
  if (!j) return false;
  p->jobs[volume] = j;
  j->owner = p;
  j->done = volume_done;
  j->items = ARENA_ARRAY(&j->arena, struct item, most);
  p->places[volume] = ARENA_ARRAY(&j->arena, uint32_t, most);
  return j->items && p->places[volume];
}

/* A decision that was made elsewhere is booked only for senders that may speak for a backend: a public write key could make them up. */
static enum entry_kind kind_of(const struct event *e, bool may_identify) {
  return may_identify && str_is(e->type, "logged_decision") ? ENTRY_IMPORTED : ENTRY_EVENT;
}

static void find_people(struct posting *p) {
  for (size_t i = 0; aliases_count(p->api->aliases) && i < p->batch.count; i++)
    p->batch.events[i].user = person_meant(p->request, p->api, p->batch.events[i].user);
}

static bool share_out(struct posting *p, bool may_identify) {
  const struct trace *trace = request_trace(p->request);
  uint32_t of[2500];
  size_t counts[BOOK_VOLUMES_MOST] = {0};
  for (size_t i = 0; i < p->batch.count; i++) {
    of[i] = book_volume_of(p->api->book, book_partition_of(p->api->book, p->batch.events[i].user));
    counts[of[i]]++;
  }
  for (size_t i = 0; i < p->batch.count; i++) {
    uint32_t v = of[i];
    if (!p->jobs[v] && !make_job(p, v, counts[v])) return false;
    struct job *j = p->jobs[v];
    p->places[v][j->item_count] = (uint32_t)i;
    j->items[j->item_count++] = (struct item){.kind = kind_of(&p->batch.events[i], may_identify),
                                              .event = p->batch.events[i],
                                              .may_identify = may_identify,
                                              .elsewhere = p->elsewhere.found ? p->elsewhere.found[i] : DUPLICATE_NO,
                                              .asked = NO_ONE,
                                              .trace = trace,
                                              .results = &j->arena};
  }
  return true;
}

static void free_jobs(struct posting *p) {
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++) job_free(p->jobs[v]);
}

static void refuse_busy(struct request *r) {
  struct err busy;
  err_set(&busy, ERR_BUSY, "every place in the queue is taken: send again in a second");
  request_refuse(r, &busy);
}

static void submit_all(struct posting *p) {
  uint64_t volumes = 0;
  size_t held = p->request->arena.total;
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    if (p->jobs[v]) {
      volumes |= UINT64_C(1) << v;
      p->jobs[v]->held = held; /* the events lie in the request: counted once */
      held = 0;
    }
  if (!lanes_room(p->api->lanes, volumes)) {
    free_jobs(p);
    refuse_busy(p->request);
    return;
  }
  p->waiting = 1; /* ours, so that a quick lane cannot finish before all are sent */
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++) {
    if (!p->jobs[v]) continue;
    p->waiting++;
    if (lanes_submit(p->api->lanes, p->jobs[v])) continue;
    err_set(&p->jobs[v]->err, ERR_BUSY, "this volume's queue is full: send again in a second");
    p->waiting--;
  }
  if (--p->waiting == 0) finish(p);
}

static void hand_over(struct posting *p) {
  if (share_out(p, scope_allows(p->request->scopes, SCOPE_INGEST))) {
    submit_all(p);
    return;
  }
  free_jobs(p);
  request_problem(p->request, 503, "memory", NULL, "no memory for %zu events", p->batch.count);
}

static void looked_elsewhere(struct elsewhere *l) {
  struct posting *p = l->own;
  if (l->err.kind != ERR_NONE) request_refuse(p->request, &l->err);
  else hand_over(p);
}

static bool clock_allowed(struct request *r, bool *history) {
  struct str clock = request_query(r, "clock");
  *history = str_is(clock, "event");
  if (clock.len && !*history && !str_is(clock, "received")) {
    request_problem(r, 400, "query-invalid", NULL, "clock: expected \"event\" or \"received\", got \"" STR_FORMAT "\"", STR_ARG(clock));
    return false;
  }
  if (*history && !scope_allows(r->scopes, SCOPE_OPERATE)) {
    request_problem(r, 403, "scope-missing", NULL, "clock=event decides on past time and needs a key with the scope operate");
    return false;
  }
  return true;
}

void api_events(struct request *r, void *context) {
  bool history;
  struct err e = {0};
  if (!clock_allowed(r, &history)) return;
  if (lanes_full(((struct api *)context)->lanes)) { /* before the work of reading it */
    refuse_busy(r);
    return;
  }
  struct posting *p = ARENA_NEW(&r->arena, struct posting);
  if (!p) {
    request_problem(r, 503, "memory", NULL, "no memory for this request");
    return;
  }
  p->api = context;
  p->request = r;
  bool ndjson = str_starts(r->content_type, "application/x-ndjson");
  struct str source = r->key_name.len ? r->key_name : STR("local");
  if (!event_batch_parse(&r->arena, r->body, ndjson, r->received, source, history, &p->batch, &e)) {
    request_refuse_as(r, 400, "event-invalid", &e);
    return;
  }
  find_people(p);
  p->elsewhere = (struct elsewhere){.api = p->api, .events = p->batch.events, .count = p->batch.count, .then = looked_elsewhere, .own = p};
  if (!elsewhere_look(&p->elsewhere, &r->arena)) looked_elsewhere(&p->elsewhere);
}

/* ---- POST /v1/decide ---- */

static void decide_done(struct job *j) {
  struct asking *a = j->owner;
  const struct item *item = j->items;
  if (j->err.kind != ERR_NONE) request_refuse(a->request, &j->err);
  else if (item->state == ITEM_REFUSED) request_refuse(a->request, &item->err);
  else {
    struct buf out = {0};
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    json_pair_bool(&w, "dryRun", item->dry_run);
    json_key(&w, "decisions");
    json_open_array(&w);
    for (size_t k = 0; k < item->told_count; k++) json_put_raw(&w, item->records[k]);
    json_close_array(&w);
    json_close_object(&w);
    request_answer(a->request, 200, "application/json", buf_view(&out));
    buf_free(&out);
  }
  job_free(j);
}

static struct str asked_envelope(struct job *j, struct str user, const struct json *body, int64_t now) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  event_begin(&w, user, "decision_asked", now);
  uint32_t trigger = json_get(body, 0, "trigger"), context = json_get(body, 0, "context");
  if (json_type(body, trigger) == JSON_STRING) {
    json_key(&w, "data");
    json_open_object(&w);
    json_pair_str(&w, "trigger", json_text(body, trigger, &j->arena));
    json_close_object(&w);
  }
  if (json_type(body, context) == JSON_OBJECT) {
    json_key(&w, "context");
    json_put_raw(&w, json_raw(body, context));
  }
  json_close_object(&w);
  job_text(j, &out);
  return j->text;
}

/* A field under a wrong name, or of a wrong kind, must not decide, and send, otherwise than was meant. */
static bool field_of_decide(const struct json *body, uint32_t key, struct arena *a, struct err *e) {
  static const char *const known[] = {"userId", "trigger", "context", "dryRun"};
  struct str name = json_text(body, key, a);
  const int shown = name.len < 60 ? (int)name.len : 60;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (str_is(name, known[i])) return true;
  const char *near = str_nearest(name, known, sizeof known / sizeof *known);
  return err_set(e, ERR_INPUT, "/%.*s: expected only userId, trigger, context and dryRun here%s%s%s", shown, name.at,
                 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static bool asked_fields(struct request *r, const struct json *body) {
  struct err one = {0}, all = {0};
  if (json_type(body, 0) != JSON_OBJECT) {
    request_problem(r, 400, "request-invalid", NULL, "expected an object like {\"userId\": \"anna\", \"dryRun\": true}");
    return false;
  }
  for (uint32_t i = 0, at = 1; i < body->tokens[0].count; i++, at = body->tokens[at + 1].next)
    if (!field_of_decide(body, at, &r->arena, &one)) err_also(&all, &one);
  const uint32_t context = json_get(body, 0, "context");
  if (context != JSON_NONE && json_type(body, context) != JSON_OBJECT && json_type(body, context) != JSON_NULL) {
    const struct str raw = json_raw(body, context);
    err_set(&one, ERR_INPUT, "/context: expected an object, came %.*s", raw.len < 60 ? (int)raw.len : 60, raw.at);
    err_also(&all, &one);
  }
  if (all.kind == ERR_NONE) return true;
  request_refuse_as(r, 400, "request-invalid", &all);
  return false;
}

/* Whether there is such a trigger is looked up again in the lane: another program may be live by then. */
static bool asked_trigger(struct request *r, struct api *api, const struct json *body) {
  uint32_t at = json_get(body, 0, "trigger");
  if (at == JSON_NONE || json_type(body, at) == JSON_NULL) return true;
  if (json_type(body, at) != JSON_STRING) {
    request_problem(r, 400, "request-invalid", "/trigger", "expected a trigger's name as text, came " STR_FORMAT,
                    STR_ARG(json_raw(body, at)));
    return false;
  }
  struct str name = json_text(body, at, &r->arena);
  if (rules_trigger(api->program->rules, name) != NO_ONE) return true;
  const char *meant = name_meant(&r->arena, api->program, STR("trigger"), name);
  request_problem(r, 404, "trigger-unknown", "/trigger", "no trigger is named \"" STR_FORMAT "\"%s", STR_ARG(name), meant ? meant : "");
  return false;
}

/* A word that only looks like true must not decide, and send, in earnest. */
static bool asked_dry(struct request *r, const struct json *body, bool *dry) {
  uint32_t at = json_get(body, 0, "dryRun");
  if (at == JSON_NONE || json_bool(body, at, dry)) return true;
  request_problem(r, 400, "request-invalid", "/dryRun", "expected true or false, came " STR_FORMAT, STR_ARG(json_raw(body, at)));
  return false;
}

void api_decide(struct request *r, void *context) {
  struct api *api = context;
  struct json body;
  struct err e = {0};
  bool dry = false;
  if (!json_parse(&body, &r->arena, r->body, &json_limits_default, &e)) {
    request_problem(r, 400, "json-invalid", NULL, "%s", e.text);
    return;
  }
  if (!asked_fields(r, &body)) return;
  struct str user = json_text(&body, json_get(&body, 0, "userId"), &r->arena);
  if (user.len == 0) {
    request_problem(r, 400, "request-invalid", "/userId", "expected userId, a user's id as text");
    return;
  }
  user = person_meant(r, api, user);
  if (!asked_trigger(r, api, &body) || !asked_dry(r, &body, &dry)) return;
  struct asking *a = asking_new(r, api);
  if (!a) return;
  struct job *j = job_new(book_volume_of(api->book, book_partition_of(api->book, user)));
  struct item *item = j ? ARENA_NEW(&j->arena, struct item) : NULL;
  struct str source = r->key_name.len ? r->key_name : STR("local");
  if (!item || !event_parse(&j->arena, asked_envelope(j, user, &body, r->received), r->received, source, false, &item->event, &e)) {
    job_free(j);
    request_problem(r, e.kind == ERR_INPUT ? 400 : 503, "request-invalid", NULL, "%s", e.text[0] ? e.text : "no memory");
    return;
  }
  item->kind = ENTRY_ASKED;
  item->results = &j->arena;
  item->asked = NO_ONE;
  item->dry_run = dry;
  item->trace = request_trace(r);
  j->items = item;
  j->item_count = 1;
  j->owner = a;
  j->done = decide_done;
  if (lanes_submit(api->lanes, j)) return;
  job_free(j);
  err_set(&e, ERR_BUSY, "every place in the queue is taken: send again in a second");
  request_refuse(r, &e);
}
