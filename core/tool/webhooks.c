/* webhooks: endpoints and deliveries of a running engine; dead letters sent again, disabled endpoints taken back. Asks over HTTP. Main
 * thread. */
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

int tool_webhooks(int argc, char **argv) {
  static const char *const verbs[] = {"list", "replay", "enable", NULL};
  struct live live = {.client = {.url = LIVE_URL}};
  const char *verb = NULL, *from = NULL, *to = NULL;
  const struct argument list[] = {{"VERB", ARGUMENT_TEXT, &verb, NULL, "list, replay or enable", NULL},
                                  {"--from", ARGUMENT_TEXT, &from, "TIME", "replay: what failed from then on (default: everything)", NULL},
                                  {"--to", ARGUMENT_TEXT, &to, "TIME", "replay: … and before then (default: now)", NULL},
                                  LIVE_ARGUMENTS(live)};
  const struct usage usage = {"webhooks", "Endpoints and what was delivered; sends failed messages again that are not too late.",
                              "  kairos webhooks list\n  kairos webhooks replay --from 2026-03-01T18:00:00Z\n  kairos webhooks enable\n",
                              ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  int place = arguments_word(&usage, "VERB", verb, verbs);
  if (place < 0) return EXIT_USAGE;
  if (place == 0) return live_ask(&live, "GET", "/v1/webhooks", (struct str){0}, live_show_tree);
  if (place == 2) return live_ask(&live, "POST", "/v1/webhooks/enable", STR("{}"), live_show_tree);
  struct buf body = {0};
  put_times(&body, from, to);
  code = live_ask(&live, "POST", "/v1/webhooks/replay", buf_view(&body), live_show_tree);
  buf_free(&body);
  return code;
}
