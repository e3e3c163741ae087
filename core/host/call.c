/* A lane's call to a plugin host. Promises that it comes back within the patience it was given whatever the host does: it waits only for a
 * host that is up, is woken when it ends, and where an answer was late nobody waits for that host again until it came or the host was
 * ended. No lock: a place in the ring is claimed with one compare-and-swap, so several lanes may ask one host. What comes back is copied
 * out before anybody looks at it (the host may be writing still); the number of rows is checked here, the values in session.c. Lanes,
 * builders, tools. */
#include "contract.h"
#include "hosted.h"
#include "kit/clock.h"
#include "proc.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STARVED    INT64_C(500000) /* ns of the processor */
#define RINGS_MOST 16              /* for nothing, in one call: more is mischief */

static uint64_t up(uint64_t life) {
  return life << 8 | WARD_UP;
}

static void drain(int bell) {
  uint64_t rung;
  if (read(bell, &rung, sizeof rung) < 0) return; /* it was not rung */
}

/* ---- places ---- */

static void release(struct hosted *h, uint32_t place) {
  atomic_fetch_and(&h->claimed, ~(UINT32_C(1) << place));
}

/* Places whose late answer came, or whose host is gone, are free again. False: it is still busy with one. */
static bool settle_late(struct hosted *h, uint64_t life) {
  const uint32_t late = atomic_load(&h->late);
  for (uint32_t i = 0; late && i < h->shape.places; i++) {
    const uint32_t bit = UINT32_C(1) << i;
    if (!(late & bit)) continue;
    if (h->posted[i] >> 32 == life && atomic_load(&h->ring.told->places[i].answered) != h->posted[i]) return false;
    if (!(atomic_fetch_and(&h->late, ~bit) & bit)) continue; /* another lane saw it first */
    drain(h->answers[i]);
    release(h, i);
  }
  return true;
}

static bool claim(struct hosted *h, uint32_t *place) {
  uint32_t claimed = atomic_load(&h->claimed);
  for (;;) {
    const uint32_t open = ~claimed & ((UINT32_C(1) << h->shape.places) - 1);
    if (!open) return false;
    *place = (uint32_t)__builtin_ctz(open);
    if (atomic_compare_exchange_weak(&h->claimed, &claimed, claimed | (UINT32_C(1) << *place))) return true;
  }
}

/* ---- asking ---- */

static void put_question(const struct hosted *h, uint32_t place, const struct call *c) {
  const struct ring *r = &h->ring;
  memcpy(ring_seeds(r, place), c->seeds + c->first, c->rows * sizeof *c->seeds);
  for (uint32_t i = 0; i < h->shape.asked.count; i++) {
    const size_t width = h->shape.asked.columns[i].width, words = (c->rows * width + 63) / 64;
    memcpy(ring_input(r, place, i), c->inputs[i] + c->first * width, c->rows * width * sizeof(double));
    if (c->valid && c->valid[i]) memcpy(ring_input_valid(r, place, i), c->valid[i] + c->first / 64 * width, words * sizeof(uint64_t));
    else memset(ring_input_valid(r, place, i), 0xFF, words * sizeof(uint64_t));
  }
  r->asked->places[place].rows = c->rows;
}

static void post(struct hosted *h, uint32_t place, uint64_t life) {
  const uint64_t one = 1, count = (h->posted[place] + 1) & UINT32_MAX;
  h->posted[place] = life << 32 | count;
  atomic_store_explicit(&h->ring.asked->places[place].cpu, ring_cpu(), memory_order_relaxed);
  atomic_store(&h->ring.asked->places[place].posted, h->posted[place]);
  if (atomic_load(&h->ring.told->asleep) && write(h->bell, &one, sizeof one) < 0) return; /* then it is late */
}

static bool sleep_for(int bell, int64_t ns) {
  struct pollfd watched = {.fd = bell, .events = POLLIN};
  const struct timespec limit = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
  if (ppoll(&watched, 1, &limit, NULL) == 0) return false;
  drain(bell);
  return true;
}

static bool look(const struct hosted *h, const _Atomic uint64_t *answered, uint64_t posted, struct ring_habit *habit) {
  if (!ring_looks(habit, atomic_load_explicit(&h->ring.told->cpu, memory_order_relaxed))) return false;
  bool paid = false;
  for (uint32_t left = ring_pauses(); left > 0 && !paid; left--) {
    ring_pause();
    paid = atomic_load_explicit(answered, memory_order_acquire) == posted;
  }
  ring_looked(habit, paid);
  return paid;
}

static enum call_end await(struct hosted *h, uint32_t place, uint64_t life, const struct call *c) {
  struct asked_place *asked = &h->ring.asked->places[place];
  const _Atomic uint64_t *answered = &h->ring.told->places[place].answered;
  const uint64_t posted = h->posted[place];
  if (look(h, answered, posted, c->habit)) return CALL_ANSWERED;
  bool awake = true;
  enum call_end end = CALL_LATE;
  atomic_store(&asked->asleep, 1);
  for (int rings = 0; rings < RINGS_MOST; rings++) {
    if (atomic_load(answered) == posted) end = CALL_ANSWERED;
    else if (atomic_load(&h->status->where) != up(life) || atomic_load(&h->lost) >= life) end = CALL_AWAY;
    const int64_t left = c->deadline - clock_monotonic();
    if (end != CALL_LATE || left <= 0 || !awake) break;
    awake = sleep_for(h->answers[place], left);
  }
  atomic_store(&asked->asleep, 0);
  return end;
}

/* ---- the answer ---- */

static void take_outputs(const struct hosted *h, uint32_t place, const struct call *c) {
  for (uint32_t i = 0; i < h->shape.told.count; i++) {
    const size_t width = h->shape.told.columns[i].width, bits = c->rows * width, words = (bits + 63) / 64;
    uint64_t *valid = c->output_valid[i] + c->first / 64 * width;
    memcpy(c->outputs[i] + c->first * width, ring_output(&h->ring, place, i), bits * sizeof(double));
    memcpy(valid, ring_output_valid(&h->ring, place, i), words * sizeof(uint64_t));
    if (bits % 64) valid[words - 1] &= (UINT64_C(1) << (bits % 64)) - 1;
  }
}

static void take_answer(const struct hosted *h, uint32_t place, const struct call *c, kairos_status *status, kairos_error *said) {
  const struct told_place *told = &h->ring.told->places[place];
  const uint32_t rows = told->rows;
  *said = contract_error();
  *status = told->status;
  if (*status != KAIROS_OK) {
    memcpy(said->message, told->message, sizeof said->message);
  } else if (rows != c->rows) {
    *status = KAIROS_FAILED;
    snprintf(said->message, sizeof said->message, "it answered for %u rows, %u were asked", rows, c->rows);
  } else {
    take_outputs(h, place, c);
  }
}

static bool is_ready(struct hosted *h, uint64_t life) {
  if (atomic_load_explicit(&h->ready, memory_order_relaxed) == life) return true;
  if (atomic_load(&h->ring.told->ready) != life) return false;
  atomic_store(&h->ready, life);
  return true;
}

/* On a busy machine nobody is at fault. What it worked is counted from the last time that it was late. */
static bool was_starved(struct hosted *h) {
  const pid_t pid = atomic_load(&h->status->pid);
  const int64_t now = pid > 0 ? proc_worked(pid) : -1, before = atomic_exchange(&h->worked, now);
  return now >= 0 && now - before < STARVED && !proc_asleep(pid);
}

enum call_end hosted_call(struct hosted *h, const struct call *c, kairos_status *status, kairos_error *said) {
  const uint64_t where = atomic_load(&h->status->where), life = where >> 8;
  uint32_t place;
  if ((where & 0xff) > WARD_DOWN) return CALL_SUSPENDED;
  if (where != up(life) || atomic_load(&h->lost) >= life || !is_ready(h, life)) return CALL_AWAY;
  if (!settle_late(h, life) || !claim(h, &place)) return CALL_BUSY;
  put_question(h, place, c);
  post(h, place, life);
  const enum call_end end = await(h, place, life, c);
  if (end == CALL_LATE) {
    atomic_fetch_or(&h->late, UINT32_C(1) << place);
    if (send(h->leash, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
      hosted_lose(h, life); /* its zygote is gone, and the keeper on its way */
      return CALL_AWAY;
    }
    return was_starved(h) ? CALL_BUSY : end;
  }
  if (end == CALL_ANSWERED) take_answer(h, place, c, status, said);
  release(h, place);
  if (end == CALL_ANSWERED && atomic_load_explicit(&h->ring.told->logged, memory_order_relaxed) != atomic_load(&h->logged)) hosted_log(h);
  return end;
}
