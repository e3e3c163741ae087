/* rooms: kit language accept */
/* Bytes over which two readers of HTTP could disagree are refused, the connection is closed, and nothing behind them is ever taken for a
 * request (S1); sizes beyond the limits likewise (S2). Each payload is sent whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept_world.h"

static const struct route routes[] = {{METHOD_POST, "/echo", SCOPE_NONE, false, 0, handle_echo, "", QUERY_ANY},
                                      {METHOD_GET, "/echo", SCOPE_NONE, false, 0, handle_echo, "", QUERY_ANY}};
static struct world world;
static struct reply reply;

static int opened(void **state) {
  (void)state;
  world_open(&world, (struct door_options){.routes = routes, .route_count = 2});
  return 0;
}

static int closed(void **state) {
  (void)state;
  world_close(&world);
  free(reply.body);
  reply.body = NULL;
  return 0;
}

#define BEHIND   "GET /echo?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define LINE     "POST /echo HTTP/1.1\r\n"
#define HOST     "Host: localhost\r\n"
#define HEAD(h)  LINE HOST h "\r\n"
#define CHUNKS   HEAD("Transfer-Encoding: chunked\r\n")
#define BYTES(s) s, sizeof(s) - 1

static const struct payload {
  const char *name, *bytes;
  size_t length;
  int status; /* of the first answer */
} payloads[] = {
    /* lines */
    {"bare LF behind the request line", BYTES("POST /echo HTTP/1.1\nHost: localhost\r\n\r\n"), 400},
    {"bare LF behind a header", BYTES(LINE "Host: localhost\nA: b\r\n\r\n"), 400},
    {"bare LF as the empty line", BYTES(LINE HOST "\n"), 400},
    {"bare CR between headers (CVE-2023-30589)", BYTES(LINE HOST "A: b\rContent-Length: 5\r\n\r\n"), 400},
    {"bare CR behind the request line", BYTES("POST /echo HTTP/1.1\rHost: localhost\r\n\r\n"), 400},
    {"bare CR in front of CR LF", BYTES(LINE HOST "A: b\r\r\n\r\n"), 400},
    {"CR CR LF as the empty line", BYTES(LINE HOST "\r\r\n"), 400},
    {"folded header", BYTES(LINE HOST "A: b\r\n c\r\n\r\n"), 400},
    {"folded header with a tab", BYTES(LINE HOST "A: b\r\n\tc\r\n\r\n"), 400},
    {"blank in front of the first header (CVE-2024-27982)", BYTES(LINE " Content-Length: 5\r\n" HOST "\r\n"), 400},
    {"folded Transfer-Encoding", BYTES(HEAD("Transfer-Encoding:\r\n chunked\r\n")), 400},
    {"blank before the colon", BYTES(HEAD("Content-Length : 5\r\n")), 400},
    {"tab before the colon", BYTES(HEAD("Transfer-Encoding\t: chunked\r\n")), 400},
    {"no colon", BYTES(HEAD("Content-Length 5\r\n")), 400},
    {"no name", BYTES(HEAD(": 5\r\n")), 400},
    {"name with a bracket", BYTES(HEAD("A(b): 5\r\n")), 400},
    {"name beyond ASCII", BYTES(HEAD("\xc3\xa4: 5\r\n")), 400},
    {"NUL in a name", BYTES(HEAD("A\0: 5\r\n")), 400},
    {"NUL in a value", BYTES(HEAD("A: b\0c\r\n")), 400},
    {"control byte in a value", BYTES(HEAD("A: b\x01\r\n")), 400},
    {"DEL in a value", BYTES(HEAD("Aaaaaaaa: bbbbbbbbbbbb\x7f\r\n")), 400},
    {"two empty lines before a request", BYTES("\r\n\r\n" HEAD("")), 400},
    {"LF before a request", BYTES("\n" HEAD("")), 400},
    /* the request line */
    {"HTTP/0.9", BYTES("GET /echo\r\n"), 400},
    {"HTTP/0.9 by name", BYTES("GET /echo HTTP/0.9\r\n" HOST "\r\n"), 505},
    {"HTTP/2 by name", BYTES("GET /echo HTTP/2.0\r\n" HOST "\r\n"), 505},
    {"HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
    {"HTTP/1.2", BYTES("GET /echo HTTP/1.2\r\n" HOST "\r\n"), 505},
    {"HTTP/1.10", BYTES("GET /echo HTTP/1.10\r\n" HOST "\r\n"), 400},
    {"HTTP/1,1", BYTES("GET /echo HTTP/1,1\r\n" HOST "\r\n"), 400},
    {"small letters in the version", BYTES("GET /echo http/1.1\r\n" HOST "\r\n"), 400},
    {"two spaces before the target", BYTES("GET  /echo HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"two spaces before the version", BYTES("GET /echo  HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"space behind the version", BYTES("GET /echo HTTP/1.1 \r\n" HOST "\r\n"), 400},
    {"tab in the request line", BYTES("GET\t/echo HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"space before the method", BYTES(" GET /echo HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"NUL in the target", BYTES("GET /ec\0ho HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"byte beyond ASCII in the target", BYTES("GET /ech\xc3\xb6 HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"control byte in the target", BYTES("GET /ec\x0bho HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"fragment in the target", BYTES("GET /echo#a HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"target without a slash", BYTES("GET echo HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"`*` with another method than OPTIONS", BYTES("GET * HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"CONNECT", BYTES("CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n"), 400},
    {"unknown method", BYTES("FROB /echo HTTP/1.1\r\n" HOST "\r\n"), 501},
    {"small method", BYTES("get /echo HTTP/1.1\r\n" HOST "\r\n"), 501},
    {"very long method", BYTES("AAAAAAAAAAAAAAAAAAAAAAAAA /echo HTTP/1.1\r\n" HOST "\r\n"), 501},
    {"TLS", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
    /* Host */
    {"no Host", BYTES(LINE "\r\n"), 400},
    {"two Hosts", BYTES(LINE HOST HOST "\r\n"), 400},
    {"two different Hosts", BYTES(LINE HOST "hOsT: other\r\n\r\n"), 400},
    {"Host with a blank", BYTES(LINE "Host: local host\r\n\r\n"), 400},
    {"Host with a comma", BYTES(LINE "Host: localhost,other\r\n\r\n"), 400},
    {"Host with a path", BYTES(LINE "Host: localhost/a\r\n\r\n"), 400},
    {"Host with a user", BYTES(LINE "Host: a@localhost\r\n\r\n"), 400},
    /* lengths */
    {"two different lengths", BYTES(HEAD("Content-Length: 5\r\nContent-Length: 6\r\n") "hello"), 400},
    {"the same length twice", BYTES(HEAD("Content-Length: 5\r\nContent-Length: 5\r\n") "hello"), 400},
    {"a list of lengths", BYTES(HEAD("Content-Length: 5, 5\r\n") "hello"), 400},
    {"length +1", BYTES(HEAD("Content-Length: +1\r\n") "h"), 400},
    {"length -1", BYTES(HEAD("Content-Length: -1\r\n") "h"), 400},
    {"length 0x10", BYTES(HEAD("Content-Length: 0x10\r\n") "hello"), 400},
    {"length 1e1", BYTES(HEAD("Content-Length: 1e1\r\n") "hello"), 400},
    {"length 1_0", BYTES(HEAD("Content-Length: 1_0\r\n") "hello"), 400},
    {"length with a blank inside", BYTES(HEAD("Content-Length: 1 0\r\n") "hello"), 400},
    {"length in quotes", BYTES(HEAD("Content-Length: \"5\"\r\n") "hello"), 400},
    {"empty length", BYTES(HEAD("Content-Length: \r\n") "hello"), 400},
    {"length beyond 64 bits", BYTES(HEAD("Content-Length: 18446744073709551621\r\n") "hello"), 400},
    {"length with a vertical tab", BYTES(HEAD("Content-Length:\x0b 5\r\n") "hello"), 400},
    {"length and chunked", BYTES(HEAD("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") "1\r\nZ\r\nQ"), 400},
    {"chunked and length", BYTES(HEAD("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") "1\r\nZ\r\nQ"), 400},
    /* Transfer-Encoding */
    {"identity", BYTES(HEAD("Transfer-Encoding: identity\r\n") "hello"), 400},
    {"gzip, chunked", BYTES(HEAD("Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n"), 400},
    {"chunked, identity", BYTES(HEAD("Transfer-Encoding: chunked, identity\r\n") "0\r\n\r\n"), 400},
    {"chunked, chunked", BYTES(HEAD("Transfer-Encoding: chunked, chunked\r\n") "0\r\n\r\n"), 400},
    {"chunked twice", BYTES(HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n"), 400},
    {"xchunked", BYTES(HEAD("Transfer-Encoding: xchunked\r\n") "0\r\n\r\n"), 400},
    {"chunked;q=1", BYTES(HEAD("Transfer-Encoding: chunked;q=1\r\n") "0\r\n\r\n"), 400},
    {"chunked in quotes", BYTES(HEAD("Transfer-Encoding: \"chunked\"\r\n") "0\r\n\r\n"), 400},
    {"empty Transfer-Encoding", BYTES(HEAD("Transfer-Encoding:\r\n") "0\r\n\r\n"), 400},
    {"chunked on HTTP/1.0", BYTES("POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    /* chunks */
    {"chunk size 0x5", BYTES(CHUNKS "0x5\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size +5", BYTES(CHUNKS "+5\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size -5", BYTES(CHUNKS "-5\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size with a blank in front", BYTES(CHUNKS " 5\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size with a blank behind", BYTES(CHUNKS "5 \r\nhello\r\n0\r\n\r\n"), 400},
    {"empty chunk size", BYTES(CHUNKS "\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size that overflows", BYTES(CHUNKS "100000005\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size with a bare LF", BYTES(CHUNKS "5\nhello\r\n0\r\n\r\n"), 400},
    {"chunk size with a bare CR", BYTES(CHUNKS "5\rhello\r\n0\r\n\r\n"), 400},
    {"extension with a bare LF", BYTES(CHUNKS "5;a\nhello\r\n0\r\n\r\n"), 400},
    {"extension with a NUL", BYTES(CHUNKS "5;a\0\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk longer than it said", BYTES(CHUNKS "4\r\nhello\r\n0\r\n\r\n"), 400},
    {"chunk behind a bare LF", BYTES(CHUNKS "5\r\nhello\n0\r\n\r\n"), 400},
    {"chunk behind another byte than CR", BYTES(CHUNKS "5\r\nhelloX\n0\r\n\r\n"), 400},
    {"chunk data without its end", BYTES(CHUNKS "5\r\nhello0\r\n\r\n"), 400},
    {"last chunk with a bare LF", BYTES(CHUNKS "5\r\nhello\r\n0\n\n"), 400},
    {"no empty line behind the last chunk", BYTES(CHUNKS "0\r\nGET /echo?x HTTP/1.1\r\n\rx"), 400},
    {"trailer that is folded", BYTES(CHUNKS "0\r\nA: b\r\n c\r\n\r\n"), 400},
    {"trailer with a bare LF", BYTES(CHUNKS "0\r\nA: b\n\r\n"), 400},
    {"chunk size in letters", BYTES(CHUNKS "five\r\nhello\r\n0\r\n\r\n"), 400},
    /* headers that must not be repeated */
    {"two Authorizations", BYTES(HEAD("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n")), 400},
    {"two Content-Encodings", BYTES(HEAD("Content-Encoding: gzip\r\nContent-Encoding: identity\r\n")), 400},
    {"two Content-Types", BYTES(HEAD("Content-Type: a/b\r\nContent-Type: c/d\r\n")), 400},
};

/* The connection gave one answer of `status`, said that it closes, and closed. */
static void assert_refused(struct client *c, int status) {
  assert_true(client_reply(&world, c, &reply, false));
  assert_int_equal(reply.status, status);
  assert_non_null(strstr(reply.head, "\r\nConnection: close\r\n"));
  assert_non_null(strstr(reply.body, "\"type\":\"urn:kairos:problem:"));
  assert_true(client_sees_end(&world, c));
}

static void nothing_ambiguous_passes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
    const struct payload *p = &payloads[i];
    for (int cut = 0; cut < 2; cut++) {
      struct client c = client_open(&world);
      for (size_t at = 0; at < p->length; at += cut ? 1 : p->length) {
        if (!client_send(&world, &c, p->bytes + at, cut ? 1 : p->length)) break;
      }
      client_say(&world, &c, BEHIND);
      const bool answered = client_reply(&world, &c, &reply, false);
      if (!answered || reply.status != p->status) print_error("%s: %d %s\n", p->name, answered ? reply.status : 0, reply.body);
      assert_true(answered);
      assert_int_equal(reply.status, p->status);
      assert_non_null(strstr(reply.head, "\r\nConnection: close\r\n"));
      assert_true(client_sees_end(&world, &c));
      assert_null(strstr(world.seen, "smuggled"));
      client_close(&c);
    }
  }
  assert_string_equal(world.seen, ""); /* no handler saw anything of it */
}

static void what_is_plain_passes(void **state) {
  (void)state;
  static const struct {
    const char *bytes, *body;
  } fine[] = {
      {HEAD("Content-Length: 5\r\n") "hello", "5:hello\n"},
      {HEAD("content-LENGTH:5\r\n") "hello", "5:hello\n"},
      {HEAD("Content-Length: \t 005 \r\n") "hello", "5:hello\n"},
      {HEAD("Content-Length: 0\r\n"), "0:\n"},
      {HEAD("Transfer-Encoding: CHUNKED\r\n") "5\r\nhello\r\n0\r\n\r\n", "5:hello\n"},
      {CHUNKS "2;a=b\r\nhe\r\n03\r\nllo\r\n000\r\nA: b\r\nC: d\r\n\r\n", "5:hello\n"},
      {CHUNKS "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "20:01234567890123456789\n"},
      {HEAD("X: \xe4\xff tab\there\r\nX:\r\n!#$%&'*+-.^_`|~: 1\r\n"), "0:\n"},
      {"\r\n" HEAD(""), "0:\n"},
      {"POST /echo HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "0:\n"},
      {HEAD("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 5\r\n") "hello", "5:hello\n"},
  };
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    struct client c = client_open(&world);
    client_say(&world, &c, fine[i].bytes);
    client_say(&world, &c, "GET /echo?behind HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(client_reply(&world, &c, &reply, false));
    if (reply.status != 200) print_error("%s\n%s\n", fine[i].bytes, reply.body);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, fine[i].body));
    assert_true(client_reply(&world, &c, &reply, false));
    assert_string_equal(reply.body, "/echo?behind|||0:\n");
    client_close(&c);
  }
}

/* A refusal waits for the answers before it, like any other. */
static void a_refusal_keeps_its_place(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c, "GET /echo?1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /echo?2 HTTP/1.1\r\n\r\n" BEHIND);
  assert_true(client_reply(&world, &c, &reply, false));
  assert_int_equal(reply.status, 200);
  assert_refused(&c, 400);
  assert_null(strstr(world.seen, "smuggled"));
  client_close(&c);
}

/* Sends `before`, `count` times `fill`, `after`. */
static int ask_long(const char *before, const char *fill, size_t count, const char *after) {
  struct buf text = {0};
  buf_text(&text, before);
  for (size_t i = 0; i < count; i++) buf_text(&text, fill);
  buf_text(&text, after);
  struct client c = client_open(&world);
  client_send(&world, &c, text.at, text.len);
  const bool answered = client_reply(&world, &c, &reply, false);
  client_close(&c);
  buf_free(&text);
  return answered ? reply.status : 0;
}

static void limits(void **state) {
  (void)state;
  static const char tail[] = " HTTP/1.1\r\n" HOST "\r\n", get[] = "GET /echo?";
  const size_t room = 4096 - (sizeof get - 1) - 9;
  assert_int_equal(ask_long(get, "a", room, tail), 200);
  assert_int_equal(ask_long(get, "a", room + 1, tail), 414);
  assert_int_equal(ask_long(get, "a", 100000, ""), 414); /* without ever ending the line */
  static const char start[] = "GET /echo HTTP/1.1\r\n" HOST;
  assert_int_equal(ask_long(start, "A: b\r\n", 99, "\r\n"), 200);
  assert_int_equal(ask_long(start, "A: b\r\n", 100, "\r\n"), 431);
  const size_t headers = 16384 - (sizeof(HOST) - 1) - 7;
  assert_int_equal(ask_long("GET /echo HTTP/1.1\r\n" HOST "A: ", "b", headers, "\r\n\r\n"), 200);
  assert_int_equal(ask_long("GET /echo HTTP/1.1\r\n" HOST "A: ", "b", headers + 1, "\r\n\r\n"), 431);
  assert_int_equal(ask_long("GET /echo HTTP/1.1\r\n" HOST "A: ", "b", 100000, ""), 431);
  assert_int_equal(ask_long(CHUNKS "1;", "x", 4000, "\r\na\r\n0\r\n\r\n"), 200);
  assert_int_equal(ask_long(CHUNKS "1;", "x", 5000, "\r\na\r\n0\r\n\r\n"), 400);
  assert_int_equal(ask_long(CHUNKS, "1;abcdefgh\r\nx\r\n", 500, "0\r\n\r\n"), 400); /* together */
  assert_int_equal(ask_long(CHUNKS "0\r\n", "A: b\r\n", 1000, "\r\n"), 400);
  assert_int_equal(ask_long(CHUNKS, "1\r\nx\r\n", 1000, "0\r\n\r\n"), 200);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, opened, closed)
  const struct CMUnitTest tests[] = {TEST(nothing_ambiguous_passes), TEST(what_is_plain_passes), TEST(a_refusal_keeps_its_place),
                                     TEST(limits)};
  return cmocka_run_group_tests_name("accept: request smuggling and limits", tests, NULL, NULL);
}
