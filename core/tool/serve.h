/* The engine as a value: opened, run by a loop, stopped, closed. Used by serve and by the demo. */
#pragma once
#include "api/api.h"
#include <uv.h>

#define ENGINE_SIGNALS 3
struct engine {
  struct {
    const char *data, *program, *listen;
    bool behind_proxy;
    int64_t lanes, letters; /* letters: messages that the courier holds at once */
    const struct endpoint *endpoints;
    size_t endpoint_count;
    struct retention retention;
  } options;
  struct arena arena;
  struct book *book;
  struct library *library;
  struct program_from from;
  struct lanes *lanes;
  struct door *door;
  struct api api;
  uv_loop_t loop;
  uv_signal_t signals[ENGINE_SIGNALS];
  uv_timer_t keys;
  struct chosen chosen;
  char store[4096];
  bool loop_open, running, in_terminal;
};
void engine_prepare(struct engine *s);             /* the loop alone, for what must stand before */
bool engine_open(struct engine *s, struct err *e); /* listens when true; on false call engine_close */
void engine_stop(struct engine *s);                /* the loop ends soon */
void engine_close(struct engine *s);
int tool_demo(struct engine *s);
