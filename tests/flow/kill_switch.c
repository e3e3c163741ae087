/* rooms: emit kit */
/* C4 over sockets: thousands of messages wait for a slow receiver when an operator kills everything, or something by its name. After the
 * answer no attempt starts; not after a kill -9 and a restart either; and when it is lifted, only what comes then is sent. */
#include "webhook_stage.h"

#define USERS 1500

static const char rules[] =
    "policy \"p\" { why = \"signed\", consent = \"by_enrolment\" }\n"
    "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"
    "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"
    "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"
    "  message = { en = \"walk\" } }\n"
    "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"
    "experiment \"trial\" { why = \"x\", revision = 1, at = \"trigger:at_ping\", randomise = \"user\",\n"
    "  arms = { now = { weight = 0.5, send = \"walk\" }, too = { weight = 0.5, send = \"walk\" } },\n"
    "  outcome = { metric = \"n\", within = 1 * hours } }\n"
    "rollout \"of_trigger\" { why = \"x\", gates = { \"trigger:at_ping\" }, stages = { { name = \"all\", share = 1, hold = 1 * days } } }\n"
    "rollout \"of_option\" { why = \"x\", gates = { \"intervention:walk\" }, stages = { { name = \"all\", share = 1, hold = 1 * days } } "
    "}\n";

static void people_ping(int round) {
  for (int from = 0; from < USERS; from += 250) {
    char time[32];
    struct buf body = {0};
    int length = (int)clock_format(clock_now(), time);
    buf_char(&body, '[');
    for (int u = from; u < from + 250; u++) {
      if (u > from) buf_char(&body, ',');
      buf_printf(&body, "{\"userId\":\"r%d-%d\",\"eventType\":\"profile_updated\",\"timestamp\":\"%.*s\",", round, u, length, time);
      buf_printf(&body, "\"data\":{\"timezone\":\"%s\",\"age\":40}},", noon_zone());
      buf_printf(&body, "{\"userId\":\"r%d-%d\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{\"n\":1}}", round, u, length, time);
    }
    buf_char(&body, ']');
    struct reply r = client_ask(stage.port, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
    if (r.status != 200 || reply_number(r.body, "interventions_triggered") != 250)
      client_fail("expected 250 sends, got %d: %.*s", r.status, (int)(r.body.len < 900 ? r.body.len : 900), r.body.at);
    buf_free(&r.text);
    buf_free(&body);
  }
}

static void wait_for_some(size_t more) {
  size_t before = receiver->count;
  for (int i = 0; receiver->count < before + more; i++) {
    if (i > CLIENT_WAIT_SECONDS * 100) client_fail("nothing is sent");
    client_rest(10000);
  }
}

/* What was on the wire when the answer left may still be read by a receiver that is slow to run; nothing beyond the 8 in flight. */
static void expect_silence(size_t at_answer, const char *after) {
  wire_empty();
  size_t settled = receiver->count;
  if (settled > at_answer + 8) client_fail("%s: %zu attempts came after the answer", after, settled - at_answer);
  client_rest(1500000);
  if (receiver->count != settled) client_fail("%s: %zu attempts started later", after, receiver->count - settled);
}

static void kill_by(const char *path, int round) {
  slow = 15000;
  people_ping(round);
  wait_for_some(20);
  if (client_status(stage.port, "PUT", path, NULL, NULL, "") != 200) client_fail("PUT %s", path);
  size_t at_answer = receiver->count;
  expect_silence(at_answer, path);
}

static void lift(const char *path) {
  if (client_status(stage.port, "DELETE", path, NULL, NULL, "") != 200) client_fail("DELETE %s", path);
  client_rest(300000);
}

static void kill_and_crash(int round) {
  slow = 15000;
  people_ping(round);
  wait_for_some(20);
  if (client_status(stage.port, "PUT", "/v1/kill/all", NULL, NULL, "") != 200) client_fail("PUT /v1/kill/all");
  engine_dies(); /* the courier had no time to say what became of the rest */
  size_t at_start = receiver->count;
  start();
  expect_silence(at_start, "a restart");
  struct reply r = client_ask(stage.port, "GET", "/v1/kill", NULL, NULL, (struct str){0});
  if (!memmem(r.body.at, r.body.len, "\"all\"", 5)) client_fail("the kill is forgotten: %.*s", (int)r.body.len, r.body.at);
  buf_free(&r.text);
}

int main(void) {
  static const char *const named[] = {"/v1/kill/all",
                                      "/v1/kill/trigger/at_ping",
                                      "/v1/kill/intervention/walk",
                                      "/v1/kill/experiment/trial",
                                      "/v1/kill/rollout/of_trigger",
                                      "/v1/kill/rollout/of_option"};
  stage_open(&stage, "kill-switch");
  stage_rules(&stage, rules);
  receiver_ready();
  start();
  int round = 0;
  for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
    kill_by(named[i], round++);
    lift(named[i]);
  }
  /* Another's name stops nothing. */
  slow = 0;
  if (client_status(stage.port, "PUT", "/v1/kill/trigger/another", NULL, NULL, "") != 200) client_fail("PUT trigger/another");
  size_t before = receiver->count;
  people_ping(round++);
  wait_for_some(USERS - (receiver->count - before));
  kill_and_crash(round++);
  lift("/v1/kill/all");
  slow = 0;
  before = receiver->count;
  people_ping(round++);
  wait_for_some(USERS - (receiver->count - before));
  client_rest(500000);
  printf("%zu attempts in all; after the last lifting %zu for %d users\n", (size_t)receiver->count, receiver->count - before, USERS);
  if (receiver->count - before != USERS)
    client_fail("what was killed came back: %zu attempts for %d users", receiver->count - before, USERS);
  stage_close(&stage);
  receiver_stop(receiver);
  return 0;
}
