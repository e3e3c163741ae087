/* rooms: program kit */
/* parser: core/program/recorded.c */
/* What must hold for any bytes given as what a journal row recorded: a refusal has a sentence; what is accepted packs again and unpacks to
 * the same bytes; every view lies inside the bytes, every belief is a number or missing. Never crashes, never reads beyond. */
#include "kit/arena.h"
#include "program/recorded.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool inside(struct str view, const char *text, size_t size) {
  return view.len == 0 || (view.at >= text && view.at + view.len <= text + size);
}

static void check_accepted(const struct recorded *r, const char *text, size_t size, struct arena *a) {
  must(inside(r->source, text, size) && inside(r->given_id, text, size));
  for (uint32_t i = 0; i < r->belief_count; i++)
    must(r->beliefs[i].value.kind == VALUE_NUMBER || r->beliefs[i].value.kind == VALUE_MISSING);
  struct buf first = {0}, second = {0};
  recorded_pack(r, &first);
  struct recorded again;
  struct err e = {0};
  must(recorded_unpack(buf_view(&first), a, &again, &e));
  recorded_pack(&again, &second);
  must(str_eq(buf_view(&first), buf_view(&second)));
  must(again.clock == r->clock && again.belief_count == r->belief_count && again.decision_count == r->decision_count &&
       again.history == r->history && again.decides == r->decides && str_eq(again.source, r->source));
  buf_free(&first);
  buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char *text = malloc(size ? size : 1);
  if (!text) return 0;
  memcpy(text, bytes, size);
  struct arena a = {0};
  struct recorded r;
  struct err e = {0};
  if (recorded_unpack((struct str){text, size}, &a, &r, &e)) check_accepted(&r, text, size, &a);
  else must(e.text[0] != 0);
  arena_free(&a);
  free(text);
  return 0;
}
