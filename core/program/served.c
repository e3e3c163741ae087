/* served: a model may be served with a state that no file of the directory holds: one that was trained again, or that somebody deployed.
 * Promises that a change of the directory's rules does not silently bring another state back: what is served stands in the place of the
 * directory's file until that file itself is another, and so do the states beside. The program says so itself, in a small file that holds
 * the SHA-256 of the one that it stands for (lifecycle_change.c), so that whoever builds it again knows. Called by the library when a
 * program becomes live, and on the builder's thread. */
#include "served.h"
#include "inside.h"
#include "kit/hash.h"
#include <stdio.h>
#include <string.h>

#define FILES_EACH 4 /* of a model: its state, what that stands for, and what may lie beside */

static const struct source *source_at(const struct program *p, const char *path) {
  for (size_t i = 0; i < p->source_count; i++)
    if (strcmp(p->sources[i].path, path) == 0) return &p->sources[i];
  return NULL;
}

/* The directory's file in whose place the state of a model stands; NULL: it lies there itself. */
static const struct source *stands_over(const struct program *p, const char *model, unsigned char over[HASH_SHA256]) {
  char path[600];
  model_over_path(model, path, sizeof path);
  const struct source *s = source_at(p, path);
  return s && hash_unhex(str_trim(s->text), over, HASH_SHA256) ? s : NULL;
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
  const char *name = arena_text(a, n->at.name.at, n->at.name.len);
  snprintf(path, sizeof path, "models/" STR_FORMAT, STR_ARG(n->state));
  const struct source *s = n->state.len ? source_at(p, path) : NULL;
  if (!s || !name) return;
  const struct source *marker = stands_over(p, name, over);
  if (marker) {
    note_file(s, path, over, a, out);
    note_file(marker, path, over, a, out);
  } else memcpy(over, s->sha256, sizeof over);
  for (enum model_role role = MODEL_CANDIDATE; role <= MODEL_PREVIOUS; role++) {
    model_beside_path(name, role, beside, sizeof beside);
    const struct source *other = source_at(p, beside);
    if (other) note_file(other, path, over, a, out);
  }
}

void served_note(const struct program *p, struct arena *a, struct served *out) {
  *out = (struct served){.files = ARENA_ARRAY(a, struct served_file, FILES_EACH * p->nouns.model_count + 1)};
  for (size_t i = 0; out->files && i < p->nouns.model_count; i++) note_model(p, &p->nouns.models[i], a, out);
}

static void put(struct program *p, const struct served_file *f) {
  struct source *there = NULL;
  for (size_t i = 0; i < p->source_count; i++)
    if (strcmp(p->sources[i].path, f->path) == 0) there = &p->sources[i];
  if (there && strcmp(f->path, f->of) != 0) return; /* the directory has one of its own */
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
  if (!str_ends(str_from(f->path), ".state")) return;
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
