/* export: everything a data directory holds, as a plain SQLite file for analysts. Walks the journal with readers of its own, beside a
 * running engine or offline, and moves each user by the stored rows and decisions, so that users are as of their last event, whatever the
 * engine has written behind. Decides nothing; erased users are not there. Main thread. */
#include "export.h"
#include "arguments.h"
#include "book/retention.h"
#include "kit/clock.h"
#include "program/places.h"
#include "tools_list.h"
#include <stdio.h>
#include <unistd.h>

struct walking {
  struct book *book;
  struct library *library;
  struct places places;
  struct arena arena;
  struct exporting out;
  struct err *e;
  bool ok;
};

static bool take_row(struct walking *w, struct user *u, const struct entry *row, struct err *e) {
  struct recorded r;
  struct str *records = NULL;
  uint64_t *ids = NULL;
  size_t count = 0;
  if (row->kind == ENTRY_CONTROL) return places_fact(&w->places, row->partition, row->body, e);
  if (row->trimmed)
    return volume_scan_decisions(w->out.reader, row->seq, &w->arena, &records, &ids, &count, e) &&
           export_trimmed(&w->out, u, records, ids, count, e);
  if (!recorded_unpack(row->record, &w->arena, &r, e)) return false;
  if (r.decision_count && !volume_scan_decisions(w->out.reader, row->seq, &w->arena, &records, &ids, &count, e)) return false;
  /* The row may say which zone its day is counted in, so the user moves first. */
  if (!row->settled) u->events++;
  return (row->settled || places_row(&w->places, u, row, records, count, e)) && export_row(&w->out, u, row, &r, records, ids, count, e);
}

static bool take_user(void *context, struct user *u) {
  struct walking *w = context;
  const struct program *program; /* the last change of it may have had no row behind it that needed it yet */
  w->ok = places_plain(&w->places, u->partition, &program, w->e) && export_user(&w->out, u, program, w->e);
  arena_reset(&w->arena);
  return w->ok;
}

static bool take_volume(struct walking *w, uint32_t number, struct err *e) {
  struct entry row;
  struct user *u;
  if (!(w->out.reader = volume_reader(w->book, number, e))) return false;
  const uint64_t total = volume_figures(w->out.reader).rows;
  uint64_t rows = 0;
  bool ok = true;
  row.seq = 0;
  volume_scan_everything(w->out.reader);
  e->kind = ERR_NONE;
  while (ok && volume_scan(w->out.reader, 0, &row, &u, e)) {
    ok = take_row(w, u, &row, e);
    arena_reset(&w->arena);
    if (++rows % 1024 == 0)
      tool_progress("exporting", ((double)number + (double)rows / (double)(total ? total : 1)) / (double)book_volumes(w->book));
  }
  if (e->kind != ERR_NONE) ok = err_wrap(e, "volume %u, row %lld", number, (long long)row.seq);
  w->ok = true;
  ok = ok && volume_each_user(w->out.reader, take_user, w, e) && w->ok;
  volume_close(w->out.reader);
  places_clear(&w->places);
  w->places.library = w->library;
  return ok;
}

static bool parse_time(const char *name, const char *text, int64_t *at, struct err *e) {
  return !text || clock_parse(str_from(text), at) ||
         err_set(e, ERR_INPUT, "%s: expected a time like 2025-01-15T22:40:00Z, got \"%s\"", name, text);
}

static bool parse_span(const char *since, const char *until, struct exporting *out, struct err *e) {
  if (!parse_time("--since", since, &out->since, e) || !parse_time("--until", until, &out->until, e)) return false;
  return out->since < out->until || err_set(e, ERR_INPUT, "--until: expected a time after --since %s, got \"%s\"", since, until);
}

static bool write_file(struct walking *w, const char *data, const char *path, bool force, struct err *e) {
  const struct program_from from = {0}; /* what models said is recorded: no plugin is opened */
  if (!tool_outside(path, data, e) || !(w->book = book_open(data, false, e))) return false;
  if (!(w->library = w->places.library = library_new(w->book, &from))) return err_set(e, ERR_INTERNAL, "no memory for the library");
  if (!(w->out.sheet = sheet_begin(path, force, e))) return false;
  bool ok = export_readme(&w->out, e);
  for (uint32_t v = 0; ok && v < book_volumes(w->book); v++) ok = take_volume(w, v, e);
  tool_progress_end();
  if (ok) return sheet_finish(w->out.sheet, e);
  sheet_drop(w->out.sheet);
  return false;
}

int tool_export(int argc, char **argv) {
  const char *path = NULL, *data = "data", *since = NULL, *until = NULL;
  bool force = false, json = false;
  const struct argument list[] = {
      {"--sqlite", ARGUMENT_TEXT, &path, "FILE", "the SQLite file to write", NULL},
      {"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
      {"--since", ARGUMENT_TIME, &since, "TIME", "only what was decided from then on; users are all there", NULL},
      {"--until", ARGUMENT_TIME, &until, "TIME", "only what was decided before", NULL},
      {"--force", ARGUMENT_FLAG, &force, NULL, "replace FILE when it is there", NULL},
      {"--json", ARGUMENT_FLAG, &json, NULL, "the figures as JSON", NULL}};
  const struct usage usage = {
      "export",
      "Writes everything a data directory holds as plain tables for analysts: users, habits, habit_tracking, events, decisions and more.",
      "  kairos export --sqlite study.db --data data\n"
      "  kairos export --sqlite march.db --since 2025-03-01T00:00:00Z --until 2025-04-01T00:00:00Z --data data\n"
      "  sqlite3 study.db \"SELECT outcome, count(*) FROM decisions GROUP BY outcome\"\n",
      ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  struct walking w = {.e = &e, .out = {.since = INT64_MIN, .until = INT64_MAX}};
  w.out.arena = &w.arena;
  if (!path) fprintf(stderr, "kairos export: where to? --sqlite FILE (one person's data: kairos user export U)\n");
  if (!path) return EXIT_USAGE;
  if (!parse_span(since, until, &w.out, &e)) {
    tool_fail(&e);
    return EXIT_USAGE;
  }
  const bool ok = write_file(&w, data, path, force, &e);
  places_clear(&w.places);
  library_free(w.library);
  if (w.book) book_close(w.book);
  arena_free(&w.arena);
  if (!ok) return tool_fail(&e);
  fprintf(stderr, "%s holds people's data in plain text: keep it as you keep the data directory, and delete it when you are done.\n", path);
  printf(json ? "{\"users\":%llu,\"events\":%llu,\"decisions\":%llu}\n" : "%llu users, %llu events, %llu decisions\n",
         (unsigned long long)w.out.users, (unsigned long long)w.out.events, (unsigned long long)w.out.decisions);
  return EXIT_OK;
}
