/* Jobs: made, used again, and counted while they are open. Promises that what waits for a lane is bounded in number, in work and in bytes,
 * so that a wait has an end that a sender can live with and no flood fills the memory: beyond the bounds ordinary jobs are refused before
 * anything is done for them. A job that comes below the bounds is taken whole. Called by lane.c and the handlers on the main thread. */
#include "job.h"
#include "kit/arena.h"

#define SPARE_JOBS  1024
#define SPARE_ARENA (64u << 10) /* a job whose arena grew beyond this is not kept */
/* About a tenth of a second of work, and less than a tenth of a gigabyte. */
#define JOBS_MOST  4096
#define ITEMS_MOST 16384
#define BYTES_MOST (UINT64_C(96) << 20)

static struct job *spare_jobs[SPARE_JOBS];
static size_t spare_count;

struct job *job_new(uint32_t volume) {
  struct arena arena = {0};
  struct job *j = spare_count ? spare_jobs[--spare_count] : NULL;
  if (j) arena = j->arena; /* empty, with its first chunk */
  else j = kit_alloc(sizeof *j);
  if (j) *j = (struct job){.volume = volume, .arena = arena};
  return j;
}

void job_free(struct job *j) {
  if (!j) return;
  if (spare_count < SPARE_JOBS && j->arena.total <= SPARE_ARENA) {
    arena_reset(&j->arena);
    spare_jobs[spare_count++] = j;
    return;
  }
  arena_free(&j->arena);
  kit_free(j);
}

bool crowd_full(const struct crowd *c) {
  return c->jobs >= JOBS_MOST || c->items >= ITEMS_MOST || c->bytes >= BYTES_MOST;
}

void crowd_enter(struct crowd *c, struct job *j) {
  j->weight = j->held + j->arena.total;
  c->jobs++;
  c->items += j->item_count + j->work;
  c->bytes += j->weight;
}

void crowd_leave(struct crowd *c, const struct job *j) {
  c->jobs--;
  c->items -= j->item_count + j->work;
  c->bytes -= j->weight;
}
