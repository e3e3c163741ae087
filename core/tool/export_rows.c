/* export_rows: journal rows, decisions and users as rows of plain tables. Promises that a table says what the journal says, in the sender's
 * words, and leaves null what nobody said. Counts; prints nothing. Main thread of `kairos export`. */
#include "book/retention.h"
#include "export.h"
#include "kit/clock.h"
#include <stdio.h>

/* ---- cells ---- */

static struct cell time_cell(struct arena *a, int64_t at) {
  char text[32];
  const size_t length = clock_format(at, text);
  return CELL_STR(((struct str){arena_text(a, text, length), length}));
}

static struct cell text_cell(struct str s) {
  return s.len ? CELL_STR(s) : CELL_NOTHING;
}

/* A text of the record, or null when it has none. */
static struct cell said(const struct json *j, const char *path, struct arena *a) {
  return text_cell(json_text(j, json_path(j, 0, path), a));
}

static struct cell number_said(const struct json *j, uint32_t at) {
  double value;
  return json_double(j, at, &value) ? CELL_NUM(value) : CELL_NOTHING;
}

static struct cell integer_said(const struct json *j, uint32_t at) {
  int64_t value;
  return json_int(j, at, &value) ? CELL_INT(value) : CELL_NOTHING;
}

static struct cell raw_said(const struct json *j, uint32_t at) {
  return at == JSON_NONE ? CELL_NOTHING : CELL_STR(json_raw(j, at));
}

#define PUT(x, table, cells, e) sheet_put((x)->sheet, table, cells, sizeof(cells) / sizeof *(cells), e)

/* ---- events ---- */

static const char *kind_word(enum entry_kind kind) {
  static const char *const words[] = {"", "event", "tick", "consent", "profile", "asked", "control", "imported", "filled", "merge"};
  return words[kind];
}

static struct str event_text(const struct event *ev, const char *name, struct arena *a) {
  const struct value v = event_value(ev, str_from(name), a);
  return v.kind == VALUE_TEXT ? value_str(v) : (struct str){0};
}

static struct cell share_said(const struct event *ev, const char *name, struct arena *a) {
  const struct value v = event_value(ev, str_from(name), a);
  return v.kind == VALUE_NUMBER && v.number >= 0 && v.number <= 1 ? CELL_NUM(v.number) : CELL_NOTHING;
}

static struct str date_text(struct arena *a, int32_t day) {
  int32_t year, month, day_of_month;
  tz_date_from_day(day, &year, &month, &day_of_month);
  return str_from(arena_printf(a, "%04d-%02d-%02d", year, month, day_of_month));
}

/* The local day and minute, UTC while the zone is unknown: as the features count them. */
static void local_of(const struct user *u, int64_t at, int32_t *day, int32_t *minute) {
  if (u->zone) {
    const struct tz_local local = tz_local(u->zone, at);
    *day = local.day;
    *minute = local.minute;
    return;
  }
  *day = (int32_t)(at / CLOCK_DAY - (at % CLOCK_DAY < 0));
  *minute = (int32_t)((at - (int64_t)*day * CLOCK_DAY) / CLOCK_MINUTE);
}

/* An attempt at the habit: a workout that was done, or one that was not. */
static bool put_attempt(struct exporting *x, const struct user *u, const struct event *ev, bool done, struct err *e) {
  struct arena *a = x->arena;
  int32_t day, minute;
  struct str name = event_text(ev, "event.workoutType", a), company = event_text(ev, "event.socialContext", a);
  const struct value planned = event_value(ev, STR("event.plannedHour"), a);
  if (!name.len) name = event_text(ev, "event.workoutId", a);
  if (!name.len) name = STR("workout");
  local_of(u, ev->timestamp, &day, &minute);
  if (!done && planned.kind == VALUE_NUMBER && planned.number >= 0 && planned.number < 24) minute = (int32_t)(planned.number * 60);
  const struct cell habit[] = {CELL_STR(u->id), CELL_STR(name)};
  const struct cell tracking[] = {CELL_STR(u->id),
                                  CELL_STR(name),
                                  CELL_INT(x->event),
                                  CELL_STR(date_text(a, day)),
                                  CELL_STR(str_from(arena_printf(a, "%02d:%02d", minute / 60, minute % 60))),
                                  CELL_INT(done),
                                  share_said(ev, "event.completionRate", a),
                                  text_cell(company),
                                  text_cell(event_text(ev, "event.location", a)),
                                  text_cell(event_text(ev, "event.weather", a))};
  return PUT(x, SHEET_HABITS, habit, e) && PUT(x, SHEET_HABIT_TRACKING, tracking, e);
}

/* What somebody answered, beside the decision that asked. */
static bool put_outcome(struct exporting *x, const struct user *u, const struct event *ev, struct err *e) {
  const struct json *j = &ev->json;
  const struct cell cells[] = {CELL_INT(x->event), text_cell(json_text(j, json_get(j, ev->data, "decisionId"), x->arena)), CELL_STR(u->id),
                               time_cell(x->arena, ev->timestamp), text_cell(json_text(j, json_get(j, ev->data, "response"), x->arena))};
  return PUT(x, SHEET_OUTCOMES, cells, e);
}

static bool put_event(struct exporting *x, const struct user *u, const struct entry *row, const struct recorded *r, struct err *e) {
  struct event ev;
  struct arena *a = x->arena;
  if (!event_parse(a, row->body, r->received, r->source, r->history, &ev, e)) return err_wrap(e, "stored event");
  const struct cell cells[] = {CELL_INT(++x->event),
                               CELL_STR(u->id),
                               CELL_STR(str_from(kind_word(row->kind))),
                               CELL_STR(ev.type),
                               text_cell(r->source),
                               text_cell(r->given_id.len ? r->given_id : ev.id),
                               time_cell(a, ev.timestamp),
                               time_cell(a, r->received),
                               time_cell(a, r->clock),
                               raw_said(&ev.json, ev.data),
                               raw_said(&ev.json, ev.context)};
  x->events++;
  if (!PUT(x, SHEET_EVENTS, cells, e)) return false;
  if (row->kind != ENTRY_EVENT) return true;
  const bool done = str_is(ev.type, "workout_completed");
  if (done || str_is(ev.type, "workout_skipped")) return put_attempt(x, u, &ev, done, e);
  return !str_is(ev.type, "intervention_response") || put_outcome(x, u, &ev, e);
}

/* ---- decisions ---- */

/* How likely what was drawn was: of the arm in an experiment, else of the option, else of silence. */
static struct cell propensity_of(const struct json *j, bool imported, struct arena *a) {
  const struct str option = json_text(j, json_get(j, 0, "option"), a), arm = json_text(j, json_path(j, 0, "experiment.arm"), a);
  if (imported) return number_said(j, json_get_str(j, json_get(j, 0, "propensity"), option));
  if (json_get(j, 0, "uniform") == JSON_NONE) return CELL_NOTHING;
  if (arm.len) return number_said(j, json_get_str(j, json_path(j, 0, "experiment.arms"), arm));
  const uint32_t list = json_get(j, 0, "candidates");
  for (uint32_t i = 0; option.len && list != JSON_NONE && i < j->tokens[list].count; i++) {
    const uint32_t candidate = json_child(j, list, i);
    if (str_eq(json_text(j, json_get(j, candidate, "option"), a), option)) return number_said(j, json_get(j, candidate, "propensity"));
  }
  return option.len ? CELL_NOTHING : number_said(j, json_get(j, 0, "silence"));
}

static bool put_attempts(struct exporting *x, struct cell decision, struct str log, struct err *e) {
  struct json j;
  if (!log.len) return true;
  if (!json_parse(&j, x->arena, log, &json_limits_default, e)) return err_wrap(e, "a delivery's log");
  for (uint32_t i = 0; i < j.tokens[0].count; i++) {
    const uint32_t at = json_child(&j, 0, i);
    const struct cell cells[] = {decision,
                                 integer_said(&j, json_get(&j, at, "attempt")),
                                 text_cell(json_text(&j, json_get(&j, at, "at"), x->arena)),
                                 integer_said(&j, json_get(&j, at, "status")),
                                 integer_said(&j, json_get(&j, at, "milliseconds")),
                                 text_cell(json_text(&j, json_get(&j, at, "reason"), x->arena))};
    if (!PUT(x, SHEET_ATTEMPTS, cells, e)) return false;
  }
  return true;
}

static bool put_delivery(struct exporting *x, uint64_t id, struct cell decision, struct err *e) {
  static const char *const ends[] = {"waiting", "delivered", "failed", "expired", "withdrawn"};
  struct outbox_row row;
  struct err why = {0};
  if (!volume_outbox(x->reader, id, x->arena, &row, &why)) {
    if (why.kind == ERR_MISSING) return true; /* nothing was to be sent */
    *e = why;
    return false;
  }
  const struct cell cells[] = {decision, CELL_STR(str_from(ends[row.end])), CELL_INT(row.attempts), time_cell(x->arena, row.send_before)};
  return PUT(x, SHEET_DELIVERIES, cells, e) && put_attempts(x, decision, row.log, e);
}

static bool put_decision(struct exporting *x, const struct user *u, struct cell event, uint64_t id, struct str record, struct err *e) {
  struct json j;
  struct arena *a = x->arena;
  char text[32];
  if (!json_parse(&j, a, record, &json_limits_default, e)) return err_wrap(e, "a decision's record");
  const size_t length = decision_id_text(id, text);
  const struct cell decision = CELL_STR(((struct str){arena_text(a, text, length), length}));
  const bool imported = json_text_is(&j, json_get(&j, 0, "source"), "imported");
  const struct cell cells[] = {decision,
                               CELL_STR(u->id),
                               event,
                               said(&j, "at", a),
                               CELL_STR(imported ? STR("imported") : STR("engine")),
                               said(&j, "trigger", a),
                               said(&j, "outcome", a),
                               said(&j, "reason", a),
                               said(&j, "option", a),
                               said(&j, "experiment.name", a),
                               said(&j, "experiment.arm", a),
                               propensity_of(&j, imported, a),
                               number_said(&j, json_get(&j, 0, "uniform")),
                               said(&j, "program", a),
                               said(&j, "text.message", a),
                               said(&j, "expires", a),
                               CELL_STR(record)};
  x->decisions++;
  return PUT(x, SHEET_DECISIONS, cells, e) && put_delivery(x, id, decision, e);
}

bool export_row(struct exporting *x, const struct user *u, const struct entry *row, const struct recorded *r, struct str *records,
                uint64_t *ids, size_t count, struct err *e) {
  if (r->clock < x->since || r->clock >= x->until) return true;
  bool ok = put_event(x, u, row, r, e);
  for (size_t i = 0; ok && i < count; i++) ok = put_decision(x, u, CELL_INT(x->event), ids[i], records[i], e);
  return ok;
}

bool export_trimmed(struct exporting *x, const struct user *u, struct str *records, uint64_t *ids, size_t count, struct err *e) {
  bool ok = true;
  for (size_t i = 0; ok && i < count; i++) {
    struct json j;
    int64_t at;
    if (!json_parse(&j, x->arena, records[i], &json_limits_default, e)) return err_wrap(e, "a decision's record");
    if (!clock_parse(json_text(&j, json_get(&j, 0, "at"), x->arena), &at) || at < x->since || at >= x->until) continue;
    ok = put_decision(x, u, CELL_NOTHING, ids[i], records[i], e);
  }
  return ok;
}

/* ---- users ---- */

bool export_user(struct exporting *x, struct user *u, const struct program *p, struct err *e) {
  static const char *const consents[] = {"unknown", "given", "withdrawn"};
  struct json j;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  struct cell features = CELL_NOTHING;
  struct trim t;
  if (!volume_trim(x->reader, u->number, &t, e)) return false;
  if (p && u->events) {
    json_open_object(&w);
    features_list(p->features, u, u->clock, &w, x->arena);
    json_close_object(&w);
    const bool read =
        out.failed ? err_set(e, ERR_INTERNAL, "no memory") : json_parse(&j, x->arena, buf_view(&out), &json_limits_default, e);
    if (read) features = raw_said(&j, json_get(&j, 0, "features"));
    else buf_free(&out);
    if (!read) return err_wrap(e, "the features of \"" STR_FORMAT "\"", STR_ARG(u->id));
  }
  const struct cell cells[] = {CELL_STR(u->id),
                               CELL_STR(str_from(consents[u->consent])),
                               u->age < 0 ? CELL_NOTHING : CELL_INT(u->age),
                               CELL_INT(u->minor_consent),
                               text_cell(u->zone_name),
                               t.base ? time_cell(x->arena, t.at) : CELL_NOTHING,
                               CELL_STR(u->profile.len ? u->profile : STR("{}")),
                               features};
  const bool ok = PUT(x, SHEET_USERS, cells, e);
  x->users++;
  buf_free(&out);
  return ok;
}

bool export_readme(struct exporting *x, struct err *e) {
  char now[32];
  const struct str made = {now, clock_format(clock_now(), now)};
  const struct {
    const char *topic;
    struct str text;
  } lines[] = {
      {"made", made},
      {"caution", STR("These are people: ids, profiles and what they did, in plain text. Keep this file as you keep the data directory, and"
                      " delete it when the question is answered: erasing a user does not reach it.")},
      {"times", STR("Times are UTC text (2025-01-15T22:40:00Z): they sort, and date() and strftime() read them. local_date is the"
                    " user's own day.")},
      {"users", STR("One row a user, as of the last event: consent, profile (JSON), features (JSON), as GET /v1/users/{id} shows them."
                    " Two ids of one person are two rows: the event merged_into of the old one says whom it means.")},
      {"events",
       STR("One row for everything that happened to a user. kind: event, tick, consent, profile, asked, imported, filled, merge.")},
      {"habits", STR("One row for each kind of workout a user tried; habit_tracking has one row for each attempt, done or skipped.")},
      {"decisions", STR("One row for each decision. record (JSON) holds all that was read; propensity is how likely what was drawn was.")},
      {"deliveries", STR("One row for each message that was to be sent, with its end; attempts has one row for each attempt.")},
      {"outcomes", STR("What people answered (intervention_response), beside the decision that asked.")}};
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof lines / sizeof *lines; i++) {
    const struct cell cells[] = {CELL_STR(str_from(lines[i].topic)), CELL_STR(lines[i].text)};
    ok = PUT(x, SHEET_README, cells, e);
  }
  return ok;
}
