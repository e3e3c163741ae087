/* Webhooks on the wire: libcurl's multi interface, driven by a libuv loop. Promises that a request goes only to an address that was judged
 * when its socket was opened and once more just before it is written (an idle connection may have been opened under other rules); that it
 * follows no redirect, uses no proxy, reads at most 16 KiB of answer, verifies TLS and ends within its time; that nothing is written once
 * the gate says no. It signs nothing, retries nothing and knows no letters. Called by the courier on its thread.
 *
 * Two things are done here for speed, a third in watch.c. Easy handles, with all that never changes, are kept per target. Header lines lie
 * in the transfer and are linked by hand, since a curl_slist_append per line and attempt is six allocations. */
#include "http.h"
#include "emit.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MOST  4  /* s: many receivers close a kept connection after five, and a request that meets the closing is lost */
#define KICKS_MOST 16 /* rounds a turn, so that curl's zero timers cannot hold the loop */

struct http {
  struct http_options options;
  CURLM *multi;
  uv_timer_t *timer; /* outlives this struct until the loop has closed it */
  struct watches watches;
  bool kick; /* curl wants to be called at once */
};
struct http_target {
  struct http *http;
  struct http_target_options options;
  struct transfer *idle;
};
enum header_line { HEADER_TYPE, HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE, HEADER_EXPECT, HEADER_TRACE, HEADERS };
struct transfer {
  CURL *easy;
  struct http_target *target;
  struct transfer *next; /* idle */
  void *owner;
  struct curl_slist headers[HEADERS];
  char id[128], seconds[48], signature[32 + SIGNATURES * (SIGNATURE_TEXT + 1)], trace[16 + TRACE_TEXT];
  char error[CURL_ERROR_SIZE];
  char forbidden[INET6_ADDRSTRLEN]; /* the address that was refused, if any */
  bool sent, refused, complete;
  bool repeated; /* curl wanted to write the request a second time */
  size_t read;
  int64_t started, retry_after;
};

static char content_type[] = "Content-Type: application/json", no_expect[] = "Expect:";

/* ---- sockets and time ---- */

static void on_timer(uv_timer_t *timer) {
  ((struct http *)timer->data)->kick = true;
}

static int on_timeout(CURLM *multi, long milliseconds, void *context) {
  (void)multi;
  struct http *h = context;
  h->kick = milliseconds == 0;
  if (milliseconds > 0) return uv_timer_start(h->timer, on_timer, (uint64_t)milliseconds, 0);
  return uv_timer_stop(h->timer);
}

/* The guard of W4: curl gives every address it is about to connect to, whatever text it came from. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  struct transfer *t = context;
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  if (!t->target->options.allow_private && address_forbidden(&address->addr)) {
    const void *bytes = address->family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)(void *)&address->addr)->sin6_addr
                                                    : (const void *)&((struct sockaddr_in *)(void *)&address->addr)->sin_addr;
    if (!inet_ntop(address->family, bytes, t->forbidden, sizeof t->forbidden))
      snprintf(t->forbidden, sizeof t->forbidden, "of an odd kind");
    errno = EACCES;
    return CURL_SOCKET_BAD;
  }
  curl_socket_t descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  if (descriptor < 0) return CURL_SOCKET_BAD;
  if (watches_open(&t->target->http->watches, descriptor)) return descriptor;
  close(descriptor);
  return CURL_SOCKET_BAD;
}

static int close_socket(void *context, curl_socket_t descriptor) {
  struct http *h = context;
  watches_close(&h->watches, descriptor);
  return close(descriptor);
}

static bool text_forbidden(const char *address) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  if (inet_pton(AF_INET, address, &in.sin_addr) == 1) return address_forbidden((const struct sockaddr *)&in);
  if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1) return address_forbidden((const struct sockaddr *)&in6);
  return true;
}

/* The connection stands, new or kept; the next thing curl does is to write the request. It also asks when it wants to repeat the request
 * because a kept connection was closed without an answer. That is refused: the receiver may have taken the first one, and an attempt of
 * which nobody knows would be off the schedule. */
static int before_request(void *context, char *peer, char *local, int peer_port, int local_port) {
  (void)local, (void)peer_port, (void)local_port;
  struct transfer *t = context;
  struct http *h = t->target->http;
  if (!t->target->options.allow_private && text_forbidden(peer)) {
    snprintf(t->forbidden, sizeof t->forbidden, "%s", peer);
    return CURL_PREREQFUNC_ABORT;
  }
  if (t->sent) {
    t->repeated = true;
    return CURL_PREREQFUNC_ABORT;
  }
  if (h->options.gate(h->options.context, t->owner)) {
    t->sent = true;
    return CURL_PREREQFUNC_OK;
  }
  t->refused = true;
  return CURL_PREREQFUNC_ABORT;
}

/* ---- what comes back ---- */

/* Seconds, or an HTTP date; anything else, and more than a year, is nothing. */
static int64_t retry_after_read(struct str value) {
  const int64_t most = INT64_C(366) * CLOCK_DAY;
  int64_t seconds;
  char text[64];
  value = str_trim(value);
  if (str_to_int(value, &seconds)) return seconds < 0 ? -1 : seconds > most / 1000 ? most : seconds * 1000;
  if (value.len == 0 || value.len >= sizeof text) return -1;
  memcpy(text, value.at, value.len);
  text[value.len] = 0;
  time_t date = curl_getdate(text, NULL);
  if (date < 0) return -1;
  int64_t wait = (int64_t)date * 1000 - clock_now();
  return wait < 0 ? 0 : wait > most ? most : wait;
}

static size_t on_header(char *at, size_t size, size_t count, void *context) {
  static const char name[] = "retry-after:";
  struct transfer *t = context;
  size_t n = size * count;
  if ((t->read += n) > RESPONSE_MOST) return 0;
  if (n >= 5 && memcmp(at, "HTTP/", 5) == 0) t->complete = false, t->retry_after = -1;
  if (n <= 2 && (at[0] == '\r' || at[0] == '\n')) {
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->complete = status >= 200; /* 1xx is followed by another block */
  }
  if (n > sizeof name - 1 && strncasecmp(at, name, sizeof name - 1) == 0)
    t->retry_after = retry_after_read((struct str){at + sizeof name - 1, n - (sizeof name - 1)});
  return n;
}

static size_t on_body(char *at, size_t size, size_t count, void *context) {
  (void)at;
  struct transfer *t = context;
  return (t->read += size * count) > RESPONSE_MOST ? 0 : size * count;
}

static void reason_from_errno(CURL *easy, char *out, size_t size) {
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  char text[64];
  const char *words = number > 0 ? strerror_r((int)number, text, sizeof text) : "cannot connect";
  if (number == ECONNREFUSED) words = "connection refused";
  snprintf(out, size, "%s", words);
}

static void reason_write(struct transfer *t, CURLcode code, char *out, size_t size) {
  if (t->forbidden[0]) {
    snprintf(out, size, "address %s is not allowed (private or special)", t->forbidden);
    return;
  }
  switch (t->repeated ? CURLE_GOT_NOTHING : code) {
  case CURLE_OPERATION_TIMEDOUT: snprintf(out, size, "timeout"); break;
  case CURLE_COULDNT_RESOLVE_HOST: snprintf(out, size, "name not found"); break;
  case CURLE_COULDNT_CONNECT: reason_from_errno(t->easy, out, size); break;
  case CURLE_GOT_NOTHING: snprintf(out, size, "closed without an answer"); break;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR: snprintf(out, size, "connection reset"); break;
  case CURLE_WRITE_ERROR: snprintf(out, size, "more than %d bytes of headers", RESPONSE_MOST); break;
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY: snprintf(out, size, "the answer is no HTTP/1.1"); break;
  case CURLE_PEER_FAILED_VERIFICATION: snprintf(out, size, "certificate refused: %.70s", t->error); break;
  case CURLE_SSL_CONNECT_ERROR: snprintf(out, size, "TLS failed: %.80s", t->error); break;
  case CURLE_OUT_OF_MEMORY: snprintf(out, size, "a header line above 100 KB, or out of memory"); break; /* curl tells both like that */
  case CURLE_OK: snprintf(out, size, "no complete answer"); break;
  default: snprintf(out, size, "%.90s", curl_easy_strerror(code));
  }
}

static void transfer_finish(struct http *h, struct transfer *t, CURLcode code) {
  struct http_outcome o = {.owner = t->owner, .sent = t->sent, .refused = t->refused, .retry_after = -1};
  o.timeout = code == CURLE_OPERATION_TIMEDOUT && !t->complete;
  o.milliseconds = (int32_t)((clock_monotonic() - t->started) / 1000000);
  if (t->complete) { /* the receiver has spoken; how the body ends changes nothing */
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    o.status = (int32_t)status;
    o.retry_after = t->retry_after;
  } else if (!t->refused) {
    reason_write(t, code, o.reason, sizeof o.reason);
  }
  curl_multi_remove_handle(h->multi, t->easy);
  t->owner = NULL;
  t->next = t->target->idle;
  t->target->idle = t;
  h->options.done(h->options.context, &o);
}

void http_turn(struct http *h) {
  for (int round = 0; round < KICKS_MOST; round++) {
    int running, left;
    if (h->kick) {
      h->kick = false;
      curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
      struct transfer *t = NULL;
      if (m->msg != CURLMSG_DONE) continue;
      CURLcode code = m->data.result; /* the message is gone once its handle is removed */
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
      transfer_finish(h, t, code);
    }
    if (!h->kick) break;
  }
}

bool http_busy(const struct http *h) {
  return h->kick;
}

/* ---- requests ---- */

static bool transfer_setup(struct transfer *t) {
  const struct http *h = t->target->http;
  const struct http_target_options *o = &t->target->options;
  CURL *e = t->easy;
  int bad = 0;
#define SET(option, value) bad |= curl_easy_setopt(e, option, value) != CURLE_OK
  SET(CURLOPT_URL, o->url);
  SET(CURLOPT_PROTOCOLS_STR, o->allow_http ? "http,https" : "https");
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_PROXY, "");
  SET(CURLOPT_NOPROXY, "*");
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_QUICK_EXIT, 1L); /* a look-up that hangs must not hold the thread when its transfer times out */
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_HTTP09_ALLOWED, 0L);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)h->options.connect_ms);
  SET(CURLOPT_TIMEOUT_MS, (long)h->options.total_ms);
  SET(CURLOPT_MAXAGE_CONN, (long)IDLE_MOST);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* at least; libcurl's own default is 1.0 */
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (o->ca_file) SET(CURLOPT_CAINFO, o->ca_file), SET(CURLOPT_CAPATH, NULL);
  SET(CURLOPT_USERAGENT, "Kairos/" KAIROS_VERSION);
  SET(CURLOPT_POST, 1L);
  SET(CURLOPT_HTTPHEADER, t->headers);
  SET(CURLOPT_PRIVATE, t);
  SET(CURLOPT_ERRORBUFFER, t->error);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, t);
  SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  SET(CURLOPT_CLOSESOCKETDATA, (void *)h); /* a kept connection outlives this transfer, not the courier */
  SET(CURLOPT_PREREQFUNCTION, before_request);
  SET(CURLOPT_PREREQDATA, t);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, t);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, t);
#undef SET
  return !bad;
}

static struct transfer *transfer_new(struct http_target *target) {
  struct transfer *t = kit_alloc(sizeof *t);
  if (!t) return NULL;
  memset(t, 0, sizeof *t);
  t->target = target;
  char *lines[HEADERS] = {content_type, t->id, t->seconds, t->signature, no_expect, t->trace};
  for (int i = 0; i < HEADERS; i++) t->headers[i] = (struct curl_slist){lines[i], i + 1 < HEADERS ? &t->headers[i + 1] : NULL};
  t->easy = curl_easy_init();
  if (t->easy && transfer_setup(t)) return t;
  if (t->easy) curl_easy_cleanup(t->easy);
  kit_free(t);
  return NULL;
}

static void signature_write(struct transfer *t, const struct http_message *m) {
  static const char name[] = "webhook-signature: ";
  char *at = t->signature;
  memcpy(at, name, sizeof name - 1);
  at += sizeof name - 1;
  for (size_t i = 0; i < m->signature_count; i++) {
    if (i) *at++ = ' ';
    memcpy(at, m->signatures[i], SIGNATURE_TEXT);
    at += SIGNATURE_TEXT;
  }
  *at = 0;
}

bool http_post(struct http_target *target, void *owner, const struct http_message *m) {
  must(m->signature_count >= 1 && m->signature_count <= SIGNATURES);
  struct transfer *t = target->idle ? target->idle : transfer_new(target);
  if (!t) return false;
  target->idle = t->next;
  t->next = NULL;
  t->owner = owner;
  t->sent = t->refused = t->complete = t->repeated = false;
  t->read = 0, t->retry_after = -1, t->error[0] = t->forbidden[0] = 0;
  t->started = clock_monotonic();
  snprintf(t->id, sizeof t->id, "webhook-id: " STR_FORMAT, STR_ARG(m->id));
  snprintf(t->seconds, sizeof t->seconds, "webhook-timestamp: " STR_FORMAT, STR_ARG(m->seconds));
  signature_write(t, m);
  /* The last line, so that it is there only when it says something. */
  if (m->traceparent.len) snprintf(t->trace, sizeof t->trace, "traceparent: " STR_FORMAT, STR_ARG(m->traceparent));
  t->headers[HEADER_EXPECT].next = m->traceparent.len ? &t->headers[HEADER_TRACE] : NULL;
  curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, m->body.at);
  curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)m->body.len);
  if (curl_multi_add_handle(target->http->multi, t->easy) == CURLM_OK) return true;
  t->next = target->idle;
  target->idle = t;
  return false;
}

/* ---- life ---- */

bool http_url_fine(const struct http_target_options *o, struct err *e) {
  CURLU *url = curl_url();
  char *scheme = NULL, *host = NULL;
  CURLUcode code = url ? curl_url_set(url, CURLUPART_URL, o->url, CURLU_DISALLOW_USER) : CURLUE_OUT_OF_MEMORY;
  if (code == CURLUE_OK) code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
  if (code == CURLUE_OK) code = curl_url_get(url, CURLUPART_HOST, &host, 0);
  bool ok = code == CURLUE_OK;
  if (!ok) err_set(e, ERR_INPUT, "webhook URL \"%s\": expected one like https://app.example/hooks (%s)", o->url, curl_url_strerror(code));
  else if (strcmp(scheme, "http") == 0 && !o->allow_http)
    ok = err_set(e, ERR_INPUT, "webhook URL \"%s\": expected https; `--allow-http` allows plain http", o->url);
  else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
    ok = err_set(e, ERR_INPUT, "webhook URL \"%s\": expected https, not %s", o->url, scheme);
  curl_free(scheme);
  curl_free(host);
  curl_url_cleanup(url);
  return ok;
}

struct http_target *http_target_new(struct http *h, const struct http_target_options *options, struct err *e) {
  if (!http_url_fine(options, e)) return NULL;
  struct http_target *t = kit_alloc(sizeof *t);
  if (t) *t = (struct http_target){.http = h, .options = *options};
  if (t && (t->idle = transfer_new(t))) return t;
  kit_free(t);
  err_set(e, ERR_INTERNAL, "webhook URL \"%s\": no request could be made ready (memory, or a libcurl without what is needed)",
          options->url);
  return NULL;
}

void http_target_free(struct http_target *target) {
  if (!target) return;
  for (struct transfer *t; (t = target->idle);) {
    target->idle = t->next;
    curl_easy_cleanup(t->easy);
    kit_free(t);
  }
  kit_free(target);
}

struct http *http_new(const struct http_options *options, struct err *e) {
  struct http *h = kit_alloc(sizeof *h);
  uv_timer_t *timer = kit_alloc(sizeof *timer);
  CURLM *multi = curl_multi_init();
  if (!h || !timer || !multi || uv_timer_init(options->loop, timer) != 0) {
    kit_free(h);
    kit_free(timer);
    curl_multi_cleanup(multi);
    err_set(e, ERR_INTERNAL, "the webhook sender could not be made: out of memory");
    return NULL;
  }
  *h = (struct http){.options = *options, .multi = multi, .timer = timer, .watches = {.loop = options->loop, .multi = multi}};
  timer->data = h;
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watches_on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, &h->watches);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)options->connections);
  return h;
}

static void timer_closed(uv_handle_t *handle) {
  kit_free(handle);
}

void http_free(struct http *h) {
  if (!h) return;
  curl_multi_cleanup(h->multi); /* closes the kept connections, through close_socket */
  watches_free(&h->watches);
  uv_timer_stop(h->timer);
  uv_close((uv_handle_t *)h->timer, timer_closed);
  kit_free(h);
}
