/* rooms: kit */
/* D3: many events, each sent one to five times, alone and in lists, shuffled over 64 connections: each is one event, and the rest answers
 * `duplicate`, also after a restart. Other content under a known id is 409 alone and `rejected` in a list. KAIROS_DUPLICATES says how many
 * events. */
#include "engine_client.h"

#define USERS     2000
#define IN_A_LIST 40
#define LINKS     64

static const char rules[] =
    "policy \"p\" { why = \"signed\", consent = \"by_enrolment\" }\n"
    "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"
    "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"
    "  message = { en = \"walk\" } }\n"
    "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, when = \"event.n < 100\", offer = { \"walk\" } }\n";

static struct {
  struct stage stage;
  struct rng rng;
  int64_t born;
  uint32_t events;
  uint32_t *list; /* every sending: the event's number */
  size_t sendings, next;
  uint64_t accepted, duplicates, posts, alone;
} my;

static void event_json(struct buf *out, uint32_t n, int version) {
  char time[32];
  int length = (int)clock_format(my.born, time);
  buf_printf(out, "{\"id\":\"e%u\",\"userId\":\"u%u\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{\"n\":%u,\"v\":%d}}", n,
             n % USERS, length, time, n % 1000, version);
}

static void shuffle(void) {
  my.list = malloc((size_t)my.events * 5 * sizeof *my.list);
  if (!my.list) client_fail("no memory");
  for (uint32_t n = 0; n < my.events; n++)
    for (uint64_t k = 1 + rng_next(&my.rng) % 5; k > 0; k--) my.list[my.sendings++] = n;
  for (size_t i = my.sendings; i > 1; i--) {
    size_t other = rng_next(&my.rng) % i;
    uint32_t n = my.list[i - 1];
    my.list[i - 1] = my.list[other];
    my.list[other] = n;
  }
}

static bool next_post(void *context, struct link *l) {
  (void)context;
  struct buf body = {0};
  size_t left = my.sendings - my.next, count = rng_next(&my.rng) % 8 ? 1 + rng_next(&my.rng) % IN_A_LIST : 0;
  if (left == 0) return false;
  if (count > left) count = left;
  l->what = count ? count : 1;
  my.alone += count == 0;
  my.posts++;
  if (count) buf_char(&body, '[');
  for (size_t i = 0; i < l->what; i++) {
    if (i) buf_char(&body, ',');
    event_json(&body, my.list[my.next++], 1);
  }
  if (count) buf_char(&body, ']');
  client_request(&l->out, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
  buf_free(&body);
  return true;
}

static void answered(void *context, struct link *l, int status, struct str body) {
  (void)context;
  int64_t accepted = reply_number(body, "accepted"), duplicates = reply_number(body, "duplicates");
  if (status != 200 || accepted < 0 || accepted + duplicates != (int64_t)l->what)
    client_fail("%llu events: %lld accepted, %lld duplicates, status %d: %.*s", (unsigned long long)l->what, (long long)accepted,
                (long long)duplicates, status, (int)(body.len < 600 ? body.len : 600), body.at);
  my.accepted += (uint64_t)accepted;
  my.duplicates += (uint64_t)duplicates;
}

static void send_all(void) {
  static struct swarm w;
  w = (struct swarm){.next = next_post, .answered = answered};
  my.next = 0;
  swarm_open(&w, my.stage.port, LINKS);
  while (my.next < my.sendings || w.open) {
    swarm_step(&w, 100);
    if (w.lost) client_fail("the engine closed a connection");
  }
  swarm_close(&w);
}

static uint64_t metric(const char *name) {
  struct reply r = client_ask(my.stage.port, "GET", "/metrics", NULL, NULL, (struct str){0});
  char line[80];
  snprintf(line, sizeof line, "\n%s ", name);
  buf_char(&r.text, 0);
  const char *at = strstr(r.body.at, line);
  if (!at) client_fail("no metric %s", name);
  uint64_t value = strtoull(at + strlen(line), NULL, 10);
  buf_free(&r.text);
  return value;
}

static void forge(void) {
  for (uint32_t n = 0; n < my.events; n += my.events / 50 + 1) {
    struct buf body = {0};
    event_json(&body, n, 2);
    struct reply r = client_ask(my.stage.port, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
    if (r.status != 409) client_fail("other content under a known id: expected 409, got %d: %.*s", r.status, (int)r.body.len, r.body.at);
    buf_free(&r.text);
    buf_clear(&body);
    buf_char(&body, '[');
    event_json(&body, n, 1);
    buf_char(&body, ',');
    event_json(&body, n, 3);
    buf_char(&body, ',');
    event_json(&body, my.events + n, 1);
    buf_char(&body, ']');
    r = client_ask(my.stage.port, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
    if (r.status != 200 || reply_number(r.body, "accepted") != 1 || reply_number(r.body, "duplicates") != 1 ||
        !memmem(r.body.at, r.body.len, "\"index\":1,\"pointer\":\"#/id\"", 26))
      client_fail("in a list: got %d: %.*s", r.status, (int)r.body.len, r.body.at);
    buf_free(&r.text);
    buf_free(&body);
  }
}

int main(void) {
  const char *wanted = getenv("KAIROS_DUPLICATES"), *sanitized = getenv("KAIROS_SANITIZE");
  my.events = (uint32_t)(wanted ? atoi(wanted) : sanitized && sanitized[0] ? 20000 : 100000);
  if (my.events < 100) client_fail("KAIROS_DUPLICATES: expected at least 100, got \"%s\"", wanted);
  my.rng = rng_from(7);
  my.born = clock_now();
  shuffle();
  stage_open(&my.stage, "duplicates");
  stage_rules(&my.stage, rules);
  engine_start(&my.stage, NULL);
  send_all();
  if (my.accepted != my.events || my.accepted + my.duplicates != my.sendings)
    client_fail("%u events sent %zu times: %llu accepted, %llu duplicates", my.events, my.sendings, (unsigned long long)my.accepted,
                (unsigned long long)my.duplicates);
  for (int i = 0; metric("kairos_events_total") < my.events && i < 100; i++) client_rest(20000); /* counted after the answers */
  uint64_t counted = metric("kairos_events_total");
  if (counted != my.events) client_fail("the engine counts %llu events of %u", (unsigned long long)counted, my.events);
  engine_end(&my.stage, SIGKILL);
  engine_start(&my.stage, NULL);
  uint64_t accepted = my.accepted, duplicates = my.duplicates;
  send_all();
  if (my.accepted != accepted || my.duplicates != duplicates + my.sendings)
    client_fail("after a restart %llu events are taken again", (unsigned long long)(my.accepted - accepted));
  forge();
  printf("%u events sent %zu times in %llu posts, %llu of them alone; each is one\n", my.events, 2 * my.sendings,
         (unsigned long long)my.posts, (unsigned long long)my.alone);
  engine_end(&my.stage, SIGTERM);
  if (KAIROS(&my.stage, "replay", "--verify", "--data", my.stage.data) != 0) client_fail("replay --verify");
  stage_close(&my.stage);
  free(my.list);
  return 0;
}
