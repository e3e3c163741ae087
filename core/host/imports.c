/* What a plugin may import: the confession of its undefined symbols is held against these two tables, refusals first. Promises that what is
 * in neither is refused too, so a function that nobody thought of is no way out. Does not look at instructions: a plugin that makes system
 * calls by hand is the jail's business. Pure tables, any thread. */
#include "imports.h"
#include "child.h"
#include "kit/err.h"
#include <string.h>

struct refusal {
  const char *glob, *why;
};

static const struct refusal refusals[] = {
    {"*time", "a plugin has no clock"},
    {"*time_r", "a plugin has no clock"},
    {"clock*", "a plugin has no clock"},
    {"_ZNSt6chrono*", "a plugin has no clock"},
    {"rand*", "a plugin has no chance but the seeds it is given"},
    {"srand*", "a plugin has no chance but the seeds it is given"},
    {"*rand48*", "a plugin has no chance but the seeds it is given"},
    {"getrandom", "a plugin has no chance but the seeds it is given"},
    {"getentropy", "a plugin has no chance but the seeds it is given"},
    {"arc4random*", "a plugin has no chance but the seeds it is given"},
    {"_ZNSt13random_device*", "a plugin has no chance but the seeds it is given"},
    {"*open*", "a plugin opens no files, sockets or libraries"},
    {"memfd*", "a plugin opens no files, sockets or libraries"},
    {"creat*", "a plugin opens no files, sockets or libraries"},
    {"svm_load_model", "libsvm's loader believes whatever a file says"},
    {"svm_save_model", "a plugin opens no files, sockets or libraries"},
    {"svm_cross_validation", "it draws from rand()"},
    {"svm_predict_probability", "it needs models trained with rand()"},
    {"_ZNSt*basic_*fstream*", "a plugin opens no files, sockets or libraries"},
    {"_ZNSt10filesystem*", "a plugin opens no files, sockets or libraries"},
    {"remove", "a plugin changes no files"},
    {"unlink*", "a plugin changes no files"},
    {"rename*", "a plugin changes no files"},
    {"socket*", "a plugin has no network"},
    {"connect", "a plugin has no network"},
    {"bind", "a plugin has no network"},
    {"accept*", "a plugin has no network"},
    {"send*", "a plugin has no network"},
    {"recv*", "a plugin has no network"},
    {"getaddrinfo", "a plugin has no network"},
    {"pthread_*", "a plugin has no threads and no locks of its own"},
    {"thrd_*", "a plugin has no threads and no locks of its own"},
    {"__cxa_thread_atexit*", "a plugin has no threads and no locks of its own"},
    {"mtx_*", "a plugin has no threads and no locks of its own"},
    {"_ZNSt6thread*", "a plugin has no threads and no locks of its own"},
    {"fork", "a plugin starts no process"},
    {"vfork", "a plugin starts no process"},
    {"clone*", "a plugin starts no process"},
    {"exec*", "a plugin starts no process"},
    {"posix_spawn*", "a plugin starts no process"},
    {"system", "a plugin starts no process"},
    {"exit", "a plugin never ends the process"},
    {"_exit", "a plugin never ends the process"},
    {"_Exit", "a plugin never ends the process"},
    {"quick_exit", "a plugin never ends the process"},
    {"atexit", "nothing of a plugin runs when the process ends"},
    {"on_exit", "nothing of a plugin runs when the process ends"},
    {"kill", "a plugin sends and takes no signals"},
    {"raise", "a plugin sends and takes no signals"},
    {"signal", "a plugin sends and takes no signals"},
    {"sig*", "a plugin sends and takes no signals"},
    {"alarm", "a plugin sends and takes no signals"},
    {"sleep", "a plugin does not wait"},
    {"usleep", "a plugin does not wait"},
    {"dl*", "a plugin loads nothing"},
    {"syscall", "a plugin makes no system calls of its own"},
    {"ptrace", "a plugin makes no system calls of its own"},
    {"mmap*", "a plugin's memory comes from host->realloc"},
    {"mprotect", "a plugin's memory comes from host->realloc"},
    {"brk", "a plugin's memory comes from host->realloc"},
    {"sbrk", "a plugin's memory comes from host->realloc"},
    {"*getenv", "a plugin reads no environment"},
    {"setlocale", "a plugin changes nothing of the process"},
    {"setenv", "a plugin changes nothing of the process"},
    {"putenv", "a plugin changes nothing of the process"},
};

/* Names and globs with a space between, grouped by what they are for. */
static const char *const allowed[] = {
    /* memory and text in memory */
    "mem* bcmp __mem*_chk str* __str*_chk sscanf __isoc99_sscanf snprintf vsnprintf __snprintf_chk __vsnprintf_chk sprintf __sprintf_chk",
    "qsort bsearch abs labs llabs atoi atol atoll atof toupper tolower isalnum isalpha isdigit isxdigit isspace isupper islower isprint",
    "ispunct iscntrl __ctype_*_loc",
    /* the C and C++ runtimes; their memory is allowed since libraries that a plugin needs use it */
    "malloc calloc realloc free aligned_alloc posix_memalign abort __assert_fail __stack_chk_fail __errno_location",
    "__cxa_* __gxx_personality_v0 _Unwind_* __gmon_start__ _ITM_* _Z* setjmp _setjmp longjmp __longjmp_chk __sigsetjmp",
    /* mathematics */
    "exp expf exp2* expm1* exp10* log logf log2* log10* log1p* logb* pow* sqrt* cbrt* hypot* sin* cos* tan* asin* acos* atan* erf*",
    "lgamma* tgamma* floor* ceil* round* trunc truncf rint* nearbyint* lrint* lround* llrint* llround* fmod* remainder* fabs* fmin* fmax*",
    "fdim* fma fmaf frexp* ldexp* modf modff scalb* ilogb* nextafter* copysign* nan nanf isnan isinf finite __*_finite _ZGV*",
    /* the libraries that may be needed */
    "svm_* libsvm_version cblas_* LAPACKE_* openblas_set_num_threads",
#if defined(KAIROS_SANITIZED)
    "__asan_* __ubsan_* __tsan_* __sanitizer_* __lsan_*",
#endif
};

static const char *const libraries[] = {
    "libc.so.6",    "libm.so.6",        "libgcc_s.so.1",        "libstdc++.so.6",
    "libsvm.so.3",  "libopenblas.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
#if defined(KAIROS_SANITIZED)
    "libasan.so.*", "libubsan.so.*",    "libtsan.so.*",
#endif
};
const char *const libraries_allowed = "libc, libm, libgcc_s, libstdc++, libsvm.so.3 and libopenblas.so.0";

static bool is_allowed(struct str name, bool exactly) {
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
    struct str rest = str_from(allowed[i]), piece;
    while (str_split(&rest, ' ', &piece)) {
      char glob[64];
      must(piece.len < sizeof glob);
      memcpy(glob, piece.at, piece.len);
      glob[piece.len] = 0;
      if (exactly ? str_is(name, glob) : str_match(name, glob)) return true;
    }
  }
  return false;
}

const char *import_refused(struct str name) {
  if (is_allowed(name, true)) return NULL; /* a whole name comes before any refusal, a refusal before a glob */
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (str_match(name, refusals[i].glob)) return refusals[i].why;
  return is_allowed(name, false) ? NULL : "it is not among the functions that a plugin may use (docs/PLUGINS.md)";
}

bool library_allowed(struct str soname) {
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
    if (str_match(soname, libraries[i])) return true;
  return false;
}
