/* rooms: api lane flow program accept kit */
/* S5: every route of the table with every scope, with no key, with a wrong one and with a revoked one, over sockets. What is not allowed is
 * refused before anything is looked at; a route that is open to all is named here, so that none becomes so by oversight. */
#include "api/api.h"
#include "engine_client.h"

static const struct {
  const char *name;
  uint32_t bits; /* what a key with this scope may use: said here anew, not taken from the code under test */
} scopes[] = {{"track", SCOPE_TRACK},     {"ingest", SCOPE_INGEST | SCOPE_TRACK},
              {"decide", SCOPE_DECIDE},   {"read", SCOPE_READ},
              {"operate", SCOPE_OPERATE}, {"admin", ~UINT32_C(0)}};
#define SCOPES (sizeof scopes / sizeof *scopes)
static const char *const open_routes[] = {"/metrics", "/livez", "/readyz"};

static struct stage stage;
static char keys[SCOPES][128];

static void make_key(const char *name, const char *held, char out[128]) {
  char command[900];
  snprintf(command, sizeof command, "'%s/kairos' key add %s --scopes %s --data '%s' 2>>'%s'", KAIROS_BINARY_DIR, name, held, stage.data,
           stage.log);
  FILE *pipe = popen(command, "r");
  if (!pipe || !fgets(out, 128, pipe)) client_fail("no key from: %s", command);
  out[strcspn(out, "\n")] = 0;
  pclose(pipe);
}

static const char *method_word(enum method m) {
  static const char *const words[] = {"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"};
  if (m >= METHOD_OTHER) client_fail("a route of no method");
  return words[m];
}

/* The route's path with something in each {place}. */
static void fill_path(const char *path, char out[256]) {
  size_t at = 0;
  for (const char *c = path; *c; c++) {
    if (*c != '{') {
      out[at++] = *c;
      continue;
    }
    const char *word = strncmp(c, "{kind}", 6) == 0 ? "trigger" : strncmp(c, "{verb}", 6) == 0 ? "hold" : "somebody";
    at += (size_t)snprintf(out + at, 256 - at, "%s", word);
    c = strchr(c, '}');
  }
  out[at] = 0;
}

static bool is_open(const char *path) {
  for (size_t i = 0; i < sizeof open_routes / sizeof *open_routes; i++)
    if (strcmp(path, open_routes[i]) == 0) return true;
  return false;
}

static void expect(const struct route *r, const char *path, const char *key, const char *held, bool allowed, int refusal) {
  const char *method = method_word(r->method);
  int status = client_status(stage.port, method, path, key, "application/json", r->method == METHOD_GET ? "" : "{}");
  if (status == 0) client_fail("%s %s with %s: no answer", method, path, held);
  if (!allowed && status != refusal) client_fail("%s %s with %s: expected %d, got %d", method, path, held, refusal, status);
  if (allowed && (status == 401 || status == 403)) client_fail("%s %s with %s: refused with %d", method, path, held, status);
}

/* Who may do what, said here anew as well: whoever changes a route's scope in the table and the manual is asked here once more. What is not
 * named looks, or is the operators' business. */
static uint32_t wanted(const struct route *r) {
  static const struct {
    enum method method;
    const char *path;
    uint32_t scope;
  } named[] = {{METHOD_POST, "/v1/events", SCOPE_TRACK},
               {METHOD_POST, "/v1/decide", SCOPE_DECIDE},
               {METHOD_PUT, "/v1/users/{id}", SCOPE_INGEST},
               {METHOD_POST, "/v1/users/{id}/opt-in", SCOPE_INGEST},
               {METHOD_POST, "/v1/users/{id}/opt-out", SCOPE_INGEST},
               {METHOD_GET, "/v1/users/{id}/export", SCOPE_OPERATE}}; /* everything about somebody, in one piece */
  for (size_t i = 0; i < sizeof named / sizeof *named; i++)
    if (named[i].method == r->method && strcmp(named[i].path, r->path) == 0) return named[i].scope;
  return r->method == METHOD_GET ? SCOPE_READ : SCOPE_OPERATE;
}

static void every_route(void) {
  size_t count;
  const struct route *routes = api_routes(&count);
  for (size_t i = 0; i < count; i++) {
    char path[256];
    fill_path(routes[i].path, path);
    bool open = routes[i].scope == SCOPE_NONE;
    if (open != is_open(routes[i].path)) client_fail("%s: is open to all, and this test does not know it", routes[i].path);
    if (!open && routes[i].scope != wanted(&routes[i])) client_fail("%s %s: wants another scope", method_word(routes[i].method), path);
    for (size_t s = 0; s < SCOPES; s++) expect(&routes[i], path, keys[s], scopes[s].name, open || (scopes[s].bits & routes[i].scope), 403);
    expect(&routes[i], path, NULL, "no key", open, 401);
    expect(&routes[i], path, "kx_forged_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a forged key", open, 401);
    expect(&routes[i], path, "", "an empty key", open, 401);
  }
  printf("%zu routes, each with %zu scopes and 3 kinds of nobody\n", count, SCOPES);
}

/* What is in no table is denied, whoever asks. */
static void no_other_door(void) {
  static const char *const paths[] = {"/", "/v1", "/v1/keys", "/v1/users", "/v1/events/", "/debug", "/v1/users/ann/opt-out/x", "/console"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    int nobody = client_status(stage.port, "GET", paths[i], NULL, NULL, ""),
        admin = client_status(stage.port, "GET", paths[i], keys[5], NULL, "");
    if (nobody == 200 || admin == 200) client_fail("%s answers", paths[i]);
  }
}

static void answer_with(const char *key, const char *body, bool told) {
  struct reply r = client_ask(stage.port, "POST", "/v1/events", key, "application/json", str_from(body));
  if (r.status != 200) client_fail("an event: got %d", r.status);
  static const char *const words[] = {"\"decisions\"", "\"interventions_triggered\"", "\"learning_updated\""};
  for (size_t i = 0; i < 3; i++)
    if ((memmem(r.body.at, r.body.len, words[i], strlen(words[i])) != NULL) != told)
      client_fail("%s, and it should %s: %.*s", words[i], told ? "be there" : "not", (int)r.body.len, r.body.at);
  buf_free(&r.text);
}

/* Whoever may send answers about anybody could try decision ids, and would learn who was sent which message; slips are told to everybody.
 */
static void answers_with(const char *key, bool told) {
  char body[400], time[32];
  const int length = (int)clock_format(clock_now(), time);
  static const char *const ids[] = {"d0-1", "nonsense"};
  for (size_t i = 0; i < 2; i++) {
    snprintf(body, sizeof body,
             "{\"userId\":\"eve\",\"eventType\":\"intervention_response\",\"timestamp\":\"%.*s\",\"data\":{\"decisionId\":\"%s\"}}", length,
             time, ids[i]);
    struct reply r = client_ask(stage.port, "POST", "/v1/events", key, "application/json", str_from(body));
    const bool warned = memmem(r.body.at, r.body.len, "\"warnings\"", 10) != NULL;
    if (r.status != 200 || warned != (told || i == 1)) client_fail("an answer to %s: %.*s", ids[i], (int)r.body.len, r.body.at);
    buf_free(&r.text);
  }
}

/* Why somebody got nothing says that they are ill, a minor or have opted out: no public write key is told; nor does it lift a health flag.
 */
static void what_track_is_not_told(void) {
  char body[300], time[32];
  int length = (int)clock_format(clock_now(), time);
  for (int sick = 1; sick >= 0; sick--) {
    snprintf(body, sizeof body, "{\"userId\":\"eve\",\"eventType\":\"profile_updated\",\"timestamp\":\"%.*s\",\"data\":{\"pregnant\":%s}}",
             length, time, sick ? "true" : "false");
    answer_with(keys[0], body, false);
  }
  struct reply r = client_ask(stage.port, "GET", "/v1/users/eve", keys[3], NULL, (struct str){0});
  if (!memmem(r.body.at, r.body.len, "\"pregnant\":true", 15)) client_fail("track has lifted a flag: %.*s", (int)r.body.len, r.body.at);
  buf_free(&r.text);
  answer_with(keys[1], body, true);
  answers_with(keys[0], false);
  answers_with(keys[1], true);
}

/* track may send events and traits, but moves neither zone, age nor consent of anybody, and never past time. */
static void what_track_may_not(void) {
  char body[512], time[32];
  int length = (int)clock_format(clock_now(), time);
  snprintf(body, sizeof body,
           "{\"userId\":\"ann\",\"eventType\":\"profile_updated\",\"timestamp\":\"%.*s\",\"data\":{\"timezone\":\"Asia/Tokyo\",\"age\":40,"
           "\"guardianConsent\":true,\"consent\":\"given\",\"partner\":\"bo\"}}",
           length, time);
  if (client_status(stage.port, "POST", "/v1/events", keys[0], "application/json", body) != 200) client_fail("track may send traits");
  struct reply r = client_ask(stage.port, "GET", "/v1/users/ann", keys[3], NULL, (struct str){0});
  if (r.status != 200 || !memmem(r.body.at, r.body.len, "\"partner\":\"bo\"", 14)) client_fail("the trait is not there: %d", r.status);
  static const char *const never[] = {"Tokyo", "\"age\":40", "guardianConsent", "\"consent\":\"given\""};
  for (size_t i = 0; i < 4; i++)
    if (memmem(r.body.at, r.body.len, never[i], strlen(never[i])))
      client_fail("track has moved %s: %.*s", never[i], (int)r.body.len, r.body.at);
  buf_free(&r.text);
  for (size_t s = 0; s < SCOPES; s++) {
    int status = client_status(stage.port, "POST", "/v1/events?clock=event", keys[s], "application/json", body);
    bool allowed = scopes[s].bits == ~UINT32_C(0);
    if (allowed ? status != 200 : status != 403) client_fail("clock=event with %s: got %d", scopes[s].name, status);
  }
  char both[128];
  make_key("both", "ingest,operate", both);
  int status = 401;
  for (int i = 0; i < CLIENT_WAIT_SECONDS * 10 && status == 401; i++) { /* the engine looks twice a second */
    client_rest(100000);
    status = client_status(stage.port, "POST", "/v1/events?clock=event", both, "application/json", body);
  }
  if (status != 200) client_fail("ingest and operate together may send past time");
}

static void revoked(void) {
  if (client_status(stage.port, "GET", "/v1/kill", keys[3], NULL, "") != 200) client_fail("read may read");
  if (KAIROS(&stage, "key", "revoke", "read", "--data", stage.data) != 0) client_fail("key revoke");
  int status = 200;
  for (int i = 0; i < CLIENT_WAIT_SECONDS * 10 && status == 200; i++) { /* "within a second" is a matter of an idle machine */
    client_rest(100000);
    status = client_status(stage.port, "GET", "/v1/kill", keys[3], NULL, "");
  }
  if (status != 401) client_fail("a revoked key: expected 401, got %d", status);
  if (client_status(stage.port, "GET", "/v1/kill", keys[5], NULL, "") != 200) client_fail("the others stay");
}

int main(void) {
  stage_open(&stage, "scopes");
  stage_rules(&stage, "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n");
  if (KAIROS(&stage, "init", "--data", stage.data) != 0) client_fail("no data directory");
  for (size_t s = 0; s < SCOPES; s++) make_key(scopes[s].name, scopes[s].name, keys[s]);
  engine_start(&stage, NULL);
  every_route();
  no_other_door();
  what_track_may_not();
  what_track_is_not_told();
  revoked();
  engine_end(&stage, SIGTERM);
  stage_close(&stage);
  return 0;
}
