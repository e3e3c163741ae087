/* against_run: `kairos replay --program DIR --against …`: finds the two programs, has them live through the same past, prints what would
 * have been otherwise. The data directory is only read, beside a running engine or offline. Main thread. */
#include "against.h"
#include "arguments.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "workshop.h"
#include <stdio.h>
#include <string.h>

struct finding_two {
  const struct against_options *o;
  struct book *book; /* NULL: a file and two directories need none */
  struct library *library;
  struct program_from from;
  char store[4096], live[65];
  bool faulty; /* a program has errors, which were printed */
};

/* What a digest or its first digits look like, whatever lies in a directory of that name. */
static bool is_digest(const char *against) {
  unsigned char sha256[HASH_SHA256];
  const size_t length = strlen(against);
  return (length == 64 || length == 16) && hash_unhex(str_from(against), sha256, length / 2);
}

bool against_is_directory(const char *against) {
  return strcmp(against, "live") != 0 && strcmp(against, "stored") != 0 && !is_digest(against);
}

static bool know(void *context, const struct control_fact *fact) {
  struct finding_two *t = context;
  if (strcmp(fact->kind, "program") != 0) return true;
  snprintf(t->live, sizeof t->live, "%s", fact->name);
  return library_know(t->library, str_from(fact->name));
}

static const struct program *from_directory(struct finding_two *t, const char *directory, struct err *e) {
  struct program *p = program_from_directory(directory, &t->from, e);
  if (!p) return NULL;
  if (p->findings.errors == 0) {
    const struct program *kept = library_add(t->library, p);
    if (!kept) err_set(e, ERR_INTERNAL, "no memory for a program");
    return kept;
  }
  struct buf out = {0};
  t->faulty = true;
  program_print_findings(p, &out);
  fwrite(out.at, 1, out.len, stderr);
  buf_free(&out);
  err_set(e, ERR_INPUT, "%s: the program has %zu error%s", directory, p->findings.errors, p->findings.errors == 1 ? "" : "s");
  program_free(p);
  return NULL;
}

/* NULL with no error: what is stored. */
static const struct program *base_program(struct finding_two *t, struct err *e) {
  const char *against = t->o->against;
  const bool brief = is_digest(against) && strlen(against) == 16;
  const bool live = strcmp(against, "live") == 0;
  if (against_is_directory(against)) return from_directory(t, against, e);
  if (strcmp(against, "stored") == 0) return NULL;
  if (live && !t->live[0]) {
    err_set(e, ERR_MISSING, "--against live: no program was ever live in %s", t->o->data);
    return NULL;
  }
  if (!brief) return library_get(t->library, str_from(live ? t->live : against), e);
  const struct program *plain = library_brief(t->library, str_from(against), e); /* known by its sources: its models are opened now */
  const struct program *p = plain ? library_get(t->library, str_from(plain->digest), e) : NULL;
  library_release(t->library, plain);
  return p;
}

/* A file against a directory needs no data directory. */
static bool open_book(struct finding_two *t, struct err *e) {
  return (t->o->file && against_is_directory(t->o->against)) || (t->book = book_open(t->o->data, false, e)) != NULL;
}

/* ---- segments ---- */

/* Of the program's features, and of what its rules and its vocabulary know of the profile, the name that is nearest; in words, or empty. */
static const char *by_meant(const struct program *p, const char *by, struct arena *a) {
  static const struct noun_event none;
  const struct noun_event *profile = &none;
  size_t built_in, count = 0;
  const struct feature_doc *docs = feature_docs(&built_in);
  for (size_t i = 0; i < p->nouns.event_count; i++)
    if (str_is(p->nouns.events[i].at.name, "profile_updated")) profile = &p->nouns.events[i];
  const char **names = ARENA_ARRAY(a, const char *, built_in + p->nouns.feature_count + profile->field_count + p->profile_count + 1);
  if (!names) return "";
  for (size_t i = 0; i < built_in; i++) names[count++] = docs[i].name;
  for (size_t i = 0; i < p->nouns.feature_count; i++) names[count++] = arena_printf(a, STR_FORMAT, STR_ARG(p->nouns.features[i].at.name));
  for (size_t i = 0; i < profile->field_count; i++)
    names[count++] = arena_printf(a, "profile." STR_FORMAT, STR_ARG(profile->fields[i].name));
  for (size_t i = 0; i < p->profile_count; i++)
    names[count++] = arena_printf(a, STR_FORMAT, STR_ARG(p->symbols.at[p->profile_slots[i]].name));
  const char *near = str_nearest(str_from(by), names, count);
  return near && strcmp(near, by) != 0 ? arena_printf(a, " (did you mean \"%s\"?)", near) : "";
}

static bool is_segment(const struct program *p, const char *by, struct arena *a, struct err *e) {
  struct symbol symbol;
  if (!by || strncmp(by, "profile.", 8) == 0 || features_find(p->features, str_from(by), &symbol)) return true;
  return err_set(e, ERR_MISSING, "--by: \"%s\" is no feature of the program and no profile.… name%s", by, by_meant(p, by, a));
}

/* A profile may hold what no program knows of; but nobody compared has it. */
static void say_nobody(const struct against *g, const struct program *p, struct arena *a) {
  if (!g->by || strncmp(g->by, "profile.", 8) != 0 || g->segments.count != 1 || strcmp(g->segments.at[0].name, "(missing)") != 0) return;
  fprintf(stderr, "kairos: --by %s: nobody whose decisions were compared has it%s\n", g->by, by_meant(p, g->by, a));
}

static bool compare(struct finding_two *t, struct against *g, struct err *e) {
  const struct against_options *o = t->o;
  if (o->since && !clock_parse(str_from(o->since), &g->since))
    return err_set(e, ERR_INPUT, "--since: expected a time like 2025-01-15T22:40:00Z, got \"%s\"", o->since);
  if (!workshop_store(t->store, sizeof t->store, e) || !open_book(t, e)) return false;
  t->from = (struct program_from){.plugin_directory = tool_plugin_directory(), .store_directory = t->store};
  if (!(t->library = library_new(t->book, &t->from))) return err_set(e, ERR_INTERNAL, "no memory for the library");
  if (t->book && !control_each(t->book, 0, know, t, e)) return false;
  const struct program *candidate = from_directory(t, o->program, e), *base = candidate ? base_program(t, e) : NULL;
  if (!candidate || e->kind != ERR_NONE || !against_open(g, t->library, candidate, base, e)) return false;
  const struct program *of = base ? base : candidate;
  if (!is_segment(of, o->by, &g->kept, e)) return false;
  if (!(o->file ? against_file(g, o->file, e) : against_journal(g, t->book, e))) return false;
  say_nobody(g, of, &g->kept);
  return true;
}

int against_run(const struct against_options *o) {
  struct finding_two t = {.o = o};
  struct against g = {.by = o->by, .most = o->most, .since = INT64_MIN};
  struct err e = {0};
  bool ok = compare(&t, &g, &e);
  tool_progress_end();
  int code = ok ? EXIT_OK : tool_fail(&e);
  if (t.faulty) code = EXIT_FINDINGS;
  if (ok) against_print(&g, o->json);
  if (ok && o->verify && against_differences(&g)) code = EXIT_FINDINGS;
  against_close(&g);
  library_free(t.library);
  if (t.book) book_close(t.book);
  if (t.store[0]) file_remove_tree(t.store, NULL);
  return code;
}
