/* served: a model that was retrained is served with a state that no file of the directory holds. Promises that a change of the directory's
 * rules does not silently bring an older state back: a retrained state stands in the place of the file that it came from until that file
 * itself is another, and so do the states beside. A state says in its figures which file it goes back to, so nothing else has to remember.
 * Called by the library when a program becomes live, and on the builder's thread. */
#include "served.h"
#include "host/host.h"
#include "inside.h"
#include "kit/hash.h"
#include <stdio.h>
#include <string.h>

static const struct source *source_at(const struct program *p, const char *path) {
  for (size_t i = 0; i < p->source_count; i++)
    if (strcmp(p->sources[i].path, path) == 0) return &p->sources[i];
  return NULL;
}

/* The directory's file that a state goes back to; false: it is such a file itself. */
static bool goes_back_to(struct str state, unsigned char over[HASH_SHA256]) {
  struct envelope x;
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  bool found = envelope_read(state, &x, &e) && json_parse(&j, &a, x.metrics, &json_limits_default, NULL);
  found = found && hash_unhex(json_text(&j, json_path(&j, 0, "retrained.over"), &a), over, HASH_SHA256);
  arena_free(&a);
  return found;
}

static void note_file(const struct source *s, const char *of, const unsigned char over[HASH_SHA256], struct arena *a, struct served *out) {
  struct served_file *f = &out->files[out->count];
  *f = (struct served_file){.path = arena_text(a, s->path, strlen(s->path)), .of = arena_text(a, of, strlen(of))};
  f->text = (struct str){arena_text(a, s->text.at, s->text.len), s->text.len};
  memcpy(f->over, over, HASH_SHA256);
  if (f->path && f->of && f->text.at) out->count++;
}

static void note_model(const struct program *p, const struct noun_model *n, struct arena *a, struct served *out) {
  char path[600], beside[600];
  unsigned char over[HASH_SHA256];
  snprintf(path, sizeof path, "models/" STR_FORMAT, STR_ARG(n->state));
  const struct source *s = n->state.len ? source_at(p, path) : NULL;
  if (!s) return;
  if (goes_back_to(s->text, over)) note_file(s, path, over, a, out);
  else memcpy(over, s->sha256, sizeof over);
  for (enum model_role role = MODEL_CANDIDATE; role <= MODEL_PREVIOUS; role++) {
    const char *name = arena_text(a, n->at.name.at, n->at.name.len);
    if (name) model_beside_path(name, role, beside, sizeof beside);
    const struct source *other = name ? source_at(p, beside) : NULL;
    if (other) note_file(other, path, over, a, out);
  }
}

void served_note(const struct program *p, struct arena *a, struct served *out) {
  *out = (struct served){.files = ARENA_ARRAY(a, struct served_file, 3 * p->nouns.model_count + 1)};
  for (size_t i = 0; out->files && i < p->nouns.model_count; i++) note_model(p, &p->nouns.models[i], a, out);
}

static void put(struct program *p, const struct served_file *f) {
  struct source *there = NULL;
  for (size_t i = 0; i < p->source_count; i++)
    if (strcmp(p->sources[i].path, f->path) == 0) there = &p->sources[i];
  if (there && strcmp(f->path, f->of) != 0) return; /* the directory has a state beside of its own */
  if (!there) {
    struct source *grown = ARENA_ARRAY(&p->arena, struct source, p->source_count + 1);
    if (!grown) return;
    memcpy(grown, p->sources, p->source_count * sizeof *grown);
    p->sources = grown;
    there = &grown[p->source_count++];
    there->path = arena_text(&p->arena, f->path, strlen(f->path));
  }
  there->text = (struct str){arena_text(&p->arena, f->text.at, f->text.len), f->text.len};
  hash_sha256(f->text, there->sha256);
  findings_add(&p->findings, FINDING_NOTE, there->path, 1, "the state that the engine serves stands here until %s itself is another",
               f->of);
}

void served_apply(struct program *p, const struct served *served) {
  bool stands[512] = {false};
  for (size_t i = 0; i < served->count && i < sizeof stands; i++) { /* all are asked before anything is replaced */
    const struct source *file = source_at(p, served->files[i].of);
    stands[i] = file && memcmp(file->sha256, served->files[i].over, HASH_SHA256) == 0;
  }
  for (size_t i = 0; i < served->count && i < sizeof stands; i++)
    if (stands[i]) put(p, &served->files[i]);
  sources_sort(p);
}
