/* Answers become bytes: status line, a Date that is made once a second, length, body; and problems in the form of RFC 9457. Promises
 * exactly one answer a request, that nothing a client sent can add a header, and that an answer to a connection that has gone costs nothing
 * and harms nobody. Does not write to sockets: connection.c collects the bytes of one turn of the loop. Called by handlers on the loop
 * thread. */
#include "door.h"

#include "kit/json.h"
#include "kit/log.h"
#include "kit/tz.h"
#include <stdio.h>
#include <string.h>

static const struct status {
  int code;
  const char *title;
} statuses[] = {{200, "OK"},
                {201, "Created"},
                {202, "Accepted"},
                {204, "No Content"},
                {207, "Multi-Status"},
                {301, "Moved Permanently"},
                {302, "Found"},
                {304, "Not Modified"},
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {408, "Request Timeout"},
                {409, "Conflict"},
                {410, "Gone"},
                {412, "Precondition Failed"},
                {413, "Content Too Large"},
                {414, "URI Too Long"},
                {415, "Unsupported Media Type"},
                {417, "Expectation Failed"},
                {422, "Unprocessable Content"},
                {428, "Precondition Required"},
                {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {502, "Bad Gateway"},
                {503, "Service Unavailable"},
                {504, "Gateway Timeout"},
                {505, "HTTP Version Not Supported"}};

static const char *status_title(int code) {
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    if (statuses[i].code == code) return statuses[i].title;
  }
  return "Unknown";
}

/* RFC 9110 5.6.7, without the C library's locale. */
static void date_make(struct door *d) {
  static const char days[] = "MonTueWedThuFriSatSun", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const int64_t second = d->date_second, day = second / 86400, rest = second % 86400;
  int32_t year, month, day_of_month;
  tz_date_from_day((int32_t)day, &year, &month, &day_of_month);
  snprintf(d->date, sizeof d->date, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + (day + 3) % 7 * 3, day_of_month,
           months + (month - 1) * 3, year, (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static void put_header(struct buf *to, const char *name, const char *value) {
  buf_text(to, name);
  buf_put(to, ": ", 2);
  for (const char *at = value; *at; at++) {
    if ((unsigned char)*at >= 0x20 && *at != 0x7F) buf_char(to, *at); /* a value cannot end its line */
  }
  buf_put(to, "\r\n", 2);
}

static void put_number(struct buf *to, size_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  buf_put(to, digits + at, sizeof digits - at);
}

static void put_status(struct buf *to, int status) {
  static const struct str ok = {"HTTP/1.1 200 OK\r\n", 17};
  if (status == 200) buf_str(to, ok);
  else buf_printf(to, "HTTP/1.1 %d %s\r\n", status, status_title(status));
}

static void answer_bytes(struct buf *to, const struct exchange *x, int status, const char *content_type, struct str body, const char *name,
                         const char *value) {
  const bool bodiless = status == 204 || status == 304;
  buf_reserve(to, 256 + body.len);
  put_status(to, status);
  buf_text(to, x->door->date);
  if (name && value) put_header(to, name, value);
  /* What may be asked for with X-Api-Key, a shared cache would keep and give to others. Of POST it keeps nothing by itself. */
  if (x->request.route && x->request.route->method == METHOD_GET) buf_str(to, STR("Cache-Control: no-store\r\n"));
  if (x->closes) buf_str(to, STR("Connection: close\r\n"));
  else if (x->old) buf_str(to, STR("Connection: keep-alive\r\n"));
  if (!bodiless) {
    if (content_type && body.len) {
      buf_str(to, STR("Content-Type: "));
      buf_text(to, content_type);
      buf_put(to, "\r\n", 2);
    }
    buf_str(to, STR("Content-Length: "));
    put_number(to, body.len);
    buf_put(to, "\r\n", 2);
  }
  buf_put(to, "\r\n", 2);
  if (!bodiless && !x->head_only) buf_str(to, body);
}

void answer_put(struct exchange *x, int status, const char *content_type, struct str body, const char *name, const char *value) {
  must(!x->answered);
  x->answered = true;
  if (!x->request.connection) { /* the peer has gone */
    exchange_free(x);
    return;
  }
  struct door *d = x->door;
  const int64_t second = d->utc / 1000;
  if (second != d->date_second) {
    d->date_second = second;
    date_make(d);
  }
  if (status >= 400) d->figures.refused++;
  connection_ends_with(x);
  x->busy = status == 429;
  if (x->busy) connection_pause(x->request.connection, x->announced);
  struct buf *to = connection_out(x);
  answer_bytes(to, x, status, content_type, body, name, value);
  connection_answered(x, to);
}

void request_answer(struct request *r, int status, const char *content_type, struct str body) {
  answer_put((struct exchange *)r, status, content_type, body, NULL, NULL);
}

void request_answer_take(struct request *r, int status, const char *content_type, struct buf *body) {
  if (!body->failed) request_answer(r, status, content_type, buf_view(body));
  else request_problem(r, 503, "memory", NULL, "no memory for the answer; what was asked may have been done");
  buf_free(body);
}

void request_answer_header(struct request *r, int status, const char *content_type, struct str body, const char *header_name,
                           const char *header_value) {
  answer_put((struct exchange *)r, status, content_type, body, header_name, header_value);
}

/* ---- problems ---- */

/* A sentence may quote what came in, and may have been cut anywhere: what is not UTF-8 becomes `?`. */
static struct str sentence(char *text) {
  const struct str s = str_from(text);
  if (str_utf8(s)) return s;
  for (size_t i = 0; i < s.len; i++) {
    if ((unsigned char)text[i] >= 0x80) text[i] = '?';
  }
  return s;
}

static struct json_writer problem_open(struct buf *b, int status, const char *word, struct str detail) {
  char type[512];
  buf_clear(b);
  struct json_writer w = json_to(b);
  json_open_object(&w);
  snprintf(type, sizeof type, "urn:kairos:problem:%s", word);
  json_pair_text(&w, "type", type);
  json_pair_text(&w, "title", status_title(status));
  json_pair_int(&w, "status", status);
  json_pair_str(&w, "detail", detail);
  return w;
}

static void put_fault(struct json_writer *w, const char *pointer, struct str detail) {
  char place[512];
  snprintf(place, sizeof place, "%s%s", pointer[0] == '#' ? "" : "#", pointer); /* RFC 9457 wants a URI fragment */
  json_open_object(w);
  json_pair_str(w, "pointer", sentence(place));
  json_pair_str(w, "detail", detail);
  json_close_object(w);
}

void answer_problem(struct exchange *x, int status, const char *word, const char *pointer, const char *detail, const char *name,
                    const char *value) {
  char text[1024], placed[1024 + 512];
  const char *place = pointer ? pointer + (pointer[0] == '#') : "";
  snprintf(text, sizeof text, "%s", detail);
  snprintf(placed, sizeof placed, "%s%s%s", place, place[0] ? ": " : "", text); /* whoever shows the detail alone shows where, too */
  struct buf *b = &x->door->scratch;
  struct json_writer w = problem_open(b, status, word, sentence(placed));
  if (pointer) {
    json_key(&w, "errors");
    json_open_array(&w);
    put_fault(&w, pointer, sentence(text));
    json_close_array(&w);
  }
  json_close_object(&w);
  answer_put(x, status, "application/problem+json", buf_view(b), name, value);
}

/* Several sentences, each with its own place or none. */
static void answer_faults(struct exchange *x, int status, const char *word, const struct err *e, const char *name, const char *value) {
  char text[sizeof e->text], all[sizeof e->text];
  struct buf *b = &x->door->scratch;
  memcpy(all, e->text, sizeof all);
  struct json_writer w = problem_open(b, status, word, sentence(all));
  json_key(&w, "errors");
  json_open_array(&w);
  for (size_t i = 0; i <= e->also_count; i++) {
    const size_t from = i ? e->also[i - 1] : 0, until = i < e->also_count ? e->also[i] - 2u : strlen(e->text);
    snprintf(text, sizeof text, "%.*s", (int)(until - from), e->text + from);
    char *colon = text[0] == '/' ? strstr(text, ": ") : NULL;
    if (!colon) continue;
    *colon = 0;
    put_fault(&w, text, sentence(colon + 2));
  }
  json_close_array(&w);
  json_close_object(&w);
  answer_put(x, status, "application/problem+json", buf_view(b), name, value);
}

void request_problem(struct request *r, int status, const char *word, const char *pointer, const char *format, ...) {
  char detail[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(detail, sizeof detail, format, list);
  va_end(list);
  const bool later = status == 429 || status == 503;
  answer_problem((struct exchange *)r, status, word, pointer, detail, later ? "Retry-After" : NULL, later ? "1" : NULL);
}

static const struct refusal_kind {
  int status;
  const char *word, *later; /* seconds until it may be tried again */
} refusal_kinds[] = {
    [ERR_NONE] = {500, "internal", NULL},     [ERR_INPUT] = {400, "invalid", NULL},     [ERR_MISSING] = {404, "not-found", NULL},
    [ERR_CONFLICT] = {409, "conflict", NULL}, [ERR_DENIED] = {403, "denied", NULL},     [ERR_BUSY] = {429, "busy", "1"},
    [ERR_STORAGE] = {503, "storage", "5"},    [ERR_INTERNAL] = {500, "internal", NULL}, [ERR_STOPPING] = {503, "stopping", "1"},
};
#define REFUSAL_KINDS (sizeof refusal_kinds / sizeof *refusal_kinds)

const char *refusal_detail(const struct err *e) {
  if (e->kind == ERR_STORAGE) return "storage failed, try again";
  if (e->kind == ERR_INTERNAL) return "this failed inside the engine; its log says why";
  return e->text;
}

static void refuse_as(struct request *r, int status, const char *word, const struct err *e, const char *later) {
  char pointer[sizeof e->text];
  const char *colon = e->text[0] == '/' || e->text[0] == ':' ? strstr(e->text, ": ") : NULL;
  const char *name = later ? "Retry-After" : NULL, *detail = refusal_detail(e);
  if (detail != e->text) {
    log_lasting(&((struct exchange *)r)->door->failing, LOG_ERROR, "http", "%s: %s", r->route->path, e->text);
    answer_problem((struct exchange *)r, status, word, NULL, detail, name, later);
    return;
  }
  if (e->also_count) {
    answer_faults((struct exchange *)r, status, word, e, name, later);
    return;
  }
  if (colon) snprintf(pointer, sizeof pointer, "%.*s", (int)(colon - e->text), e->text);
  answer_problem((struct exchange *)r, status, word, colon ? pointer : NULL, colon ? colon + 2 : e->text, name, later);
}

void request_refuse_as(struct request *r, int status, const char *word, const struct err *e) {
  refuse_as(r, status, word, e, NULL);
}

void request_refuse(struct request *r, const struct err *e) {
  const struct refusal_kind *kind = &refusal_kinds[e->kind < REFUSAL_KINDS ? e->kind : ERR_INTERNAL];
  refuse_as(r, kind->status, kind->word, e, kind->later);
}
