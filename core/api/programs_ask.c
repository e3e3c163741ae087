/* programs_ask: what people ask and want of programs: a list, one with its sources, an upload, publish, discard, undo. Whatever reads files
 * or builds is an errand of the builder; the request waits for it. Every change has its author. Main thread, but for the errands' work. */
#include "inside.h"
#include "programs.h"
#include <sodium.h>
#include <string.h>

struct wanting {        /* a request that waits for the builder; lies in the request */
  struct errand errand; /* first */
  struct programs *programs;
  struct request *request;
  struct draft *draft;
  char digest[65];
  struct buf out;
  struct err err;
  const char *from, *why;
};

static struct programs *programs_of(void *context) {
  return ((struct api *)context)->programs;
}

static void answer_edition(struct request *r, const struct programs *s, const struct edition *e, int status) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  put_edition(&w, s, e);
  request_answer_take(r, status, "application/json", &out);
}

/* A problem that carries all findings. */
static void answer_refused(struct request *r, const struct draft *d) {
  struct buf out = {0}, text = {0};
  struct json_writer w = json_to(&out);
  const struct finding *first = NULL;
  for (size_t i = 0; i < d->finding_count && !first; i++)
    if (d->findings[i].level == FINDING_ERROR) first = &d->findings[i];
  if (first && first->file[0]) buf_printf(&text, "%s:%d: ", first->file, first->line);
  if (first) buf_text(&text, first->text);
  if (d->errors > 1) buf_printf(&text, " (and %zu more)", d->errors - 1);
  json_open_object(&w);
  json_pair_text(&w, "type", "urn:kairos:problem:program-refused");
  json_pair_text(&w, "title", "Unprocessable Content");
  json_pair_int(&w, "status", 422);
  json_pair_str(&w, "detail", buf_view(&text));
  json_pair_text(&w, "digest", d->digest);
  json_key(&w, "findings");
  put_findings(&w, d->findings, d->finding_count);
  json_close_object(&w);
  request_answer_take(r, 422, "application/problem+json", &out);
  buf_free(&text);
}

/* ---- looking ---- */

void api_programs(struct request *r, void *context) {
  const struct programs *s = programs_of(context);
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_array(&w);
  put_edition(&w, s, s->live);
  for (size_t i = s->edition_count; i-- > 0;)
    if (s->editions[i] != s->live) put_edition(&w, s, s->editions[i]);
  json_close_array(&w);
  request_answer_take(r, 200, "application/json", &out);
}

static struct wanting *wanting_new(struct request *r, struct programs *s, void (*work)(struct errand *), void (*done)(struct errand *)) {
  struct wanting *w = ARENA_NEW(&r->arena, struct wanting);
  if (w) *w = (struct wanting){.errand = {.work = work, .done = done}, .programs = s, .request = r};
  else request_problem(r, 503, "memory", NULL, "no memory for this request");
  return w;
}

/* By label or by the first digits of any digest that ever ran here. */
static bool digest_asked(struct request *r, struct programs *s, char digest[65]) {
  struct err e = {0};
  const struct edition *known = edition_of(s, r->params[0]);
  bool found = known && known->draft->digest[0];
  if (found) memcpy(digest, known->draft->digest, 65);
  else if (str_is(r->params[0], "previous")) err_set(&e, ERR_MISSING, "no other program was ever live here");
  else if (str_is(r->params[0], "shadow")) err_set(&e, ERR_MISSING, "there is no shadow: no program decides beside the live one");
  else found = library_digest(s->library, r->params[0], digest, &e);
  if (!found) request_refuse(r, &e);
  return found;
}

static void show_work(struct errand *e) {
  struct wanting *w = (struct wanting *)e;
  program_show(library_book(w->programs->library), str_from(w->digest), &w->out, &w->err);
}

static void show_done(struct errand *e) {
  struct wanting *w = (struct wanting *)e;
  struct buf out = {0};
  struct json_writer j = json_to(&out);
  const struct edition *known = edition_of(w->programs, str_from(w->digest));
  if (!e->worked) err_set(&w->err, ERR_BUSY, "the engine is stopping");
  json_open_object(&j);
  json_pair_text(&j, "digest", w->digest);
  json_key(&j, "program");
  if (known) put_edition(&j, w->programs, known);
  else json_put_null(&j);
  json_key(&j, "sources");
  json_put_raw(&j, buf_view(&w->out));
  json_close_object(&j);
  buf_free(&w->out);
  if (w->err.kind != ERR_NONE) request_refuse(w->request, &w->err);
  else request_answer_take(w->request, 200, "application/json", &out);
  buf_free(&out);
}

void api_program(struct request *r, void *context) {
  struct wanting *w = wanting_new(r, programs_of(context), show_work, show_done);
  if (w && digest_asked(r, w->programs, w->digest)) builder_ask(w->programs->builder, &w->errand);
}

/* ---- uploads ---- */

static bool take_text(struct draft *d, const struct json *j, uint32_t at, struct str *text, struct err *e) {
  if (json_type(j, at) == JSON_STRING) {
    struct str s = json_text(j, at, &d->sent);
    *text = s;
    return true;
  }
  struct str coded = json_text(j, json_get(j, at, "base64"), &d->sent);
  unsigned char *bytes = arena_alloc(&d->sent, coded.len + 1);
  size_t length = 0;
  if (json_type(j, at) != JSON_OBJECT || !bytes ||
      sodium_base642bin(bytes, coded.len + 1, coded.at, coded.len, NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
    return err_set(e, ERR_INPUT, "expected text, or {\"base64\": \"…\"}");
  *text = (struct str){(const char *)bytes, length};
  return true;
}

static bool take_files(struct draft *d, const struct json *j, uint32_t files, struct err *e) {
  struct source *given = ARENA_ARRAY(&d->sent, struct source, j->tokens[files].count + 1);
  uint32_t at = files + 1;
  for (uint32_t i = 0; given && i < j->tokens[files].count; i++) {
    struct str path = json_text(j, at, &d->sent);
    at = j->tokens[at].next;
    given[i].path = arena_text(&d->sent, path.at, path.len);
    if (!take_text(d, j, at, &given[i].text, e)) return err_wrap(e, "/files: %s", given[i].path);
    at = j->tokens[at].next;
  }
  d->given = given;
  d->given_count = j->tokens[files].count;
  return given || err_set(e, ERR_BUSY, "no memory for the files");
}

/* {"files": {"rules/x.lua": "…"}} or {"digest": "…"} */
static bool read_upload(struct wanting *w, struct err *e) {
  struct json j;
  struct draft *d = w->draft;
  if (!json_parse(&j, &d->sent, w->request->body, &json_limits_default, e)) return false;
  const uint32_t files = json_get(&j, 0, "files");
  if (json_type(&j, files) == JSON_OBJECT) return take_files(d, &j, files, e);
  struct str digest = json_text(&j, json_get(&j, 0, "digest"), &d->sent);
  d->kind = DRAFT_STORED;
  d->identity_wanted = arena_text(&d->arena, digest.at, digest.len);
  if (!digest.len) return err_set(e, ERR_INPUT, "expected {\"files\": {\"rules/x.lua\": \"…\"}} or {\"digest\": \"…\"}");
  return d->identity_wanted || err_set(e, ERR_BUSY, "no memory for the digest");
}

/* By its first digits, when it ran here; whole, when the store has it. */
static bool find_stored(struct wanting *w, struct err *e) {
  struct draft *d = w->draft;
  if (d->kind != DRAFT_STORED || strlen(d->identity_wanted) >= 64) return true;
  const struct str wanted = str_from(d->identity_wanted);
  if (!library_digest(w->programs->library, wanted, w->digest, e)) return false;
  d->identity_wanted = arena_text(&d->arena, w->digest, 64);
  return d->identity_wanted || err_set(e, ERR_BUSY, "no memory for this request");
}

static void upload_work(struct errand *e) {
  struct wanting *w = (struct wanting *)e;
  if (read_upload(w, &w->err) && find_stored(w, &w->err)) draft_build(w->draft);
}

static void answer_unknown(struct request *r, struct str name) {
  request_problem(r, 404, "program-unknown", NULL,
                  "no program of this engine is called \"" STR_FORMAT
                  "\": GET /v1/programs (kairos programs list) has those that are known",
                  (int)(name.len > 80 ? 80 : name.len), name.at);
}

static void upload_done(struct errand *e) {
  struct wanting *w = (struct wanting *)e;
  struct programs *s = w->programs;
  struct request *r = w->request;
  struct draft *d = w->draft;
  if (!e->worked) err_set(&w->err, ERR_BUSY, "the engine is stopping");
  if (w->err.kind == ERR_NONE && d->unread.kind == ERR_MISSING && d->kind == DRAFT_STORED) w->err = d->unread;
  if (w->err.kind != ERR_NONE) { /* w is gone with the answer */
    if (w->err.kind == ERR_MISSING) answer_unknown(r, str_from(d->identity_wanted));
    else request_refuse(r, &w->err);
    draft_free(d);
    return;
  }
  if (!d->program) answer_refused(r, d);
  const bool good = d->program != NULL;
  const struct edition *made = edition_add(s, d, "upload", request_author(r));
  if (good && made) answer_edition(r, s, made, 200);
  else if (good) request_problem(r, 503, "memory", NULL, "no memory to keep the program");
}

void api_program_post(struct request *r, void *context) {
  struct wanting *w = wanting_new(r, programs_of(context), upload_work, upload_done);
  if (!w) return;
  w->draft = draft_new(DRAFT_UPLOAD, w->programs->library, &w->programs->from);
  if (w->draft) builder_ask(w->programs->builder, &w->errand);
  else request_problem(r, 503, "memory", NULL, "no memory for this request");
}

/* ---- changes ---- */

static void make_live(struct request *r, struct programs *s, struct edition *e, const char *from, const char *why) {
  if (strcmp(from, "shadow") == 0) {
    if (e == s->live) request_problem(r, 409, "program-live", NULL, "it is live: there is nothing to compare it with");
    else shadow_set(s, e, r);
    return;
  }
  if (e == s->live && !s->activations) {
    answer_edition(r, s, e, 200);
    return;
  }
  struct activation *c = activation_new(s, e, from, request_author(r), why);
  if (!c) {
    request_problem(r, 503, "memory", NULL, "no memory for this request");
    return;
  }
  c->request = r;
  activation_submit(c);
}

static void stored_work(struct errand *e) {
  draft_build(((struct wanting *)e)->draft);
}

static void stored_done(struct errand *e) {
  struct wanting *w = (struct wanting *)e; /* gone with the answer */
  struct request *r = w->request;
  struct draft *d = w->draft;
  struct err stopping;
  if (!e->worked) {
    err_set(&stopping, ERR_BUSY, "the engine is stopping");
    request_refuse(r, &stopping);
  } else if (!d->program) answer_refused(r, d);
  else {
    struct edition *made = edition_add(w->programs, d, "store", request_author(r));
    d = NULL;
    if (made) make_live(r, w->programs, made, w->from, w->why);
    else request_problem(r, 503, "memory", NULL, "no memory to keep the program");
  }
  draft_free(d);
}

/* One that is not in memory any more is built from the store again. */
static void load_and_make_live(struct request *r, struct programs *s, const char *identity, const char *from, const char *why) {
  struct wanting *w = wanting_new(r, s, stored_work, stored_done);
  if (!w) return;
  w->from = from;
  w->why = why;
  w->draft = draft_new(DRAFT_STORED, s->library, &s->from);
  if (w->draft) w->draft->identity_wanted = arena_text(&w->draft->arena, identity, strlen(identity));
  if (w->draft) builder_ask(s->builder, &w->errand);
  else request_problem(r, 503, "memory", NULL, "no memory for this request");
}

static void publish(struct request *r, struct programs *s, const char *from, const char *why) {
  char digest[65];
  struct edition *e = edition_newest(s, r->params[0]);
  if (e && e->draft->program) make_live(r, s, e, from, why);
  else if (e && e->state == EDITION_REFUSED) answer_refused(r, e->draft);
  else if (digest_asked(r, s, digest)) load_and_make_live(r, s, digest, from, why);
}

static void discard(struct request *r, struct programs *s) {
  struct edition *e = edition_of(s, r->params[0]);
  if (!e) answer_unknown(r, r->params[0]);
  else if (e == s->live || e == s->previous || activations_hold(s, e))
    request_problem(r, 409, "program-needed", NULL, "it is %s: publish another one first",
                    e == s->live ? "live" : "what an undo returns to");
  else {
    edition_discard(s, e->draft->digest);
    request_answer(r, 200, "application/json", STR("{\"discarded\":true}"));
  }
}

void api_program_verb(struct request *r, void *context) {
  struct programs *s = programs_of(context);
  static const char *const verbs[] = {"publish", "shadow", "discard"};
  if (str_is(r->params[1], "publish")) publish(r, s, "publish", "published");
  else if (str_is(r->params[1], "shadow") && str_is(r->params[0], "off")) shadow_set(s, NULL, r);
  else if (str_is(r->params[1], "shadow")) publish(r, s, "shadow", "");
  else if (str_is(r->params[1], "discard")) discard(r, s);
  else {
    const char *near = str_nearest(r->params[1], verbs, 3);
    request_problem(r, 404, "verb-unknown", NULL, "expected publish, shadow or discard, got \"" STR_FORMAT "\"%s%s%s",
                    STR_ARG(r->params[1]), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  }
}

void api_program_undo(struct request *r, void *context) {
  struct programs *s = programs_of(context);
  const struct edition *e = s->previous;
  if (!e) request_problem(r, 409, "nothing-to-undo", NULL, "no other program was ever live here");
  else if (e->draft->program) make_live(r, s, s->previous, "undo", "undone");
  else load_and_make_live(r, s, e->draft->identity, "undo", "undone");
}
