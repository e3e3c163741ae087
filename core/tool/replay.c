/* replay: re-derives every decision from the journal and compares it with what is stored, byte for byte. Beliefs, clocks and given ids come
 * from the records, so the answer does not depend on machine, processor or time zone; only the rules, the features and the safeguards are
 * run again. Reads a data directory with readers of its own: beside a running engine or offline. Main thread. */
#include "arguments.h"
#include "flow/flow.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "stored.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

struct replaying {
  struct book *book;
  struct library *library;
  struct flow *flow;
  struct volume *reader;
  struct user *user; /* of the row that is walked now */
  int64_t seq;
  uint64_t rows, decisions, different;
  struct arena arena;
  struct str *stored;
  size_t stored_count;
  char first[2048]; /* the first difference, in words */
};

static void note_difference(struct replaying *r, struct str stored, struct str derived) {
  if (r->different++ > 0) return;
  size_t at = 0;
  while (at < stored.len && at < derived.len && stored.at[at] == derived.at[at]) at++;
  size_t from = at > 60 ? at - 60 : 0;
  snprintf(r->first, sizeof r->first, "row %lld, byte %zu:\n  stored:  …%.*s\n  derived: …%.*s", (long long)r->seq, at,
           (int)(stored.len - from > 160 ? 160 : stored.len - from), stored.at + from,
           (int)(derived.len - from > 160 ? 160 : derived.len - from), derived.at + from);
}

static bool compare(void *context, const struct kept *k, struct err *e) {
  (void)e;
  struct replaying *r = context;
  for (size_t i = 0; i < k->count || i < r->stored_count; i++) {
    struct str derived = i < k->count ? k->records[i] : (struct str){0};
    struct str stored = i < r->stored_count ? r->stored[i] : (struct str){0};
    if (!str_eq(derived, stored)) note_difference(r, stored, derived);
  }
  return true;
}

static struct user *row_user(void *context, struct str id, bool create, struct err *e) {
  (void)id;
  (void)create;
  (void)e;
  return ((struct replaying *)context)->user;
}

/* What POST /v1/decide asked for stands in the envelope's data. */
static uint32_t asked_trigger(const struct program *p, const struct event *e, struct arena *scratch) {
  struct str name = json_text(&e->json, json_get(&e->json, e->data, "trigger"), scratch);
  return p && name.len ? rules_trigger(p->rules, name) : NO_ONE;
}

static bool walk_row(struct replaying *r, const struct entry *row, struct err *e) {
  struct recorded recorded;
  struct item item = {.kind = row->kind, .asked = NO_ONE, .recorded = &recorded}, *items = &item;
  if (!recorded_unpack(row->record, &r->arena, &recorded, e)) return false;
  if (!event_parse(&r->arena, row->body, recorded.received, recorded.source, recorded.history, &item.event, e))
    return err_wrap(e, "stored event");
  if (recorded.given_id.len) item.event.id = recorded.given_id;
  item.may_identify = recorded.may_identify;
  if (row->kind == ENTRY_ASKED) item.asked = asked_trigger(flow_program(r->flow, row->partition), &item.event, &r->arena);
  uint64_t *ids;
  if (recorded.decision_count && !volume_scan_decisions(r->reader, row->seq, &r->arena, &r->stored, &ids, &r->stored_count, e))
    return false;
  r->decisions += r->stored_count;
  if (!flow_walk(r->flow, &items, 1, &r->arena, e)) return false;
  if (item.state == ITEM_REFUSED) note_difference(r, STR("taken"), str_from(item.err.text)); /* nothing was compared */
  return true;
}

static bool replay_volume(struct replaying *r, uint32_t number, struct err *e) {
  if (!(r->reader = volume_reader(r->book, number, e))) return false;
  struct flow_keeper keeper = {compare, row_user, r};
  if (!(r->flow = flow_for_replay(r->library, &keeper))) return err_set(e, ERR_INTERNAL, "no memory for a replay");
  struct entry row;
  bool ok = true;
  uint64_t rows = r->rows, total = volume_figures(r->reader).rows;
  e->kind = ERR_NONE;
  while (ok && volume_scan(r->reader, 0, &row, &r->user, e)) {
    r->seq = row.seq;
    r->stored_count = 0;
    ok = row.kind == ENTRY_CONTROL ? flow_apply_fact(r->flow, row.partition, row.body, e) : walk_row(r, &row, e);
    arena_reset(&r->arena);
    if (++r->rows % 4096 == 0) tool_progress("replaying", (double)(r->rows - rows) / (double)(total ? total : 1));
  }
  if (e->kind != ERR_NONE) ok = err_wrap(e, "volume %u, row %lld", number, (long long)r->seq);
  flow_close(r->flow);
  volume_close(r->reader);
  return ok;
}

static void print_result(const struct replaying *r, bool json, double seconds) {
  if (json) {
    printf("{\"rows\":%llu,\"decisions\":%llu,\"different\":%llu,\"seconds\":%.3f}\n", (unsigned long long)r->rows,
           (unsigned long long)r->decisions, (unsigned long long)r->different, seconds);
    return;
  }
  printf("%llu rows, %llu decisions, %llu different (%.0f rows/s)\n", (unsigned long long)r->rows, (unsigned long long)r->decisions,
         (unsigned long long)r->different, seconds > 0 ? (double)r->rows / seconds : 0);
  if (r->different) printf("first difference: %s\n", r->first);
}

static bool open_replay(struct replaying *r, const char *data, struct err *e) {
  static const struct program_from from = {0}; /* what models said is recorded: no plugin is opened */
  if (!(r->book = book_open(data, false, e))) return false;
  r->library = library_new(r->book, &from);
  return r->library || err_set(e, ERR_INTERNAL, "no memory for the library");
}

int tool_replay(int argc, char **argv) {
  const char *data = "data";
  bool verify = false, json = false, print = false;
  const struct argument list[] = {{"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
                                  {"--verify", ARGUMENT_FLAG, &verify, NULL, "leave with 3 when a decision differs", NULL},
                                  {"--print", ARGUMENT_FLAG, &print, NULL, "only prints the stored decisions, one record a line", NULL},
                                  {"--json", ARGUMENT_FLAG, &json, NULL, "the figures as JSON", NULL}};
  const struct usage usage = {"replay", "Re-derives every decision from the journal and compares it with what is stored, byte for byte.",
                              "  kairos replay --verify --data data\n  kairos replay --print --data data > decisions.ndjson\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct replaying r = {0};
  struct err e = {0};
  int64_t begun = clock_monotonic();
  bool ok = open_replay(&r, data, &e);
  if (ok && print) ok = stored_print(r.book, &e);
  for (uint32_t v = 0; ok && !print && v < book_volumes(r.book); v++) ok = replay_volume(&r, v, &e);
  tool_progress_end();
  arena_free(&r.arena);
  library_free(r.library);
  if (r.book) book_close(r.book);
  if (!ok) return tool_fail(&e);
  if (print) return EXIT_OK;
  print_result(&r, json, (double)(clock_monotonic() - begun) / 1e9);
  return verify && r.different ? EXIT_FINDINGS : EXIT_OK;
}
