/* lifecycle_change: another state into a program. The live program's files, with the model's state replaced or one more beside it, are
 * built and checked like any upload, the registry in control.db gets its line, and the program becomes live as every program does. A state
 * in the place of another says so in the program (models/NAME.over): so a reload knows what it stands for, and whoever builds it again
 * that the golden rows of the model's file are of that other one. Promises that a state is in the store before anything names it, and that
 * a change of the rules in between wins: what was built on an older program is thrown away. Main thread, but for the errands' work. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "lifecycle.h"
#include <stdio.h>
#include <string.h>

#define STATE_MOST ((size_t)64 << 20)
#define AGAIN_MS   (10 * CLOCK_MINUTE) /* before a step that was refused is tried again */

struct state_change {
  struct errand errand; /* first */
  struct arena arena;
  struct lifecycle *lifecycle;
  struct draft *draft;
  const struct program *base; /* held */
  struct change_ask ask;
  const char *model, *state_path;
  bool written; /* the registry has its line */
  struct err err;
};

/* ---- the registry ---- */

static const char *keep(struct arena *a, const char *text) {
  return text ? arena_text(a, text, strlen(text)) : NULL;
}

static bool is_kept(const struct change_ask *kept, const struct change_ask *ask) {
  return kept->event && kept->author && kept->why && kept->figures.at && !kept->served == !ask->served && !kept->beside == !ask->beside &&
         !kept->file == !ask->file;
}

static void keep_ask(struct arena *a, const struct change_ask *ask, struct change_ask *kept) {
  kept->event = keep(a, ask->event);
  kept->served = keep(a, ask->served);
  kept->beside = keep(a, ask->beside);
  kept->author = keep(a, ask->author);
  kept->why = keep(a, ask->why);
  kept->file = keep(a, ask->file);
  kept->figures = (struct str){arena_text(a, ask->figures.at ? ask->figures.at : "", ask->figures.len), ask->figures.len};
}

static bool write_line(struct book *b, const char *model, const struct change_ask *ask, struct err *e) {
  struct buf body = {0};
  struct json_writer w = json_to(&body);
  char at[32];
  int64_t number;
  json_open_object(&w);
  json_pair_text(&w, "kind", "model");
  json_pair_text(&w, "name", model);
  json_pair_text(&w, "event", ask->event);
  if (ask->served) json_pair_text(&w, "served", ask->served);
  if (ask->beside) json_pair_text(&w, "beside", ask->beside);
  if (ask->beside) json_pair_text(&w, "role", model_role_word(ask->role));
  json_pair_text(&w, "why", ask->why);
  if (ask->figures.len) {
    json_key(&w, "figures");
    json_put_raw(&w, ask->figures);
  }
  json_pair_str(&w, "at", (struct str){at, clock_format(clock_now(), at)});
  json_close_object(&w);
  const bool fine = !body.failed ? control_append(b, ask->author, "model", model, buf_view(&body), &number, e)
                                 : err_set(e, ERR_INTERNAL, "no memory for a control fact");
  buf_free(&body);
  return fine;
}

/* ---- building ---- */

static bool put_source(struct state_change *c, struct source *to, const char *path, const char *digest, struct err *e) {
  struct buf bytes = {0};
  unsigned char sha256[HASH_SHA256];
  const bool fine =
      hash_unhex(str_from(digest), sha256, HASH_SHA256) && store_get(library_book(c->lifecycle->api->library), sha256, &bytes, e);
  if (fine) *to = (struct source){.path = path, .text = {arena_text(&c->draft->sent, bytes.at, bytes.len), bytes.len}};
  buf_free(&bytes);
  return fine && (to->text.at || err_set(e, ERR_BUSY, "no memory for a state"));
}

/* The file of the process that trained becomes a version: its bytes are in the store under their SHA-256 from here on. */
static bool take_file(struct state_change *c, struct err *e) {
  struct buf bytes = {0};
  unsigned char sha256[HASH_SHA256];
  char *digest = arena_alloc(&c->arena, DIGEST_TEXT);
  const bool fine = digest && file_read(c->ask.file, &bytes, STATE_MOST, e) &&
                    store_put(library_book(c->lifecycle->api->library), buf_view(&bytes), sha256, e);
  if (fine) hash_hex(sha256, HASH_SHA256, digest);
  if (fine) c->ask.beside = digest;
  buf_free(&bytes);
  char folder[4200];
  snprintf(folder, sizeof folder, "%s/" LIFECYCLE_FOLDER, book_directory(c->lifecycle->api->book));
  file_remove_tree(folder, NULL); /* here: whoever trains next writes it anew on this thread */
  return fine;
}

static const struct source *base_source(const struct state_change *c, const char *path) {
  for (size_t i = 0; i < c->base->source_count; i++)
    if (strcmp(c->base->sources[i].path, path) == 0) return &c->base->sources[i];
  return NULL;
}

/* Names the state in whose place the one that is to be served stands; itself when nobody came in between. */
static void name_origin(const struct state_change *c, const char *over, char origin[DIGEST_TEXT]) {
  const struct source *said = base_source(c, over), *state = base_source(c, c->state_path);
  unsigned char sha256[HASH_SHA256];
  if (said && hash_unhex(str_trim(said->text), sha256, HASH_SHA256)) hash_hex(sha256, HASH_SHA256, origin);
  else if (state) hash_hex(state->sha256, HASH_SHA256, origin);
}

/* Room for the paths and the lines that are the engine's own. */
struct own_files {
  char candidate[600], previous[600], over[600], beside[600], origin[DIGEST_TEXT], line[DIGEST_TEXT + 1];
};

static bool gather(struct state_change *c, struct err *e) {
  struct draft *d = c->draft;
  const struct program *p = c->base;
  struct own_files *own = ARENA_NEW(&d->sent, struct own_files);
  struct source *given = ARENA_ARRAY(&d->sent, struct source, p->source_count + 3);
  if (!given || !own) return err_set(e, ERR_BUSY, "no memory for a program");
  model_beside_path(c->model, MODEL_CANDIDATE, own->candidate, sizeof own->candidate);
  model_beside_path(c->model, MODEL_PREVIOUS, own->previous, sizeof own->previous);
  model_over_path(c->model, own->over, sizeof own->over);
  name_origin(c, own->over, own->origin);
  d->given = given;
  for (size_t i = 0; i < p->source_count; i++) {
    const struct source *s = &p->sources[i];
    if (strcmp(s->path, own->candidate) == 0 || strcmp(s->path, own->previous) == 0 || strcmp(s->path, own->over) == 0) continue;
    if (strcmp(s->path, c->state_path) != 0) given[d->given_count++] = *s;
    else if (!put_source(c, &given[d->given_count++], s->path, c->ask.served, e)) return false;
  }
  if (strcmp(own->origin, c->ask.served) != 0) {
    snprintf(own->line, sizeof own->line, "%s\n", own->origin);
    given[d->given_count++] = (struct source){.path = own->over, .text = str_from(own->line)};
  }
  if (!c->ask.beside) return true;
  model_beside_path(c->model, c->ask.role, own->beside, sizeof own->beside);
  return put_source(c, &given[d->given_count++], own->beside, c->ask.beside, e);
}

static void work(struct errand *errand) {
  struct state_change *c = (struct state_change *)errand;
  struct draft *d = c->draft;
  if ((c->ask.file && !take_file(c, &c->err)) || !gather(c, &c->err)) return;
  draft_build(d);
  c->written = d->program && write_line(library_book(c->lifecycle->api->library), c->model, &c->ask, &c->err);
  if (d->program && !c->written) {
    library_release(d->library, d->program);
    d->program = NULL;
  }
}

/* ---- and then ---- */

static void count_event(struct lifecycle *l, const char *event) {
  l->figures.candidates += strcmp(event, "candidate") == 0;
  l->figures.deployed += strcmp(event, "deployed") == 0;
  l->figures.returned += strcmp(event, "returned") == 0;
}

/* The registry says already what did not become so: then it says that, too. At the end there is no builder to write it. */
static void take_back(struct state_change *c, const char *why) {
  struct lifecycle *l = c->lifecycle;
  const struct change_ask ask = {.event = "refused", .author = c->ask.author, .why = why};
  struct err e = {0};
  if (!c->written) return;
  if (!l->programs->closing) registry_note(l, c->model, ask.event, ask.author, ask.why, (struct str){0});
  else if (!write_line(l->api->book, c->model, &ask, &e)) log_error("models", "%s: %s", c->model, e.text);
}

static void make_live(struct state_change *c) {
  struct programs *s = c->lifecycle->programs;
  struct edition *made = edition_add(s, c->draft, LIFECYCLE_NAME, c->ask.author);
  c->draft = NULL;
  char why[600];
  snprintf(why, sizeof why, "%s: %s: %s", c->model, c->ask.event, c->ask.why);
  struct activation *a = made && made != s->live ? activation_new(s, made, LIFECYCLE_NAME, c->ask.author, why) : NULL;
  if (a) {
    a->request = c->ask.request;
    count_event(c->lifecycle, c->ask.event);
    activation_submit(a);
    return;
  }
  const char *served = "these states are served already";
  take_back(c, made ? served : "no memory for a program");
  if (c->ask.request) request_problem(c->ask.request, 409, "nothing-changed", NULL, "%s", served);
}

static void free_change(struct state_change *c) {
  draft_free(c->draft);
  library_release(c->lifecycle->api->library, c->base);
  c->lifecycle->changes--;
  arena_free(&c->arena);
  kit_free(c);
}

static void done(struct errand *errand) {
  struct state_change *c = (struct state_change *)errand;
  struct lifecycle *l = c->lifecycle;
  struct episode *e = episode_of(l, str_from(c->model));
  if (e) e->changing = false;
  if (!errand->worked || l->programs->closing) err_set(&c->err, ERR_BUSY, "the engine is stopping");
  else if (c->base != l->programs->live->draft->program || l->programs->activations)
    err_set(&c->err, ERR_CONFLICT, "another program has become live meanwhile: ask again");
  else if (!c->draft->program && c->err.kind == ERR_NONE)
    err_set(&c->err, ERR_INPUT, "the program with this state is refused: %s",
            c->draft->finding_count ? c->draft->findings[0].text : "no reason is known");
  if (c->err.kind == ERR_NONE) make_live(c);
  else {
    log_warn("models", "%s: %s: %s", c->model, c->ask.event, c->err.text);
    take_back(c, c->err.text);
    if (e && c->ask.file) snprintf(e->last, sizeof e->last, "failed: %s: %s", c->ask.event, c->err.text); /* a training's */
    if (e && !c->ask.request) e->not_before = clock_now() + AGAIN_MS;
    if (c->ask.request) request_refuse(c->ask.request, &c->err);
  }
  free_change(c);
}

bool change_begin(struct lifecycle *l, struct episode *e, const struct change_ask *ask) {
  struct programs *s = l->programs;
  struct state_change *c = s->builder && !e->changing ? kit_alloc(sizeof *c) : NULL;
  struct draft *d = c ? draft_new(DRAFT_UPLOAD, s->library, &s->from) : NULL;
  if (!d) {
    kit_free(c);
    if (ask->request) request_problem(ask->request, 503, "busy", NULL, "another change of this model is under way: ask again");
    return false;
  }
  *c = (struct state_change){.errand = {.work = work, .done = done}, .lifecycle = l, .draft = d, .ask = *ask};
  c->base = library_hold(s->library, s->live->draft->program);
  c->model = keep(&c->arena, e->name);
  c->state_path = keep(&c->arena, e->state_path);
  keep_ask(&c->arena, ask, &c->ask);
  l->changes++;
  if (!c->model || !c->state_path || !is_kept(&c->ask, ask)) {
    free_change(c);
    if (ask->request) request_problem(ask->request, 503, "memory", NULL, "no memory for this change: ask again");
    return false;
  }
  e->changing = true;
  builder_ask(s->builder, &c->errand);
  return true;
}

/* ---- lines that change nothing ---- */

struct line {
  struct errand errand; /* first */
  struct arena arena;
  struct lifecycle *lifecycle;
  const char *model;
  struct change_ask ask;
};

static void line_work(struct errand *errand) {
  struct line *n = (struct line *)errand;
  struct err e = {0};
  if (!write_line(library_book(n->lifecycle->api->library), n->model, &n->ask, &e)) log_error("models", "%s: %s", n->model, e.text);
}

static void line_done(struct errand *errand) {
  struct line *n = (struct line *)errand;
  arena_free(&n->arena);
  kit_free(n);
}

void registry_note(struct lifecycle *l, const char *model, const char *event, const char *author, const char *why, struct str figures) {
  struct line *n = l->programs->builder ? kit_alloc(sizeof *n) : NULL;
  if (!n) return;
  *n = (struct line){.errand = {.work = line_work, .done = line_done}, .lifecycle = l};
  n->model = keep(&n->arena, model);
  keep_ask(&n->arena, &(struct change_ask){.event = event, .author = author, .why = why, .figures = figures}, &n->ask);
  if (!n->model || !n->ask.event || !n->ask.author || !n->ask.why || !n->ask.figures.at) {
    log_error("models", "%s: no memory to write down: %s: %s", model, event, why);
    line_done(&n->errand);
    return;
  }
  builder_ask(l->programs->builder, &n->errand);
}
