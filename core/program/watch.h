/* Inside program: what happens to the files of a program, and of the plugins, while an engine runs. On the builder's loop and thread. */
#pragma once
#include "kit/err.h"
#include <uv.h>

struct watch_options {
  const char *directory;          /* holds rules/, interventions/, models/; NULL: not watched */
  const char *plugins;            /* hold <id>.so or <id>/<id>.so, with ":" between them; NULL: not watched */
  uint64_t settle_ms;             /* so long nothing may have changed */
  uint64_t rescan_ms;             /* how often all is looked at although nobody said a word: for file systems that tell nothing */
  void (*settled)(void *context); /* something is otherwise than when this was called last, or than at the start */
  void *context;
};
struct watch;
/* `settled` is called once soon after the start, whatever there is. NULL: no memory. */
struct watch *watch_open(uv_loop_t *loop, const struct watch_options *options);
/* Has nothing changed since `settled` was called? If not, it will be called again. For whoever has read the files meanwhile. */
bool watch_unchanged(struct watch *w);
void watch_again(struct watch *w); /* `settled` is called once more, though nothing changes: it could not do what it is for */
void watch_close(struct watch *w); /* the loop must run until its handles are closed; then watch_free */
void watch_free(struct watch *w);
