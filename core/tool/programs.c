/* programs: the programs of a running engine: which there are and what was found in them, their sources as they run, what two of them
 * differ in, and another one live, beside the live one, or back. Asks the engine over HTTP and prints. Main thread. */
#include "programs.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "kit/json.h"
#include "program/program.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

/* ---- for people ---- */

static void print_findings(const struct json *j, uint32_t findings, struct arena *a) {
  for (uint32_t i = 0; json_type(j, findings) == JSON_ARRAY && i < j->tokens[findings].count; i++) {
    uint32_t f = json_child(j, findings, i);
    printf("    " STR_FORMAT ":" STR_FORMAT ": " STR_FORMAT ": " STR_FORMAT "\n", STR_ARG(json_text(j, json_get(j, f, "file"), a)),
           STR_ARG(json_raw(j, json_get(j, f, "line"))), STR_ARG(json_text(j, json_get(j, f, "level"), a)),
           STR_ARG(json_text(j, json_get(j, f, "text"), a)));
  }
}

static void print_words(const struct json *j, uint32_t list, const char *before, struct arena *a) {
  for (uint32_t i = 0; json_type(j, list) == JSON_ARRAY && i < j->tokens[list].count; i++)
    printf("%s" STR_FORMAT, i ? ", " : before, STR_ARG(json_text(j, json_child(j, list, i), a)));
}

/* The state says "live" already. */
static void print_labels(const struct json *j, uint32_t p, struct arena *a) {
  const uint32_t labels = json_get(j, p, "labels");
  const struct str state = json_text(j, json_get(j, p, "state"), a);
  for (uint32_t i = 0; json_type(j, labels) == JSON_ARRAY && i < j->tokens[labels].count; i++) {
    const struct str label = json_text(j, json_child(j, labels, i), a);
    if (!str_eq(label, state)) printf("  " STR_FORMAT, STR_ARG(label));
  }
}

static void print_counts(const struct json *j, uint32_t shadowed, struct arena *a) {
  static const char *const keys[] = {"moments", "same", "gained", "lost", "changed"};
  if (json_type(j, shadowed) != JSON_OBJECT) return;
  printf("    beside the live one:");
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    printf("%s %s " STR_FORMAT, i ? "," : "", keys[i], STR_ARG(json_raw(j, json_get(j, shadowed, keys[i]))));
  printf("\n");
  uint32_t rules = json_get(j, shadowed, "rules"), at = rules + 1;
  for (uint32_t i = 0; json_type(j, rules) == JSON_OBJECT && i < j->tokens[rules].count; i++) {
    struct str name = json_text(j, at, a);
    at = j->tokens[at].next;
    printf("      " STR_FORMAT ":", STR_ARG(name));
    for (size_t k = 1; k < sizeof keys / sizeof *keys; k++)
      printf("%s %s " STR_FORMAT, k > 1 ? "," : "", keys[k], STR_ARG(json_raw(j, json_get(j, at, keys[k]))));
    printf("\n");
    at = j->tokens[at].next;
  }
}

static void print_warming(const struct json *j, uint32_t warming) {
  if (json_type(j, warming) != JSON_OBJECT) return;
  printf("    new features and moments: " STR_FORMAT " of " STR_FORMAT " users looked at, " STR_FORMAT " filled since the start\n",
         STR_ARG(json_raw(j, json_get(j, warming, "looked"))), STR_ARG(json_raw(j, json_get(j, warming, "users"))),
         STR_ARG(json_raw(j, json_get(j, warming, "filled"))));
}

static void print_one(const struct json *j, uint32_t p, struct arena *a) {
  uint32_t files = json_get(j, p, "files"), changed = json_get(j, p, "changed");
  struct str digest = json_text(j, json_get(j, p, "digest"), a), why = json_text(j, json_get(j, p, "why"), a),
             ended = json_text(j, json_get(j, p, "ended"), a);
  printf("%.*s  " STR_FORMAT, digest.len < 16 ? (int)digest.len : 16, digest.at, STR_ARG(json_text(j, json_get(j, p, "state"), a)));
  print_labels(j, p, a);
  const uint32_t count = json_type(j, files) == JSON_ARRAY ? j->tokens[files].count : 0;
  const bool was_live = ended.len && str_is(json_text(j, json_get(j, p, "state"), a), "ready"); /* since it stopped, it is ready again */
  printf("  %u %s, %s " STR_FORMAT ", from " STR_FORMAT, count, count == 1 ? "file" : "files", was_live ? "live until" : "since",
         STR_ARG(json_text(j, json_get(j, p, "since"), a)), STR_ARG(json_text(j, json_get(j, p, "from"), a)));
  const struct str author = json_text(j, json_get(j, p, "author"), a);
  if (why.len && str_is(author, "directory")) printf(" (" STR_FORMAT ")", STR_ARG(why)); /* which changed by itself, for all we know */
  else if (why.len) printf(" (" STR_FORMAT ", by " STR_FORMAT ")", STR_ARG(why), STR_ARG(author));
  printf("\n");
  if (ended.len) printf("    not live any more: " STR_FORMAT "\n", STR_ARG(ended));
  if (json_type(j, changed) == JSON_ARRAY && j->tokens[changed].count) {
    print_words(j, changed, "    changed: ", a);
    printf("\n");
  }
  print_findings(j, json_get(j, p, "findings"), a);
  uint32_t waits = json_get(j, p, "waits");
  for (uint32_t i = 0; json_type(j, waits) == JSON_ARRAY && i < j->tokens[waits].count; i++)
    printf("    waits " STR_FORMAT "\n", STR_ARG(json_text(j, json_child(j, waits, i), a)));
  print_warming(j, json_get(j, p, "warming"));
  print_counts(j, json_get(j, p, "shadowed"), a);
}

static void show_all(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    if (json_type(&j, 0) == JSON_OBJECT && json_get(&j, 0, "digest") != JSON_NONE) print_one(&j, 0, &a);
    else if (json_type(&j, 0) == JSON_OBJECT && json_get(&j, 0, "shadow") != JSON_NONE) printf("nothing decides beside the live program\n");
    else if (json_type(&j, 0) == JSON_OBJECT && json_get(&j, 0, "discarded") != JSON_NONE) printf("discarded: not listed any more\n");
    for (uint32_t i = 0; json_type(&j, 0) == JSON_ARRAY && i < j.tokens[0].count; i++) print_one(&j, json_child(&j, 0, i), &a);
  }
  arena_free(&a);
}

/* ---- asking ---- */

struct asking {
  struct live live;
  const char *verb, *what, *other;
};

/* A refused program is told finding by finding: exit code 3. */
static int tell_refused(struct str answer, const struct err *e) {
  struct arena a = {0};
  struct json j;
  uint32_t findings = JSON_NONE;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) findings = json_get(&j, 0, "findings");
  if (findings != JSON_NONE) {
    fprintf(stderr, "kairos: refused\n");
    print_findings(&j, findings, &a);
  }
  arena_free(&a);
  return findings != JSON_NONE ? EXIT_FINDINGS : tool_fail(e);
}

static int ask(const struct asking *k, const char *method, const char *path, struct str body, struct buf *answer) {
  struct err e = {0};
  int status = 0;
  if (client_call(&k->live.client, method, path, "application/json", body, answer, &status, &e)) return EXIT_OK;
  return status == 422 ? tell_refused(buf_view(answer), &e) : tool_fail(&e);
}

static int get_program(const struct asking *k, const char *name, struct buf *answer) {
  struct buf path = {0};
  live_path(&path, "/v1/programs/", str_from(name), "");
  int code = ask(k, "GET", path.at, (struct str){0}, answer);
  buf_free(&path);
  return code;
}

/* These mean a program of the engine, whatever directories lie about; ./live is the directory. */
static bool is_word(const char *what) {
  static const char *const words[] = {"live", "previous", "shadow", "off"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(what, words[i]) == 0) return true;
  return false;
}

static bool is_directory(const char *what) {
  if (is_word(what)) return false;
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  bool ok = file_list(what, &a, &entries, &count, NULL);
  arena_free(&a);
  return ok;
}

/* ---- show and diff ---- */

static int show_sources(const struct asking *k, struct str answer) {
  struct arena a = {0};
  struct json j;
  bool any = false;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    uint32_t sources = json_get(&j, 0, "sources");
    for (uint32_t i = 0; json_type(&j, sources) == JSON_ARRAY && i < j.tokens[sources].count; i++) {
      uint32_t s = json_child(&j, sources, i), text = json_get(&j, s, "text");
      struct str path = json_text(&j, json_get(&j, s, "path"), &a), bytes = json_text(&j, text, &a);
      if (k->other && !str_is(path, k->other)) continue;
      any = true;
      if (k->live.json) {
        printf(STR_FORMAT "\n", STR_ARG(json_raw(&j, s)));
        continue;
      }
      if (!k->other) printf("-- " STR_FORMAT " (" STR_FORMAT " bytes)\n", STR_ARG(path), STR_ARG(json_raw(&j, json_get(&j, s, "bytes"))));
      if (bytes.len) fwrite(bytes.at, 1, bytes.len, stdout);
      if (json_type(&j, text) != JSON_STRING) printf("(no text)\n");
    }
  }
  arena_free(&a);
  if (any) return EXIT_OK;
  fprintf(stderr, "kairos: no file \"%s\" in this program\n", k->other ? k->other : "");
  return EXIT_NOT_FOUND;
}

/* Labels and digests have neither. */
static bool looks_like_file(const char *what) {
  return strchr(what, '/') || strchr(what, '.');
}

static int verb_show(const struct asking *k) {
  struct buf answer = {0};
  if (k->what && !k->other && looks_like_file(k->what)) {
    fprintf(stderr, "kairos programs show: \"%s\" looks like a file; say of which program: kairos programs show live %s\n", k->what,
            k->what);
    return EXIT_USAGE;
  }
  int code = get_program(k, k->what ? k->what : "live", &answer);
  if (code == EXIT_OK && k->live.json && !k->other) printf(STR_FORMAT "\n", STR_ARG(buf_view(&answer)));
  else if (code == EXIT_OK) code = show_sources(k, buf_view(&answer));
  buf_free(&answer);
  return code;
}

/* A directory as the engine would show it. */
static int show_directory(const char *directory, struct buf *out) {
  struct err e = {0};
  if (program_list(directory, out, &e)) return EXIT_OK;
  return tool_fail(&e);
}

/* Whoever named something may have meant a directory, unless the word has a meaning of its own. */
static int neither(const char *name, int code) {
  if (code == EXIT_NOT_FOUND && !is_word(name)) fprintf(stderr, "kairos: nor is there a directory \"%s\"\n", name);
  return code;
}

static int get_side(const struct asking *k, const char *name, struct buf *answer) {
  return is_directory(name) ? show_directory(name, answer) : neither(name, get_program(k, name, answer));
}

/* Between two directories no engine is asked: whoever names one thinks that it is. */
static bool asks_nobody(const char *from, const char *to) {
  static const char *const options[] = {"--url", "--key"};
  if (!is_directory(from) || !is_directory(to)) return false;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    if (!arguments_said(options[i])) continue;
    fprintf(stderr, "kairos programs diff: %s does not go with two directories: no engine is asked about \"%s\" and \"%s\"\n", options[i],
            from, to);
    return true;
  }
  return false;
}

/* Nothing named: what the last change did. One named: what it would change. */
static int verb_diff(const struct asking *k) {
  struct buf before = {0}, after = {0};
  const char *from = k->what ? (k->other ? k->what : "live") : "previous", *to = k->what ? (k->other ? k->other : k->what) : "live";
  if (asks_nobody(from, to)) return EXIT_USAGE;
  int code = get_side(k, from, &before);
  if (code == EXIT_OK) code = get_side(k, to, &after);
  if (code == EXIT_OK && !programs_differ(buf_view(&before), buf_view(&after))) fprintf(stderr, "no difference\n");
  buf_free(&before);
  buf_free(&after);
  return code;
}

/* ---- changes ---- */

/* A directory is sent, checked and kept first; then it goes by its digest. */
static int send_directory(const struct asking *k, char digest[65]) {
  struct buf body = {0}, answer = {0};
  struct err e = {0};
  struct arena a = {0};
  struct json j;
  int code = program_upload(k->what, &body, &e) ? ask(k, "POST", "/v1/programs", buf_view(&body), &answer) : tool_fail(&e);
  digest[0] = 0;
  if (code == EXIT_OK && json_parse(&j, &a, buf_view(&answer), &json_limits_default, NULL)) {
    struct str d = json_text(&j, json_get(&j, 0, "digest"), &a);
    snprintf(digest, 65, STR_FORMAT, STR_ARG(d));
  }
  arena_free(&a);
  buf_free(&body);
  buf_free(&answer);
  return code;
}

/* Whoever wants it gone does not want it sent first. */
static int name_directory(const char *directory, char digest[65]) {
  struct err e = {0};
  struct program *p = program_from_directory(directory, &(struct program_from){0}, &e);
  if (p) memcpy(digest, p->digest, sizeof p->digest);
  program_free(p);
  return p ? EXIT_OK : tool_fail(&e);
}

static int change(const struct asking *k, const char *name, const char *verb) {
  struct buf path = {0}, answer = {0};
  char rest[32];
  snprintf(rest, sizeof rest, "/%s", verb);
  if (name) live_path(&path, "/v1/programs/", str_from(name), rest);
  else live_path(&path, "/v1/programs", (struct str){0}, rest);
  int code = ask(k, "POST", path.at, STR("{}"), &answer);
  if (code == EXIT_OK && k->live.json) printf(STR_FORMAT "\n", STR_ARG(buf_view(&answer)));
  else if (code == EXIT_OK) show_all(buf_view(&answer));
  buf_free(&path);
  buf_free(&answer);
  return code;
}

static int change_named(const struct asking *k, const struct usage *usage) {
  char digest[65];
  if (!arguments_given(usage, "WHAT", k->what)) return EXIT_USAGE;
  if (!is_directory(k->what)) return neither(k->what, change(k, k->what, k->verb));
  int code = strcmp(k->verb, "discard") == 0 ? name_directory(k->what, digest) : send_directory(k, digest);
  return code == EXIT_OK ? change(k, digest, k->verb) : code;
}

int tool_programs(int argc, char **argv) {
  static const char *const verbs[] = {"list", "show", "diff", "publish", "shadow", "undo", "discard", NULL};
  struct asking k = {.live.client.url = LIVE_URL, .verb = "list"};
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &k.verb, NULL, "list (default), show, diff, publish, shadow, undo or discard", NULL},
      {"WHAT", ARGUMENT_TEXT, &k.what, NULL,
       "a digest or its first digits, live, previous, shadow, or a directory (./live: one of that name); for shadow also off", NULL},
      {"OTHER", ARGUMENT_TEXT, &k.other, NULL, "diff: compare WHAT with this; show: only this file", NULL},
      LIVE_ARGUMENTS(k.live)};
  static const struct argument_fit fits[] = {{"--json", "list, show, publish, shadow, undo, discard"}};
  const struct usage usage = {
      "programs",
      "What runs, what ran, and what is to run. In a list: live decides; previous is what undo returns to; shadow\n"
      "decides beside the live one and sends nothing; ready was checked and can be published; draining ran and is still\n"
      "held by somebody; gone ran and is in the store; refused was found wrong and never ran.",
      "  kairos programs list\n"
      "  kairos programs diff                        what the last change did\n"
      "  kairos programs diff myprogram              what this directory would change\n"
      "  kairos programs shadow myprogram            decides beside the live one, sends nothing\n"
      "  kairos programs publish myprogram\n"
      "  kairos programs undo\n"
      "  kairos programs show live rules/skip.lua    as it runs, whatever lies in the directory\n",
      ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  const int verb = arguments_word(&usage, "VERB", k.verb, verbs);
  const bool none = verb == 0 || verb == 5, one = verb == 3 || verb == 4 || verb == 6;
  if ((none && !arguments_unused(&usage, k.what)) || ((none || one) && !arguments_unused(&usage, k.other))) return EXIT_USAGE;
  switch (verb) {
  case 0: return live_ask(&k.live, "GET", "/v1/programs", (struct str){0}, show_all);
  case 1: return verb_show(&k);
  case 2: return verb_diff(&k);
  case 5: return change(&k, NULL, "undo");
  case 3:
  case 4:
  case 6: return change_named(&k, &usage);
  default: return EXIT_USAGE;
  }
}
