/* An engine's inside without its door: a book, the HeartSteps program, one lane that does not run yet, and what control.db says restored.
 */
#pragma once
#include "api/api.h"
#include "kit/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
  char directory[64];
  struct api api;
  uv_loop_t loop;
  struct err e;
};

static inline void fine(struct world *w, bool ok) {
  if (!ok) fail_msg("%s", w->e.text);
}

static inline void prepare(struct world *w) {
  static const struct program_from from = {0};
  fine(w, (w->api.book = book_open(w->directory, true, &w->e)) != NULL);
  w->api.library = library_new(w->api.book, &from);
  struct program *p = program_from_directory(KAIROS_SOURCE_DIR "/tests/heartsteps", &from, &w->e);
  assert_non_null(p);
  fine(w, program_store(p, w->api.book, &w->e));
  w->api.program = library_add(w->api.library, p);
  uv_loop_init(&w->loop);
  w->api.loop = &w->loop;
  const struct lanes_options options = {.book = w->api.book, .library = w->api.library, .lanes = 1, .loop = &w->loop};
  fine(w, (w->api.lanes = lanes_open(&options, &w->e)) != NULL);
  fine(w, lanes_activate(w->api.lanes, w->api.program, 7, &w->e));
}

static inline void start(struct world *w) {
  prepare(w);
  fine(w, api_restore(&w->api, &w->e));
}

static inline void stop(struct world *w) {
  writing_end(&w->api);
  lanes_close(w->api.lanes);
  uv_loop_close(&w->loop);
  api_close(&w->api);
  library_free(w->api.library);
  book_close(w->api.book);
  w->api = (struct api){0};
}
