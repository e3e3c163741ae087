/* ring: the memory that an engine and a plugin host share, and nothing else. Two sealed regions: `asked`, which only the engine can write
 * (the host cannot even map it for writing), and `told`, which the host writes and the engine believes nothing of. A ring has a few places;
 * each holds one batch and its answer. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include "kit/arena.h"
#include "kit/err.h"
#include <stdatomic.h>

#define RING_PLACES_MOST 8
#define RING_ROWS        64                 /* of one place: a wave; larger batches go in pieces */
#define RING_PLACE_MOST  ((size_t)16 << 20) /* bytes */
#define RING_WORDS       400
#define RING_LINES       8
#define RING_LINE        228
#define RING_LOOK_NS     INT64_C(50000) /* how long either side looks before it sleeps: longer than an idle processor takes to wake */

/* A batch is numbered by the life (1, 2, …) of the process it is for and its count in the place: life << 32 | count. So what was posted to
 * a process that died means nothing to the next one, and a late answer answers nothing but its own question. */
struct asked_place {
  _Alignas(64) _Atomic uint64_t posted;
  uint32_t rows;
  _Atomic uint32_t asleep; /* the asking thread wants its eventfd rung */
  _Atomic int32_t cpu;     /* where it asked from */
};
struct asked_head {
  struct asked_place places[RING_PLACES_MOST];
};
struct told_line {
  uint32_t level;
  char text[RING_LINE];
};
struct told_place {
  _Alignas(64) _Atomic uint64_t answered;
  uint32_t rows;
  int32_t status;
  char message[248];
};
struct told_head {
  struct told_place places[RING_PLACES_MOST];
  _Atomic uint32_t ready;  /* the life whose model is made and answers */
  _Atomic uint32_t asleep; /* the host wants its bell rung */
  _Atomic int32_t cpu;     /* where the host was last */
  _Atomic uint64_t memory; /* bytes that the model holds */
  _Atomic uint32_t logged; /* lines written so far; line n stands in n % RING_LINES */
  struct told_line lines[RING_LINES];
  char words[RING_WORDS]; /* why it ended: a refusal, or what it tried */
};

struct ring_column {
  uint32_t width;
  size_t data, valid; /* bytes from the start of the place */
};
struct ring_side {
  uint32_t count;
  struct ring_column *columns;
  size_t first, stride, size; /* bytes: of the head, of one place, of the region */
};
struct ring_shape {
  uint32_t places;
  struct ring_side asked, told; /* a place of `asked` begins with RING_ROWS seeds */
};
/* Both sides compute it from the same fields; neither tells it to the other. */
bool ring_shape(struct arena *a, const kairos_schema *inputs, const kairos_schema *outputs, uint32_t places, struct ring_shape *out,
                struct err *e);

struct ring {
  const struct ring_shape *shape;
  struct asked_head *asked;
  struct told_head *told;
};
uint64_t *ring_seeds(const struct ring *r, uint32_t place);
double *ring_input(const struct ring *r, uint32_t place, uint32_t column);
uint64_t *ring_input_valid(const struct ring *r, uint32_t place, uint32_t column);
double *ring_output(const struct ring *r, uint32_t place, uint32_t column);
uint64_t *ring_output_valid(const struct ring *r, uint32_t place, uint32_t column);

/* Anonymous memory with all its pages there, which can neither grow nor shrink; −1 when the system refuses. */
int ring_memory(const char *name, size_t size, struct err *e);
/* The same, filled and never to be written again. */
int ring_message(const char *name, const void *bytes, size_t size, struct err *e);
/* No further mapping of it may write; those that are there still do. */
bool ring_seal(int memory, struct err *e);
/* Between two pages that nothing may touch. NULL when the system refuses. */
void *ring_map(int memory, size_t size, bool write);
void ring_unmap(void *at, size_t size);

/* Looking before sleeping pays when the other side runs on another processor, and only delays it on the same one: then nobody looks. Who
 * looked in vain does so again only after twice as many sleeps as the last time, so that neither side burns the time of a slow or an idle
 * other one. But not much rarer: a look shorter than the other's waking, or too seldom, leaves both asleep for every single call, which is
 * by far the slowest of the ways that two processes can fall into. One thread's. */
struct ring_habit {
  uint32_t skip, pause;
};
bool ring_looks(struct ring_habit *h, int32_t other_cpu); /* now? */
void ring_looked(struct ring_habit *h, bool paid);
int32_t ring_cpu(void);     /* where the caller runs */
uint32_t ring_pauses(void); /* how many looks RING_LOOK_NS are on this machine; measured once [any] */
static inline void ring_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
