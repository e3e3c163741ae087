/* Inside lane: the way back of jobs to the main thread. */
#pragma once
#include "kit/mailbox.h"
#include "lane/lane.h"

struct back {
  struct mailbox *box; /* lanes and courier send to it */
  uv_poll_t poll;
  uv_idle_t rest; /* runs while jobs wait to be looked at */
  bool runs;
  void (*each)(void *context, struct job *job); /* [main] */
  void *context;
};
bool back_open(struct back *b, size_t capacity);
void back_run(struct back *b, uv_loop_t *loop); /* from here on `each` is called, on the loop's thread */
void back_end(struct back *b, uv_loop_t *loop); /* calls it for everything that is there, then lets go of the loop */
void back_free(struct back *b);                 /* nothing may be sent any more */
