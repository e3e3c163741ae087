/* replay: re-derives every decision from the journal and compares it with what is stored, byte for byte. Beliefs, clocks and given ids come
 * from the records, so the answer does not depend on machine, processor or time zone; only the rules, the features and the safeguards are
 * run again. With --recompute the models are asked again as well, and what they say is compared with what they said; decisions are still
 * derived from the recorded beliefs, so that one difference does not become many. Reads a data directory with readers of its own: beside a
 * running engine or offline. Main thread. */
#include "against.h"
#include "arguments.h"
#include "book/retention.h"
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
  uint64_t rows, decisions, different, beliefs, states, settled;
  struct arena arena;
  struct str *stored;
  size_t stored_count;
  struct difference first; /* in the order of the journal */
  bool recompute, asked;   /* asked: the models, for this row */
  bool told;               /* why models of some program could not be opened; of the first one */
  struct models_again again;
  char store[4096];
  struct arena kept; /* the volume's checkpoints, and which of them comes next */
  struct checkpoint *checkpoints;
  size_t checkpoint_count, checkpoint;
};

static void place_difference(struct replaying *r) {
  if (r->different++ > 0) return;
  r->first.seq = r->seq;
  snprintf(r->first.user, sizeof r->first.user, STR_FORMAT, STR_ARG(r->user->id));
}

static bool compare(void *context, const struct kept *k, struct err *e) {
  (void)e;
  struct replaying *r = context;
  const struct program *p = flow_program(r->flow, k->entry->partition);
  if (r->recompute && !r->asked && !difference_of_beliefs(p, k->recorded, 0, NULL, &r->first)) place_difference(r);
  for (size_t i = 0; i < k->count || i < r->stored_count; i++) {
    struct str derived = i < k->count ? k->records[i] : (struct str){0};
    struct str stored = i < r->stored_count ? r->stored[i] : (struct str){0};
    if (str_eq(derived, stored)) continue;
    if (!r->first.found) difference_of_records(stored, derived, &r->first);
    place_difference(r);
  }
  return true;
}

/* A model whose code or state is not there says nothing again: why is in the findings, and the difference alone would not tell it. */
static void tell_unopened(struct replaying *r, const struct program *p) {
  if (p->findings.errors == 0 || r->told) return;
  r->told = true;
  for (size_t i = 0; i < p->findings.count; i++) {
    const struct finding *f = &p->findings.at[i];
    if (f->level == FINDING_ERROR) fprintf(stderr, "kairos: program %s: %s:%d: %s\n", p->brief, f->file, f->line, f->text);
  }
}

static void believe(void *context, const struct belief_ask *ask, struct recorded *recorded, struct arena *a) {
  struct replaying *r = context;
  const struct program *p = ask->program;
  struct value *said = ARENA_ARRAY(a, struct value, beliefs_count(p->models) + 1);
  tell_unopened(r, p);
  r->asked = true;
  r->beliefs += recorded->belief_count;
  if (!said || !models_ask_again(&r->again, ask, flow_controls(r->flow, ask->partition), recorded->clock, said, a)) return;
  if (!difference_of_beliefs(p, recorded, ask->models, said, &r->first)) place_difference(r);
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
  if (item.state != ITEM_REFUSED) return true;
  if (!r->first.found) difference_of_records(STR("taken"), str_from(item.err.text), &r->first); /* nothing was compared */
  place_difference(r);
  return true;
}

/* Where a checkpoint was taken, the user that was derived must be the one that was kept. */
static bool meet_checkpoint(struct replaying *r, struct err *e) {
  unsigned char digest[32];
  while (r->checkpoint < r->checkpoint_count && r->checkpoints[r->checkpoint].head < r->seq) r->checkpoint++;
  if (r->checkpoint == r->checkpoint_count || r->checkpoints[r->checkpoint].head != r->seq) return true;
  if (!user_digest(r->user, digest)) return err_set(e, ERR_INTERNAL, "no memory for a digest");
  if (memcmp(digest, r->checkpoints[r->checkpoint].digest, sizeof digest) == 0) {
    r->states++;
    return true;
  }
  if (!r->first.found) difference_of_records(STR("the checkpoint's state"), STR("another state"), &r->first);
  place_difference(r);
  return true;
}

static bool take_row(struct replaying *r, const struct entry *row, struct err *e) {
  if (row->kind == ENTRY_CONTROL) return flow_apply_fact(r->flow, row->partition, row->body, e);
  /* Behind the checkpoint that its user starts from there is nothing to derive it from. */
  r->settled += row->settled;
  return row->settled || (walk_row(r, row, e) && meet_checkpoint(r, e));
}

static bool replay_volume(struct replaying *r, uint32_t number, struct err *e) {
  if (!(r->reader = volume_reader(r->book, number, e))) return false;
  struct flow_keeper keeper = {compare, row_user, r->recompute ? believe : NULL, r};
  if (!(r->flow = flow_for_replay(r->library, &keeper))) return err_set(e, ERR_INTERNAL, "no memory for a replay");
  struct entry row;
  bool ok = volume_checkpoints(r->reader, &r->kept, &r->checkpoints, &r->checkpoint_count, e);
  uint64_t rows = r->rows, total = volume_figures(r->reader).rows;
  volume_scan_everything(r->reader);
  r->checkpoint = 0;
  if (ok) e->kind = ERR_NONE;
  while (ok && volume_scan(r->reader, 0, &row, &r->user, e)) {
    r->seq = row.seq;
    r->stored_count = 0;
    r->asked = false;
    ok = take_row(r, &row, e);
    arena_reset(&r->arena);
    if (++r->rows % 4096 == 0) tool_progress("replaying", (double)(r->rows - rows) / (double)(total ? total : 1));
  }
  if (e->kind != ERR_NONE) ok = err_wrap(e, "volume %u, row %lld", number, (long long)r->seq);
  flow_close(r->flow);
  volume_close(r->reader);
  arena_reset(&r->kept);
  return ok;
}

static void print_json(const struct replaying *r, double seconds) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_int(&w, "rows", (int64_t)r->rows);
  json_pair_int(&w, "decisions", (int64_t)r->decisions);
  if (r->recompute) json_pair_int(&w, "beliefs", (int64_t)r->beliefs);
  if (r->settled) json_pair_int(&w, "behindCheckpoints", (int64_t)r->settled);
  if (r->states) json_pair_int(&w, "states", (int64_t)r->states);
  json_pair_int(&w, "different", (int64_t)r->different);
  json_pair_double(&w, "seconds", (double)(int64_t)(seconds * 1000) / 1000);
  if (r->different) {
    json_key(&w, "first");
    json_open_object(&w);
    json_pair_text(&w, "user", r->first.user);
    json_pair_int(&w, "seq", r->first.seq);
    if (r->first.decision[0]) json_pair_text(&w, "decision", r->first.decision);
    json_pair_text(&w, "name", r->first.name);
    json_pair_text(&w, "recorded", r->first.recorded);
    json_pair_text(&w, "derived", r->first.derived);
    json_close_object(&w);
  }
  json_close_object(&w);
  tool_print(&out);
}

static void print_result(const struct replaying *r, double seconds) {
  printf("%llu rows, %llu decisions, ", (unsigned long long)r->rows, (unsigned long long)r->decisions);
  if (r->recompute) printf("%llu beliefs, ", (unsigned long long)r->beliefs);
  printf("%llu different (%.0f rows/s)\n", (unsigned long long)r->different, seconds > 0 ? (double)r->rows / seconds : 0);
  if (r->settled)
    printf("%llu rows lie behind a checkpoint: older events were trimmed, and their users start from the state kept there\n",
           (unsigned long long)r->settled);
  if (r->states) printf("%llu states that were kept are the ones derived\n", (unsigned long long)r->states);
  if (!r->different) return;
  printf("first difference: user \"%s\", row %lld%s%s: %s was %s, now it is %s\n", r->first.user, (long long)r->first.seq,
         r->first.decision[0] ? ", decision " : "", r->first.decision, r->first.name, r->first.recorded, r->first.derived);
}

static bool open_replay(struct replaying *r, const char *data, struct err *e) {
  struct program_from from = {0}; /* what models said is recorded: no plugin is opened */
  snprintf(r->store, sizeof r->store, "%s/store", data);
  if (r->recompute)
    from = (struct program_from){.plugin_directory = tool_plugin_directory(),
                                 .store_directory = r->store}; /* those that ran are in the store */
  if (!(r->book = book_open(data, false, e))) return false;
  r->again.library = r->library = library_new(r->book, &from);
  return r->library || err_set(e, ERR_INTERNAL, "no memory for the library");
}

static void close_replay(struct replaying *r) {
  tool_progress_end();
  arena_free(&r->arena);
  arena_free(&r->kept);
  models_again_close(&r->again);
  library_free(r->library);
  if (r->book) book_close(r->book);
}

static int rederive(struct replaying *r, const char *data, bool print, bool json, bool verify) {
  struct err e = {0};
  int64_t begun = clock_monotonic();
  bool ok = open_replay(r, data, &e);
  if (ok && print) ok = stored_print(r->book, &e);
  for (uint32_t v = 0; ok && !print && v < book_volumes(r->book); v++) ok = replay_volume(r, v, &e);
  close_replay(r);
  if (!ok) return tool_fail(&e);
  if (print) return EXIT_OK;
  (json ? print_json : print_result)(r, (double)(clock_monotonic() - begun) / 1e9);
  return verify && r->different ? EXIT_FINDINGS : EXIT_OK;
}

/* Which of the two ways is meant; a word that belongs to the other one is a mistake, not a wish to be ignored. */
static const char *misplaced(const struct against_options *o) {
  if (!o->program && o->file) return "a FILE of events needs --program DIR";
  if (o->file && o->program && arguments_said("--data") && against_is_directory(o->against) && file_exists(o->against))
    return "--data does not go with a FILE and --against DIR: nothing is read from a data directory then";
  if (o->file && strcmp(o->against, "stored") == 0)
    return "--against stored: a file holds no decisions; name live, a digest or a directory";
  return NULL;
}

int tool_replay(int argc, char **argv) {
  bool print = false;
  struct replaying r = {0};
  struct against_options o = {.data = "data", .against = "live", .most = 20};
  const struct argument list[] = {
      {"FILE", ARGUMENT_TEXT, &o.file, NULL, "events as NDJSON instead of a journal; - for standard input (with --program)", NULL},
      {"--data", ARGUMENT_TEXT, &o.data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
      {"--verify", ARGUMENT_FLAG, &o.verify, NULL, "leave with 3 when a decision differs", NULL},
      {"--recompute", ARGUMENT_FLAG, &r.recompute, NULL, "ask the models again, too", NULL},
      {"--print", ARGUMENT_FLAG, &print, NULL, "only prints the stored decisions, one record a line", NULL},
      {"--program", ARGUMENT_TEXT, &o.program, "DIR", "another program: what would it have decided otherwise?", NULL},
      {"--against", ARGUMENT_TEXT, &o.against, "WHAT", "than live, stored, a digest or a directory (default: live)", NULL},
      {"--by", ARGUMENT_TEXT, &o.by, "NAME", "how it differs by a feature or profile field: profile.tier", NULL},
      {"--since", ARGUMENT_TIME, &o.since, "TIME", "only decisions from then on", NULL},
      {"--most", ARGUMENT_NUMBER, &o.most, "N", "how many changes are listed (default: 20)", NULL},
      {"--json", ARGUMENT_FLAG, &o.json, NULL, "the figures as JSON", NULL}};
  static const struct argument_fit fits[] = {{"--against", "--program"},
                                             {"--by", "--program"},
                                             {"--since", "--program"},
                                             {"--most", "--program"},
                                             {"--recompute", "without --program"},
                                             {"--print", "without --program, --verify, --recompute, --json"}};
  const struct usage usage = {"replay", "Re-derives every decision from the journal and compares it with what is stored, byte for byte.",
                              "  kairos replay --verify --data data\n  kairos replay --recompute --verify --data data\n"
                              "  kairos replay --program . --against live --by profile.tier --data data\n"
                              "  kairos replay events.ndjson --program new --against old\n"
                              "  kairos replay --print --data data > decisions.ndjson\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (o.most < 0) {
    fprintf(stderr, "kairos replay: --most: expected 0 or more, got %lld\n", (long long)o.most);
    return EXIT_USAGE;
  }
  const char *wrong = misplaced(&o);
  if (wrong) fprintf(stderr, "kairos replay: %s\n", wrong);
  if (wrong) return EXIT_USAGE;
  return o.program ? against_run(&o) : rederive(&r, o.data, print, o.json, o.verify);
}
