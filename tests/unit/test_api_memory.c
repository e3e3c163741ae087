/* rooms: tool api lane flow program accept book kit; inside: tool; libraries: lib_uv */
/* Memory that fails while the engine is asked something: the n-th allocation, for every n. Whoever asked gets a whole answer, a refusal or
 * a closed connection, never half an answer that says 200; and what operators said meanwhile is theirs, and lets the next start go on. */
#include "engine_client.h"
#include "kit/log.h"
#include "serve.h"
#include <pthread.h>

#define LAST 60 /* allocations: more than any of these questions takes, but for the metrics */

static struct stage stage;
static int port;
static char key[64];

static char answer[1 << 20]; /* the client's own memory is not to fail */

static struct str hear(int s) {
  size_t length = 0;
  for (ssize_t n; length < sizeof answer && (n = recv(s, answer + length, sizeof answer - length, 0)) > 0;) length += (size_t)n;
  return (struct str){answer, length};
}

static void expect_whole(const char *what, int64_t nth, struct str said) {
  struct arena a = {0};
  struct json j;
  long announced = -1;
  if (!said.len) return; /* closed */
  const char *head = memmem(said.at, said.len, "\r\n\r\n", 4);
  if (!head) client_fail("%s, allocation %lld: half an answer came", what, (long long)nth);
  const struct str body = {head + 4, said.len - (size_t)(head + 4 - said.at)};
  const char *length = memmem(said.at, said.len, "Content-Length: ", 16);
  if (length) announced = strtol(length + 16, NULL, 10);
  if (announced != (long)body.len)
    client_fail("%s, allocation %lld: %ld bytes are announced, %zu came", what, (long long)nth, announced, body.len);
  if (memmem(said.at, said.len, "text/plain", 10)) {
    if (!str_ends(body, "\n")) client_fail("%s, allocation %lld: ends with %.40s", what, (long long)nth, body.at + body.len - 40);
  } else if (!json_parse(&j, &a, body, &json_limits_default, NULL))
    client_fail("%s, allocation %lld: is no JSON: " STR_FORMAT, what, (long long)nth, STR_ARG(said));
  arena_free(&a);
}

static bool ask_without(const char *what, int64_t nth) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct timeval patience = {.tv_sec = CLIENT_WAIT_SECONDS};
  char text[400];
  const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int length =
      snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", what, key);
  if (connect(s, (struct sockaddr *)&to, sizeof to) != 0) client_fail("no connection");
  kit_fail_allocation(nth);
  if (send(s, text, (size_t)length, MSG_NOSIGNAL) < 0) client_fail("no connection");
  const struct str said = hear(s);
  kit_fail_allocation(0);
  expect_whole(what, nth, said);
  close(s);
  return str_starts(said, "HTTP/1.1 200");
}

static void *client(void *context) {
  static const char *const asked[] = {"PUT /v1/kill/trigger/t",
                                      "GET /v1/kill",
                                      "DELETE /v1/kill/trigger/t",
                                      "POST /v1/rollouts/r/hold",
                                      "POST /v1/rollouts/r/resume",
                                      "GET /v1/rollouts",
                                      "GET /v1/experiments",
                                      "GET /v1/programs",
                                      "GET /metrics",
                                      "GET /v1/models"};
  (void)context;
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    bool fine = false;
    for (int64_t nth = 1; nth <= LAST; nth++) fine = ask_without(asked[i], nth);
    if (!fine && !ask_without(asked[i], 0)) client_fail("%s is not answered even with all memory", asked[i]);
  }
  kill(getpid(), SIGTERM);
  return NULL;
}

static void open_engine(struct engine *engine) {
  struct err e = {0};
  *engine = (struct engine){.options = {.data = stage.data, .program = stage.program, .listen = "127.0.0.1:0", .lanes = 1}};
  if (!engine_open(engine, &e)) client_fail("%s", e.text);
  port = door_port(engine->door);
}

static bool is_theirs(void *context, const struct control_fact *fact) {
  const bool operators = strcmp(fact->kind, "program") != 0;
  if (operators && strcmp(fact->author, "ops") != 0) client_fail("a %s is said to be by %s", fact->kind, fact->author);
  *(int *)context += operators;
  return true;
}

static void make_directory(void) {
  struct err e = {0};
  if (!book_create(stage.data, 1, &e)) client_fail("%s", e.text);
  struct book *b = book_open(stage.data, true, &e);
  if (!b || !control_add_key(b, "ops", SCOPE_ADMIN, key, &e)) client_fail("%s", e.text);
  book_close(b);
}

int main(void) {
  static struct engine engine;
  struct err e = {0};
  int said = 0;
  pthread_t thread;
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  stage_open(&stage, "api-memory");
  stage_rules(&stage, "event \"ping\" { doc = \"x\" }\n"
                      "intervention \"w\" { why = \"x\", type = \"m\", channel = \"push\", action = \"a\", expires = 1 * hours, message = "
                      "{ en = \"w\" } }\n"
                      "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"w\" } }\n"
                      "experiment \"x\" { why = \"w\", revision = 1, at = \"trigger:t\", randomise = \"decision\",\n"
                      "  arms = { silence = { weight = 0.5, send = nothing }, w = { weight = 0.5, send = \"w\" } },\n"
                      "  outcome = { metric = \"calm\", within = 30 * minutes } }\n"
                      "metric \"calm\" { per = \"decision\", measure = \"happened\", of = \"ping\", window = 1 * hours }\n"
                      "rollout \"r\" { why = \"w\", gates = \"trigger:t\", stages = { { name = \"few\", share = 0.5 },\n"
                      "  { name = \"all\", share = 1 } } }\n");
  make_directory();
  open_engine(&engine);
  if (pthread_create(&thread, NULL, client, NULL) != 0) client_fail("no thread");
  uv_run(&engine.loop, UV_RUN_DEFAULT);
  pthread_join(thread, NULL);
  engine_close(&engine);
  open_engine(&engine); /* control.db says nothing that it cannot read */
  if (!control_each(engine.book, 0, is_theirs, &said, &e) || said < 10) client_fail("%d facts of operators are there: %s", said, e.text);
  engine_close(&engine);
  stage_close(&stage);
  return 0;
}
