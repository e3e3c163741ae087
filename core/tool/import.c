/* import: a file of events into a data directory, offline, decided on the events' own time. The same parser, flow and commits as the
 * engine, without the door; sends end as expired without an attempt. A line that is refused is named with its number and reason, and the
 * rest goes on. Main thread. */
#include "accept/accept.h"
#include "arguments.h"
#include "flow/flow.h"
#include "kit/clock.h"
#include "lines.h"
#include "offline.h"
#include "tools_list.h"
#include <stdio.h>

#define BATCH          1000
#define REFUSALS_SHOWN 10

struct importing {
  struct offline *engine;
  struct arena arena; /* one batch */
  struct item *items;
  size_t count;
  uint64_t line, taken, duplicates, refused, decisions, sends;
  uint64_t lines[BATCH];
};

static void refuse_line(struct importing *m, uint64_t line, const char *why) {
  if (m->refused++ < REFUSALS_SHOWN) fprintf(stderr, "line %llu: refused: %s\n", (unsigned long long)line, why);
}

static void count_item(struct importing *m, const struct item *i, uint64_t line) {
  if (i->state == ITEM_REFUSED) refuse_line(m, line, i->err.text);
  m->taken += i->state == ITEM_TAKEN;
  m->duplicates += i->state == ITEM_DUPLICATE;
  m->decisions += i->told_count;
  for (size_t k = 0; k < i->told_count; k++) m->sends += i->told[k].outcome == OUTCOME_SENT;
}

/* One commit a volume and batch. */
static bool flush(struct importing *m, struct err *e) {
  struct item *of_volume[BATCH];
  for (uint32_t v = 0; v < m->engine->volumes; v++) {
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++)
      if (book_volume_of(m->engine->book, book_partition_of(m->engine->book, m->items[i].event.user)) == v) of_volume[n++] = &m->items[i];
    if (n == 0) continue;
    if (!flow_walk(m->engine->flows[v], of_volume, n, &m->arena, e) || !flow_commit(m->engine->flows[v], e)) return false;
    struct user *due[64];
    while (flow_due_take(m->engine->flows[v], due, 64) == 64) continue; /* ticks of history come with their events */
    if (!volume_settle(flow_volume(m->engine->flows[v]), false, e)) return false;
  }
  for (size_t i = 0; i < m->count; i++) count_item(m, &m->items[i], m->lines[i]);
  m->count = 0;
  arena_reset(&m->arena);
  m->items = ARENA_ARRAY(&m->arena, struct item, BATCH);
  return m->items || err_set(e, ERR_INTERNAL, "no memory for a batch");
}

/* The chains of ids that were merged are closed: what they hold does not change while this runs. */
static bool look_elsewhere(const struct offline *o, struct item *item, struct err *e) {
  const struct alias *others[ALIASES_RECENT];
  const struct event *ev = &item->event;
  const size_t count = ev->id_given ? aliases_recent(o->aliases, ev->user, INT64_MIN, others, ALIASES_RECENT) : 0;
  for (size_t i = 0; i < count && item->elsewhere == DUPLICATE_NO; i++) {
    struct volume *v = flow_volume(o->flows[book_volume_of(o->book, book_partition_of(o->book, others[i]->from))]);
    struct err why = {0};
    struct user *u = volume_user(v, others[i]->from, false, &why);
    if (u) item->elsewhere = volume_duplicate(v, u, ev->source, ev->id, ev->body, ev->received, &why);
    if (why.kind != ERR_NONE) return err_set(e, why.kind, "%s", why.text);
  }
  return true;
}

static bool take_line(struct importing *m, struct str line, struct err *e) {
  struct err why = {0};
  struct str text = {arena_text(&m->arena, line.at, line.len), line.len};
  struct item *item = &m->items[m->count];
  *item = (struct item){.kind = ENTRY_EVENT, .may_identify = true, .asked = NO_ONE};
  if (!event_parse(&m->arena, text, clock_now(), STR("import"), true, &item->event, &why) || !event_named(&item->event, &why)) {
    refuse_line(m, m->line, why.text);
    return true;
  }
  if (str_is(item->event.type, "logged_decision")) item->kind = ENTRY_IMPORTED;
  item->event.user = aliases_whom(m->engine->aliases, item->event.user);
  if (!look_elsewhere(m->engine, item, e)) return false;
  m->lines[m->count++] = m->line;
  return m->count < BATCH || flush(m, e);
}

/* What was taken before a line that cannot be read is kept: the import may go on from there. */
static bool import_lines(struct importing *m, struct lines *lines, struct err *e) {
  struct str line;
  struct err why = {0};
  bool ok = (m->items = ARENA_ARRAY(&m->arena, struct item, BATCH)) || err_set(e, ERR_INTERNAL, "no memory for a batch");
  while (ok && lines_next(lines, &line, &why)) {
    m->line = lines->number;
    struct str text = str_trim(line);
    if (text.len) ok = take_line(m, text, e);
    if (m->line % 1000 == 0 && lines->size > 0) tool_progress("importing", (double)lines->bytes / lines->size);
  }
  tool_progress_end();
  ok = ok && flush(m, e);
  if (ok && why.kind != ERR_NONE) *e = why;
  return ok && why.kind == ERR_NONE;
}

int tool_import(int argc, char **argv) {
  const char *file = NULL, *data = "data", *program = NULL;
  bool json = false;
  const struct argument list[] = {
      {"FILE", ARGUMENT_TEXT, &file, NULL, "events as NDJSON, one envelope a line; - for standard input", NULL},
      {"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
      {"--program", ARGUMENT_TEXT, &program, "DIR", "program to decide with (default: the directory's last)", "KAIROS_PROGRAM"},
      {"--json", ARGUMENT_FLAG, &json, NULL, "the figures as JSON", NULL}};
  const struct usage usage = {
      "import", "Takes a file of past events into a data directory; decisions are made on the events' own time and nothing is sent.",
      "  kairos import events.ndjson --data data --program .\n  zcat old.ndjson.gz | kairos import - --data data\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  struct offline engine;
  struct importing m = {.engine = &engine};
  if (!file) {
    fprintf(stderr, "kairos import: which FILE? (- for standard input)\n");
    return EXIT_USAGE;
  }
  struct lines lines; /* opened before the data directory: a name that is wrong must not leave one behind */
  if (!lines_open(&lines, file, &e)) return tool_fail(&e);
  bool ok = offline_open(&engine, data, program, &e) && import_lines(&m, &lines, &e);
  lines_close(&lines);
  offline_close(&engine);
  arena_free(&m.arena);
  if (!ok && engine.refused) tool_fail(&e);
  if (!ok) return engine.refused ? EXIT_FINDINGS : tool_fail(&e);
  const char *format = json ? "{\"taken\":%llu,\"duplicates\":%llu,\"refused\":%llu,\"decisions\":%llu,\"sends\":%llu}\n"
                            : "%llu taken, %llu duplicates, %llu refused, %llu decisions, %llu of them sends\n";
  printf(format, (unsigned long long)m.taken, (unsigned long long)m.duplicates, (unsigned long long)m.refused,
         (unsigned long long)m.decisions, (unsigned long long)m.sends);
  return m.refused ? EXIT_FAILED : EXIT_OK;
}
