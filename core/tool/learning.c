/* learning: events become training rows, in the order in which they would have been decided. Promises the features of live events, because
 * it is the same code on the same order; a line that the vocabulary refuses is counted and left out, as the engine would; a file in
 * which a person's events are out of order is refused. Stores nothing. Main thread. */
#include "learning.h"
#include "accept/accept.h"
#include "arguments.h"
#include "book/retention.h"
#include "kit/clock.h"
#include "kit/map.h"
#include "lines.h"
#include "population.h"
#include "program/recorded.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct person {
  struct user *user;
  int64_t newest; /* when their last event was, UTC ms */
  uint64_t line;  /* where it stands in the file */
};
struct learning {
  const struct program *p;
  struct training_table *table;
  struct arena arena;               /* one event */
  struct map users;                 /* hash of the id → struct person * */
  uint64_t taken, refused, trimmed; /* trimmed: people whose older events were */
  int64_t whole_since;              /* all of theirs that arrived later is there */
  bool knows;                       /* the rows are the population's plans, and so what it knows of these is theirs */
  char first_refusal[300];
  uint64_t line; /* of the file, this one; 0: there is none */
};

static bool refuse(struct learning *l, const char *why) {
  if (l->refused++) return true;
  if (l->line) snprintf(l->first_refusal, sizeof l->first_refusal, "line %llu: %s", (unsigned long long)l->line, why);
  else snprintf(l->first_refusal, sizeof l->first_refusal, "%s", why);
  return true;
}

static bool walk(struct learning *l, struct user *u, const struct event *event, int64_t clock, bool may_identify, struct err *e) {
  struct err why = {0};
  const struct event_type *type = vocabulary_type(l->p->vocabulary, event->type);
  if (type ? !vocabulary_check(l->p->vocabulary, type, event, NULL, &why) : !program_takes(l->p, event->type, &why))
    return refuse(l, why.text);
  if (!features_update(l->p->features, u, event, l->p->vocabulary, may_identify, &why)) return refuse(l, why.text);
  l->taken++;
  return training_table_event(l->table, u, event, clock, &l->arena, e);
}

static struct person *person_of(struct learning *l, struct str id) {
  uint64_t key = hash_64(id), value;
  if (map_get(&l->users, key, &value)) return (struct person *)(uintptr_t)value;
  struct person *p = kit_alloc(sizeof *p);
  struct user *u = user_new();
  if (p && u && map_set(&l->users, key, (uint64_t)(uintptr_t)p)) {
    *p = (struct person){.user = u};
    return p;
  }
  user_free(u);
  kit_free(p);
  return NULL;
}

/* Features count what came before: of a person in another order they would learn what nobody will see. Persons may take turns as they like.
 */
static bool in_order(const struct learning *l, struct person *p, int64_t at, struct err *e) {
  if (l->line && p->line && at < p->newest)
    return err_set(e, ERR_INPUT, "line %llu is older than line %llu of the same person; expected each person's events in order of time",
                   (unsigned long long)l->line, (unsigned long long)p->line);
  p->line = l->line;
  p->newest = at;
  return true;
}

static bool take_text(struct learning *l, struct str text, struct err *e) {
  struct event event;
  struct err why = {0};
  arena_reset(&l->arena);
  if (!event_parse(&l->arena, text, clock_now(), STR("train"), true, &event, &why)) return refuse(l, why.text);
  struct person *p = person_of(l, event.user);
  if (!p) return err_set(e, ERR_INTERNAL, "no memory for a user");
  return in_order(l, p, event.timestamp, e) && walk(l, p->user, &event, event.timestamp, true, e);
}

static bool from_file(struct learning *l, const char *path, struct err *e) {
  struct lines lines;
  struct str line;
  if (!lines_open(&lines, path, e)) return false;
  bool fine = true;
  while (fine && lines_next(&lines, &line, e)) {
    struct str text = str_trim(line);
    l->line = lines.number;
    if (text.len) fine = take_text(l, text, e) || err_wrap(e, "%s", path);
    if (lines.size > 0) tool_progress("reading", (double)lines.bytes / lines.size);
  }
  lines_close(&lines);
  return fine && e->kind == ERR_NONE;
}

static bool from_population(struct learning *l, const struct learning_from *from, struct err *e) {
  int64_t start = (int64_t)tz_day_from_date(2025, 1, 6) * CLOCK_DAY;
  struct population *people = population_new(from->users, from->days, from->seed, start, e);
  struct buf line = {0};
  bool fine = people != NULL;
  while (fine && population_next(people, &line)) {
    fine = take_text(l, buf_view(&line), e);
    if (fine && l->knows && population_truth(people) >= 0) training_table_truth(l->table, population_truth(people));
    tool_progress("living", (double)l->taken / (3.1 * from->users * from->days));
  }
  if (people && population_failed(people)) fine = err_set(e, ERR_INTERNAL, "no memory for a population");
  buf_free(&line);
  population_free(people);
  return fine;
}

static bool take_row(struct learning *l, struct user *u, const struct entry *row, struct err *e) {
  struct recorded r;
  struct event event;
  if (row->kind != ENTRY_EVENT && row->kind != ENTRY_PROFILE && row->kind != ENTRY_IMPORTED) return true;
  if (!recorded_unpack(row->record, &l->arena, &r, e) || !event_parse(&l->arena, row->body, r.received, r.source, r.history, &event, e))
    return err_wrap(e, "journal row %lld", (long long)row->seq);
  return walk(l, u, &event, r.clock, r.may_identify, e);
}

static bool from_journal(struct learning *l, const char *directory, struct err *e) {
  struct book *book = book_open(directory, false, e);
  bool fine = book != NULL;
  for (uint32_t v = 0; fine && v < book_volumes(book); v++) {
    struct volume *reader = volume_reader(book, v, e);
    struct entry row;
    struct user *u;
    fine = reader != NULL;
    e->kind = fine ? ERR_NONE : e->kind;
    fine = fine && volume_trims(reader, &l->trimmed, &l->whole_since, e);
    while (fine && volume_scan(reader, 0, &row, &u, e)) {
      if (row.kind != ENTRY_CONTROL) fine = take_row(l, u, &row, e);
      arena_reset(&l->arena);
    }
    fine = fine && e->kind == ERR_NONE;
    volume_close(reader);
    tool_progress("reading", (double)(v + 1) / book_volumes(book));
  }
  book_close(book);
  return fine;
}

static void free_users(struct learning *l) {
  struct map_slot slot;
  for (size_t cursor = 0; map_next(&l->users, &cursor, &slot);) {
    struct person *p = (struct person *)(uintptr_t)slot.value;
    user_free(p->user);
    kit_free(p);
  }
  map_free(&l->users);
}

bool learning_from_options(struct learning_from *from, const char *file, const char *data, int64_t users, int64_t days, int64_t seed,
                           struct err *e) {
  if (users < 1 || users > 100000) return err_set(e, ERR_INPUT, "--users: expected 1 to 100000, got %lld", (long long)users);
  if (days < 1 || days > 3660) return err_set(e, ERR_INPUT, "--days: expected 1 to 3660, got %lld", (long long)days);
  if (file && data) return err_set(e, ERR_INPUT, "--from and --data: expected one of them: what is learned comes from one place");
  *from = (struct learning_from){.file = file, .data = data, .users = (uint32_t)users, .days = (uint32_t)days, .seed = (uint64_t)seed};
  return true;
}

bool learning_table(const struct program *p, const struct learning_from *from, struct training_table *table, struct err *e) {
  struct learning l = {.p = p, .table = table, .knows = training_table_asks(table, STR("workout_planned"), STR("workout_completed"))};
  bool fine = from->file ? from_file(&l, from->file, e) : from->data ? from_journal(&l, from->data, e) : from_population(&l, from, e);
  tool_progress_end();
  free_users(&l);
  arena_free(&l.arena);
  if (l.refused == 1) fprintf(stderr, "1 event was refused: %s\n", l.first_refusal);
  else if (l.refused) fprintf(stderr, "%llu events were refused, the first: %s\n", (unsigned long long)l.refused, l.first_refusal);
  if (fine) fprintf(stderr, "%llu events\n", (unsigned long long)l.taken);
  char since[32];
  clock_format(l.whole_since, since);
  if (fine && l.trimmed)
    fprintf(stderr, "older events of %llu people were trimmed: nothing is learned from what arrived before, and all after %.10s is there\n",
            (unsigned long long)l.trimmed, since);
  return fine && training_table_finish(table, e);
}
