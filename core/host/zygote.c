/* The zygote, seen from the engine: forked once, before there are threads, and given orders over one socket; each order carries its own
 * descriptors and a leash, so that builders need no lock and no answer to tell one order from another. Promises that what is started here
 * ends with its leash or with the engine, whichever comes first. One that died is replaced (keeper.c asks for it, or the next order) by
 * starting this program anew, so that the new one holds nothing of the engine's memory and was never forked beside threads; only where a
 * program cannot do that (host_reborn) it is forked: see child.c for what that leans on. Orders come from builder and tool threads and the
 * keeper, never from lanes; a lane only writes a byte into a leash. What the zygote does is in nursery.c. */
#include "zygote.h"
#include "host.h"
#include "keeper.h"
#include "kit/arena.h"
#include "nursery.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TITLE        "kairos plugin hosts" /* what the zygote is called */
#define REBORN       "kairos: a zygote"    /* the only argument of one that is started anew */
#define REBORN_TAKES 3                     /* the descriptor where it finds its orders */

extern char **environ;

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int orders = -1, watched = -1; /* under `guard`, as are the next two; watched: a descriptor of its process */
static pid_t zygote;
static uint64_t generation;
static bool can_be_reborn;
static char *arguments; /* of the process, to be forgotten by the zygote */
static size_t arguments_size;

/* ---- life ---- */

/* Keys and secrets stand in the environment; a plugin has no use for them. The strings stay the process's own. */
static char **harmless_environment(void) {
  size_t count = 0, kept = 0;
  while (environ && environ[count]) count++;
  char **list = kit_alloc((count + 1) * sizeof *list);
  for (size_t i = 0; list && i < count; i++)
    if (strncmp(environ[i], "KAIROS_", 7) != 0) list[kept++] = environ[i];
  if (list) list[kept] = NULL;
  return list;
}

/* This program again, as what it is now: its file may be replaced by another. */
static pid_t start_anew(int orders_from) {
  char title[] = TITLE, word[] = REBORN, *const words[] = {title, word, NULL};
  char **environment = harmless_environment();
  posix_spawn_file_actions_t actions;
  pid_t child = -1;
  int failed = environment ? posix_spawn_file_actions_init(&actions) : ENOMEM;
  if (!failed) {
    failed = posix_spawn_file_actions_adddup2(&actions, orders_from, REBORN_TAKES);
    if (!failed) failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, words, environment);
    posix_spawn_file_actions_destroy(&actions);
  }
  kit_free(environment);
  errno = failed;
  return failed ? -1 : child;
}

void host_reborn(int argc, char **argv) {
  can_be_reborn = true;
  if (argc == 2 && strcmp(argv[0], TITLE) == 0 && strcmp(argv[1], REBORN) == 0) nursery_run(REBORN_TAKES, getppid(), argv[0], sizeof TITLE);
}

static bool begin(struct err *e) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return err_set(e, ERR_STORAGE, "no socket to the process that starts plugin hosts: %s", strerrordesc_np(errno));
  const pid_t parent = getpid();
  const bool anew = generation > 0 && can_be_reborn;
  const pid_t child = anew ? start_anew(ends[1]) : fork();
  if (child == 0) nursery_run(ends[1], parent, arguments, arguments_size);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return err_set(e, ERR_STORAGE, "the process that starts plugin hosts could not be started: %s", strerrordesc_np(errno));
  }
  orders = ends[0];
  zygote = child;
  watched = pidfd_open(child, 0);
  generation++;
  return true;
}

static void end(void) {
  int status;
  if (orders < 0) return;
  close(orders); /* it leaves, and takes with it what it started */
  while (waitpid(zygote, &status, 0) < 0 && errno == EINTR) continue;
  if (watched >= 0) close(watched);
  orders = watched = -1;
}

bool zygote_begin(struct err *e) {
  pthread_mutex_lock(&guard);
  const bool fine = orders >= 0 || begin(e);
  pthread_mutex_unlock(&guard);
  return fine;
}

bool zygote_lives(void) {
  pthread_mutex_lock(&guard);
  const bool lives = orders >= 0;
  pthread_mutex_unlock(&guard);
  return lives;
}

static bool has_ended(void) {
  struct pollfd process = {.fd = watched, .events = POLLIN};
  return orders < 0 || (watched >= 0 && poll(&process, 1, 0) > 0);
}

uint64_t zygote_lost(void) {
  pthread_mutex_lock(&guard);
  const uint64_t last = generation - (generation > 0 && !has_ended());
  pthread_mutex_unlock(&guard);
  return last;
}

int zygote_watched(void) {
  pthread_mutex_lock(&guard);
  const int copy = watched < 0 ? -1 : fcntl(watched, F_DUPFD_CLOEXEC, 3);
  pthread_mutex_unlock(&guard);
  return copy;
}

bool zygote_renew(struct err *e) {
  pthread_mutex_lock(&guard);
  if (has_ended()) end();
  const bool fine = orders >= 0 || begin(e);
  pthread_mutex_unlock(&guard);
  return fine;
}

bool host_begin(int argc, char **argv, struct err *e) {
  if (argc > 0 && !zygote_lives()) {
    arguments = argv[0];
    arguments_size = (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]) + 1; /* they lie in one piece */
  }
  return zygote_begin(e) && keeper_begin(e);
}

void host_end(void) {
  keeper_end();
  pthread_mutex_lock(&guard);
  end();
  pthread_mutex_unlock(&guard);
}

/* ---- orders ---- */

static bool send_order(const struct order *o, const int *list, size_t count) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int) * ORDER_DESCRIPTORS_MOST)];
  } control = {.room = {0}};
  struct order copy = *o;
  struct iovec bytes = {&copy, sizeof copy};
  struct msghdr message = {
      .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(&control.head), list, sizeof(int) * count);
  ssize_t sent;
  do sent = sendmsg(orders, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)sizeof copy;
}

/* list[0] is left for the zygote's end of the leash. */
static int order(const struct order *o, int *list, size_t count, uint64_t *taker, struct err *e) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    err_set(e, ERR_STORAGE, "no socket to a plugin host: %s", strerrordesc_np(errno));
    return -1;
  }
  list[0] = ends[1];
  pthread_mutex_lock(&guard);
  bool sent = (orders >= 0 || begin(e)) && send_order(o, list, count);
  if (!sent && orders >= 0) { /* it is gone: once more with a new one */
    end();
    sent = begin(e) && send_order(o, list, count);
  }
  if (!sent) err_set(e, ERR_STORAGE, "the process that starts plugin hosts does not take orders: %s", strerrordesc_np(errno));
  *taker = generation;
  pthread_mutex_unlock(&guard);
  close(ends[1]);
  if (sent) return ends[0];
  close(ends[0]);
  return -1;
}

int zygote_host(struct zygote_host *h, struct err *e) {
  int list[ORDER_DESCRIPTORS_MOST] = {-1, h->given, h->asked, h->told, h->status, h->bell};
  for (uint32_t i = 0; i < h->places; i++) list[ORDER_HOST_FIRST + i] = h->answers[i];
  const struct order o = {.kind = ORDER_HOST, .given_size = h->given_size, .places = h->places, .life = h->life};
  return order(&o, list, ORDER_HOST_FIRST + h->places, &h->generation, e);
}

int zygote_job(const struct child_task *task, int to, struct err *e) {
  const int given = ring_message("kairos-job", task->given.at, task->given.len, e);
  if (given < 0) return -1;
  int list[] = {-1, given, to};
  uint64_t taker;
  const struct order o = {.kind = ORDER_JOB,
                          .given_size = task->given.len,
                          .job = (uintptr_t)task->job - (uintptr_t)nursery_run,
                          .limit_ms = task->limit_ms,
                          .memory = task->memory};
  const int leash = order(&o, list, 3, &taker, e);
  close(given);
  return leash;
}

int zygote_job_end(int leash, bool now) {
  int status = CHILD_ENDED << 8; /* as if it had said so: the zygote is gone, or took no more jobs */
  if (now && send(leash, "", 1, MSG_NOSIGNAL) < 0) return status;
  while (recv(leash, &status, sizeof status, 0) < 0 && errno == EINTR) continue;
  return status;
}
