/* The sink's HTTP/1.1: POST with a Content-Length, nothing else, and strictly. A receiver of webhooks that is one page long must not guess:
 * another method, a chunked body, two lengths, a bare line feed or a folded line is refused, and its connection closed. Pure; called by
 * sink.c in its loop. */
#include "sink_request.h"
#include <string.h>
#include <strings.h>

static enum sink_parsed bad(const char **why, const char *sentence) {
  *why = sentence;
  return SINK_BAD;
}

static bool name_is(struct str name, const char *word) {
  return name.len == strlen(word) && strncasecmp(name.at, word, name.len) == 0;
}

static bool token_byte(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool first_line_good(struct str line) {
  if (!str_starts(line, "POST /") || !str_ends(line, " HTTP/1.1")) return false;
  for (size_t i = 5; i < line.len - 9; i++) /* one target, of visible ASCII */
    if (line.at[i] <= ' ' || line.at[i] > '~') return false;
  return true;
}

struct reading {
  struct sink_request *out;
  int64_t length; /* −1: not seen */
  const char *problem;
};

static bool length_read(struct reading *r, struct str value) {
  if (r->length >= 0) return r->problem = "two Content-Length headers", false;
  if (value.len == 0 || value.len > 9 || value.at[0] == '-' || !str_to_int(value, &r->length))
    return r->problem = "Content-Length must be a decimal number", false;
  return true;
}

static bool header_read(struct reading *r, struct str line) {
  const char *colon = memchr(line.at, ':', line.len);
  struct str name = {line.at, colon ? (size_t)(colon - line.at) : 0};
  if (name.len == 0) return r->problem = "a header line without a name", false;
  for (size_t i = 0; i < name.len; i++)
    if (!token_byte((unsigned char)name.at[i])) return r->problem = "a header name holds a byte that it must not", false;
  struct str value = str_trim((struct str){colon + 1, line.len - name.len - 1});
  for (size_t i = 0; i < value.len; i++)
    if ((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') return r->problem = "a header value holds a control byte", false;
  if (name_is(name, "content-length")) return length_read(r, value);
  if (name_is(name, "transfer-encoding")) return r->problem = "Transfer-Encoding is not taken here, Content-Length is", false;
  if (name_is(name, "webhook-id")) r->out->id = value;
  else if (name_is(name, "webhook-timestamp")) r->out->timestamp = value;
  else if (name_is(name, "webhook-signature")) r->out->signature = value;
  else if (name_is(name, "traceparent")) r->out->traceparent = value;
  else if (name_is(name, "connection")) r->out->close = name_is(value, "close");
  return true;
}

enum sink_parsed sink_request_parse(struct str bytes, struct sink_request *out, size_t *used, const char **why) {
  const char *end = bytes.len ? memmem(bytes.at, bytes.len, "\r\n\r\n", 4) : NULL;
  if (!end) return bytes.len > SINK_HEADERS_MOST ? bad(why, "more than 16 KiB of headers") : SINK_MORE;
  size_t head = (size_t)(end - bytes.at);
  if (head > SINK_HEADERS_MOST) return bad(why, "more than 16 KiB of headers");
  *out = (struct sink_request){.close = false};
  struct reading r = {out, -1, NULL};
  const char *at = bytes.at;
  for (bool first = true; at < end; first = false) {
    const char *stop = memmem(at, (size_t)(end - at) + 2, "\r\n", 2);
    struct str line = {at, (size_t)(stop - at)};
    if (memchr(line.at, '\n', line.len) || memchr(line.at, '\r', line.len)) return bad(why, "a line ends in something else than CR LF");
    if (first && !first_line_good(line)) return bad(why, "expected POST and HTTP/1.1");
    if (!first && !header_read(&r, line)) return bad(why, r.problem);
    at = stop + 2;
  }
  if (at == bytes.at) return bad(why, "expected POST and HTTP/1.1");
  if (r.length < 0) return bad(why, "Content-Length is missing");
  if (r.length > SINK_BODY_MOST) return bad(why, "the body is larger than 64 KiB");
  size_t whole = head + 4 + (size_t)r.length;
  if (bytes.len < whole) return SINK_MORE;
  out->body = (struct str){bytes.at + head + 4, (size_t)r.length};
  *used = whole;
  return SINK_READY;
}
