/* One HTTP request to a running engine, for the subcommands that read or change live state. Blocking; main thread or a thread of its own.
 */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

struct client {
  const char *url; /* "http://127.0.0.1:8080", with a slash behind it or not */
  const char *key; /* NULL: none */
};
/* `body` empty: none. `path` NULL: it found no memory. False: the engine could not be reached (ERR_BUSY: exit 4), or it refused (its own
 * words, kind by status). */
bool client_call(const struct client *c, const char *method, const char *path, const char *content_type, struct str body,
                 struct buf *answer, int *status, struct err *e);
/* A path segment, percent-encoded. */
void client_escape(struct buf *out, struct str segment);
