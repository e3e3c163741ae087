/* rooms: kit language accept; inside: accept */
/* parser: core/accept/event.c core/accept/batch.c core/accept/element.c */
/* What must hold for any body of POST /v1/events: every event that passes has a user, type and time as promised and its own tokens; every
 * place of what was sent is either an event or a refusal, once, in order; a refusal has a sentence; and an event that passes in a list is
 * the same as when it is sent alone. The first byte of the input chooses lines or JSON, and history or not. */
#include "event.h"
#include "kit/clock.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define NOW INT64_C(1736980800000)

static void check_same_token(const struct json_token *a, const struct json_token *b) {
  must(a->start == b->start && a->end == b->end && a->next == b->next && a->count == b->count);
  must(a->type == b->type && a->escaped == b->escaped);
}

static void check_event(const struct event *event, bool history, struct arena *a) {
  must(event->user.len >= 1 && event->user.len <= 128 && str_utf8(event->user));
  must(event->type.len >= 1 && event->type.len <= 64 && event->id.len >= 1 && event->id.len <= 128);
  must(event->timestamp <= NOW + EVENT_AHEAD_MOST && event->history == history);
  must(event->received == (history ? event->timestamp : NOW));
  must(json_type(&event->json, 0) == JSON_OBJECT && event->json.tokens[0].next == event->json.count);
  must(str_eq(json_raw(&event->json, 0), event->body) && event->json.text == event->body.at);
  for (uint32_t i = 0; i < event->json.count; i++) must(event->json.tokens[i].next > i && event->json.tokens[i].next <= event->json.count);
  struct event alone;
  struct err e = {0};
  must(event_parse(a, event->body, NOW, STR("fuzz"), history, &alone, &e));
  must(str_eq(alone.user, event->user) && str_eq(alone.type, event->type) && alone.timestamp == event->timestamp);
  must(alone.data == event->data && alone.context == event->context && alone.json.count == event->json.count);
  must(alone.id_given == event->id_given && (!alone.id_given || str_eq(alone.id, event->id)));
  for (uint32_t i = 0; i < event->json.count; i++) check_same_token(&alone.json.tokens[i], &event->json.tokens[i]);
}

static void check_batch(const struct event_batch *b, bool history, struct arena *a) {
  must(b->count + b->refusal_count == b->sent && b->sent <= 2500);
  size_t event = 0, refusal = 0;
  for (uint32_t i = 0; i < b->sent; i++) {
    if (event < b->count && b->index[event] == i) {
      check_event(&b->events[event++], history, a);
      continue;
    }
    must(refusal < b->refusal_count && b->refusals[refusal].index == i);
    must(b->refusals[refusal].pointer && b->refusals[refusal].detail[0]);
    must(b->refusals[refusal].pointer[0] == '/' || b->refusals[refusal].pointer[0] == '\0');
    refusal++;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 1) return 0;
  char *text = malloc(size); /* of exactly the size, so that a read beyond it is seen */
  must(text);
  memcpy(text, bytes + 1, size - 1);
  const bool lines = bytes[0] & 1, history = bytes[0] & 2;
  struct arena a = {0};
  struct event_batch b;
  struct err e = {0};
  char *exact = size > 1 ? realloc(text, size - 1) : text;
  if (event_batch_parse(&a, (struct str){exact, size - 1}, lines, NOW, STR("fuzz"), history, &b, &e)) check_batch(&b, history, &a);
  else must(e.kind != ERR_NONE && e.text[0]);
  size_t used = 0;
  if (element_skip((struct str){exact, size - 1}, &used)) must(used <= size - 1);
  arena_free(&a);
  free(exact);
  return 0;
}
