/* Inside accept: the envelope over tokens that are already there. */
#pragma once
#include "accept.h"

/* The subtree at `at` as a document of its own, root first, its text starting with it. Its tokens are moved where they lie, not copied: `j`
 * is of no more use for that subtree. [any] */
struct json event_document(const struct json *j, uint32_t at);
/* Fills `out` from the tokens of one JSON value; its texts lie in j->text or, when escaped, in `a`. [any] */
bool event_fill(struct arena *a, const struct json *j, int64_t received, struct str source, bool history, struct event *out, struct err *e);
/* Walks over one JSON value by its grammar alone (duplicate keys, bad UTF-8, any depth to 10 000 pass) and says where it ends. False when
 * the brackets, quotes or words themselves are broken, so that nothing behind this place can be trusted. [any] */
bool element_skip(struct str text, size_t *used);
