/* zygote: a small process, forked before the engine has threads, that forks all others: probes, and plugin hosts, which it starts again
 * when they end. Private to host, but for host_begin and host_end (host.h). */
#pragma once
#include "child.h"
#include "ring.h"
#include <stdatomic.h>

#define ZYGOTE_CRASHES   3 /* in ZYGOTE_MINUTE: the host stays down */
#define ZYGOTE_MINUTE    INT64_C(60000000000)
#define ZYGOTE_PATIENCE  INT64_C(50000000)    /* ns of processor time, or asleep, before a host that does not answer is ended */
#define ZYGOTE_WAIT_MOST INT64_C(10000000000) /* ns, for one that does not get the processor either */

/* What the zygote says of a host, in memory that the host never sees. */
enum ward_state {
  WARD_UP = 1,    /* a process of life `where >> 8` was started */
  WARD_DOWN,      /* it ended; the next one is on its way */
  WARD_ENDED,     /* it ended before it was ready for the first time: no second try */
  WARD_SUSPENDED, /* it ended too often */
};
struct ward_status {
  _Atomic uint64_t where; /* life << 8 | enum ward_state */
  _Atomic uint32_t crashes;
  _Atomic int32_t ended; /* how the last one did, as waitpid tells it */
  _Atomic uint32_t late; /* it was ended by the zygote for not answering */
  _Atomic int32_t pid;
  char words[RING_WORDS]; /* the last that it told; kept from the next one, which begins with none */
};

struct zygote_host {
  int given, asked, told, status, bell; /* descriptors; the caller keeps its own */
  int answers[RING_PLACES_MOST];
  uint32_t places;
  uint32_t life; /* its processes number on from here; 0: it has had none */
  size_t given_size;
  uint64_t generation; /* out: of the zygote that has it */
};

bool zygote_begin(struct err *e);
bool zygote_lives(void);
/* Zygotes are numbered 1, 2, …: the last that ended; 0: none did. [any] */
uint64_t zygote_lost(void);
/* A descriptor that is readable when the zygote has ended; the caller closes it. -1: there is none. [any] */
int zygote_watched(void);
/* Replaces a zygote that has ended. True: there is one, the same or another. [any] */
bool zygote_renew(struct err *e);
/* Starts a host and keeps it up. The leash: closing it ends the host for good; one byte into it says that an answer is late. −1: refused.
 */
int zygote_host(struct zygote_host *h, struct err *e);
/* A child task's job. The leash gives its wait status; closing it ends the job. */
int zygote_job(const struct child_task *task, int to, struct err *e);
int zygote_job_end(int leash, bool now); /* the wait status; `now`: it is ended first */
