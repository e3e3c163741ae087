/* rooms: program accept book kit */
/* parser: core/program/recorded.c core/program/move.c core/decide/record.c core/accept/event.c */
/* What must hold for any bytes that a journal row may hold, once they are unsealed: applied to a user they are refused with a sentence or
 * move the user, and either way the user's state can be stored and read back as it is. Never crashes, never reads beyond. The input: the
 * row's kind, the length of the record in two bytes, the record, then the body and the decisions, with a NUL between them. */
#include "accept/accept.h"
#include "kit/file.h"
#include "program/moving.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char rules[] =
    "event \"ping\" { doc = \"x\", fields = { n = \"number\", list = \"list\", [\"a.b\"] = \"text\" } }\n"
    "event \"workout_completed\" { doc = \"x\", fields = { completionRate = \"number\" } }\n"
    "event \"intervention_response\" { doc = \"x\", fields = { decisionId = \"text\", response = \"text\" } }\n"
    "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"
    "feature \"pings\" { doc = \"x\", unit = \"1\", window = \"mean\", of = \"ping\", field = \"n\", days = 7 }\n"
    "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours, message = { en = "
    "\"x\" } }\n"
    "trigger \"at_ping\" { why = \"x\", on = { \"ping\", every \"day\" : at \"09:00\", silence(1 * days) }, offer = { \"walk\" } }\n";

static const struct program *program(void) {
  static struct program *p;
  if (p) return p;
  static const struct program_from from = {0};
  char directory[] = "/tmp/fuzz-row-XXXXXX", path[64];
  struct err e = {0};
  must(mkdtemp(directory) != NULL);
  snprintf(path, sizeof path, "%s/rules", directory);
  must(file_make_directory(path, 0700, &e));
  snprintf(path, sizeof path, "%s/rules/x.lua", directory);
  must(file_write_atomic(path, str_from(rules), 0600, &e));
  p = program_from_directory(directory, &from, &e);
  must(p && p->findings.errors == 0);
  file_remove_tree(directory, NULL);
  return p;
}

static void check_state(const struct user *u) {
  struct buf first = {0}, second = {0};
  struct user *again = user_new();
  struct err e = {0};
  must(again && user_encode(u, &first));
  if (!user_decode(again, buf_view(&first), &e)) fprintf(stderr, "%s\n", e.text), abort();
  must(user_encode(again, &second));
  must(str_eq(buf_view(&first), buf_view(&second)));
  user_free(again);
  buf_free(&first);
  buf_free(&second);
}

static void apply(struct entry *row, struct str rest, struct arena *a) {
  struct str stored[16];
  const struct controls none = {0};
  struct err e = {0};
  size_t count = 0;
  struct user *u = user_new();
  must(u != NULL);
  if (!str_split(&rest, 0, &row->body)) row->body = rest;
  for (struct str piece; count < 16 && str_split(&rest, 0, &piece);) stored[count++] = piece;
  for (int twice = 0; twice < 2; twice++) {
    if (!program_apply(program(), &none, u, row, stored, count, a, &e)) must(e.text[0] != 0);
    check_state(u);
    (void)ticks_next(program()->rules, u);
  }
  user_free(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 3) return 0;
  char *text = malloc(size);
  if (!text) return 0;
  memcpy(text, bytes, size);
  size_t record = (size_t)bytes[1] | (size_t)bytes[2] << 8;
  if (record > size - 3) record = size - 3;
  struct arena a = {0};
  struct entry row = {.kind = (enum entry_kind)(bytes[0] % 9), .record = {text + 3, record}, .seq = 1, .count = 1};
  if (row.kind != ENTRY_CONTROL) apply(&row, (struct str){text + 3 + record, size - 3 - record}, &a);
  arena_free(&a);
  free(text);
  return 0;
}
