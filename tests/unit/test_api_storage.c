/* rooms: tool api lane flow program accept book kit; inside: tool; libraries: lib_sqlite lib_uv */
/* What an answer says when storage fails, over sockets, in an engine whose disk fails when told: a lost turn is 503 with Retry-After and
 * never a false 200; when one file of two fails, 200 lists the events that must be sent again as retryable, and only those; sent again they
 * are taken once. Reads and acts of operators say 503 as well, and all of it ends when the disk is well. */
#include "engine_client.h"
#include "kit/log.h"
#include "serve.h"
#include "unit/failing_disk.h"
#include <pthread.h>

#define USERS 40

static struct stage stage;
static int port;
static char user_of[USERS][24];
static int parted; /* rounds in which one file took its events and the other did not */

static void batch(struct buf *out, int round) {
  char time[32];
  int length = (int)clock_format(clock_now(), time);
  buf_clear(out);
  buf_char(out, '[');
  for (int i = 0; i < USERS; i++)
    buf_printf(out, "%s{\"id\":\"r%d-%d\",\"userId\":\"%s\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{\"n\":%d}}",
               i ? "," : "", round, i, user_of[i], length, time, i);
  buf_char(out, ']');
}

static size_t count_of(struct str body, const char *word) {
  size_t count = 0;
  for (const char *at = body.at; (at = memmem(at, body.len - (size_t)(at - body.at), word, strlen(word))); at++) count++;
  return count;
}

/* What failed in which file is the log's. */
static void names_no_file(struct str body) {
  if (count_of(body, "SQLite") || count_of(body, "volume-") || count_of(body, stage.data))
    client_fail("a client is told of files: %.*s", (int)body.len, body.at);
}

static void post(struct str body, int64_t *accepted, int64_t *duplicates, size_t *retryable, int *status) {
  struct reply r = client_ask(port, "POST", "/v1/events", NULL, "application/json", body);
  *status = r.status;
  *accepted = reply_number(r.body, "accepted");
  *duplicates = reply_number(r.body, "duplicates");
  *retryable = count_of(r.body, "\"retryable\":true");
  if (r.status == 200 && count_of(r.body, "\"retryable\":false"))
    client_fail("an event was refused for good: %.*s", (int)r.body.len, r.body.at);
  if (r.status == 503 && !memmem(r.text.at, r.text.len, "Retry-After:", 12) && !memmem(r.text.at, r.text.len, "retry-after:", 12))
    client_fail("503 without Retry-After: %.*s", (int)r.text.len, r.text.at);
  names_no_file(r.body);
  if (r.status == 503 && !count_of(r.body, "\"detail\":\"storage failed, try again\""))
    client_fail("503, but %.*s", (int)r.body.len, r.body.at);
  if (r.status != 200 && r.status != 503) client_fail("expected 200 or 503, got %d: %.*s", r.status, (int)r.body.len, r.body.at);
  buf_free(&r.text);
}

static void expect_exactly_once(int round, int failing_syncs) {
  struct buf body = {0};
  int64_t accepted, duplicates, again, known;
  size_t retryable, none;
  int status;
  batch(&body, round);
  disk_sync_failures = failing_syncs;
  post(buf_view(&body), &accepted, &duplicates, &retryable, &status);
  disk_sync_failures = 0;
  if (status == 200 && accepted + (int64_t)retryable != USERS)
    client_fail("round %d: %lld accepted and %zu to be sent again, of %d", round, (long long)accepted, retryable, USERS);
  /* The one failure may strike a file while it settles, and then nobody is told of it. */
  if (failing_syncs == 1 && status != 200) client_fail("round %d: one file of two failed: got %d", round, status);
  parted += failing_syncs == 1 && retryable > 0 && accepted > 0;
  if (failing_syncs > 3 && status != 503) client_fail("round %d: both files failed, and the answer is %d", round, status);
  if (failing_syncs == 0 && accepted != USERS) client_fail("round %d: %lld accepted", round, (long long)accepted);
  int64_t taken = status == 200 ? accepted : 0;
  for (int tries = 0; tries < 500; tries++) { /* the files come back, one by one */
    post(buf_view(&body), &again, &known, &none, &status);
    if (status == 200 && (known > taken || (none == 0 && known != taken)))
      client_fail("round %d: %lld were taken, but %lld are known", round, (long long)taken, (long long)known);
    if (status == 200) taken += again;
    if (status == 200 && none == 0) break;
    client_rest(20000);
  }
  if (taken != USERS) client_fail("round %d: sent again and again, %lld of %d were taken", round, (long long)taken, USERS);
  buf_free(&body);
}

static void operators_are_told(void) {
  disk_sync_failures = 1000;
  int kill_status = client_status(port, "PUT", "/v1/kill/trigger/t", NULL, NULL, "");
  int out = client_status(port, "POST", "/v1/users/u1/opt-out", NULL, NULL, "");
  disk_sync_failures = 0;
  if (kill_status != 503 || out != 503) client_fail("a kill that is not durable answers %d, an opt-out %d", kill_status, out);
  for (int tries = 0; tries < 100 && client_status(port, "POST", "/v1/users/u1/opt-out", NULL, NULL, "") != 200; tries++)
    client_rest(20000);
  struct reply r = client_ask(port, "GET", "/v1/users/u1", NULL, NULL, (struct str){0});
  if (r.status != 200 || !memmem(r.body.at, r.body.len, "\"withdrawn\"", 11)) client_fail("the opt-out is not there: %d", r.status);
  buf_free(&r.text);
}

/* People of both files in turn, each second event refused: what is said of them stands in the order in which they were sent. */
static void lists_keep_the_order(void) {
  struct buf body = {0};
  char time[32];
  const int length = (int)clock_format(clock_now(), time);
  buf_char(&body, '[');
  for (int i = 0; i < USERS; i++)
    buf_printf(&body, "%s{\"userId\":\"%s\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{\"n\":%s}}", i ? "," : "", user_of[i],
               length, time, i % 2 ? "\"x\"" : "1");
  buf_char(&body, ']');
  struct reply r = client_ask(port, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
  const char *at = r.body.at, *end = r.body.at + r.body.len;
  for (int refused = 1; refused >= 0; refused--) /* first what is rejected, then the ids that were given */
    for (int i = refused; i < USERS; i += 2) {
      char wanted[64];
      const int size =
          snprintf(wanted, sizeof wanted, "{\"index\":%d,\"%s\":\"%s", i, refused ? "pointer" : "id", refused ? "#/data/n" : "");
      at = memmem(at, (size_t)(end - at), wanted, (size_t)size);
      if (!at) client_fail("%s is not there, or not in its place: %.*s", wanted, (int)r.body.len, r.body.at);
    }
  buf_free(&r.text);
  buf_free(&body);
}

static void *client(void *context) {
  (void)context;
  for (int i = 0; i < USERS; i++) snprintf(user_of[i], sizeof user_of[i], "u%d", i);
  expect_exactly_once(0, 0);
  lists_keep_the_order();
  for (int round = 1; round <= 20; round++) expect_exactly_once(round, round % 2 ? 1 : 1000);
  if (parted < 3) client_fail("one file of two failed in %d rounds only", parted);
  operators_are_told();
  expect_exactly_once(21, 0);
  kill(getpid(), SIGTERM);
  return NULL;
}

int main(void) {
  struct err e = {0};
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  stage_open(&stage, "api-storage");
  stage_rules(&stage, "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"
                      "intervention \"w\" { why = \"x\", type = \"m\", channel = \"push\", action = \"a\", expires = 1 * hours, message = "
                      "{ en = \"w\" } }\n"
                      "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"w\" } }\n");
  if (!book_create(stage.data, 2, &e)) client_fail("%s", e.text);
  disk_register();
  struct engine engine = {.options = {.data = stage.data, .program = stage.program, .listen = "127.0.0.1:0", .lanes = 1}};
  if (!engine_open(&engine, &e)) client_fail("%s", e.text);
  port = door_port(engine.door);
  pthread_t thread;
  if (pthread_create(&thread, NULL, client, NULL) != 0) client_fail("no thread");
  uv_run(&engine.loop, UV_RUN_DEFAULT);
  pthread_join(thread, NULL);
  engine_close(&engine);
  book_use_vfs(NULL);
  stage_close(&stage);
  return 0;
}
