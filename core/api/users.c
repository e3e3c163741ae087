/* users: one person's profile, consent, state and erasure. What is read is read in the person's own lane, so that nobody sees a stale file.
 * Handlers on the main thread, functions named *_in_lane on the lane. */
#include "inside.h"
#include "kit/clock.h"
#include <string.h>

uint32_t volume_for(const struct api *api, struct str user) {
  return book_volume_of(api->book, book_partition_of(api->book, user));
}

struct user *known_user(struct job *j, struct flow *f) {
  struct user *u = volume_user(flow_volume(f), j->user, false, &j->err);
  if (!u && j->err.kind == ERR_NONE) err_set(&j->err, ERR_MISSING, "no user \"" STR_FORMAT "\" is known here", STR_ARG(j->user));
  return u;
}

/* ---- GET /v1/users/{id} ---- */

static void describe_in_lane(struct job *j, struct flow *f) {
  struct user *u = known_user(j, f);
  if (!u) return;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  person_put(&w, f, u, &j->arena);
  const struct asking *a = j->owner;
  if (a->merged.len) {
    json_key(&w, "mergedFrom");
    json_put_raw(&w, a->merged);
  }
  json_close_object(&w);
  job_text(j, &out);
}

void api_user_get(struct request *r, void *context) {
  struct asking *a = asking_new(r, context);
  if (!a) return;
  const struct str user = person_meant(r, context, r->params[0]);
  a->merged = person_merged(r, context, user);
  asking_submit(a, volume_for(context, user), user, 0, describe_in_lane);
}

/* ---- PUT, opt-in, opt-out ---- */

static void item_done(struct job *j) {
  const struct asking *a = j->owner;
  if (!asked_refused(j)) {
    struct buf out = {0};
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    json_pair_bool(&w, "state_updated", true);
    if (a->unread.len) {
      json_key(&w, "unread");
      json_put_raw(&w, a->unread);
    }
    json_close_object(&w);
    request_answer_take(a->request, 200, "application/json", &out);
  }
  job_free(j);
}

static struct str envelope(struct job *j, struct str user, const char *type, int64_t now, struct str data) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  event_begin(&w, user, type, now);
  json_key(&w, "data");
  json_put_raw(&w, data.len ? data : STR("{}"));
  json_close_object(&w);
  job_text(j, &out);
  return j->text;
}

struct job *item_job(const struct api *api, struct str user, enum entry_kind kind, const char *type, struct str data, int64_t now,
                     const int64_t *past, struct str source, struct err *e) {
  struct job *j = job_new(volume_for(api, user));
  struct item *item = j ? ARENA_NEW(&j->arena, struct item) : NULL;
  if (item && event_parse(&j->arena, envelope(j, user, type, past ? *past : now, data), now, source, past != NULL, &item->event, e)) {
    item->kind = kind;
    item->may_identify = true;
    item->asked = NO_ONE;
    j->items = item;
    j->item_count = 1;
    j->withdraw = j->urgent = strcmp(type, "opt_out") == 0;
    return j;
  }
  job_free(j);
  if (e->kind == ERR_NONE) err_set(e, ERR_BUSY, "no memory for this request: send again in a second");
  return NULL;
}

struct said { /* about one person */
  enum entry_kind kind;
  const char *type;
  struct str data, unread;
  const int64_t *past; /* NULL: now */
};

static void submit_item(struct request *r, struct api *api, const struct said *s) {
  struct err e = {0};
  struct str source = r->key_name.len ? r->key_name : STR("local");
  struct asking *a = asking_new(r, api);
  if (!a) return;
  a->unread = s->unread;
  struct job *j = item_job(api, person_meant(r, api, r->params[0]), s->kind, s->type, s->data, r->received, s->past, source, &e);
  if (j) {
    j->items->trace = request_trace(r);
    j->owner = a;
    j->done = item_done;
    if (lanes_submit(api->lanes, j)) return;
    job_free(j);
    err_set(&e, ERR_BUSY, "every place in the queue is taken: send again in a second");
  }
  request_refuse(r, &e);
}

void api_user_put(struct request *r, void *context) {
  struct json body;
  struct err e = {0};
  static const char *const kinds[] = {"null", "false", "true", "a number", "a string", "an array"};
  const bool read = json_parse(&body, &r->arena, r->body, &json_limits_default, &e);
  if (!read || json_type(&body, 0) != JSON_OBJECT) {
    request_problem(r, 400, "profile-invalid", NULL, "expected a JSON object%s%s", read ? ", came " : ": ",
                    read ? kinds[json_type(&body, 0)] : e.text);
    return;
  }
  if (!profile_fine(&body, &r->arena, &e)) {
    request_refuse_as(r, 400, "profile-invalid", &e);
    return;
  }
  const struct api *api = context;
  const struct said said = {ENTRY_PROFILE, "profile_updated", r->body, profile_unread(&body, api->program, &r->arena), NULL};
  submit_item(r, context, &said);
}

/* When consent was given, of people whose past is told: the envelope judges the time as it does an event's. */
static bool consent_time(struct request *r, const struct json *body, int64_t *at) {
  const uint32_t said = json_get(body, 0, "timestamp");
  if (json_type(body, said) == JSON_STRING && clock_parse(json_text(body, said, &r->arena), at)) return true;
  request_problem(r, 400, "request-invalid", "/timestamp",
                  "with clock=event expected when consent was given, an ISO 8601 time with a zone, like 2025-01-15T22:40:00Z");
  return false;
}

/* A body says nothing that live consent hangs on; but one that cannot be read was meant to say something. */
void api_user_opt_in(struct request *r, void *context) {
  struct json body;
  struct err e = {0};
  bool history;
  int64_t at;
  if (!asked_clock(r, &history)) return;
  const struct str text = r->body.len ? r->body : STR("{}");
  if (!json_parse(&body, &r->arena, text, &json_limits_default, &e) || json_type(&body, 0) != JSON_OBJECT) {
    request_problem(r, 400, "request-invalid", NULL, "expected no body, or a JSON object%s%s", e.text[0] ? ": " : "", e.text);
    return;
  }
  if (history && !consent_time(r, &body, &at)) return;
  const struct said said = {.kind = ENTRY_CONSENT, .type = "opt_in", .past = history ? &at : NULL};
  submit_item(r, context, &said);
}

void api_user_opt_out(struct request *r, void *context) {
  const struct said said = {.kind = ENTRY_CONSENT, .type = "opt_out"};
  if (!opt_out_person(r, context)) submit_item(r, context, &said);
}

/* ---- DELETE ---- */

void erase_in_lane(struct job *j, struct flow *f) {
  struct user *u = known_user(j, f);
  if (!u) return;
  j->number = u->number;
  struct err e = {0};
  if (!flow_erase(f, u, &e)) {
    j->err = e;
    return;
  }
  j->text = STR("{\"erased\":true}");
}

void api_user_delete(struct request *r, void *context) {
  if (erase_person(r, context)) return;
  struct asking *a = asking_new(r, context);
  if (!a) return;
  a->withdraw = true; /* the courier lets go of the user's messages before the answer */
  asking_submit(a, volume_for(context, r->params[0]), r->params[0], 0, erase_in_lane);
}
