/* live: one question to a running engine and its answer on stdout. Shared by decide, why, user, kill, rollout and programs. Main thread. */
#include "live.h"
#include "kit/arena.h"
#include "kit/json.h"
#include <stdio.h>
#include <string.h>

void live_path(struct buf *out, const char *before, struct str segment, const char *after) {
  buf_text(out, before);
  client_escape(out, segment);
  buf_text(out, after);
  live_path_end(out);
}

void live_path_end(struct buf *path) {
  buf_char(path, 0);
  if (path->failed) buf_free(path); /* less than all of it would be another path */
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

/* ---- what people wrote, on a terminal ---- */

/* How long the control character is that begins there; 0: none does. */
static size_t control_at(struct str s, size_t i) {
  const unsigned char c = (unsigned char)s.at[i], next = i + 1 < s.len ? (unsigned char)s.at[i + 1] : 0;
  if (c == 0xC2 && next >= 0x80 && next < 0xA0) return 2;
  return c < 0x20 || c == 0x7F;
}

struct str live_text(const struct json *j, uint32_t at, struct arena *a) {
  const struct str text = json_text(j, at, a);
  char *plain = NULL;
  for (size_t i = 0; i < text.len; i++) {
    const size_t control = control_at(text, i);
    if (!control) continue;
    if (!plain && !(plain = arena_text(a, text.at, text.len))) return STR("(no memory)");
    memset(plain + i, ' ', control);
    i += control - 1;
  }
  return plain ? (struct str){plain, text.len} : text;
}

void live_show_plain(struct str answer) {
  for (size_t i = 0; i < answer.len; i++) {
    const size_t control = answer.at[i] == '\n' ? 0 : control_at(answer, i);
    putchar(control ? ' ' : answer.at[i]);
    if (control) i += control - 1;
  }
  if (answer.len == 0 || answer.at[answer.len - 1] != '\n') putchar('\n');
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
  struct str text = type == JSON_STRING ? live_text(j, at, a) : json_raw(j, at);
  if (type == JSON_NULL) text = STR("-");
  else if (type == JSON_OBJECT || type == JSON_ARRAY) text = STR("none");
  printf(" " STR_FORMAT "\n", STR_ARG(text));
}

static void print_tree(const struct json *j, uint32_t at, int depth, struct arena *a) {
  bool object = json_type(j, at) == JSON_OBJECT;
  uint32_t child = at + 1;
  for (uint32_t n = 0; n < j->tokens[at].count; n++) {
    if (object) {
      struct str key = live_text(j, child, a);
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
