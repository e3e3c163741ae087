/* The children's jail, by seccomp. Promises that a plugin's code, from its first constructor on, cannot start a process or thread, run a
 * program, open a socket, signal another process or change a file, and from its first call on cannot open one either; what it tries is
 * named and ends the child. Two filters that stack: what is refused while loading (everything else allowed, since the loader reads files),
 * and what is allowed while running (everything else refused; a plugin host may not even write, but to the eventfds it answers on). Runs in
 * a child only, single-threaded. libseccomp sets PR_SET_NO_NEW_PRIVS with the first filter. */
#include "jail.h"
#include "child.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct refused_call {
  int number;
  const char *words;
};

/* While loading. The words end the sentence "it tried to …". */
static const struct refused_call refused_calls[] = {
    {SCMP_SYS(clone), "start a process or thread"},
    {SCMP_SYS(clone3), "start a process or thread"},
    {SCMP_SYS(fork), "start a process"},
    {SCMP_SYS(vfork), "start a process"},
    {SCMP_SYS(execve), "run a program"},
    {SCMP_SYS(execveat), "run a program"},
    {SCMP_SYS(socket), "open a socket"},
    {SCMP_SYS(socketpair), "open a socket"},
    {SCMP_SYS(connect), "connect a socket"},
    {SCMP_SYS(bind), "bind a socket"},
    {SCMP_SYS(ptrace), "trace a process"},
    {SCMP_SYS(process_vm_readv), "read another process"},
    {SCMP_SYS(process_vm_writev), "write into another process"},
    {SCMP_SYS(kill), "signal a process"},
    {SCMP_SYS(tkill), "signal a process"},
    {SCMP_SYS(rt_sigqueueinfo), "signal a process"},
    {SCMP_SYS(pidfd_open), "reach for another process"},
    {SCMP_SYS(pidfd_send_signal), "signal a process"},
    {SCMP_SYS(creat), "create a file"},
    {SCMP_SYS(mkdir), "make a directory"},
    {SCMP_SYS(mkdirat), "make a directory"},
    {SCMP_SYS(unlink), "remove a file"},
    {SCMP_SYS(unlinkat), "remove a file"},
    {SCMP_SYS(rmdir), "remove a directory"},
    {SCMP_SYS(rename), "rename a file"},
    {SCMP_SYS(renameat), "rename a file"},
    {SCMP_SYS(renameat2), "rename a file"},
    {SCMP_SYS(link), "link a file"},
    {SCMP_SYS(linkat), "link a file"},
    {SCMP_SYS(symlink), "link a file"},
    {SCMP_SYS(symlinkat), "link a file"},
    {SCMP_SYS(truncate), "cut a file"},
    {SCMP_SYS(chmod), "change a file's mode"},
    {SCMP_SYS(fchmodat), "change a file's mode"},
    {SCMP_SYS(chown), "change a file's owner"},
    {SCMP_SYS(fchownat), "change a file's owner"},
    {SCMP_SYS(mount), "mount a file system"},
    {SCMP_SYS(unshare), "leave its namespace"},
    {SCMP_SYS(setns), "leave its namespace"},
    {SCMP_SYS(bpf), "load a filter"},
    {SCMP_SYS(io_uring_setup), "open an io_uring"},
    {SCMP_SYS(shmget), "share memory"},
    {SCMP_SYS(setsid), "leave its session"},
    {SCMP_SYS(setpgid), "leave its group"},
};

/* Refused by the second filter, or under a condition. */
static const struct refused_call named_calls[] = {
    {SCMP_SYS(open), "open a file"},
    {SCMP_SYS(openat), "open a file"},
    {SCMP_SYS(openat2), "open a file"},
    {SCMP_SYS(read), "read a file"},
    {SCMP_SYS(write), "write to a file"},
    {SCMP_SYS(madvise), "cut a hole into shared memory"},
    {SCMP_SYS(tgkill), "signal another process"},
    {SCMP_SYS(nanosleep), "sleep"},
    {SCMP_SYS(clock_nanosleep), "sleep"},
    {SCMP_SYS(pause), "sleep"},
    {SCMP_SYS(setitimer), "set a timer"},
    {SCMP_SYS(timer_create), "set a timer"},
};

static const int allowed_calls[] = {
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrusage),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),  /* where the C library can tell without a call, none is made */
    SCMP_SYS(sysinfo), /* qsort asks how much memory there is, the first time in a process */
#if defined(KAIROS_SANITIZED)
    /* a sanitizer that has something to say reads maps and symbols first */
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(read),
    SCMP_SYS(close),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(prctl),
#endif
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void (*trap_tell)(struct str words);

static const char *words_for(int number) {
  for (size_t i = 0; i < COUNT(refused_calls); i++)
    if (refused_calls[i].number == number) return refused_calls[i].words;
  for (size_t i = 0; i < COUNT(named_calls); i++)
    if (named_calls[i].number == number) return named_calls[i].words;
  return NULL;
}

static void on_trap(int signal_number, siginfo_t *info, void *context) {
  (void)signal_number;
  (void)context;
  char other[40] = "make system call ";
  const char *words = words_for(info->si_syscall);
  if (!words) { /* no stdio in a handler */
    size_t at = strlen(other);
    for (int scale = 1000; scale > 0; scale /= 10) other[at++] = (char)('0' + info->si_syscall / scale % 10);
    words = other;
  }
  trap_tell(str_from(words));
  _exit(CHILD_TRAPPED);
}

static bool finish(scmp_filter_ctx filter, int result, struct err *e) {
  if (filter && result == 0) result = seccomp_load(filter);
  if (filter) seccomp_release(filter);
  if (filter && result == 0) return true;
  return err_set(e, ERR_INTERNAL, "this system cannot confine a plugin (seccomp: %s)", strerrordesc_np(-result));
}

static int refuse_writing(scmp_filter_ctx filter) {
  const struct refused_call opens[] = {{SCMP_SYS(open), NULL}, {SCMP_SYS(openat), NULL}};
  int result = 0;
  for (unsigned i = 0; i < 2 && result == 0; i++)
    for (unsigned flag = O_WRONLY; flag <= O_RDWR && result == 0; flag++)
      result = seccomp_rule_add(filter, SCMP_ACT_TRAP, opens[i].number, 1, SCMP_CMP(i + 1, SCMP_CMP_MASKED_EQ, O_ACCMODE, flag));
  return result;
}

bool jail_for_loading(void (*tell)(struct str words), struct err *e) {
  trap_tell = tell;
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  int result = filter ? refuse_writing(filter) : -ENOMEM;
  for (size_t i = 0; i < COUNT(refused_calls) && result == 0; i++)
    result = seccomp_rule_add(filter, SCMP_ACT_TRAP, refused_calls[i].number, 0);
  if (result == 0) /* abort() signals its own process; nobody else's */
    result = seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));
  return finish(filter, result, e);
}

/* What every running plugin may, but for writing. Cutting holes into shared memory is no memory work. */
static int allow_common(scmp_filter_ctx filter) {
  int result = 0;
  for (size_t i = 0; i < COUNT(allowed_calls) && result == 0; i++) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1, SCMP_A2(SCMP_CMP_NE, MADV_REMOVE, 0));
  return result;
}

bool jail_for_running(struct err *e) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  int result = filter ? allow_common(filter) : -ENOMEM;
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);
  return finish(filter, result, e);
}

bool jail_for_answering(int bell, int first, int count, struct err *e) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  int result = filter ? allow_common(filter) : -ENOMEM;
#if defined(KAIROS_SANITIZED) /* a sanitizer reads what it reports on, and writes its report */
  (void)bell;
  (void)first;
  (void)count;
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);
#else
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)bell, 0));
  for (int i = 0; i < count && result == 0; i++)
    result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)(first + i), 0));
#endif
  return finish(filter, result, e);
}
