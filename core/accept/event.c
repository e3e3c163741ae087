/* The envelope: bytes become a `struct event`, or a sentence that starts with the JSON pointer of what is wrong. Promises that every event
 * it lets through has a user, a type and a time that the other rooms may trust, and that nothing was copied but texts with escapes: the
 * event's others lie in the body. Does not look into `data` (the vocabulary is checked in the lane under the pinned program) and keeps
 * members that it does not know. Called for requests, for rows of the journal and for imports, on any thread. */
#include "event.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/rng.h"
#include <string.h>

#define USER_MOST 128
#define TYPE_MOST 64
#define ID_MOST   128

enum member { MEMBER_ID, MEMBER_USER, MEMBER_TYPE, MEMBER_TIME, MEMBER_DATA, MEMBER_CONTEXT, MEMBER_COUNT };
static const char *const member_names[MEMBER_COUNT] = {"id", "userId", "eventType", "timestamp", "data", "context"};

/* Wrong values are shown in the sentence, but only so much of them, cut between two characters. */
#define SHOWN_MOST 60
struct shown {
  char text[SHOWN_MOST + 8];
};

static struct shown shown(const struct json *j, uint32_t at) {
  struct shown out;
  if (at == JSON_NONE) {
    memcpy(out.text, "nothing", 8);
    return out;
  }
  const struct str raw = json_raw(j, at);
  size_t length = raw.len;
  if (length > SHOWN_MOST) {
    length = SHOWN_MOST;
    while (length > 0 && ((unsigned char)raw.at[length] & 0xC0) == 0x80) length--;
  }
  memcpy(out.text, raw.at, length);
  memcpy(out.text + length, length < raw.len ? "…" : "", length < raw.len ? sizeof "…" : 1);
  return out;
}

static enum member member_if(const struct json *j, uint32_t key, enum member m) {
  const struct json_token *token = &j->tokens[key];
  return memcmp(j->text + token->start, member_names[m], token->end - token->start) == 0 ? m : MEMBER_COUNT;
}

/* The members' lengths tell them apart, but for one pair. */
static enum member member_of(const struct json *j, uint32_t key) {
  const struct json_token *token = &j->tokens[key];
  if (token->escaped) {
    for (unsigned m = 0; m < MEMBER_COUNT; m++) {
      if (json_text_is(j, key, member_names[m])) return (enum member)m;
    }
    return MEMBER_COUNT;
  }
  switch (token->end - token->start) {
  case 2: return member_if(j, key, MEMBER_ID);
  case 4: return member_if(j, key, MEMBER_DATA);
  case 6: return member_if(j, key, MEMBER_USER);
  case 7: return member_if(j, key, MEMBER_CONTEXT);
  case 9: return member_if(j, key, j->text[token->start] == 'e' ? MEMBER_TYPE : MEMBER_TIME);
  default: return MEMBER_COUNT;
  }
}

/* One walk over the top level; the tokenizer has refused duplicate keys already. */
static void envelope_find(const struct json *j, uint32_t at[MEMBER_COUNT]) {
  for (unsigned m = 0; m < MEMBER_COUNT; m++) at[m] = JSON_NONE;
  uint32_t key = 1;
  for (uint32_t pair = 0; pair < j->tokens[0].count; pair++) {
    const enum member m = member_of(j, key);
    if (m != MEMBER_COUNT) at[m] = key + 1;
    key = j->tokens[key + 1].next;
  }
}

/* What somebody may have meant: the top-level key nearest to the one that is missing. */
static const char *envelope_nearest(const struct json *j, const char *wanted, struct arena *a) {
  const uint32_t count = j->tokens[0].count < 64 ? j->tokens[0].count : 64;
  const char *keys[64];
  uint32_t key = 1, taken = 0;
  for (uint32_t pair = 0; pair < count; pair++) {
    const struct str text = json_text(j, key, a);
    const bool known = member_of(j, key) != MEMBER_COUNT;
    char *copy = known || text.len > SHOWN_MOST ? NULL : arena_text(a, text.at, text.len);
    if (copy && !memchr(copy, 0, text.len)) keys[taken++] = copy;
    key = j->tokens[key + 1].next;
  }
  return str_nearest(str_from(wanted), keys, taken);
}

static bool member_missing(const struct json *j, enum member m, struct arena *a, struct err *e) {
  const char *near = envelope_nearest(j, member_names[m], a);
  const char *kind = m == MEMBER_TIME ? "an ISO 8601 time with a zone" : "a string";
  const char *name = member_names[m];
  if (!near) return err_set(e, ERR_INPUT, "/%s: expected %s, but %s is missing", name, kind, name);
  return err_set(e, ERR_INPUT, "/%s: expected %s, but %s is missing and \"%s\" came (did you mean \"%s\"?)", name, kind, name, near, name);
}

/* A text without control bytes, 1 to `most` bytes. */
static bool member_text(const struct json *j, enum member m, uint32_t at, size_t most, struct arena *a, struct str *out, struct err *e) {
  if (at == JSON_NONE) return member_missing(j, m, a, e);
  if (json_type(j, at) != JSON_STRING) {
    return err_set(e, ERR_INPUT, "/%s: expected a string, came %s", member_names[m], shown(j, at).text);
  }
  *out = json_text(j, at, a);
  if (!out->at && out->len) return err_set(e, ERR_BUSY, "out of memory while reading /%s", member_names[m]);
  if (out->len == 0 || out->len > most) {
    return err_set(e, ERR_INPUT, "/%s: expected 1 to %zu bytes, came %zu", member_names[m], most, out->len);
  }
  for (size_t i = 0; i < out->len; i++) {
    const unsigned char c = (unsigned char)out->at[i];
    if (c < 0x20 || c == 0x7F) {
      return err_set(e, ERR_INPUT, "/%s: expected text without control characters, came U+%04X at byte %zu", member_names[m], c, i);
    }
  }
  return true;
}

static bool type_check(const struct json *j, uint32_t at, struct str type, struct err *e) {
  for (size_t i = 0; i < type.len; i++) {
    const char c = type.at[i];
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.-$", c));
    if (word || (c == ' ' && i > 0 && i + 1 < type.len)) continue;
    return err_set(e, ERR_INPUT, "/eventType: expected letters, digits, _ . - $ (and spaces inside), came %s", shown(j, at).text);
  }
  return true;
}

static bool time_check(const struct json *j, uint32_t at, int64_t received, struct arena *a, int64_t *out, struct err *e) {
  if (at == JSON_NONE) return member_missing(j, MEMBER_TIME, a, e);
  if (json_type(j, at) != JSON_STRING || !clock_parse(json_text(j, at, a), out)) {
    return err_set(e, ERR_INPUT, "/timestamp: expected an ISO 8601 time with a zone, like 2025-01-15T22:40:00Z, came %s",
                   shown(j, at).text);
  }
  if (*out > received + EVENT_AHEAD_MOST) {
    char now[32];
    clock_format(received, now);
    return err_set(e, ERR_INPUT, "/timestamp: expected at most %d s after the time here, %s, came %s", (int)(EVENT_AHEAD_MOST / 1000), now,
                   shown(j, at).text);
  }
  return true;
}

/* `data` and `context` may be left out or null. */
static bool object_check(const struct json *j, enum member m, uint32_t at, uint32_t *out, struct err *e) {
  *out = JSON_NONE;
  if (at == JSON_NONE || json_type(j, at) == JSON_NULL) return true;
  if (json_type(j, at) != JSON_OBJECT) {
    return err_set(e, ERR_INPUT, "/%s: expected an object, came %s", member_names[m], shown(j, at).text);
  }
  *out = at;
  return true;
}

/* An id for an event that came without one: 128 random bits. They are drawn in stock, for a system call costs more than the rest of this
 * file. */
static bool id_give(struct arena *a, struct str *out) {
  static _Thread_local unsigned char stock[1024];
  static _Thread_local size_t left;
  if (left == 0) {
    rng_secret(stock, sizeof stock);
    left = sizeof stock;
  }
  left -= 16;
  char *text = arena_alloc(a, 33);
  if (!text) return false;
  hash_hex(stock + left, 16, text);
  *out = (struct str){text, 32};
  return true;
}

static bool id_check(const struct json *j, uint32_t at, struct arena *a, struct event *out, struct err *e) {
  out->id_given = at != JSON_NONE && json_type(j, at) != JSON_NULL;
  if (out->id_given) return member_text(j, MEMBER_ID, at, ID_MOST, a, &out->id, e);
  if (!id_give(a, &out->id)) return err_set(e, ERR_BUSY, "out of memory while giving the event an id");
  return true;
}

struct json event_document(const struct json *j, uint32_t at) {
  struct json_token *tokens = (struct json_token *)(uintptr_t)&j->tokens[at]; /* the arena's, made a moment ago, read by nobody yet */
  const uint32_t count = tokens[0].next - at, start = tokens[0].start - (tokens[0].type == JSON_STRING);
  for (uint32_t i = 0; i < count; i++) {
    tokens[i].start -= start;
    tokens[i].end -= start;
    tokens[i].next -= at;
  }
  return (struct json){.text = j->text + start, .tokens = tokens, .count = count};
}

/* Everything that is wrong is said, not only what comes first. */
static bool also(struct err *e, bool ok, const struct err *one) {
  return ok || err_also(e, one);
}

static bool type_find(const struct json *j, uint32_t at, struct arena *a, struct str *out, struct err *e) {
  return member_text(j, MEMBER_TYPE, at, TYPE_MOST, a, out, e) && type_check(j, at, *out, e);
}

bool event_fill(struct arena *a, const struct json *j, int64_t received, struct str source, bool history, struct event *out,
                struct err *e) {
  if (json_type(j, 0) != JSON_OBJECT) return err_set(e, ERR_INPUT, "expected an event object, came %s", shown(j, 0).text);
  uint32_t at[MEMBER_COUNT];
  envelope_find(j, at);
  *out = (struct event){.source = source, .received = received, .history = history, .json = *j};
  struct err one, all;
  all.kind = ERR_NONE; /* the rest only when something is wrong: every event comes by here */
  bool ok = also(&all, member_text(j, MEMBER_USER, at[MEMBER_USER], USER_MOST, a, &out->user, &one), &one);
  ok = also(&all, type_find(j, at[MEMBER_TYPE], a, &out->type, &one), &one) && ok;
  ok = also(&all, time_check(j, at[MEMBER_TIME], received, a, &out->timestamp, &one), &one) && ok;
  ok = also(&all, object_check(j, MEMBER_DATA, at[MEMBER_DATA], &out->data, &one), &one) && ok;
  ok = also(&all, object_check(j, MEMBER_CONTEXT, at[MEMBER_CONTEXT], &out->context, &one), &one) && ok;
  ok = also(&all, id_check(j, at[MEMBER_ID], a, out, &one), &one) && ok;
  if (!ok && e) *e = all;
  if (!ok) return false;
  if (history) out->received = out->timestamp;
  out->body = json_raw(j, 0);
  return true;
}

/* "… (in /data/x)" becomes "/data/x: …", as all errors of events. */
static bool pointer_first(struct err *e) {
  if (!e || e->kind != ERR_INPUT) return false;
  const size_t length = strlen(e->text);
  char *in = strstr(e->text, " (in /");
  for (char *next = in; next; next = strstr(in + 1, " (in /")) in = next; /* the last: the bytes in front may hold anything */
  if (!in || e->text[length - 1] != ')') return false;
  struct err turned = *e;
  const int pointer = (int)(length - (size_t)(in - e->text) - 6);
  return err_set(e, ERR_INPUT, "%.*s: %.*s", pointer, turned.text + (in - e->text) + 5, (int)(in - e->text), turned.text);
}

bool event_parse(struct arena *a, struct str text, int64_t received, struct str source, bool history, struct event *out, struct err *e) {
  struct json j;
  if (!json_parse(&j, a, text, &json_limits_default, e)) return pointer_first(e);
  if (j.tokens[0].start > 0) j = event_document(&j, 0); /* blanks in front are not the event's */
  return event_fill(a, &j, received, source, history, out, e);
}
