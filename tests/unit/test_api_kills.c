/* rooms: tool api lane flow program accept book kit; inside: tool; libraries: lib_sqlite lib_uv */
/* A kill is durable before it is answered, and nobody else waits for the disk meanwhile: over sockets, in an engine whose control.db stands
 * still when told. Kills and lifts of one name act in the order in which they were said, and what counts is there again after a start. */
#include "engine_client.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "serve.h"
#include "unit/failing_disk.h"
#include <pthread.h>

#define KILL "PUT /v1/kill/trigger/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
#define LIFT "DELETE /v1/kill/trigger/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"

static struct stage stage;
static int port;

struct words { /* said over one connection, all at once */
  const char *text;
  int count;
  _Atomic int answered;
  pthread_t thread;
};

static void *say(void *context) {
  struct words *w = context;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct timeval patience = {.tv_sec = CLIENT_WAIT_SECONDS};
  const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(s, (struct sockaddr *)&to, sizeof to) != 0 || send(s, w->text, strlen(w->text), MSG_NOSIGNAL) < 0)
    client_fail("no connection");
  struct buf in = {0};
  while (w->answered < w->count) {
    char bytes[4096];
    const ssize_t n = recv(s, bytes, sizeof bytes, 0);
    if (n <= 0) client_fail("%d of %d answers came: %.*s", w->answered, w->count, (int)in.len, in.at ? in.at : "");
    buf_str(&in, (struct str){bytes, (size_t)n});
    int whole = 0;
    for (const char *at = in.at; (at = memmem(at, in.len - (size_t)(at - in.at), "HTTP/1.1 200", 12)); at++) whole++;
    w->answered = whole;
  }
  buf_free(&in);
  close(s);
  return NULL;
}

static void begin(struct words *w) {
  if (pthread_create(&w->thread, NULL, say, w) != 0) client_fail("no thread");
}

static bool is_killed(void) {
  struct reply r = client_ask(port, "GET", "/v1/kill", NULL, NULL, (struct str){0});
  const bool killed = r.body.len && memmem(r.body.at, r.body.len, "\"trigger:t\"", 11);
  if (r.status != 200) client_fail("the list of kills answers %d", r.status);
  buf_free(&r.text);
  return killed;
}

static void until_it_waits(void) {
  for (int tries = 0; !disk_sync_waiting; tries++) {
    if (tries > 100 * CLIENT_WAIT_SECONDS) client_fail("nobody syncs");
    client_rest(10000);
  }
}

/* Longer than the engine's looks at its keys are apart: those do not wait either. */
static void others_are_served(int round) {
  char event[160], time[32];
  for (int i = 0; i < 40; i++) {
    const int length = (int)clock_format(clock_now(), time);
    snprintf(event, sizeof event, "{\"id\":\"e%d-%d\",\"userId\":\"u%d\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{}}", round,
             i, i, length, time);
    const int taken = client_status(port, "POST", "/v1/events", NULL, "application/json", event);
    const int lives = client_status(port, "GET", "/livez", NULL, NULL, "");
    if (taken != 200 || lives != 200) client_fail("while a kill is written an event is answered %d, /livez %d", taken, lives);
    client_rest(20000);
  }
}

static void *client(void *context) {
  (void)context;
  struct words first = {.text = KILL, .count = 1}, more = {.text = LIFT KILL LIFT KILL, .count = 4}, last = {.text = KILL LIFT, .count = 2},
               again = {.text = KILL, .count = 1};
  disk_sync_held = true;
  begin(&first);
  until_it_waits();
  if (!is_killed()) client_fail("a kill that is being written is not known");
  others_are_served(0);
  begin(&more); /* waits behind the first */
  others_are_served(1);
  if (first.answered || more.answered) client_fail("answered before it was durable");
  disk_sync_held = false;
  pthread_join(first.thread, NULL);
  pthread_join(more.thread, NULL);
  if (!is_killed()) client_fail("lifted and killed again, it does not count as killed");
  begin(&last);
  pthread_join(last.thread, NULL);
  if (is_killed()) client_fail("killed and lifted, it counts as killed");
  begin(&again);
  pthread_join(again.thread, NULL);
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
