/* One POST after another over libcurl's multi interface on a libuv loop; private to emit, only on the courier's thread. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include "sign.h"
#include <curl/curl.h>
#include <uv.h>

#define RESPONSE_MOST 16384 /* bytes of headers and body that are read (W3) */
#define SIGNATURES    2

struct http;
struct http_target; /* where to: URL, what is allowed, idle handles */
struct transfer;    /* one request on its way */

/* What came of it. */
struct http_outcome {
  void *owner;  /* as given to http_post */
  bool sent;    /* the request, or a part of it, may have reached the receiver */
  bool refused; /* the gate said no: nothing was sent */
  bool timeout;
  int32_t status;      /* of a complete header block; 0: none came */
  int64_t retry_after; /* milliseconds from now; −1: not said */
  int32_t milliseconds;
  char reason[96]; /* empty when a status came */
};
struct http_options {
  uv_loop_t *loop;
  int64_t connect_ms, total_ms;
  size_t connections;                                        /* idle ones kept, over all targets */
  bool (*gate)(void *context, void *owner);                  /* asked when the connection stands, just before the request is written */
  void (*done)(void *context, const struct http_outcome *o); /* may start another request */
  void *context;
};
struct http *http_new(const struct http_options *options, struct err *e);
/* Nothing may be running. Call once per loop turn until the loop has closed its handles: they free themselves. */
void http_free(struct http *h);
void http_turn(struct http *h);       /* starts what was posted, reports what has ended */
bool http_busy(const struct http *h); /* http_turn wants to be called again without waiting */

struct http_target_options {
  const char *url; /* borrowed */
  bool allow_http, allow_private;
  const char *ca_file; /* borrowed; NULL: the system's */
};
bool http_url_fine(const struct http_target_options *options, struct err *e); /* [any] */
struct http_target *http_target_new(struct http *h, const struct http_target_options *options, struct err *e);
void http_target_free(struct http_target *t);
struct http_message {
  struct str id, seconds, body; /* `body` is borrowed until done; the others are copied */
  struct str traceparent;       /* empty: none */
  char signatures[SIGNATURES][SIGNATURE_TEXT];
  size_t signature_count;
};
bool http_post(struct http_target *t, void *owner, const struct http_message *m); /* false: memory failed, nothing was started */
