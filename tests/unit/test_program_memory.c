/* rooms: program accept book kit */
/* Memory that fails while a program is built or tested: the n-th allocation fails, for every n. There is always an answer: no program and
 * why, a program with a finding, or a good one; never a crash, and never a program without errors that lacks a part. */
#include "decide_world.h"
#include "program/scenario.h"

#define RULES                                                                                                                              \
  "event \"check_in\" { fields = { level = \"number\" } }\n"                                                                               \
  "feature \"mean_level\" { window = \"mean\", of = \"check_in\", field = \"level\", days = 7 }\n"                                         \
  "trigger \"stress\" { why = \"w\", on = { \"check_in\", every \"day\":at \"09:30\" }, when = \"event.level > 7 and mean_level > 1\",\n"  \
  "  offer = { \"breathe\", \"walk\" } }\n"                                                                                                \
  "intervention \"breathe\" { channel = \"push\", message = { en = \"Breathe {n} times.\" }, values = { n = \"event.level\" } }\n"         \
  "intervention \"walk\" { channel = \"push\", accept = \"profile.fit or false\", message = { en = \"Walk.\", ru = \"Идите.\" } }\n"  \
  "experiment \"pause\" { why = \"w\", revision = 1, at = \"trigger:stress\", randomise = \"decision\",\n"                                 \
  "  arms = { silence = { weight = 0.5, send = nothing }, breathe = { weight = 0.5, send = \"breathe\" } },\n"                             \
  "  outcome = { metric = \"calm\", within = 30 * minutes } }\n"                                                                           \
  "rollout \"few\" { why = \"w\", gates = \"trigger:stress\", stages = { { name = \"all\", share = 1 } } }\n"                              \
  "scenario \"s\" { repeats = 3, given = { profile = { timezone = \"Etc/UTC\" } },\n"                                                      \
  "  event = { type = \"check_in\", data = { level = { between = { 0, 5 } } } }, expect = { send = nothing } }\n"

static struct program *built(const char *directory, struct err *e) {
  struct program_from from = {0};
  return program_from_directory(directory, &from, e);
}

static void test_building(void **state) {
  char directory[] = "/tmp/kairos-memory-XXXXXX", path[128];
  (void)state;
  struct err e = {0};
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/rules", directory);
  assert_true(file_make_directory(path, 0755, &e));
  snprintf(path, sizeof path, "%s/rules/x.lua", directory);
  assert_true(file_write_atomic(path, STR(RULES), 0644, &e));
  int good = 0, refused = 0;
  for (int64_t nth = 1; nth < 4000 && good < 20; nth++) { /* twenty good ones in a row: nth is past everything */
    e = (struct err){0};
    kit_fail_allocation(nth);
    struct program *p = built(directory, &e);
    if (p && p->findings.errors == 0) program_test(p);
    kit_fail_allocation(0);
    if (!p) assert_true(e.kind != ERR_NONE && e.text[0]);
    if (p && p->findings.errors == 0) assert_true(p->rules && p->templates && p->features && p->models && p->vocabulary && p->plan);
    good = p && p->findings.errors == 0 ? good + 1 : 0;
    refused += good == 0;
    if (p) program_free(p);
  }
  assert_true(good == 20 && refused > 10);
  file_remove_tree(directory, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_building)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
