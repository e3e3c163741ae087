/* A library that is laid before the C library of an engine under test: once the file named by DIE_AT is there, it counts the calls by which
 * an engine touches its files (opening, writing, renaming, syncing, cutting), on whichever thread, and at the one whose number stands in
 * the file it kills the process before the call is made, as kill -9 would. The name of that call, and the count when the engine ends by
 * itself, go into DIE_AT.told. Children (plugin hosts) are left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_MOST 4000

static char flag[PATH_MOST], told[PATH_MOST + 8];
static atomic_long wanted, count;
static atomic_bool inert = true;

static void in_child(void) {
  inert = true;
}

static void __attribute__((constructor)) begin(void) {
  const char *path = getenv("DIE_AT");
  if (!path || strlen(path) >= sizeof flag) return;
  snprintf(flag, sizeof flag, "%s", path);
  snprintf(told, sizeof told, "%s.told", path);
  pthread_atfork(NULL, NULL, in_child);
  inert = false;
}

/* System calls of its own: those of the C library are the ones that are counted. */
static void tell(const char *what, long n) {
  char text[200];
  const int length = snprintf(text, sizeof text, "%ld %s\n", n, what);
  const long file = syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) return;
  if (length > 0) (void)syscall(SYS_write, file, text, (size_t)length);
  (void)syscall(SYS_close, file);
}

static void __attribute__((destructor)) end(void) {
  if (!inert && wanted) tell("end", count);
}

static bool armed(void) {
  char text[32] = {0};
  if (wanted) return true;
  const long file = syscall(SYS_openat, AT_FDCWD, flag, O_RDONLY, 0);
  if (file < 0) return false;
  const long length = syscall(SYS_read, file, text, sizeof text - 1);
  (void)syscall(SYS_close, file);
  if (length > 0) wanted = atol(text);
  return wanted != 0;
}

static void step(const char *what) {
  const int kept = errno;
  if (!inert && armed()) {
    const long n = atomic_fetch_add(&count, 1) + 1;
    if (n == wanted) {
      tell(what, n);
      (void)syscall(SYS_kill, getpid(), SIGKILL);
      for (;;) pause();
    }
  }
  errno = kept;
}

static void *real(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

#define BEFORE(type, name, parameters, ...)                                                                                                \
  type name parameters;                                                                                                                    \
  type name parameters {                                                                                                                   \
    static __typeof__(&name) next;                                                                                                         \
    if (!next) *(void **)&next = real(#name);                                                                                              \
    step(#name);                                                                                                                           \
    return next(__VA_ARGS__);                                                                                                              \
  }

BEFORE(int, rename, (const char *from, const char *to), from, to)
BEFORE(int, unlink, (const char *path), path)
BEFORE(int, fsync, (int file), file)
BEFORE(int, fdatasync, (int file), file)
BEFORE(int, ftruncate, (int file, off_t size), file, size)
BEFORE(int, ftruncate64, (int file, off64_t size), file, size)
BEFORE(ssize_t, write, (int file, const void *bytes, size_t size), file, bytes, size)
BEFORE(ssize_t, writev, (int file, const struct iovec *parts, int n), file, parts, n)
BEFORE(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t at), file, bytes, size, at)
BEFORE(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t at), file, bytes, size, at)

#define BEFORE_OPEN(name, before, arguments)                                                                                               \
  int name before;                                                                                                                         \
  int name before {                                                                                                                        \
    static __typeof__(&name) next;                                                                                                         \
    mode_t mode = 0;                                                                                                                       \
    va_list list;                                                                                                                          \
    va_start(list, flags);                                                                                                                 \
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) mode = va_arg(list, mode_t);                                                       \
    va_end(list);                                                                                                                          \
    if (!next) *(void **)&next = real(#name);                                                                                              \
    step(#name);                                                                                                                           \
    return next arguments;                                                                                                                 \
  }

BEFORE_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
BEFORE_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
BEFORE_OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
BEFORE_OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))
