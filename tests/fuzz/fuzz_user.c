/* rooms: book kit */
/* parser: core/book/user_codec.c */
/* What must hold for any bytes given as a stored state: a refusal has a sentence and leaves a fresh user, what is accepted encodes again,
 * and from then on the bytes stay: decoding and encoding is a fixed point. Never crashes, never reads beyond. */
#include "book/user.h"
#include "kit/arena.h"
#include "kit/err.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct user *fresh(void) {
  struct user *u = user_new();
  must(u);
  u->number = 7;
  return u;
}

static void check_accepted(const struct user *u) {
  struct buf first = {0}, second = {0};
  must(user_encode(u, &first));
  struct user *again = fresh();
  struct err e = {0};
  must(user_decode(again, buf_view(&first), &e));
  must(user_encode(again, &second));
  must(str_eq(buf_view(&first), buf_view(&second)));
  must(again->series_count == u->series_count && again->attempt_count == u->attempt_count && again->mark_count == u->mark_count &&
       again->send_count == u->send_count && again->consent == u->consent && str_eq(again->profile, u->profile));
  must(user_memory(again) > 0);
  user_free(again);
  buf_free(&first);
  buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char *text = malloc(size ? size : 1); /* no byte to spare behind it */
  if (!text) return 0;
  memcpy(text, bytes, size);
  struct user *u = fresh();
  struct err e = {0};
  if (user_decode(u, (struct str){text, size}, &e)) {
    check_accepted(u);
  } else {
    must(e.text[0] != 0);
    must(u->number == 7 && u->series_count == 0 && u->attempt_count == 0 && u->mark_count == 0 && u->send_count == 0 && !u->seen);
  }
  user_free(u);
  free(text);
  return 0;
}
