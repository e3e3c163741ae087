/* rooms: program decide book kit; libraries: lib_uv */
/* What only later versions refuse: an error for whoever writes it, a warning in a program that an engine accepted once, so that its past
 * can be derived for ever; and there it means as little as it did then. */
#include "program/program.h"
#include "program_files.h"

static const char rules[] =
    "event \"ping\" { fields = { n = \"number\" } }\n"
    "intervention \"walk\" { message = { en = \"Walk.\" } }\n"
    "model \"m\" { plugin = \"svr\", inputs = { \"stress_level\" }, outputs = { \"p\" },\n"
    "  train = { on = \"ping\", target = \"pong\", within = 60, rows = -5 } }\n"
    "trigger \"t\" { why = \"x\", on = \"ping\", offer = \"walk\" }\n"
    "metric \"each\" { per = \"decision\", measure = \"count\", of = \"ping\" }\n"
    "rollout \"r\" { why = \"x\", gates = \"trigger:t\", halt = \"opt_out_rat > 5 * percent\", advance = \"desicions > 5\",\n"
    "  stages = { { name = \"all\", share = 1 } } }\n"
    "experiment \"e\" { why = \"x\", at = \"trigger:t\", randomise = \"user\", outcome = { metric = \"m\", within = 60 },\n"
    "  arms = { a = { weight = 0.5, send = \"walk\" }, b = { weight = 0.5 } },\n"
    "  guardrails = { nothing = \"such\", each = 1 }, stop = { when = \"ever\", days = 8 * weeks }, metrics = { 5 } }\n";

static void what_was_accepted_once_stays_a_program(void **state) {
  (void)state;
  static const struct program_from from = {0};
  struct files f;
  struct err e = {0};
  char data[600];
  files_new(&f, "stored");
  files_write(&f, "rules/all.lua", rules);
  snprintf(data, sizeof data, "%s-data", f.root);
  file_remove_tree(data, NULL);
  fine(&e, book_create(data, 1, &e));
  struct book *b = book_open(data, true, &e);
  fine(&e, b != NULL);
  struct program *written = program_from_directory(f.root, &from, &e);
  fine(&e, written != NULL);
  assert_int_equal(written->findings.errors, 10);
  fine(&e, program_store(written, b, &e)); /* as an engine did that knew no better */
  struct program *stored = program_from_store(b, written->sha256, &from, &e);
  fine(&e, stored != NULL);
  for (size_t i = 0; i < stored->findings.count; i++)
    if (stored->findings.at[i].level == FINDING_ERROR) fail_msg("%s", stored->findings.at[i].text);
  assert_true(stored->findings.count >= 10);
  const struct stage_figures all = {.counted = true, .decisions = 1000, .users = 1000, .rates = {{100, 100}, {100, 100}, {100, 100}}};
  struct arena a = {0};
  struct str why;
  assert_int_equal(rollout_halts(stored->rules, 0, &all, &a, &why), TRUTH_UNKNOWN);
  assert_int_equal(rollout_advances(stored->rules, 0, &all, &a, &why), TRUTH_UNKNOWN);
  arena_free(&a);
  program_free(stored);
  program_free(written);
  book_close(b);
  file_remove_tree(data, NULL);
  files_gone(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_accepted_once_stays_a_program)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
