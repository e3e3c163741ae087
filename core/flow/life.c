/* A flow's life, and what a lane takes from it between walks. Promises that a turn which is lost leaves nothing in memory, and that what a
 * flow holds is given back with it. Called by the lane on its thread, by replay on its own, by the main thread before and after them. */
#include "inside.h"
#include "kit/log.h"

static struct flow *flow_new(struct library *library) {
  struct flow *f = kit_alloc(sizeof *f);
  if (!f) return NULL;
  *f = (struct flow){.places.library = library};
  f->steps = kit_alloc(WAVE_MOST * sizeof *f->steps);
  if (f->steps) return f;
  kit_free(f);
  return NULL;
}

struct flow *flow_open(struct book *b, uint32_t volume, struct library *library, struct err *e) {
  struct flow *f = flow_new(library);
  if (!f) {
    err_set(e, ERR_INTERNAL, "no memory for a flow");
    return NULL;
  }
  f->book = b;
  warming_reset(f);
  struct volume_replay replay = {.row = flow_recover_row, .context = f};
  if ((f->volume = volume_open(b, volume, &replay, e))) return f;
  flow_close(f);
  return NULL;
}

struct flow *flow_for_replay(struct library *library, const struct flow_keeper *keeper) {
  struct flow *f = flow_new(library);
  if (f) f->keeper = *keeper;
  return f;
}

static void forget_turn(struct flow *f) {
  for (size_t i = 0; i < f->letters.count; i++) letter_free(f->letters.at[i]);
  f->letters.count = f->recalled.count = f->due.count = 0;
}

void flow_close(struct flow *f) {
  if (!f) return;
  if (f->volume) volume_close(f->volume);
  sessions_close(f->sessions);
  library_release(f->places.library, f->sessions_of);
  flow_shadow(f, NULL, NULL);
  warming_reset(f);
  forget_turn(f);
  places_clear(&f->places);
  arena_free(&f->scratch);
  pile_free(&f->letters);
  pile_free(&f->recalled);
  pile_free(&f->due);
  kit_free(f->steps);
  kit_free(f);
}

bool flow_commit(struct flow *f, struct err *e) {
  return volume_commit(f->volume, e);
}

bool flow_recover(struct flow *f, struct err *e) {
  forget_turn(f);
  warming_reset(f);
  places_clear(&f->places);
  return volume_recover(f->volume, e);
}

size_t flow_letters_take(struct flow *f, struct letter **letters, size_t most) {
  return pile_take(&f->letters, (void **)letters, most);
}
size_t flow_due_take(struct flow *f, struct user **users, size_t most) {
  return pile_take(&f->due, (void **)users, most);
}

struct volume *flow_volume(struct flow *f) {
  return f->volume;
}
const struct program *flow_program(struct flow *f, uint32_t partition) {
  struct err e = {0};
  const struct program *p = places_program(&f->places, partition, &e);
  if (e.kind != ERR_NONE) log_error("flow", "partition %u: %s", partition, e.text);
  return p;
}
const char *flow_identity(const struct flow *f, uint32_t partition) {
  return f->places.at[partition].identity;
}
const struct controls *flow_controls(const struct flow *f, uint32_t partition) {
  return &f->places.at[partition].controls;
}
const struct flow_figures *flow_figures(const struct flow *f) {
  return &f->figures;
}

/* Of all that the flow points to, this user alone ends here. */
static void forget_due(struct flow *f, const struct user *u) {
  size_t kept = 0;
  for (size_t i = 0; i < f->due.count; i++)
    if (f->due.at[i] != u) f->due.at[kept++] = f->due.at[i];
  f->due.count = kept;
}

bool flow_erase(struct flow *f, struct user *u, struct err *e) {
  forget_due(f, u);
  return volume_commit(f->volume, e) && volume_erase(f->volume, u, e);
}
