/* A scanned head becomes fields: llhttp takes it apart, and what it says is then held against the rules about framing that it knows too
 * loosely (one Host, one plain Content-Length, Transfer-Encoding exactly `chunked`, never both, never on HTTP/1.0). Promises that all texts
 * are views into the head. Does not decode the path and does not look at routes. Called by the connection on the loop thread, and by the
 * fuzzer. */
#include "http.h"
#include <llhttp.h>
#include <string.h>
#include <strings.h>

struct reader {
  llhttp_t parser;
  struct http_head *head;
  struct str name, value;
  bool in_value, complete;
  const char *twice; /* a header that must not be repeated, but was */
};

static bool malformed(struct http_fault *f, const char *detail) {
  *f = (struct http_fault){.status = 400, .word = "malformed-request", .detail = detail};
  return false;
}

static struct str trim_blanks(struct str s) {
  while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) s = (struct str){s.at + 1, s.len - 1};
  while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) s.len--;
  return s;
}

static bool is_word(struct str s, const char *lower) {
  return s.len == strlen(lower) && strncasecmp(s.at, lower, s.len) == 0;
}

/* The headers that mean something here; none of them may stand twice. Tables are data. */
static const struct known {
  const char *name;
  size_t length, place;
  const char *twice;
} known_headers[] = {
#define KNOWN(text, field)                                                                                                                 \
  { text, sizeof(text) - 1, offsetof(struct http_head, field), "the header " text " stands twice" }
    KNOWN("host", host),
    KNOWN("expect", expect),
    KNOWN("origin", origin),
    {"traceparent", sizeof "traceparent" - 1, offsetof(struct http_head, traceparent), NULL}, /* twice counts as not there */
    KNOWN("content-type", content_type),
    KNOWN("authorization", authorization),
    KNOWN("content-length", length_text),
    KNOWN("content-encoding", content_encoding),
    KNOWN("transfer-encoding", transfer_encoding),
#undef KNOWN
};

static void header_done(struct reader *r) {
  for (size_t i = 0; i < sizeof known_headers / sizeof *known_headers; i++) {
    const struct known *k = &known_headers[i];
    if (k->length != r->name.len || strncasecmp(k->name, r->name.at, k->length) != 0) continue;
    struct str *field = (struct str *)(void *)((char *)r->head + k->place);
    if (field->at) r->twice = k->twice;
    *field = field->at && !k->twice ? (struct str){"", 0} : trim_blanks(r->value);
    if (!field->at) *field = (struct str){"", 0}; /* there, though empty */
    return;
  }
}

/* llhttp gives a text in one piece when the whole head lies in one block, or in pieces that touch. */
static void grow(struct str *s, const char *at, size_t length) {
  if (s->at) s->len = (size_t)(at + length - s->at);
  else *s = (struct str){at, length};
}

static int on_url(llhttp_t *parser, const char *at, size_t length) {
  struct reader *r = parser->data;
  grow(&r->head->target, at, length);
  return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length) {
  struct reader *r = parser->data;
  if (r->in_value) {
    header_done(r);
    r->name = r->value = (struct str){0};
    r->in_value = false;
  }
  grow(&r->name, at, length);
  return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length) {
  struct reader *r = parser->data;
  r->in_value = true;
  grow(&r->value, at, length);
  return 0;
}

static int on_headers_complete(llhttp_t *parser) {
  struct reader *r = parser->data;
  if (r->in_value) header_done(r);
  r->complete = true;
  r->head->keep_alive = llhttp_should_keep_alive(parser) != 0;
  return HPE_PAUSED; /* bodies are framed by the stream */
}

static const llhttp_settings_t settings = {
    .on_url = on_url, .on_header_field = on_header_field, .on_header_value = on_header_value, .on_headers_complete = on_headers_complete};

static enum method method_of(uint8_t method) {
  switch (method) {
  case HTTP_GET: return METHOD_GET;
  case HTTP_POST: return METHOD_POST;
  case HTTP_PUT: return METHOD_PUT;
  case HTTP_DELETE: return METHOD_DELETE;
  case HTTP_OPTIONS: return METHOD_OPTIONS;
  case HTTP_HEAD: return METHOD_HEAD;
  default: return METHOD_OTHER;
  }
}

/* Only digits, and few enough that no reader overflows. */
static bool read_length(struct http_head *h, struct http_fault *f) {
  const struct str s = h->length_text;
  h->has_length = s.at != NULL;
  if (!h->has_length) return true;
  if (s.len == 0 || s.len > 15) return malformed(f, "expected a Content-Length of 1 to 15 digits");
  for (size_t i = 0; i < s.len; i++) {
    if (s.at[i] < '0' || s.at[i] > '9') return malformed(f, "expected a Content-Length of decimal digits alone");
    h->length = h->length * 10 + (uint64_t)(s.at[i] - '0');
  }
  return true;
}

static bool check_framing(struct http_head *h, struct http_fault *f) {
  if (h->transfer_encoding.at) {
    if (h->old) return malformed(f, "Transfer-Encoding does not exist in HTTP/1.0");
    if (h->length_text.at) return malformed(f, "Content-Length and Transfer-Encoding exclude each other");
    if (!is_word(h->transfer_encoding, "chunked")) return malformed(f, "expected Transfer-Encoding: chunked and nothing else");
    h->chunked = true;
  }
  return read_length(h, f);
}

static bool check_host(const struct http_head *h, struct http_fault *f) {
  if (!h->host.at) return h->old || malformed(f, "expected exactly one Host header");
  for (size_t i = 0; i < h->host.len; i++) {
    const char c = h->host.at[i];
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(".-_~:[]%", c));
    if (!fine) return malformed(f, "a byte in the Host header that no host name has");
  }
  return true;
}

/* Origin form, absolute form (its host is not ours to judge), or `*` for OPTIONS. */
static bool read_target(struct http_head *h, struct http_fault *f) {
  struct str t = h->target;
  if (memchr(t.at, '#', t.len)) return malformed(f, "a fragment (#) in the request's target");
  if (t.len >= 7 && (strncasecmp(t.at, "http://", 7) == 0 || (t.len >= 8 && strncasecmp(t.at, "https://", 8) == 0))) {
    const char *host = strchr(t.at, ':') + 3; /* a colon is there, and bytes behind it are the head's */
    const char *slash = memchr(host, '/', (size_t)(t.at + t.len - host));
    t = slash ? (struct str){slash, (size_t)(t.at + t.len - slash)} : STR("/");
  }
  const bool star = str_is(t, "*") && h->method == METHOD_OPTIONS;
  if (!star && (t.len == 0 || t.at[0] != '/')) return malformed(f, "expected a target that starts with /");
  const char *mark = memchr(t.at, '?', t.len);
  h->path = (struct str){t.at, mark ? (size_t)(mark - t.at) : t.len};
  h->query = mark ? (struct str){mark + 1, (size_t)(t.at + t.len - mark - 1)} : (struct str){"", 0};
  return true;
}

bool http_head_read(struct http_head *out, struct str block, struct http_fault *fault) {
  memset(out, 0, sizeof *out);
  struct reader r = {.head = out};
  llhttp_init(&r.parser, HTTP_REQUEST, &settings);
  r.parser.data = &r;
  const llhttp_errno_t result = llhttp_execute(&r.parser, block.at, block.len);
  if (result == HPE_INVALID_METHOD) {
    *fault = (struct http_fault){.status = 501, .word = "method", .detail = "no such method here"};
    return false;
  }
  if (!r.complete || result != HPE_PAUSED) return malformed(fault, "these bytes are not an HTTP/1.1 request head");
  if (r.twice) return malformed(fault, r.twice);
  out->method = method_of(llhttp_get_method(&r.parser));
  out->method_name = llhttp_method_name((llhttp_method_t)llhttp_get_method(&r.parser));
  out->old = llhttp_get_http_minor(&r.parser) == 0;
  return check_framing(out, fault) && check_host(out, fault) && read_target(out, fault);
}

struct str http_head_find(struct str block, const char *name) {
  const size_t length = strlen(name);
  struct str line;
  str_split(&block, '\n', &line); /* the request line */
  while (str_split(&block, '\n', &line)) {
    if (line.len <= length || line.at[length] != ':' || strncasecmp(line.at, name, length) != 0) continue;
    return str_trim((struct str){line.at + length + 1, line.len - length - 1});
  }
  return (struct str){"", 0};
}
