/* key: API keys of a data directory: add, list, revoke. Works on the directory itself, beside a running engine too, which takes a change
 * over within a second. A secret is printed once and stored nowhere. Main thread. */
#include "accept/accept.h"
#include "arguments.h"
#include "book/book.h"
#include "kit/json.h"
#include "tools_list.h"
#include <stdio.h>

static bool add(struct book *b, const char *name, const char *words, bool json, struct err *e) {
  uint32_t scopes;
  char secret[64];
  if (!scope_parse(str_from(words), &scopes, e)) return false;
  if (!control_add_key(b, name, scopes, secret, e)) return false;
  if (json) {
    struct buf out = {0};
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    json_pair_text(&w, "name", name);
    json_pair_text(&w, "scopes", words);
    json_pair_text(&w, "key", secret);
    json_close_object(&w);
    tool_print(&out);
    return true;
  }
  printf("%s\n", secret);
  fprintf(stderr, "this is shown once: keep it where the application reads its secrets\n");
  return true;
}

static void print_key(const struct api_key *key, bool json) {
  struct buf scopes = {0}, out = {0};
  scope_print(key->scopes, &scopes);
  if (json) {
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    json_pair_text(&w, "name", key->name);
    json_pair_str(&w, "scopes", buf_view(&scopes));
    json_pair_bool(&w, "revoked", key->revoked);
    json_close_object(&w);
    tool_print(&out);
  } else printf("%-20s %-40.*s %s\n", key->name, STR_ARG(buf_view(&scopes)), key->revoked ? "revoked" : "valid");
  buf_free(&scopes);
  buf_free(&out);
}

static bool list_keys(struct book *b, bool json, struct err *e) {
  struct arena a = {0};
  struct api_key *keys;
  size_t count;
  bool ok = control_keys(b, &a, &keys, &count, e);
  for (size_t i = 0; ok && i < count; i++) print_key(&keys[i], json);
  if (ok && count == 0 && !json) fprintf(stderr, "no keys: the engine takes everything, but only from this machine\n");
  arena_free(&a);
  return ok;
}

int tool_key(int argc, char **argv) {
  static const char *const verbs[] = {"add", "list", "revoke", NULL};
  const char *verb = NULL, *name = NULL, *data = "data", *scopes = NULL;
  bool json = false;
  const struct argument list[] = {
      {"VERB", ARGUMENT_TEXT, &verb, NULL, "add, list or revoke", NULL},
      {"NAME", ARGUMENT_TEXT, &name, NULL, "the key's name (not for list)", NULL},
      {"--scopes", ARGUMENT_TEXT, &scopes, "LIST", "what it may do, out of track, ingest, decide, read, operate, admin", NULL},
      {"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
      {"--json", ARGUMENT_FLAG, &json, NULL, "as JSON, one key a line", NULL}};
  static const struct argument_fit fits[] = {{"--scopes", "add"}, {"--json", "add, list"}};
  const struct usage usage = {"key", "API keys: with the first one, the engine asks for a key at every door.",
                              "  kairos key add app --scopes ingest,read\n  kairos key list\n  kairos key revoke app\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place < 0 || (place != 1 && !arguments_given(&usage, "NAME", name)) || (place == 0 && !arguments_given(&usage, "--scopes", scopes)))
    return EXIT_USAGE;
  if (place == 1 && !arguments_unused(&usage, name)) return EXIT_USAGE;
  struct err e = {0};
  uint32_t known;
  if (place == 0 && !scope_parse(str_from(scopes), &known, &e)) {
    err_wrap(&e, "--scopes");
    return arguments_refuse(&usage, &e);
  }
  struct book *b = place == 1 ? book_open(data, false, &e) : book_open_keys(data, &e);
  bool ok = b != NULL;
  if (ok && place == 0) ok = add(b, name, scopes, json, &e);
  else if (ok && place == 1) ok = list_keys(b, json, &e);
  else if (ok) ok = control_revoke_key(b, name, &e);
  book_close(b);
  if (ok && place == 2) fprintf(stderr, "revoked: a running engine refuses it within a second\n");
  return ok ? EXIT_OK : tool_fail(&e);
}
