/* emit: a decision becomes an effect. Rendering in the user's language with the user's own numbers, and the courier: signed webhooks,
 * attempts, retries, dead letters. Rendering is pure and runs in a lane; the courier is a thread of its own with a loop and libcurl.
 * Neither reads a file of the journal. */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/trace.h"
#include "language/language.h"

/* ---- rendering [builder] then [lane] ---- */
struct templates; /* immutable: every intervention's messages per language, pieces and value expressions compiled */
/* Findings: a placeholder without a value, a value that no language uses, broken expressions, a language tag that is none, no message at
 * all. NULL when memory failed. */
struct templates *templates_build(struct arena *a, const struct noun_intervention *interventions, size_t count, struct symbols *symbols,
                                  struct findings *f);
/* The slots that an option's message reads, ascending: decide has them filled before it asks whether the message can be said. [any] */
size_t template_slots(const struct templates *t, uint32_t option, const uint32_t **slots);
struct rendered {
  struct str language; /* the one used: the user's, its base ("pt" of "pt-BR"), "en", or the first */
  struct str message;
  struct str values;  /* JSON object of the placeholders' values */
  struct str missing; /* not empty: the placeholder whose value is missing; then nothing may be sent */
};
/* `option` is the intervention's place in the sorted list. Numbers appear with at most 2 decimals, trimmed. */
void template_render(const struct templates *t, uint32_t option, struct str language, const struct value *slots, struct arena *a,
                     struct rendered *out);

/* The webhook's body, minified, deterministic: {"type":"intervention.sent","timestamp":…,"data":{…}}; at most 20 KB. [lane] */
struct effect {
  uint64_t decision;
  struct str decision_id, user, trigger, option, type, channel, action, experiment, arm, program;
  const struct rendered *text;
  int64_t at, expires_at;
  double expected_impact; /* NAN: none */
};
void effect_body(const struct effect *e, struct buf *out);

/* ---- the courier ---- */
struct endpoint {
  const char *name;
  const char *url;
  const char *secrets[2]; /* "whsec_…"; the second during rotation, or NULL */
  bool allow_http;        /* plain http only where configured (W3) */
  bool allow_private;     /* private, loopback, link-local … addresses (W4) */
  double rate, burst;     /* the token bucket: attempts per second and at once; 0 = 100 000 and one second's worth (W5) */
  const char *ca_file;    /* PEM: certificates to trust instead of the system's; NULL = the system's */
};
/* Whether its secrets and its URL can be used; asks no name server. Secrets are not repeated in the error. [any] */
bool endpoint_check(const struct endpoint *endpoint, struct err *e);
/* A committed outbox row on its way. One malloc'd block by letter_new; the courier takes it. */
#define LETTER_NAMES 16
struct letter {
  uint64_t id;                       /* decision */
  uint32_t volume;                   /* whose lane gets the results */
  int64_t user;                      /* number within the volume */
  int64_t due, send_before, created; /* UTC ms */
  uint32_t attempts;                 /* made so far */
  uint64_t names[LETTER_NAMES]; /* hash_64 of "trigger:x", "intervention:x", "experiment:x", "rollout:x", "model:x"; 0 = none: what a kill
                                   may name; hash_64("any"): more than fit, so that any kill of a rollout or a model stops it */
  uint32_t endpoint;            /* 0: the first endpoint whose breaker allows; n: endpoint n − 1 alone */
  bool notice;                  /* not an intervention: the long table of pauses (W2), ≥ 60 s after 429 or a timeout */
  struct trace trace;           /* of the request that caused it: sent on under a span of its own */
  uint64_t origin;              /* of the data directory that it was decided in: in its webhook-id for ever; 0: the courier's */
  struct str body;              /* copied by letter_new, set by it */
};
struct letter *letter_new(struct str body); /* zeroed but for the body; NULL when memory failed. [any] */
/* What its row keeps beside the body: the names, and the trace and the origin if there are such. [lane] */
void letter_pack(const struct letter *l, struct buf *out);
void letter_unpack(struct letter *l, struct str packed);
void letter_free(struct letter *l); /* only for a letter that was not taken; NULL is fine. [any] */

struct attempt_result {
  uint64_t id;
  uint32_t volume;
  int64_t user; /* the letter's */
  int64_t at;
  int64_t next_due; /* 0 when it has ended */
  /* RETURNED: the courier had no memory to hold it; nothing happened, its row waits, and it wants to be pushed again. */
  enum letter_end { LETTER_AGAIN, LETTER_DELIVERED, LETTER_FAILED, LETTER_EXPIRED, LETTER_WITHDRAWN, LETTER_RETURNED } end;
  uint32_t attempt; /* 1-based; 0 when it ended without one */
  int32_t status;   /* HTTP status, 0 when none */
  int32_t milliseconds;
  char reason[96]; /* "timeout", "connection refused", "killed", … */
};
struct courier_options {
  const struct endpoint *endpoints; /* each letter goes to the first whose breaker allows; one endpoint is the usual case */
  size_t endpoint_count;
  uint32_t letters_most; /* held at once; 0 = 65 536 */
  /* Called on the courier's thread for every attempt and every end; must not block. A batch, so that one message serves many. How many were
   * taken: without memory for all of them the courier keeps the others, for which it has room since its start, and comes again. */
  size_t (*results)(void *context, const struct attempt_result *results, size_t count);
  /* Called on the courier's thread when room is there again after a refused push: the lane of this volume should push its waiting rows.
   * False: no memory to say so; the courier comes again. */
  bool (*hungry)(void *context, uint32_t volume);
  void (*withdrawn)(
      void *context,
      void *token); /* acknowledges courier_withdraw / courier_kill: no attempt starts after this; not called for a NULL token */
  void *context;
  /* Told on the courier's thread, besides the log, when an endpoint's breaker opens or closes or when it is disabled (W6). May be NULL. */
  void (*endpoint_changed)(void *context, size_t endpoint, const char *state, const char *why);
  /* Of letters without an origin of their own: goes into webhook-id, "msg_<origin>_d<partition>-<count>", so that two installations may
   * share a receiver; NULL: "msg_d…". */
  const char *origin;
  int64_t connect_ms, total_ms; /* 0 = 5 000 and 15 000 (W3); tests shorten them */
};
struct courier;
struct courier *courier_start(const struct courier_options *options, struct err *e); /* [main] */
void courier_stop(struct courier *c);                   /* [main] lets running requests end (≤ 15 s), then joins */
bool courier_push(struct courier *c, struct letter *l); /* [lane] never blocks; false: full, the letter is not taken; `hungry` will call */
void courier_withdraw(struct courier *c, uint32_t volume, int64_t user, void *token); /* [lane] reserved room: never fails (C3) */
/* The same, because of what is known of the person now; nobody waits for it by itself: who must, withdraws the user 0 behind it. [lane] */
void courier_recall(struct courier *c, uint32_t volume, int64_t user);
/* All that is killed; hash_64("all"): everything (C4). Made before a kill is promised: telling the courier then cannot fail. */
struct killed_names;
struct killed_names *killed_names_new(const uint64_t *names, size_t count); /* NULL when memory failed. [any] */
void killed_names_free(struct killed_names *k);                             /* only one that was not told; NULL is fine. [any] */
void courier_kill(struct courier *c, struct killed_names *k, void *token);  /* [main] takes it; replaces the killed set; never fails */
struct courier_figures {
  uint64_t attempts, delivered, failed, expired, withdrawn, waiting, in_flight, breaker_open;
};
struct courier_figures courier_figures(struct courier *c);                                     /* [any] */
enum endpoint_state { ENDPOINT_CLOSED, ENDPOINT_OPEN, ENDPOINT_HALF_OPEN, ENDPOINT_DISABLED }; /* the breaker's, as electricians say it */
enum endpoint_state courier_endpoint(struct courier *c, size_t endpoint);                      /* [any] a moment's view */
struct endpoint_view {
  enum endpoint_state state;
  int64_t since;  /* UTC ms: when it was disabled, or first failed so that its breaker opened; 0: it works */
  int64_t try_at; /* UTC ms: open, when one attempt is let through; 0: now, or not before an operator acts */
  char why[96];   /* what it failed with last */
};
struct endpoint_view courier_endpoint_view(struct courier *c, size_t endpoint); /* [any] a moment's view */
void courier_enable(struct courier *c, size_t endpoint);                        /* [any] takes a disabled endpoint back into service */
void courier_nudge(struct courier *c); /* [any] the clock was moved (tests): look again at what is due */

/* Standard Webhooks: "v1,<base64>" for each secret, space-separated. [any] */
bool webhook_sign(const char *const *secrets, size_t count, struct str id, int64_t unix_seconds, struct str body, struct buf *out,
                  struct err *e);
/* True when any v1 among the space-separated signatures fits and the timestamp is within 5 minutes of `now_ms`, either way. [any] */
bool webhook_verify(const char *secret, struct str id, struct str timestamp, struct str signature, struct str body, int64_t now_ms,
                    struct err *e);
/* W4: is this numeric address one that must not be reached? (sockaddr of the connected peer; private, loopback, link-local, CGNAT,
 * multicast, unspecified, embedded IPv4 …) [any] */
struct sockaddr;
bool address_forbidden(const struct sockaddr *address);
/* W2: the delay before attempt n+1 with its ±20 % from the row's id, so that it is the same on every machine; −1: no more. [any] */
int64_t retry_delay(uint32_t attempts_made, bool intervention, uint64_t id);

/* The built-in receiver: verifies, then gives each webhook to `each`. Runs on the caller's loop. [main] */
struct uv_loop_s;
struct sink;
struct sink *sink_open(struct uv_loop_s *loop, const char *listen, const char *secret,
                       void (*each)(void *context, bool verified, const char *why, struct str body), void *context, struct err *e);
int sink_port(const struct sink *s);
struct str sink_traceparent(const struct sink *s); /* inside `each`: that webhook's; empty: none */
void sink_close(struct sink *s);
