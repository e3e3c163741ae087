/* Loading a program's rules: each source is scanned and run in one sandbox, in path order; then, with Lua gone, the captured nouns are set
 * and checked field by field, sorted by name, and names declared twice are reported with both places. A fault in one file never hides the
 * faults of another. What comes out lies in the caller's arena and does not point into the sources. [builder] */
#include "fields.h"
#include "kit/err.h"
#include "sandbox.h"
#include <stdlib.h>
#include <string.h>

#define NOUNS_MOST     4096 /* of one kind */
#define MODELS_MOST    256
#define FUNCTIONS_MOST 4096 /* each has a caller and views of its own in every sandbox */

/* Where the nouns of each word go; every noun begins with `struct declared at`. In the order of noun_words. */
static const struct {
  size_t size, list, count;
} places[NOUNS_COUNT] = {
    {sizeof(struct noun_event), offsetof(struct nouns, events), offsetof(struct nouns, event_count)},
    {sizeof(struct noun_feature), offsetof(struct nouns, features), offsetof(struct nouns, feature_count)},
    {sizeof(struct noun_model), offsetof(struct nouns, models), offsetof(struct nouns, model_count)},
    {sizeof(struct noun_segment), offsetof(struct nouns, segments), offsetof(struct nouns, segment_count)},
    {sizeof(struct noun_trigger), offsetof(struct nouns, triggers), offsetof(struct nouns, trigger_count)},
    {sizeof(struct noun_intervention), offsetof(struct nouns, interventions), offsetof(struct nouns, intervention_count)},
    {sizeof(struct noun_choose), offsetof(struct nouns, chooses), offsetof(struct nouns, choose_count)},
    {sizeof(struct noun_experiment), offsetof(struct nouns, experiments), offsetof(struct nouns, experiment_count)},
    {sizeof(struct noun_rollout), offsetof(struct nouns, rollouts), offsetof(struct nouns, rollout_count)},
    {sizeof(struct noun_policy), offsetof(struct nouns, policies), offsetof(struct nouns, policy_count)},
    {sizeof(struct noun_metric), offsetof(struct nouns, metrics), offsetof(struct nouns, metric_count)},
    {sizeof(struct noun_scenario), offsetof(struct nouns, scenarios), offsetof(struct nouns, scenario_count)},
};

/* ---- sources ---- */
static int line_of_bad_byte(struct str text) {
  int line = 1;
  while (text.len) {
    const char *end = memchr(text.at, '\n', text.len);
    size_t length = end ? (size_t)(end - text.at) + 1 : text.len;
    if (!str_utf8((struct str){text.at, length})) return line;
    text = (struct str){text.at + length, text.len - length};
    line++;
  }
  return line;
}

/* False: the load must stop. */
bool source_run(struct sandbox *s, const struct source *source) {
  struct source cut = *source;
  s->file = arena_text(s->arena, source->path, strlen(source->path));
  if (!s->file) {
    findings_add(s->findings, FINDING_ERROR, source->path, 1, "memory failed");
    return false;
  }
  if (cut.text.len > SOURCE_LENGTH) {
    findings_add(s->findings, FINDING_ERROR, s->file, 1, "a rule file may have at most 1 MiB, this one has %zu bytes", cut.text.len);
    return true;
  }
  if (!str_utf8(cut.text)) {
    findings_add(s->findings, FINDING_ERROR, s->file, line_of_bad_byte(cut.text), "this line is not UTF-8");
    return true;
  }
  if (str_starts(cut.text, "\xef\xbb\xbf")) cut.text = (struct str){cut.text.at + 3, cut.text.len - 3};
  return scan_source(s->findings, s->file, cut.text) ? sandbox_run(s, &cut) : true;
}

static void run_sources(struct sandbox *s, const struct source *sources, size_t count) {
  bool going = true;
  for (size_t i = 0; i < count; i++) {
    if (!str_ends(str_from(sources[i].path), ".lua")) continue;
    if (going) {
      going = source_run(s, &sources[i]);
      continue;
    }
    const char *path = arena_text(s->arena, sources[i].path, strlen(sources[i].path));
    findings_add(s->findings, FINDING_ERROR, path, 1, "not loaded: an earlier file used up what a load may use");
  }
}

/* Called while all findings are still of the files themselves. */
static void note_lost(const struct findings *f, struct nouns *out) {
  if (f->errors) out->lost = "";
  for (size_t i = f->count; i-- > 0;)
    if (f->at[i].level == FINDING_ERROR) {
      out->lost = f->at[i].file;
      out->lost_line = f->at[i].line;
    }
}

/* ---- nouns ---- */
static void set_noun(struct arena *a, struct findings *f, struct function_list *functions, const struct body *body, void *target) {
  struct setting setting = {.arena = a, .findings = f, .at = &body->at, .word = noun_words[body->noun], .functions = functions};
  memcpy(target, &body->at, sizeof body->at);
  noun_prepare(body->noun, target);
  if (!body->node) {
    if (body->raised) return; /* one finding says it */
    setting_problem(&setting, "has no table: %s \"" STR_FORMAT "\" { field = value, … }", setting.word, STR_ARG(body->at.name));
    return;
  }
  if (body->node->kind != NODE_TABLE) return; /* refused while it was read */
  size_t first_function = functions->count;
  fields_set(&setting, setting.word, body->node, target);
  noun_check(&setting, body->noun, target, body->node, first_function);
  if (setting.failed) setting_problem(&setting, "memory failed");
}

/* By name, then in the order of declaration: an insertion sort over the few nouns of one kind would be quadratic for thousands, so a merge.
 */
static void sort_bodies(const struct body **list, const struct body **room, size_t count) {
  if (count < 2) return;
  size_t half = count / 2, left = 0, right = half;
  sort_bodies(list, room, half);
  sort_bodies(list + half, room, count - half);
  for (size_t i = 0; i < count; i++) {
    bool take_right = left >= half || (right < count && str_compare(list[right]->at.name, list[left]->at.name) < 0);
    room[i] = take_right ? list[right++] : list[left++];
  }
  memcpy(list, room, count * sizeof *list);
}

static void report_twice(struct findings *f, const struct body *again, const struct body *first) {
  const struct declared *a = &again->at, *b = &first->at;
  findings_add(f, FINDING_ERROR, a->file, a->line, "%s \"" STR_FORMAT "\" is declared twice: %s:%d and %s:%d", noun_words[again->noun],
               STR_ARG(a->name), b->file, b->line, a->file, a->line);
}

static bool build_list(struct arena *a, struct findings *f, const struct sandbox *s, int noun, struct function_list *functions,
                       struct nouns *out) {
  const struct body **list = arena_zero(a, s->body_count + 1, sizeof *list), **room = arena_zero(a, s->body_count + 1, sizeof *room);
  if (!list || !room) return false;
  size_t count = 0, kept = 0;
  for (size_t i = 0; i < s->body_count; i++)
    if (s->bodies[i].noun == noun) list[count++] = &s->bodies[i];
  sort_bodies(list, room, count);
  char *nouns = arena_zero(a, count + 1, places[noun].size);
  if (!nouns) return false;
  const struct body *first = NULL;
  for (size_t i = 0; i < count; i++) {
    bool again = first && str_eq(first->at.name, list[i]->at.name);
    if (again) report_twice(f, list[i], first);
    else first = list[i];
    set_noun(a, f, functions, list[i], nouns + kept * places[noun].size); /* a twin is checked too, then dropped */
    if (again) memset(nouns + kept * places[noun].size, 0, places[noun].size);
    else kept++;
  }
  memcpy((char *)out + places[noun].list, &nouns, sizeof nouns);
  memcpy((char *)out + places[noun].count, &kept, sizeof kept);
  return true;
}

/* ---- beliefs ---- */
struct belief_name {
  struct str name;
  const struct noun_model *model; /* NULL: a feature has it */
  size_t place;                   /* of the feature, or of the output in the order of the models */
};

static int by_name(const void *x, const void *y) {
  const struct belief_name *a = x, *b = y;
  const int names = str_compare(a->name, b->name);
  if (names) return names;
  if (!a->model != !b->model) return a->model ? 1 : -1;
  return (a->place > b->place) - (a->place < b->place);
}

static struct belief_name *collect_names(struct arena *a, const struct nouns *n, size_t *count) {
  size_t most = n->feature_count;
  for (size_t m = 0; m < n->model_count; m++) most += n->models[m].output_count;
  struct belief_name *list = ARENA_ARRAY(a, struct belief_name, most + 1);
  *count = 0;
  for (size_t i = 0; list && i < n->feature_count; i++) list[(*count)++] = (struct belief_name){n->features[i].at.name, NULL, i};
  for (size_t m = 0; list && m < n->model_count; m++)
    for (size_t i = 0; i < n->models[m].output_count; i++, ++*count)
      list[*count] = (struct belief_name){n->models[m].outputs[i].name, &n->models[m], *count};
  if (list) qsort(list, *count, sizeof *list, by_name);
  return list;
}

/* Features and beliefs are read by the same bare names. Sorted, since a program may hold thousands of them. */
static bool check_beliefs(struct arena *a, const struct nouns *n, struct findings *f) {
  size_t count;
  const struct belief_name *list = collect_names(a, n, &count), *first = list, *output = NULL;
  for (size_t i = 0; list && i < count; i++) {
    const struct noun_model *model = list[i].model;
    if (!str_eq(list[i].name, first->name)) first = &list[i], output = NULL;
    if (model && !first->model) {
      const struct declared *feature = &n->features[first->place].at;
      findings_add(f, FINDING_ERROR, model->at.file, model->at.line,
                   "model \"" STR_FORMAT "\": output \"" STR_FORMAT "\" is the name of a feature (%s:%d)", STR_ARG(model->at.name),
                   STR_ARG(list[i].name), feature->file, feature->line);
    }
    if (model && output)
      findings_add(f, FINDING_ERROR, model->at.file, model->at.line,
                   "model \"" STR_FORMAT "\": output \"" STR_FORMAT "\" is an output of model \"" STR_FORMAT "\" already",
                   STR_ARG(model->at.name), STR_ARG(list[i].name), STR_ARG(output->model->at.name));
    if (model && !output) output = &list[i];
  }
  return list != NULL;
}

/* More than any program needs, and few enough for whoever compares all with all. The first place and the number say where they come from.
 */
static bool too_many(const struct sandbox *s, const struct function_list *functions, struct findings *f) {
  const size_t errors = f->errors;
  for (int noun = 0; noun < NOUNS_COUNT; noun++) {
    const struct body *first = NULL;
    size_t count = 0;
    const size_t most = strcmp(noun_words[noun], "model") == 0 ? MODELS_MOST : NOUNS_MOST;
    for (size_t i = 0; i < s->body_count; i++) {
      if (s->bodies[i].noun != noun) continue;
      if (!first) first = &s->bodies[i];
      count++;
    }
    if (count > most)
      findings_add(f, FINDING_ERROR, first->at.file, first->at.line, "\"%s\" stands %zu times, at most %zu are allowed", noun_words[noun],
                   count, most);
  }
  if (functions->count > FUNCTIONS_MOST)
    findings_add(f, FINDING_ERROR, functions->at[0].at->file, functions->at[0].line, "%zu functions stand in nouns, at most %d are allowed",
                 functions->count, FUNCTIONS_MOST);
  return f->errors > errors;
}

bool language_load(struct arena *a, const struct source *sources, size_t count, struct nouns *out, struct findings *f) {
  struct sandbox s = {.arena = a, .findings = f, .limits = &limits_of_loading};
  struct function_list functions = {0};
  size_t errors = f->errors;
  memset(out, 0, sizeof *out);
  if (!f->arena) f->arena = a;
  if (!sandbox_open(&s)) {
    findings_add(f, FINDING_ERROR, "", 0, "memory failed while the rules were loaded");
    return false;
  }
  run_sources(&s, sources, count);
  sandbox_close(&s);
  note_lost(f, out);
  for (int noun = 0; noun < NOUNS_COUNT; noun++)
    if (!build_list(a, f, &s, noun, &functions, out)) findings_add(f, FINDING_ERROR, "", 0, "memory failed while the rules were checked");
  if (too_many(&s, &functions, f))
    *out = (struct nouns){.lost = out->lost, .lost_line = out->lost_line}; /* what builds on it would take minutes to find more */
  else {
    out->functions = functions.at;
    out->function_count = functions.count;
  }
  if (!check_beliefs(a, out, f)) findings_add(f, FINDING_ERROR, "", 0, "memory failed while the rules were checked");
  findings_sort(f);
  return f->errors == errors;
}
