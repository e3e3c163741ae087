/* What the ABI tests share: where the plugins and rogues lie, a store that is thrown away, and what must hold after each refusal. */
#pragma once
#include "host/host.h"
#include "kit/file.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SVR_PATH (KAIROS_BINARY_DIR "/plugins/svr.so")

/* A sanitizer in the child opens files and starts helpers of its own, so its jail has wider bars. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static char store[64];
static bool has_zygote; /* a child that stays */

static inline int store_make(void **state) {
  (void)state;
  snprintf(store, sizeof store, "/tmp/kairos-abi-XXXXXX");
  return mkdtemp(store) ? 0 : -1;
}

static inline int store_drop(void **state) {
  (void)state;
  struct err e = {0};
  return file_remove_tree(store, &e) ? 0 : -1;
}

static inline const char *rogue(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/tests/rogues/%s.so", KAIROS_BINARY_DIR, name);
  return path;
}

/* The refusal says `words`, and no child of it is left behind. */
static inline void assert_refused(const char *what, bool answer, const struct err *e, const char *words) {
  if (answer) fail_msg("%s: expected a refusal with '%s', it was accepted", what, words);
  if (!strstr(e->text, words)) fail_msg("%s: expected a sentence with '%s', got: %s", what, words, e->text);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), has_zygote ? 0 : -1);
  if (!has_zygote) assert_int_equal(errno, ECHILD);
}

static inline void assert_fine(bool answer, const struct err *e) {
  if (!answer) fail_msg("%s", e->text);
}
