/* kills: what operators kill and lift. Promises that the courier holds messages back before the kill is written, that who is answered may
 * rely on it, and that a lift acts when it is durable and not before. What lanes make of it is decide's. Main thread. */
#include "inside.h"
#include "kit/hash.h"
#include "kit/log.h"
#include <string.h>

bool is_killed(const struct api *a, const char *kind, struct str name) {
  const size_t len = strlen(kind);
  for (size_t i = 0; i < a->kill_count; i++) {
    const struct str k = a->kills[i];
    if (str_is(k, "all")) return true;
    if (str_starts(k, kind) && k.len > len && k.at[len] == ':' && str_eq((struct str){k.at + len + 1, k.len - len - 1}, name)) return true;
  }
  return false;
}

bool kill_restore(struct api *a, struct str name) {
  return names_add(&a->kills, &a->kill_count, name);
}

void kill_forget(struct api *a, struct str name) {
  for (size_t i = 0; i < a->kill_count; i++) {
    if (!str_eq(a->kills[i], name)) continue;
    kit_free((void *)(uintptr_t)a->kills[i].at);
    a->kills[i] = a->kills[--a->kill_count];
    return;
  }
}

/* What the courier will be told: all that is killed, with one more and without another. Made before anything is promised, so that nobody
 * is told of a kill that the courier could not be told of. */
static struct killed_names *killed_then(const struct api *a, struct str more, struct str less, struct err *e) {
  uint64_t *names = kit_alloc((a->kill_count + 2) * sizeof *names);
  size_t count = 0;
  for (size_t i = 0; names && i < a->kill_count; i++)
    if (!str_eq(a->kills[i], less)) names[count++] = hash_64(a->kills[i]);
  if (names && more.len) names[count++] = hash_64(more);
  if (names && count) names[count++] = hash_64(STR("any")); /* letters with more names than they hold */
  struct killed_names *killed = names ? killed_names_new(names, count) : NULL;
  kit_free(names);
  if (!killed) err_set(e, ERR_BUSY, "no memory to tell the courier what is killed: send again in a second");
  return killed;
}

/* The courier knows before any lane does: a message that is about to leave is the one that matters. */
static void tell_courier(struct api *a, struct killed_names *killed) {
  struct courier *c = lanes_courier(a->lanes);
  if (c) courier_kill(c, killed, NULL);
  else killed_names_free(killed);
}

bool kills_tell(struct api *a, struct err *e) {
  struct killed_names *killed = killed_then(a, (struct str){0}, (struct str){0}, e);
  if (killed) tell_courier(a, killed);
  return killed != NULL;
}

static struct str killable(struct request *r) {
  static const char *const kinds[] = {"trigger", "intervention", "experiment", "rollout", "model"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (str_is(r->params[0], kinds[i])) return str_from(arena_printf(&r->arena, "%s:" STR_FORMAT, kinds[i], STR_ARG(r->params[1])));
  const char *near = str_nearest(r->params[0], kinds, sizeof kinds / sizeof *kinds);
  request_problem(r, 404, "kind-unknown", NULL,
                  "expected trigger, intervention, experiment, rollout or model, got \"" STR_FORMAT "\"%s%s%s", STR_ARG(r->params[0]),
                  near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  return (struct str){0};
}

/* A kill of a name that nothing has is taken all the same (a program with it may come), but whoever mistyped it has to know at once. */
static const char *kill_note(struct request *r, const struct program *p) {
  const char *meant = name_meant(&r->arena, p, r->params[0], r->params[1]);
  return meant ? arena_printf(&r->arena, "the live program has no " STR_FORMAT " of this name%s", STR_ARG(r->params[0]), meant) : NULL;
}

/* Before anything acts: false, and the request is answered, without memory for it. */
static bool kill_answer(struct request *r, struct str name, bool on, const char *note, struct str *answer) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "name", name);
  json_pair_bool(&w, "killed", on);
  if (note) json_pair_text(&w, "note", note);
  json_close_object(&w);
  const struct str text = buf_into(&out, &r->arena);
  *answer = text;
  if (!text.at) request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return text.at != NULL; /* `answer` may be gone with its request */
}

/* Remembered at once, so that the courier holds messages back while the kill is being written. */
static void kill_on(struct request *r, struct api *a, struct str name, const char *note) {
  struct err e = {0};
  struct fact *f = name.len ? fact_new(r, a, "kill", name) : NULL;
  if (!f || !fact_say(f, NULL) || !kill_answer(r, name, true, note, &f->answer)) return;
  struct killed_names *killed = killed_then(a, name, (struct str){0}, &e);
  if (!killed) {
    request_refuse(r, &e);
    return;
  }
  if (!kill_restore(a, name)) {
    killed_names_free(killed);
    request_problem(r, 503, "memory", NULL, "no memory to remember the kill");
    return;
  }
  tell_courier(a, killed);
  fact_queue(f);
}

/* What is lifted acts again only when that is written down, and not when it was killed again meanwhile. */
static void lifted(struct fact *f, bool is_written) {
  struct api *a = f->api;
  struct err e = {0};
  if (!is_written || writing_follows(a, "kill", f->name)) return;
  struct killed_names *killed = killed_then(a, (struct str){0}, f->name, &e);
  if (!killed) { /* the lanes will lift it, its messages still end withdrawn: the careful side */
    log_error("control", "%s is lifted, but messages of it are held back until it is lifted again: %s", f->name.at, e.text);
    return;
  }
  kill_forget(a, f->name);
  tell_courier(a, killed);
}

static void kill_off(struct request *r, struct api *a, struct str name) {
  struct fact *f = name.len ? fact_new(r, a, "unkill", name) : NULL;
  if (!f || !fact_say(f, NULL) || !kill_answer(r, name, false, NULL, &f->answer)) return;
  f->written = lifted;
  fact_queue(f);
}

void api_kill(struct request *r, void *context) {
  struct str name = killable(r);
  kill_on(r, context, name, name.len ? kill_note(r, ((struct api *)context)->program) : NULL);
}
void api_unkill(struct request *r, void *context) {
  kill_off(r, context, killable(r));
}
void api_kill_all(struct request *r, void *context) {
  kill_on(r, context, STR("all"), NULL);
}
void api_unkill_all(struct request *r, void *context) {
  kill_off(r, context, STR("all"));
}

void api_kill_list(struct request *r, void *context) {
  struct api *a = context;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_key(&w, "killed");
  json_open_array(&w);
  for (size_t i = 0; i < a->kill_count; i++) json_put_str(&w, a->kills[i]);
  json_close_array(&w);
  json_close_object(&w);
  request_answer_take(r, 200, "application/json", &out);
}
