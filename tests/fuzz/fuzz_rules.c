/* rooms: kit language */
/* parser: core/language/scan.c core/language/capture.c core/language/field_kinds.c core/language/field_lists.c */
/* What must hold for any bytes given as a rule file: it loads or is refused with a sentence and a line, a load that passes has every noun
 * it counts, sorted by name and each name once, and a second load of the same bytes says the same. Never crashes, never leaks, never reads
 * beyond the text. */
#include "kit/arena.h"
#include "language/language.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_list(const void *list, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) {
    const struct declared *at = (const void *)((const char *)list + i * width), *before = (const void *)((const char *)at - width);
    must(at->name.len > 0 && at->line > 0 && strcmp(at->file, "rules/fuzz.lua") == 0);
    must(i == 0 || str_compare(before->name, at->name) < 0);
  }
}

static void check_nouns(const struct nouns *n) {
  check_list(n->events, n->event_count, sizeof *n->events);
  check_list(n->features, n->feature_count, sizeof *n->features);
  check_list(n->models, n->model_count, sizeof *n->models);
  check_list(n->triggers, n->trigger_count, sizeof *n->triggers);
  check_list(n->interventions, n->intervention_count, sizeof *n->interventions);
  check_list(n->chooses, n->choose_count, sizeof *n->chooses);
  check_list(n->experiments, n->experiment_count, sizeof *n->experiments);
  check_list(n->rollouts, n->rollout_count, sizeof *n->rollouts);
  check_list(n->policies, n->policy_count, sizeof *n->policies);
  check_list(n->scenarios, n->scenario_count, sizeof *n->scenarios);
  for (size_t i = 0; i < n->trigger_count; i++) must(n->triggers[i].on_count > 0 && n->triggers[i].why.len > 0);
  for (size_t i = 0; i < n->intervention_count; i++) must(n->interventions[i].message_count > 0 && n->interventions[i].expires > 0);
  for (size_t i = 0; i < n->experiment_count; i++) must(n->experiments[i].arm_count >= 2);
}

/* Only the clock may make two loads of one text differ: a machine that stands still for seconds ends one of them. */
static bool is_late(const struct findings *f) {
  for (size_t i = 0; i < f->count; i++)
    if (strstr(f->at[i].text, "takes too long")) return true;
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct arena arena = {0};
  struct source source = {.path = "rules/fuzz.lua", .text = {(const char *)bytes, size}};
  struct nouns nouns, again;
  struct findings first = {.arena = &arena}, second = {.arena = &arena};
  bool good = language_load(&arena, &source, 1, &nouns, &first);
  must(good == (first.errors == 0));
  for (size_t i = 0; i < first.count; i++) must(first.at[i].text[0] && first.at[i].line > 0 && str_utf8(str_from(first.at[i].text)));
  if (good) {
    check_nouns(&nouns);
    must(vocabulary_build(&arena, nouns.events, nouns.event_count, &first));
  } else {
    const bool same = language_load(&arena, &source, 1, &again, &second) == good && first.count == second.count;
    const bool late = is_late(&first) || is_late(&second);
    must(same || late);
    for (size_t i = 0; i < first.count && !late; i++)
      must(first.at[i].line == second.at[i].line && !strcmp(first.at[i].text, second.at[i].text));
  }
  arena_free(&arena);
  return 0;
}
