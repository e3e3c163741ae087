/* rooms: emit kit; inside: emit; libraries: lib_uv */
/* The built-in receiver takes what the courier sends, verifies it, and refuses what is no webhook: strictly, in pieces of any size. */
#include "emit_receiver.h"
#include "sink_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <uv.h>

#include <cmocka.h>

#define GOOD                                                                                                                               \
  "POST /hook HTTP/1.1\r\nHost: a\r\nwebhook-id: msg_1\r\nWebhook-Timestamp:  17 \r\nWEBHOOK-SIGNATURE:v1,x\r\nContent-Length: "           \
  "2\r\n\r\n{}"

static enum sink_parsed parse(const char *bytes, struct sink_request *r, const char **why) {
  size_t used = 0;
  return sink_request_parse(str_from(bytes), r, &used, why);
}

static void a_request_is_read_whole_or_not_at_all(void **state) {
  (void)state;
  struct sink_request r;
  const char *why = NULL;
  for (size_t n = 0; n < strlen(GOOD); n++) {
    size_t used;
    assert_int_equal(sink_request_parse((struct str){GOOD, n}, &r, &used, &why), SINK_MORE);
  }
  size_t used = 0;
  assert_int_equal(sink_request_parse(STR(GOOD "POST"), &r, &used, &why), SINK_READY);
  assert_int_equal(used, strlen(GOOD));
  assert_true(str_is(r.id, "msg_1"));
  assert_true(str_is(r.timestamp, "17"));
  assert_true(str_is(r.signature, "v1,x"));
  assert_true(str_is(r.body, "{}"));
  assert_false(r.close);
  assert_int_equal(parse("POST / HTTP/1.1\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", &r, &why), SINK_READY);
  assert_true(r.close);
}

static void what_is_no_webhook_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\n\r\n",
      "POST  / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
      "POST /a b HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
      "POST /\x01 HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length : 0\r\n\r\n",
      "POST / HTTP/1.1\r\n: x\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nno colon\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\nA: b\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nA: b\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nA: \x02\r\nContent-Length: 0\r\n\r\n",
      "\r\n\r\n",
      "\r\nPOST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
      "{}\r\n\r\n",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct sink_request r;
    const char *why = NULL;
    if (parse(bad[i], &r, &why) != SINK_BAD) fail_msg("taken: %s", bad[i]);
    assert_non_null(why);
  }
  static char longest[SINK_HEADERS_MOST + 100];
  memset(longest, 'a', sizeof longest - 1);
  struct sink_request r;
  const char *why;
  assert_int_equal(parse(longest, &r, &why), SINK_BAD); /* no blank line in 16 KiB */
}

/* ---- on the wire ---- */

struct taken {
  size_t verified, refused;
  char why[200], body[100];
};
static void take(void *context, bool verified, const char *why, struct str body) {
  struct taken *t = context;
  if (verified) t->verified++;
  else t->refused++;
  snprintf(t->why, sizeof t->why, "%s", why);
  snprintf(t->body, sizeof t->body, STR_FORMAT, STR_ARG(body));
}
static void until(uv_loop_t *loop, const size_t *counter, size_t least) {
  while (*counter < least) {
    uv_run(loop, UV_RUN_NOWAIT);
    usleep(200);
  }
}
static void finish(uv_loop_t *loop, struct sink *s) {
  sink_close(s);
  uv_run(loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(loop), 0);
}

static void takes_what_the_courier_sends(void **state) {
  (void)state;
  uv_loop_t loop;
  struct err e;
  struct taken taken = {0};
  uv_loop_init(&loop);
  struct sink *s = sink_open(&loop, "127.0.0.1:0", TEST_SECRET, take, &taken, &e);
  assert_non_null(s);
  int port = sink_port(s);
  struct desk d;
  desk_init(&d, &port, 1);
  desk_open(&d);
  for (uint64_t i = 1; i <= 500; i++) desk_push(&d, desk_letter(i, clock_now(), clock_now() + CLOCK_HOUR));
  until(&loop, &taken.verified, 500);
  assert_string_equal(taken.body, "{\"type\":\"intervention.sent\"}");
  desk_wait(&d, &d.ends, 500);
  for (size_t i = 0; i < 500; i++) assert_int_equal(d.results[i].status, 204);
  desk_close(&d);
  desk_init(&d, &port, 1); /* another's secret: told apart, answered 401 */
  d.endpoints[0].secrets[0] = TEST_SECRET_OLD;
  desk_open(&d);
  desk_push(&d, desk_letter(1, clock_now(), clock_now() + CLOCK_HOUR));
  until(&loop, &taken.refused, 1);
  assert_string_equal(taken.why, "no signature in webhook-signature fits the body");
  desk_wait(&d, &d.count, 1);
  assert_int_equal(d.results[0].status, 401);
  desk_close(&d);
  finish(&loop, s);
}

static int reach(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void answers_pipelined_requests_and_closes_on_nonsense(void **state) {
  (void)state;
  uv_loop_t loop;
  struct err e;
  struct taken taken = {0};
  uv_loop_init(&loop);
  struct sink *s = sink_open(&loop, "127.0.0.1:0", NULL, take, &taken, &e); /* no secret: taken, said to be unverified */
  int fd = reach(sink_port(s)), idle = reach(sink_port(s));
  static const char three[] = GOOD GOOD GOOD "nonsense\r\n\r\n";
  for (size_t i = 0; i < sizeof three - 1; i++) { /* byte by byte */
    assert_int_equal(send(fd, three + i, 1, MSG_NOSIGNAL), 1);
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  until(&loop, &taken.refused, 4);
  assert_int_equal(taken.verified, 0);
  assert_string_equal(taken.why, "expected POST and HTTP/1.1");
  for (int i = 0; i < 20; i++) uv_run(&loop, UV_RUN_NOWAIT);
  char text[1024] = "";
  size_t have = 0;
  for (ssize_t n; (n = recv(fd, text + have, sizeof text - 1 - have, 0)) > 0;) have += (size_t)n;
  text[have] = 0;
  assert_string_equal(text, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
                            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  close(fd);
  finish(&loop, s); /* with a connection still open */
  close(idle);
}

static void says_where_it_cannot_listen(void **state) {
  (void)state;
  static const char *const bad[] = {"", "8080", "localhost:80", "127.0.0.1:70000", "127.0.0.1:-1", "127.0.0.1:", "[::1]", "256.0.0.1:1"};
  uv_loop_t loop;
  struct err e;
  uv_loop_init(&loop);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_null(sink_open(&loop, bad[i], NULL, take, NULL, &e));
  assert_null(sink_open(&loop, "127.0.0.1:0", "whsec_short", take, NULL, &e));
  assert_non_null(strstr(e.text, "24 to 64"));
  struct sink *s = sink_open(&loop, ":0", NULL, take, NULL, &e), *six = sink_open(&loop, "[::1]:0", NULL, take, NULL, &e);
  assert_non_null(s);
  char taken[32];
  snprintf(taken, sizeof taken, "127.0.0.1:%d", sink_port(s));
  assert_null(sink_open(&loop, taken, NULL, take, NULL, &e));
  assert_non_null(strstr(e.text, "cannot listen on"));
  if (six) assert_true(sink_port(six) > 0), sink_close(six); /* where there is IPv6 */
  finish(&loop, s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_read_whole_or_not_at_all), cmocka_unit_test(what_is_no_webhook_is_refused),
      cmocka_unit_test(takes_what_the_courier_sends),          cmocka_unit_test(answers_pipelined_requests_and_closes_on_nonsense),
      cmocka_unit_test(says_where_it_cannot_listen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
