/* A sheet: one plain SQLite file of tables that people query by hand. Nothing in it is sealed; the engine never reads it. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

enum sheet_table {
  SHEET_README,         /* topic, text */
  SHEET_USERS,          /* user_id, consent, age, guardian_consent, timezone, trimmed_on, profile, features */
  SHEET_EVENTS,         /* event_id, user_id, kind, type, source, id, occurred_at, received_at, decided_at, data, context */
  SHEET_HABITS,         /* user_id, name; once each, so it may be put again */
  SHEET_HABIT_TRACKING, /* user_id, habit's name, event_id, local_date, local_time, completed, completion, company, location, weather */
  SHEET_DECISIONS,  /* decision_id, user_id, event_id, decided_at, source, trigger, outcome, reason, option, experiment, arm, propensity,
                       uniform, program, message, expires_at, record */
  SHEET_DELIVERIES, /* decision_id, end, attempts, send_before */
  SHEET_ATTEMPTS,   /* decision_id, number, at, status, milliseconds, reason */
  SHEET_OUTCOMES,   /* event_id, decision_id, user_id, at, response; left out when the decision is not in the file */
  SHEET_TABLES
};
enum cell_kind { CELL_NULL, CELL_INTEGER, CELL_REAL, CELL_TEXT };
struct cell {
  enum cell_kind kind;
  int64_t integer;
  double real;
  struct str text; /* at NULL: NULL */
};
#define CELL_INT(v)  ((struct cell){.kind = CELL_INTEGER, .integer = (v)})
#define CELL_NUM(v)  ((struct cell){.kind = CELL_REAL, .real = (v)})
#define CELL_STR(v)  ((struct cell){.kind = CELL_TEXT, .text = (v)})
#define CELL_NOTHING ((struct cell){.kind = CELL_NULL})

struct sheet;
/* Writes under a name of its own beside `path`, for its owner's eyes only. ERR_CONFLICT when `path` is there and may not be replaced, or
 * somebody writes it now. [any one thread] */
struct sheet *sheet_begin(const char *path, bool replace, struct err *e);
bool sheet_put(struct sheet *s, enum sheet_table table, const struct cell *cells, size_t count, struct err *e); /* in the order above */
/* Sums up, checks every reference and the file, syncs, and only then gives it its name. The sheet is gone afterwards, true or false. */
bool sheet_finish(struct sheet *s, struct err *e);
void sheet_drop(struct sheet *s); /* removes what was written; NULL is fine */
