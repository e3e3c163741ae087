/* Children for dangerous work: the probe of a plugin and the training of a model. Promises that whatever the child does, the parent goes on
 * with a sentence: it waits at most the limit (real time, by a timer of the kernel, so that a frozen test clock cannot hang it), reads at
 * most what was allowed, and always reaps. The child has no descriptor but its pipe, default signal handlers, no core file, and dies with
 * the thread that made it. Does not know what is done inside. The fork may happen while other threads run: the child then relies on glibc
 * keeping malloc and the loader usable, and where a lock was held at that moment the limit ends it. Called on builder and tool threads. */
#include "child.h"
#include "kit/arena.h"
#include "zygote.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS         25
#define SANITIZER_SLACK ((size_t)2 << 30) /* bytes of address space */
#define FRAME_HEAD      8
#define FRAME_MOST      ((size_t)1 << 20) /* of one frame; larger bodies come in pieces */

/* ---- in the child ---- */

static void write_all(int to, const void *bytes, size_t n) {
  for (const char *at = bytes; n > 0;) {
    const ssize_t done = write(to, at, n);
    if (done < 0 && errno != EINTR) _exit(CHILD_ENDED);
    if (done <= 0) continue;
    at += done;
    n -= (size_t)done;
  }
}

void child_say(int to, enum frame kind, struct str payload) {
  do {
    const size_t piece = payload.len < FRAME_MOST ? payload.len : FRAME_MOST;
    const uint32_t head[2] = {(uint32_t)kind, (uint32_t)piece};
    write_all(to, head, sizeof head);
    write_all(to, payload.at, piece);
    payload = (struct str){payload.at + piece, payload.len - piece};
  } while (payload.len > 0);
}

static size_t address_space(void) { /* bytes mapped now; 0 when /proc is not there */
  char text[64] = "";
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  size_t pages = 0;
  for (ssize_t i = 0; i < got && text[i] >= '0' && text[i] <= '9'; i++) pages = pages * 10 + (size_t)(text[i] - '0');
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void set_limit(__rlimit_resource_t which, rlim_t value) {
  struct rlimit limit;
  if (getrlimit(which, &limit) != 0) return;
  if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max) value = limit.rlim_max;
  limit.rlim_cur = limit.rlim_max = value;
  setrlimit(which, &limit);
}

void child_limit(size_t memory, bool threads) {
  set_limit(RLIMIT_CORE, 1); /* 0 does not keep the kernel from piping a dump to a program, 1 does */
#ifndef KAIROS_SANITIZED
  if (!threads) set_limit(RLIMIT_NPROC, 0);
  set_limit(RLIMIT_FSIZE, 0);
#else /* a sanitizer starts a helper and writes files when it has something to say, and keeps what was freed for a while */
  (void)threads;
  memory += SANITIZER_SLACK;
#endif
  const size_t now = address_space();
  if (now > 0) set_limit(RLIMIT_AS, (rlim_t)(now + memory));
}

static void forget_signals(void) {
  sigset_t none;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard streams become /dev/null, so that what exit() would flush goes nowhere; everything else but the pipe is closed. */
static void keep_only(int to) {
  const int null = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++)
    if (null >= 0 && null != i && to != i) dup2(null, i);
  if (to > 3) close_range(3, (unsigned)to - 1, 0);
  close_range(to < 3 ? 3U : (unsigned)to + 1, ~0U, 0);
}

void child_settle(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(CHILD_ENDED); /* it died before the line above */
  forget_signals();
}

static int told_to = -1; /* in the child: its pipe, for the jail's handler */

void child_trapped(struct str words) {
  child_say(told_to, FRAME_TRAPPED, words);
}

void child_become(const struct child_task *task, pid_t parent, int to) {
  child_settle(parent);
  keep_only(to);
  child_limit(task->memory, task->threads);
  set_limit(RLIMIT_CPU, (rlim_t)(task->limit_ms / 1000 + 2)); /* for a child whose parent is stopped; the parent's timer comes first */
  told_to = to;
  if (task->job) task->job(task->given, to);
  else task->work(task->context, to);
  _exit(124);
}

/* ---- in the parent ---- */

struct listener {
  const struct child_task *task;
  int from, timer;
  struct buf bytes; /* read, not yet a whole frame */
  size_t body;
  bool done, refused, trapped, late, cancelled, too_much;
  char words[400]; /* of REFUSED or TRAPPED */
};

static void keep_words(struct listener *l, struct str payload) {
  const size_t length = payload.len < sizeof l->words - 1 ? payload.len : sizeof l->words - 1;
  memcpy(l->words, payload.at, length);
  l->words[length] = 0;
}

static void take_frame(struct listener *l, uint32_t kind, struct str payload) {
  const struct child_task *task = l->task;
  switch (kind) {
  case FRAME_DONE: l->done = true; break;
  case FRAME_REFUSED:
    l->refused = true;
    keep_words(l, payload);
    break;
  case FRAME_TRAPPED:
    l->trapped = true;
    keep_words(l, payload);
    break;
  case FRAME_BODY:
    l->body += payload.len;
    if (l->body > task->answer_most) l->too_much = true;
    else if (task->frame && !task->frame(task->context, FRAME_BODY, payload)) l->cancelled = true;
    break;
  case FRAME_PROGRESS:
  case FRAME_LOG:
    if (task->frame && !task->frame(task->context, (enum frame)kind, payload)) l->cancelled = true;
    break;
  default: l->too_much = true;
  }
}

static bool over(const struct listener *l) {
  return l->done || l->refused || l->trapped || l->late || l->cancelled || l->too_much;
}

static void take_frames(struct listener *l) {
  size_t at = 0;
  while (!over(l) && l->bytes.len - at >= FRAME_HEAD) {
    uint32_t head[2];
    memcpy(head, l->bytes.at + at, sizeof head);
    if (head[1] > FRAME_MOST) l->too_much = true;
    if (l->too_much || l->bytes.len - at - FRAME_HEAD < head[1]) break;
    take_frame(l, head[0], (struct str){l->bytes.at + at + FRAME_HEAD, head[1]});
    at += FRAME_HEAD + head[1];
  }
  if (at) memmove(l->bytes.at, l->bytes.at + at, l->bytes.len - at);
  l->bytes.len -= at;
}

/* False when the pipe is closed: the child is gone. */
static bool take_bytes(struct listener *l) {
  char piece[65536];
  const ssize_t got = read(l->from, piece, sizeof piece);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  buf_put(&l->bytes, piece, (size_t)got);
  if (l->bytes.failed) l->too_much = true;
  else take_frames(l);
  return true;
}

static void listen_to(struct listener *l) {
  while (!over(l)) {
    struct pollfd watched[2] = {{.fd = l->from, .events = POLLIN}, {.fd = l->timer, .events = POLLIN}};
    if (poll(watched, 2, TICK_MS) < 0 && errno != EINTR) l->late = true;
    if (watched[0].revents && !take_bytes(l)) return;
    if (watched[1].revents && !over(l)) l->late = true;
    if (!over(l) && l->task->tick && !l->task->tick(l->task->context)) l->cancelled = true;
  }
}

void child_tell_end(const struct child_end *end, char *text, size_t size) {
  const int status = end->status, signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (end->late) snprintf(text, size, "it did not answer in time");
  else if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_TRAPPED)
    snprintf(text, size, "it tried to %s, which a plugin may not", end->words);
  else if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_REFUSED) snprintf(text, size, "%s", end->words);
  else if (signal_number == SIGSYS) snprintf(text, size, "it made a system call that a plugin may not");
  else if (signal_number == SIGXCPU) snprintf(text, size, "it used up its processor time");
  else if (signal_number) snprintf(text, size, "it crashed with signal %d (%s)", signal_number, sigabbrev_np(signal_number));
  else snprintf(text, size, "it ended its process with exit code %d instead of returning", WEXITSTATUS(status));
}

static bool tell_end(const struct listener *l, int status, struct err *e) {
  const char *who = l->task->who;
  if (l->cancelled) return err_set(e, ERR_CONFLICT, "%s: cancelled", who);
  if (l->refused) return err_set(e, ERR_INPUT, "%s: %s", who, l->words);
  if (l->trapped) return err_set(e, ERR_INPUT, "%s: it tried to %s, which a plugin may not", who, l->words);
  if (l->late) return err_set(e, ERR_INPUT, "%s: no answer within %lld ms, it hangs or is far too slow", who, (long long)l->task->limit_ms);
  if (l->too_much) return err_set(e, ERR_INPUT, "%s: its process wrote something else than an answer, or too much of it", who);
  char text[400];
  child_tell_end(&(struct child_end){.status = status, .words = "do something unknown"}, text, sizeof text);
  return err_set(e, ERR_INPUT, "%s: %s", who, text);
}

/* The process that works: a child of ours, or (leash) one of the zygote's. */
struct worker {
  pid_t pid;
  int leash;
};

static bool worker_start(const struct child_task *task, int to, struct worker *w, struct err *e) {
  const pid_t parent = getpid();
  *w = (struct worker){.leash = -1};
  if (task->job && zygote_lives()) return (w->leash = zygote_job(task, to, e)) >= 0;
  w->pid = fork();
  if (w->pid == 0) child_become(task, parent, to);
  return w->pid > 0 || err_set(e, ERR_STORAGE, "%s: no child process could be started: %s", task->who, strerrordesc_np(errno));
}

static int worker_end(struct worker *w, bool now) {
  int status = 0;
  if (w->leash >= 0) {
    status = zygote_job_end(w->leash, now);
    close(w->leash);
    return status;
  }
  if (now) kill(w->pid, SIGKILL);
  while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

static bool listen_and_reap(struct listener *l, struct worker *worker, struct err *e) {
  const struct itimerspec limit = {
      .it_value = {.tv_sec = (time_t)(l->task->limit_ms / 1000), .tv_nsec = (long)(l->task->limit_ms % 1000) * 1000000 + 1}};
  l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  if (l->timer < 0 || timerfd_settime(l->timer, 0, &limit, NULL) != 0) l->late = true;
  listen_to(l);
  const int status = worker_end(worker, over(l)); /* nothing it does after its last word counts */
  if (l->timer >= 0) close(l->timer);
  buf_free(&l->bytes);
  return l->done || tell_end(l, status, e);
}

bool child_run(const struct child_task *task, struct err *e) {
  int ends[2];
  struct worker worker;
  if (pipe2(ends, O_CLOEXEC) != 0) return err_set(e, ERR_STORAGE, "%s: no pipe to a child process: %s", task->who, strerrordesc_np(errno));
  const bool started = worker_start(task, ends[1], &worker, e);
  close(ends[1]);
  struct listener l = {.task = task, .from = ends[0], .timer = -1};
  const bool fine = started && listen_and_reap(&l, &worker, e);
  close(ends[0]);
  return fine;
}
