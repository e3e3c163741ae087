/* What the subcommands that speak with a running engine share: its address, a key, and how answers are shown. */
#pragma once
#include "arguments.h"
#include "client.h"
#include "kit/json.h"

struct live {
  struct client client;
  bool json;
};
#define LIVE_URL "http://127.0.0.1:8080"
#define LIVE_ARGUMENTS(l)                                                                                                                  \
  {"--url", ARGUMENT_URL, &(l).client.url, "URL", "the engine (default: " LIVE_URL ")", "KAIROS_URL"},                                     \
      {"--key", ARGUMENT_TEXT, &(l).client.key, "KEY", "the API key", "KAIROS_KEY"}, {                                                     \
    "--json", ARGUMENT_FLAG, &(l).json, NULL, "the engine's answer as it came", NULL                                                       \
  }

/* Asks; then prints the answer: as it came with --json or when `show` is NULL, else by `show`. Gives the exit code. `body` empty: none. */
int live_ask(const struct live *l, const char *method, const char *path, struct str body, void (*show)(struct str answer));
/* Says why a question failed and gives the exit code: what the engine found to be no question (400) was wrong on the command line. */
int live_fail(int status, const struct err *e);
/* "/v1/users/" + escaped segment + rest, to be freed with buf_free; NUL-terminated. */
void live_path(struct buf *out, const char *before, struct str segment, const char *after);
void live_path_end(struct buf *path); /* closes one that was put together otherwise. Both: `at` is NULL without memory for all of it */
/* A text of an answer as a line for people: control characters, which a terminal would obey, are blanks. */
struct str live_text(const struct json *j, uint32_t at, struct arena *a);
/* An answer that is text, likewise; its lines stay. */
void live_show_plain(struct str answer);
/* JSON as indented "key: value" lines for people. */
void live_show_tree(struct str answer);
