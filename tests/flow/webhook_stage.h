/* An engine that sends, and a receiver of this process that is as slow as the test likes. */
#pragma once
#include "engine_client.h"
#include "unit/emit_receiver.h"

static struct stage stage;
static struct receiver *receiver;
static _Atomic long slow; /* microseconds an answer takes */
static char url[96];

static inline bool answers_slowly(struct receiver *r, int connection, size_t n) {
  client_rest(slow);
  return answer_204(r, connection, n);
}

static inline void start(void) {
  const char *const more[] = {"--webhook", url, "--webhook-secret", TEST_SECRET, "--allow-http", "--allow-private", "--lanes", "2", NULL};
  engine_start(&stage, more);
}

/* A zone in which it is about noon: the test runs at any hour. */
static inline const char *noon_zone(void) {
  static char name[32];
  int hour = (int)(clock_now() / CLOCK_HOUR % 24), east = 12 - hour;
  snprintf(name, sizeof name, "Etc/GMT%+d", -east); /* POSIX counts westward */
  return east ? name : "Etc/GMT";
}

static inline void receiver_ready(void) {
  receiver = receiver_start(answers_slowly, NULL);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver->port);
}
