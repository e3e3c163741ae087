/* rooms: kit language accept */
/* Who may come in (S5, S8): every route of a table against every set of scopes; no key, a wrong key and a revoked key get nowhere; without
 * keys only this machine is served, and not to pages of other origins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept_world.h"
#include "kit/hash.h"

static void handle_who(struct request *r, void *context) {
  (void)context;
  char text[128];
  snprintf(text, sizeof text, "%.*s/%u", STR_ARG(r->key_name), r->scopes);
  request_answer(r, 200, "text/plain", str_from(text));
}

static const struct route routes[] = {
    {METHOD_GET, "/livez", SCOPE_NONE, false, 0, handle_who, "", NULL},
    {METHOD_POST, "/v1/track", SCOPE_TRACK, false, 0, handle_who, "", NULL},
    {METHOD_POST, "/v1/events", SCOPE_INGEST, false, 0, handle_who, "", NULL},
    {METHOD_POST, "/v1/decide", SCOPE_DECIDE, false, 0, handle_who, "", NULL},
    {METHOD_GET, "/v1/users/{id}", SCOPE_READ, false, 0, handle_who, "", NULL},
    {METHOD_DELETE, "/v1/users/{id}", SCOPE_OPERATE, false, 0, handle_who, "", NULL},
    {METHOD_PUT, "/v1/kill/{kind}/{name}", SCOPE_OPERATE, true, 0, handle_who, "", NULL},
    {METHOD_POST, "/v1/keys", SCOPE_ADMIN, false, 0, handle_who, "", NULL},
};
#define ROUTES (sizeof routes / sizeof *routes)

static struct world world;
static struct reply reply;

static struct door_key key_of(const char *text, uint32_t scopes, const char *name) {
  struct door_key key = {.scopes = scopes, .name = name};
  hash_sha256(str_from(text), key.sha256);
  return key;
}

static int closed(void **state) {
  (void)state;
  world_close(&world);
  free(reply.body);
  reply.body = NULL;
  return 0;
}

static int ask_route(const struct route *route, const char *header) {
  static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
  char text[512], path[64];
  snprintf(path, sizeof path, "%s", route->path);
  for (char *at = path; *at; at++) {
    if (*at == '{' || *at == '}') *at = 'x';
  }
  snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: kairos.example\r\n%s\r\n", methods[route->method], path, header);
  return ask(&world, text, &reply);
}

/* What the design says, written down again: does a holder of `held` get through to a route that wants `wanted`? */
static bool may(uint32_t held, enum scope wanted) {
  if (wanted == SCOPE_NONE) return true;
  if (held >= 32) return true; /* admin */
  if (wanted == SCOPE_TRACK) return held % 4 != 0;
  return (held / (uint32_t)wanted) % 2 == 1;
}

static void every_route_and_every_scope(void **state) {
  (void)state;
  struct door_key keys[64];
  char texts[64][32];
  for (uint32_t held = 0; held < 64; held++) {
    snprintf(texts[held], sizeof texts[held], "kx_%u_secret", held);
    keys[held] = key_of(texts[held], held, texts[held]);
  }
  world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES, .keys = keys, .key_count = 64});
  for (uint32_t held = 0; held < 64; held++) {
    char header[96], who[64];
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", texts[held]);
    snprintf(who, sizeof who, "%s/%u", texts[held], held);
    for (size_t i = 0; i < ROUTES; i++) {
      const int status = ask_route(&routes[i], header);
      assert_int_equal(status, may(held, routes[i].scope) ? 200 : 403);
      if (status == 200 && routes[i].scope != SCOPE_NONE) assert_string_equal(reply.body, who);
      if (status != 403) continue;
      struct buf wanted = {0};
      scope_print((uint32_t)routes[i].scope, &wanted);
      buf_char(&wanted, '\0');
      assert_non_null(strstr(reply.body, wanted.at)); /* names the scope that is missing */
      buf_free(&wanted);
    }
  }
  closed(NULL);
}

static void without_a_known_key_nothing(void **state) {
  (void)state;
  const struct door_key keys[] = {key_of("first", SCOPE_ADMIN, "a"), key_of("second", SCOPE_ADMIN, "b")};
  world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES, .keys = keys, .key_count = 2});
  static const struct {
    const char *header;
    int status;
  } cases[] = {
      {"", 401},
      {"Authorization: Bearer firs\r\n", 401},
      {"Authorization: Bearer first2\r\n", 401},
      {"Authorization: Bearer\r\n", 401},
      {"Authorization: Bearer \r\n", 401},
      {"Authorization: \r\n", 401},
      {"Authorization: first\r\n", 401},
      {"Authorization: Digest first\r\n", 401},
      {"Authorization: Basic Zmlyc3Q=\r\n", 401},     /* no colon: no user */
      {"Authorization: Basic !!!!\r\n", 401},         /* no base64 */
      {"Authorization: Basic OmZpcnN0\r\n", 401},     /* :first is a password */
      {"Authorization: Basic Zmlyc3Q6\r\n", 200},     /* first: */
      {"Authorization: basic c2Vjb25kOng=\r\n", 200}, /* second:x */
      {"Authorization: Bearer first\r\n", 200},
      {"authorization: bearer   second \r\n", 200},
      {"X-Api-Key: second\r\n", 200},
      {"X-Api-Key: other\r\n", 401},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int status = ask_route(&routes[2], cases[i].header);
    if (status != cases[i].status) print_error("%s: %d\n", cases[i].header, status);
    assert_int_equal(status, cases[i].status);
    if (status == 401) assert_non_null(strstr(reply.head, "\r\nWWW-Authenticate: Bearer\r\n"));
    assert_int_equal(ask_route(&routes[0], cases[i].header), 200); /* health needs none */
  }
  closed(NULL);
}

/* A digest that differs in any of its bits is another's. */
static void every_byte_of_a_key_counts(void **state) {
  (void)state;
  for (size_t byte = 0; byte <= 32; byte++) {
    struct door_key keys[] = {key_of("another", SCOPE_ADMIN, "a"), key_of("first", SCOPE_ADMIN, "b")};
    if (byte < 32) keys[1].sha256[byte] ^= (unsigned char)(1u << byte % 8);
    world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES, .keys = keys, .key_count = 2});
    assert_int_equal(ask_route(&routes[2], "Authorization: Bearer first\r\n"), byte < 32 ? 401 : 200);
    closed(NULL);
  }
}

static void a_revoked_key_is_refused_from_the_next_request_on(void **state) {
  (void)state;
  struct door_key keys[] = {key_of("first", SCOPE_READ, "a"), key_of("second", SCOPE_READ, "b")};
  world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES, .keys = keys, .key_count = 2});
  static const char get[] = "GET /v1/users/u HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer first\r\n\r\n";
  static const int expected[] = {200, 401, 200, 403};
  struct client c = client_open(&world);
  for (int step = 0; step < 4; step++) {
    if (step == 1) door_keys(world.door, keys + 1, 1);
    if (step == 2) door_keys(world.door, keys, 1);
    if (step == 3) {
      keys[0].scopes = SCOPE_DECIDE;
      door_keys(world.door, keys, 1);
    }
    client_say(&world, &c, get);
    assert_true(client_reply(&world, &c, &reply, false));
    assert_int_equal(reply.status, expected[step]);
  }
  client_close(&c);
  closed(NULL);
}

/* A body may take its time: a key is not good for longer because a request was begun with it. */
static void a_key_revoked_while_the_body_comes(void **state) {
  (void)state;
  struct door_key keys[] = {key_of("first", SCOPE_INGEST, "a"), key_of("second", SCOPE_READ, "b")};
  static const char *const sent[] = {"Authorization: Bearer first\r\n", "X-Api-Key: first\r\n"};
  static const int expected[] = {200, 401, 403, 200};
  for (int step = 0; step < 8; step++) {
    world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES, .keys = keys, .key_count = 2});
    struct client c = client_open(&world);
    char head[200];
    snprintf(head, sizeof head, "POST /v1/events HTTP/1.1\r\nHost: x\r\n%sContent-Length: 4\r\n\r\nha", sent[step / 4]);
    client_say(&world, &c, head);
    for (int turn = 0; turn < 10; turn++) world_turn(&world);
    if (step % 4 == 1) door_keys(world.door, keys + 1, 1);
    if (step % 4 == 2) keys[0].scopes = SCOPE_READ;
    if (step % 4 >= 2) door_keys(world.door, keys, 2); /* the last time nothing of this key changes */
    client_say(&world, &c, "lf");
    assert_true(client_reply(&world, &c, &reply, false));
    assert_int_equal(reply.status, expected[step % 4]);
    client_say(&world, &c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection is as good as before */
    assert_true(client_reply(&world, &c, &reply, false));
    assert_int_equal(reply.status, 200);
    client_close(&c);
    closed(NULL);
    keys[0].scopes = SCOPE_INGEST;
  }
}

/* What was begun while there was no key at all is not finished without one once there is one. */
static void the_first_key_while_a_body_comes(void **state) {
  (void)state;
  const struct door_key key = key_of("first", SCOPE_INGEST, "a");
  world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES});
  struct client c = client_open(&world);
  client_say(&world, &c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nha");
  for (int turn = 0; turn < 10; turn++) world_turn(&world);
  door_keys(world.door, &key, 1);
  client_say(&world, &c, "lf");
  assert_true(client_reply(&world, &c, &reply, false));
  assert_int_equal(reply.status, 401);
  client_close(&c);
  closed(NULL);
}

/* Taking the last key away must not throw the door open. */
static void no_key_left_is_not_open_to_all(void **state) {
  (void)state;
  const struct door_key key = key_of("first", SCOPE_READ, "a");
  world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES, .keys = &key, .key_count = 1});
  door_keys(world.door, NULL, 0);
  assert_int_equal(ask_route(&routes[4], "Authorization: Bearer first\r\n"), 401);
  assert_int_equal(ask_route(&routes[4], ""), 401);
  closed(NULL);
}

static void without_keys_only_this_machine(void **state) {
  (void)state;
  world_open(&world, (struct door_options){.routes = routes, .route_count = ROUTES});
  static const struct {
    const char *headers;
    int status;
  } cases[] = {
      {"Host: localhost\r\n", 200},
      {"Host: LOCALHOST:8080\r\n", 200},
      {"Host: 127.0.0.1:8080\r\n", 200},
      {"Host: 127.8.9.1\r\n", 200},
      {"Host: [::1]:8080\r\n", 200},
      {"Host: localhost\r\nOrigin: http://localhost:3000\r\n", 200},
      {"Host: localhost\r\nOrigin: http://evil.example\r\n", 403},
      {"Host: localhost\r\nOrigin: null\r\n", 403},
      {"Host: localhost\r\nOrigin: http://localhost.evil.example\r\n", 403},
      {"Host: rebound.example\r\n", 403},
      {"Host: localhost.evil.example\r\n", 403},
      {"Host: 127.0.0.1.evil.example\r\n", 403},
      {"Host: 10.0.0.1\r\n", 403},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[256];
    snprintf(text, sizeof text, "POST /v1/keys HTTP/1.1\r\n%s\r\n", cases[i].headers);
    const int status = ask(&world, text, &reply);
    if (status != cases[i].status) print_error("%s: %d\n", cases[i].headers, status);
    assert_int_equal(status, cases[i].status);
    if (status == 200) assert_string_equal(reply.body, "/32"); /* everything is allowed */
  }
  closed(NULL);
}

static void refuses_to_open(void **state) {
  (void)state;
  const struct door_key key = key_of("first", SCOPE_READ, "a");
  static const struct {
    const char *listen, *says;
    bool keyed, proxy;
  } cases[] = {
      {"0.0.0.0:0", "without a key", false, false},
      {"0.0.0.0:0", "without a key", false, true},
      {"0.0.0.0:0", "reverse proxy", true, false},
      {"[::]:0", "reverse proxy", true, false},
      {"[::]:0", "without a key", false, true},
      {"[::ffff:127.0.0.1]:0", "without a key", false, false},
      {"126.255.255.255:0", "without a key", false, false},
      {"128.0.0.1:0", "without a key", false, false},
      {"192.168.1.1:0", "without a key", false, true},
      {"[fe80::1]:0", "without a key", false, false},
      {"8080", "127.0.0.1:8080", false, false},
      {"127.0.0.1:", "came \"127.0.0.1:\"", false, false},
      {"127.0.0.1:65536", "came", false, false},
      {"nowhere.example:80", "came", false, false},
      {":80", "came", false, false},
      {"[::1:80", "came", false, false},
      {"127.0.0.1:-1", "came", false, false},
      {"", "came \"\"", false, false},
  };
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err e = {0};
    struct door_options o = {.listen = cases[i].listen, .behind_proxy = cases[i].proxy, .routes = routes, .route_count = ROUTES};
    o.keys = cases[i].keyed ? &key : NULL;
    o.key_count = cases[i].keyed;
    assert_null(door_open(&loop, &o, &e));
    if (!strstr(e.text, cases[i].says)) print_error("%s: %s\n", cases[i].listen, e.text);
    assert_non_null(strstr(e.text, cases[i].says));
  }
  struct err e = {0};
  struct door_options o = {
      .listen = "0.0.0.0:0", .behind_proxy = true, .routes = routes, .route_count = ROUTES, .keys = &key, .key_count = 1};
  struct door *open = door_open(&loop, &o, &e);
  assert_non_null(open);
  char listen[32];
  snprintf(listen, sizeof listen, "0.0.0.0:%d", door_port(open));
  o.listen = listen;
  assert_null(door_open(&loop, &o, &e));
  assert_int_equal(e.kind, ERR_CONFLICT);
  assert_non_null(strstr(e.text, "is taken by another program"));
  door_close(open);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void scopes_are_words(void **state) {
  (void)state;
  uint32_t scopes;
  struct err e = {0};
  assert_true(scope_parse(STR(" ingest, read "), &scopes, &e));
  assert_int_equal(scopes, SCOPE_INGEST | SCOPE_READ);
  assert_true(scope_parse(STR("admin,operate,read,decide,ingest,track"), &scopes, &e));
  struct buf text = {0};
  scope_print(scopes, &text);
  assert_true(str_is(buf_view(&text), "track,ingest,decide,read,operate,admin"));
  buf_free(&text);
  assert_false(scope_parse(STR("ingest,raed"), &scopes, &e));
  assert_non_null(strstr(e.text, "did you mean \"read\"?"));
  assert_false(scope_parse(STR(""), &scopes, &e));
  assert_false(scope_parse(STR("read,"), &scopes, &e));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_route_and_every_scope),
      cmocka_unit_test(without_a_known_key_nothing),
      cmocka_unit_test(every_byte_of_a_key_counts),
      cmocka_unit_test(a_revoked_key_is_refused_from_the_next_request_on),
      cmocka_unit_test(a_key_revoked_while_the_body_comes),
      cmocka_unit_test(the_first_key_while_a_body_comes),
      cmocka_unit_test(no_key_left_is_not_open_to_all),
      cmocka_unit_test(without_keys_only_this_machine),
      cmocka_unit_test(refuses_to_open),
      cmocka_unit_test(scopes_are_words),
  };
  return cmocka_run_group_tests_name("accept: keys and scopes", tests, NULL, NULL);
}
