/* Jobs on their way back: a mailbox that wakes the main thread's loop. Promises that each job is handed over once, in the order it was
 * sent, and that the loop looks at its sockets between two shares of them: whoever has to be refused, and whoever opts out, must not wait
 * until a whole turn's answers are made. Started by lane.c; everything here runs on the main thread. */
#include "back.h"

#define AT_ONCE 64

/* True: there may be more. */
static bool take(struct back *b) {
  void *jobs[AT_ONCE];
  const size_t n = mailbox_take(b->box, jobs, AT_ONCE);
  for (size_t i = 0; i < n; i++) b->each(b->context, jobs[i]);
  return n > 0 || !mailbox_arm(b->box);
}

static void on_rest(uv_idle_t *rest) {
  if (!take(rest->data)) uv_idle_stop(rest);
}

static void on_sent(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct back *b = poll->data;
  if (!uv_is_active((uv_handle_t *)&b->rest) && take(b)) uv_idle_start(&b->rest, on_rest);
}

bool back_open(struct back *b, size_t capacity) {
  b->box = mailbox_new(capacity);
  return b->box != NULL;
}

void back_run(struct back *b, uv_loop_t *loop) {
  must(uv_poll_init(loop, &b->poll, mailbox_descriptor(b->box)) == 0 && uv_idle_init(loop, &b->rest) == 0);
  b->poll.data = b->rest.data = b;
  b->runs = true;
  uv_poll_start(&b->poll, UV_READABLE, on_sent);
  uv_idle_start(&b->rest, on_rest); /* until nothing is there: then the mailbox is armed */
}

void back_end(struct back *b, uv_loop_t *loop) {
  if (!b->runs) return;
  b->runs = false;
  while (take(b)) {
  }
  uv_poll_stop(&b->poll);
  uv_close((uv_handle_t *)&b->poll, NULL);
  uv_close((uv_handle_t *)&b->rest, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
}

void back_free(struct back *b) {
  if (b->box) mailbox_free(b->box);
  b->box = NULL;
}
