/* Mailbox: a ring of pointers from many senders to one receiver. Promises that who holds a reservation always finds room, that messages of
 * one sender keep their order, and that a sleeping receiver is woken by exactly one write to its eventfd; an awake one costs no system
 * call. Does not own messages and does not wait for room: a full box is answered at once. Senders on any thread, one receiver.
 *
 * A sender takes a ticket and stores into that place; the receiver empties places in ticket order and then gives the room back. So a place
 * is empty again before its next ticket can exist. Sleep is a handshake over `state`: the receiver says ASLEEP and looks once more, a
 * sender stores and then looks at `state`; both orders are sequentially consistent, so one of them sees the other. */
#include "kit/mailbox.h"
#include "kit/arena.h"
#include "kit/err.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { AWAKE, ASLEEP, WOKEN }; /* WOKEN: one write to the eventfd was made or is just being made */

#define CACHE_LINE 64

struct mailbox {
  _Atomic(void *) *places;
  size_t capacity, mask;
  int descriptor;
  _Alignas(CACHE_LINE) _Atomic size_t room; /* reservations still to be had */
  _Alignas(CACHE_LINE) _Atomic size_t tail; /* next ticket */
  _Alignas(CACHE_LINE) _Atomic int state;
  _Alignas(CACHE_LINE) _Atomic size_t head; /* next to be taken; written by the receiver alone */
};

struct mailbox *mailbox_new(size_t capacity) {
  must(capacity > 0 && capacity <= SIZE_MAX / 4 / sizeof(void *));
  size_t size = 1;
  while (size < capacity) size *= 2;
  /* kit_alloc aligns to 16; the cache lines need more, so the struct is placed by hand behind its own block's address. */
  void *block = kit_alloc(sizeof(struct mailbox) + CACHE_LINE + sizeof(void *));
  _Atomic(void *) *places = kit_alloc(size * sizeof *places);
  int descriptor = eventfd(0, EFD_CLOEXEC);
  if (!block || !places || descriptor < 0) {
    kit_free(block);
    kit_free((void *)places);
    if (descriptor >= 0) close(descriptor);
    return NULL;
  }
  uintptr_t aligned = ((uintptr_t)block + sizeof(void *) + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);
  ((void **)aligned)[-1] = block;
  struct mailbox *m = (struct mailbox *)aligned;
  m->places = places;
  m->capacity = capacity;
  m->mask = size - 1;
  m->descriptor = descriptor;
  atomic_init(&m->room, capacity);
  atomic_init(&m->tail, 0);
  atomic_init(&m->state, AWAKE);
  atomic_init(&m->head, 0);
  for (size_t i = 0; i < size; i++) atomic_init(&places[i], NULL);
  return m;
}

void mailbox_free(struct mailbox *m) {
  if (!m) return;
  must(mailbox_length(m) == 0); /* a message left behind is a request without an answer */
  close(m->descriptor);
  kit_free((void *)m->places);
  kit_free(((void **)m)[-1]);
}

bool mailbox_reserve(struct mailbox *m, size_t messages) {
  size_t room = atomic_load_explicit(&m->room, memory_order_relaxed);
  do {
    if (room < messages) return false;
  } while (!atomic_compare_exchange_weak_explicit(&m->room, &room, room - messages, memory_order_acquire, memory_order_relaxed));
  return true;
}

void mailbox_release(struct mailbox *m, size_t messages) {
  size_t room = atomic_fetch_add_explicit(&m->room, messages, memory_order_release);
  must(room + messages <= m->capacity);
}

static void wake(struct mailbox *m) {
  const uint64_t one = 1;
  ssize_t done;
  do {
    done = write(m->descriptor, &one, sizeof one);
  } while (done < 0 && errno == EINTR);
  must(done == (ssize_t)sizeof one);
}

void mailbox_send(struct mailbox *m, void *message) {
  must(message);
  size_t ticket = atomic_fetch_add_explicit(&m->tail, 1, memory_order_relaxed);
  void *before = atomic_exchange(&m->places[ticket & m->mask], message);
  must(!before); /* sent without a reservation */
  int asleep = ASLEEP;
  if (atomic_load(&m->state) == ASLEEP && atomic_compare_exchange_strong(&m->state, &asleep, WOKEN)) wake(m);
}

bool mailbox_offer(struct mailbox *m, void *message) {
  if (!mailbox_reserve(m, 1)) return false;
  mailbox_send(m, message);
  return true;
}

/* Back to AWAKE. A wake-up that was made is read from the eventfd, even when its writer has only just decided to: the read then waits for
 * that write. Leaving it there would make a level-triggered poll spin for ever. */
static void rouse(struct mailbox *m) {
  if (atomic_load_explicit(&m->state, memory_order_relaxed) == AWAKE) return;
  int asleep = ASLEEP;
  if (atomic_compare_exchange_strong(&m->state, &asleep, AWAKE)) return;
  uint64_t count;
  ssize_t done;
  do {
    done = read(m->descriptor, &count, sizeof count);
    /* Event loops make the descriptor non-blocking: the wait is then ours. It is short: the writer is between its decision and its write.
     */
    if (done < 0 && errno == EAGAIN) poll(&(struct pollfd){.fd = m->descriptor, .events = POLLIN}, 1, -1);
  } while (done < 0 && (errno == EINTR || errno == EAGAIN));
  must(done == (ssize_t)sizeof count);
  atomic_store(&m->state, AWAKE);
}

static bool something_waits(struct mailbox *m) {
  size_t head = atomic_load_explicit(&m->head, memory_order_relaxed);
  return atomic_load(&m->places[head & m->mask]) != NULL;
}

size_t mailbox_take(struct mailbox *m, void **messages, size_t most) {
  rouse(m);
  size_t head = atomic_load_explicit(&m->head, memory_order_relaxed);
  size_t taken = 0;
  for (; taken < most; taken++) {
    _Atomic(void *) *place = &m->places[(head + taken) & m->mask];
    messages[taken] = atomic_load_explicit(place, memory_order_acquire);
    if (!messages[taken]) break;
    atomic_store_explicit(place, NULL, memory_order_relaxed);
  }
  if (taken == 0) return 0;
  atomic_store_explicit(&m->head, head + taken, memory_order_relaxed);
  mailbox_release(m, taken);
  return taken;
}

bool mailbox_arm(struct mailbox *m) {
  rouse(m);
  atomic_store(&m->state, ASLEEP);
  if (!something_waits(m)) return true;
  rouse(m);
  return false;
}

bool mailbox_wait(struct mailbox *m, int64_t timeout_ns) {
  if (!mailbox_arm(m)) return true;
  struct pollfd poll_for = {.fd = m->descriptor, .events = POLLIN};
  struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000), .tv_nsec = (long)(timeout_ns % 1000000000)};
  int ready = ppoll(&poll_for, 1, timeout_ns < 0 ? NULL : &limit, NULL);
  must(ready >= 0 || errno == EINTR);
  rouse(m);
  if (ready <= 0) return something_waits(m); /* time is up, or a signal came: the caller looks at the world and waits again */
  /* Somebody sent. If the first place is still empty, its sender stands between ticket and store. */
  while (!something_waits(m)) sched_yield();
  return true;
}

int mailbox_descriptor(struct mailbox *m) {
  return m->descriptor;
}

size_t mailbox_length(const struct mailbox *m) {
  size_t head = atomic_load_explicit(&m->head, memory_order_relaxed);
  size_t tail = atomic_load_explicit(&m->tail, memory_order_relaxed);
  return tail > head ? tail - head : 0;
}
