/* lifecycle_ask: what people ask and want of models: a list, one with its history, a training now, and another state by hand. Main thread,
 * but for reading the registry, which is an errand. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "lifecycle.h"
#include <sodium.h>
#include <string.h>

/* The program has a model of this name, and it is not kept: says why. A program that was stored by an earlier version may have a `train`
 * that is refused today. */
static bool refuse_unkept(struct request *r, const struct lifecycle *l) {
  const struct models *models = l->of ? l->of->models : NULL;
  const uint32_t model = models ? model_of_name(models, r->params[0]) : NO_MODEL;
  const struct noun_model *n = model == NO_MODEL ? NULL : model_noun(models, model);
  struct arena a = {0};
  struct outcome_terms terms;
  struct err why = {0};
  if (!n) return false;
  if (n->combine) err_set(&why, ERR_INPUT, "it combines other models and has no state of its own");
  else if (!n->state.len) err_set(&why, ERR_INPUT, "its file names no state");
  else if (outcomes_of(models, model, &a, &terms, &why)) err_set(&why, ERR_INPUT, "the program that is served has no state for it");
  request_problem(r, 409, "model-not-kept", NULL, "model \"" STR_FORMAT "\" is not judged or trained again: %s", STR_ARG(r->params[0]),
                  why.text);
  arena_free(&a);
  return true;
}

static struct episode *episode_asked(struct request *r, struct lifecycle *l) {
  const char *names[EPISODES_MOST];
  lifecycle_catch_up(l);
  struct episode *e = episode_of(l, r->params[0]);
  if (e) return e;
  if (refuse_unkept(r, l)) return NULL;
  for (uint32_t i = 0; i < l->episode_count; i++) names[i] = l->episodes[i]->name;
  const char *near = str_nearest(r->params[0], names, l->episode_count);
  request_problem(r, 404, "model-unknown", NULL, "no model with a state and a `train` is named \"" STR_FORMAT "\"%s%s%s",
                  STR_ARG(r->params[0]), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  return NULL;
}

void api_models(struct request *r, void *context) {
  struct lifecycle *l = ((struct api *)context)->lifecycle;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  lifecycle_catch_up(l);
  json_open_array(&w);
  for (uint32_t i = 0; i < l->episode_count; i++) put_episode(&w, l, l->episodes[i]);
  put_suspended(&w, l);
  json_close_array(&w);
  request_answer_take(r, 200, "application/json", &out);
}

static void answer_episode(struct request *r, struct lifecycle *l, const struct episode *e, int status) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  put_episode(&w, l, e);
  request_answer_take(r, status, "application/json", &out);
}

void api_model(struct request *r, void *context) {
  struct lifecycle *l = ((struct api *)context)->lifecycle;
  const struct episode *e = episode_asked(r, l);
  if (e) answer_episode(r, l, e, 200);
}

/* ---- history: what served when, and what was trained ---- */

struct history {
  struct errand errand; /* first; lies in the request */
  struct request *request;
  struct lifecycle *lifecycle;
  char name[128], state_path[400], served[DIGEST_TEXT];
  struct buf out;
  struct json_writer writer;
  struct err err;
};

static void put_common(struct history *h, const struct control_fact *f, const char *event, struct str why) {
  char at[32];
  json_open_object(&h->writer);
  json_pair_int(&h->writer, "number", f->number);
  json_pair_str(&h->writer, "at", (struct str){at, clock_format(f->at, at)});
  json_pair_text(&h->writer, "author", f->author);
  json_pair_text(&h->writer, "event", event);
  json_pair_str(&h->writer, "why", why);
}

/* A program that became live with another state than the one before: that state is served from here on. */
static void put_program(struct history *h, const struct control_fact *f, const struct json *j, struct arena *a) {
  unsigned char sha256[HASH_SHA256];
  struct buf manifest = {0};
  struct err e = {0};
  struct str rest, line, found = {0};
  if (!hash_unhex(str_from(f->name), sha256, HASH_SHA256) || !store_get(library_book(h->lifecycle->api->library), sha256, &manifest, &e)) {
    buf_free(&manifest);
    return;
  }
  for (rest = buf_view(&manifest); str_split(&rest, '\n', &line);)
    if (line.len > 65 && str_is((struct str){line.at + 65, line.len - 65}, h->state_path)) found = (struct str){line.at, 64};
  if (found.len && !str_is(found, h->served)) {
    memcpy(h->served, found.at, 64);
    put_common(h, f, "served", json_text(j, json_get(j, 0, "why"), a));
    json_pair_text(&h->writer, "version", h->served);
    json_pair_text(&h->writer, "program", f->name);
    json_close_object(&h->writer);
  }
  buf_free(&manifest);
}

static void put_event(struct history *h, const struct control_fact *f, const struct json *j, struct arena *a) {
  const struct str event = json_text(j, json_get(j, 0, "event"), a);
  const uint32_t served = json_get(j, 0, "served"), beside = json_get(j, 0, "beside"), figures = json_get(j, 0, "figures");
  const char *word = arena_text(a, event.at, event.len);
  put_common(h, f, word ? word : "", json_text(j, json_get(j, 0, "why"), a));
  if (served != JSON_NONE) json_pair_str(&h->writer, "served", json_text(j, served, a));
  if (beside != JSON_NONE) json_pair_str(&h->writer, "beside", json_text(j, beside, a));
  if (figures != JSON_NONE) {
    json_key(&h->writer, "figures");
    json_put_raw(&h->writer, json_raw(j, figures));
  }
  json_close_object(&h->writer);
}

static bool put_fact(void *context, const struct control_fact *f) {
  struct history *h = context;
  struct arena a = {0};
  struct json j;
  const bool program = strcmp(f->kind, "program") == 0, model = strcmp(f->kind, "model") == 0 && strcmp(f->name, h->name) == 0;
  if ((program || model) && json_parse(&j, &a, f->body, &json_limits_default, NULL)) (program ? put_program : put_event)(h, f, &j, &a);
  arena_free(&a);
  return true;
}

static void history_work(struct errand *errand) {
  struct history *h = (struct history *)errand;
  h->writer = json_to(&h->out);
  json_open_array(&h->writer);
  control_each(library_book(h->lifecycle->api->library), 0, put_fact, h, &h->err);
  json_close_array(&h->writer);
}

static void history_done(struct errand *errand) {
  struct history *h = (struct history *)errand;
  if (!errand->worked) err_set(&h->err, ERR_BUSY, "the engine is stopping");
  struct buf out = h->out; /* h goes with its request */
  if (h->err.kind != ERR_NONE) request_refuse(h->request, &h->err);
  else request_answer_take(h->request, 200, "application/json", &out);
  buf_free(&out);
}

void api_model_history(struct request *r, void *context) {
  struct lifecycle *l = ((struct api *)context)->lifecycle;
  const struct episode *e = episode_asked(r, l);
  struct history *h = e ? ARENA_NEW(&r->arena, struct history) : NULL;
  if (!e) return;
  if (!h) {
    request_problem(r, 503, "memory", NULL, "no memory for this request");
    return;
  }
  *h = (struct history){.errand = {.work = history_work, .done = history_done}, .request = r, .lifecycle = l};
  memcpy(h->name, e->name, sizeof h->name);
  memcpy(h->state_path, e->state_path, sizeof h->state_path);
  builder_ask(l->programs->builder, &h->errand);
}

/* ---- changes by hand ---- */

static bool is_role(struct str word) {
  return str_is(word, model_role_word(MODEL_CANDIDATE)) || str_is(word, model_role_word(MODEL_PREVIOUS));
}

/* The version named in the body: a digest, or "candidate", "previous" or nothing: what lies beside. False: answered. */
static bool read_version(struct request *r, const struct episode *e, char version[DIGEST_TEXT]) {
  struct json j;
  struct err why = {0};
  struct str named = {0};
  if (r->body.len && !json_parse(&j, &r->arena, r->body, &json_limits_default, &why)) {
    request_refuse(r, &why);
    return false;
  }
  const uint32_t at = r->body.len ? json_get(&j, 0, "version") : JSON_NONE;
  if (at != JSON_NONE && json_type(&j, at) != JSON_STRING) {
    const struct str came = json_raw(&j, at);
    request_problem(r, 400, "version", "/version", "expected the 64 hex digits of a version as text, got %.*s",
                    (int)(came.len < 40 ? came.len : 40), came.at);
    return false;
  }
  if (at != JSON_NONE) named = json_text(&j, at, &r->arena);
  if (e->beside[0] && (named.len == 0 || str_is(named, model_role_word(e->role)))) memcpy(version, e->beside, DIGEST_TEXT);
  else if (named.len == 64) {
    memcpy(version, named.at, 64);
    version[64] = 0;
  } else if (named.len == 0 || is_role(named)) {
    request_problem(r, 409, "nothing-beside", "/version", "%s%s lies beside the served state: name a version (kairos models history)",
                    e->beside[0] ? "only a " : "nothing", e->beside[0] ? model_role_word(e->role) : "");
    return false;
  } else {
    request_problem(r, 400, "version", "/version", "expected the 64 hex digits of a version, got %zu characters (kairos models history)",
                    named.len);
    return false;
  }
  return true;
}

/* By hand too, the state that was served lies beside for a while: whoever errs is corrected by outcomes. */
static void deploy(struct request *r, struct lifecycle *l, struct episode *e) {
  char version[DIGEST_TEXT];
  if (!read_version(r, e, version)) return;
  if (strcmp(version, e->served) == 0) {
    request_problem(r, 409, "nothing-changed", NULL, "this version is served");
    return;
  }
  const struct change_ask ask = {.event = "deployed",
                                 .served = version,
                                 .beside = e->served,
                                 .role = MODEL_PREVIOUS,
                                 .author = request_author(r),
                                 .why = "by hand",
                                 .request = r};
  change_begin(l, e, &ask);
}

static void put_back(struct request *r, struct lifecycle *l, struct episode *e) {
  char version[DIGEST_TEXT];
  if (!read_version(r, e, version)) return;
  if (strcmp(version, e->served) == 0) {
    request_problem(r, 409, "nothing-changed", NULL, "this version is served (what lies beside goes with kairos models drop)");
    return;
  }
  const struct change_ask ask = {.event = "returned", .served = version, .author = request_author(r), .why = "by hand", .request = r};
  change_begin(l, e, &ask);
}

static void drop(struct request *r, struct lifecycle *l, struct episode *e) {
  if (!e->beside[0]) {
    request_problem(r, 409, "nothing-beside", NULL, "nothing lies beside the served state");
    return;
  }
  const struct change_ask ask = {.event = "dropped", .served = e->served, .author = request_author(r), .why = "by hand", .request = r};
  change_begin(l, e, &ask);
}

/* A state that was made elsewhere: `kairos train`, `kairos model import`. */
static void add(struct request *r, struct lifecycle *l, struct episode *e) {
  struct json j;
  struct err why = {0};
  struct str coded = {0};
  unsigned char sha256[HASH_SHA256];
  char version[DIGEST_TEXT];
  size_t length = 0;
  if (!json_parse(&j, &r->arena, r->body, &json_limits_default, &why)) {
    request_refuse(r, &why);
    return;
  }
  coded = json_text(&j, json_get(&j, 0, "state"), &r->arena);
  unsigned char *bytes = arena_alloc(&r->arena, coded.len + 1);
  if (!bytes || !coded.len ||
      sodium_base642bin(bytes, coded.len + 1, coded.at, coded.len, NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
    const uint32_t at = json_get(&j, 0, "state");
    const struct str came = at != JSON_NONE ? json_raw(&j, at) : STR("nothing");
    request_problem(r, 400, "state", "/state", "expected a state as base64, got %.*s (kairos models add MODEL FILE)",
                    (int)(came.len < 40 ? came.len : 40), came.at);
    return;
  }
  if (e->beside[0]) {
    request_problem(r, 409, "beside", NULL, "a %s lies beside the served state: drop it first", model_role_word(e->role));
    return;
  }
  if (!store_put(library_book(l->api->library), (struct str){(const char *)bytes, length}, sha256, &why)) {
    request_refuse(r, &why);
    return;
  }
  hash_hex(sha256, HASH_SHA256, version);
  const struct change_ask ask = {.event = "candidate",
                                 .served = e->served,
                                 .beside = version,
                                 .role = MODEL_CANDIDATE,
                                 .author = request_author(r),
                                 .why = "by hand",
                                 .request = r};
  change_begin(l, e, &ask);
}

static void retrain(struct request *r, struct lifecycle *l, struct episode *e) {
  struct err why = {0};
  if (training_start(l, e, request_author(r), "a request", &why)) answer_episode(r, l, e, 202);
  else request_refuse(r, &why);
}

void api_model_verb(struct request *r, void *context) {
  struct lifecycle *l = ((struct api *)context)->lifecycle;
  static const char *const verbs[] = {"retrain", "deploy", "return", "drop", "add"};
  static void (*const does[])(struct request *, struct lifecycle *, struct episode *) = {retrain, deploy, put_back, drop, add};
  struct episode *e = episode_asked(r, l);
  if (!e) return;
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (str_is(r->params[1], verbs[i])) {
      does[i](r, l, e);
      return;
    }
  const char *near = str_nearest(r->params[1], verbs, sizeof verbs / sizeof *verbs);
  request_problem(r, 404, "verb-unknown", NULL, "expected retrain, deploy, return, drop or add, got \"" STR_FORMAT "\"%s%s%s",
                  STR_ARG(r->params[1]), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}
