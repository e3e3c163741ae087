/* why_say: what all explanations say in the same way, in English or Russian: values, terms with both operands and what was missing, the
 * nearest change, a rule with its file and line. Pure; any thread. */
#include "kit/clock.h"
#include "why.h"
#include <string.h>

static const char *const words[2][W_CONSENT_GIVEN + 1] = {
    {
#define WORD(name, english, russian) english,
#include "why_table.h"
#undef WORD
    },
    {
#define WORD(name, english, russian) russian,
#include "why_table.h"
#undef WORD
    },
};

struct speaking speak(const char *language, struct arena *a, struct buf *out) {
  bool russian = language && strcmp(language, "ru") == 0;
  return (struct speaking){words[russian], russian ? "ru" : "en", a, out, "  ", W_NEAREST, NULL, NULL};
}

struct speaking of_option(const struct speaking *s, bool *also) {
  return (struct speaking){s->word, s->language, s->arena, s->out, "      ", W_POSSIBLE_IF, s->names, also};
}

const char *in_time(const struct speaking *s, int64_t ms) {
  static const struct {
    int64_t size;
    enum word word;
  } units[] = {{CLOCK_DAY, W_DAYS}, {CLOCK_HOUR, W_HOURS}, {CLOCK_MINUTE, W_MINUTES}, {CLOCK_SECOND, W_SECONDS}};
  const size_t last = sizeof units / sizeof *units - 1;
  size_t i = 0;
  while (i < last && ms < units[i].size) i++;
  const int64_t rest = i < last ? ms % units[i].size / units[i + 1].size : 0;
  const char *first = arena_printf(s->arena, "%lld %s", (long long)(ms / units[i].size), s->word[units[i].word]);
  return rest && first ? arena_printf(s->arena, "%s %lld %s", first, (long long)rest, s->word[units[i + 1].word]) : first;
}

const char *in_words(const struct speaking *s, struct str word) {
  for (int i = W_UNKNOWN; i <= W_CONSENT_GIVEN; i++)
    if ((i == W_UNKNOWN || i >= W_NEVER_SEEN) && str_is(word, words[0][i])) return s->word[i];
  const char *copy = arena_text(s->arena, word.at ? word.at : "", word.len);
  return copy ? copy : "";
}

const char *reason_in_words(const struct speaking *s, struct str reason) {
  const char *word = arena_text(s->arena, reason.at ? reason.at : "", reason.len);
  return word ? reason_sentence(word, reason.len, s->language) : "";
}

/* Millionths are what is recorded; what arithmetic left behind them is noise to a reader. Very small and very large numbers stay whole. */
static struct value readable(const struct value *v) {
  const double size = v->number < 0 ? -v->number : v->number;
  if (v->kind != VALUE_NUMBER || size < 1e-3 || size > 1e9) return *v;
  return value_number((double)(int64_t)(v->number * 1e6 + (v->number < 0 ? -0.5 : 0.5)) / 1e6);
}

void say_value(const struct speaking *s, const struct value *v) {
  if (v->kind == VALUE_MISSING) {
    buf_text(s->out, s->word[W_UNKNOWN]);
    return;
  }
  struct json_writer w = json_to(s->out);
  const struct value shown = readable(v);
  value_to_json(&w, &shown);
}

/* A literal needs no value beside it: "0.6 = 0.6" says nothing. */
static bool worth_saying(struct str name, const struct value *v) {
  struct buf text = {0};
  struct json_writer w = json_to(&text);
  if (name.len == 0) return false;
  if (v->kind != VALUE_MISSING) value_to_json(&w, v);
  bool same = v->kind != VALUE_MISSING && str_eq(buf_view(&text), name);
  buf_free(&text);
  double number;
  return !same && !(str_to_double(name, &number));
}

static void say_operand(const struct speaking *s, struct str name, const struct value *v, bool *first) {
  if (!worth_saying(name, v)) return;
  buf_text(s->out, *first ? "  (" : ", ");
  *first = false;
  buf_str(s->out, name);
  buf_text(s->out, " = ");
  say_value(s, v);
}

/* A segment's name says little; its own condition does, where that is what made it so and not another of its family. */
static void say_behind(const struct speaking *s, struct str name, const struct value *v, const char *indent) {
  const struct why_not_input *in = s->names;
  if (!in || !in->behind || !str_starts(name, "segment.")) return;
  const struct behind b = in->behind(in->names, name);
  if (!b.condition) return;
  const enum truth truth = expression_truth(b.condition, in->moment.slots);
  if (v->kind == VALUE_MISSING ? truth != TRUTH_UNKNOWN : truth != (v->number != 0 ? TRUTH_TRUE : TRUTH_FALSE)) return;
  struct why_condition own;
  why_condition_read(b.condition, in->moment.slots, s->arena, &own);
  const char *deeper = arena_printf(s->arena, "%s    ", indent);
  buf_printf(s->out, "%s  " STR_FORMAT ": " STR_FORMAT " (%s:%d)\n", indent, STR_ARG(name), STR_ARG(b.source), b.at->file, b.at->line);
  if (deeper) say_terms(s, &own, deeper); /* segments never read themselves */
}

static void say_term(const struct speaking *s, const struct term *t, const char *indent) {
  static const char marks[] = {[TRUTH_FALSE] = '-', [TRUTH_TRUE] = '+', [TRUTH_UNKNOWN] = '?'};
  static const enum word truths[] = {[TRUTH_FALSE] = W_FALSE, [TRUTH_TRUE] = W_TRUE, [TRUTH_UNKNOWN] = W_UNKNOWN};
  bool first = true;
  buf_printf(s->out, "%s%c " STR_FORMAT ": %s", indent, marks[t->truth], STR_ARG(t->source), s->word[truths[t->truth]]);
  say_operand(s, t->left_name, &t->left, &first);
  say_operand(s, t->right_name, &t->right, &first);
  if (!first) buf_char(s->out, ')');
  if (t->missing.len) buf_printf(s->out, ", %s: " STR_FORMAT, s->word[W_MISSING], STR_ARG(t->missing));
  if (t->missing.len) {
    const bool of_event = t->gap == MISSING_ABSENT && str_starts(t->missing, "event.");
    const char *word = in_words(s, str_from(missing_word(t->gap)));
    buf_printf(s->out, " (%s)", of_event ? s->word[W_NOT_IN_EVENT] : word);
  }
  buf_char(s->out, '\n');
}

/* What stands in the way first would have had to be otherwise, and whatever comes after it as well. */
static const char *otherwise(const struct speaking *s) {
  const bool also = s->also && *s->also;
  if (s->also) *s->also = true;
  return s->word[also ? W_ALSO : s->begin];
}

static void say_change(const struct speaking *s, const struct change *c) {
  buf_printf(s->out, STR_FORMAT " %s %s ", STR_ARG(c->name), s->word[W_NEEDED], c->operator);
  say_value(s, &c->bound);
  buf_printf(s->out, " (%s ", s->word[W_WAS]);
  say_value(s, &c->was);
  buf_char(s->out, ')');
}

static void say_all_changes(const struct speaking *s, const char *begin, const struct why_condition *c, const char *indent) {
  for (size_t i = 0; i < c->change_count; i++) {
    if (i) buf_printf(s->out, " %s ", s->word[W_AND]);
    else buf_printf(s->out, "%s%s ", indent, begin);
    say_change(s, &c->changes[i]);
  }
  if (c->change_count) buf_char(s->out, '\n');
}

void say_terms(const struct speaking *s, const struct why_condition *c, const char *indent) {
  for (size_t i = 0; i < c->count; i++) {
    say_term(s, &c->terms[i], indent);
    say_behind(s, c->terms[i].left_name, &c->terms[i].left, indent);
  }
}

void say_condition(const struct speaking *s, const struct why_condition *c, const char *indent) {
  say_terms(s, c, indent);
  if (c->change_count) say_all_changes(s, otherwise(s), c, indent + 2);
}

void say_option_condition(const struct speaking *s, const struct why_condition *c) {
  bool also = false;
  const struct speaking o = of_option(s, &also);
  say_condition(&o, c, "        ");
}

void say_if(const struct speaking *s, enum word what, const char *bound, const char *was) {
  buf_printf(s->out, "%s%s %s", s->indent, otherwise(s), s->word[what]);
  if (bound) buf_printf(s->out, " %s", bound);
  if (bound && was) buf_printf(s->out, " (%s %s)", s->word[W_WAS], was);
  buf_char(s->out, '\n');
}

/* What a halt by itself was for is in the program, the figures in the control fact. */
void say_halt(const struct speaking *s, const struct rules *r, struct str rollout, struct str at, bool by_itself) {
  const struct noun_rollout *n = NULL;
  for (size_t i = 0; r && i < r->rollout_count; i++)
    if (str_eq(r->rollouts[i].noun->at.name, rollout)) n = r->rollouts[i].noun;
  buf_printf(s->out, "  %s " STR_FORMAT " %s " STR_FORMAT, s->word[W_ROLLOUT], STR_ARG(rollout), s->word[W_HALTED_ON], STR_ARG(at));
  if (!by_itself) buf_printf(s->out, " %s", s->word[W_BY_HAND]);
  else if (n && n->halt.len) buf_printf(s->out, " %s " STR_FORMAT, s->word[W_HALT_HELD], STR_ARG(n->halt));
  if (n) buf_printf(s->out, " (%s:%d)", n->at.file, n->at.line);
  buf_char(s->out, '\n');
}

const struct ratio_held *held_experiment(const struct ratios_held *h, struct str name, int64_t revision) {
  for (size_t i = 0; i < h->count; i++)
    if (!h->at[i].rollout.len && h->at[i].revision == revision && str_eq(h->at[i].experiment, name)) return &h->at[i];
  return NULL;
}

const struct ratio_held *held_rollout(const struct ratios_held *h, struct str name) {
  for (size_t i = 0; i < h->count; i++)
    if (h->at[i].rollout.len && str_eq(h->at[i].rollout, name)) return &h->at[i];
  return NULL;
}

void say_held_experiment(const struct speaking *s, const struct ratio_held *h) {
  if (h) buf_printf(s->out, "  %s " STR_FORMAT ": %s\n", s->word[W_EXPERIMENT], STR_ARG(h->experiment), s->word[W_RATIO_OFF]);
}

void say_held_rollout(const struct speaking *s, const struct ratio_held *h) {
  if (!h) return;
  buf_printf(s->out, "  %s " STR_FORMAT " %s " STR_FORMAT "\n", s->word[W_ROLLOUT], STR_ARG(h->rollout), s->word[W_WAITS_FOR_RATIO],
             STR_ARG(h->experiment));
}

void say_held_back(const struct speaking *s, struct str rollout, double share, struct str until) {
  buf_printf(s->out, "  %s " STR_FORMAT " %s %.4g %% %s " STR_FORMAT "\n", s->word[W_ROLLOUT], STR_ARG(rollout), s->word[W_HOLDS_BACK],
             100 * share, s->word[W_HELD_UNTIL], STR_ARG(until));
}

/* Safeguards and operators: which figure would have had to be another. */
void say_if_reason(const struct speaking *s, const struct policy *p, struct str reason, const struct guard_figures *g) {
  struct arena *a = s->arena;
  if (str_is(reason, REASON_QUIET_HOURS))
    say_if(s, W_IF_DAYTIME,
           arena_printf(a, "%02d:%02d–%02d:%02d", p->quiet_to / 60, p->quiet_to % 60, p->quiet_from / 60, p->quiet_from % 60),
           arena_printf(a, "%02d:%02d", g->local_minute / 60, g->local_minute % 60));
  if (str_is(reason, REASON_TOO_SOON))
    say_if(s, W_IF_GAP, arena_printf(a, "%lld", (long long)(p->gap / CLOCK_MINUTE)),
           arena_printf(a, "%lld", (long long)(g->since_last / CLOCK_MINUTE)));
  if (str_is(reason, REASON_DAY_CAP)) say_if(s, W_IF_DAY, arena_printf(a, "%d", g->day_most), arena_printf(a, "%d", g->day));
  if (str_is(reason, REASON_WEEK_CAP)) say_if(s, W_IF_WEEK, arena_printf(a, "%d", g->week_most), arena_printf(a, "%d", g->week));
  if (str_is(reason, REASON_CONSENT_UNKNOWN) || str_is(reason, REASON_OPTED_OUT)) say_if(s, W_IF_CONSENT, NULL, NULL);
  if (str_is(reason, REASON_ZONE_UNKNOWN)) say_if(s, W_IF_ZONE, NULL, NULL);
  if (str_is(reason, REASON_KILLED)) say_if(s, W_IF_LIFTED, NULL, NULL);
  if (str_is(reason, REASON_NOT_IN_ROLLOUT) || str_is(reason, REASON_ROLLOUT_HOLDBACK)) say_if(s, W_IF_REACHED, NULL, NULL);
  if (str_is(reason, REASON_ROLLOUT_HALTED)) say_if(s, W_IF_RESUMED, NULL, NULL);
  if (str_is(reason, REASON_HOLDOUT)) say_if(s, W_IF_NOT_HELD_OUT, NULL, NULL);
  if (str_is(reason, REASON_MINOR)) say_if(s, p->minors_nothing ? W_IF_ADULT : W_IF_GUARDIAN, NULL, NULL);
  if (str_is(reason, REASON_NO_OPTION)) say_if(s, W_IF_OPTION, NULL, NULL);
  if (str_is(reason, REASON_EXPERIMENT_ENDED)) say_if(s, W_IF_RUNNING, NULL, NULL);
}

static void say_figures(const struct speaking *s, const struct guard_figures *g) {
  buf_printf(s->out, "  %s: %d/%d %s, %d/%d %s", s->word[W_SAFEGUARDS], g->day, g->day_most, s->word[W_IN_24H], g->week, g->week_most,
             s->word[W_IN_7D]);
  if (g->since_last >= 0) buf_printf(s->out, ", %lld %s", (long long)(g->since_last / CLOCK_MINUTE), s->word[W_SINCE_LAST]);
  if (g->local_minute >= 0) buf_printf(s->out, ", %s %02d:%02d", s->word[W_LOCAL_TIME], g->local_minute / 60, g->local_minute % 60);
}

void say_guard(const struct speaking *s, const struct guard_figures *g) {
  static const enum word consents[] = {W_UNKNOWN, W_CONSENT_GIVEN, W_END_WITHDRAWN};
  say_figures(s, g);
  buf_printf(s->out, ", %s: %s, %s: ", s->word[W_CONSENT], s->word[consents[g->consent]], s->word[W_AGE]);
  if (g->age >= 0) buf_printf(s->out, "%d\n", g->age);
  else buf_printf(s->out, "%s\n", s->word[W_UNKNOWN]);
}

void say_rule(const struct speaking *s, const struct trigger *t) {
  buf_printf(s->out, "  %s: " STR_FORMAT " (%s:%d)\n", s->word[W_RULE], STR_ARG(t->noun->why), t->noun->at.file, t->noun->at.line);
  if (!t->when) buf_printf(s->out, "  %s: %s\n", s->word[W_WHEN], s->word[W_ALWAYS]);
  else buf_printf(s->out, "  %s: " STR_FORMAT "\n", s->word[W_WHEN], STR_ARG(t->noun->when));
}
