/* rooms: kit */
/* D1, D4: the real engine is killed at random moments with at least 64 requests open, half of the times while a commit is being written,
 * and started again on what it left. Every event whose 200 came is there: sent again it answers `duplicate`. Every decision that was told
 * is there, with what was told of it. Nothing that was in doubt is there with other content. `replay --verify` derives every decision anew.
 * KAIROS_KILL_RUNS says how often. */
#include "engine_client.h"

#define LINKS     96
#define USERS     300
#define MOST      200000 /* events a run */
#define LOOKED_AT 40     /* decisions a run that are asked for one by one */
#define IN_A_POST 500

static const char rules[] =
    "policy \"p\" { why = \"signed\", consent = \"by_enrolment\" }\n"
    "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"
    "event \"workout_completed\" { doc = \"x\", fields = { completionRate = \"number\" } }\n"
    "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"
    "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"
    "  message = { en = \"walk\" } }\n"
    "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, when = \"event.n < 500\", offer = { \"walk\" } }\n"
    "trigger \"at_workout\" { why = \"x\", on = { \"workout_completed\" }, offer = { \"walk\" } }\n"
    "experiment \"trial\" { why = \"x\", revision = 1, at = \"trigger:at_ping\", randomise = \"decision\",\n"
    "  arms = { none = { weight = 0.5, send = nothing }, walk = { weight = 0.5, send = \"walk\" } },\n"
    "  outcome = { metric = \"n\", within = 1 * hours } }\n";

struct told { /* a decision, as the answer told it */
  char id[32], outcome[16], trigger[16];
};
static struct {
  struct stage stage;
  struct rng rng;
  int run;
  int64_t born; /* the events' time, the same when they are sent again */
  uint64_t sent, acknowledged;
  unsigned char *state; /* by event of this run: 0 not sent, 1 in doubt, 2 acknowledged */
  struct told *told;
  size_t told_count, told_cap, asked_for;
  uint64_t all_acknowledged, all_told, commits_hit;
  size_t least_open;
} my;

static void event_json(struct buf *out, uint64_t n) {
  char time[32];
  uint64_t key = n * 2654435761u + (uint64_t)my.run;
  int length = (int)clock_format(my.born, time);
  const char *type = n < USERS ? "profile_updated" : key % 3 ? "ping" : "workout_completed";
  buf_printf(out, "{\"id\":\"r%d-%llu\",\"userId\":\"u%llu\",\"eventType\":\"%s\",\"timestamp\":\"%.*s\",\"data\":", my.run,
             (unsigned long long)n, (unsigned long long)(n % USERS), type, length, time);
  if (n < USERS) buf_text(out, "{\"timezone\":\"Pacific/Auckland\",\"age\":40}}");
  else buf_printf(out, "{\"n\":%llu,\"completionRate\":0.5}}", (unsigned long long)(key % 1000));
}

/* ---- the swarm's work ---- */

static bool next_event(void *context, struct link *l) {
  (void)context;
  struct buf body = {0};
  if (my.sent == MOST) return false;
  l->what = my.sent++;
  my.state[l->what] = 1;
  event_json(&body, l->what);
  client_request(&l->out, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
  buf_free(&body);
  return true;
}

static void copy_text(char *to, size_t size, struct str s) {
  snprintf(to, size, STR_FORMAT, STR_ARG(s));
}

static void note_decisions(struct str body) {
  struct arena a = {0};
  struct json j;
  if (!json_parse(&j, &a, body, &json_limits_default, NULL)) client_fail("an answer that is no JSON: %.*s", (int)body.len, body.at);
  uint32_t list = json_get(&j, 0, "decisions");
  for (uint32_t i = 0; list != JSON_NONE && i < j.tokens[list].count; i++) {
    uint32_t d = json_child(&j, list, i);
    if (my.told_count == my.told_cap) my.told = realloc(my.told, (my.told_cap = my.told_cap * 2 + 1024) * sizeof *my.told);
    struct told *t = &my.told[my.told_count++];
    copy_text(t->id, sizeof t->id, json_text(&j, json_get(&j, d, "id"), &a));
    copy_text(t->outcome, sizeof t->outcome, json_text(&j, json_get(&j, d, "outcome"), &a));
    copy_text(t->trigger, sizeof t->trigger, json_text(&j, json_get(&j, d, "trigger"), &a));
  }
  arena_free(&a);
}

static void answered(void *context, struct link *l, int status, struct str body) {
  (void)context;
  if (status != 200 || reply_number(body, "accepted") != 1)
    client_fail("event %llu: expected 200 with one accepted, got %d: %.*s", (unsigned long long)l->what, status, (int)body.len, body.at);
  my.state[l->what] = 2;
  my.acknowledged++;
  note_decisions(body);
}

/* ---- the kill ---- */

static struct timespec log_time(int volume, int64_t *size) {
  char path[400];
  struct stat st = {0};
  snprintf(path, sizeof path, "%s/volume-%02d.db-wal", my.stage.data, volume);
  if (stat(path, &st) != 0) return (struct timespec){0};
  *size = st.st_size;
  return st.st_mtim;
}

/* Waits until a write-ahead log changes under our eyes: a commit is on its way to the disk. */
static void wait_for_a_commit(struct swarm *w) {
  int64_t size[2] = {0}, now = 0, begun = clock_monotonic();
  struct timespec was[2], is;
  for (int v = 0; v < 2; v++) was[v] = log_time(v, &size[v]);
  while (clock_monotonic() - begun < INT64_C(2000000000)) {
    swarm_step(w, 0);
    for (int v = 0; v < 2; v++) {
      is = log_time(v, &now);
      if (is.tv_nsec == was[v].tv_nsec && is.tv_sec == was[v].tv_sec && now == size[v]) continue;
      my.commits_hit++;
      client_rest((long)(rng_next(&my.rng) % 2500)); /* into the writing, the syncing, or just behind */
      return;
    }
  }
}

static void work_and_kill(void) {
  static struct swarm w;
  w = (struct swarm){.next = next_event, .answered = answered};
  swarm_open(&w, my.stage.port, LINKS);
  int64_t begun = clock_monotonic(), length = (int64_t)(rng_next(&my.rng) % 250) * 1000000;
  while (!w.lost && (clock_monotonic() - begun < length || my.acknowledged < 2 * LINKS)) swarm_step(&w, 10);
  if (w.lost) client_fail("the engine closed a connection");
  if (my.run % 2) wait_for_a_commit(&w);
  if (w.open < my.least_open) my.least_open = w.open;
  engine_end(&my.stage, SIGKILL);
  for (int i = 0; i < 50 && !w.lost; i++) swarm_step(&w, 20); /* answers that had left before the kill are answers */
  swarm_close(&w);
}

/* ---- what is there afterwards ---- */

static void post_again(const uint64_t *events, size_t count, bool acknowledged) {
  struct buf body = {0};
  buf_char(&body, '[');
  for (size_t i = 0; i < count; i++) {
    if (i) buf_char(&body, ',');
    event_json(&body, events[i]);
  }
  buf_char(&body, ']');
  struct reply r = client_ask(my.stage.port, "POST", "/v1/events", NULL, "application/json", buf_view(&body));
  int64_t duplicates = reply_number(r.body, "duplicates"), accepted = reply_number(r.body, "accepted");
  if (r.status != 200 || duplicates + accepted != (int64_t)count)
    client_fail("run %d: of %zu events sent again %lld are there and %lld were taken (status %d): %.*s", my.run, count,
                (long long)duplicates, (long long)accepted, r.status, (int)(r.body.len < 600 ? r.body.len : 600), r.body.at);
  if (acknowledged && accepted) client_fail("run %d: %lld acknowledged events are gone of %zu", my.run, (long long)accepted, count);
  buf_free(&r.text);
  buf_free(&body);
}

static void every_event_is_there(unsigned char state) {
  static uint64_t events[IN_A_POST];
  size_t count = 0;
  for (uint64_t n = 0; n < my.sent; n++) {
    if (my.state[n] == state) events[count++] = n;
    if (count == IN_A_POST || (count && n + 1 == my.sent)) {
      post_again(events, count, state == 2);
      count = 0;
    }
  }
}

static void told_is_true(const struct told *t) {
  char path[64], wanted[64];
  snprintf(path, sizeof path, "/v1/decisions/%s", t->id);
  struct reply r = client_ask(my.stage.port, "GET", path, NULL, NULL, (struct str){0});
  if (r.status != 200) client_fail("run %d: decision %s was told, and now there is %d", my.run, t->id, r.status);
  buf_char(&r.text, 0);
  snprintf(wanted, sizeof wanted, "\"outcome\":\"%s\"", t->outcome);
  const char *outcome = strstr(r.text.at, wanted);
  snprintf(wanted, sizeof wanted, "\"trigger\":\"%s\"", t->trigger);
  if (!outcome || !strstr(r.text.at, wanted)) client_fail("run %d: decision %s is another now: %s", my.run, t->id, r.text.at);
  buf_free(&r.text);
}

static void decisions_are_there(void) {
  size_t step = my.told_count / LOOKED_AT + 1;
  for (size_t i = 0; i < my.told_count; i += step) {
    told_is_true(&my.told[i]);
    my.asked_for++;
  }
  if (my.told_count) told_is_true(&my.told[my.told_count - 1]);
}

static void verify(void) {
  int code = KAIROS(&my.stage, "replay", "--verify", "--data", my.stage.data);
  if (code != 0) client_fail("run %d: replay --verify ended with %d", my.run, code);
}

static void one_run(int run, bool last) {
  static const char *const lanes[2][3] = {{"--lanes", "1"}, {"--lanes", "2"}};
  my.run = run;
  my.sent = my.acknowledged = my.told_count = 0;
  memset(my.state, 0, MOST);
  my.born = clock_now();
  engine_start(&my.stage, lanes[run % 2]);
  work_and_kill();
  engine_start(&my.stage, lanes[run / 2 % 2]);
  every_event_is_there(2);
  decisions_are_there();
  every_event_is_there(1); /* whichever they are, they are whole */
  engine_end(&my.stage, run % 3 ? SIGKILL : SIGTERM);
  if (run % 10 == 9 || last) verify();
  my.all_acknowledged += my.acknowledged;
  my.all_told += my.told_count;
}

int main(void) {
  const char *wanted = getenv("KAIROS_KILL_RUNS"), *sanitized = getenv("KAIROS_SANITIZE");
  int runs = wanted ? atoi(wanted) : sanitized && sanitized[0] ? 12 : 200;
  if (runs < 1) client_fail("KAIROS_KILL_RUNS: expected a number above 0, got \"%s\"", wanted);
  my.rng = rng_from((uint64_t)time(NULL));
  my.least_open = SIZE_MAX;
  my.state = calloc(MOST, 1);
  stage_open(&my.stage, "kill9");
  stage_rules(&my.stage, rules);
  if (KAIROS(&my.stage, "init", "--data", my.stage.data, "--files", "2") != 0) client_fail("no data directory");
  for (int run = 0; run < runs; run++) one_run(run, run == runs - 1);
  if (KAIROS(&my.stage, "doctor", "--data", my.stage.data) != 0) client_fail("doctor found something");
  printf(
      "%d kills, %llu of them on a commit, at least %zu requests open; %llu events acknowledged and there, %llu decisions told, %zu looked "
      "at\n",
      runs, (unsigned long long)my.commits_hit, my.least_open, (unsigned long long)my.all_acknowledged, (unsigned long long)my.all_told,
      my.asked_for);
  if (my.least_open < 64) client_fail("only %zu requests were open at a kill: expected at least 64", my.least_open);
  if (my.commits_hit < (uint64_t)runs / 2) client_fail("only %llu kills fell on a commit", (unsigned long long)my.commits_hit);
  if (!my.all_told || !my.asked_for) client_fail("no decision was told");
  stage_close(&my.stage);
  free(my.state);
  free(my.told);
  return 0;
}
