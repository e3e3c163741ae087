/* events_answer: what is said of a request's events once every volume has committed or lost its turn. Promises that everything which is
 * said of single events stands in the order in which they were sent, however they were shared out; that what would go unnoticed (a type
 * nobody declared, a response that belongs to no message) is said; and that a key which may not know is told of no decision. Main thread.
 */
#include "events.h"
#include "kit/hash.h"
#include <stdio.h>
#include <string.h>

#define TOLD_MOST 20 /* of undeclared types and of warnings: they repeat themselves */

/* What came of one event: refused by its form, or by its lane; or taken. */
struct place {
  const struct refusal *refusal;
  const struct item *item;
  const struct job *job;
};
struct answering {
  const struct posting *posting;
  struct place *at; /* as many as were sent */
  size_t count;
};

static void sort_out(const struct posting *p, struct answering *a) {
  memset(a->at, 0, a->count * sizeof *a->at);
  for (size_t i = 0; i < p->batch.refusal_count; i++) a->at[p->batch.refusals[i].index].refusal = &p->batch.refusals[i];
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    for (size_t i = 0; p->jobs[v] && i < p->jobs[v]->item_count; i++) {
      struct place *at = &a->at[p->batch.index[p->places[v][i]]];
      at->item = &p->jobs[v]->items[i];
      at->job = p->jobs[v];
    }
}

/* NULL: it was not taken now. */
static const struct item *taken_at(const struct answering *a, size_t i) {
  const struct place *at = &a->at[i];
  return at->item && !job_lost(at->job) && at->item->state == ITEM_TAKEN ? at->item : NULL;
}

struct totals {
  int64_t accepted, duplicates, sends;
  bool learned;
};

static struct totals total(const struct answering *a) {
  struct totals t = {0};
  for (size_t i = 0; i < a->count; i++) {
    const struct place *at = &a->at[i];
    if (!at->item || job_lost(at->job)) continue;
    t.accepted += at->item->state == ITEM_TAKEN;
    t.duplicates += at->item->state == ITEM_DUPLICATE;
    t.learned |= at->item->learned;
    for (size_t k = 0; k < at->item->told_count; k++) t.sends += at->item->told[k].outcome == OUTCOME_SENT;
  }
  return t;
}

/* ---- one after the other ---- */

/* Pointers are URI fragments, as in problems; "#" is the event as a whole. */
static void put_place(struct json_writer *w, size_t index, const char *pointer, const char *detail) {
  char place[600];
  snprintf(place, sizeof place, "#%s", pointer);
  json_pair_int(w, "index", (int64_t)index);
  json_pair_text(w, "pointer", place);
  json_pair_text(w, "detail", detail);
}

static void put_refused(struct json_writer *w, size_t index, const char *pointer, const char *detail, bool retryable) {
  json_open_object(w);
  put_place(w, index, pointer, detail);
  json_pair_bool(w, "retryable", retryable);
  json_close_object(w);
}

/* An item's error starts with the JSON pointer: "/data/steps: …". */
static void put_item_error(struct json_writer *w, size_t index, const struct err *e, bool retryable) {
  const char *text = refusal_detail(e);
  const char *colon = text[0] == '/' ? strchr(text, ':') : NULL;
  char pointer[128] = "";
  if (colon) snprintf(pointer, sizeof pointer, "%.*s", (int)(colon - text), text);
  put_refused(w, index, pointer, colon && !e->also_count ? colon + 2 : text, retryable); /* several: each says its place */
}

static void put_rejected(struct json_writer *w, const struct answering *a) {
  json_key(w, "rejected");
  json_open_array(w);
  for (size_t i = 0; i < a->count; i++) {
    const struct place *at = &a->at[i];
    if (at->refusal) put_refused(w, i, at->refusal->pointer, at->refusal->detail, at->refusal->retryable);
    else if (at->item && job_lost(at->job)) put_item_error(w, i, &at->job->err, true);
    else if (at->item && at->item->state == ITEM_REFUSED) put_item_error(w, i, &at->item->err, at->item->err.kind == ERR_BUSY);
  }
  json_close_array(w);
}

/* Most senders send the same few names over and over that are near nothing: they are looked at once. By hash: one that falls on another's
 * costs a hint. [main] */
static uint64_t never_meant[256];

static bool is_never_meant(uint64_t hash) {
  return never_meant[hash % 256] == hash;
}

static void note_never_meant(uint64_t hash) {
  never_meant[hash % 256] = hash;
}

static const char *type_meant(const struct program *p, struct str type) {
  const uint64_t hash = hash_64_seed(type, p->stamp);
  const char *meant = is_never_meant(hash) ? NULL : vocabulary_nearest_type(p->vocabulary, type);
  if (!meant) note_never_meant(hash);
  return meant;
}

/* A type that no event noun has is stored and decides nothing, which is nearly always a slip: so whoever sends it is told. */
static void put_undeclared(struct json_writer *w, const struct answering *a) {
  int told = 0;
  for (size_t i = 0; i < a->count && told < TOLD_MOST; i++) {
    const struct item *item = taken_at(a, i);
    if (!item || !item->undeclared) continue;
    if (told++ == 0) json_key(w, "undeclared"), json_open_array(w);
    json_open_object(w);
    json_pair_int(w, "index", (int64_t)i);
    json_pair_str(w, "type", item->event.type);
    const char *meant = type_meant(a->posting->api->program, item->event.type);
    if (meant) json_pair_text(w, "meant", meant);
    json_close_object(w);
  }
  if (told) json_close_array(w);
}

/* Why nothing was learned of a response. The lane knows only the person's newest sends, and that is all that is said: not whose else's; and
 * to whom no decision is told it is not said either, NULL, since who may name any id and any person would find out who was sent what. */
static const char *response_fault(const struct item *item, bool tells, struct arena *a) {
  const struct json *j = &item->event.json;
  const uint32_t at = json_get(j, item->event.data, "decisionId");
  uint64_t id;
  if (at == JSON_NONE && json_get(j, 0, "decisionId") != JSON_NONE)
    return "decisionId stands beside data, where nothing reads it: stored, and nothing was learned of it";
  if (at == JSON_NONE) return "without a decisionId in data it belongs to no message: stored, and nothing was learned of it";
  const struct str text = json_text(j, at, a);
  const int shown = text.len < 40 ? (int)text.len : 40;
  const bool is_id = decision_id_parse(text, &id);
  if (is_id && !tells) return NULL;
  const char *said =
      is_id ? arena_printf(a, "%.*s is no message of the newest of this user: stored, and nothing was learned of it", shown, text.at)
            : "expected a decision's id as text, like \"d3-17\": stored, and nothing was learned of it";
  return said ? said : "it belongs to no message of this user";
}

struct warning {
  const char *pointer, *detail; /* NULL: there is none */
};

/* `looks`: how many more may be looked at in this request, which nobody's long list of names outgrows. */
static struct warning slip_of(const struct answering *a, const struct item *item, int *looks) {
  struct arena *arena = &a->posting->request->arena;
  const struct program *p = a->posting->api->program;
  const struct event *e = &item->event;
  const struct event_type *type = item->fields.count ? vocabulary_type(p->vocabulary, e->type) : NULL;
  for (uint32_t i = 0; type && *looks > 0 && i < item->fields.count; i++) {
    const struct json_token *key = &e->json.tokens[item->fields.keys[i]];
    const struct str came = {e->json.text + key->start, key->end - key->start};
    const uint64_t hash = hash_64_seed(came, p->stamp << 16 | (type->number + 1));
    if (key->escaped || is_never_meant(hash) || memchr(came.at, '/', came.len) || memchr(came.at, '~', came.len)) continue;
    bool never;
    --*looks;
    const char *meant = vocabulary_slip(p->vocabulary, type, e, came, &never);
    if (never) note_never_meant(hash);
    if (meant)
      return (struct warning){arena_printf(arena, "/data/%.*s", (int)came.len, came.at),
                              arena_printf(arena, "kept, but the program declares no such field (did you mean \"%s\"?)", meant)};
  }
  return (struct warning){0};
}

static struct warning warning_of(const struct answering *a, const struct item *item, bool tells, int *looks) {
  struct arena *arena = &a->posting->request->arena;
  if (!item->learned && str_is(item->event.type, "intervention_response"))
    return (struct warning){"/data/decisionId", response_fault(item, tells, arena)};
  const char *left_out = item->may_identify || !str_is(item->event.type, "profile_updated") || item->event.data == JSON_NONE
                             ? NULL
                             : profile_left_out(&item->event.json, item->event.data);
  if (left_out)
    return (struct warning){arena_printf(arena, "/data/%s", left_out),
                            "kept, but the profile stays as it is: a key with the scope ingest may change it, this one may not"};
  return slip_of(a, item, looks);
}

static void put_warnings(struct json_writer *w, const struct answering *a, bool tells) {
  int told = 0, looks = TOLD_MOST;
  for (size_t i = 0; i < a->count && told < TOLD_MOST; i++) {
    const struct item *item = taken_at(a, i);
    const struct warning warning = item ? warning_of(a, item, tells, &looks) : (struct warning){0};
    if (!warning.detail || !warning.pointer) continue;
    if (told++ == 0) json_key(w, "warnings"), json_open_array(w);
    json_open_object(w);
    put_place(w, i, warning.pointer, warning.detail);
    json_close_object(w);
  }
  if (told) json_close_array(w);
}

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

static void put_decisions(struct json_writer *w, const struct answering *a) {
  json_key(w, "decisions");
  json_open_array(w);
  for (size_t i = 0; i < a->count; i++) {
    const struct place *at = &a->at[i];
    for (size_t k = 0; at->item && !job_lost(at->job) && k < at->item->told_count; k++) put_decision(w, &at->item->told[k]);
  }
  json_close_array(w);
}

/* An event that came without an id was given one; whoever sent it has no other way to learn it. */
static void put_given_ids(struct json_writer *w, const struct answering *a) {
  bool any = false;
  for (size_t i = 0; i < a->count; i++) {
    const struct item *item = taken_at(a, i);
    if (!item || item->event.id_given) continue;
    if (!any) json_key(w, "ids"), json_open_array(w);
    any = true;
    json_open_object(w);
    json_pair_int(w, "index", (int64_t)i);
    json_pair_str(w, "id", item->event.id);
    json_close_object(w);
  }
  if (any) json_close_array(w);
}

/* A reason says who has opted out, is ill or is a minor, and a public write key may send events about anybody. */
static bool may_be_told(uint32_t scopes) {
  return scope_allows(scopes, SCOPE_INGEST) || scope_allows(scopes, SCOPE_DECIDE) || scope_allows(scopes, SCOPE_READ);
}

static void answer_batch(const struct answering *a) {
  const struct totals t = total(a);
  struct request *r = a->posting->request;
  const bool tells = may_be_told(r->scopes);
  struct buf out = {0};
  buf_reserve(&out, 256); /* most answers fit */
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_int(&w, "accepted", t.accepted);
  json_pair_int(&w, "duplicates", t.duplicates);
  put_rejected(&w, a);
  put_undeclared(&w, a);
  put_warnings(&w, a, tells);
  json_pair_bool(&w, "state_updated", t.accepted > 0);
  if (tells) json_pair_int(&w, "interventions_triggered", t.sends);
  if (tells) json_pair_bool(&w, "learning_updated", t.learned);
  if (tells) put_decisions(&w, a);
  put_given_ids(&w, a);
  json_close_object(&w);
  request_answer_take(r, 200, "application/json", &out);
}

/* An event sent alone is an error of its own when it is refused; in a list the good ones count. */
static bool answer_alone_refused(const struct answering *a) {
  const struct place *at = a->at;
  if (!a->posting->batch.alone || !at->item || job_lost(at->job) || at->item->state != ITEM_REFUSED) return false;
  const struct err *e = &at->item->err;
  const bool conflict = e->kind == ERR_CONFLICT;
  if (e->kind == ERR_BUSY) request_refuse(a->posting->request, e);
  else request_refuse_as(a->posting->request, conflict ? 409 : 400, conflict ? "conflict" : "event-invalid", e);
  return true;
}

void posting_answer(struct posting *p) {
  struct job *jobs[BOOK_VOLUMES_MOST];
  struct place at[EVENTS_MOST];
  struct answering a = {.posting = p, .at = at, .count = p->batch.sent};
  const struct err *lost = NULL;
  bool all_lost = true;
  memcpy(jobs, p->jobs, sizeof jobs); /* the posting lies in the request, which is gone after the answer */
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++) {
    if (jobs[v] && job_lost(jobs[v])) lost = &jobs[v]->err;
    all_lost = all_lost && (!jobs[v] || job_lost(jobs[v]));
  }
  must(a.count <= EVENTS_MOST);
  if (a.count) sort_out(p, &a);
  if (lost && all_lost) request_refuse(p->request, lost);
  else if (!answer_alone_refused(&a)) answer_batch(&a);
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++) job_free(jobs[v]);
}
