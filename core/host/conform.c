/* conform: a plugin held against its contract, in nine groups. Promises that every check runs in a child of its own under a time limit and
 * the jail (the one that needs threads may start them), so that a plugin which crashes, hangs or does what it may not fails that one check
 * with a sentence; and that the same seed does the same. Whatever a model needs to answer is made once: a state that was given, or one that
 * is trained here. Called by the tool and by tests. */
#include "conform.h"
#include "boot.h"
#include "child.h"
#include "contract.h"
#include "envelope.h"
#include "jail.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "probe.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIBE_MS  10
#define LIMIT_MS     120000
#define CHECK_MEMORY ((size_t)2 << 30)
#define SMALL_CONFIG "{\"inputs\":[\"a\",\"b\"]}"
#define LESSONS      400
#define WEIGHTS_MOST ((size_t)256 << 20)

/* ---- elf, entry, schema ---- */

static const char *file_of; /* what the check's process is about */

static bool elf_file(struct bench *b) {
  struct err e = {0};
  return plugin_lint(file_of, &e) || bench_fail(b, "%s", e.text);
}

static kairos_entry *entry_of(struct bench *b) {
  struct err e = {0};
  const bool jailed = !b->options->in_process;
  kairos_entry *entry = NULL;
  if (jailed && !jail_for_loading(false, child_trapped, &e)) return bench_fail(b, "%s", e.text), entry;
  void *handle = dlopen(file_of, RTLD_NOW | RTLD_LOCAL), *symbol = handle ? dlsym(handle, KAIROS_ENTRY) : NULL;
  if (!symbol) return bench_fail(b, "it cannot be loaded: %.300s", dlerror()), entry;
  if (jailed && !jail_for_running(false, &e)) return bench_fail(b, "%s", e.text), entry;
  memcpy(&entry, &symbol, sizeof entry);
  return entry;
}

static bool entry_describes(struct bench *b) {
  struct err e = {0};
  kairos_entry *entry = entry_of(b);
  if (!entry) return false;
  const int64_t before = bench_cpu_ms();
  const kairos_plugin *t = entry(&b->meter.host);
  const int64_t took = bench_cpu_ms() - before;
  if (!contract_check("the plugin", t, &e)) return bench_fail(b, "%s", e.text);
  return took <= DESCRIBE_MS || bench_fail(b, "it took %lld ms to describe itself, expected at most %d", (long long)took, DESCRIBE_MS);
}

/* A program finds a plugin by its file's name, a state says the plugin's id: of two names one would be lost. */
static bool entry_named(struct bench *b) {
  const char *slash = strrchr(file_of, '/'), *file = slash ? slash + 1 : file_of;
  const size_t length = strlen(file) > 3 && strcmp(file + strlen(file) - 3, ".so") == 0 ? strlen(file) - 3 : strlen(file);
  if (!b->options->named) return bench_skip(b, "nobody said that this is its name");
  if (strlen(b->t->id) == length && memcmp(b->t->id, file, length) == 0) return true;
  return bench_fail(
      b,
      "its id is \"%.100s\" and its file is called %.100s: expected %.100s.so, since a program finds it by its file and a state by its id",
      b->t->id, file, b->t->id);
}

/* A host of an older engine has no service(): reading beyond its end is a crash here. */
static bool entry_older(struct bench *b) {
  struct err e = {0};
  kairos_entry *entry = entry_of(b);
  if (!entry) return false;
  kairos_host *older = arena_alloc(&b->arena, sizeof *older);
  memset(older, 0xC5, sizeof *older);
  memcpy(older, &b->meter.host, offsetof(kairos_host, service));
  older->size = offsetof(kairos_host, service);
  const kairos_plugin *t = entry(older);
  return !t || contract_check("the plugin, for an older engine", t, &e) || bench_fail(b, "%s", e.text);
}

static bool entry_extensions(struct bench *b) {
  static const char *const unknown[] = {"", "kairos.never/0", "kairos.schema/2", "kairos.schema", "KAIROS.SCHEMA/1", "%s%n"};
  for (size_t i = 0; b->t->extension && i < sizeof unknown / sizeof *unknown; i++)
    if (b->t->extension(unknown[i])) return bench_fail(b, "it claims the extension \"%s\", which does not exist", unknown[i]);
  return true;
}

static bool schema_of_model(struct bench *b) {
  struct subject s;
  const bool fine = subject_new(b, &s);
  if (s.model) subject_free(b, &s);
  return fine;
}

/* A policy's propensity is a probability, and it draws from the seeds alone. */
static bool schema_policy(struct bench *b) {
  struct subject s;
  if (!(b->t->caps & KAIROS_CAP_POLICY)) return bench_skip(b, "it is no policy");
  if (!subject_new(b, &s)) return false;
  bool fine = true;
  for (uint32_t i = 0; i < s.out->count; i++) {
    const kairos_field *f = s.out->fields[i];
    if (strcmp(f->name, "propensity") == 0 && (f->lo < 0 || f->hi > 1))
      fine = bench_fail(b, "the output 'propensity' goes from %g to %g, expected 0 to 1", f->lo, f->hi);
  }
  subject_free(b, &s);
  return fine;
}

static const struct conform_entry conform_elf[] = {{"file", elf_file, false}, {NULL, NULL, false}};
static const struct conform_entry conform_entries[] = {{"describes", entry_describes, false},
                                                       {"older", entry_older, false},
                                                       {"named", entry_named, false},
                                                       {"extensions", entry_extensions, false},
                                                       {NULL, NULL, false}};
static const struct conform_entry conform_schema[] = {
    {"model", schema_of_model, false}, {"policy", schema_policy, false}, {NULL, NULL, false}};

enum { SCHEMA = 2 }; /* its place in the list */
static const struct group {
  const char *name;
  const struct conform_entry *checks;
} groups[] = {{"elf", conform_elf},     {"entry", conform_entries},   {"schema", conform_schema},
              {"life", conform_life},   {"predict", conform_predict}, {"state", conform_state},
              {"fault", conform_fault}, {"thread", conform_thread},   {"train", conform_train}};

/* ---- one check in its process ---- */

struct trial {
  const char *path, *who;
  const struct conform_options *options;
  const struct conform_entry *entry; /* NULL: make weights */
  const char *config;
  struct str weights;
  struct buf answer; /* from the child: words of a skip, or the weights */
};

static bool loads_itself(const struct conform_entry *entry) {
  return entry && (entry->check == elf_file || entry->check == entry_describes || entry->check == entry_older);
}

static bool load_table(struct bench *b, const struct trial *t) {
  const struct boot_jail with_threads = {.threads = true};
  struct err e = {0};
  if (!t->options->in_process) {
    b->t = boot_library(t->path, child_trapped, t->entry && t->entry->threads ? &with_threads : NULL, &b->meter, &e);
    return b->t || bench_fail(b, "%s", e.text);
  }
  kairos_entry *entry = entry_of(b);
  b->t = entry ? entry(&b->meter.host) : NULL;
  if (!entry) return false;
  return contract_check("the plugin", b->t, &e) || bench_fail(b, "%s", e.text);
}

static bool answers(struct bench *b, const struct subject *s) {
  kairos_session *session = NULL;
  bool refused = true;
  if (session_new(b, s, 1, &session)) batch_predict(b, s, session, batch_new(b, s, 1, FILL_USUAL), &refused);
  session_end(b, session);
  return !refused;
}

/* Nothing for a model that answers as it was created; otherwise what a training on a synthetic set leaves. */
static bool make_weights(struct bench *b, struct buf *body) {
  struct subject s;
  struct lesson l;
  kairos_status status;
  kairos_error said = contract_error();
  if (!subject_new(b, &s)) return false;
  bool fine = true;
  if (b->t->train) {
    lesson_new(b, &s, LESSONS, &l);
    status = b->t->train(s.model, &l.x->in, &l.y, &said);
    fine = status == KAIROS_OK || bench_fail(b, "train refused a synthetic set (status %d): %.200s", (int)status, said.message);
    fine = fine && subject_save(b, &s, body, &status);
  } else if (!answers(b, &s)) {
    fine = bench_fail(b, "it does not answer without a state, and cannot train one: give it --state");
  }
  subject_free(b, &s);
  return fine;
}

static bool run_trial(struct trial *t, struct bench *b, struct buf *body) {
  *b = (struct bench){.options = t->options, .config = t->config, .weights = t->weights, .rng = rng_from(t->options->seed)};
  file_of = t->path;
  meter_begin(&b->meter, "conform", METER_MODEL_MOST);
  if (!loads_itself(t->entry) && !load_table(b, t)) return false;
  if (t->entry) return t->entry->check(b);
  return make_weights(b, body);
}

static void trial_work(void *context, int to) {
  struct trial *t = context;
  struct bench b;
  struct buf body = {0};
  const bool fine = run_trial(t, &b, &body);
  if (!fine) child_say(to, FRAME_REFUSED, str_from(b.words));
  if (fine && b.skipped) child_say(to, FRAME_BODY, str_from(b.words));
  if (fine && body.len) child_say(to, FRAME_BODY, buf_view(&body));
  if (fine) child_say(to, FRAME_DONE, STR(""));
  _exit(0);
}

static bool take_answer(void *context, enum frame kind, struct str payload) {
  struct trial *t = context;
  if (kind == FRAME_BODY) buf_put(&t->answer, payload.at, payload.len);
  return !t->answer.failed;
}

static bool try_in_child(struct trial *t, struct err *e) {
  const struct child_task task = {.who = t->who,
                                  .limit_ms = t->options->limit_ms > 0 ? t->options->limit_ms : LIMIT_MS,
                                  .memory = CHECK_MEMORY,
                                  .answer_most = WEIGHTS_MOST,
                                  .threads = t->entry && t->entry->threads,
                                  .work = trial_work,
                                  .frame = take_answer,
                                  .context = t};
  return child_run(&task, e);
}

static bool try_here(struct trial *t, struct err *e) {
  struct bench b;
  const bool fine = run_trial(t, &b, &t->answer);
  if (fine && b.skipped) buf_text(&t->answer, b.words);
  arena_free(&b.arena);
  return fine || err_set(e, ERR_INPUT, "%s: %s", t->who, b.words);
}

static bool try_trial(struct trial *t, struct err *e) {
  buf_clear(&t->answer);
  return t->options->in_process ? try_here(t, e) : try_in_child(t, e);
}

/* ---- all of them ---- */

struct conforming {
  struct trial trial;
  void (*report)(void *context, const struct conform_result *r);
  void *context;
  size_t failed;
  struct buf weights;
};

static bool wanted(const char *only, const char *group, const char *check) {
  const size_t length = strlen(group);
  if (!only) return true;
  if (strncmp(only, group, length) != 0) return false;
  return only[length] == 0 || (only[length] == '/' && strcmp(only + length + 1, check) == 0);
}

static void tell(struct conforming *c, struct conform_result *r) {
  c->failed += r->end == CONFORM_FAILS;
  c->report(c->context, r);
}

/* A sentence without the file's name before it. */
static const char *bare(const struct conforming *c, const struct err *e) {
  const size_t who = strlen(c->trial.who);
  const bool named = strncmp(e->text, c->trial.who, who) == 0 && strncmp(e->text + who, ": ", 2) == 0;
  return named ? e->text + who + 2 : e->text;
}

static void try_check(struct conforming *c, const char *group, const struct conform_entry *entry, const char *unable) {
  struct err e = {0};
  struct conform_result r = {.group = group, .check = entry->name, .words = unable, .end = CONFORM_SKIPPED};
  if (!unable) {
    const int64_t begin = clock_monotonic();
    c->trial.entry = entry;
    const bool fine = try_trial(&c->trial, &e), skipped = fine && c->trial.answer.len > 0;
    buf_char(&c->trial.answer, 0);
    r.ms = (clock_monotonic() - begin) / 1000000;
    r.end = !fine ? CONFORM_FAILS : skipped ? CONFORM_SKIPPED : CONFORM_HOLDS;
    r.words = !fine ? bare(c, &e) : c->trial.answer.at;
  }
  tell(c, &r);
}

/* What the model is created from: {} where that is enough, else two inputs. */
static void choose_config(struct conforming *c) {
  static const struct conform_entry try_it = {"model", schema_of_model, false};
  struct err e = {0};
  if (c->trial.options->config) return;
  c->trial.entry = &try_it;
  c->trial.config = "{}";
  if (!try_trial(&c->trial, &e)) c->trial.config = SMALL_CONFIG;
}

static bool prepare(struct conforming *c, struct err *e) {
  const struct conform_options *o = c->trial.options;
  if (o->state.len) {
    struct envelope x;
    if (!envelope_read(o->state, &x, e)) return err_wrap(e, "the state");
    c->trial.weights = x.body;
    return true;
  }
  c->trial.entry = NULL;
  if (!try_trial(&c->trial, e)) return false;
  buf_put(&c->weights, c->trial.answer.at, c->trial.answer.len);
  c->trial.weights = buf_view(&c->weights);
  return !c->weights.failed || err_set(e, ERR_BUSY, "no memory for weights");
}

/* The check schema/answers: whatever the others ask, they ask such a model. NULL, or why they cannot. */
static const char *try_answers(struct conforming *c) {
  struct err e = {0};
  struct conform_result r = {.group = "schema", .check = "answers", .words = "", .end = CONFORM_HOLDS};
  const bool fine = prepare(c, &e);
  if (!fine) r.end = CONFORM_FAILS, r.words = bare(c, &e);
  if (!fine || wanted(c->trial.options->only, r.group, r.check)) tell(c, &r);
  return fine ? NULL : "no model that answers could be made (schema/answers)";
}

static bool no_such_check(const char *only, struct err *e) {
  const char *names[128];
  char whole[128][40];
  size_t count = 0;
  for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
    names[count++] = groups[g].name;
    for (const struct conform_entry *entry = groups[g].checks; entry->name && count < 120; entry++, count++) {
      snprintf(whole[count], sizeof whole[count], "%s/%s", groups[g].name, entry->name);
      names[count] = whole[count];
    }
  }
  const char *near = str_nearest(str_from(only), names, count);
  return err_set(e, ERR_MISSING, "no check is named \"%s\"%s%s%s", only, near ? " (did you mean \"" : "", near ? near : "",
                 near ? "\"?)" : "");
}

bool plugin_conform(const char *path, const struct conform_options *options, void (*report)(void *context, const struct conform_result *r),
                    void *context, size_t *failed, struct err *e) {
  struct conforming c = {.trial = {.options = options, .config = options->config}, .report = report, .context = context};
  const char *unable = NULL;
  size_t tried = 0;
  char *whole = realpath(path, NULL);
  struct stat about;
  if (!whole) return err_set(e, ERR_MISSING, "%s: there is no such file", path);
  if (stat(whole, &about) == 0 && S_ISDIR(about.st_mode)) {
    free(whole);
    return err_set(e, ERR_INPUT, "%s is a directory: expected a plugin's file, like %s/NAME.so", path, path);
  }
  const char *slash = strrchr(path, '/');
  c.trial.path = whole;
  c.trial.who = slash ? slash + 1 : path;
  for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
    if (g == SCHEMA && c.failed) break; /* what cannot describe itself is not asked further */
    if (g == SCHEMA) choose_config(&c);
    for (const struct conform_entry *entry = groups[g].checks; entry->name; entry++) {
      if (!wanted(options->only, groups[g].name, entry->name)) continue;
      tried++;
      try_check(&c, groups[g].name, entry, unable);
    }
    if (g != SCHEMA) continue;
    if (wanted(options->only, "schema", "answers")) tried++;
    unable = try_answers(&c);
  }
  *failed = c.failed;
  free(whole);
  buf_free(&c.trial.answer);
  buf_free(&c.weights);
  return tried > 0 || no_such_check(options->only, e);
}
