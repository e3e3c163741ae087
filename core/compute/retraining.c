/* retraining: what a model's file says of how it is trained again: when, from what, and what a new state must show before it is served.
 * Promises a bound for each figure and the source document's numbers for what is left out (K02 to K05). Any thread. */
#include "kit/clock.h"
#include "training.h"
#include <string.h>

struct bound {
  const char *key;
  double low, high;
  double *into;
};

static bool read_number(const struct node *n, const struct bound *b, struct err *e) {
  if (n->kind != NODE_NUMBER || !(n->number >= b->low && n->number <= b->high))
    return err_set(e, ERR_INPUT, "retrain.%s: expected a number from %.10g to %.10g", b->key, b->low, b->high);
  *b->into = n->number;
  return true;
}

/* "03:00", UTC: an engine serves many zones. */
static bool read_time(const struct node *n, struct retraining *out, struct err *e) {
  const struct str t = n->text;
  bool fine = n->kind == NODE_TEXT && t.len == 5 && t.at[2] == ':';
  for (size_t i = 0; fine && i < 5; i++) fine = i == 2 || (t.at[i] >= '0' && t.at[i] <= '9');
  const int hour = fine ? (t.at[0] - '0') * 10 + t.at[1] - '0' : 0, minute = fine ? (t.at[3] - '0') * 10 + t.at[4] - '0' : 0;
  if (!fine || hour > 23 || minute > 59) return err_set(e, ERR_INPUT, "retrain.at: expected a time of day in UTC, such as \"03:00\"");
  out->nightly = true;
  out->minute = hour * 60 + minute;
  return true;
}

bool model_retraining(const struct noun_model *n, struct retraining *out, struct err *e) {
  double lookback = 90 * 86400, samples = 10000, users = 50, positives = 100, gain = .05, shadow = 7 * 86400, outcomes = 200, drift = .3;
  const struct bound bounds[] = {{"lookback", 3600, 3660 * 86400.0, &lookback},
                                 {"samples", 100, 2e6, &samples},
                                 {"users", 10, 1e6, &users},
                                 {"positives", 20, 1e6, &positives},
                                 {"gain", 0, 10, &gain},
                                 {"shadow", 0, 366 * 86400.0, &shadow},
                                 {"outcomes", 30, 1e6, &outcomes},
                                 {"drift", .01, 1, &drift}};
  const size_t count = sizeof bounds / sizeof *bounds;
  *out = (struct retraining){0};
  if (n->retrain && n->retrain->kind != NODE_TABLE) return err_set(e, ERR_INPUT, "retrain: expected a table such as { at = \"03:00\" }");
  for (uint32_t i = 0; n->retrain && i < n->retrain->pairs; i++) {
    const char *names[sizeof bounds / sizeof *bounds + 1] = {"at"};
    size_t k = 0;
    for (size_t b = 0; b < count; b++) names[b + 1] = bounds[b].key;
    while (k <= count && !str_is(n->retrain->keys[i], names[k])) k++;
    const char *near = k > count ? str_nearest(n->retrain->keys[i], names, count + 1) : NULL;
    if (k > count)
      return err_set(e, ERR_INPUT, "retrain: \"" STR_FORMAT "\" is none of its fields%s%s%s", STR_ARG(n->retrain->keys[i]),
                     near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    if (k == 0 ? !read_time(&n->retrain->values[i], out, e) : !read_number(&n->retrain->values[i], &bounds[k - 1], e)) return false;
  }
  if (n->retrain && (!n->train || !n->state.len || n->combine))
    return err_set(e, ERR_INPUT, "retrain: expected a model with a plugin, a `state` and a `train` beside it");
  out->lookback = (int64_t)(lookback * 1000);
  out->shadow = (int64_t)(shadow * 1000);
  out->samples = (uint32_t)samples;
  out->users = (uint32_t)users;
  out->positives = (uint32_t)positives;
  out->gain = gain;
  out->outcomes = (uint32_t)outcomes;
  out->drift = drift;
  return true;
}

bool retraining_due(const struct retraining *r, int64_t last, int64_t now) {
  if (!r->nightly) return false;
  const int64_t at = r->minute * CLOCK_MINUTE;
  int64_t newest = now - now % CLOCK_DAY + at; /* today's */
  if (newest > now) newest -= CLOCK_DAY;
  return newest > last;
}

struct outcomes {
  struct training_rule rule;
};

struct outcomes *outcomes_of(const struct models *m, uint32_t model, struct arena *a, struct outcome_terms *terms, struct err *e) {
  struct outcomes *o = ARENA_NEW(a, struct outcomes);
  if (!o) err_set(e, ERR_INTERNAL, "no memory for outcomes");
  if (!o || !training_rule_read(&o->rule, &m->at[model], m->features, a, e)) return NULL;
  const struct training_rule *r = &o->rule;
  *terms = (struct outcome_terms){r->on, r->target, r->after, r->within, r->absent, r->left_out};
  return o;
}

bool outcomes_told(const struct outcomes *o, const struct event *e, struct arena *scratch, bool *yes) {
  return training_rule_answer(&o->rule, e, scratch, yes);
}
