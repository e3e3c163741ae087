/* Inside accept: what the files of the door share. One door belongs to one loop and one thread.
 *   door.c        listening, the sweep over slow and idle connections, shutting
 *   connection.c  a socket: reading, cutting into messages, writing answers in order
 *   exchange.c    a message becomes a request: route, key, scope, limits, body
 *   answer.c      a handler's answer becomes bytes
 *   keys.c        who is asking */
#pragma once
#include "accept.h"
#include "http.h"
#include "kit/log.h"
#include "route.h"

#define OPEN_MOST        32           /* requests of one connection that wait for their answers; then the socket is not read */
#define OUT_MOST         (256 * 1024) /* bytes of answers that a connection may leave unread before it is not served on */
#define READ_ROOM        (64 * 1024)
#define BODY_MOST        (1024 * 1024)
#define DRAIN_MOST       (64 * 1024) /* a refused request's body up to here is read over; a longer one ends the connection */
#define RESERVED_MOST    64          /* connections beyond the limit, for the reserved routes */
#define LINGER_MS        2000        /* how long a last answer may take to be fetched before the socket is closed under it */
#define SWEEP_MS         250
#define PAUSE_MS         50    /* after a 429 its connection is not read for so long at least */
#define PAUSE_MOST       2000  /* … and at most */
#define REFUSAL_NS       50000 /* refusals are given this much time each, ten times what one takes … */
#define REFUSAL_KB_NS    6000  /* … and this for each KiB of body that is thrown away */
#define RESUME_MS        10
#define RESUME_AT_ONCE   512
#define RESUME_LEAST     32      /* in a piece, however long they take: turns with large bodies are long as well */
#define TAKE_MOST        4       /* messages of one connection in a turn of the loop; 4 KiB of body count as one more */
#define SHARE_NS         1000000 /* of a turn, for messages and pauses that could be gone on with: then sockets are looked at again */
#define SPARE_EXCHANGES  1024
#define SPARE_ARENA_MOST (64 * 1024)

struct exchange {         /* a request and what only the door needs to know of it */
  struct request request; /* first: a request is its exchange */
  struct door *door;
  struct exchange *next_spare;
  struct buf answer; /* the bytes, when it was answered before its turn */
  struct str head, authorization;
  uint64_t keys_told; /* the door's, when its key was judged */
  char *body;
  size_t body_length, body_room, body_most;
  uint64_t announced; /* by Content-Length */
  int64_t taken;      /* monotonic ns: when the bytes that completed its head, or its body, were read */
  bool answered, busy, closes, head_only, old, gzip, wants_continue; /* busy: answered 429 */
};

enum waiting { WAITING_IDLE, WAITING_HEAD, WAITING_BODY, WAITING_HANDLER, WAITING_WRITE, WAITING_LINGER };

struct connection {
  uv_tcp_t tcp;
  struct door *door;
  struct connection *before, *after, *next_dirty, *next_later;
  struct exchange *open[OPEN_MOST]; /* a ring, in the order of arrival */
  uint32_t first, count;
  struct exchange *reading; /* its body is coming in; not handed over yet */
  struct http_stream stream;
  char *held; /* bytes that could not be taken yet */
  size_t held_length, held_room;
  struct buf out, flying; /* answers collected in this turn of the loop; what the kernel did not take at once */
  uv_write_t write;
  uv_shutdown_t shutdown;
  enum waiting waiting;
  int64_t since;                                  /* monotonic ms: when `waiting` began, or last moved on */
  uint64_t body_so_far;                           /* of the message being read */
  uint64_t turn, taken;                           /* the turn of the loop in which it was last taken from, and how much */
  size_t unsent;                                  /* of `flying`, as the last sweep saw it */
  int64_t paused_until;                           /* monotonic ms; 0: not paused */
  int64_t refused_at;                             /* monotonic ns: `taken` of the 429 that is in `out`; 0: none is */
  bool dirty, closing, writing, listening, ended; /* listening: the socket is read; ended: the peer sends no more */
  bool last;                                      /* nothing more is taken from it: a fault, or Connection: close */
  bool closes;                                    /* `last` will be set when this message is complete */
  bool discards;                                  /* the body belongs to a request that was refused */
  bool later;                                     /* it had its share of this turn: in the door's list */
  bool lines_up;                                  /* nothing more is taken up before all its answers have left: there is no room */
  bool fresh, limited;                            /* no request yet; above the limit of connections: reserved routes only */
};

struct key {
  unsigned char sha256[32];
  uint32_t scopes;
  char name[64];
};

struct door {
  uv_loop_t *loop;
  uv_tcp_t listener;
  uv_timer_t sweeper, resumer;
  uv_prepare_t before_poll;
  uv_check_t after_poll;
  uv_idle_t awake;  /* while somebody's share is to come: the loop does not sleep */
  uint32_t handles; /* of these that are not closed yet */
  int port;
  struct router *router;
  void *context;
  bool (*room)(void *context);
  struct key *keys;
  size_t key_count;
  uint64_t keys_told; /* how often they were set */
  bool keyless;       /* opened without keys, on loopback: everything is allowed. Never again once a key was set */
  int64_t header_ms, idle_ms, body_grace_ms;
  uint32_t body_rate;
  uint32_t most;
  uint64_t body_bytes, body_bytes_most; /* room taken by the bodies of all requests */
  struct connection *connections, *dirty;
  struct connection *later, **later_end; /* who has more to be taken than their share of a turn, in order */
  struct connection *resuming;           /* where the last look at pauses broke off; NULL: it was done */
  uint64_t turn;                         /* of the loop, counted */
  struct exchange *spare;
  size_t spare_count, exchanges; /* exchanges: taken and not given back */
  char *read_room;               /* one for all: what is not taken at once is moved to its connection */
  struct buf scratch;            /* problem bodies */
  void *inflater;
  int64_t utc, monotonic, nanoseconds; /* ms, ms and monotonic ns, as of the last look */
  uint32_t early;   /* paused connections that may go on at the next look, if there is room: doubled by quiet, halved by a 429 */
  bool refused;     /* somebody was told 429 since the last look */
  int64_t refusals; /* monotonic ns: until when the time for refusals is given away */
  int64_t date_second;
  char date[64]; /* "Date: …\r\n" */
  struct door_figures figures;
  struct log_lasting failing; /* what clients are not told of */
  bool stopping, closing, accept_waits, accept_failed;
};

/* keys.c */
bool keys_set(struct door *d, const struct door_key *keys, size_t count);
enum key_found { KEY_FOUND, KEY_NONE, KEY_UNKNOWN, KEY_NARROW, KEY_NO_MEMORY }; /* narrow: known, but without the scope */
enum key_found keys_find(const struct door *d, struct str authorization, struct str head, struct arena *a, const struct key **out);

/* exchange.c */
void exchange_begin(struct connection *c, struct str block);
void exchange_fault(struct connection *c, const struct http_fault *fault);
bool exchange_body(struct exchange *x, struct str piece);
void exchange_complete(struct exchange *x);
void exchange_lighten(struct exchange *x); /* answered before its turn: only the answer is still needed */
void exchange_free(struct exchange *x);    /* also frees a closed door after its last */

/* answer.c */
void answer_put(struct exchange *x, int status, const char *content_type, struct str body, const char *name, const char *value);
void answer_problem(struct exchange *x, int status, const char *word, const char *pointer, const char *detail, const char *name,
                    const char *value);

/* connection.c */
void connection_open(struct door *d);
void connection_close(struct connection *c);
void connection_answered(struct exchange *x, struct buf *bytes); /* bytes: where answer_put wrote */
struct buf *connection_out(struct exchange *x);                  /* where the bytes of its answer go now */
void connection_ends_with(struct exchange *x);                   /* when the door is closing and this is the last */
bool connection_is_quiet(const struct connection *c);
void connection_flush(struct connection *c);
void connection_dirty(struct connection *c);
void connection_later(struct connection *c); /* goes on in the next turn */
void connection_sweep(struct connection *c);
void connection_pause(struct connection *c, uint64_t body); /* it was told 429 for so large a body */
void connection_resume(struct connection *c);

/* door.c */
void door_clock(struct door *d);
void door_resume(uv_timer_t *timer);
void door_awake(uv_idle_t *handle);
void door_forget(struct connection *c);           /* out of all its lists */
void door_refused(struct door *d, int64_t taken); /* a 429 has been written */
void door_freed_something(struct door *d);        /* frees the door when it was the last */
