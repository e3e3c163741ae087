/* The children's jail, by seccomp and Landlock. Promises that a plugin's code, from its first constructor on, cannot start a process or
 * thread, run a program, open a socket, signal another process or change a file, and from its first call on cannot open one either; what it
 * tries is named and ends the child. Two filters that stack, both lists of what is allowed, so that a call which nobody here has heard of
 * is refused: what the loader needs, which reads files, and what a running plugin needs (a plugin host may not even write, but to the
 * eventfds it answers on). Calls of another architecture (32 bits, x32) end the process: libseccomp's default. Beside them, where the
 * kernel has it, Landlock opens no path for writing and no other process for reading. Arguments are compared in 64 bits and the kernel
 * looks at the lower 32 of most: a condition must allow known values, never refuse one. Runs in a child only, single-threaded. libseccomp
 * sets PR_SET_NO_NEW_PRIVS with the first filter. */
#include "jail.h"
#include "child.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of the oldest system this is built on; the numbers are the same on every architecture. */
#define CALL_FCHMODAT2 452
#define CALL_MSEAL     462
#define LANDLOCK_CUT   (UINT64_C(1) << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, since version 3 */
#define LANDLOCK_REFER (UINT64_C(1) << 13) /* since version 2 */

struct named_call {
  int number;
  const char *words;
};

/* Words for what may be tried, whether any list below speaks of it or not; they end the sentence "it tried to …". */
static const struct named_call named_calls[] = {
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
    {SCMP_SYS(process_madvise), "write into another process"},
    {SCMP_SYS(kill), "signal a process"},
    {SCMP_SYS(tkill), "signal a process"},
    {SCMP_SYS(tgkill), "signal another process"},
    {SCMP_SYS(rt_sigqueueinfo), "signal a process"},
    {SCMP_SYS(rt_tgsigqueueinfo), "signal a process"},
    {SCMP_SYS(pidfd_open), "reach for another process"},
    {SCMP_SYS(pidfd_getfd), "reach for another process"},
    {SCMP_SYS(pidfd_send_signal), "signal a process"},
    {SCMP_SYS(prlimit64), "change the limits of a process"},
    {SCMP_SYS(setrlimit), "change the limits of a process"},
    {SCMP_SYS(sched_setaffinity), "change how a process is scheduled"},
    {SCMP_SYS(sched_setscheduler), "change how a process is scheduled"},
    {SCMP_SYS(setpriority), "change how a process is scheduled"},
    {SCMP_SYS(open), "open a file"},
    {SCMP_SYS(openat), "open a file"},
    {SCMP_SYS(openat2), "open a file"},
    {SCMP_SYS(open_by_handle_at), "open a file"},
    {SCMP_SYS(name_to_handle_at), "open a file"},
    {SCMP_SYS(memfd_create), "create a file"},
    {SCMP_SYS(creat), "create a file"},
    {SCMP_SYS(mknod), "create a file"},
    {SCMP_SYS(mknodat), "create a file"},
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
    {SCMP_SYS(ftruncate), "cut a file"},
    {SCMP_SYS(fallocate), "change a file"},
    {SCMP_SYS(chmod), "change a file's mode"},
    {SCMP_SYS(fchmod), "change a file's mode"},
    {SCMP_SYS(fchmodat), "change a file's mode"},
    {CALL_FCHMODAT2, "change a file's mode"},
    {SCMP_SYS(chown), "change a file's owner"},
    {SCMP_SYS(lchown), "change a file's owner"},
    {SCMP_SYS(fchown), "change a file's owner"},
    {SCMP_SYS(fchownat), "change a file's owner"},
    {SCMP_SYS(setxattr), "change a file's attributes"},
    {SCMP_SYS(lsetxattr), "change a file's attributes"},
    {SCMP_SYS(fsetxattr), "change a file's attributes"},
    {SCMP_SYS(removexattr), "change a file's attributes"},
    {SCMP_SYS(lremovexattr), "change a file's attributes"},
    {SCMP_SYS(fremovexattr), "change a file's attributes"},
    {SCMP_SYS(utime), "change a file's times"},
    {SCMP_SYS(utimes), "change a file's times"},
    {SCMP_SYS(futimesat), "change a file's times"},
    {SCMP_SYS(utimensat), "change a file's times"},
    {SCMP_SYS(read), "read a file"},
    {SCMP_SYS(write), "write to a file"},
    {SCMP_SYS(pwrite64), "write to a file"},
    {SCMP_SYS(writev), "write to a file"},
    {SCMP_SYS(sendfile), "write to a file"},
    {SCMP_SYS(splice), "write to a file"},
    {SCMP_SYS(copy_file_range), "write to a file"},
    {SCMP_SYS(mount), "mount a file system"},
    {SCMP_SYS(umount2), "mount a file system"},
    {SCMP_SYS(move_mount), "mount a file system"},
    {SCMP_SYS(open_tree), "mount a file system"},
    {SCMP_SYS(fsopen), "mount a file system"},
    {SCMP_SYS(unshare), "leave its namespace"},
    {SCMP_SYS(setns), "leave its namespace"},
    {SCMP_SYS(chroot), "leave its namespace"},
    {SCMP_SYS(pivot_root), "leave its namespace"},
    {SCMP_SYS(bpf), "load a filter"},
    {SCMP_SYS(io_uring_setup), "open an io_uring"},
    {SCMP_SYS(perf_event_open), "watch the processor"},
    {SCMP_SYS(userfaultfd), "handle faults of memory"},
    {SCMP_SYS(keyctl), "reach for keys"},
    {SCMP_SYS(add_key), "reach for keys"},
    {SCMP_SYS(request_key), "reach for keys"},
    {SCMP_SYS(shmget), "share memory"},
    {SCMP_SYS(shmat), "share memory"},
    {SCMP_SYS(msgget), "share memory"},
    {SCMP_SYS(semget), "share memory"},
    {SCMP_SYS(mq_open), "share memory"},
    {SCMP_SYS(setsid), "leave its session"},
    {SCMP_SYS(setpgid), "leave its group"},
    {SCMP_SYS(prctl), "change what its process may"},
    {SCMP_SYS(rt_sigaction), "take a signal that is not its own"},
    {SCMP_SYS(madvise), "cut a hole into shared memory"},
    {SCMP_SYS(nanosleep), "sleep"},
    {SCMP_SYS(clock_nanosleep), "sleep"},
    {SCMP_SYS(pause), "sleep"},
    {SCMP_SYS(setitimer), "set a timer"},
    {SCMP_SYS(timer_create), "set a timer"},
    {SCMP_SYS(timerfd_create), "set a timer"},
};

/* While loading and while running. */
static const int allowed_calls[] = {
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrusage),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),  /* where the C library can tell without a call, none is made */
    SCMP_SYS(sysinfo), /* qsort asks how much memory there is, the first time in a process */
};

/* While loading, beside those: the loader looks for libraries and reads them, libraries look at the machine; then the second filter. */
static const int loading_calls[] = {
    SCMP_SYS(read),       SCMP_SYS(pread64),    SCMP_SYS(write), /* only what is open already: what the child has to tell */
    SCMP_SYS(close),      SCMP_SYS(lseek),      SCMP_SYS(fstat),  SCMP_SYS(stat),      SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx),      SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(uname),     SCMP_SYS(seccomp), /* can only take away */
};

#if defined(KAIROS_SANITIZED)
/* A sanitizer that has something to say reads maps and symbols first; the first filter says how files are opened. */
static const int sanitizer_calls[] = {
    SCMP_SYS(openat),     SCMP_SYS(open),       SCMP_SYS(read),  SCMP_SYS(close), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(newfstatat), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(prctl),
};
#endif

/* A check that needs threads: what the C library starts and ends one with. */
static const int thread_calls[] = {
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
};

/* Its first memory in a second thread makes the C library count the processors in a file; the first filter says how it is opened. */
static const int counting_calls[] = {SCMP_SYS(openat), SCMP_SYS(read), SCMP_SYS(close)};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void (*trap_tell)(struct str words);

static const char *words_for(int number) {
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

static int allow_list(scmp_filter_ctx filter, const int *calls, size_t count) {
  int result = 0;
  for (size_t i = 0; i < count && result == 0; i++) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
  return result;
}

static int allow_value(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t value) {
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(argument, SCMP_CMP_EQ, value, 0));
}

/* abort() and the C library's threads have handlers; that of this jail (SIGSYS) stays, or what is tried would go untold. */
static int allow_handlers(scmp_filter_ctx filter) {
  int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1, SCMP_A0(SCMP_CMP_LT, SIGSYS, 0));
  for (unsigned number = 32; number < (unsigned)SIGRTMIN && result == 0; number++)
    result = allow_value(filter, SCMP_SYS(rt_sigaction), 0, number);
  return result;
}

/* Cutting holes into shared memory is no memory work. */
static int allow_advice(scmp_filter_ctx filter) {
  static const int advice[] = {MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP};
  int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1, SCMP_A2(SCMP_CMP_LT, MADV_REMOVE, 0));
  for (size_t i = 0; i < COUNT(advice) && result == 0; i++) result = allow_value(filter, SCMP_SYS(madvise), 2, (scmp_datum_t)advice[i]);
  return result;
}

/* clone3 hides its flags in memory; told that there is none, the C library takes clone. */
static int allow_threads(scmp_filter_ctx filter) {
  const scmp_datum_t thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
  int result = allow_list(filter, thread_calls, COUNT(thread_calls));
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
  return result;
}

/* What every plugin may, but for reading and writing. A newer C library seals what it has loaded, and can do without. */
static int allow_common(scmp_filter_ctx filter, bool threads) {
  int result = allow_list(filter, allowed_calls, COUNT(allowed_calls));
  if (result == 0) result = allow_value(filter, SCMP_SYS(tgkill), 0, (scmp_datum_t)getpid()); /* abort() signals its own process */
  if (result == 0) result = allow_handlers(filter);
  if (result == 0) result = allow_advice(filter);
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL_MSEAL, 0);
  return result == 0 && threads ? allow_threads(filter) : result;
}

static int allow_running(scmp_filter_ctx filter, bool threads) {
  int result = allow_common(filter, threads);
#if defined(KAIROS_SANITIZED)
  if (result == 0) result = allow_list(filter, sanitizer_calls, COUNT(sanitizer_calls));
#endif
  return result;
}

static int allow_reading(scmp_filter_ctx filter) {
  const scmp_datum_t changing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
  int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, changing, O_RDONLY));
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, changing, O_RDONLY));
  return result;
}

/* Its own: that no descriptor is opened any more, and to see the others. */
static int allow_limits(scmp_filter_ctx filter) {
  int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0));
  if (result == 0)
    result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0, 0),
                              SCMP_A1(SCMP_CMP_EQ, RLIMIT_NOFILE, 0));
  return result;
}

static int allow_loading(scmp_filter_ctx filter, bool threads) {
  int result = allow_common(filter, threads);
  if (result == 0) result = allow_list(filter, loading_calls, COUNT(loading_calls));
  if (result == 0) result = allow_reading(filter);
  if (result == 0) result = allow_limits(filter);
  return result;
}

/* A second wall, of another make: where it cannot be had the filters stand alone. */
static void close_paths(void) {
  const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  struct landlock_ruleset_attr closed = {.handled_access_fs =
                                             LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                             LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM};
  if (version >= 2) closed.handled_access_fs |= LANDLOCK_REFER;
  if (version >= 3) closed.handled_access_fs |= LANDLOCK_CUT;
  if (version < 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
  const int rules = (int)syscall(SYS_landlock_create_ruleset, &closed, sizeof closed.handled_access_fs, 0); /* none: nothing is open */
  if (rules < 0) return;
  syscall(SYS_landlock_restrict_self, rules, 0);
  close(rules);
}

bool jail_for_loading(bool threads, void (*tell)(struct str words), struct err *e) {
  trap_tell = tell;
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  close_paths();
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  int result = filter ? allow_loading(filter, threads) : -ENOMEM;
#if defined(KAIROS_SANITIZED)
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0);
#else
  if (result == 0) result = allow_value(filter, SCMP_SYS(prctl), 0, PR_SET_NO_NEW_PRIVS); /* goes with the second filter */
#endif
  return finish(filter, result, e);
}

bool jail_for_running(bool threads, struct err *e) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  int result = filter ? allow_running(filter, threads) : -ENOMEM;
  if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);
  if (result == 0 && threads) result = allow_list(filter, counting_calls, COUNT(counting_calls));
  return finish(filter, result, e);
}

bool jail_for_answering(int bell, int first, int count, struct err *e) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  int result = filter ? allow_running(filter, false) : -ENOMEM;
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
