/* rooms: emit kit */
/* C3 over sockets: people opt out, or are erased, while a slow receiver works through their messages. After the 200 no attempt starts for
 * them, not after a kill -9 and a restart either; everybody else gets theirs. */
#include "webhook_stage.h"

#define USERS 1200
#define GRACE 8 /* requests that were on the wire when an answer left */

static const char rules[] =
    "policy \"p\" { why = \"signed\", consent = \"by_enrolment\" }\n"
    "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"
    "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"
    "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"
    "  message = { en = \"walk\" } }\n"
    "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n";

static struct {
  char id[32]; /* of the decision */
  size_t left; /* requests that had been read when the answer to the opt-out came; SIZE_MAX: stays */
  size_t got;
} people[USERS];

static void note_decisions(struct str body) {
  struct arena a = {0};
  struct json j;
  if (!json_parse(&j, &a, body, &json_limits_default, NULL)) client_fail("no JSON: %.*s", (int)body.len, body.at);
  uint32_t list = json_get(&j, 0, "decisions");
  for (uint32_t i = 0; i < j.tokens[list].count; i++) {
    uint32_t d = json_child(&j, list, i);
    struct str user = json_text(&j, json_get(&j, d, "userId"), &a), id = json_text(&j, json_get(&j, d, "id"), &a);
    int n = atoi(arena_text(&a, user.at + 1, user.len - 1));
    snprintf(people[n].id, sizeof people[n].id, STR_FORMAT, STR_ARG(id));
  }
  arena_free(&a);
}

static void post(int from, int to, const char *type) {
  struct buf body = {0};
  char time[32];
  int length = (int)clock_format(clock_now(), time);
  buf_char(&body, '[');
  for (int u = from; u < to; u++)
    buf_printf(&body, "%s{\"userId\":\"u%d\",\"eventType\":\"%s\",\"timestamp\":\"%.*s\",\"data\":{\"timezone\":\"%s\",\"age\":40}}",
               u > from ? "," : "", u, type, length, time, noon_zone());
  buf_char(&body, ']');
  struct reply r = client_ask(stage.port, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
  if (r.status != 200 || reply_number(r.body, "accepted") != to - from)
    client_fail("%s: got %d: %.*s", type, r.status, (int)r.body.len, r.body.at);
  note_decisions(r.body);
  buf_free(&r.text);
  buf_free(&body);
}

static void leave(int u, bool erased) {
  char path[64];
  snprintf(path, sizeof path, erased ? "/v1/users/u%d" : "/v1/users/u%d/opt-out", u);
  int status = client_status(stage.port, erased ? "DELETE" : "POST", path, NULL, NULL, "");
  if (status != 200) client_fail("%s: expected 200, got %d", path, status);
  people[u].left = receiver->count;
}

static int addressee(size_t n) {
  const char *id = strrchr(receiver->seen[n].id, '_'); /* behind the origin, which may begin with a d itself */
  int u = 0;
  while (u < USERS && (!id || strcmp(people[u].id, id + 1) != 0)) u++;
  return u;
}

/* Everybody who stays has got theirs. */
static bool all_served(void) {
  bool got[USERS + 1] = {false};
  for (size_t n = 0; n < receiver->count; n++) got[addressee(n)] = true;
  for (int u = 0; u < USERS; u++)
    if (people[u].left == SIZE_MAX && !got[u]) return false;
  return true;
}

static void look(size_t before_restart) {
  size_t stopped = 0, late = 0;
  for (size_t n = 0; n < receiver->count; n++) {
    const int u = addressee(n);
    if (u == USERS) client_fail("a message of nobody: %s", receiver->seen[n].id);
    people[u].got++;
    if (n >= people[u].left && n >= people[u].left + GRACE)
      client_fail("u%d got a message %zu requests after the opt-out's 200", u, n - people[u].left);
    late += n >= before_restart;
  }
  for (int u = 0; u < USERS; u++) {
    stopped += people[u].left != SIZE_MAX && !people[u].got;
    if (people[u].left == SIZE_MAX && people[u].got == 0) client_fail("u%d stayed and got nothing", u);
  }
  printf("%zu requests, %zu of them after the restart; %zu messages were stopped\n", (size_t)receiver->count, late, stopped);
  if (stopped < 100 || late < 50) client_fail("too little was stopped or sent: the test saw nothing");
}

int main(void) {
  stage_open(&stage, "opt-out");
  stage_rules(&stage, rules);
  receiver_ready();
  start();
  for (int u = 0; u < USERS; u++) people[u].left = SIZE_MAX;
  for (int u = 0; u < USERS; u += 200) post(u, u + 200, "profile_updated");
  slow = 40000;
  answered_most = USERS / 2; /* the others wait, however long the people take to leave */
  for (int u = 0; u < USERS; u += 200) post(u, u + 200, "ping");
  for (int u = USERS - 1; u >= 0; u -= 3) leave(u, u % 30 == 2); /* from the end of the queue, towards what is being sent */
  slow = 0;
  engine_dies();
  const size_t before = receiver->count;
  start();
  for (int i = 0; !all_served(); i++) {
    if (i > CLIENT_WAIT_SECONDS * 10) break; /* look() says who got nothing */
    client_rest(100000);
  }
  client_rest(2000000); /* what may not come has some time to come all the same */
  look(before);
  stage_close(&stage);
  receiver_stop(receiver);
  return 0;
}
