/* One keep-alive connection of the load generator: one request out, its answer in, and again. */
#pragma once
#include "kit/err.h"
#include <stddef.h>
#include <stdint.h>

#define ANSWER_KEPT 8192 /* of an answer's head and body this much is looked at; the rest of the body is counted and dropped */

struct connection {
  int file;
  bool busy; /* a request is out and its answer is not wholly in */
  char *out; /* the request, `out_length` of them, `out_done` are sent */
  size_t out_length, out_done, out_room;
  char in[ANSWER_KEPT + 1];
  size_t in_length;
  bool head_read;
  size_t body_at, body_left;
  int64_t since; /* ns: when it was due (open loop) or sent (closed loop) */
};
struct answer {
  int status;
  int64_t accepted, interventions; /* as the answer says; −1: it does not */
};

bool connection_open(struct connection *c, const char *host, int port, struct err *e);
void connection_close(struct connection *c);
/* Sends what it can. false: the connection is lost. `blocked` says that the socket is full. */
bool connection_send(struct connection *c, bool *blocked, struct err *e);
/* Reads what is there. false: the connection is lost or the answer makes no sense. `done`: one answer is wholly in. */
bool connection_receive(struct connection *c, struct answer *answer, bool *done, struct err *e);
