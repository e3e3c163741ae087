/* A request's events in their three shapes: one object, an array, lines of NDJSON. Promises that one bad event in a list costs nothing but
 * itself: it becomes a refusal with its place, pointer and sentence, and the others go on in their order. An array whose brackets or
 * quotes are broken is refused whole, for nobody can say where the next event starts. The usual array is tokenized in one pass and its
 * events share those tokens; only when that fails is it cut and read piece by piece. Called by the handler of POST /v1/events on the loop
 * thread, and by imports. */
#include "event.h"
#include "kit/clock.h"
#include <string.h>

struct gathering {
  struct arena *arena;
  struct event_batch *batch;
  int64_t received;
  struct str source;
  bool history;
  size_t event_room, refusal_room;
  struct err *e;
};

static bool out_of_memory(struct err *e) {
  return err_set(e, ERR_BUSY, "out of memory while reading the events");
}

/* Room for one more of `size` bytes behind `count` of them: doubles, in the arena. */
static void *one_more(struct arena *a, void *old, size_t count, size_t *room, size_t size, size_t first) {
  if (count < *room) return old;
  const size_t wanted = *room ? *room * 2 : first;
  void *grown = arena_alloc(a, wanted * size);
  if (!grown) return NULL;
  if (count) memcpy(grown, old, count * size);
  *room = wanted;
  return grown;
}

static bool event_room(struct gathering *g, size_t first) {
  struct event_batch *b = g->batch;
  size_t room = g->event_room;
  uint32_t *index = one_more(g->arena, b->index, b->count, &room, sizeof *index, first);
  if (!index) return out_of_memory(g->e);
  struct event *events = one_more(g->arena, b->events, b->count, &g->event_room, sizeof *events, first);
  if (!events) return out_of_memory(g->e);
  b->events = events;
  b->index = index;
  return true;
}

static void event_keep(struct gathering *g) {
  g->batch->index[g->batch->count++] = (uint32_t)g->batch->sent++;
}

/* "/data/x: expected …" is split into pointer and detail; a sentence without a pointer speaks of the event as a whole. Of several each
 * keeps its own place, and the pointer is that of the first. */
static void refusal_split(struct arena *a, const struct err *why, struct refusal *out) {
  const char *text = why->text, *colon = strstr(text, ": ");
  const bool pointer = colon && (text[0] == '/' || colon == text);
  out->pointer = pointer ? arena_text(a, text, (size_t)(colon - text)) : "";
  const char *detail = pointer && !why->also_count ? colon + 2 : text;
  out->detail = arena_text(a, detail, strlen(detail));
}

/* Memory that failed is no fault of the event's: it may be sent again. */
static bool event_refuse(struct gathering *g, const struct err *why) {
  struct event_batch *b = g->batch;
  struct refusal *refusals = one_more(g->arena, b->refusals, b->refusal_count, &g->refusal_room, sizeof *refusals, 8);
  if (!refusals) return out_of_memory(g->e);
  b->refusals = refusals;
  struct refusal *r = &refusals[b->refusal_count];
  *r = (struct refusal){.index = (uint32_t)b->sent, .retryable = why->kind == ERR_BUSY};
  refusal_split(g->arena, why, r);
  if (!r->pointer || !r->detail) return out_of_memory(g->e);
  b->refusal_count++;
  b->sent++;
  return true;
}

static bool too_many(struct gathering *g) {
  return err_set(g->e, ERR_INPUT, "expected at most %d events in one request, came more; send them in several", EVENTS_MOST);
}

bool event_named(const struct event *event, struct err *e) {
  const struct str user = event->user;
  if (user.len > 2 || (!str_is(user, ".") && !str_is(user, ".."))) return true;
  return err_set(e, ERR_INPUT,
                 "/userId: expected an id that a path can name, came \"" STR_FORMAT
                 "\": nobody of that id could be asked about, opt out or be erased",
                 STR_ARG(user));
}

/* One event as text of its own: a line, or a piece of an array that could not be read whole. */
static bool gather_text(struct gathering *g, struct str text) {
  if (g->batch->sent == EVENTS_MOST) return too_many(g);
  if (!event_room(g, 16)) return false;
  const struct arena_mark mark = arena_mark(g->arena);
  struct err why = {0};
  struct event *event = &g->batch->events[g->batch->count];
  if (event_parse(g->arena, text, g->received, g->source, g->history, event, &why) && event_named(event, &why)) {
    event_keep(g);
    return true;
  }
  arena_rewind(g->arena, mark);
  return event_refuse(g, &why);
}

static bool gather_lines(struct gathering *g, struct str body) {
  for (struct str line; str_split(&body, '\n', &line);) {
    line = str_trim(line);
    if (line.len && !gather_text(g, line)) return false;
  }
  return true;
}

static bool gather_tokens(struct gathering *g, const struct json *array) {
  const uint32_t sent = array->tokens[0].count;
  if (sent > EVENTS_MOST) return too_many(g);
  if (sent && !event_room(g, sent)) return false;
  uint32_t at = 1;
  for (uint32_t i = 0; i < sent; i++) {
    const uint32_t next = array->tokens[at].next;
    const struct json element = event_document(array, at);
    struct err why = {0};
    struct event *event = &g->batch->events[g->batch->count];
    if (event_fill(g->arena, &element, g->received, g->source, g->history, event, &why) && event_named(event, &why)) event_keep(g);
    else if (!event_refuse(g, &why)) return false;
    at = next;
  }
  return true;
}

/* Cuts the array by grammar alone and reads each piece. False with `*broken` when the grammar does not hold. */
static bool gather_pieces(struct gathering *g, struct str body, bool *broken) {
  struct str rest = str_trim((struct str){body.at, body.len});
  *broken = true;
  if (rest.len < 2 || rest.at[rest.len - 1] != ']') return false;
  rest = (struct str){rest.at + 1, rest.len - 2};
  for (bool more = true; more;) {
    size_t used;
    if (!element_skip(rest, &used)) return false;
    const struct str piece = {rest.at, used};
    rest = str_trim((struct str){rest.at + used, rest.len - used});
    more = rest.len > 0;
    if (more && rest.at[0] != ',') return false;
    if (!gather_text(g, piece)) {
      *broken = false;
      return false;
    }
    if (more) rest = (struct str){rest.at + 1, rest.len - 1};
  }
  return true;
}

/* A list of lists holds no event at all. */
static bool is_nested(struct str body) {
  const struct str rest = str_trim(body);
  const struct str inner = rest.len ? str_trim((struct str){rest.at + 1, rest.len - 1}) : rest;
  return inner.len && inner.at[0] == '[';
}

static bool gather_array(struct gathering *g, struct str body) {
  if (is_nested(body)) return err_set(g->e, ERR_INPUT, "expected an array of events, came an array of arrays");
  const struct json_limits limits = {.depth = json_limits_default.depth + 1, .tokens = json_limits_default.tokens};
  const struct arena_mark mark = arena_mark(g->arena);
  struct json array;
  struct err why = {0};
  if (json_parse(&array, g->arena, body, &limits, &why)) return gather_tokens(g, &array);
  arena_rewind(g->arena, mark);
  bool broken = false;
  if (why.kind == ERR_INPUT && gather_pieces(g, body, &broken)) return true;
  if (broken || why.kind != ERR_INPUT) *g->e = why;
  return false;
}

/* A whole event, and something on the lines behind it. */
static bool is_lines(struct str body) {
  const struct str text = str_trim(body);
  size_t used;
  if (!text.len || text.at[0] != '{' || !element_skip(text, &used)) return false;
  while (used < text.len && (text.at[used] == ' ' || text.at[used] == '\t' || text.at[used] == '\r')) used++;
  if (used == text.len || text.at[used] != '\n') return false;
  const struct str rest = str_trim((struct str){text.at + used, text.len - used});
  return !memchr("}],:", rest.at[0], 4);
}

static bool gather_alone(struct gathering *g, struct str body) {
  g->batch->alone = true;
  if (!event_room(g, 1)) return false;
  struct event *event = &g->batch->events[0];
  if (!event_parse(g->arena, body, g->received, g->source, g->history, event, g->e)) {
    const struct err why = *g->e;
    return why.kind == ERR_INPUT && is_lines(body)
               ? err_set(g->e, ERR_INPUT, "%s; lines of events want Content-Type: application/x-ndjson", why.text)
               : false;
  }
  if (!event_named(event, g->e)) return false;
  event_keep(g);
  return true;
}

bool event_batch_parse(struct arena *a, struct str body, bool ndjson, int64_t received, struct str source, bool history,
                       struct event_batch *out, struct err *e) {
  struct err unread;
  struct gathering g = {.arena = a, .batch = out, .received = received, .source = source, .history = history, .e = e ? e : &unread};
  memset(out, 0, sizeof *out);
  size_t blank = 0;
  while (blank < body.len && strchr(" \t\r\n", body.at[blank]) && body.at[blank]) blank++;
  if (blank == body.len) return err_set(g.e, ERR_INPUT, "expected an event, an array of events or lines of them; the body is empty");
  if (ndjson) return gather_lines(&g, body);
  return body.at[blank] == '[' ? gather_array(&g, body) : gather_alone(&g, body);
}
