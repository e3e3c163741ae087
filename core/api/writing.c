/* writing: what handlers write into control.db while the loop goes on: one after the other, in the order in which it was asked for, so that
 * a disk which stands still holds nobody else up. Promises that each is looked at when its turn comes and not before, since what was said
 * before it may have changed what it means; that it is written once at most; and that its end is told exactly once, also by an engine that
 * stops. Main thread, but for `write`, which libuv's pool runs. */
#include "inside.h"
#include <string.h>

static void write_next(struct api *api);

static void write_first(uv_work_t *work) {
  struct writing *w = ((struct api *)work->data)->writing;
  w->write(w, &w->err);
}

static void written_first(uv_work_t *work, int status) {
  struct api *api = work->data;
  struct writing *w = api->writing;
  if (status != 0) err_set(&w->err, ERR_BUSY, "the engine is stopping: send again in a second");
  api->writing = NULL;
  w->end(w); /* it may be gone now */
  write_next(api);
}

/* The pool's threads keep no order of their own: one at a time. */
static void write_next(struct api *api) {
  while (!api->writing && api->writings) {
    struct writing *w = api->writings;
    api->writings = w->next;
    w->next = NULL;
    api->writing = w;
    if (w->begin && !w->begin(w)) { /* said, and gone */
      api->writing = NULL;
      continue;
    }
    api->write.data = api;
    must(uv_queue_work(api->loop, &api->write, write_first, written_first) == 0);
  }
}

void writing_queue(struct api *api, struct writing *w) {
  if (api->writing_ended) {
    err_set(&w->err, ERR_STOPPING, "the engine is stopping: send again in a second");
    w->end(w);
    return;
  }
  struct writing **last = &api->writings;
  while (*last) last = &(*last)->next;
  *last = w;
  write_next(api);
}

static bool is_about(const struct writing *w, const char *kind, struct str name) {
  return w->kind && strcmp(w->kind, kind) == 0 && str_eq(w->name, name);
}

bool writing_follows(const struct api *api, const char *kind, struct str name) {
  for (const struct writing *w = api->writings; w; w = w->next)
    if (is_about(w, kind, name)) return true;
  return false;
}

bool writing_waits(const struct api *api, const char *kind, struct str name) {
  return (api->writing && is_about(api->writing, kind, name)) || writing_follows(api, kind, name);
}

void writing_end(struct api *api) {
  while (api->writing || api->writings) uv_run(api->loop, UV_RUN_ONCE);
  api->writing_ended = true;
}
