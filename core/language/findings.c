/* Findings: what is wrong with a program's sources, each with file and line, in an order that depends on the sources alone. A finding that
 * memory could not hold still counts as an error, so that a program is never accepted because its fault could not be written down.
 * Called by whoever checks a program [builder]. */
#include "kit/arena.h"
#include "language/nouns.h"
#include <string.h>

static bool findings_grow(struct findings *f) {
  if (f->count < f->cap) return true;
  size_t cap = f->cap ? f->cap * 2 : 16;
  struct finding *at = ARENA_ARRAY(f->arena, struct finding, cap);
  if (!at) return false;
  if (f->count) memcpy(at, f->at, f->count * sizeof *at);
  f->at = at;
  f->cap = cap;
  return true;
}

void findings_add(struct findings *f, enum finding_level level, const char *file, int line, const char *format, ...) {
  va_list list;
  va_start(list, format);
  const char *text = arena_vprintf(f->arena, format, list);
  va_end(list);
  if (level == FINDING_ERROR) f->errors++;
  if (!findings_grow(f)) {
    if (level != FINDING_ERROR) f->errors++;
    return;
  }
  const char *place = arena_text(f->arena, file ? file : "", file ? strlen(file) : 0); /* findings outlive a refused program */
  f->at[f->count++] = (struct finding){level, place ? place : "", line, text ? text : "memory failed"};
}

static bool finding_after(const struct finding *a, const struct finding *b) {
  int files = strcmp(a->file, b->file);
  return files ? files > 0 : a->line > b->line;
}

static void insert(struct finding *list, size_t count) {
  for (size_t i = 1; i < count; i++) {
    struct finding moving = list[i];
    size_t to = i;
    while (to > 0 && finding_after(&list[to - 1], &moving)) {
      list[to] = list[to - 1];
      to--;
    }
    list[to] = moving;
  }
}

static void merge(struct finding *list, struct finding *room, size_t count) {
  const size_t half = count / 2;
  if (count <= 16) {
    insert(list, count);
    return;
  }
  merge(list, room, half);
  merge(list + half, room, count - half);
  if (!finding_after(&list[half - 1], &list[half])) return;
  memcpy(room, list, count * sizeof *list);
  for (size_t i = 0, left = 0, right = half; i < count; i++) {
    const bool take_right = left >= half || (right < count && finding_after(&room[left], &room[right]));
    list[i] = take_right ? room[right++] : room[left++];
  }
}

/* Stable, and quick on what is nearly always sorted already: files are loaded in order. */
void findings_sort(struct findings *f) {
  struct finding *room = f->count > 16 ? ARENA_ARRAY(f->arena, struct finding, f->count) : NULL;
  if (room) merge(f->at, room, f->count);
  else insert(f->at, f->count);
}
