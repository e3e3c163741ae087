/* resident: what runs inside a plugin host. Private to host. */
#pragma once
#include "kit/str.h"
#include "ring.h"
#include <sys/types.h>

/* What a host is given at birth, packed: enough to make its model again after a crash. */
struct resident_birth {
  struct str path, config, fields; /* the stored library and the JSON, each with its closing NUL; describe_schemas of the model */
  struct str body;                 /* of its state */
  bool loaded;                     /* there is a body */
  uint32_t state_version;
};
void resident_pack(const struct resident_birth *birth, struct buf *out);

struct resident {
  int given, asked, told, bell;
  int answers[RING_PLACES_MOST];
  uint32_t places, life;
  size_t given_size;
};
/* In a process forked by the zygote: makes the model and answers until it is ended. */
_Noreturn void resident_run(const struct resident *r, pid_t parent);
