/* against_print: the difference between two programs, for people and as JSON. Rules and segments by name, changes as they happened. Main
 * thread. */
#include "against.h"
#include "arguments.h"
#include "kit/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"same", "gained", "lost", "changed"};

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct tally *)a)->name, ((const struct tally *)b)->name);
}

/* A copy in order; the caller frees. */
static struct tally *sorted(const struct tallies *t) {
  struct tally *list = kit_alloc((t->count + 1) * sizeof *list);
  if (!list) return NULL;
  if (t->count) memcpy(list, t->at, t->count * sizeof *list);
  if (t->count) qsort(list, t->count, sizeof *list, by_name);
  return list;
}

/* ---- for people ---- */

static void print_table(const char *title, const struct tallies *t) {
  struct tally *list = sorted(t);
  int width = (int)strlen(title);
  for (size_t i = 0; list && i < t->count; i++)
    if ((int)strlen(list[i].name) > width) width = (int)strlen(list[i].name);
  printf("\n%-*s  gained    lost changed    same  sends before  after\n", width, title);
  for (size_t i = 0; list && i < t->count; i++) {
    const struct tally *one = &list[i];
    printf("%-*s %7llu %7llu %7llu %7llu %13llu %6llu\n", width, one->name, (unsigned long long)one->changes[CHANGE_GAINED],
           (unsigned long long)one->changes[CHANGE_LOST], (unsigned long long)one->changes[CHANGE_CHANGED],
           (unsigned long long)one->changes[CHANGE_SAME], (unsigned long long)one->sends_before, (unsigned long long)one->sends_after);
  }
  kit_free(list);
}

static void print_change(const struct changed *c) {
  char at[32];
  int length = (int)clock_format(c->at, at);
  printf("  %-7s %.*s " STR_FORMAT " " STR_FORMAT ": ", kinds[c->kind], length, at, STR_ARG(c->user), STR_ARG(c->trigger));
  if (c->kind == CHANGE_CHANGED) printf(STR_FORMAT " -> " STR_FORMAT "\n", STR_ARG(c->before), STR_ARG(c->after));
  else printf(STR_FORMAT "\n", STR_ARG(c->kind == CHANGE_LOST ? c->before : c->after));
}

static const char *base_name(const struct against *g) {
  return g->stored ? "what is stored" : g->base.program->brief;
}

static void print_people(const struct against *g) {
  const uint64_t *n = g->all.changes;
  char since[32];
  printf("%llu events of %llu people: %s against %s\n", (unsigned long long)g->events, (unsigned long long)g->people,
         g->candidate.program->brief, base_name(g));
  clock_format(g->whole_since, since);
  if (g->trimmed)
    printf("older events of %llu of them were trimmed: what arrived after %.10s is all there, and what came before cannot be compared\n",
           (unsigned long long)g->trimmed, since);
  printf("%llu gained, %llu lost, %llu changed, %llu the same; %llu sends before, %llu after\n", (unsigned long long)n[CHANGE_GAINED],
         (unsigned long long)n[CHANGE_LOST], (unsigned long long)n[CHANGE_CHANGED], (unsigned long long)n[CHANGE_SAME],
         (unsigned long long)g->all.sends_before, (unsigned long long)g->all.sends_after);
  if (g->rules.count) print_table("rule", &g->rules);
  if (g->segments.count) print_table(g->by, &g->segments);
  if (g->change_count) printf("\nthe first %zu:\n", g->change_count);
  for (size_t i = 0; i < g->change_count; i++) print_change(&g->changes[i]);
  if (g->candidate.refused) printf("\n%llu events would be refused\n", (unsigned long long)g->candidate.refused);
}

/* ---- as JSON ---- */

static void put_tally(struct json_writer *w, const char *key, const struct tally *t) {
  json_open_object(w);
  if (key) json_pair_text(w, key, t->name);
  for (int k = CHANGE_GAINED; k <= CHANGE_CHANGED; k++) json_pair_int(w, kinds[k], (int64_t)t->changes[k]);
  json_pair_int(w, kinds[CHANGE_SAME], (int64_t)t->changes[CHANGE_SAME]);
  json_pair_int(w, "sendsBefore", (int64_t)t->sends_before);
  json_pair_int(w, "sendsAfter", (int64_t)t->sends_after);
  json_close_object(w);
}

static void put_table(struct json_writer *w, const char *name, const char *key, const struct tallies *t) {
  struct tally *list = sorted(t);
  json_key(w, name);
  json_open_array(w);
  for (size_t i = 0; list && i < t->count; i++) put_tally(w, key, &list[i]);
  json_close_array(w);
  kit_free(list);
}

static void put_change(struct json_writer *w, const struct changed *c) {
  char at[32];
  json_open_object(w);
  json_pair_text(w, "kind", kinds[c->kind]);
  json_pair_str(w, "at", (struct str){at, clock_format(c->at, at)});
  json_pair_str(w, "user", c->user);
  json_pair_str(w, "trigger", c->trigger);
  if (c->before.len) json_pair_str(w, "before", c->before);
  if (c->after.len) json_pair_str(w, "after", c->after);
  json_close_object(w);
}

static void print_json(const struct against *g) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "program", g->candidate.program->digest);
  json_pair_text(&w, "against", g->stored ? "stored" : g->base.program->digest);
  json_pair_int(&w, "events", (int64_t)g->events);
  json_pair_int(&w, "people", (int64_t)g->people);
  if (g->trimmed) {
    char since[32];
    json_pair_int(&w, "trimmedPeople", (int64_t)g->trimmed);
    json_pair_str(&w, "wholeSince", (struct str){since, clock_format(g->whole_since, since)});
  }
  json_pair_int(&w, "refusedEvents", (int64_t)g->candidate.refused);
  json_pair_int(&w, "refusedLines", (int64_t)g->refused_lines);
  json_key(&w, "all");
  put_tally(&w, NULL, &g->all);
  put_table(&w, "rules", "trigger", &g->rules);
  if (g->by) json_pair_text(&w, "segmentedBy", g->by);
  put_table(&w, "segments", "segment", &g->segments);
  json_key(&w, "changes");
  json_open_array(&w);
  for (size_t i = 0; i < g->change_count; i++) put_change(&w, &g->changes[i]);
  json_close_array(&w);
  json_close_object(&w);
  tool_print(&out);
}

void against_print(const struct against *g, bool json) {
  if (g->refused_lines) fprintf(stderr, "%llu lines were refused; the first: %s\n", (unsigned long long)g->refused_lines, g->first_refusal);
  if (json) print_json(g);
  else print_people(g);
}
