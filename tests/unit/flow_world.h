/* A world for tests of flow and lane: a data directory, a program from rule text, one flow a volume. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
  char directory[400], data[420];
  struct book *book;
  struct library *library;
  const struct program *program;
  struct flow *flows[BOOK_VOLUMES_MOST];
  uint32_t volumes;
  struct arena arena; /* of everything that was said and told */
  struct err e;
};

#ifndef fine
#define fine(e, call)                                                                                                                      \
  do {                                                                                                                                     \
    if (!(call)) fail_msg("%s: %s", #call, (e)->text);                                                                                     \
  } while (0)
#endif

static const struct program_from world_from = {0};

static inline int64_t at(const char *iso) {
  int64_t ms;
  if (!clock_parse(str_from(iso), &ms)) fail_msg("bad time %s", iso);
  return ms;
}

/* Writes rules/x.lua, builds, stores, adds to the library. */
static inline const struct program *world_program(struct world *w, const char *rules) {
  char path[440];
  snprintf(path, sizeof path, "%s/program/rules", w->directory);
  fine(&w->e, file_make_directory(path, 0755, &w->e));
  snprintf(path, sizeof path, "%s/program/rules/x.lua", w->directory);
  fine(&w->e, file_write_atomic(path, str_from(rules), 0644, &w->e));
  snprintf(path, sizeof path, "%s/program", w->directory);
  struct program *p = program_from_directory(path, &world_from, &w->e);
  fine(&w->e, p != NULL);
  if (p->findings.errors) {
    struct buf out = {0};
    program_print_findings(p, &out);
    fail_msg("%.*s", (int)out.len, out.at);
  }
  fine(&w->e, program_store(p, w->book, &w->e));
  return library_add(w->library, p);
}

static inline void world_activate(struct world *w, const struct program *p) {
  char fact[160];
  snprintf(fact, sizeof fact, "{\"kind\":\"program\",\"name\":\"%s\"}", p->digest);
  for (uint32_t part = 0; part < BOOK_PARTITIONS; part++)
    fine(&w->e, flow_fact(w->flows[book_volume_of(w->book, part)], part, str_from(fact), &w->e));
  for (uint32_t v = 0; v < w->volumes; v++) fine(&w->e, flow_commit(w->flows[v], &w->e));
  w->program = p;
}

static inline void world_start(struct world *w) {
  w->book = book_open(w->data, true, &w->e);
  fine(&w->e, w->book != NULL);
  w->library = library_new(w->book, &world_from);
  w->volumes = book_volumes(w->book);
  for (uint32_t v = 0; v < w->volumes; v++) fine(&w->e, (w->flows[v] = flow_open(w->book, v, w->library, &w->e)) != NULL);
}

static inline void world_stop(struct world *w) {
  for (uint32_t v = 0; v < w->volumes; v++) flow_close(w->flows[v]);
  memset(w->flows, 0, sizeof w->flows);
  library_free(w->library);
  if (w->book) book_close(w->book);
  w->library = NULL;
  w->book = NULL;
}

static inline void world_names(struct world *w, const char *name) {
  *w = (struct world){0};
  snprintf(w->directory, sizeof w->directory, "%s/%s-%d", KAIROS_BINARY_DIR, name, (int)getpid());
  snprintf(w->data, sizeof w->data, "%s/data", w->directory);
  file_remove_tree(w->directory, NULL);
}

static inline struct world *world_new(const char *name, uint32_t volumes, const char *rules) {
  struct world *w = kit_alloc(sizeof *w);
  world_names(w, name);
  fine(&w->e, file_make_directory(w->directory, 0755, &w->e));
  fine(&w->e, book_create(w->data, volumes, &w->e));
  world_start(w);
  world_activate(w, world_program(w, rules));
  return w;
}

static inline void world_free(struct world *w) {
  world_stop(w);
  file_remove_tree(w->directory, NULL);
  arena_free(&w->arena);
  kit_free(w);
}

/* The data directory as it lies there, as if the process were killed now, into a world of its own. */
static inline void world_copy_folder(const char *from, const char *to) {
  struct arena a = {0};
  struct err e = {0};
  struct file_entry *entries;
  size_t count;
  fine(&e, file_make_directory(to, 0700, &e));
  fine(&e, file_list(from, &a, &entries, &count, &e));
  for (size_t i = 0; i < count; i++) {
    const char *source = arena_printf(&a, "%s/%s", from, entries[i].name), *target = arena_printf(&a, "%s/%s", to, entries[i].name);
    struct buf bytes = {0};
    if (entries[i].kind == 'd') world_copy_folder(source, target);
    if (entries[i].kind != 'f' || strstr(entries[i].name, "-shm")) continue;
    fine(&e, file_read(source, &bytes, SIZE_MAX, &e));
    fine(&e, file_write_atomic(target, buf_view(&bytes), 0600, &e));
    buf_free(&bytes);
  }
  arena_free(&a);
}

static inline struct world *world_killed(struct world *w, const char *name) {
  struct world *copy = kit_alloc(sizeof *copy);
  world_names(copy, name);
  world_copy_folder(w->data, copy->data);
  world_start(copy);
  copy->program = flow_program(copy->flows[0], 0);
  return copy;
}

/* ---- saying ---- */

/* An envelope; `id` and `data` may be NULL. */
static inline const char *world_envelope(struct world *w, const char *user, const char *id, const char *type, int64_t clock,
                                         const char *data) {
  char time[32];
  int length = (int)clock_format(clock, time);
  return arena_printf(&w->arena, "{%s%s%s\"userId\":\"%s\",\"eventType\":\"%s\",\"timestamp\":\"%.*s\",\"data\":%s}", id ? "\"id\":\"" : "",
                      id ? id : "", id ? "\"," : "", user, type, length, time, data ? data : "{}");
}

static inline struct item *world_item(struct world *w, enum entry_kind kind, const char *envelope, int64_t received, bool history) {
  struct item *item = ARENA_NEW(&w->arena, struct item);
  item->kind = kind;
  item->may_identify = true;
  item->asked = NO_ONE;
  item->results = &w->arena;
  if (!event_parse(&w->arena, str_from(envelope), received, STR("test"), history, &item->event, &w->e)) fail_msg("%s", w->e.text);
  return item;
}

static inline struct item *world_event(struct world *w, const char *user, const char *id, const char *type, int64_t clock, bool history,
                                       const char *data) {
  return world_item(w, ENTRY_EVENT, world_envelope(w, user, id, type, clock, data), history ? clock_now() : clock, history);
}

/* Walks a list in its order, each volume its own, and commits. */
static inline void world_walk(struct world *w, struct item **items, size_t count) {
  struct item **mine = ARENA_ARRAY(&w->arena, struct item *, count + 1);
  for (uint32_t v = 0; v < w->volumes; v++) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
      if (book_volume_of(w->book, book_partition_of(w->book, items[i]->event.user)) == v) mine[n++] = items[i];
    if (n == 0) continue;
    fine(&w->e, flow_walk(w->flows[v], mine, n, &w->arena, &w->e));
    fine(&w->e, flow_commit(w->flows[v], &w->e));
    struct user *due[16];
    while (flow_due_take(w->flows[v], due, 16) == 16) continue;
    struct letter *letters[16];
    for (size_t k; (k = flow_letters_take(w->flows[v], letters, 16)) > 0;)
      for (size_t i = 0; i < k; i++) letter_free(letters[i]);
  }
}

static inline struct item *world_say(struct world *w, struct item *item) {
  world_walk(w, &item, 1);
  return item;
}

/* A grown-up in Berlin who has said yes. */
static inline void world_person(struct world *w, const char *user, int64_t clock, bool history) {
  const char *profile = world_envelope(w, user, NULL, "profile_updated", clock, "{\"timezone\":\"Europe/Berlin\",\"age\":40}");
  world_say(w, world_item(w, ENTRY_PROFILE, profile, history ? clock_now() : clock, history));
  world_say(w, world_item(w, ENTRY_CONSENT, world_envelope(w, user, NULL, "opt_in", clock, NULL), history ? clock_now() : clock, history));
}

static inline struct flow *world_flow(struct world *w, const char *user) {
  return w->flows[book_volume_of(w->book, book_partition_of(w->book, str_from(user)))];
}

static inline struct user *world_user(struct world *w, const char *user) {
  struct user *u = volume_user(flow_volume(world_flow(w, user)), str_from(user), false, &w->e);
  if (!u) fail_msg("no user %s", user ? user : "without a name");
  return u;
}

static inline struct str world_state(struct world *w, const char *user) {
  struct buf out = {0};
  assert_true(user_encode(world_user(w, user), &out));
  struct str copy = {arena_text(&w->arena, out.at, out.len), out.len};
  buf_free(&out);
  return copy;
}

/* ---- looking ---- */

/* Calls `each` for every row of a volume, in order, with its decisions' records. */
struct world_row {
  struct entry entry;
  struct str user, *records;
  uint64_t *ids;
  size_t count;
};
static inline void world_rows(struct world *w, uint32_t volume, void (*each)(void *context, const struct world_row *row), void *context) {
  struct volume *v = volume_reader(w->book, volume, &w->e);
  fine(&w->e, v != NULL);
  struct world_row row;
  struct user *u;
  w->e.kind = ERR_NONE;
  while (volume_scan(v, 0, &row.entry, &u, &w->e)) {
    struct arena a = {0};
    row.count = 0;
    row.user = row.entry.kind == ENTRY_CONTROL ? (struct str){0} : u->id;
    if (row.entry.kind != ENTRY_CONTROL)
      fine(&w->e, volume_scan_decisions(v, row.entry.seq, &a, &row.records, &row.ids, &row.count, &w->e));
    each(context, &row);
    arena_free(&a);
  }
  if (w->e.kind != ERR_NONE) fail_msg("%s", w->e.text);
  volume_close(v);
}

/* All decisions of a data directory as one text: id, record, a line each, in order of id. */
struct world_line {
  uint64_t id;
  char *text;
};
struct world_lines {
  struct world *world;
  struct world_line *at;
  size_t count, cap;
};
static inline void world_take_lines(void *context, const struct world_row *row) {
  struct world_lines *l = context;
  for (size_t i = 0; i < row->count; i++) {
    if (l->count == l->cap) {
      l->cap = l->cap ? l->cap * 2 : 64;
      l->at = realloc(l->at, l->cap * sizeof *l->at);
      assert_non_null(l->at);
    }
    l->at[l->count++] = (struct world_line){row->ids[i], arena_text(&l->world->arena, row->records[i].at, row->records[i].len)};
  }
}
static inline int world_line_order(const void *a, const void *b) {
  const struct world_line *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}
static inline struct world_lines world_decisions(struct world *w) {
  struct world_lines l = {.world = w};
  for (uint32_t v = 0; v < w->volumes; v++) world_rows(w, v, world_take_lines, &l);
  if (l.count) qsort(l.at, l.count, sizeof *l.at, world_line_order);
  return l;
}
static inline void expect_same_decisions(struct world *a, struct world *b) {
  struct world_lines x = world_decisions(a), y = world_decisions(b);
  for (size_t i = 0; i < x.count && i < y.count; i++)
    if (strcmp(x.at[i].text, y.at[i].text) != 0) fail_msg("decision %zu differs:\n%s\n%s", i, x.at[i].text, y.at[i].text);
  assert_int_equal(x.count, y.count);
  free(x.at);
  free(y.at);
}
