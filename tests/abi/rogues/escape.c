/* Tries one way out while it is being loaded: ESCAPE names it, CMakeLists.txt builds one of each. Where a jail fails, none does harm. */
#include "rogue.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define HIGH         (1L << 32) /* a filter that compares 64 bits sees another number, the kernel does not */
#define X32          0x40000000L
#define OPENAT2      437
#define FCHMODAT2    452
#define NOBODY_KNOWS 900

static const uint64_t how_to_cut[3] = {O_WRONLY | O_TRUNC, 0, 0};

__attribute__((unused)) static void openat2_cut(void) {
  raw_call(OPENAT2, AT_FDCWD, (long)"/dev/null", (long)how_to_cut);
}
__attribute__((unused)) static void open_create(void) {
  raw_call(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY | O_CREAT);
}
__attribute__((unused)) static void open_cut(void) {
  raw_call(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY | O_TRUNC);
}
__attribute__((unused)) static void open_three(void) {
  raw_call(SYS_openat, AT_FDCWD, (long)"/dev/null", O_ACCMODE);
}
__attribute__((unused)) static void mode(void) {
  raw_call(FCHMODAT2, AT_FDCWD, (long)"", 0666);
}
__attribute__((unused)) static void mode_open(void) {
  raw_call(SYS_fchmod, -1, 0666, 0);
}
__attribute__((unused)) static void node(void) {
  raw_call(SYS_mknodat, AT_FDCWD, (long)"", S_IFIFO | 0600);
}
__attribute__((unused)) static void attribute(void) {
  raw_call(SYS_setxattr, (long)"", (long)"user.x", (long)"");
}
__attribute__((unused)) static void times(void) {
  raw_call(SYS_utimensat, AT_FDCWD, (long)"", 0);
}
__attribute__((unused)) static void signals(void) {
  raw_call(SYS_rt_tgsigqueueinfo, 0, 0, 0);
}
__attribute__((unused)) static void limits(void) {
  raw_call(SYS_prlimit64, 1, RLIMIT_NOFILE, 0);
}
__attribute__((unused)) static void lanes(void) {
  raw_call(SYS_sched_setaffinity, -1, 0, 0);
}
__attribute__((unused)) static void memory_file(void) {
  raw_call(SYS_memfd_create, 0, 0, 0);
}
__attribute__((unused)) static void uring(void) {
  raw_call(SYS_io_uring_setup, 0, 0, 0);
}
__attribute__((unused)) static void handler(void) {
  raw_call(SYS_rt_sigaction, SIGSYS, 0, 0);
}
__attribute__((unused)) static void handler_high(void) {
  raw_call(SYS_rt_sigaction, SIGSYS | HIGH, 0, 0);
}
__attribute__((unused)) static void hole_high(void) {
  raw_call(SYS_madvise, 0, 0, MADV_REMOVE | HIGH);
}
__attribute__((unused)) static void unknown(void) {
  raw_call(NOBODY_KNOWS, 0, 0, 0);
}
__attribute__((unused)) static void x32(void) { /* elsewhere: a number that does not exist */
  raw_call(X32 | SYS_getpid, 0, 0, 0);
}

__attribute__((constructor)) static void begin(void) {
  ESCAPE();
}
PLUGIN(.flags = 0)
