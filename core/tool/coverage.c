/* coverage: what a program's scenarios met, by rule and by term of a condition: for people only what is missing, as JSON everything. Main
 * thread. */
#include "testing.h"
#include <stdio.h>
#include <string.h>

/* ---- for people ---- */

static const char *missing_of(const struct term_seen *t) {
  if (t->truths[TRUTH_TRUE]) return "never false";
  if (t->truths[TRUTH_FALSE]) return "never true";
  return t->truths[TRUTH_UNKNOWN] ? "never known" : "never met";
}

static const char *missing_of_rule(const struct rule_seen *r) {
  bool option = strcmp(r->noun, "intervention") == 0;
  if (r->asked == 0) return option ? "never weighed" : "no event that it listens to";
  if (option) return "never sent";
  return r->met ? "always true" : "never true";
}

static bool lacks_a_term(const struct rule_seen *r) {
  for (size_t k = 0; k < r->condition_count; k++)
    for (size_t t = 0; t < r->conditions[k].count; t++)
      if (!term_seen_whole(&r->conditions[k].terms[t])) return true;
  return false;
}

static void print_rule(const struct rule_seen *r) {
  bool whole = rule_seen_whole(r);
  if (whole && !lacks_a_term(r)) return;
  printf("  %s:%d: %s \"" STR_FORMAT "\"", r->at->file, r->at->line, r->noun, STR_ARG(r->at->name));
  printf(whole ? "\n" : ": %s\n", missing_of_rule(r));
  for (size_t k = 0; k < r->condition_count; k++)
    for (size_t t = 0; t < r->conditions[k].count; t++) {
      const struct term_seen *term = &r->conditions[k].terms[t];
      if (!term_seen_whole(term)) printf("      %s: " STR_FORMAT ": %s\n", r->conditions[k].field, STR_ARG(term->source), missing_of(term));
    }
}

void coverage_print(const struct coverage *c) {
  printf("coverage: %zu of %zu rules, %zu of %zu terms\n", c->whole_rules, c->count, c->whole_terms, c->terms);
  for (size_t i = 0; i < c->count; i++) print_rule(&c->rules[i]);
}

/* ---- as JSON ---- */

static void put_terms(const struct rule_seen *r, struct json_writer *w) {
  json_key(w, "terms");
  json_open_array(w);
  for (size_t k = 0; k < r->condition_count; k++)
    for (size_t t = 0; t < r->conditions[k].count; t++) {
      const struct term_seen *term = &r->conditions[k].terms[t];
      json_open_object(w);
      json_pair_text(w, "field", r->conditions[k].field);
      json_pair_str(w, "term", term->source);
      json_pair_int(w, "true", (int64_t)term->truths[TRUTH_TRUE]);
      json_pair_int(w, "false", (int64_t)term->truths[TRUTH_FALSE]);
      json_pair_int(w, "unknown", (int64_t)term->truths[TRUTH_UNKNOWN]);
      json_close_object(w);
    }
  json_close_array(w);
}

void coverage_json(const struct coverage *c, struct json_writer *w) {
  json_key(w, "coverage");
  json_open_object(w);
  json_pair_int(w, "rules", (int64_t)c->count);
  json_pair_int(w, "rulesCovered", (int64_t)c->whole_rules);
  json_pair_int(w, "terms", (int64_t)c->terms);
  json_pair_int(w, "termsCovered", (int64_t)c->whole_terms);
  json_key(w, "of");
  json_open_array(w);
  for (size_t i = 0; i < c->count; i++) {
    const struct rule_seen *r = &c->rules[i];
    json_open_object(w);
    json_pair_text(w, "noun", r->noun);
    json_pair_str(w, "name", r->at->name);
    json_pair_text(w, "file", r->at->file);
    json_pair_int(w, "line", r->at->line);
    json_pair_int(w, "asked", (int64_t)r->asked);
    json_pair_int(w, "met", (int64_t)r->met);
    json_pair_int(w, "sent", (int64_t)r->sent);
    json_pair_bool(w, "covered", rule_seen_whole(r));
    put_terms(r, w);
    json_close_object(w);
  }
  json_close_array(w);
  json_close_object(w);
}
