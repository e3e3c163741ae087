/* rooms: kit language accept; libraries: z */
/* What the door promises to peers that keep to HTTP: answers in order, however late and however the bytes were cut; bodies in every frame
 * and coding; and to those that do not come to an end: an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept_world.h"
#include "kit/hash.h"
#include <zlib.h>

/* What came in goes back in a header, as it came. */
static void handle_header(struct request *r, void *context) {
  (void)context;
  char value[256];
  snprintf(value, sizeof value, STR_FORMAT, STR_ARG(r->body));
  request_answer_header(r, 200, "text/plain", STR("ok"), "X-Said", value);
}

static const struct route routes[] = {
    {METHOD_POST, "/header", SCOPE_NONE, false, 0, handle_header, "", NULL},
    {METHOD_POST, "/echo", SCOPE_NONE, false, 0, handle_echo, "", QUERY_ANY},
    {METHOD_GET, "/echo", SCOPE_NONE, false, 0, handle_echo, "", QUERY_ANY},
    {METHOD_POST, "/small", SCOPE_NONE, false, 1000, handle_echo, "", QUERY_ANY},
    {METHOD_POST, "/later", SCOPE_NONE, false, 0, handle_later, "", QUERY_ANY},
    {METHOD_GET, "/later", SCOPE_NONE, false, 0, handle_later, "", QUERY_ANY},
    {METHOD_PUT, "/v1/kill/{kind}/{name}", SCOPE_NONE, true, 0, handle_echo, "", QUERY_ANY},
    {METHOD_GET, "/v1/users/{id}", SCOPE_NONE, false, 0, handle_echo, "", "q limit x"},
    {METHOD_GET, "/v1/users/me", SCOPE_NONE, false, 0, handle_echo, "", NULL},
    {METHOD_POST, "/v1/users/{id}/opt-out", SCOPE_NONE, true, 0, handle_echo, "", QUERY_ANY},
};
static const struct door_options plain = {.routes = routes, .route_count = sizeof routes / sizeof *routes};

static struct world world;
static struct reply reply;

static int opened(void **state) {
  (void)state;
  world_open(&world, plain);
  return 0;
}

static int closed(void **state) {
  (void)state;
  clock_thaw();
  world_close(&world);
  free(reply.body);
  reply.body = NULL;
  return 0;
}

#define POST(path, more, body) "POST " path " HTTP/1.1\r\nHost: localhost\r\n" more "\r\n" body
#define GET(path, more)        "GET " path " HTTP/1.1\r\nHost: localhost\r\n" more "\r\n"

static void assert_reply(struct client *c, int status, const char *body) {
  assert_true(client_reply(&world, c, &reply, false));
  if (reply.status != status) print_error("%s%s\n", reply.head, reply.body);
  assert_int_equal(reply.status, status);
  if (body) assert_string_equal(reply.body, body);
}

static void one_request(void **state) {
  (void)state;
  assert_int_equal(ask(&world, POST("/echo?a=1", "Content-Length: 5\r\n", "hello"), &reply), 200);
  assert_string_equal(reply.body, "/echo?a=1|||5:hello\n");
  assert_non_null(strstr(reply.head, "\r\nContent-Type: text/plain\r\n"));
  const char *date = strstr(reply.head, "\r\nDate: ");
  assert_non_null(date);
  assert_memory_equal(date + 8 + 25, " GMT\r\n", 6); /* Sun, 06 Nov 1994 08:49:37 GMT */
  assert_null(strstr(reply.head, "Connection:"));
}

static void nothing_that_came_in_adds_a_header(void **state) {
  (void)state;
  assert_int_equal(ask(&world, POST("/header", "Content-Length: 28\r\n", "a\r\nSet-Cookie: b\r\n\r\n<p>\n\x01\x7f\r\n"), &reply), 200);
  assert_non_null(strstr(reply.head, "\r\nX-Said: aSet-Cookie: b<p>\r\n"));
  assert_string_equal(reply.body, "ok");
}

static void head_has_no_body(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c, "HEAD /echo HTTP/1.1\r\nHost: localhost\r\n\r\n" GET("/echo?2", ""));
  assert_true(client_reply(&world, &c, &reply, true));
  assert_non_null(strstr(reply.head, "Content-Length: 12\r\n"));
  assert_reply(&c, 200, "/echo?2|||0:\n");
  client_close(&c);
}

static void bytes_may_come_one_by_one(void **state) {
  (void)state;
  static const char text[] = "\r\n" POST("/echo", "Content-Length: 3\r\n", "abc")
      POST("/echo", "Transfer-Encoding: chunked\r\n", "2\r\nde\r\n0003;x=\"y\"\r\nfgh\r\n0\r\nA: b\r\n\r\n") GET("/echo?last", "");
  struct client c = client_open(&world);
  for (size_t i = 0; i + 1 < sizeof text; i++) client_send(&world, &c, text + i, 1);
  assert_reply(&c, 200, "/echo?|||3:abc\n");
  assert_reply(&c, 200, "/echo?|||5:defgh\n");
  assert_reply(&c, 200, "/echo?last|||0:\n");
  client_close(&c);
}

static void answers_keep_the_order_of_requests(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c, GET("/later?0", "") GET("/echo?1", "") GET("/later?2", "") GET("/nowhere", "") GET("/later?4", ""));
  assert_true(client_silent(&world, &c));
  assert_int_equal(world.waiting_count, 3);
  world_answer(&world, 2, "four");
  world_answer(&world, 1, "two");
  assert_true(client_silent(&world, &c));
  world_answer(&world, 0, "zero");
  assert_reply(&c, 200, "zero");
  assert_reply(&c, 200, "/echo?1|||0:\n");
  assert_reply(&c, 200, "two");
  assert_reply(&c, 404, NULL);
  assert_reply(&c, 200, "four");
  client_close(&c);
}

static void at_most_32_requests_are_open(void **state) {
  (void)state;
  struct client c = client_open(&world);
  for (int i = 0; i < 100; i++) client_say(&world, &c, GET("/later", ""));
  assert_true(client_silent(&world, &c));
  assert_int_equal(world.waiting_count, 32);
  char text[8];
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "%d", i);
    assert_true(world.waiting_count >= 1 && world.waiting_count <= 32);
    world_answer(&world, 0, text);
    assert_reply(&c, 200, text);
  }
  client_say(&world, &c, GET("/echo", ""));
  assert_reply(&c, 200, NULL);
  client_close(&c);
}

/* The peer goes while its requests are with a handler: their memory stays, and their answers harm nobody. */
static void a_peer_may_leave_early(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c,
             POST("/later", "Content-Length: 6\r\n", "secret") GET("/later", "") POST("/later", "Content-Length: 9\r\n", "half"));
  assert_int_equal(world.waiting_count, 2);
  struct linger reset = {.l_onoff = 1};
  setsockopt(c.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client_close(&c);
  for (int i = 0; i < 10; i++) world_turn(&world);
  assert_int_equal(door_figures(world.door).open, 0);
  assert_memory_equal(world.waiting[0]->body.at, "secret", 6);
  world_answer(&world, 1, "nobody hears");
  world_answer(&world, 0, "nobody hears");
}

static void half_closed_peers_get_their_answers(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c, GET("/later", "") GET("/echo", ""));
  shutdown(c.socket, SHUT_WR);
  for (int i = 0; i < 10; i++) world_turn(&world);
  world_answer(&world, 0, "late");
  assert_reply(&c, 200, "late");
  assert_reply(&c, 200, NULL);
  assert_true(client_sees_end(&world, &c));
  client_close(&c);
}

/* Who shuts its side in the middle of a body sends no more of it: it is told so at once, not that it was slow, and its place is free. */
static void a_body_that_will_never_be_whole(void **state) {
  (void)state;
  static const char *const cut[] = {
      POST("/later", "Content-Length: 9\r\n", "half"),
      POST("/later", "Content-Length: 9\r\n", ""),
      POST("/later", "Transfer-Encoding: chunked\r\n", "9\r\nhalf"),
      POST("/later", "Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n1"),
      GET("/later", "") POST("/later", "Content-Length: 9\r\n", "half"),
  };
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
    const bool behind = strstr(cut[i], "GET") == cut[i];
    struct client c = client_open(&world);
    const size_t first = world.waiting_count;
    client_say(&world, &c, cut[i]);
    shutdown(c.socket, SHUT_WR);
    for (int turn = 0; turn < 10; turn++) world_turn(&world);
    assert_int_equal(world.waiting_count, first + behind);
    if (behind) world_answer(&world, first, "late");
    if (behind) assert_reply(&c, 200, "late");
    assert_true(client_reply(&world, &c, &reply, false));
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.body, "urn:kairos:problem:malformed-request"));
    assert_non_null(strstr(reply.body, "the connection was shut before the body was whole"));
    assert_true(client_sees_end(&world, &c));
    client_close(&c);
  }
}

static void connections_end_when_asked(void **state) {
  (void)state;
  static const struct {
    const char *request, *says;
    bool ends;
  } cases[] = {
      {GET("/echo", "Connection: close\r\n"), "Connection: close\r\n", true},
      {POST("/echo", "Connection: close\r\nContent-Length: 2\r\n", "ab"), "Connection: close\r\n", true},
      {GET("/nowhere", "Connection: close\r\n"), "Connection: close\r\n", true},
      {POST("/nowhere", "Connection: close\r\nContent-Length: 2\r\n", "ab"), "Connection: close\r\n", true},
      {"GET /echo HTTP/1.0\r\n\r\n", "Connection: close\r\n", true},
      {"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", false},
      {POST("/nowhere", "Content-Length: 2\r\n", "ab"), "HTTP/1.1 404 ", false},
      {POST("/nowhere", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n"), "Connection: close\r\n", true},
      {POST("/nowhere", "Content-Length: 65537\r\n", ""), "Connection: close\r\n", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct client c = client_open(&world);
    client_say(&world, &c, cases[i].request);
    client_say(&world, &c, GET("/echo?next", ""));
    assert_true(client_reply(&world, &c, &reply, false));
    assert_non_null(strstr(reply.head, cases[i].says));
    if (cases[i].ends) assert_true(client_sees_end(&world, &c));
    else assert_reply(&c, 200, "/echo?next|||0:\n");
    client_close(&c);
  }
}

static void expectations(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c, GET("/later", "") POST("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  assert_true(client_silent(&world, &c)); /* not before the answer that comes first */
  world_answer(&world, 0, "first");
  assert_reply(&c, 200, "first");
  assert_reply(&c, 100, NULL);
  client_say(&world, &c, "ab");
  assert_reply(&c, 200, "/echo?|||2:ab\n");
  client_say(&world, &c, POST("/small", "Expect: 100-continue\r\nContent-Length: 1001\r\n", ""));
  assert_reply(&c, 413, NULL);
  assert_true(client_sees_end(&world, &c));
  client_close(&c);
  assert_int_equal(ask(&world, POST("/echo", "Expect: tea\r\nContent-Length: 2\r\n", "ab"), &reply), 417);
}

static void bodies_have_limits(void **state) {
  (void)state;
  static char bytes[10 << 20];
  memset(bytes, 'x', sizeof bytes);
  char head[256];
  for (int chunked = 0; chunked < 2; chunked++) {
    for (int too_large = 0; too_large < 2; too_large++) {
      struct client c = client_open(&world);
      const size_t length = too_large ? sizeof bytes : 1 << 20;
      if (chunked) snprintf(head, sizeof head, POST("/echo", "Transfer-Encoding: chunked\r\n", "%zx\r\n"), length);
      else snprintf(head, sizeof head, POST("/echo", "Content-Length: %zu\r\n", ""), length);
      client_say(&world, &c, head);
      assert_true(client_send(&world, &c, bytes, length)); /* a peer that does not read before it has sent all still hears the refusal */
      if (chunked) client_say(&world, &c, "\r\n0\r\n\r\n");
      assert_true(client_reply(&world, &c, &reply, false));
      assert_int_equal(reply.status, too_large ? 413 : 200);
      if (!too_large) assert_non_null(strstr(reply.body, "|1048576:xxx"));
      else assert_non_null(strstr(reply.head, "Connection: close"));
      client_close(&c);
    }
  }
  for (size_t length = 999; length <= 1001; length++) { /* the route's own, to the byte; in chunks nobody announces it */
    char text[1200];
    snprintf(text, sizeof text, POST("/small", "Transfer-Encoding: chunked\r\n", "%zx\r\n%.*s\r\n1\r\nx\r\n0\r\n\r\n"), length - 1,
             (int)length - 1, bytes);
    assert_int_equal(ask(&world, text, &reply), length <= 1000 ? 200 : 413);
  }
  assert_int_equal(ask(&world, POST("/small", "Content-Length: 1001\r\n", ""), &reply), 413);
  assert_non_null(strstr(reply.body, "expected a body of at most 1000 bytes, Content-Length says 1001"));
}

/* ---- gzip ---- */

static size_t gzip(const void *bytes, size_t length, char *out, size_t room) {
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = (Bytef *)(uintptr_t)bytes;
  z.avail_in = (uInt)length;
  z.next_out = (Bytef *)out;
  z.avail_out = (uInt)room;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  deflateEnd(&z);
  return room - z.avail_out;
}

static int ask_gzip(const char *bytes, size_t length, const char *coding) {
  struct client c = client_open(&world);
  char head[256];
  snprintf(head, sizeof head, POST("/echo", "Content-Length: %zu\r\nContent-Encoding: %s\r\n", ""), length, coding);
  client_say(&world, &c, head);
  client_send(&world, &c, bytes, length);
  assert_true(client_reply(&world, &c, &reply, false));
  client_close(&c);
  return reply.status;
}

static void gzip_bodies(void **state) {
  (void)state;
  static char packed[1 << 20], bomb[64 << 20];
  const size_t length = gzip("{\"a\":1}", 7, packed, sizeof packed);
  for (int again = 0; again < 2; again++) {
    assert_int_equal(ask_gzip(packed, length, "gzip"), 200);
    assert_string_equal(reply.body, "/echo?|||7:{\"a\":1}\n");
  }
  for (size_t cut = 0; cut < length; cut++) assert_int_equal(ask_gzip(packed, cut, "gzip"), 400);
  assert_int_equal(ask_gzip("{\"a\":1}", 7, "gzip"), 400);
  packed[length] = 'x';
  assert_int_equal(ask_gzip(packed, length + 1, "gzip"), 400); /* garbage behind it */
  memmove(packed + length, packed, length);
  assert_int_equal(ask_gzip(packed, 2 * length, "gzip"), 400); /* a second member */
  packed[length - 6] ^= 1;
  assert_int_equal(ask_gzip(packed, length, "gzip"), 400); /* checksum */
  size_t large = gzip(bomb, 1 << 20, packed, sizeof packed);
  assert_int_equal(ask_gzip(packed, large, "GZIP"), 200); /* exactly the limit */
  large = gzip(bomb, (1 << 20) + 1, packed, sizeof packed);
  assert_int_equal(ask_gzip(packed, large, "gzip"), 413);
  large = gzip(bomb, sizeof bomb, packed, sizeof packed);
  assert_int_equal(ask_gzip(packed, large, "gzip"), 413);
  assert_int_equal(ask_gzip("x", 1, "br"), 415);
  assert_int_equal(ask_gzip("x", 1, "gzip, gzip"), 415);
  assert_int_equal(ask_gzip("x", 1, "identity"), 200);
}

/* ---- paths ---- */

static void paths(void **state) {
  (void)state;
  static const struct {
    const char *request;
    int status;
    const char *says;
  } cases[] = {
      {GET("/v1/users/anna", ""), 200, "/v1/users/anna?|anna||"},
      {GET("/v1/users/me", ""), 200, "/v1/users/me?|||"},
      {GET("//v1///users//anna/", ""), 200, "|anna||"},
      {GET("//v1/users/me/", ""), 200, "|||"}, /* the literal before the parameter */
      {GET("/v1/%75sers/a%2Fb%20%d0%b9?x", ""), 200, "|a/b й||"},
      {GET("http://localhost/v1/users/anna?q=1", ""), 200, "/v1/users/anna?q=1|anna"},
      {"PUT /v1/kill/trigger/high%20risk HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "|trigger|high risk|"},
      {GET("/v1/users/a%00b", ""), 400, "percent-encoded UTF-8"},
      {GET("/v1/users/a%0ab", ""), 400, "percent-encoded UTF-8"},
      {GET("/v1/users/a%ffb", ""), 400, "percent-encoded UTF-8"},
      {GET("/v1/users/a%c0%af", ""), 400, "percent-encoded UTF-8"},
      {GET("/v1/users/a%2", ""), 400, "percent-encoded UTF-8"},
      {GET("/v1/users/a%zz", ""), 400, "percent-encoded UTF-8"},
      {GET("/v1/users/%2e%2e", ""), 400, "no `.` or `..`"},
      {GET("/v1/users/../users/anna", ""), 400, "no `.` or `..`"},
      {GET("/echo?a=%00", ""), 400, "expected a query"},
      {GET("/v1/users/anna?limit=1&&q=%20", ""), 200, "|anna"},
      {GET("/v1/users/anna?q=1&limti=5", ""), 400,
       "expected q limit x as query parameters here, came \\\"limti\\\" (did you mean \\\"limit\\\"?)"},
      {GET("/v1/users/me?q=1", ""), 400, "this route has no query parameters, came \\\"q\\\""},
      {GET("/v1/user/anna", ""), 404, "did you mean /v1/users/anna?"},
      {GET("/ecko", ""), 404, "there is no /ecko (did you mean /echo?)"},
      {GET("/something/else", ""), 404, "there is no /something/else\""},
      {GET("/a/b/c/d/e/f/g/h/i/j/k/l/m/n", ""), 404, "there is no"},
      {GET("/v1/users", ""), 404, "\"type\":\"urn:kairos:problem:not-found\""},
      {GET("/v1/users/anna/opt-out", ""), 405, "expected POST, OPTIONS here, came GET"},
      {"DELETE /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "expected GET, POST, OPTIONS, HEAD here, came DELETE"},
      {"PATCH /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "came PATCH"},
      {"OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 204, ""},
      {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 204, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int status = ask(&world, cases[i].request, &reply);
    if (status != cases[i].status || !strstr(reply.body, cases[i].says)) print_error("%s %d %s\n", cases[i].request, status, reply.body);
    assert_int_equal(status, cases[i].status);
    assert_non_null(strstr(reply.body, cases[i].says));
    if (status == 405) assert_non_null(strstr(reply.head, "\r\nAllow: "));
    if (status == 204) assert_non_null(strstr(reply.head, "\r\nAllow: GET, POST"));
  }
}

/* ---- clocks: the time is frozen and moved; only the sweep's own timer runs for real ---- */

static void turn_until_swept(struct client *c) {
  client_more(&world, c);
}

static void slow_heads_are_timed_out(void **state) {
  (void)state;
  clock_freeze(clock_now());
  struct client c = client_open(&world);
  client_say(&world, &c, "GET /echo HTTP/1.1\r\nHost: local");
  clock_advance(9900);
  client_say(&world, &c, "host\r\nX: ");
  clock_advance(200);
  turn_until_swept(&c);
  assert_reply(&c, 408, NULL);
  assert_true(client_sees_end(&world, &c));
  client_close(&c);
}

static void slow_bodies_are_timed_out(void **state) {
  (void)state;
  clock_freeze(clock_now());
  struct client slow = client_open(&world), steady = client_open(&world);
  client_say(&world, &slow, POST("/echo", "Content-Length: 9000\r\n", "a"));
  client_say(&world, &steady, POST("/echo", "Content-Length: 9000\r\n", "a"));
  char bytes[600];
  memset(bytes, 'b', sizeof bytes);
  for (int second = 0; second < 14; second++) {
    clock_advance(1000);
    client_send(&world, &steady, bytes, sizeof bytes);
  }
  turn_until_swept(&slow);
  assert_reply(&slow, 408, NULL);
  client_send(&world, &steady, bytes, 599);
  assert_reply(&steady, 200, NULL);
  client_close(&slow);
  client_close(&steady);
}

static void idle_and_mute_connections_are_closed(void **state) {
  (void)state;
  clock_freeze(clock_now());
  struct client mute = client_open(&world), idle = client_open(&world), waits = client_open(&world);
  client_say(&world, &idle, GET("/echo", ""));
  assert_reply(&idle, 200, NULL);
  client_say(&world, &waits, GET("/later", ""));
  clock_advance(10100);
  assert_true(client_sees_end(&world, &mute));
  clock_advance(20100);
  assert_true(client_sees_end(&world, &idle));
  world_answer(&world, 0, "it was our turn, not the peer's"); /* who waits for us is not idle */
  assert_reply(&waits, 200, NULL);
  client_close(&mute);
  client_close(&idle);
  client_close(&waits);
}

/* ---- room ---- */

static void connections_are_limited(void **state) {
  (void)state;
  closed(NULL);
  struct door_options two = plain;
  two.connections_most = 2;
  world_open(&world, two);
  struct client c[2 + 64 + 1];
  for (size_t i = 0; i < 67; i++) c[i] = client_open(&world);
  assert_reply(&c[66], 503, ""); /* at the door */
  assert_true(client_sees_end(&world, &c[66]));
  client_say(&world, &c[1], GET("/echo", ""));
  assert_reply(&c[1], 200, NULL);
  client_say(&world, &c[2], POST("/v1/users/anna/opt-out", "", "")); /* has reserved room */
  assert_reply(&c[2], 200, NULL);
  client_say(&world, &c[2], GET("/echo", ""));
  assert_reply(&c[2], 503, NULL);
  assert_non_null(strstr(reply.head, "\r\nRetry-After: 1\r\n"));
  assert_true(client_sees_end(&world, &c[2]));
  for (size_t i = 0; i < 67; i++) client_close(&c[i]);
}

static void bodies_together_are_limited(void **state) {
  (void)state;
  closed(NULL);
  struct door_options small = plain;
  small.body_bytes_most = 100;
  world_open(&world, small);
  struct client a = client_open(&world), b = client_open(&world);
  client_say(&world, &a, POST("/later", "Content-Length: 5\r\n", "hello"));
  client_say(&world, &b, POST("/echo", "Content-Length: 96\r\n", ""));
  assert_reply(&b, 503, NULL);
  assert_int_equal(ask(&world, POST("/v1/users/a/opt-out", "Content-Length: 5\r\n", "hello"), &reply), 200);
  world_answer(&world, 0, "done");
  assert_reply(&a, 200, "done");
  assert_int_equal(ask(&world, POST("/echo", "Content-Length: 5\r\n", "hello"), &reply), 200);
  client_close(&a);
  client_close(&b);
}

/* A peer that does not read its answers is not served on, and loses nothing when it reads at last. */
static void unread_answers_stop_the_reading(void **state) {
  (void)state;
  struct client c = client_open(&world);
  int size = 65536;
  setsockopt(c.socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  static char text[1 << 20];
  memset(text, 'z', sizeof text - 1);
  const size_t wanted = 24;
  for (size_t i = 0; i < wanted; i++) client_say(&world, &c, GET("/later", ""));
  for (size_t i = 0; i < wanted; i++) world_answer(&world, 0, text);
  for (int i = 0; i < 20; i++) client_say(&world, &c, GET("/later", ""));
  assert_int_equal(world.waiting_count, 0);
  for (size_t i = 0; i < wanted; i++) {
    assert_true(client_reply(&world, &c, &reply, false));
    assert_int_equal(reply.length, sizeof text - 1);
  }
  for (int i = 0; i < 20 && world.waiting_count < 20; i++) world_turn(&world);
  assert_int_equal(world.waiting_count, 20);
  client_close(&c);
}

static void a_closing_door_answers_what_is_open(void **state) {
  (void)state;
  struct client waits = client_open(&world), quiet = client_open(&world);
  client_say(&world, &waits, GET("/later", ""));
  door_stop_accepting(world.door);
  assert_true(client_sees_end(&world, &quiet));
  world_answer(&world, 0, "still");
  assert_reply(&waits, 200, "still");
  assert_non_null(strstr(reply.head, "Connection: close"));
  assert_true(client_sees_end(&world, &waits));
  client_close(&waits);
  client_close(&quiet);
}

/* Whatever allocation fails: the request is answered, refused or its connection closed, the next one is served, and nothing leaks. */
static void any_allocation_may_fail(void **state) {
  (void)state;
  char packed[256], head[256];
  const size_t length = gzip("{\"a\":1}", 7, packed, sizeof packed);
  snprintf(head, sizeof head, POST("//v1/users/%%61/opt-out", "Content-Length: %zu\r\nContent-Encoding: gzip\r\n", ""), length);
  for (int64_t nth = 1; nth <= 30; nth++) {
    closed(NULL);
    world_open(&world, plain);
    struct client early = client_open(&world);
    client_say(&world, &early, GET("/later", ""));
    kit_fail_allocation(nth);
    struct client c = client_open(&world);
    client_say(&world, &c, head);
    client_send(&world, &c, packed, length);
    client_say(&world, &c, GET("/echo", "") GET("/later", "") GET("/nowhere", ""));
    world_answer(&world, 0, "early");
    for (int i = 0; i < 5; i++) world_turn(&world);
    kit_fail_allocation(0);
    assert_int_equal(ask(&world, GET("/echo", ""), &reply), 200);
    client_close(&c);
    client_close(&early);
  }
  for (int64_t nth = 1; nth <= 10; nth++) {
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct door_options options = plain;
    options.listen = "127.0.0.1:0";
    struct err e = {0};
    kit_fail_allocation(nth);
    struct door *d = door_open(&loop, &options, &e);
    kit_fail_allocation(0);
    assert_true(d || e.text[0]);
    if (d) door_close(d);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, opened, closed)
  const struct CMUnitTest tests[] = {
      TEST(one_request),
      TEST(nothing_that_came_in_adds_a_header),
      TEST(head_has_no_body),
      TEST(bytes_may_come_one_by_one),
      TEST(answers_keep_the_order_of_requests),
      TEST(at_most_32_requests_are_open),
      TEST(a_peer_may_leave_early),
      TEST(half_closed_peers_get_their_answers),
      TEST(a_body_that_will_never_be_whole),
      TEST(connections_end_when_asked),
      TEST(expectations),
      TEST(bodies_have_limits),
      TEST(gzip_bodies),
      TEST(paths),
      TEST(slow_heads_are_timed_out),
      TEST(slow_bodies_are_timed_out),
      TEST(idle_and_mute_connections_are_closed),
      TEST(connections_are_limited),
      TEST(bodies_together_are_limited),
      TEST(unread_answers_stop_the_reading),
      TEST(a_closing_door_answers_what_is_open),
      TEST(any_allocation_may_fail),
  };
  return cmocka_run_group_tests_name("accept: the door", tests, NULL, NULL);
}
