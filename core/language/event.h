/* The event: what somebody did, as it goes through all rooms. Made by accept (or from a journal row), read-only afterwards; everything is
 * borrowed from the request's arena. */
#pragma once
#include "kit/json.h"
#include "language/value.h"

struct event {
  struct str user;        /* canonical user id, 1–128 bytes, no control bytes */
  struct str id;          /* the sender's id, or the one that was given */
  struct str type;        /* 1–64 bytes: letters, digits, _ . - $ and space inside */
  struct str source;      /* who sent it: the key's name, "import", "tick" */
  int64_t timestamp;      /* UTC ms: when it happened, as the sender says */
  int64_t received;       /* UTC ms: when it came in; for ?clock=event the same as timestamp */
  bool id_given;          /* false: the sender gave none; nothing is deduplicated */
  bool history;           /* ?clock=event or import: decided on the event's own time */
  struct str body;        /* the envelope's JSON object as it came */
  struct json json;       /* tokens of body */
  uint32_t data, context; /* token indices of those objects, JSON_NONE when absent */
};

/* Reads the value behind `event.NAME`: data first, then context; dots go into objects; "context.x" and "data.x" name one explicitly.
 * `type`, `id`, `source` are the envelope's. local_hour, local_minute, local_weekday, local_day are not here: they need the user's zone and
 * are set by decide. */
struct value event_value(const struct event *e, struct str name, struct arena *a);

/* Opens the envelope of an event that the engine writes itself: whose, what and when (UTC ms). What follows, and the end, is the caller's.
 * [any] */
void event_begin(struct json_writer *w, struct str user, const char *type, int64_t at);

/* ---- the vocabulary: what `event` nouns declare ---- */
struct vocabulary; /* immutable, part of a program */
struct event_type {
  struct str name;
  uint32_t number; /* 0-based within the program */
};
struct noun_event;
struct symbol;
struct symbols;
struct findings;
struct err;
/* [builder] */
struct vocabulary *vocabulary_build(struct arena *a, const struct noun_event *events, size_t count, struct findings *f);
/* [any] NULL when no event noun has that name. */
const struct event_type *vocabulary_type(const struct vocabulary *v, struct str name);
/* The first keys of `data` that the event's noun does not declare, as tokens. */
#define UNDECLARED_NOTED 4
struct undeclared {
  uint32_t count, keys[UNDECLARED_NOTED];
};
/* Wrong types and values out of [low, high] are refused: the error starts with the JSON pointer ("/data/completionRate: …"). Unknown fields
 * pass, and are noted (NULL: nobody asks). [lane] */
bool vocabulary_check(const struct vocabulary *v, const struct event_type *t, const struct event *e, struct undeclared *noted,
                      struct err *err);
/* A field that was noted is kept, and nearly always a slip when it is nearly called like a declared one which is not there: that one's
 * name, or NULL. `never`: no declared field is called like it. Costs an edit distance for each declared field. [any] */
const char *vocabulary_slip(const struct vocabulary *v, const struct event_type *t, const struct event *e, struct str came, bool *never);
/* For symbols.find: the declared type, unit and default of `event.x` in any event noun; false when no noun declares it. [builder] */
bool vocabulary_field(const struct vocabulary *v, struct str name, struct symbol *out);
bool vocabulary_declares(const struct vocabulary *v, struct str type,
                         struct str name);                               /* one event's noun does, behind `event.` [builder] */
bool vocabulary_in_context(const struct vocabulary *v, struct str name); /* some noun does, in its context */
/* "Did you mean": the field that a condition may read nearest to `event.x`, without its "event."; NULL when none is near. [builder] */
const char *vocabulary_nearest(const struct vocabulary *v, struct str name);
const char *vocabulary_nearest_type(const struct vocabulary *v, struct str name); /* the event type's name; likewise */
/* Fills the slots of all symbols of kind SYMBOL_EVENT whose name begins with "event." in one walk over the event's tokens: the value, the
 * symbol's fallback when the event says nothing (or null), missing with MISSING_WRONG_TYPE when it is of another type than declared. Other
 * slots are not touched, nor those of event.local_…. `plan` is made once per program, after the last symbols_name. [lane] */
struct event_plan;
struct event_plan *event_plan_build(struct arena *a, const struct symbols *s);
void event_plan_fill(const struct event_plan *p, const struct event *e, struct value *slots, struct arena *a);
