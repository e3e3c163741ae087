/* live: one question to a running engine and its answer on stdout. Shared by decide, why, user, kill, rollout and programs. Main thread. */
#include "live.h"
#include "kit/arena.h"
#include "kit/json.h"
#include <stdio.h>

void live_path(struct buf *out, const char *before, struct str segment, const char *after) {
  buf_text(out, before);
  client_escape(out, segment);
  buf_text(out, after);
  buf_char(out, 0);
}

static void print_bytes(struct str s) {
  if (s.len) fwrite(s.at, 1, s.len, stdout);
  if (s.len == 0 || s.at[s.len - 1] != '\n') putchar('\n');
}

int live_ask(const struct live *l, const char *method, const char *path, struct str body, void (*show)(struct str answer)) {
  struct buf answer = {0};
  struct err e = {0};
  int status = 0;
  bool ok = client_call(&l->client, method, path, "application/json", body, &answer, &status, &e);
  if (ok && (l->json || !show)) print_bytes(buf_view(&answer));
  else if (ok) show(buf_view(&answer));
  buf_free(&answer);
  return ok ? EXIT_OK : live_fail(status, &e);
}

int live_fail(int status, const struct err *e) {
  const int code = tool_fail(e);
  return status == 400 ? EXIT_USAGE : code;
}

/* ---- JSON for people ---- */

static void print_tree(const struct json *j, uint32_t at, int depth, struct arena *a);

static bool is_empty(const struct json *j, uint32_t at) {
  return j->tokens[at].count == 0;
}

static void print_child(const struct json *j, uint32_t at, int depth, struct arena *a) {
  enum json_type type = json_type(j, at);
  if ((type == JSON_OBJECT || type == JSON_ARRAY) && !is_empty(j, at)) {
    putchar('\n');
    print_tree(j, at, depth + 1, a);
    return;
  }
  struct str text = type == JSON_STRING ? json_text(j, at, a) : json_raw(j, at);
  if (type == JSON_NULL) text = STR("-");
  else if (type == JSON_OBJECT || type == JSON_ARRAY) text = STR("none");
  printf(" " STR_FORMAT "\n", STR_ARG(text));
}

static void print_tree(const struct json *j, uint32_t at, int depth, struct arena *a) {
  bool object = json_type(j, at) == JSON_OBJECT;
  uint32_t child = at + 1;
  for (uint32_t n = 0; n < j->tokens[at].count; n++) {
    if (object) {
      struct str key = json_text(j, child, a);
      printf("%*s" STR_FORMAT ":", depth * 2, "", STR_ARG(key));
      child = j->tokens[child].next;
    } else printf("%*s-", depth * 2, "");
    print_child(j, child, depth, a);
    child = j->tokens[child].next;
  }
}

void live_show_tree(struct str answer) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL) && json_type(&j, 0) >= JSON_ARRAY) print_tree(&j, 0, 0, &a);
  else print_bytes(answer);
  arena_free(&a);
}
