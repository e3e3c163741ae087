/* rooms: emit kit; libraries: lib_uv */
/* W4: no request reaches a private, loopback, link-local, carrier-grade or embedded-IPv4 address, however it is spelled, and whatever a
 * name said when it was looked up before. The spellings go through the courier and curl's own resolver to a receiver that listens on every
 * loopback address there is; it must never see a connection. */
#include "emit_receiver.h"

#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool forbidden(const char *text) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  if (inet_pton(AF_INET, text, &in.sin_addr) == 1) return address_forbidden((struct sockaddr *)&in);
  assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
  return address_forbidden((struct sockaddr *)&in6);
}

/* First and last of each range, and their neighbours outside. */
static const char *const no[] = {"0.0.0.0",
                                 "0.255.255.255",
                                 "10.0.0.0",
                                 "10.255.255.255",
                                 "100.64.0.0",
                                 "100.127.255.255",
                                 "127.0.0.0",
                                 "127.0.0.1",
                                 "127.255.255.255",
                                 "169.254.0.0",
                                 "169.254.169.254",
                                 "169.254.255.255",
                                 "172.16.0.0",
                                 "172.31.255.255",
                                 "192.0.0.0",
                                 "192.0.0.255",
                                 "192.0.2.0",
                                 "192.0.2.255",
                                 "192.88.99.1",
                                 "192.168.0.0",
                                 "192.168.255.255",
                                 "198.18.0.0",
                                 "198.19.255.255",
                                 "198.51.100.0",
                                 "198.51.100.255",
                                 "203.0.113.0",
                                 "203.0.113.255",
                                 "224.0.0.0",
                                 "239.255.255.255",
                                 "240.0.0.0",
                                 "255.255.255.255",
                                 "::",
                                 "::1",
                                 "::127.0.0.1",
                                 "::8.8.8.8",
                                 "::ffff:127.0.0.1",
                                 "::ffff:10.1.2.3",
                                 "::ffff:169.254.169.254",
                                 "::ffff:0:127.0.0.1",
                                 "64:ff9b::127.0.0.1",
                                 "64:ff9b::10.0.0.1",
                                 "64:ff9b:1::1",
                                 "100::1",
                                 "2001::1",
                                 "2001:0:53aa:64c:0:0:80ff:fffe",
                                 "2001:2::1",
                                 "2001:10::1",
                                 "2001:20::1",
                                 "2001:1ff:ffff::",
                                 "2001:db8::",
                                 "2001:db8:ffff:ffff::1",
                                 "2002:7f00:1::",
                                 "2002:a00:1::1",
                                 "2002:c0a8:101::1",
                                 "2002:a9fe:a9fe::1",
                                 "3ffe::1",
                                 "3fff::1",
                                 "3fff:fff:ffff::1",
                                 "5f00::1",
                                 "fc00::",
                                 "fd12:3456::1",
                                 "fdff:ffff::1",
                                 "fe80::1",
                                 "febf::1",
                                 "fec0::1",
                                 "feff::1",
                                 "ff00::",
                                 "ff02::1",
                                 "4000::1",
                                 "1fff::1",
                                 "2a00:1450::5efe:127.0.0.1",
                                 "2a00:1450::200:5efe:10.0.0.1",
                                 "2620:4f:8000::1"};
static const char *const yes[] = {"1.0.0.0",
                                  "9.255.255.255",
                                  "11.0.0.0",
                                  "100.63.255.255",
                                  "100.128.0.0",
                                  "126.255.255.255",
                                  "128.0.0.0",
                                  "169.253.255.255",
                                  "169.255.0.0",
                                  "172.15.255.255",
                                  "172.32.0.0",
                                  "191.255.255.255",
                                  "192.0.1.0",
                                  "192.0.1.255",
                                  "192.0.3.0",
                                  "192.88.98.255",
                                  "192.88.100.0",
                                  "192.167.255.255",
                                  "192.169.0.0",
                                  "198.17.255.255",
                                  "198.20.0.0",
                                  "198.51.99.255",
                                  "198.51.101.0",
                                  "203.0.112.255",
                                  "203.0.114.0",
                                  "223.255.255.255",
                                  "8.8.8.8",
                                  "::ffff:8.8.8.8",
                                  "64:ff9b::8.8.8.8",
                                  "2001:200::1",
                                  "2001:4860:4860::8888",
                                  "2001:db7::1",
                                  "2001:db9::1",
                                  "2002:808:808::1",
                                  "2a00:1450:4001::1",
                                  "2606:4700::1111",
                                  "2000::1",
                                  "3ffd::1",
                                  "3fff:1000::1",
                                  "2a00:1450::5efe:8.8.8.8"};

static void the_ranges_have_exact_edges(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    if (!forbidden(no[i])) fail_msg("%s must be forbidden", no[i]);
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    if (forbidden(yes[i])) fail_msg("%s must be allowed", yes[i]);
  struct sockaddr local = {.sa_family = AF_UNIX};
  assert_true(address_forbidden(&local));
}

/* ---- through curl ---- */

/* Curl's look-ups of names below .test come here; everything else goes to the C library. */
static _Atomic size_t lookups;
static struct sockaddr_in given[8];

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict host, const char *restrict service,
                                                       const struct addrinfo *restrict hints, struct addrinfo **restrict out) {
  union {
    void *pointer;
    lookup *function;
  } real = {dlsym(RTLD_NEXT, "getaddrinfo")};
  if (host && str_ends(str_from(host), ".test")) {
    const char *port = service ? service : "80";
    char text[INET_ADDRSTRLEN];
    size_t n = lookups++;
    inet_ntop(AF_INET, &given[n % 8].sin_addr, text, sizeof text);
    struct addrinfo numeric = *hints;
    numeric.ai_flags = AI_NUMERICHOST;
    return real.function(text, port, &numeric, out);
  }
  return real.function(host, service, hints, out);
}

struct ear { /* listens on one port of every local address, v4 and v6 */
  int six, port;
  pthread_t thread;
  _Atomic size_t heard;
};
static void *ear_listen(void *context) {
  struct ear *e = context;
  for (int connection; (connection = accept(e->six, NULL, NULL)) >= 0; close(connection)) e->heard++;
  return NULL;
}
static void ear_open(struct ear *e) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
  socklen_t length = sizeof address;
  int off = 0;
  e->six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  e->heard = 0;
  setsockopt(e->six, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  assert_int_equal(bind(e->six, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(e->six, 64), 0);
  getsockname(e->six, (struct sockaddr *)&address, &length);
  e->port = ntohs(address.sin6_port);
  pthread_create(&e->thread, NULL, ear_listen, e);
}
static void ear_close(struct ear *e) {
  shutdown(e->six, SHUT_RDWR);
  pthread_join(e->thread, NULL);
  close(e->six);
}

static const char *const spellings[] = {
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0X7F000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "127.0.0.1.",
    "127.127.127.127",
    "127.0.0.0x1",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[0::0]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7f00:0001]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.0.1",
    "[fec0::1]",
    "100.64.0.1",
    "private.test",
};

static void forty_spellings_reach_nobody(void **state) {
  (void)state;
  struct ear ear;
  ear_open(&ear);
  for (size_t i = 0; i < 8; i++) given[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  size_t attempted = 0;
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    struct desk d;
    struct err e = {.text = ""};
    desk_init(&d, &ear.port, 1);
    snprintf(d.urls[0], sizeof d.urls[0], "http://%s:%d/", spellings[i], ear.port);
    d.endpoints[0].allow_private = false;
    d.courier = courier_start(&d.options, &e);
    if (!d.courier) { /* the URL itself was refused: as good */
      assert_non_null(strstr(e.text, "webhook URL"));
      pthread_mutex_destroy(&d.lock);
      continue;
    }
    int64_t now = clock_now();
    desk_push(&d, desk_letter(i + 1, now, now + CLOCK_HOUR));
    desk_wait(&d, &d.count, 1);
    assert_int_not_equal(d.results[0].end, LETTER_DELIVERED);
    assert_int_equal(d.results[0].status, 0);
    if (strstr(d.results[0].reason, "is not allowed")) attempted++;
    else print_message("%s: %s\n", spellings[i], d.results[0].reason); /* a name nobody has, or no URL */
    desk_close(&d);
  }
  assert_int_equal(ear.heard, 0);
  assert_true(attempted >= 34); /* the guard did the work, not a failed look-up */
  ear_close(&ear);
}

static void the_same_addresses_are_reached_when_allowed(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  static const char *const hosts[] = {"127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "private.test"};
  for (size_t i = 0; i < 8; i++) given[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    struct desk d;
    desk_init(&d, &r->port, 1);
    snprintf(d.urls[0], sizeof d.urls[0], "http://%s:%d/", hosts[i], r->port);
    desk_open(&d);
    desk_push(&d, desk_letter(i + 1, clock_now(), clock_now() + CLOCK_HOUR));
    desk_wait(&d, &d.count, 1);
    assert_int_equal(d.results[0].end, LETTER_DELIVERED);
    desk_close(&d);
  }
  assert_int_equal(r->count, sizeof hosts / sizeof *hosts);
  receiver_stop(r);
}

/* A name that is public when it is looked up first and private afterwards (and the other way round) reaches nobody: only the address of
 * the connection counts. The public ones are of a range that this machine cannot route. */
static void a_name_that_flips_between_lookups(void **state) {
  (void)state;
  struct ear ear;
  ear_open(&ear);
  for (size_t i = 0; i < 8; i++) given[i].sin_addr.s_addr = i % 2 ? htonl(INADDR_LOOPBACK) : inet_addr("8.8.8.8");
  lookups = 0;
  size_t forbidden_seen = 0;
  for (uint64_t i = 0; i < 6; i++) { /* a fresh courier each time: curl's own cache of names is not asked */
    struct desk d;
    desk_init(&d, &ear.port, 1);
    snprintf(d.urls[0], sizeof d.urls[0], "http://flip.test:%d/", ear.port);
    d.endpoints[0].allow_private = false;
    d.options.connect_ms = d.options.total_ms = 100;
    desk_open(&d);
    desk_push(&d, desk_letter(i + 1, clock_now(), clock_now() + CLOCK_HOUR));
    desk_wait(&d, &d.count, 1);
    assert_int_equal(d.results[0].status, 0);
    forbidden_seen += strstr(d.results[0].reason, "127.0.0.1 is not allowed") != NULL;
    desk_close(&d);
  }
  assert_int_equal(lookups, 6);
  assert_int_equal(forbidden_seen, 3);
  assert_int_equal(ear.heard, 0);
  ear_close(&ear);
}

/* Curl keeps connections for all endpoints together. One that was opened where private addresses are allowed must not serve an endpoint
 * where they are not. */
static void a_kept_connection_is_judged_again(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  int ports[2] = {r->port, r->port};
  desk_init(&d, ports, 2);
  d.endpoints[1].allow_private = false;
  desk_open(&d);
  int64_t now = clock_now();
  for (uint64_t i = 0; i < 4; i++) {
    struct letter *l = desk_letter(i + 1, now, now + CLOCK_HOUR);
    l->endpoint = i % 2 ? 2 : 1;
    desk_push(&d, l);
    desk_wait(&d, &d.count, i + 1);
    assert_int_equal(d.results[i].end, i % 2 ? LETTER_AGAIN : LETTER_DELIVERED);
    if (i % 2) assert_non_null(strstr(d.results[i].reason, "127.0.0.1 is not allowed"));
  }
  assert_int_equal(r->count, 2);
  desk_close(&d);
  receiver_stop(r);
}

static void plain_http_only_where_allowed(void **state) {
  (void)state;
  static const char *const urls[] = {"http://example.com/",
                                     "ftp://example.com/",
                                     "file:///etc/passwd",
                                     "gopher://example.com/",
                                     "example.com/",
                                     "https://user:word@example.com/",
                                     "https://",
                                     "",
                                     "unix:/run/x",
                                     "HTTP://example.com/"};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    struct desk d;
    struct err e = {.text = ""};
    int port = 1;
    desk_init(&d, &port, 1);
    snprintf(d.urls[0], sizeof d.urls[0], "%s", urls[i]);
    d.endpoints[0].allow_http = false;
    d.courier = courier_start(&d.options, &e);
    if (d.courier) fail_msg("%s was taken", urls[i]);
    assert_non_null(strstr(e.text, "webhook URL"));
    pthread_mutex_destroy(&d.lock);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_ranges_have_exact_edges),
      cmocka_unit_test(forty_spellings_reach_nobody),
      cmocka_unit_test(the_same_addresses_are_reached_when_allowed),
      cmocka_unit_test(a_name_that_flips_between_lookups),
      cmocka_unit_test(a_kept_connection_is_judged_again),
      cmocka_unit_test(plain_http_only_where_allowed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
