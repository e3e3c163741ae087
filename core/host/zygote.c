/* The zygote, seen from the engine: forked once, before there are threads, and given orders over one socket; each order carries its own
 * descriptors and a leash, so that builders need no lock and no answer to tell one order from another. Promises that what is started here
 * ends with its leash or with the engine, whichever comes first. A zygote that died is replaced at the next order (then forked beside
 * threads: see child.c for what that leans on); hosts of the old one are gone. Orders come from builder and tool threads, never from lanes;
 * a lane only writes a byte into a leash. What the zygote does is in nursery.c. */
#include "zygote.h"
#include "host.h"
#include "nursery.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int orders = -1; /* under `guard`, as is the next */
static pid_t zygote;
static char *arguments; /* of the process, to be forgotten by the zygote */
static size_t arguments_size;

/* ---- life ---- */

static bool begin(struct err *e) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return err_set(e, ERR_STORAGE, "no socket to the process that starts plugin hosts: %s", strerrordesc_np(errno));
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) nursery_run(ends[1], parent, arguments, arguments_size);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return err_set(e, ERR_STORAGE, "the process that starts plugin hosts could not be forked: %s", strerrordesc_np(errno));
  }
  orders = ends[0];
  zygote = child;
  return true;
}

static void end(void) {
  int status;
  if (orders < 0) return;
  close(orders); /* it leaves, and takes with it what it started */
  while (waitpid(zygote, &status, 0) < 0 && errno == EINTR) continue;
  orders = -1;
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

bool host_begin(int argc, char **argv, struct err *e) {
  if (argc > 0 && !zygote_lives()) {
    arguments = argv[0];
    arguments_size = (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]) + 1; /* they lie in one piece */
  }
  return zygote_begin(e);
}

void host_end(void) {
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
static int order(const struct order *o, int *list, size_t count, struct err *e) {
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
  pthread_mutex_unlock(&guard);
  close(ends[1]);
  if (sent) return ends[0];
  close(ends[0]);
  return -1;
}

int zygote_host(const struct zygote_host *h, struct err *e) {
  int list[ORDER_DESCRIPTORS_MOST] = {-1, h->given, h->asked, h->told, h->status, h->bell};
  for (uint32_t i = 0; i < h->places; i++) list[ORDER_HOST_FIRST + i] = h->answers[i];
  const struct order o = {.kind = ORDER_HOST, .given_size = h->given_size, .places = h->places};
  return order(&o, list, ORDER_HOST_FIRST + h->places, e);
}

int zygote_job(const struct child_task *task, int to, struct err *e) {
  const int given = ring_message("kairos-job", task->given.at, task->given.len, e);
  if (given < 0) return -1;
  int list[] = {-1, given, to};
  const struct order o = {
      .kind = ORDER_JOB, .given_size = task->given.len, .job = task->job, .limit_ms = task->limit_ms, .memory = task->memory};
  const int leash = order(&o, list, 3, e);
  close(given);
  return leash;
}

int zygote_job_end(int leash, bool now) {
  int status = CHILD_ENDED << 8; /* as if it had said so: the zygote is gone, or took no more jobs */
  if (now && send(leash, "", 1, MSG_NOSIGNAL) < 0) return status;
  while (recv(leash, &status, sizeof status, 0) < 0 && errno == EINTR) continue;
  return status;
}
