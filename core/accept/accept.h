/* accept: bytes become requests and events. HTTP/1.1 on libuv and llhttp with limits and timeouts, keys and scopes, the envelope.
 * Knows nothing of lanes or files: a parsed request is given to its route's handler, and is answered later, from the same thread, in the
 * order of its connection. */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "language/event.h"
#include <uv.h>

/* ---- scopes ---- */
enum scope { SCOPE_NONE = 0, SCOPE_TRACK = 1, SCOPE_INGEST = 2, SCOPE_DECIDE = 4, SCOPE_READ = 8, SCOPE_OPERATE = 16, SCOPE_ADMIN = 32 };
/* ingest includes track; admin includes everything. [any] */
bool scope_allows(uint32_t held, enum scope wanted);
bool scope_parse(struct str words, uint32_t *scopes, struct err *e); /* "ingest,read" */
void scope_print(uint32_t scopes, struct buf *out);

/* ---- routes: one table, made by api ---- */
enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS, METHOD_HEAD, METHOD_OTHER };
struct request;
struct route {
  enum method method;
  const char *path; /* "/v1/users/{id}/opt-out": {…} is one segment, percent-decoded */
  enum scope scope; /* SCOPE_NONE: open to all (health) */
  bool reserved;    /* opt-out and kill: served even when ordinary room is used up */
  size_t body_most; /* bytes after inflating; 0 = 1 MiB */
  void (*handle)(struct request *r, void *context);
  const char *doc;
  const char *query; /* the names of its query parameters, a blank between two; NULL: it has none. Others are 400 */
};
#define QUERY_ANY "*" /* probes add what they like, and a stop is a stop whatever else is asked */

struct request {
  struct arena arena; /* lives until the answer is written; others may read what lies in it meanwhile */
  const struct route *route;
  struct str path, query, body;
  struct str content_type, traceparent;
  struct str params[4]; /* the {…} segments in order, decoded */
  uint32_t scopes;      /* held by the caller's key */
  struct str key_name;  /* "" when open; a NUL behind it */
  int64_t received;     /* UTC ms */
  void *own;            /* the handler's, for while it waits */
  struct connection *connection;
};
struct str request_query(const struct request *r, const char *name);  /* decoded into the request's arena; empty when absent */
struct str request_header(const struct request *r, const char *name); /* lower case name; a view; empty when absent */

/* Answers exactly once; body is copied; the request is gone afterwards. [main] */
void request_answer(struct request *r, int status, const char *content_type, struct str body);
/* The same of what was built in a buffer, which is freed: half of it must not be taken for all, so without the memory for it the answer is
 * 503, though what was asked may have been done. [main] */
void request_answer_take(struct request *r, int status, const char *content_type, struct buf *body);
void request_answer_header(struct request *r, int status, const char *content_type, struct str body, const char *header_name,
                           const char *header_value);
/* application/problem+json by RFC 9457: type urn:kairos:problem:<word>, title by status, detail = text, errors = [{pointer, detail}] when a
 * pointer is given. */
void request_problem(struct request *r, int status, const char *word, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same of an error: each of its sentences that begins with a JSON pointer is one of the errors. */
void request_refuse_as(struct request *r, int status, const char *word, const struct err *e);
void request_refuse(struct request *r, const struct err *e); /* status from the error's kind; 503 and 429 with Retry-After */
/* The error's sentence as clients get it: what failed in a file or inside is said to the log only, for it names paths and codes. [any] */
const char *refusal_detail(const struct err *e);

/* ---- the door ---- */
struct door_key {
  unsigned char sha256[32];
  uint32_t scopes;
  const char *name;
};
struct door_options {
  const char *listen; /* "127.0.0.1:8080", "[::1]:0", port 0 = any */
  bool behind_proxy;  /* TLS is a reverse proxy's: other addresses than loopback are allowed when a key is set (S8) */
  const struct route *routes;
  size_t route_count;
  void *context; /* to the handlers */
  /* Asked when a request with a body begins: false answers 429 before the body is read, but not on reserved routes. NULL: always room. */
  bool (*room)(void *context);
  const struct door_key *keys; /* none: loopback only, everything allowed */
  size_t key_count;
  uint32_t connections_most;  /* 0 = 4096 */
  int64_t header_ms, idle_ms; /* 0 = 10 s, 30 s (S3) */
  int64_t body_grace_ms;      /* 0 = 5 s: from then on a body must have come in at body_rate on average */
  uint32_t body_rate;         /* bytes a second; 0 = 500 */
  uint64_t body_bytes_most;   /* room for the bodies of all open requests; 0 = 256 MiB; beyond it 503, but not for reserved routes */
};
struct door;
/* Whether `listen` is an address that door_open understands. [any] */
bool door_address_fine(const char *listen, struct err *e);
/* NULL with "port 8080 on 127.0.0.1 is taken …"; then the loop must run once more for what was begun to be given back. [main] */
struct door *door_open(uv_loop_t *loop, const struct door_options *options, struct err *e);
int door_port(const struct door *d);
void door_keys(struct door *d, const struct door_key *keys,
               size_t count);             /* replaces at once: a revoked key is refused from the next request on; copies [main] */
void door_stop_accepting(struct door *d); /* drains: keep-alive connections are closed after their open answers [main] */
void door_close(struct door *d);          /* closes everything; the loop must run until it is done [main] */
#define DOOR_REFUSAL_STEPS 8
struct door_figures {
  uint64_t requests, refused, bytes_in, bytes_out, connections, open;
  uint64_t busy_us, busy[DOOR_REFUSAL_STEPS + 1]; /* answers 429: time from reading the request to writing the answer; how many within
                                                     each step, the last: longer */
};
extern const uint32_t door_refusal_us[DOOR_REFUSAL_STEPS]; /* the steps, rising */
struct door_figures door_figures(const struct door *d);

/* ---- events ---- */
#define EVENTS_MOST 2500 /* in one request */
struct refusal {         /* of one event in a request */
  uint32_t index;
  const char *pointer, *detail;
  bool retryable;
};
struct event_batch {
  struct event *events;
  uint32_t *index; /* place of each in what was sent */
  size_t count, sent;
  struct refusal *refusals;
  size_t refusal_count;
  bool alone; /* a single object was sent, not a list */
};
/* One envelope: strict JSON object {id?, userId, eventType, timestamp, data{}, context{}}; error text starts with the JSON pointer of what
 * is wrong. `received` is UTC ms; `source` the key's name; history: ?clock=event. A missing id is given (random, marked). Also used for
 * journal rows and files. [any] */
bool event_parse(struct arena *a, struct str text, int64_t received, struct str source, bool history, struct event *out, struct err *e);
/* Whether paths can name its user; what is taken in is asked this, and journals are not. [any] */
bool event_named(const struct event *event, struct err *e);
/* A request's body in its three shapes: an object, an array, or NDJSON (content type application/x-ndjson). At most EVENTS_MOST events.
 * False: the whole body is refused. True with `count` 0: an empty list, or each of its events was refused on its own. Pointers of refusals
 * are within their event. [any] */
bool event_batch_parse(struct arena *a, struct str body, bool ndjson, int64_t received, struct str source, bool history,
                       struct event_batch *out, struct err *e);
/* Live clocks: more than 5 minutes ahead is refused; history may be at any time up to then. */
#define EVENT_AHEAD_MOST     (5 * CLOCK_MINUTE)
#define EVENT_DECIDES_WITHIN (24 * CLOCK_HOUR)
