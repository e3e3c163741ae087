/* Inside accept: the envelope over tokens that are already there. */
#pragma once
#include "accept.h"

/* Fills `out` from the tokens of one JSON value; its texts lie in j->text or, when escaped, in `a`. [any] */
bool event_fill(struct arena *a, const struct json *j, int64_t received, struct str source, bool history, struct event *out, struct err *e);
/* Walks over one JSON value by its grammar alone (duplicate keys, bad UTF-8, any depth to 10 000 pass) and says where it ends. False when
 * the brackets, quotes or words themselves are broken, so that nothing behind this place can be trusted. [any] */
bool element_skip(struct str text, size_t *used);
