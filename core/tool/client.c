/* client: one request over libcurl to the engine, and its refusals as sentences. Never follows redirects, speaks http only to where it was
 * told. */
#include "client.h"
#include "kit/arena.h"
#include "kit/json.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static size_t take(char *bytes, size_t size, size_t count, void *into) {
  buf_put(into, bytes, size * count);
  return ((struct buf *)into)->failed ? 0 : size * count;
}

static enum err_kind kind_of(int status) {
  switch (status) {
  case 401:
  case 403: return ERR_DENIED;
  case 404: return ERR_MISSING;
  case 409: return ERR_CONFLICT;
  case 429:
  case 503: return ERR_BUSY;
  default: return ERR_INPUT;
  }
}

/* A problem's detail is the sentence; anything else is shown as it came, shortened. */
static bool refused(int status, struct str body, struct err *e) {
  struct arena a = {0};
  struct json j;
  struct str detail = {0};
  if (json_parse(&j, &a, body, &json_limits_default, NULL)) detail = json_text(&j, json_get(&j, 0, "detail"), &a);
  if (detail.len == 0) detail = (struct str){body.at, body.len > 200 ? 200 : body.len};
  err_set(e, kind_of(status), "the engine answered %d: " STR_FORMAT "%s", status, STR_ARG(detail),
          status == 401 ? " (give it with --key or KAIROS_KEY)" : "");
  arena_free(&a);
  return false;
}

/* Whole or not at all: a request that lost its end would be about somebody else. */
static bool add_header(struct curl_slist **list, const char *name, const char *value) {
  struct buf line = {0};
  buf_printf(&line, "%s: %s", name, value);
  buf_char(&line, 0);
  struct curl_slist *longer = line.failed ? NULL : curl_slist_append(*list, line.at);
  buf_free(&line);
  if (longer) *list = longer;
  return longer != NULL;
}

static bool add_headers(struct curl_slist **list, const struct client *c, const char *content_type) {
  if (content_type && !add_header(list, "Content-Type", content_type)) return false;
  struct buf bearer = {0};
  if (c->key) buf_printf(&bearer, "Bearer %s", c->key);
  if (c->key) buf_char(&bearer, 0);
  const bool added = !bearer.failed && (!c->key || add_header(list, "Authorization", bearer.at));
  buf_free(&bearer);
  return added;
}

/* "http://127.0.0.1:8080/" is the same engine, and paths begin with their own slash. */
static bool put_url(struct buf *url, const struct client *c, const char *path) {
  size_t base = strlen(c->url);
  while (base && c->url[base - 1] == '/') base--;
  buf_put(url, c->url, base);
  if (path) buf_text(url, path);
  buf_char(url, 0);
  return path && !url->failed;
}

bool client_call(const struct client *c, const char *method, const char *path, const char *content_type, struct str body,
                 struct buf *answer, int *status, struct err *e) {
  char reason[CURL_ERROR_SIZE] = "";
  long code = 0;
  struct buf url = {0};
  struct curl_slist *headers = NULL;
  CURL *curl = put_url(&url, c, path) && add_headers(&headers, c, body.len ? content_type : NULL) ? curl_easy_init() : NULL;
  if (!curl) {
    curl_slist_free_all(headers);
    buf_free(&url);
    return err_set(e, ERR_INTERNAL, "no memory for a request");
  }
  curl_easy_setopt(curl, CURLOPT_URL, url.at);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* whoever is called ".." is nobody, and not the path above */
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 5L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  if (body.len) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
  }
  CURLcode result = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  buf_free(&url);
  if (status) *status = (int)code;
  if (result != CURLE_OK)
    return err_set(e, ERR_BUSY, "no engine answers at %s: %s (is `kairos serve` running?)", c->url,
                   reason[0] ? reason : curl_easy_strerror(result));
  return code < 400 || refused((int)code, buf_view(answer), e);
}

void client_escape(struct buf *out, struct str segment) {
  for (size_t i = 0; i < segment.len; i++) {
    unsigned char c = (unsigned char)segment.at[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) buf_char(out, (char)c);
    else buf_printf(out, "%%%02X", c);
  }
}
