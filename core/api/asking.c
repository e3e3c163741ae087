/* asking: one question to one lane, and its answer. The pattern that most handlers share. Does not know what is asked. Main thread, but for
 * the calls themselves. */
#include "inside.h"
#include <string.h>

bool api_room(void *context) {
  return !lanes_full(((struct api *)context)->lanes);
}

const char *request_author(const struct request *r) {
  return r->key_name.len ? r->key_name.at : "local";
}

bool asked_clock(struct request *r, bool *history) {
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

bool asked_refused(struct job *j) {
  const struct asking *a = j->owner;
  const struct err *why = j->err.kind != ERR_NONE ? &j->err : j->items->state == ITEM_REFUSED ? &j->items->err : NULL;
  if (why) request_refuse(a->request, why);
  return why != NULL;
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
  const struct str text = buf_into(b, &j->arena);
  if (text.at) j->text = text;
  else err_set(&j->err, ERR_INTERNAL, "no memory for an answer");
}
