/* webhooks: endpoints and deliveries of a running engine; dead letters sent again, disabled endpoints taken back. Asks over HTTP. Main
 * thread. */
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <stdio.h>

static void put_times(struct buf *body, const char *from, const char *to) {
  struct json_writer w = json_to(body);
  json_open_object(&w);
  if (from) json_pair_text(&w, "from", from);
  if (to) json_pair_text(&w, "to", to);
  json_close_object(&w);
}

static void print_enabled(const struct json *j, uint32_t at, bool *works, struct arena *a) {
  const struct str breaker = json_text(j, json_get(j, at, "breaker"), a), why = json_text(j, json_get(j, at, "why"), a);
  bool enabled = false;
  json_bool(j, json_get(j, at, "enabled"), &enabled);
  *works = *works || enabled || str_is(breaker, "closed");
  printf(STR_FORMAT ": %s", STR_ARG(json_text(j, json_get(j, at, "name"), a)), enabled ? "enabled" : "was enabled already");
  if (!enabled && !str_is(breaker, "closed"))
    printf(", but it fails: its breaker is " STR_FORMAT "%s" STR_FORMAT, STR_ARG(breaker), why.len ? ", " : "", STR_ARG(why));
  putchar('\n');
}

/* What it did, for each endpoint, and what follows of it. */
static void show_enabled(struct str answer) {
  struct arena a = {0};
  struct json j;
  int64_t waiting = 0;
  bool works = false;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    const uint32_t list = json_get(&j, 0, "endpoints"), count = json_type(&j, list) == JSON_ARRAY ? j.tokens[list].count : 0;
    json_int(&j, json_get(&j, 0, "waiting"), &waiting);
    for (uint32_t i = 0; i < count; i++) print_enabled(&j, json_child(&j, list, i), &works, &a);
    if (count == 0) printf("there is no endpoint to enable: the engine was started without --webhook\n");
    else if (waiting == 0) printf("no message waits\n");
    else printf("%lld %s%s\n", (long long)waiting, waiting == 1 ? "message waits" : "messages wait", works ? " and will be sent now" : "");
  }
  arena_free(&a);
}

int tool_webhooks(int argc, char **argv) {
  static const char *const verbs[] = {"list", "replay", "enable", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *verb = NULL, *from = NULL, *to = NULL;
  const struct argument list[] = {{"VERB", ARGUMENT_TEXT, &verb, NULL, "list, replay or enable", NULL},
                                  {"--from", ARGUMENT_TIME, &from, "TIME", "what failed from then on (default: everything)", NULL},
                                  {"--to", ARGUMENT_TIME, &to, "TIME", "… and before then (default: now)", NULL},
                                  LIVE_ARGUMENTS(live)};
  static const struct argument_fit fits[] = {{"--from", "replay"}, {"--to", "replay"}};
  const struct usage usage = {"webhooks", "Endpoints and what was delivered; sends failed messages again that are not too late.",
                              "  kairos webhooks list\n  kairos webhooks replay --from 2026-03-01T18:00:00Z\n  kairos webhooks enable\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place < 0) return EXIT_USAGE;
  if (place == 0) return live_ask(&live, "GET", "/v1/webhooks", (struct str){0}, live_show_tree);
  if (place == 2) return live_ask(&live, "POST", "/v1/webhooks/enable", STR("{}"), show_enabled);
  struct buf body = {0};
  put_times(&body, from, to);
  code = live_ask(&live, "POST", "/v1/webhooks/replay", buf_view(&body), live_show_tree);
  buf_free(&body);
  return code;
}
