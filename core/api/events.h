/* Inside api: a request's events between their lanes and the answer. */
#pragma once
#include "inside.h"

/* Lies in the request. */
struct posting {
  struct api *api;
  struct request *request;
  struct event_batch batch;
  struct job *jobs[BOOK_VOLUMES_MOST];
  uint32_t *places[BOOK_VOLUMES_MOST]; /* beside a job's items: place in the batch */
  uint32_t waiting;
  struct err refused; /* a volume that had no room after all */
  struct elsewhere elsewhere;
};

static inline bool job_lost(const struct job *j) {
  return j->err.kind != ERR_NONE;
}

/* Answers once: all that is said of single events stands in the order in which they were sent. The posting is gone then. [main] */
void posting_answer(struct posting *p);
