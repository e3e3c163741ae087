/* The nursery: what the zygote does all its life. Takes an order, forks, watches: a plugin host that ends is started again at once, one
 * that does not answer is ended, one that ended three times in a minute stays down, and everything that waits for one is woken. Promises
 * that a host never holds a descriptor or a mapping but its own, and that nothing started here outlives the engine or its leash. Runs no
 * line of a plugin and believes nothing of what a host writes, but for "answered", which can only spare it. A process of its own, one
 * thread. */
#include "nursery.h"
#include "child.h"
#include "kit/clock.h"
#include "proc.h"
#include "resident.h"
#include "zygote.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARDS_MOST  1024
#define MS          INT64_C(1000000)
#define BIRTH_LIMIT (10000 * MS) /* for a model to be made again; the first time the engine waits for it, and not so long */

struct ward { /* a job, or a host over all its lives */
  bool used, host, ready, let_go;
  pid_t pid; /* 0: none now */
  int leash;
  struct resident resident; /* of a host: its descriptors, its life */
  const struct asked_head *asked;
  const struct told_head *told;
  struct ward_status *status;
  int64_t crashed[ZYGOTE_CRASHES]; /* when, newest first; 0: not yet */
  int64_t late_since, look_at;     /* 0: nobody waits for it */
  int64_t late_used;               /* processor time it had then */
  int64_t ready_by;                /* 0: it is, or nobody expects it any more */
};

static struct ward wards[WARDS_MOST];
static size_t ward_count; /* those used lie below */
static int orders_from = -1, children = -1;

/* ---- starting ---- */

static void *map_shared(int memory, size_t size, int rights) {
  void *at = mmap(NULL, size, rights, MAP_SHARED, memory, 0);
  if (at == MAP_FAILED) return NULL;
  madvise(at, size, MADV_DONTFORK); /* no host sees another's */
  return at;
}

static void set_state(struct ward *w, enum ward_state state) {
  atomic_store(&w->status->where, (uint64_t)w->resident.life << 8 | (uint64_t)state);
}

static void wake(const struct ward *w) {
  const uint64_t one = 1;
  for (uint32_t i = 0; i < w->resident.places; i++)
    if (write(w->resident.answers[i], &one, sizeof one) < 0) continue; /* it is awake already */
}

static void start_host(struct ward *w) {
  w->resident.life++;
  w->late_since = w->look_at = 0;
  w->ready_by = clock_monotonic() + BIRTH_LIMIT;
  const pid_t parent = getpid();
  w->pid = fork();
  if (w->pid == 0) resident_run(&w->resident, parent);
  atomic_store(&w->status->pid, w->pid > 0 ? w->pid : 0);
  set_state(w, w->pid > 0 ? WARD_UP : WARD_SUSPENDED); /* a system that cannot fork is not asked again and again */
  if (w->pid < 0) w->pid = 0;
}

static void start_job(struct ward *w, const struct order *o, int given, int to) {
  const pid_t parent = getpid();
  w->pid = fork();
  if (w->pid) return;
  const void *bytes = o->given_size ? mmap(NULL, o->given_size, PROT_READ, MAP_SHARED, given, 0) : "";
  if (bytes == MAP_FAILED) _exit(CHILD_ENDED);
  void (*const job)(struct str, int) = (void (*)(struct str, int))((uintptr_t)nursery_run + o->job);
  const struct child_task task = {.job = job, .given = {bytes, o->given_size}, .limit_ms = o->limit_ms, .memory = o->memory};
  child_become(&task, parent, to);
}

/* ---- letting go ---- */

static void close_all(const int *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (list[i] >= 0) close(list[i]);
}

/* What the engine gave is given back at once; the process, if there is one, is reaped later. */
static void let_go(struct ward *w) {
  if (w->let_go) return;
  w->let_go = true;
  if (w->pid > 0) kill(w->pid, SIGKILL);
  close(w->leash);
  if (w->host) {
    const int list[] = {w->resident.given, w->resident.asked, w->resident.told, w->resident.bell};
    close_all(list, sizeof list / sizeof *list);
    close_all(w->resident.answers, w->resident.places);
    if (w->asked) munmap((void *)(uintptr_t)w->asked, sizeof *w->asked);
    if (w->told) munmap((void *)(uintptr_t)w->told, sizeof *w->told);
    if (w->status) munmap(w->status, sizeof *w->status);
  }
  if (w->pid <= 0) w->used = false;
}

/* ---- orders ---- */

static struct ward *free_ward(void) {
  for (size_t i = 0; i < WARDS_MOST; i++) {
    if (wards[i].used) continue;
    wards[i] = (struct ward){.used = true, .leash = -1};
    if (i >= ward_count) ward_count = i + 1;
    return &wards[i];
  }
  return NULL;
}

static void take_host(struct ward *w, const struct order *o, const int *list) {
  w->host = true;
  w->ready = o->life > 0; /* it was, under a zygote that is lost */
  w->resident = (struct resident){.given = list[1],
                                  .asked = list[2],
                                  .told = list[3],
                                  .bell = list[5],
                                  .places = o->places,
                                  .life = o->life,
                                  .given_size = o->given_size};
  memcpy(w->resident.answers, list + ORDER_HOST_FIRST, o->places * sizeof(int));
  w->asked = map_shared(list[2], sizeof *w->asked, PROT_READ);
  w->told = map_shared(list[3], sizeof *w->told, PROT_READ);
  w->status = map_shared(list[4], sizeof *w->status, PROT_READ | PROT_WRITE);
  close(list[4]); /* the host must not find it */
  if (w->asked && w->told && w->status) start_host(w);
  else let_go(w);
}

static void take_order(const struct order *o, const int *list, size_t count) {
  const size_t wanted = o->kind == ORDER_HOST ? ORDER_HOST_FIRST + o->places : 3;
  struct ward *w = count == wanted && o->places <= RING_PLACES_MOST ? free_ward() : NULL;
  if (!w) { /* the leash is closed with the rest: who holds its other end sees that */
    close_all(list, count);
    return;
  }
  w->leash = list[0];
  if (o->kind == ORDER_HOST) {
    take_host(w, o, list);
    return;
  }
  start_job(w, o, list[1], list[2]);
  close(list[1]);
  close(list[2]);
  if (w->pid < 0) let_go(w);
}

static void receive_order(void) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int) * ORDER_DESCRIPTORS_MOST)];
  } control;
  struct order o;
  struct iovec bytes = {&o, sizeof o};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  const ssize_t got = recvmsg(orders_from, &message, MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) _exit(0); /* the engine is gone; so is, with this process, everything below it */
  const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (got != (ssize_t)sizeof o || !head || head->cmsg_type != SCM_RIGHTS || (message.msg_flags & MSG_CTRUNC)) _exit(CHILD_ENDED);
  int list[ORDER_DESCRIPTORS_MOST];
  const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  memcpy(list, CMSG_DATA(head), count * sizeof(int));
  take_order(&o, list, count);
}

/* ---- ends ---- */

static bool too_often(struct ward *w) {
  const int64_t now = clock_monotonic();
  memmove(w->crashed + 1, w->crashed, sizeof w->crashed - sizeof *w->crashed);
  w->crashed[0] = now;
  const int64_t oldest = w->crashed[ZYGOTE_CRASHES - 1];
  return oldest && now - oldest < ZYGOTE_MINUTE;
}

static void host_ended(struct ward *w, int status) {
  w->ready |= atomic_load(&w->told->ready) == w->resident.life;
  atomic_store(&w->status->ended, status);
  atomic_store(&w->status->pid, 0);
  atomic_fetch_add(&w->status->crashes, 1);
  memcpy(w->status->words, w->told->words, sizeof w->status->words);
  if (!w->late_since || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) atomic_store(&w->status->late, 0);
  const bool often = too_often(w);
  set_state(w, !w->ready ? WARD_ENDED : often ? WARD_SUSPENDED : WARD_DOWN);
  wake(w);
  if (w->ready && !often) start_host(w);
}

static void ward_ended(struct ward *w, int status) {
  w->pid = 0;
  if (w->let_go) {
    w->used = false;
  } else if (w->host) {
    host_ended(w, status);
  } else {
    if (send(w->leash, &status, sizeof status, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) status = 0; /* nobody asks any more */
    let_go(w);
  }
}

static void reap(void) {
  struct signalfd_siginfo about;
  int status;
  if (read(children, &about, sizeof about) < 0 && errno != EAGAIN) return;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    for (size_t i = 0; i < ward_count; i++)
      if (wards[i].used && wards[i].pid == pid) ward_ended(&wards[i], status);
}

/* ---- hosts that do not answer ---- */

static bool is_overdue(const struct ward *w) {
  for (uint32_t i = 0; i < w->resident.places; i++) {
    const uint64_t posted = atomic_load(&w->asked->places[i].posted);
    if (posted >> 32 == w->resident.life && posted != atomic_load(&w->told->places[i].answered)) return true;
  }
  return false;
}

static void note_late(struct ward *w) {
  if (!w->host || w->late_since || w->pid <= 0 || !is_overdue(w)) return;
  w->late_since = clock_monotonic();
  w->look_at = w->late_since + ZYGOTE_PATIENCE;
  w->late_used = proc_worked(w->pid);
}

/* A host that had the processor, or sleeps over its work, is at fault; one that waits for the processor on a busy machine is not. */
static void look_after(struct ward *w, int64_t now) {
  if (!is_overdue(w)) {
    w->late_since = w->look_at = 0;
    return;
  }
  const int64_t used = proc_worked(w->pid);
  const bool ran = used < 0 || w->late_used < 0 || used - w->late_used >= ZYGOTE_PATIENCE * 4 / 5;
  if (ran || proc_asleep(w->pid) || now - w->late_since >= ZYGOTE_WAIT_MOST) {
    atomic_store(&w->status->late, 1);
    w->look_at = 0;
    kill(w->pid, SIGKILL);
  } else {
    w->look_at = now + ZYGOTE_PATIENCE / 5;
  }
}

/* One that was started again and does not come to life. */
static void look_at_birth(struct ward *w) {
  w->ready_by = 0;
  if (atomic_load(&w->told->ready) == w->resident.life) return;
  atomic_store(&w->status->late, 1);
  w->late_since = clock_monotonic();
  kill(w->pid, SIGKILL);
}

static int64_t sooner(int64_t a, int64_t b) { /* 0: never */
  return !a || (b && b < a) ? b : a;
}

static int look_after_all(void) { /* milliseconds until the next look; −1: none */
  int64_t next = 0;
  const int64_t now = clock_monotonic();
  for (size_t i = 0; i < ward_count; i++) {
    struct ward *w = &wards[i];
    if (!w->used || !w->host || w->let_go || w->pid <= 0) continue;
    if (w->ready_by && now >= w->ready_by) look_at_birth(w);
    if (w->look_at && now >= w->look_at) look_after(w, now);
    next = sooner(next, sooner(w->look_at, w->ready_by));
  }
  return !next ? -1 : next > now ? (int)((next - now) / MS) + 1 : 1;
}

/* ---- life ---- */

static void hear_leash(struct ward *w, short events) {
  char byte;
  if (events & POLLIN && recv(w->leash, &byte, 1, MSG_DONTWAIT) > 0) {
    if (w->host) note_late(w);
    else if (w->pid > 0) kill(w->pid, SIGKILL); /* a job's leash: end it and say how it ended */
  } else if (events & (POLLIN | POLLHUP | POLLERR)) {
    let_go(w);
  }
}

static void hear_all(void) {
  static struct pollfd watched[WARDS_MOST + 2];
  static struct ward *who[WARDS_MOST + 2];
  size_t count = 2;
  const int wait = look_after_all();
  watched[0] = (struct pollfd){.fd = orders_from, .events = POLLIN};
  watched[1] = (struct pollfd){.fd = children, .events = POLLIN};
  for (size_t i = 0; i < ward_count; i++) {
    if (!wards[i].used || wards[i].let_go) continue;
    watched[count] = (struct pollfd){.fd = wards[i].leash, .events = POLLIN};
    who[count++] = &wards[i];
  }
  if (poll(watched, count, wait) < 0) return;
  for (size_t i = 2; i < count; i++)
    if (watched[i].revents) hear_leash(who[i], watched[i].revents);
  if (watched[1].revents) reap();
  if (watched[0].revents) receive_order();
}

/* Keys and secrets stand in the environment and the command line; a plugin has no use for them. */
static void forget(char *arguments, size_t size) {
  for (char **at = environ; at && *at; at++)
    if (strncmp(*at, "KAIROS_", 7) == 0) memset(*at, 0, strlen(*at));
  if (!arguments) return;
  memset(arguments, 0, size);
  snprintf(arguments, size, "kairos plugin hosts");
}

void nursery_run(int orders, pid_t parent, char *arguments, size_t arguments_size) {
  child_settle(parent);
  prctl(PR_SET_PDEATHSIG, 0); /* it would come when the forking thread ends; the engine's end shows at the socket */
  const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}; /* the engine says when it ends */
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  prctl(PR_SET_NAME, "kairos-zygote");
  forget(arguments, arguments_size);
  clock_thaw(); /* of a test that froze it before */
  ring_pauses();
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; null >= 0 && i < 2; i++) dup2(null, i); /* who reads the engine's output waits for the engine alone */
  orders_from = fcntl(orders, F_DUPFD_CLOEXEC, 3);
  close_range(3, (unsigned)orders_from - 1, 0);
  close_range((unsigned)orders_from + 1, ~0U, 0);
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_signal, NULL);
  children = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  if (orders_from < 0 || children < 0) _exit(CHILD_ENDED);
  for (;;) hear_all();
}
