/* An engine whose control.db stands still when told, and what is said to it meanwhile. For tests with a `stage` and a `port`. */
#pragma once
#include "engine_client.h"
#include "failing_disk.h"
#include <pthread.h>

static int port;

struct words { /* said over one connection, all at once */
  const char *text;
  int count;
  _Atomic int answered;
  pthread_t thread;
  char statuses[64]; /* "200 409", once all are answered */
};

static inline void read_statuses(struct words *w, struct str in) {
  char statuses[sizeof w->statuses] = "";
  int whole = 0;
  for (const char *at = in.at; (at = memmem(at, in.len - (size_t)(at - in.at), "HTTP/1.1 ", 9)) && at + 12 <= in.at + in.len; at++, whole++)
    snprintf(statuses + strlen(statuses), sizeof statuses - strlen(statuses), "%s%.3s", whole ? " " : "", at + 9);
  memcpy(w->statuses, statuses, sizeof statuses);
  w->answered = whole;
}

static inline void *say(void *context) {
  struct words *w = context;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct timeval patience = {.tv_sec = CLIENT_WAIT_SECONDS};
  const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(s, (struct sockaddr *)&to, sizeof to) != 0 || send(s, w->text, strlen(w->text), MSG_NOSIGNAL) < 0)
    client_fail("no connection");
  struct buf in = {0};
  while (w->answered < w->count) {
    char bytes[4096];
    const ssize_t n = recv(s, bytes, sizeof bytes, 0);
    if (n <= 0) client_fail("%d of %d answers came: %.*s", w->answered, w->count, (int)in.len, in.at ? in.at : "");
    buf_str(&in, (struct str){bytes, (size_t)n});
    read_statuses(w, buf_view(&in));
  }
  buf_free(&in);
  close(s);
  return NULL;
}

static inline void begin(struct words *w) {
  if (pthread_create(&w->thread, NULL, say, w) != 0) client_fail("no thread");
}

static inline void expect_statuses(struct words *w, const char *statuses) {
  pthread_join(w->thread, NULL);
  if (strcmp(w->statuses, statuses) != 0) client_fail("expected %s, got %s for %.60s", statuses, w->statuses, w->text);
}

static inline void until_it_waits(void) {
  for (int tries = 0; !disk_sync_waiting; tries++) {
    if (tries > 100 * CLIENT_WAIT_SECONDS) client_fail("nobody syncs");
    client_rest(10000);
  }
}

/* With the usual 40, longer than the engine's looks at its keys are apart: those do not wait either. */
static inline void others_are_served(int round, int times) {
  char event[160], time[32];
  for (int i = 0; i < times; i++) {
    const int length = (int)clock_format(clock_now(), time);
    snprintf(event, sizeof event, "{\"id\":\"e%d-%d\",\"userId\":\"u%d\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{}}", round,
             i, i, length, time);
    const int taken = client_status(port, "POST", "/v1/events", NULL, "application/json", event);
    const int lives = client_status(port, "GET", "/livez", NULL, NULL, "");
    if (taken != 200 || lives != 200) client_fail("while an operator's act is written an event is answered %d, /livez %d", taken, lives);
    client_rest(20000);
  }
}
