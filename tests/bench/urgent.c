/* The thread of opt-outs and kills, and the place of a measuring thread before those that only make load. Blocking but for the answer,
 * which is waited for as long as a sanitized engine may need. Called by overload.c and probe.c. */
#include "urgent.h"
#include "connection.h"
#include "kit/clock.h"
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define GAP      INT64_C(50000000) /* ns */
#define PATIENCE 200000            /* ms */

static struct {
  struct urgent *u;
  pthread_t thread;
} o;

void urgent_first(void) {
  setpriority(PRIO_PROCESS, 0, -20); /* of this thread alone, as Linux has it; a refusal only means noisier figures */
}

static bool exchange(struct connection *c, uint64_t n, struct answer *answer) {
  static char request[160];
  struct err e = {0};
  bool blocked = false, done = false;
  const int length =
      n % 2 == 1 ? snprintf(request, sizeof request, "PUT /v1/kill/trigger/nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
                 : snprintf(request, sizeof request,
                            "POST /v1/users/user-%07lu/opt-out HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", n % o.u->users);
  c->out = request;
  c->out_length = (size_t)length;
  c->out_done = 0;
  if (!connection_send(c, &blocked, &e)) return false;
  while (!done) {
    struct pollfd watched = {.fd = c->file, .events = blocked ? POLLIN | POLLOUT : POLLIN};
    if (poll(&watched, 1, PATIENCE) != 1) return false;
    if (blocked && !connection_send(c, &blocked, &e)) return false;
    if (watched.revents & ~POLLOUT && !connection_receive(c, answer, &done, &e)) return false;
  }
  return true;
}

static void *urgent_main(void *unused) {
  (void)unused;
  struct connection c = {.file = -1};
  struct err e = {0};
  const int64_t end = clock_monotonic() + (int64_t)(o.u->seconds * 1e9);
  urgent_first();
  for (uint64_t n = 0; n < 2 || clock_monotonic() < end; n++) { /* one of each at least, on however slow a machine */
    struct answer answer = {0};
    const struct timespec gap = {0, GAP};
    nanosleep(&gap, NULL);
    if (c.file < 0 && !connection_open(&c, "127.0.0.1", o.u->port, &e)) continue;
    const int64_t since = clock_monotonic();
    c.busy = true;
    if (exchange(&c, n, &answer)) {
      o.u->count++;
      o.u->other += answer.status != 200;
      histogram_add(&o.u->latency, clock_monotonic() - since);
    } else {
      o.u->lost++;
      c.out = NULL;
      connection_close(&c);
    }
  }
  c.out = NULL; /* the request is no memory of its own */
  connection_close(&c);
  return NULL;
}

bool urgent_start(struct urgent *u) {
  o.u = u;
  return pthread_create(&o.thread, NULL, urgent_main, NULL) == 0;
}

void urgent_stop(void) {
  pthread_join(o.thread, NULL);
}
