/* Arena: many small allocations with one lifetime, given back all at once. A turn's arena is rewound, a program's is freed.
 * Not thread-safe: an arena belongs to one thread at a time. Memory from an arena is 16-byte aligned. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;
struct arena {
  struct arena_chunk *chunk; /* newest; older ones hang behind it */
  size_t total;              /* bytes held from malloc, for memory reports */
  size_t limit;              /* 0 = none; otherwise arena_alloc aborts the process's promise by returning NULL beyond it */
  bool pages; /* large chunks are the system's pages, and go back to it whole: for what is large, lives long and comes again and again */
};
struct arena_mark {
  struct arena_chunk *chunk;
  size_t used;
};

/* A zeroed struct arena is a valid empty arena. [any] */
void *arena_alloc(struct arena *a, size_t size); /* uninitialised; NULL only when `limit` is passed or malloc fails under fault injection */
void *arena_zero(struct arena *a, size_t count, size_t size); /* zeroed, overflow-checked */
void *arena_copy(struct arena *a, const void *from, size_t size);
char *arena_text(struct arena *a, const char *from, size_t length); /* copy with a closing NUL */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *format, va_list list);
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a,
                  struct arena_mark mark); /* everything allocated since the mark is gone; keeps the chunks for reuse up to 1 MiB */
void arena_reset(struct arena *a);         /* empty, first chunk kept */
void arena_free(struct arena *a);          /* empty, nothing kept; the struct may be used again */

#define ARENA_NEW(a, type)          ((type *)arena_zero((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_zero((a), (count), sizeof(type)))

/* The process's allocator: like malloc, but a failure is counted, and tests make the n-th call fail (kit_fail_allocation). All malloc in
 * core goes through here. [any] */
uint64_t kit_failed_allocations(void); /* on this thread, since it began: whoever must not do without something looks before and after */
void *kit_alloc(size_t size);
void *kit_realloc(void *old, size_t size);
void kit_free(void *p);
void *kit_pages(size_t size); /* the same in pages of the system's, beside the heap; `size` is a multiple of 4096 */
void kit_pages_free(void *p, size_t size);
/* From here on what is large lies in pages of its own and goes back when it is freed. Once, before there are threads. [main] */
void kit_give_back(void);
void kit_fail_allocation(int64_t nth); /* 0 = never; tests only. When it strikes, kit_alloc returns NULL once. */
