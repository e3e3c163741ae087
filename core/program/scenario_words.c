/* scenario_words: the fields, names and words that a scenario's `expect` may use, checked before anything is compared. A mistyped one that
 * merely may come would hold for ever, and one that must come would fail with an explanation of something else. Called for each run of a
 * scenario, and by whoever checks a program, on their thread; pure over the program. */
#include "scene.h"
#include <string.h>

#define WORDS_MOST 100 /* reasons, outcomes */

struct allowed {
  const char *const *words;
  size_t count;
};

static bool is_allowed(const struct allowed *a, struct str word) {
  for (size_t i = 0; i < a->count; i++)
    if (str_is(word, a->words[i])) return true;
  return false;
}

static bool refuse(const char *where, const char *what, struct str word, const struct allowed *a, struct err *e) {
  const char *near = str_nearest(word, a->words, a->count);
  return err_set(e, ERR_INPUT, "expect.%s: %s \"" STR_FORMAT "\"%s%s%s", where, what, STR_ARG(word), near ? " (did you mean \"" : "",
                 near ? near : "", near ? "\"?)" : "");
}

/* A text, or a list in which texts stand. */
static bool check_each(const struct node *n, const char *where, const char *what, const struct allowed *a, struct err *e) {
  for (uint32_t i = 0; n && i < (n->kind == NODE_TABLE ? n->length : 1); i++) {
    const struct node *one = n->kind == NODE_TABLE ? &n->items[i] : n;
    if (one->kind == NODE_TEXT && !is_allowed(a, one->text)) return refuse(where, what, one->text, a, e);
  }
  return true;
}

static struct allowed names_of(const struct scene *s, struct str (*name)(const struct rules *, uint32_t), size_t count) {
  const char **names = ARENA_ARRAY(s->arena, const char *, count + 1);
  for (uint32_t i = 0; names && i < count; i++) {
    struct str one = name(s->program->rules, i);
    names[i] = arena_text(s->arena, one.at, one.len);
    if (!names[i]) names[i] = "";
  }
  return (struct allowed){names, names ? count : 0};
}

/* Of whatever experiment the decision was. */
static struct allowed arms_of(const struct scene *s) {
  const struct rules *r = s->program->rules;
  size_t most = 1, count = 0;
  for (uint32_t i = 0; i < rules_experiments(r); i++) most += experiment_noun(r, i)->arm_count;
  const char **names = ARENA_ARRAY(s->arena, const char *, most);
  for (uint32_t i = 0; names && i < rules_experiments(r); i++)
    for (size_t k = 0; k < experiment_noun(r, i)->arm_count; k++) {
      const struct str name = experiment_noun(r, i)->arms[k].name;
      const char *copy = arena_text(s->arena, name.at, name.len);
      if (copy) names[count++] = copy;
    }
  return (struct allowed){names, count};
}

/* options = { walk = "eligible" or a reason } */
static bool check_options(const struct node *n, const struct allowed *options, const struct allowed *reasons, struct err *e) {
  for (uint32_t i = 0; n && n->kind == NODE_TABLE && i < n->pairs; i++) {
    if (!is_allowed(options, n->keys[i])) return refuse("options", "no intervention is named", n->keys[i], options, e);
    if (!check_each(&n->values[i], "options", "neither \"eligible\" nor a reason is", reasons, e)) return false;
  }
  return true;
}

static bool is_range(const struct node *n) {
  return n->kind == NODE_TABLE && n->length == 2 && n->items[0].kind == NODE_NUMBER && n->items[1].kind == NODE_NUMBER;
}

/* shares = { walk = { 0.4, 0.6 } } */
static bool check_shares(const struct scene *s, const struct node *n, const struct allowed *options, struct err *e) {
  if (n && s->noun->repeats < 2) return err_set(e, ERR_INPUT, "expect.shares: a share needs repeats");
  if (n && n->kind != NODE_TABLE) return err_set(e, ERR_INPUT, "expect.shares: expected a table of option = { low, high }");
  for (uint32_t i = 0; n && i < n->pairs; i++) {
    if (!str_is(n->keys[i], "nothing") && !is_allowed(options, n->keys[i]))
      return refuse("shares", "no intervention is named", n->keys[i], options, e);
    if (!is_range(&n->values[i]))
      return err_set(e, ERR_INPUT, "expect.shares." STR_FORMAT ": expected { low, high }, as in { 0.4, 0.6 }", STR_ARG(n->keys[i]));
  }
  return true;
}

bool scene_expected(const struct scene *s, const struct node *expect, struct err *e) {
  static const char *const known[] = {"send", "trigger", "outcome", "because", "arm", "message", "options", "shares", NULL};
  if (!scene_keys(expect, "expect", known, e)) return false;
  if (expect->pairs == 0) return err_set(e, ERR_INPUT, "expect: says nothing");
  const char *words[WORDS_MOST], *outcomes[OUTCOMES];
  for (int i = 0; i < OUTCOMES; i++) outcomes[i] = outcome_word((enum outcome)i);
  words[0] = "eligible";
  const size_t reasons = reason_words(words + 1, WORDS_MOST - 1);
  const struct allowed options = names_of(s, option_name, rules_options(s->program->rules)),
                       triggers = names_of(s, trigger_name, rules_triggers(s->program->rules)), outcome = {outcomes, OUTCOMES},
                       because = {words + 1, reasons}, stands = {words, reasons + 1}, arms = arms_of(s);
  return check_each(node_get(expect, "send"), "send", "no intervention is named", &options, e) &&
         check_each(node_get(expect, "trigger"), "trigger", "no trigger is named", &triggers, e) &&
         check_each(node_get(expect, "outcome"), "outcome", "no outcome is", &outcome, e) &&
         check_each(node_get(expect, "because"), "because", "no reason is", &because, e) &&
         check_each(node_get(expect, "arm"), "arm", "no arm of any experiment is named", &arms, e) &&
         check_options(node_get(expect, "options"), &options, &stands, e) && check_shares(s, node_get(expect, "shares"), &options, e);
}
