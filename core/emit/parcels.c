/* The letters that the courier holds: by decision id (a row read twice is one letter), by user (an opt-out finds its letters without
 * looking at the others), and in a heap by the moment at which something must happen to them: becoming due, or being too late. A running
 * letter is in no heap; its attempt has its own time-outs. The store decides nothing. Room in the heap is made when a letter comes in, so
 * that nothing later can fail. Called by turn.c on its thread; letter_new and letter_free from any. */
#include "parcels.h"
#include "kit/arena.h"

#include <stddef.h>
#include <string.h>

struct letter *letter_new(struct str body) {
  struct parcel *p = kit_alloc(sizeof *p + body.len);
  if (!p) return NULL;
  memset(p, 0, sizeof *p);
  if (body.len) memcpy(p->body, body.at, body.len);
  p->letter.body = (struct str){p->body, body.len};
  return &p->letter;
}

struct parcel *parcel_of(struct letter *l) {
  return (struct parcel *)(void *)((char *)l - offsetof(struct parcel, letter));
}

void letter_free(struct letter *l) {
  if (l) kit_free(parcel_of(l));
}

/* SplitMix64's finalizer: a bijection, so two keys never meet. */
static uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}
static uint64_t user_key(uint32_t volume, int64_t user) {
  must(volume < (1u << 16) && user >= 0 && user < (INT64_C(1) << 48));
  return mixed((uint64_t)volume << 48 | (uint64_t)user);
}

/* ---- the heap ---- */

int64_t parcel_moment(const struct parcel *parcel) {
  return parcel->state == PARCEL_QUEUED ? parcel->letter.send_before : parcel->letter.due;
}

/* Ties go by id, so that equal moments are served in the order of their decisions. */
static bool before(const struct parcel *a, const struct parcel *b) {
  int64_t at = parcel_moment(a), bt = parcel_moment(b);
  return at != bt ? at < bt : a->letter.id < b->letter.id;
}

static void heap_set(struct parcels *p, uint32_t at, struct parcel *parcel) {
  p->heap[at] = parcel;
  parcel->heap_at = at;
}

static void heap_up(struct parcels *p, uint32_t at) {
  struct parcel *parcel = p->heap[at];
  for (; at > 0 && before(parcel, p->heap[(at - 1) / 2]); at = (at - 1) / 2) heap_set(p, at, p->heap[(at - 1) / 2]);
  heap_set(p, at, parcel);
}

static void heap_down(struct parcels *p, uint32_t at) {
  struct parcel *parcel = p->heap[at];
  for (uint32_t child; (child = 2 * at + 1) < p->heap_count; at = child) {
    if (child + 1 < p->heap_count && before(p->heap[child + 1], p->heap[child])) child++;
    if (!before(p->heap[child], parcel)) break;
    heap_set(p, at, p->heap[child]);
  }
  heap_set(p, at, parcel);
}

static void heap_add(struct parcels *p, struct parcel *parcel) {
  must(p->heap_count < p->heap_cap);
  heap_set(p, p->heap_count++, parcel);
  heap_up(p, p->heap_count - 1);
}

static void heap_remove(struct parcels *p, struct parcel *parcel) {
  uint32_t at = parcel->heap_at;
  must(at < p->heap_count && p->heap[at] == parcel);
  struct parcel *last = p->heap[--p->heap_count];
  if (last == parcel) return;
  heap_set(p, at, last);
  heap_up(p, at);
  heap_down(p, last->heap_at);
}

struct parcel *parcels_top(const struct parcels *p) {
  return p->heap_count ? p->heap[0] : NULL;
}

static bool heap_room(struct parcels *p) {
  if (p->count < p->heap_cap) return true; /* running letters count too: they come back */
  uint32_t cap = p->heap_cap ? p->heap_cap * 2 : 64;
  struct parcel **heap = kit_realloc(p->heap, cap * sizeof *heap);
  if (!heap) return false;
  p->heap = heap, p->heap_cap = cap;
  return true;
}

/* ---- queues ---- */

static void list_remove(struct parcel *parcel) {
  struct parcel_list *l = parcel->queue;
  if (parcel->previous) parcel->previous->next = parcel->next;
  else l->first = parcel->next;
  if (parcel->next) parcel->next->previous = parcel->previous;
  else l->last = parcel->previous;
  l->count--;
  parcel->next = parcel->previous = NULL, parcel->queue = NULL;
}

static void list_add(struct parcel_list *l, struct parcel *parcel) {
  parcel->queue = l;
  parcel->previous = l->last;
  if (l->last) l->last->next = parcel;
  else l->first = parcel;
  l->last = parcel;
  l->count++;
}

/* ---- the store ---- */

bool parcels_hold(const struct parcels *p, uint64_t id) {
  uint64_t value;
  return map_get(&p->by_id, mixed(id), &value);
}

bool parcels_delivered(const struct parcels *p, uint64_t id) {
  uint64_t value;
  return map_get(&p->delivered, mixed(id), &value);
}

struct parcel *parcels_of_user(const struct parcels *p, uint32_t volume, int64_t user) {
  uint64_t value = 0;
  return map_get(&p->by_user, user_key(volume, user), &value) ? (struct parcel *)(uintptr_t)value : NULL;
}

bool parcels_add(struct parcels *p, struct parcel *parcel) {
  uint64_t id = mixed(parcel->letter.id), user = user_key(parcel->letter.volume, parcel->letter.user);
  if (!heap_room(p) || !map_set(&p->by_id, id, (uintptr_t)parcel)) return false;
  struct parcel *other = parcels_of_user(p, parcel->letter.volume, parcel->letter.user);
  if (!map_set(&p->by_user, user, (uintptr_t)parcel)) {
    map_remove(&p->by_id, id);
    return false;
  }
  parcel->user_next = other;
  if (other) other->user_previous = parcel;
  parcel->state = PARCEL_WAITING;
  p->count++;
  heap_add(p, parcel);
  return true;
}

static void forget_user(struct parcels *p, struct parcel *parcel) {
  if (parcel->user_next) parcel->user_next->user_previous = parcel->user_previous;
  if (parcel->user_previous) {
    parcel->user_previous->user_next = parcel->user_next;
    return;
  }
  uint64_t key = user_key(parcel->letter.volume, parcel->letter.user);
  if (!parcel->user_next) map_remove(&p->by_user, key);
  else must(map_set(&p->by_user, key, (uintptr_t)parcel->user_next)); /* the key is there: no memory is needed */
}

/* Without memory nothing is remembered: the worst is a letter sent twice, which at-least-once allows. */
static void remember(struct parcels *p, uint64_t id) {
  if (!p->remembered) {
    p->remembered = kit_alloc(PARCELS_REMEMBERED * sizeof *p->remembered);
    if (!p->remembered) return;
    p->remembered_at = 0;
  }
  uint32_t slot = p->remembered_at % PARCELS_REMEMBERED;
  if (p->remembered_at >= PARCELS_REMEMBERED) map_remove(&p->delivered, mixed(p->remembered[slot]));
  if (!map_set(&p->delivered, mixed(id), 1)) return;
  p->remembered[slot] = id;
  /* Stays in the second round for ever: only "was the ring full once" matters beyond the slot. */
  p->remembered_at = p->remembered_at + 1 < 2 * PARCELS_REMEMBERED ? p->remembered_at + 1 : PARCELS_REMEMBERED;
}

void parcels_end(struct parcels *p, struct parcel *parcel, bool delivered) {
  if (parcel->state == PARCEL_WAITING || parcel->state == PARCEL_QUEUED) heap_remove(p, parcel);
  if (parcel->state == PARCEL_QUEUED) list_remove(parcel);
  map_remove(&p->by_id, mixed(parcel->letter.id));
  forget_user(p, parcel);
  p->count--;
  if (delivered) remember(p, parcel->letter.id);
  kit_free(parcel);
}

void parcels_wait(struct parcels *p, struct parcel *parcel) {
  must(parcel->state == PARCEL_RUNNING);
  parcel->state = PARCEL_WAITING;
  heap_add(p, parcel);
}

void parcels_queue(struct parcels *p, struct parcel *parcel, struct parcel_list *queue) {
  must(parcel->state == PARCEL_WAITING);
  parcel->state = PARCEL_QUEUED; /* its moment is another now */
  heap_up(p, parcel->heap_at);
  heap_down(p, parcel->heap_at);
  list_add(queue, parcel);
}

void parcels_run(struct parcels *p, struct parcel *parcel) {
  must(parcel->state == PARCEL_QUEUED);
  heap_remove(p, parcel);
  list_remove(parcel);
  parcel->state = PARCEL_RUNNING;
}

bool parcels_each(const struct parcels *p, size_t *cursor, struct parcel **parcel) {
  struct map_slot slot;
  if (!map_next(&p->by_id, cursor, &slot)) return false;
  *parcel = (struct parcel *)(uintptr_t)slot.value;
  return true;
}

void parcels_free(struct parcels *p) {
  size_t cursor = 0;
  struct parcel *parcel;
  while (parcels_each(p, &cursor, &parcel)) kit_free(parcel);
  map_free(&p->by_id);
  map_free(&p->by_user);
  map_free(&p->delivered);
  kit_free(p->heap);
  kit_free(p->remembered);
  *p = (struct parcels){0};
}
