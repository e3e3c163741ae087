/* rooms: tool api lane flow program accept book kit; inside: tool; libraries: lib_sqlite lib_uv */
/* A kill is durable before it is answered, and nobody else waits for the disk meanwhile: over sockets, in an engine whose control.db stands
 * still when told. Kills and lifts of one name act in the order in which they were said, and what counts is there again after a start. */
#include "engine_client.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "serve.h"
#include "unit/slow_disk.h"

#define KILL "PUT /v1/kill/trigger/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
#define LIFT "DELETE /v1/kill/trigger/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"

static struct stage stage;

static bool is_killed(void) {
  struct reply r = client_ask(port, "GET", "/v1/kill", NULL, NULL, (struct str){0});
  const bool killed = r.body.len && memmem(r.body.at, r.body.len, "\"trigger:t\"", 11);
  if (r.status != 200) client_fail("the list of kills answers %d", r.status);
  buf_free(&r.text);
  return killed;
}

static void *client(void *context) {
  (void)context;
  struct words first = {.text = KILL, .count = 1}, more = {.text = LIFT KILL LIFT KILL, .count = 4}, last = {.text = KILL LIFT, .count = 2},
               again = {.text = KILL, .count = 1};
  disk_sync_held = true;
  begin(&first);
  until_it_waits();
  if (!is_killed()) client_fail("a kill that is being written is not known");
  others_are_served(0, 40);
  begin(&more); /* waits behind the first */
  others_are_served(1, 40);
  if (first.answered || more.answered) client_fail("answered before it was durable");
  disk_sync_held = false;
  expect_statuses(&first, "200");
  expect_statuses(&more, "200 200 200 200");
  if (!is_killed()) client_fail("lifted and killed again, it does not count as killed");
  begin(&last);
  expect_statuses(&last, "200 200");
  if (is_killed()) client_fail("killed and lifted, it counts as killed");
  begin(&again);
  expect_statuses(&again, "200");
  kill(getpid(), SIGTERM);
  return NULL;
}

/* In the lanes. Nothing runs there any more: all was answered. */
static bool acts(const struct engine *engine) {
  return controls_named(flow_controls(lanes_flow(engine->lanes, 0), 0), hash_64(STR("trigger:t")));
}

static void open_engine(struct engine *engine) {
  struct err e = {0};
  *engine = (struct engine){.options = {.data = stage.data, .program = stage.program, .listen = "127.0.0.1:0", .lanes = 1}};
  if (!engine_open(engine, &e)) client_fail("%s", e.text);
  port = door_port(engine->door);
}

int main(void) {
  static struct engine engine;
  struct err e = {0};
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  stage_open(&stage, "api-kills");
  stage_rules(&stage, "event \"ping\" { doc = \"x\" }\n"
                      "intervention \"w\" { why = \"x\", type = \"m\", channel = \"push\", action = \"a\", expires = 1 * hours, message = "
                      "{ en = \"w\" } }\n"
                      "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"w\" } }\n");
  if (!book_create(stage.data, 1, &e)) client_fail("%s", e.text);
  disk_only = "control.db";
  disk_register();
  open_engine(&engine);
  pthread_t thread;
  if (pthread_create(&thread, NULL, client, NULL) != 0) client_fail("no thread");
  uv_run(&engine.loop, UV_RUN_DEFAULT);
  pthread_join(thread, NULL);
  if (!acts(&engine)) client_fail("the last kill does not act");
  engine_close(&engine);
  open_engine(&engine);
  if (engine.api.kill_count != 1 || !acts(&engine)) client_fail("after a start %zu kills are known", engine.api.kill_count);
  engine_close(&engine);
  stage_close(&stage);
  return 0;
}
