/* rooms: emit kit */
/* W3: receivers that never answer, drip, flood, redirect, lie or break off cost one attempt and a bounded time and memory, and are told
 * apart in the reason. TLS is verified. */
#include "emit_receiver.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static _Atomic size_t poured; /* bytes that a flooding receiver got rid of */

static bool never(struct receiver *r, int connection, size_t n) {
  (void)n, (void)connection;
  while (!r->closing) usleep(1000);
  return false;
}
static void drip(struct receiver *r, int connection, const char *text) {
  for (; !r->closing; usleep(5000)) {
    if (send(connection, *text ? text : "x", 1, MSG_NOSIGNAL) <= 0) return;
    if (*text) text++;
  }
}
static bool drips_headers(struct receiver *r, int connection, size_t n) {
  (void)n;
  drip(r, connection, "HTTP/1.1 200 OK\r\nX-Slow: ");
  return false;
}
static bool drips_body(struct receiver *r, int connection, size_t n) {
  (void)n;
  receiver_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
  drip(r, connection, "");
  return false;
}
static void pour(struct receiver *r, int connection, const char *piece) {
  size_t length = strlen(piece);
  int small = 65536; /* what the kernel holds is counted as well: keep that small */
  setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  for (size_t all = 0; all < 10 << 20 && !r->closing; all += length) {
    ssize_t sent = send(connection, piece, length, MSG_NOSIGNAL);
    if (sent <= 0) return;
    poured += (size_t)sent;
  }
}
static bool endless_body(struct receiver *r, int connection, size_t n) {
  (void)n;
  receiver_say(connection, "HTTP/1.1 200 OK\r\n\r\n");
  pour(r, connection, "all work and no play makes jack a dull boy\n");
  return false;
}
static bool chunked_body(struct receiver *r, int connection, size_t n) {
  (void)n;
  receiver_say(connection, "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n");
  pour(r, connection, "10\r\n0123456789abcdef\r\n");
  return false;
}
static bool many_headers(struct receiver *r, int connection, size_t n) {
  (void)n;
  receiver_say(connection, "HTTP/1.1 200 OK\r\n");
  pour(r, connection, "X-Header: and another one\r\n");
  return false;
}
static bool long_header(struct receiver *r, int connection, size_t n) {
  (void)n;
  receiver_say(connection, "HTTP/1.1 200 OK\r\nX-Long: ");
  pour(r, connection, "looooooooooooooooooooooooooooooooooooooooooooooooooong");
  return false;
}
static bool endless_continue(struct receiver *r, int connection, size_t n) {
  (void)n;
  pour(r, connection, "HTTP/1.1 100 Continue\r\n\r\n");
  return false;
}
static bool closes(struct receiver *r, int connection, size_t n) {
  (void)r, (void)connection, (void)n;
  return false;
}
static bool resets(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  int null = socket(AF_INET, SOCK_STREAM, 0);
  dup2(null, connection); /* the last reference to the connection goes: a reset, not a close */
  close(null);
  return false;
}
static bool half_a_status(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 20");
  return false;
}
static bool no_http(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "220 mail.example.com ESMTP\r\n");
  return false;
}
static bool short_body(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntoo short");
  return false;
}
static bool negative_length(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 503 No\r\nContent-Length: -5\r\n\r\n");
  return false;
}
static bool odd_retry_after(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n");
  return true;
}
static bool redirects(struct receiver *r, int connection, size_t n) {
  (void)n;
  char text[256];
  snprintf(text, sizeof text, "HTTP/1.1 %d Elsewhere\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n", n % 2 ? 307 : 302,
           ((struct receiver *)r->context)->port);
  receiver_say(connection, text);
  return true;
}

static const struct {
  behaviour *behave;
  const char *reason; /* how it is reported */
  int32_t status;
  enum letter_end end;
} cases[] = {
    {never, "timeout", 0, LETTER_AGAIN},
    {drips_headers, "timeout", 0, LETTER_AGAIN},
    {drips_body, "", 200, LETTER_DELIVERED}, /* it has said yes; the rest is its own business */
    {endless_body, "", 200, LETTER_DELIVERED},
    {chunked_body, "HTTP 500", 500, LETTER_AGAIN},
    {many_headers, "more than 16384 bytes of headers", 0, LETTER_AGAIN},
    {long_header, "a header line above 100 KB, or out of memory", 0, LETTER_AGAIN},
    {endless_continue, "more than 16384 bytes of headers", 0, LETTER_AGAIN},
    {closes, "closed without an answer", 0, LETTER_AGAIN},
    {resets, "", 0, LETTER_AGAIN},
    {half_a_status, "", 0, LETTER_AGAIN},
    {no_http, "the answer is no HTTP/1.1", 0, LETTER_AGAIN},
    {short_body, "", 200, LETTER_DELIVERED},
    {negative_length, "", 0, LETTER_AGAIN},
    {odd_retry_after, "HTTP 503", 503, LETTER_AGAIN},
};
#define CASES (sizeof cases / sizeof *cases)

static void each_costs_one_attempt(void **state) {
  (void)state;
  struct receiver *r[CASES];
  int ports[CASES];
  struct desk d;
  for (size_t i = 0; i < CASES; i++) r[i] = receiver_start(cases[i].behave, NULL), ports[i] = r[i]->port;
  desk_init(&d, ports, CASES);
  d.options.connect_ms = d.options.total_ms = 400;
  poured = 0;
  desk_open(&d);
  for (size_t i = 0; i < CASES; i++) {
    struct letter *l = desk_letter(i + 1, clock_now(), clock_now() + CLOCK_HOUR);
    l->endpoint = (uint32_t)i + 1;
    desk_push(&d, l);
  }
  desk_wait(&d, &d.count, CASES);
  for (size_t i = 0; i < CASES; i++) {
    const struct attempt_result *a = &d.results[i];
    size_t which = a->id - 1;
    print_message("%2zu: %d %d \"%s\"\n", which, (int)a->end, (int)a->status, a->reason);
    assert_int_equal(a->end, cases[which].end);
    assert_int_equal(a->attempt, 1);
    if (strcmp(cases[which].reason, "HTTP 500") != 0 && strcmp(cases[which].reason, "HTTP 503") != 0)
      assert_true(cases[which].end == LETTER_DELIVERED || a->reason[0] != 0);
    if (cases[which].reason[0]) assert_string_equal(a->reason, cases[which].reason);
    if (a->end == LETTER_DELIVERED) assert_int_equal(a->status, cases[which].status);
  }
  for (size_t i = 0; i < CASES; i++) assert_int_equal(r[i]->count, 1);
  desk_close(&d);
  for (size_t i = 0; i < CASES; i++) receiver_stop(r[i]);
  print_message("%zu bytes poured\n", poured);
  assert_true(poured < 5 * (1 << 20)); /* what kernels hold, not 50 MB: reading stopped at 16 KiB */
}

#define FLOOD ((size_t)64 << 20)

static bool floods(struct receiver *r, int connection, size_t n) {
  (void)n;
  static const char piece[65536];
  receiver_say(connection, "HTTP/1.1 500 Oops\r\nContent-Length: 67108864\r\n\r\n");
  for (size_t all = 0; all < FLOOD && !r->closing; all += sizeof piece) {
    ssize_t sent = send(connection, piece, sizeof piece, MSG_NOSIGNAL);
    if (sent <= 0) break;
    poured += (size_t)sent;
  }
  return false;
}

/* With time enough to take it all: what is read of an answer is bounded by itself, not by how long it may last. */
static void a_flood_is_not_read(void **state) {
  (void)state;
  struct receiver *r = receiver_start(floods, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.options.connect_ms = d.options.total_ms = 30000;
  poured = 0;
  desk_open(&d);
  desk_push(&d, desk_letter(1, clock_now(), clock_now() + CLOCK_HOUR));
  desk_wait(&d, &d.count, 1);
  assert_int_equal(d.results[0].end, LETTER_AGAIN);
  assert_int_equal(d.results[0].status, 500);
  desk_close(&d);
  receiver_stop(r);
  print_message("%zu of %zu bytes poured\n", poured, FLOOD);
  assert_true(poured < FLOOD / 4); /* what kernels hold */
}

/* A place whose queue of connections is full answers no knock: the loopback's black hole. */
static int full_queue(int others[4], int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 0) != 0) abort();
  if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) abort();
  for (int i = 0; i < 4; i++) {
    others[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)!connect(others[i], (struct sockaddr *)&address, sizeof address);
  }
  *port = ntohs(address.sin_port);
  return listener;
}

/* An attempt that cannot even connect must not hold its place for as long as one whose receiver works on it. */
static void connecting_has_a_time_of_its_own(void **state) {
  (void)state;
  struct desk d;
  int others[4], port;
  const int listener = full_queue(others, &port);
  desk_init(&d, &port, 1);
  d.options.connect_ms = 300;
  d.options.total_ms = 20000;
  desk_open(&d);
  desk_push(&d, desk_letter(1, clock_now(), clock_now() + CLOCK_HOUR));
  desk_wait(&d, &d.count, 1);
  assert_int_equal(d.results[0].end, LETTER_AGAIN);
  assert_string_equal(d.results[0].reason, "timeout");
  assert_in_range(d.results[0].milliseconds, 250, 10000);
  desk_close(&d);
  for (int i = 0; i < 4; i++) close(others[i]);
  close(listener);
}

static bool asks_for_an_hour(struct receiver *r, int connection, size_t n) {
  if (n > 0) return answer_204(r, connection, n);
  receiver_say(connection, "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
  return true;
}

static void advance(struct desk *d, int64_t ms) {
  clock_advance(ms);
  for (int i = 0; i < 2; i++) { /* a withdrawal of nobody is a full stop: with the second, what the turn of the first begins has begun */
    _Atomic bool done = false;
    courier_withdraw(d->courier, 63, 1, (void *)&done);
    while (!done) usleep(100);
  }
}

/* Its own letter waits for as long as it says, within its time; the others only a minute, or all would be too late by then. */
static void an_hour_is_not_everybodys(void **state) {
  (void)state;
  const int64_t start = INT64_C(1736925600000);
  clock_freeze(start);
  struct receiver *r = receiver_start(asks_for_an_hour, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(1, start, start + 2 * CLOCK_HOUR));
  desk_wait(&d, &d.count, 1);
  assert_int_equal(d.results[0].next_due, start + CLOCK_HOUR);
  desk_push(&d, desk_letter(2, start, start + CLOCK_HOUR));
  advance(&d, CLOCK_MINUTE - 1);
  const struct courier_figures f = courier_figures(d.courier);
  assert_int_equal(f.attempts + f.in_flight, 1);
  advance(&d, 1);
  desk_wait(&d, &d.ends, 1);
  assert_int_equal(d.results[1].id, 2);
  advance(&d, 59 * CLOCK_MINUTE);
  desk_wait(&d, &d.ends, 2);
  desk_close(&d);
  receiver_stop(r);
  clock_thaw();
}

static void a_redirect_leads_nowhere(void **state) {
  (void)state;
  struct receiver *inner = receiver_start(answer_204, NULL), *outer = receiver_start(redirects, inner);
  struct desk d;
  desk_init(&d, &outer->port, 1);
  desk_open(&d);
  for (uint64_t i = 1; i <= 4; i++) desk_push(&d, desk_letter(i, clock_now(), clock_now() + CLOCK_HOUR));
  desk_wait(&d, &d.count, 4);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(d.results[i].end, LETTER_AGAIN);
    assert_non_null(strstr(d.results[i].reason, "redirects are not followed"));
  }
  assert_int_equal(outer->count, 4);
  assert_int_equal(inner->count, 0);
  desk_close(&d);
  assert_int_equal(inner->connection_count, 0); /* nobody knocks there either */
  receiver_stop(outer);
  receiver_stop(inner);
}

/* The environment's proxy is not asked: it could reach what the guard forbids. */
static void no_proxy_is_used(void **state) {
  (void)state;
  struct receiver *proxy = receiver_start(answer_204, NULL), *r = receiver_start(answer_204, NULL);
  char text[64];
  snprintf(text, sizeof text, "http://127.0.0.1:%d", proxy->port);
  setenv("http_proxy", text, 1);
  setenv("ALL_PROXY", text, 1);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(1, clock_now(), clock_now() + CLOCK_HOUR));
  desk_wait(&d, &d.ends, 1);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  assert_int_equal(r->count, 1);
  assert_int_equal(proxy->count, 0);
  desk_close(&d);
  receiver_stop(r);
  receiver_stop(proxy);
}

static void nobody_listens(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  receiver_stop(r);
  desk_open(&d);
  desk_push(&d, desk_letter(1, clock_now(), clock_now() + CLOCK_HOUR));
  desk_wait(&d, &d.count, 1);
  assert_string_equal(d.results[0].reason, "connection refused");
  desk_close(&d);
}

/* A kept connection that the receiver closed meanwhile: the next attempt makes a new one, and nothing is sent twice behind our back. */
static bool then_closes(struct receiver *r, int connection, size_t n) {
  answer_204(r, connection, n);
  return false;
}
static void a_connection_closed_in_between(void **state) {
  (void)state;
  struct receiver *r = receiver_start(then_closes, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  for (uint64_t i = 1; i <= 50; i++) {
    desk_push(&d, desk_letter(i, clock_now(), clock_now() + CLOCK_HOUR));
    desk_wait(&d, &d.count, i);
    usleep(500);
  }
  size_t attempts = 0;
  for (size_t i = 0; i < d.count; i++) attempts += d.results[i].attempt > 0;
  assert_int_equal(attempts, 50);
  assert_true(r->count <= 50);
  desk_close(&d);
  receiver_stop(r);
}

/* ---- TLS, with the openssl command that ca-certificates brings ---- */

/* `old`: it speaks TLS 1.1 alone, with a cipher by which who has its key later can read all. */
static pid_t tls_server(const char *directory, int port, bool old, int *input) {
  char accept_at[32], key[256], certificate[256];
  int pipes[2];
  snprintf(accept_at, sizeof accept_at, "127.0.0.1:%d", port);
  snprintf(key, sizeof key, "%s/key.pem", directory);
  snprintf(certificate, sizeof certificate, "%s/certificate.pem", directory);
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(pipes[0], 0);
    close(pipes[1]);
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(1);
    execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept_at, "-key", key, "-cert", certificate,
           old ? "-tls1_1" : (char *)NULL, "-cipher", "AES128-SHA:@SECLEVEL=0", (char *)NULL);
    _exit(1);
  }
  close(pipes[0]);
  *input = pipes[1];
  return child;
}

/* A connection to try would use up the server's one answer, so the kernel's list is asked. */
static bool listens(int port) {
  char line[512];
  unsigned local, state;
  bool found = false;
  FILE *list = fopen("/proc/net/tcp", "r");
  while (list && !found && fgets(line, sizeof line, list))
    found = sscanf(line, " %*d: %*x:%x %*x:%*x %x", &local, &state) == 2 && local == (unsigned)port && state == 0x0a;
  if (list) fclose(list);
  return found;
}

static bool certificate_make(const char *directory, const char *names) {
  char command[1024];
  snprintf(command, sizeof command,
           "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=receiver -addext subjectAltName=%s -keyout %s/key.pem -out "
           "%s/certificate.pem 2>/dev/null",
           names, directory, directory);
  return system(command) == 0;
}

static struct attempt_result tls_attempt(const char *directory, const char *names, bool trusted, bool old) {
  struct receiver *r = receiver_start(answer_204, NULL); /* only to find a free port */
  struct desk d;
  int input, port = r->port;
  char ca[256];
  receiver_stop(r);
  if (!certificate_make(directory, names)) skip();
  desk_init(&d, &port, 1);
  snprintf(d.urls[0], sizeof d.urls[0], "https://127.0.0.1:%d/", port);
  snprintf(ca, sizeof ca, "%s/certificate.pem", directory);
  d.endpoints[0].allow_http = false;
  d.endpoints[0].ca_file = trusted ? ca : NULL;
  d.options.connect_ms = d.options.total_ms = 10000;
  pid_t child = tls_server(directory, port, old, &input);
  const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
  assert_int_equal(write(input, answer, sizeof answer - 1), sizeof answer - 1);
  desk_open(&d);
  for (int i = 0; i < 600 && !listens(port); i++) usleep(50000);
  desk_push(&d, desk_letter(1, clock_now(), clock_now() + CLOCK_HOUR));
  desk_wait(&d, &d.count, 1);
  struct attempt_result last = d.results[0];
  desk_close(&d);
  close(input);
  kill(child, SIGTERM);
  waitpid(child, NULL, 0);
  return last;
}

static void tls_is_verified(void **state) {
  (void)state;
  char directory[] = "/tmp/kairos-tls-XXXXXX", path[256];
  assert_non_null(mkdtemp(directory));
  struct attempt_result a = tls_attempt(directory, "IP:127.0.0.1", false, false);
  assert_int_equal(a.end, LETTER_AGAIN); /* signed by nobody we know */
  assert_non_null(strstr(a.reason, "certificate refused"));
  a = tls_attempt(directory, "DNS:example.com", true, false);
  assert_int_equal(a.end, LETTER_AGAIN); /* known, but for another name */
  assert_non_null(strstr(a.reason, "certificate refused"));
  a = tls_attempt(directory, "IP:127.0.0.1", true, true);
  assert_int_equal(a.end, LETTER_AGAIN); /* known, but what it speaks protects nothing */
  assert_non_null(strstr(a.reason, "TLS failed"));
  a = tls_attempt(directory, "IP:127.0.0.1", true, false);
  assert_int_equal(a.end, LETTER_DELIVERED);
  static const char *const names[] = {"key.pem", "certificate.pem"};
  for (size_t i = 0; i < 2; i++) snprintf(path, sizeof path, "%s/%s", directory, names[i]), unlink(path);
  rmdir(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_costs_one_attempt),
      cmocka_unit_test(a_redirect_leads_nowhere),
      cmocka_unit_test(no_proxy_is_used),
      cmocka_unit_test(nobody_listens),
      cmocka_unit_test(a_connection_closed_in_between),
      cmocka_unit_test(tls_is_verified),
      cmocka_unit_test(a_flood_is_not_read),
      cmocka_unit_test(connecting_has_a_time_of_its_own),
      cmocka_unit_test(an_hour_is_not_everybodys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
