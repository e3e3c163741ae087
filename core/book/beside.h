/* Checkpoints on a thread beside the lanes. */
#pragma once
#include "kit/err.h"
#include <stdbool.h>
#include <stdint.h>

struct book;
struct beside;

/* One thread for all volumes of a writer's book. NULL without memory or thread: then volumes checkpoint in their own lanes. [main] */
struct beside *beside_start(void);
void beside_stop(struct beside *b);

enum beside_state {
  BESIDE_IDLE,
  BESIDE_ASKED, /* the thread has it */
  BESIDE_DONE,  /* the answer waits to be taken */
  BESIDE_CLOSE  /* the thread is to give its connection back */
};
enum beside_state beside_look(struct beside *b, uint32_t volume);

/* Only while idle, and only when the log holds pages that are not in the file (the reason is told in beside.c). [lane] */
void beside_ask(struct beside *b, uint32_t volume, const char *path);

/* Waits for the thread when it is asked. `pages` in the log then, `copied` of them are in the file. False: the checkpoint failed, and the
 * volume has to be recovered. [lane] */
bool beside_take(struct beside *b, uint32_t volume, uint64_t *pages, uint64_t *copied, struct err *e);

/* Waits, drops an answer, and closes the thread's connection: before the volume's own is closed. [lane] */
void beside_close(struct beside *b, uint32_t volume);
