/* rooms: host kit */
/* `kairos conform`: the shipped plugins and an honest one hold in all nine groups, and each group fails for a plugin that breaks one of its
 * promises, with a sentence that says which, while the tester goes on. */
#include "abi.h"

static const char *const group_names[] = {"elf", "entry", "schema", "life", "predict", "state", "fault", "thread", "train"};

struct seen {
  char failed[32][64], words[32][400];
  size_t count, held, skipped;
  unsigned groups; /* bit per group that had a check which held or failed */
};

static void note(void *context, const struct conform_result *r) {
  struct seen *s = context;
  for (size_t i = 0; i < 9; i++)
    if (strcmp(group_names[i], r->group) == 0 && r->end != CONFORM_SKIPPED) s->groups |= 1u << i;
  s->held += r->end == CONFORM_HOLDS;
  s->skipped += r->end == CONFORM_SKIPPED;
  if (r->end != CONFORM_FAILS || s->count == 32) return;
  snprintf(s->failed[s->count], sizeof s->failed[0], "%s/%s", r->group, r->check);
  snprintf(s->words[s->count++], sizeof s->words[0], "%s", r->words);
}

static void conform(const char *path, const struct conform_options *o, struct seen *s) {
  struct err e = {0};
  size_t failed;
  memset(s, 0, sizeof *s);
  if (!plugin_conform(path, o, note, s, &failed, &e)) fail_msg("%s: %s", path, e.text);
  assert_int_equal(failed, s->count);
}

#define GOOD_MS 1200000 /* each allocation of a training fails once: long on a machine that others share */
#ifdef NDEBUG
#define SMALL_LSTM NULL /* as big as it is by itself */
#else                   /* under a sanitizer that takes minutes, and finds no more */
#define SMALL_LSTM "{\"inputs\":[\"a\",\"b\"],\"steps\":8,\"lstm\":[8,6],\"dense\":[5]}"
#endif

static void expect_all(const char *path, const char *config, unsigned groups, uint64_t seed) {
  struct seen s;
  const struct conform_options o = {.config = config, .seed = seed, .limit_ms = GOOD_MS};
  conform(path, &o, &s);
  if (s.count) fail_msg("%s: %s: %s", path, s.failed[0], s.words[0]);
  if (s.groups != groups) fail_msg("%s: groups %x were tried, expected %x", path, s.groups, groups);
}

static void good_plugins_hold(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    expect_all(rogue("honest"), NULL, 0x1ff, seed);
    expect_all(KAIROS_BINARY_DIR "/plugins/svr.so", NULL, 0x1ff, seed);
    expect_all(KAIROS_BINARY_DIR "/plugins/gbm.so", NULL, 0x1ff, seed);
    expect_all(KAIROS_BINARY_DIR "/plugins/hazard.so", NULL, 0x1ff, seed);
    if (seed == 1) expect_all(KAIROS_BINARY_DIR "/plugins/lstm.so", SMALL_LSTM, 0x1ff, seed);
    expect_all(KAIROS_BINARY_DIR "/plugins/goal_setter.so",
               "{\"inputs\":[\"done\",\"goal\"],\"unit\":1,\"low\":1,\"high\":20,\"step\":0.1,\"valid\":0.05}", 0xdf, seed);
  }
}

static const struct {
  const char *rogue, *check, *words;
} broken[] = {
    {"thread_local", "elf/file", "thread-local storage"},
    {"conform_older", "entry/older", "crashed with signal"},
    {"conform_slow", "entry/describes", "to describe itself, expected at most"},
    {"escape_mode", "entry/describes", "it tried to change a file's mode, which a plugin may not"},
    {"escape_signals", "entry/describes", "it tried to signal a process, which a plugin may not"},
    {"claims_all", "entry/describes", "it claims an extension that does not exist"},
    {"conform_propensity", "schema/policy", "expected 0 to 1"},
    {"conform_silent", "schema/answers", "give it --state"},
    {"leaks", "life/many", "are still held"},
    {"conform_config", "life/configurations", "crashed with signal"},
    {"conform_place", "predict/single", "in a batch and alone"},
    {"conform_place", "predict/order", "in another order"},
    {"conform_outside", "predict/rows", "wrote outside the output 'y'"},
    {"conform_inputs", "predict/rows", "changed its inputs"},
    {"conform_missing", "predict/missing", "or a cleared validity bit"},
    {"conform_memory", "predict/again", "the same rows and seeds again"},
    {"conform_save", "state/twice", "saved again the state has other bytes"},
    {"conform_cut", "state/cut", "load took a state that is cut off"},
    {"conform_hostile", "state/hostile", "crashed with signal"},
    {"conform_newer", "state/newer", "load took a state of a newer version"},
    {"conform_null", "fault/memory", "crashed with signal"},
    {"conform_shared", "thread/sessions", "beside other threads"},
    {"conform_dull", "train/loss", "it learnt nothing"},
    {"conform_moods", "train/seed", "trained again on the same rows and seeds"},
    {"conform_stubborn", "train/cancel", "a cancelled training went on for"},
};

static void each_group_has_teeth(void **state) {
  (void)state;
  unsigned groups = 0;
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    struct seen s;
    const struct conform_options o = {.seed = 1};
    conform(rogue(broken[i].rogue), &o, &s);
    size_t k = 0;
    while (k < s.count && strcmp(s.failed[k], broken[i].check) != 0) k++;
    if (k == s.count) fail_msg("%s: %s did not fail (%zu others did, first %s)", broken[i].rogue, broken[i].check, s.count, s.failed[0]);
    if (!strstr(s.words[k], broken[i].words)) fail_msg("%s: \"%s\" does not say \"%s\"", broken[i].rogue, s.words[k], broken[i].words);
    for (unsigned g = 0; g < 9; g++)
      if (strncmp(broken[i].check, group_names[g], strlen(group_names[g])) == 0) groups |= 1u << g;
  }
  assert_int_equal(groups, 0x1ff);
}

static void one_check_alone(void **state) {
  (void)state;
  struct seen s;
  struct conform_options o = {.seed = 1, .only = "predict/order"};
  conform(rogue("conform_place"), &o, &s);
  assert_true(s.count == 1 && s.held == 0);
  o.only = "predict";
  o.in_process = true;
  conform(rogue("conform_place"), &o, &s);
  assert_true(s.count == 2 && s.held > 2);
  struct err e = {0};
  size_t failed;
  o.only = "predict/never";
  assert_false(plugin_conform(rogue("honest"), &o, note, &s, &failed, &e));
  assert_non_null(strstr(e.text, "no check is named"));
  assert_false(plugin_conform("/nonexistent.so", &o, note, &s, &failed, &e));
}

/* An explanation is of the answer that it explains; who does not explain is told so, and nothing else. */
static void explanations_are_of_the_answers(void **state) {
  (void)state;
  static const struct {
    const char *config, *words;
  } bad[] = {{"{\"mode\":\"wrong\"}", "predict gave"},
             {"{\"mode\":\"crash\"}", "crashed with signal"},
             {"{\"mode\":\"far\"}", "explain wrote outside"},
             {"{\"mode\":\"all\"}", "has no answer 'y', expected NaN"},
             {"{\"mode\":\"refuse\"}", "explain refused 0 rows"}};
  struct seen s;
  struct conform_options o = {.seed = 1};
  conform(rogue("explains"), &o, &s);
  assert_true(s.count == 0);
  o.only = "predict/explain";
  conform(rogue("explains"), &o, &s);
  assert_true(s.held == 1);
  conform(rogue("honest"), &o, &s);
  assert_true(s.skipped == 1);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    o.config = bad[i].config;
    conform(rogue("explains"), &o, &s);
    if (s.count != 1 || !strstr(s.words[0], bad[i].words)) fail_msg("%s: \"%s\" does not say \"%s\"", o.config, s.words[0], bad[i].words);
  }
}

/* A plugin that hangs costs its limit and nothing else. */
static void a_hang_is_one_failure(void **state) {
  (void)state;
  struct seen s;
  const struct conform_options o = {.seed = 1, .limit_ms = 300};
  conform(rogue("hang_entry"), &o, &s);
  assert_true(s.count >= 1 && strstr(s.words[0], "no answer within 300 ms"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_plugins_hold),     cmocka_unit_test(each_group_has_teeth),
      cmocka_unit_test(one_check_alone),       cmocka_unit_test(explanations_are_of_the_answers),
      cmocka_unit_test(a_hang_is_one_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
