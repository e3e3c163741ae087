/* sink: a webhook receiver that verifies signatures and prints what it gets, one line each; for trying things out and for tests. Own loop,
 * main thread; ends on SIGINT or SIGTERM. Stores nothing. */
#include "arguments.h"
#include "emit/emit.h"
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include "tools_list.h"
#include <signal.h>
#include <stdio.h>
#include <uv.h>

struct receiving {
  uv_loop_t loop;
  uv_signal_t signals[2];
  struct sink *sink;
  bool json;
};

/* What anybody may send, as a part of one line of JSON: line ends stand between values only, and bytes that are no text become "?". */
static struct str in_line(struct str came, bool is_json, struct arena *a) {
  const bool text = str_utf8(came);
  char *line = arena_text(a, came.len ? came.at : "", came.len);
  for (size_t i = 0; line && i < came.len; i++) {
    if (is_json && (line[i] == '\n' || line[i] == '\r')) line[i] = ' ';
    if (!text && (unsigned char)line[i] >= 0x80) line[i] = '?';
  }
  return line ? (struct str){line, came.len} : STR("");
}

static void print_json(bool verified, const char *why, struct str traceparent, struct str body) {
  struct arena a = {0};
  struct json j;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_bool(&w, "verified", verified);
  if (!verified) json_pair_text(&w, "why", why);
  if (traceparent.len) json_pair_str(&w, "traceparent", in_line(traceparent, false, &a));
  const bool is_json = body.len && json_parse(&j, &a, body, &json_limits_default, NULL);
  const struct str line = in_line(body, is_json, &a);
  json_key(&w, "body");
  if (is_json && line.len) json_put_raw(&w, line);
  else json_put_str(&w, line);
  json_close_object(&w);
  tool_print(&out);
  arena_free(&a);
}

static void print_line(bool verified, const char *why, struct str body) {
  struct arena a = {0};
  struct json j;
  const char *green = tool_color(1) ? "\033[32m" : "", *red = tool_color(1) ? "\033[31m" : "", *plain = tool_color(1) ? "\033[0m" : "";
  if (verified) printf("%sverified%s", green, plain);
  else printf("%sREFUSED%s  %s", red, plain, why);
  if (body.len && json_parse(&j, &a, body, &json_limits_default, NULL)) {
    uint32_t data = json_get(&j, 0, "data");
    printf("  " STR_FORMAT "  " STR_FORMAT " " STR_FORMAT ": " STR_FORMAT " -> " STR_FORMAT "  \"" STR_FORMAT "\"",
           STR_ARG(live_text(&j, json_get(&j, 0, "type"), &a)), STR_ARG(live_text(&j, json_get(&j, data, "decisionId"), &a)),
           STR_ARG(live_text(&j, json_get(&j, data, "userId"), &a)), STR_ARG(live_text(&j, json_get(&j, data, "trigger"), &a)),
           STR_ARG(live_text(&j, json_get(&j, data, "intervention"), &a)), STR_ARG(live_text(&j, json_get(&j, data, "message"), &a)));
  }
  putchar('\n');
  arena_free(&a);
}

static void on_webhook(void *context, bool verified, const char *why, struct str body) {
  const struct receiving *r = context;
  if (r->json) print_json(verified, why, sink_traceparent(r->sink), body);
  else print_line(verified, why, body);
  fflush(stdout);
}

static void on_signal(uv_signal_t *signal, int number) {
  (void)number;
  struct receiving *r = signal->data;
  for (int i = 0; i < 2; i++) uv_close((uv_handle_t *)&r->signals[i], NULL);
  sink_close(r->sink);
}

static void watch_signals(struct receiving *r) {
  const int numbers[] = {SIGINT, SIGTERM};
  for (int i = 0; i < 2; i++) {
    uv_signal_init(&r->loop, &r->signals[i]);
    r->signals[i].data = r;
    uv_signal_start(&r->signals[i], on_signal, numbers[i]);
  }
}

int tool_sink(int argc, char **argv) {
  struct receiving r = {0};
  const char *secret = NULL;
  int64_t port = 8099;
  const struct argument list[] = {
      {"--port", ARGUMENT_NUMBER, &port, "P", "where to listen on 127.0.0.1; 0: any free port (default: 8099)", NULL},
      {"--secret", ARGUMENT_TEXT, &secret, "WHSEC", "what signatures are verified with; without it nothing is verified",
       "KAIROS_WEBHOOK_SECRET"},
      {"--json", ARGUMENT_FLAG, &r.json, NULL, "each webhook as one line of JSON", NULL}};
  const struct usage usage = {
      "sink", "Receives webhooks, verifies their signatures and prints them.",
      "  kairos sink --secret whsec_…      receives what an engine beside it sends:\n"
      "  kairos serve … --webhook http://127.0.0.1:8099/hooks --webhook-secret whsec_… --allow-http --allow-private\n"
      "  kairos sink --port 0 --json\n",
      ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (port < 0 || port > 65535) {
    fprintf(stderr, "kairos sink: --port: expected 0 to 65535, got %lld\n", (long long)port);
    return EXIT_USAGE;
  }
  struct err e = {0};
  char listen[32];
  const struct endpoint sender = {.url = "https://sender.example", .secrets = {secret}};
  if (!endpoint_check(&sender, &e)) return arguments_refuse(&usage, &e);
  signal(SIGPIPE, SIG_IGN);
  snprintf(listen, sizeof listen, "127.0.0.1:%d", (int)port);
  uv_loop_init(&r.loop);
  r.sink = sink_open(&r.loop, listen, secret, on_webhook, &r, &e);
  if (r.sink) {
    watch_signals(&r);
    fprintf(stderr, "kairos sink listens on port %d%s\n", sink_port(r.sink), secret ? "" : ", without a secret: nothing is verified");
  }
  uv_run(&r.loop, UV_RUN_DEFAULT);
  uv_loop_close(&r.loop);
  return r.sink ? EXIT_OK : tool_fail(&e);
}
