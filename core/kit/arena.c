/* Arena: bump allocation in chunks that double from 4 KiB to 1 MiB. Promises 16-byte alignment, constant time for nearly every call, and
 * that a rewind gives back exactly what came after the mark. A request too large for a chunk gets a chunk of its own. Where an arena says
 * so, large chunks are pages of the system's: programs come and go by the thousand, and in the heap whatever small thing outlives one
 * would keep its megabytes from going back. Does not run destructors and does not lock: an arena belongs to one thread at a time. The
 * second half is the process's one allocator, where tests make the n-th call fail. Called by every room on every thread. */
#include "kit/arena.h"
#include "kit/err.h"
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Under AddressSanitizer what is not handed out is poisoned, so that a read beyond an allocation or after its rewind is seen. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(ARENA_POISONS)
#undef ARENA_POISONS
#define ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define HIDE(at, size) ASAN_POISON_MEMORY_REGION((at), (size))
#define SHOW(at, size) ASAN_UNPOISON_MEMORY_REGION((at), (size))
#else
#define HIDE(at, size) ((void)(at), (void)(size))
#define SHOW(at, size) ((void)(at), (void)(size))
#endif

#define PAGE        ((size_t)4096)
#define PAGES_LEAST ((size_t)1 << 16) /* smaller chunks are malloc's, whatever the arena */
#define CHUNK_LEAST ((size_t)4096)
#define CHUNK_MOST  ((size_t)1 << 20)
#define ALIGNMENT   ((size_t)16)
#define HEAP_MOST   (1 << 18) /* what is larger is no part of the heap */
#define TRIM_MOST   (1 << 20) /* free at the heap's end before it goes back */

/* `spare` holds chunks that a rewind set free, newest first; they hang at the newest chunk and move along with the head. */
struct arena_chunk {
  struct arena_chunk *older;
  struct arena_chunk *spare;
  size_t size, used; /* bytes behind the header */
  bool pages;
  _Alignas(16) unsigned char bytes[];
};

static size_t round_up(size_t size) {
  return (size + (ALIGNMENT - 1)) & ~(ALIGNMENT - 1);
}

static struct arena_chunk *spare_take(struct arena *a, size_t size) {
  if (!a->chunk) return NULL;
  for (struct arena_chunk **at = &a->chunk->spare; *at; at = &(*at)->spare) {
    if ((*at)->size < size) continue;
    struct arena_chunk *found = *at;
    *at = found->spare;
    found->spare = NULL;
    return found;
  }
  return NULL;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t size) {
  size_t wanted = a->chunk ? a->chunk->size + sizeof(struct arena_chunk) : CHUNK_LEAST / 2;
  wanted = wanted >= CHUNK_MOST / 2 ? CHUNK_MOST : wanted * 2;
  if (wanted < CHUNK_LEAST) wanted = CHUNK_LEAST;
  if (wanted < size + sizeof(struct arena_chunk)) wanted = size + sizeof(struct arena_chunk);
  if (a->limit && (wanted > a->limit || a->total > a->limit - wanted)) {
    /* Near the limit the last chunk is made to measure, so that the promise is about bytes asked for and not about doubling. */
    wanted = size + sizeof(struct arena_chunk);
    if (wanted > a->limit || a->total > a->limit - wanted) return NULL;
  }
  const bool pages = a->pages && !a->limit && wanted >= PAGES_LEAST;
  if (pages) wanted = (wanted + PAGE - 1) / PAGE * PAGE;
  struct arena_chunk *chunk = pages ? kit_pages(wanted) : kit_alloc(wanted);
  if (!chunk) return NULL;
  a->total += wanted;
  chunk->pages = pages;
  chunk->size = wanted - sizeof(struct arena_chunk);
  chunk->spare = NULL;
  HIDE(chunk->bytes, chunk->size);
  return chunk;
}

static void *arena_grow(struct arena *a, size_t size) {
  struct arena_chunk *chunk = spare_take(a, size);
  if (!chunk) chunk = chunk_new(a, size);
  if (!chunk) return NULL;
  if (a->chunk) {
    chunk->spare = a->chunk->spare;
    a->chunk->spare = NULL;
  }
  chunk->older = a->chunk;
  chunk->used = size;
  a->chunk = chunk;
  return chunk->bytes;
}

void *arena_alloc(struct arena *a, size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  size_t taken = round_up(size ? size : 1); /* zero bytes still get an address of their own: NULL means failure */
  struct arena_chunk *chunk = a->chunk;
  void *p;
  if (chunk && chunk->size - chunk->used >= taken) {
    p = chunk->bytes + chunk->used;
    chunk->used += taken;
  } else {
    p = arena_grow(a, taken);
  }
  if (p) SHOW(p, size);
  return p;
}

void *arena_zero(struct arena *a, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  void *p = arena_alloc(a, bytes);
  if (p) memset(p, 0, bytes);
  return p;
}

void *arena_copy(struct arena *a, const void *from, size_t size) {
  void *p = arena_alloc(a, size);
  if (p && size) memcpy(p, from, size);
  return p;
}

char *arena_text(struct arena *a, const char *from, size_t length) {
  if (length == SIZE_MAX) return NULL;
  char *p = arena_alloc(a, length + 1);
  if (!p) return NULL;
  if (length) memcpy(p, from, length);
  p[length] = '\0';
  return p;
}

char *arena_vprintf(struct arena *a, const char *format, va_list list) {
  va_list again;
  va_copy(again, list);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  must(length >= 0);
  char *p = arena_alloc(a, (size_t)length + 1);
  if (p) vsnprintf(p, (size_t)length + 1, format, list);
  return p;
}

char *arena_printf(struct arena *a, const char *format, ...) {
  va_list list;
  va_start(list, format);
  char *p = arena_vprintf(a, format, list);
  va_end(list);
  return p;
}

struct arena_mark arena_mark(const struct arena *a) {
  return (struct arena_mark){.chunk = a->chunk, .used = a->chunk ? a->chunk->used : 0};
}

static void chunk_free(struct arena *a, struct arena_chunk *chunk) {
  const size_t size = chunk->size + sizeof(struct arena_chunk);
  SHOW(chunk->bytes, chunk->size);
  a->total -= size;
  if (chunk->pages) kit_pages_free(chunk, size);
  else kit_free(chunk);
}

/* Spare chunks are kept up to 1 MiB together; what a rare large turn needed goes back to the system. */
static void spare_put(struct arena *a, struct arena_chunk *head, struct arena_chunk *chunk) {
  size_t kept = 0;
  for (const struct arena_chunk *at = head->spare; at; at = at->spare) kept += at->size;
  if (kept + chunk->size > CHUNK_MOST) {
    chunk_free(a, chunk);
    return;
  }
  HIDE(chunk->bytes, chunk->size);
  chunk->spare = head->spare;
  head->spare = chunk;
}

void arena_rewind(struct arena *a, struct arena_mark mark) {
  if (!mark.chunk) { /* the arena was empty when marked */
    arena_reset(a);
    return;
  }
  while (a->chunk != mark.chunk) {
    struct arena_chunk *gone = a->chunk;
    must(gone && gone->older); /* else the mark is of another arena, or older than a reset */
    gone->older->spare = gone->spare;
    a->chunk = gone->older;
    spare_put(a, a->chunk, gone);
  }
  must(mark.used <= a->chunk->used);
  a->chunk->used = mark.used;
  HIDE(a->chunk->bytes + mark.used, a->chunk->size - mark.used);
}

void arena_reset(struct arena *a) {
  if (!a->chunk) return;
  while (a->chunk->older) {
    struct arena_chunk *gone = a->chunk;
    gone->older->spare = gone->spare;
    a->chunk = gone->older;
    spare_put(a, a->chunk, gone);
  }
  a->chunk->used = 0;
  HIDE(a->chunk->bytes, a->chunk->size);
}

void arena_free(struct arena *a) {
  while (a->chunk) {
    struct arena_chunk *spare = a->chunk->spare;
    while (spare) {
      struct arena_chunk *next = spare->spare;
      chunk_free(a, spare);
      spare = next;
    }
    struct arena_chunk *older = a->chunk->older;
    chunk_free(a, a->chunk);
    a->chunk = older;
  }
  a->total = 0;
}

static _Atomic int64_t fail_in; /* 0: never; n: the n-th call from now */

void kit_fail_allocation(int64_t nth) {
  atomic_store(&fail_in, nth);
}

static _Thread_local uint64_t failures;

uint64_t kit_failed_allocations(void) {
  return failures;
}

static void *counted(void *p) {
  failures += p == NULL;
  return p;
}

static bool allocation_strikes(void) {
  if (atomic_load_explicit(&fail_in, memory_order_relaxed) == 0) return false;
  return atomic_fetch_sub(&fail_in, 1) == 1;
}

void *kit_alloc(size_t size) {
  return counted(allocation_strikes() ? NULL : malloc(size ? size : 1));
}

void *kit_realloc(void *old, size_t size) {
  return counted(allocation_strikes() ? NULL : realloc(old, size ? size : 1));
}

void kit_free(void *p) {
  free(p);
}

/* The C library learns from the first large thing that is freed that such things shall come from the heap; there whatever small thing lies
 * above them keeps their megabytes. What is asked for often is far smaller than these. */
void kit_give_back(void) {
  mallopt(M_MMAP_THRESHOLD, HEAP_MOST);
  mallopt(M_TRIM_THRESHOLD, TRIM_MOST);
}

/* A sanitizer looks for what was lost in the heap only, and through the heap only. */
#ifdef ARENA_POISONS
void *kit_pages(size_t size) {
  return kit_alloc(size);
}
void kit_pages_free(void *p, size_t size) {
  (void)size;
  kit_free(p);
}
#else
void *kit_pages(size_t size) {
  void *p = allocation_strikes() ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return counted(p == MAP_FAILED ? NULL : p);
}
void kit_pages_free(void *p, size_t size) {
  must(munmap(p, size) == 0);
}
#endif
