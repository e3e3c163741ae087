/* decide: POST /v1/decide, a decision now, asked for instead of triggered. What was asked is an event of its own kind in the person's lane,
 * which answers with the records of what was decided. Promises that nothing is decided in earnest that was asked for by a slip. Main
 * thread.
 */
#include "inside.h"

static void decide_done(struct job *j) {
  const struct asking *a = j->owner;
  const struct item *item = j->items;
  if (!asked_refused(j)) {
    struct buf out = {0};
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    json_pair_bool(&w, "dryRun", item->dry_run);
    json_key(&w, "decisions");
    json_open_array(&w);
    for (size_t k = 0; k < item->told_count; k++) json_put_raw(&w, item->records[k]);
    json_close_array(&w);
    json_close_object(&w);
    request_answer_take(a->request, 200, "application/json", &out);
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
    if (e.kind == ERR_INPUT) request_refuse_as(r, 400, "request-invalid", &e);
    else request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
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
