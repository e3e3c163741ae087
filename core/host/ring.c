/* ring: shared memory between the engine and a plugin host. Promises that the engine never depends on what the other side does to it: the
 * regions are sealed against shrinking (a cut file would be SIGBUS in the engine), all pages are there from the start, questions cannot be
 * written by the host, and a step beyond either end meets a page that nothing may touch. Says nothing about what stands in an answer:
 * call.c looks at it. Used by builder and lanes on one side, by resident.c in the host on the other. */
#include "ring.h"
#include "kit/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define GUARD      ((size_t)4096)
#define PAUSE_MOST 32 /* sleeps between two looks in vain */

static size_t whole(size_t n, size_t to) {
  return (n + to - 1) / to * to;
}

/* ---- shape ---- */

static bool shape_side(struct arena *a, const kairos_schema *s, size_t begin, size_t head, uint32_t places, struct ring_side *side,
                       struct err *e) {
  side->count = s->count;
  if (!(side->columns = ARENA_ARRAY(a, struct ring_column, s->count))) return err_set(e, ERR_BUSY, "no memory for a plugin host's columns");
  size_t at = begin;
  for (uint32_t c = 0; c < s->count; c++) { /* RING_ROWS is as many bits as a word has: a column's bits are `width` words */
    const uint32_t width = s->fields[c]->width;
    side->columns[c] = (struct ring_column){width, at, at + (size_t)width * RING_ROWS * sizeof(double)};
    at = side->columns[c].valid + (size_t)width * sizeof(uint64_t);
    if (at > RING_PLACE_MOST)
      return err_set(e, ERR_INPUT, "its columns are too wide for a plugin host: %u rows of them need more than %zu MiB", RING_ROWS,
                     RING_PLACE_MOST >> 20);
  }
  side->first = whole(head, GUARD);
  side->stride = whole(at, 64);
  side->size = whole(side->first + places * side->stride, GUARD);
  return true;
}

bool ring_shape(struct arena *a, const kairos_schema *inputs, const kairos_schema *outputs, uint32_t places, struct ring_shape *out,
                struct err *e) {
  _Static_assert(RING_ROWS == 64, "a row is a bit of a word");
  out->places = places;
  return shape_side(a, inputs, RING_ROWS * sizeof(uint64_t), sizeof(struct asked_head), places, &out->asked, e) &&
         shape_side(a, outputs, 0, sizeof(struct told_head), places, &out->told, e);
}

static char *place_of(const void *region, const struct ring_side *side, uint32_t place, size_t at) {
  return (char *)(uintptr_t)region + side->first + place * side->stride + at;
}

uint64_t *ring_seeds(const struct ring *r, uint32_t place) {
  return (void *)place_of(r->asked, &r->shape->asked, place, 0);
}
double *ring_input(const struct ring *r, uint32_t place, uint32_t column) {
  return (void *)place_of(r->asked, &r->shape->asked, place, r->shape->asked.columns[column].data);
}
uint64_t *ring_input_valid(const struct ring *r, uint32_t place, uint32_t column) {
  return (void *)place_of(r->asked, &r->shape->asked, place, r->shape->asked.columns[column].valid);
}
double *ring_output(const struct ring *r, uint32_t place, uint32_t column) {
  return (void *)place_of(r->told, &r->shape->told, place, r->shape->told.columns[column].data);
}
uint64_t *ring_output_valid(const struct ring *r, uint32_t place, uint32_t column) {
  return (void *)place_of(r->told, &r->shape->told, place, r->shape->told.columns[column].valid);
}

/* ---- memory ---- */

static int refuse(int memory, const char *what, struct err *e) {
  err_set(e, ERR_STORAGE, "no shared memory for a plugin host (%s): %s", what, strerrordesc_np(errno));
  if (memory >= 0) close(memory);
  return -1;
}

int ring_memory(const char *name, size_t size, struct err *e) {
  const int memory = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (memory < 0) return refuse(memory, "memfd_create", e);
  if (ftruncate(memory, (off_t)size) != 0) return refuse(memory, "its size", e);
  if (fallocate(memory, 0, 0, (off_t)size) != 0) return refuse(memory, "its pages", e);
  return fcntl(memory, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0 ? memory : refuse(memory, "its seals", e);
}

int ring_message(const char *name, const void *bytes, size_t size, struct err *e) {
  const int memory = ring_memory(name, size ? size : 1, e);
  if (memory < 0) return -1;
  for (size_t done = 0; done < size;) {
    const ssize_t n = pwrite(memory, (const char *)bytes + done, size - done, (off_t)done);
    if (n <= 0 && errno != EINTR) return refuse(memory, "writing", e);
    done += n > 0 ? (size_t)n : 0;
  }
  return fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0 ? memory : refuse(memory, "its seals", e);
}

bool ring_seal(int memory, struct err *e) {
  return fcntl(memory, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0 ||
         err_set(e, ERR_STORAGE, "no shared memory for a plugin host (its seals): %s", strerrordesc_np(errno));
}

void *ring_map(int memory, size_t size, bool write) {
  size = whole(size, GUARD);
  char *room = mmap(NULL, size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return NULL;
  void *at = mmap(room + GUARD, size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED, memory, 0);
  if (at != MAP_FAILED) return at;
  munmap(room, size + 2 * GUARD);
  return NULL;
}

void ring_unmap(void *at, size_t size) {
  if (at) munmap((char *)at - GUARD, whole(size, GUARD) + 2 * GUARD);
}

/* ---- looking before sleeping ---- */

uint32_t ring_pauses(void) {
  static _Atomic uint32_t known;
  uint32_t pauses = atomic_load_explicit(&known, memory_order_relaxed);
  if (pauses) return pauses;
  const int64_t begin = clock_monotonic();
  for (int i = 0; i < 1000; i++) ring_pause();
  const int64_t took = clock_monotonic() - begin; /* 0 when a test froze the clock */
  const int64_t most = took > 0 ? RING_LOOK_NS * 1000 / took : 2000;
  pauses = most < 200 ? 200 : most > 20000 ? 20000 : (uint32_t)most;
  atomic_store_explicit(&known, pauses, memory_order_relaxed);
  return pauses;
}

int32_t ring_cpu(void) {
  return sched_getcpu();
}

bool ring_looks(struct ring_habit *h, int32_t other_cpu) {
  if (other_cpu == ring_cpu()) return false;
  if (h->skip == 0) return true;
  h->skip--;
  return false;
}

void ring_looked(struct ring_habit *h, bool paid) {
  if (paid) h->pause = 0;
  else h->pause = h->pause == 0 ? 1 : h->pause < PAUSE_MOST ? 2 * h->pause : PAUSE_MOST;
  h->skip = h->pause;
}
