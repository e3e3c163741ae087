/* The keeper: one thread that sleeps until the zygote ends, which only somebody from outside or a system without memory brings about. Then
 * it tells the lanes that nobody will answer, has another zygote started, and gives it the orders for all hosts that stood: from the same
 * bytes, in the same shared memory, numbered on from their last life, so that nothing of the old one can pass for an answer. Promises that
 * a model is away for as long as that takes, and that a zygote that dies again and again is replaced once a second at most. A host that was
 * down for good stays down. Lanes never wait for it: what they read is atomic, and a leash keeps its number. */
#include "keeper.h"
#include "hosted.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAUSE_NS INT64_C(1000000000) /* between two zygotes, and between two tries */
#define DEATH_MS 1000                /* for a host to follow its zygote: it is killed with it */
#define RETRY_MS 1000

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct hosted *kept; /* under `guard` */
static pthread_t thread;
static int bell = -1; /* rung when there is something to do, or nothing any more */
static _Atomic bool leaving;
static uint64_t handled; /* the last lost zygote that lanes were told of; the thread's */

static void ring_bell(void) {
  const uint64_t one = 1;
  if (bell >= 0 && write(bell, &one, sizeof one) < 0) return; /* it is rung already */
}

/* ---- hosts ---- */

/* One more thing that a lane may be doing: waiting for an answer. */
static void wake_askers(const struct hosted *h) {
  const uint64_t one = 1;
  for (uint32_t i = 0; i < h->shape.places; i++)
    if (write(h->answers[i], &one, sizeof one) < 0) continue; /* it is rung already */
}

/* The old process must not write into the memory of the new one. The system ends it with its zygote, but says so to nobody here. Dead is
 * only what is known to be: whoever cannot be watched for want of a descriptor may live, and is asked for again. */
static bool is_dead(pid_t pid) {
  if (pid <= 0) return true;
  const int process = pidfd_open(pid, 0);
  if (process < 0) return kill(pid, 0) < 0 && errno == ESRCH;
  struct pollfd watched = {.fd = process, .events = POLLIN};
  int ready;
  while ((ready = poll(&watched, 1, DEATH_MS)) < 0 && errno == EINTR) continue;
  close(process);
  return ready > 0 && (watched.revents & POLLIN);
}

static bool bring_back(struct hosted *h, struct err *e) {
  const uint64_t where = atomic_load(&h->status->where);
  struct zygote_host order = hosted_order(h);
  order.life = (uint32_t)(where >> 8);
  hosted_lose(h, where >> 8);
  const pid_t old = atomic_load(&h->status->pid);
  if (!is_dead(old)) return err_set(e, ERR_BUSY, "%s: its process %d outlives the one that started it", h->who, (int)old);
  const int leash = zygote_host(&order, e);
  if (leash < 0) return false;
  const bool placed = dup3(leash, h->leash, O_CLOEXEC) >= 0; /* a lane may be writing into it */
  close(leash);
  if (!placed) return err_set(e, ERR_STORAGE, "no descriptor for a plugin host: %s", strerrordesc_np(errno));
  h->generation = order.generation;
  return true;
}

static bool is_lost(const struct hosted *h, uint64_t last) {
  return h->generation <= last && (atomic_load(&h->status->where) & 0xff) <= WARD_DOWN;
}

static void tell_lanes(uint64_t last) {
  pthread_mutex_lock(&guard);
  for (struct hosted *h = kept; h; h = h->next) {
    if (!is_lost(h, last)) continue;
    hosted_lose(h, atomic_load(&h->status->where) >> 8);
    wake_askers(h);
  }
  pthread_mutex_unlock(&guard);
}

static bool bring_all_back(struct err *e) {
  bool fine = true;
  const uint64_t last = zygote_lost();
  pthread_mutex_lock(&guard);
  for (struct hosted *h = kept; h; h = h->next) /* one that cannot be brought back keeps nobody else away */
    if (is_lost(h, last) && !bring_back(h, e)) fine = false;
  pthread_mutex_unlock(&guard);
  return fine;
}

void keeper_add(struct hosted *h) {
  pthread_mutex_lock(&guard);
  h->next = kept;
  kept = h;
  pthread_mutex_unlock(&guard);
  if (h->generation <= zygote_lost()) ring_bell(); /* before it was known here */
}

void keeper_drop(struct hosted *h) {
  pthread_mutex_lock(&guard);
  struct hosted **at = &kept;
  while (*at && *at != h) at = &(*at)->next;
  if (*at) *at = h->next;
  pthread_mutex_unlock(&guard);
}

/* ---- the thread ---- */

static void sleep_until_needed(int wait_ms) {
  struct pollfd watched[] = {{.fd = bell, .events = POLLIN}, {.fd = zygote_watched(), .events = POLLIN}};
  uint64_t rung;
  if (zygote_lost() > handled) wait_ms = 0; /* replaced by an order before anybody watched it */
  if (poll(watched, 2, watched[1].fd < 0 && wait_ms < 0 ? RETRY_MS : wait_ms) < 0) watched[0].revents = 0;
  if (watched[1].fd >= 0) close(watched[1].fd);
  if (watched[0].revents && read(bell, &rung, sizeof rung) < 0) return; /* it was not rung */
}

/* Whoever rings meanwhile is heard afterwards, as all hosts are looked at. */
static void pause_since(int64_t last) {
  struct pollfd watched = {.fd = bell, .events = POLLIN};
  const int64_t end = last + PAUSE_NS;
  uint64_t rung;
  for (int64_t left = end - clock_monotonic(); left > 0 && !atomic_load(&leaving); left = end - clock_monotonic())
    if (poll(&watched, 1, (int)(left / 1000000) + 1) <= 0 || read(bell, &rung, sizeof rung) < 0) return;
}

static void *keep(void *unused) {
  int64_t last = clock_monotonic() - PAUSE_NS;
  bool whole = true;
  (void)unused;
  prctl(PR_SET_NAME, "keeper");
  for (sleep_until_needed(-1); !atomic_load(&leaving); sleep_until_needed(whole ? -1 : RETRY_MS)) {
    struct err e = {0};
    const uint64_t lost = zygote_lost();
    if (lost > handled) {
      tell_lanes(lost);
      log_error("host",
                "the process that starts plugin hosts ended, and with it the models in processes of their own; all are started again");
      pause_since(last);
      last = clock_monotonic();
      handled = lost;
    }
    whole = zygote_renew(&e) && bring_all_back(&e);
    if (!whole) log_error("host", "the processes of plugins are not back: %s", e.text);
  }
  return NULL;
}

bool keeper_begin(struct err *e) {
  sigset_t all, before;
  if (bell >= 0) return true;
  if ((bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) return err_set(e, ERR_STORAGE, "no eventfd: %s", strerrordesc_np(errno));
  atomic_store(&leaving, false);
  handled = zygote_lost();
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
  const int failed = pthread_create(&thread, NULL, keep, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failed) return true;
  close(bell);
  bell = -1;
  return err_set(e, ERR_STORAGE, "no thread to look after the process that starts plugin hosts: %s", strerrordesc_np(failed));
}

void keeper_end(void) {
  if (bell < 0) return;
  atomic_store(&leaving, true);
  ring_bell();
  pthread_join(thread, NULL);
  close(bell);
  bell = -1;
}
