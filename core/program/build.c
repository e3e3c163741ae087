/* build: sources become a program. The rooms each build their part from the nouns; this file only says in what order, and answers what a
 * name in a condition means. Everything wrong becomes a finding with file and line; one error and the program may not run. Builder thread
 * only. */
#include "derived.h"
#include "health.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "sense.h"
#include "served.h"
#include <stdatomic.h>
#include <string.h>

/* "profile.x": declared by the vocabulary's profile_updated when that says so, else anything goes: profiles are the application's own. */
static bool find_profile(struct program *p, struct str name, struct symbol *out) {
  if (!str_starts(name, "profile.")) return false;
  const char *as_event = arena_printf(&p->arena, "event." STR_FORMAT, (int)(name.len - 8), name.at + 8);
  if (!vocabulary_field(p->vocabulary, str_from(as_event), out)) *out = (struct symbol){.unit = "", .doc = ""};
  out->kind = SYMBOL_PROFILE;
  return true;
}

static bool find_event(struct program *p, struct str name, struct symbol *out, struct err *e) {
  if (!str_starts(name, "event.")) return false;
  if (vocabulary_field(p->vocabulary, name, out)) {
    out->kind = SYMBOL_EVENT;
    return true;
  }
  const char *near = vocabulary_nearest(p->vocabulary, name);
  return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\": no event noun declares this field%s%s%s", STR_ARG(name),
                 near ? " (did you mean \"event." : "", near ? near : "", near ? "\"?)" : "");
}

static bool unknown_arm(struct program *p, struct str name, struct err *e) {
  const size_t count = p->nouns.experiment_count;
  const char **all = ARENA_ARRAY(&p->arena, const char *, count + 1);
  for (size_t i = 0; all && i < count; i++) all[i] = p->nouns.experiments[i].at.name.at; /* texts of nouns end in NUL */
  const char *near = all ? str_nearest((struct str){name.at + 4, name.len - 4}, all, count) : NULL;
  return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\": no experiment has this name%s%s%s", STR_ARG(name), near ? " (did you mean \"arm." : "",
                 near ? near : "", near ? "\"?)" : "");
}

static bool unknown_name(struct program *p, struct str name, struct err *e) {
  if (str_starts(name, "arm.")) return unknown_arm(p, name, e);
  size_t count, beliefs = p->models ? beliefs_count(p->models) : 0;
  const char *const *features = feature_names(p->features, &count);
  const char **all = ARENA_ARRAY(&p->arena, const char *, count + beliefs + 1);
  if (count) memcpy(all, features, count * sizeof *all);
  for (size_t i = 0; i < beliefs; i++) all[count + i] = belief_name(p->models, (uint32_t)i);
  const char *near = str_nearest(name, all, count + beliefs);
  if (near) return err_set(e, ERR_INPUT, "unknown name \"" STR_FORMAT "\" (did you mean \"%s\"?)", STR_ARG(name), near);
  return err_set(e, ERR_INPUT,
                 "unknown name \"" STR_FORMAT "\": it is no feature and no model's output; write event.… or profile.… for those",
                 STR_ARG(name));
}

static bool find_name(void *context, struct str name, struct symbol *out, struct err *e) {
  struct program *p = context;
  *out = (struct symbol){0};
  struct err why = {0};
  bool found = derived_find(p, name, out, &why) || rules_find(&p->nouns, name, out) || find_profile(p, name, out) ||
               find_event(p, name, out, &why) || (p->features && features_find(p->features, name, out)) ||
               (p->models && models_find(p->models, name, out));
  if (!found && why.kind != ERR_NONE) return err_set(e, why.kind, "%s", why.text);
  if (!found && !p->features) return err_set(e, ERR_INPUT, "unknown name \"" STR_FORMAT "\"", STR_ARG(name));
  return found || unknown_name(p, name, e);
}

static bool program_file(void *context, const char *path, struct str *bytes) {
  const struct program *p = context;
  for (size_t i = 0; i < p->source_count; i++)
    if (strcmp(p->sources[i].path, path) == 0) {
      *bytes = p->sources[i].text;
      return true;
    }
  return false;
}

static size_t message_slots(void *context, uint32_t option, const uint32_t **slots) {
  const struct program *p = context;
  return template_slots(p->templates, option, slots);
}

/* A combination's parts are asked with it. */
static uint64_t models_of_belief(void *context, uint32_t belief) {
  const struct models *models = ((struct program *)context)->models;
  return models_with_parts(models, UINT64_C(1) << belief_model(models, belief));
}

static bool list_profile_slots(struct program *p) {
  uint32_t *slots = ARENA_ARRAY(&p->arena, uint32_t, p->symbols.count + 1);
  for (uint32_t i = 0; slots && i < p->symbols.count; i++)
    if (p->symbols.at[i].kind == SYMBOL_PROFILE) slots[p->profile_count++] = i;
  p->profile_slots = slots;
  return slots != NULL;
}

/* What is wrong with a program is a finding; a part is NULL only without memory, and then nothing that needs it is built. */
static bool build_words(struct program *p, const struct program_from *from) {
  struct findings *f = &p->findings;
  struct nouns *n = &p->nouns;
  struct models_from models = {from->plugin_directory, from->store_directory, from->plugins, program_file, p};
  size_t count;
  const struct noun_feature *features = derived_others(p, &count);
  return features && (p->vocabulary = vocabulary_build(&p->arena, n->events, n->event_count, f)) &&
         (p->features = features_build(&p->arena, features, count, p->vocabulary, &p->symbols, f)) &&
         (p->models = models_build(&p->arena, n->models, n->model_count, p->features, &models, f)) &&
         (p->templates = templates_build(&p->arena, n->interventions, n->intervention_count, &p->symbols, f));
}

static bool is_strict(const struct nouns *n) {
  bool strict = false;
  for (size_t i = 0; i < n->policy_count; i++) strict |= n->policies[i].strict;
  return strict;
}

static bool build_rules(struct program *p) {
  struct rules_needs needs = {message_slots, p};
  derived_check(p);
  p->strict = is_strict(&p->nouns);
  p->rules = rules_build(&p->arena, &p->nouns, p->vocabulary, &p->symbols, &needs, &p->findings);
  if (!p->rules) return false;
  rules_bind_models(p->rules, models_of_belief, p);
  return (p->plan = event_plan_build(&p->arena, &p->symbols)) && list_profile_slots(p);
}

static void build_parts(struct program *p, const struct program_from *from) {
  struct findings *f = &p->findings;
  const struct nouns *n = &p->nouns;
  struct err e = {0};
  if (!build_words(p, from) || !build_rules(p)) {
    findings_add(f, FINDING_ERROR, "", 0, "no memory to build the program");
    return;
  }
  if (n->function_count && f->errors == 0 && !(p->functions = functions_new(p->sources, p->source_count, n, &p->symbols, &e)))
    findings_add(f, FINDING_ERROR, n->functions[0].at->file, n->functions[0].line, "%s", e.text);
  sense_check(p);
}

/* Of a program of which a file is missing nobody can say which names are wrong: whatever that file declares would be. What is wrong with
 * the file is the finding, and that the rest was not looked at. */
static void keep_causes(struct program *p, size_t count, size_t errors) {
  struct findings *f = &p->findings;
  if (f->errors == errors) return;
  f->count = count;
  f->errors = errors;
  findings_add(f, FINDING_NOTE, p->nouns.lost, p->nouns.lost_line,
               "names that other files use are looked up once every file can be loaded; there may be more to find then");
}

static void name_program(struct program *p) {
  static atomic_uint_fast64_t stamps;
  struct buf manifest = {0};
  sources_manifest(p, &manifest);
  hash_sha256(buf_view(&manifest), p->sha256);
  buf_free(&manifest);
  hash_hex(p->sha256, HASH_SHA256, p->digest);
  memcpy(p->brief, p->digest, 16);
  p->stamp = atomic_fetch_add(&stamps, 1) + 1;
}

static void identify(struct program *p, const struct program_from *from) {
  struct buf plugins = {0};
  if (p->models) models_plugins(p->models, &plugins);
  p->complete = from->plugin_directory != NULL;
  p->identity = plugins.len ? arena_printf(&p->arena, "%s/" STR_FORMAT, p->digest, STR_ARG(buf_view(&plugins))) : p->digest;
  buf_free(&plugins);
}

static struct program *build(struct program *p, const struct program_from *from) {
  name_program(p);
  p->symbols = (struct symbols){.arena = &p->arena, .find = find_name, .context = p};
  /* The rooms are asked even when a noun is wrong, so that an author sees all findings at once. */
  language_load(&p->arena, p->sources, p->source_count, &p->nouns, &p->findings);
  const size_t count = p->findings.count, errors = p->findings.errors;
  if (!derived_prepare(p)) findings_add(&p->findings, FINDING_ERROR, "", 0, "memory failed");
  build_parts(p, from);
  if (p->nouns.lost) keep_causes(p, count, errors);
  identify(p, from);
  findings_sort(&p->findings);
  return p;
}

static struct program *program_new(struct err *e) {
  struct program *p = kit_alloc(sizeof *p);
  if (p) *p = (struct program){.arena = {.pages = true}, .findings.arena = &p->arena};
  if (p) p->health = arena_zero(&p->arena, 1, sizeof *p->health);
  if (p) p->failing = failing_new(&p->arena);
  if (p && p->health && p->failing) return p;
  if (p) arena_free(&p->arena);
  kit_free(p);
  err_set(e, ERR_INTERNAL, "no memory for a program");
  return NULL;
}

struct program *program_from_directory(const char *directory, const struct program_from *from, struct err *e) {
  struct program *p = program_new(e);
  if (p && sources_from_directory(p, directory, e)) {
    if (from->served) served_apply(p, from->served);
    return build(p, from);
  }
  program_free(p);
  return NULL;
}

struct program *program_from_upload(const struct source *sources, size_t count, const struct program_from *from, struct err *e) {
  struct program *p = program_new(e);
  if (!p) return NULL;
  sources_from_upload(p, sources, count);
  return build(p, from);
}

struct program *program_from_store(struct book *b, const unsigned char sha256[32], const struct program_from *from, struct err *e) {
  struct program *p = program_new(e);
  if (p) p->findings.stored = true;
  if (p && sources_from_store(p, b, sha256, e)) return build(p, from);
  program_free(p);
  return NULL;
}

void program_free(struct program *p) {
  if (!p) return;
  models_free(p->models);
  rules_free(p->rules);
  functions_free(p->functions);
  arena_free(&p->arena);
  kit_free(p);
}

void program_print_findings(const struct program *p, struct buf *out) {
  static const char *const levels[] = {"note", "warning", "error"};
  for (size_t i = 0; i < p->findings.count; i++) {
    const struct finding *f = &p->findings.at[i];
    buf_printf(out, "%s:%d: %s: %s\n", f->file, f->line, levels[f->level], f->text);
  }
}
