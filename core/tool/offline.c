/* offline: opens a data directory for a subcommand that writes without serving. Takes the directory's lock, so never beside a running
 * engine. Main thread. */
#include "offline.h"
#include "arguments.h"
#include "kit/file.h"
#include "program/scenario.h"
#include "workshop.h"
#include <stdio.h>
#include <string.h>

static bool last_program(void *context, const struct control_fact *fact) {
  struct offline *o = context;
  if (strcmp(fact->kind, "program") != 0) return true;
  snprintf(o->last_digest, sizeof o->last_digest, "%s", fact->name);
  o->last_number = fact->number;
  return library_know(o->library, str_from(fact->name));
}

static bool choose_program(struct offline *o, const char *directory, const struct program_from *from, struct err *e) {
  if (!directory && !o->last_digest[0]) return err_set(e, ERR_MISSING, "no program was ever live here: name one with --program DIR");
  if (!directory) return (o->program = library_get(o->library, str_from(o->last_digest), e)) != NULL;
  struct program *p = program_from_directory(directory, from, e);
  if (!p) return false;
  program_test(p); /* as wherever a program becomes the live one */
  if (p->findings.errors) {
    struct buf out = {0};
    o->refused = true;
    program_print_findings(p, &out);
    fwrite(out.at, 1, out.len, stderr);
    buf_free(&out);
    err_set(e, ERR_INPUT, "%s: the program has %zu error%s; no event was taken", directory, p->findings.errors,
            p->findings.errors == 1 ? "" : "s");
  } else if (program_store(p, o->book, e)) return (o->program = library_add(o->library, p)) != NULL;
  program_free(p);
  return false;
}

static bool announce(struct offline *o, struct str fact, struct err *e) {
  if (strcmp(o->last_digest, o->program->digest) == 0) return true;
  return control_append(o->book, "import", "program", o->program->digest, fact, &o->last_number, e);
}

/* control.db is told first: were this cut short, the next start would make the partitions agree with it. */
static bool open_flows(struct offline *o, struct err *e) {
  struct buf fact = {0};
  bool ok = program_fact(o->program, 0, &fact) || err_set(e, ERR_INTERNAL, "no memory for a control fact");
  ok = ok && announce(o, buf_view(&fact), e);
  buf_clear(&fact);
  ok = ok && (program_fact(o->program, o->last_number, &fact) || err_set(e, ERR_INTERNAL, "no memory for a control fact"));
  o->volumes = book_volumes(o->book);
  for (uint32_t v = 0; ok && v < o->volumes; v++)
    ok = (o->flows[v] = flow_open(o->book, v, o->library, e)) && flow_activate(o->flows[v], o->program, buf_view(&fact), e);
  buf_free(&fact);
  return ok;
}

static struct flow *flow_of(void *context, uint32_t volume) {
  return ((struct offline *)context)->flows[volume];
}

/* What an engine that was cut short left behind: who was merged or erased by half. */
static bool resume_merges(struct offline *o, struct err *e) {
  if (!(o->aliases = aliases_open(o->book, e)) || !merges_resume(o->aliases, o->book, flow_of, o, e)) return err_wrap(e, "merges");
  struct user *due[64];
  for (uint32_t v = 0; v < o->volumes; v++)
    while (flow_due_take(o->flows[v], due, 64) == 64) continue;
  return true;
}

/* A slip must not leave a data directory behind. Of one that has lost its layout, that is said first. */
static bool make_directory(const char *data, const char *program, struct err *e) {
  if (!book_can_begin(data, e)) return false;
  if (!program) return err_set(e, ERR_MISSING, "no program was ever live here: name one with --program DIR");
  return workshop_can_read(program, e) && book_create(data, 1, e);
}

bool offline_open(struct offline *o, const char *data, const char *program, struct err *e) {
  *o = (struct offline){0};
  char layout[4096];
  snprintf(layout, sizeof layout, "%s/layout", data);
  if (!file_exists(layout) && !make_directory(data, program, e)) return false;
  if (!(o->book = book_open(data, true, e))) return false;
  snprintf(o->store, sizeof o->store, "%s/store", data);
  struct program_from from = {.plugin_directory = tool_plugin_directory(), .store_directory = o->store};
  if (!(o->library = library_new(o->book, &from))) return err_set(e, ERR_INTERNAL, "no memory for the library");
  if (!control_each(o->book, 0, last_program, o, e) || !choose_program(o, program, &from, e)) return false;
  return open_flows(o, e) && missed_facts(o->book, flow_of, o, e) && resume_merges(o, e);
}

void offline_close(struct offline *o) {
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++) flow_close(o->flows[v]);
  library_free(o->library);
  aliases_close(o->aliases);
  if (o->book) book_close(o->book);
}
