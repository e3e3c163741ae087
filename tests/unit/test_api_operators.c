/* rooms: tool api lane flow program accept book kit; inside: tool; libraries: lib_sqlite lib_uv */
/* What operators do beside kills is durable before it is answered, too, and nobody else waits for the disk meanwhile: approvals and moves
 * of a rollout, merges, the erasure of a person of two ids, acts on webhooks. Moves of one rollout are judged one after the other, each by
 * what became of the one before; what a failing disk refuses has not happened, and can be said again. */
#include "kit/log.h"
#include "serve.h"
#include "unit/slow_disk.h"

#define HEAD              " HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
#define ASK(verb, path)   verb " " path HEAD "0\r\n\r\n"
#define MOVE(verb)        ASK("POST", "/v1/rollouts/beta/" verb)
#define APPROVE(name)     "POST /v1/rollouts/beta/approve" HEAD "14\r\n\r\n{\"by\":\"" name "\"}"
#define MERGE(from, into) "POST /v1/users/" from "/merge" HEAD "13\r\n\r\n{\"into\":\"" into "\"}"

static struct stage stage;
static _Atomic bool still_told; /* facts that a volume does not have */
static _Atomic int looks;

/* Once a round trip through the engine. */
static bool shows(const char *path, const char *words) {
  struct reply r = client_ask(port, "GET", path, NULL, NULL, (struct str){0});
  const bool there = r.status == 200 && memmem(r.body.at, r.body.len, words, strlen(words));
  buf_free(&r.text);
  return there;
}

static void expect_shown(const char *path, const char *words) {
  if (!shows(path, words)) client_fail("%s does not show %s", path, words);
}

/* While the disk stands still nobody else waits, nobody is answered, and nothing of it is shown. */
static void while_it_stands(const char *text, int count, const char *statuses, const char *path, const char *shown) {
  static int round;
  struct words w = {.text = text, .count = count};
  disk_sync_held = true;
  begin(&w);
  until_it_waits();
  others_are_served(100 + round++, 5);
  if (w.answered) client_fail("answered before it was durable: %.60s", text);
  if (path && shows(path, shown)) client_fail("%s shows %s before it is durable", path, shown);
  disk_sync_held = false;
  expect_statuses(&w, statuses);
  if (path) expect_shown(path, shown);
}

/* Every sync fails: 503, and as before. */
static void while_it_fails(const char *text, const char *path, const char *shown) {
  struct words w = {.text = text, .count = 1};
  disk_sync_failures = 1000;
  begin(&w);
  pthread_join(w.thread, NULL);
  disk_sync_failures = 0;
  if (strcmp(w.statuses, "503") != 0) client_fail("with a failing disk %s for %.60s", w.statuses, text);
  expect_shown(path, shown);
}

/* control.db has it and the volume does not: it holds, is told again until it is taken, and said again it is no second step. */
static void *client_of_a_volume_that_fails(void *context) {
  (void)context;
  const char *const rollouts = "/v1/rollouts";
  const char *const path = "/v1/rollouts/beta/advance";
  struct words before = {.text = APPROVE("anna1") MOVE("resume") APPROVE("anna1"), .count = 3};
  begin(&before);
  expect_statuses(&before, "200 200 200");
  disk_sync_failures = 1000;
  const int first = client_status(port, "POST", path, NULL, NULL, "{\"from\":0}");
  disk_sync_failures = 0;
  if (first != 503) client_fail("with a volume that fails an advance is answered %d", first);
  expect_shown(rollouts, "\"stage\":1,");
  for (int i = 0; i < 2; i++)
    if (client_status(port, "POST", path, NULL, NULL, "{\"from\":0}") != 409)
      client_fail("a step that is said again is not told that it was done");
  expect_shown(rollouts, "\"stage\":1,");
  if (client_status(port, "POST", path, NULL, NULL, "{\"from\":2}") != 409) client_fail("a step from where it is not");
  if (client_status(port, "POST", path, NULL, NULL, "{\"from\":\"x\"}") != 400) client_fail("a step from nowhere");
  const int seen = looks; /* what the last look saw may be of before the step */
  for (int tries = 0; looks < seen + 2 || still_told; tries++) {
    if (tries > 100 * CLIENT_WAIT_SECONDS) client_fail("it is not told again");
    client_rest(10000);
  }
  if (client_status(port, "POST", "/v1/rollouts/beta/back", NULL, NULL, "{\"from\":1}") != 200) client_fail("no step back");
  expect_shown(rollouts, "\"stage\":0,");
  kill(getpid(), SIGTERM);
  return NULL;
}

static void *client(void *context) {
  (void)context;
  const char *const rollouts = "/v1/rollouts", *const u1 = "/v1/users/u1";
  others_are_served(0, 5); /* u0 … u4 are there */
  while_it_fails(APPROVE("anna1"), rollouts, "\"approved\":[]");
  while_it_stands(APPROVE("anna1"), 1, "200", rollouts, "\"approved\":[\"anna1\"]");
  while_it_fails(MOVE("advance"), rollouts, "\"stage\":0,");
  expect_shown(rollouts, "\"approved\":[\"anna1\"]");
  /* The second step has nobody's word any more; a halt and what it makes of later moves */
  while_it_stands(MOVE("advance") MOVE("advance") APPROVE("anna1") APPROVE("anna1") MOVE("hold") MOVE("advance") MOVE("resume"), 7,
                  "200 409 200 409 200 409 200", rollouts, "\"stage\":1,\"held\":false");
  while_it_stands(MOVE("advance") MOVE("back") MOVE("halt"), 3, "200 200 200", rollouts, "\"halted\":true");
  while_it_fails(MERGE("u2", "u1"), "/v1/users/u2", "\"userId\":\"u2\"");
  while_it_stands(MERGE("u2", "u1"), 1, "200", u1, "\"mergedFrom\":[\"u2\"]");
  while_it_stands(ASK("POST", "/v1/webhooks/enable"), 1, "200", NULL, NULL);
  while_it_stands("POST /v1/webhooks/replay" HEAD "2\r\n\r\n{}", 1, "200", NULL, NULL);
  while_it_fails(ASK("POST", "/v1/webhooks/enable"), u1, "\"mergedFrom\":[\"u2\"]");
  struct words erasure = {.text = ASK("DELETE", "/v1/users/u2"), .count = 1};
  disk_sync_held = true;
  begin(&erasure);
  until_it_waits();
  others_are_served(200, 5);
  disk_sync_held = false;
  expect_statuses(&erasure, "200");
  if (client_status(port, "GET", "/v1/users/u2", NULL, NULL, "") != 404) client_fail("the erased is there");
  kill(getpid(), SIGTERM);
  return NULL;
}

static void look_at_tellings(uv_timer_t *look) {
  still_told = ((struct engine *)look->data)->api.tellings != NULL;
  looks++;
}

static void live(struct engine *engine, void *(*client_of)(void *context)) {
  pthread_t thread;
  uv_timer_t look;
  uv_timer_init(&engine->loop, &look);
  look.data = engine;
  uv_timer_start(&look, look_at_tellings, 0, 10);
  uv_unref((uv_handle_t *)&look);
  if (pthread_create(&thread, NULL, client_of, NULL) != 0) client_fail("no thread");
  uv_run(&engine->loop, UV_RUN_DEFAULT);
  pthread_join(thread, NULL);
  uv_close((uv_handle_t *)&look, NULL);
  uv_run(&engine->loop, UV_RUN_NOWAIT);
}

static void open_engine(struct engine *engine) {
  struct err e = {0};
  *engine = (struct engine){.options = {.data = stage.data, .program = stage.program, .listen = "127.0.0.1:0", .lanes = 1}};
  if (!engine_open(engine, &e)) client_fail("%s", e.text);
  port = door_port(engine->door);
}

static bool is_halted(const struct engine *engine) {
  return engine->api.stage_count == 1 && engine->api.stages[0].stage == -1 && !engine->api.stages[0].held &&
         !engine->api.stages[0].approver_count;
}

int main(void) {
  static struct engine engine;
  struct err e = {0};
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  stage_open(&stage, "api-operators");
  stage_rules(&stage,
              "event \"ping\" { doc = \"x\" }\n"
              "intervention \"w\" { why = \"x\", type = \"m\", channel = \"push\", action = \"a\", expires = 1 * hours, message = "
              "{ en = \"w\" } }\n"
              "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"w\" } }\n"
              "rollout \"beta\" { why = \"x\", gates = { \"trigger:t\" }, approvals = 1, stages = {\n"
              "  { name = \"few\", share = 1 * percent, hold = 1 * days }, { name = \"some\", share = 9 * percent, hold = 1 * days },\n"
              "  { name = \"all\", share = 100 * percent, hold = 1 * days } } }\n");
  if (!book_create(stage.data, 1, &e)) client_fail("%s", e.text);
  disk_only = "control.db";
  disk_register();
  open_engine(&engine);
  live(&engine, client);
  if (!is_halted(&engine)) client_fail("the rollout is not where it was moved");
  engine_close(&engine);
  open_engine(&engine);
  if (!is_halted(&engine)) client_fail("after a start the rollout is somewhere else");
  engine_close(&engine);
  disk_only = "volume-00";
  open_engine(&engine);
  live(&engine, client_of_a_volume_that_fails);
  engine_close(&engine);
  book_use_vfs(NULL);
  stage_close(&stage);
  return 0;
}
