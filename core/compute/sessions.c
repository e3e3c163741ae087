/* Predicting: one wave's rows through one model. A lane's sessions hold the scratch of each model and what is known of its health. Promises
 * that a missing feature travels as a validity bit, that a row without a valid output has missing beliefs with a reason (or the stated
 * fallback), and that a model is suspended after 8 bad batches in a row of at least 4 people (one person's odd rows switch nothing off for
 * others), 64 late ones in a row, or when its process is not started again. A process that is away for a moment is no fault of the batch.
 * What all lanes know together is in troubles.c. Time is limited for plugins in processes of their own (host/session.c); others are only
 * counted when they overrun their budget. Records nothing. [lane] */
#include "kit/clock.h"
#include "kit/log.h"
#include "models.h"
#include <stdio.h>
#include <string.h>

#define BAD_BATCHES_MOST  8u
#define BAD_PEOPLE_LEAST  4u
#define LATE_BATCHES_MOST 64u

struct health {
  struct session *session;
  uint32_t bad, late; /* batches in a row */
  uint64_t people[BAD_PEOPLE_LEAST];
  uint32_t people_count; /* distinct ones of the bad batches, as far as they count */
  bool suspended;
  char why[256];
};
struct sessions {
  const struct models *models;
  uint32_t rows_most;
  int64_t patience_ms; /* 0: a lane's */
  struct health at[];
};

struct sessions *sessions_open(const struct models *m, uint32_t rows_most) {
  size_t size = sizeof(struct sessions) + m->count * sizeof(struct health);
  struct sessions *s = kit_alloc(size);
  if (!s) return NULL;
  memset(s, 0, size);
  s->models = m;
  s->rows_most = rows_most ? rows_most : 1;
  return s;
}

void sessions_patience(struct sessions *s, int64_t ms) {
  s->patience_ms = ms;
}

void sessions_close(struct sessions *s) {
  if (!s) return;
  for (uint32_t i = 0; i < s->models->count; i++) session_close(s->at[i].session);
  kit_free(s);
}

bool model_suspended(const struct sessions *s, uint32_t model, const char **why) {
  const struct model *m = &s->models->at[model];
  const bool here = s->at[model].suspended;
  if (!here && !trouble_suspended(m)) return false;
  if (why) *why = here ? s->at[model].why : m->trouble->why;
  return true;
}

/* ---- one batch ---- */
struct batch {
  uint32_t rows;
  double **inputs, **outputs;
  uint64_t **valid, **good, *seeds;
};

/* `widths` NULL: all 1. */
static bool batch_columns(struct arena *a, uint32_t count, const uint32_t *widths, const struct batch *b, double ***cells,
                          uint64_t ***bits) {
  *cells = ARENA_ARRAY(a, double *, count + 1);
  *bits = ARENA_ARRAY(a, uint64_t *, count + 1);
  if (!*cells || !*bits) return false;
  for (uint32_t c = 0; c < count; c++) {
    const size_t values = (size_t)b->rows * (widths ? widths[c] : 1);
    (*cells)[c] = ARENA_ARRAY(a, double, values);
    (*bits)[c] = ARENA_ARRAY(a, uint64_t, (values + 63) / 64);
    if (!(*cells)[c] || !(*bits)[c]) return false;
  }
  return true;
}

static bool batch_new(struct arena *a, const struct model *m, uint32_t rows, struct batch *b) {
  *b = (struct batch){.rows = rows};
  b->seeds = ARENA_ARRAY(a, uint64_t, rows);
  return b->seeds && batch_columns(a, m->input_count, m->widths, b, &b->inputs, &b->valid) &&
         batch_columns(a, m->output_count, NULL, b, &b->outputs, &b->good);
}

static bool bit(const uint64_t *words, size_t number) {
  return words[number / 64] >> (number % 64) & 1;
}

void input_read(const struct model_input *from, uint32_t width, struct view *v, struct value *slots, double *values, uint64_t *valid,
                size_t first_bit) {
  if (width > 1 || !from->is_feature) {
    history_read(v, from->history, width, values, valid, first_bit);
    return;
  }
  const struct value one = view_read(v, from->feature, slots);
  *values = 0;
  if (one.kind != VALUE_NUMBER) return;
  *values = one.number;
  valid[first_bit / 64] |= UINT64_C(1) << (first_bit % 64);
}

/* The models of a wave share many inputs, and what is expensive about one is often what was worked out for another. */
static struct view *view_for(const struct belief_row *row, const struct features *f, struct view *own, struct arena *a) {
  struct view *v = row->seen ? *row->seen : own;
  if (v && row->seen) return v;
  if (row->seen) v = *row->seen = ARENA_NEW(a, struct view);
  if (!v) v = own;
  view_open(v, f, row->user, row->clock, a);
  if (v != own) view_keep(v);
  return v;
}

static void fill_row(const struct batch *b, const struct model *m, const struct features *f, const struct belief_row *row, uint32_t r,
                     struct arena *a) {
  struct view own, *v = view_for(row, f, &own, a);
  b->seeds[r] = row->seed;
  for (uint32_t c = 0; c < m->input_count; c++) {
    const size_t first = (size_t)r * m->widths[c];
    input_read(&m->from[c], m->widths[c], v, row->slots, b->inputs[c] + first, b->valid[c], first);
  }
}

static struct value belief_of(const struct belief *b, double number) {
  struct value value = value_number(number);
  if (b->as) value = expression_value(b->as, &value);
  if (value.kind != VALUE_NUMBER || !math_finite(value.number)) return value_missing(MISSING_FAILED);
  return value_number(math_round6(value.number));
}

struct value belief_value(const struct belief *b, double output) {
  return belief_of(b, calibration_apply(b->calibration, output));
}

struct value belief_missing(const struct model *m, const struct belief *b, enum missing_reason why) {
  const bool fallback = m->noun->fallback == m->noun->fallback;
  return fallback ? belief_of(b, m->noun->fallback) : value_missing(why);
}

struct value belief_from_output(const struct models *m, uint32_t belief, double output) {
  return belief_value(&m->beliefs[belief], output);
}

static void give(const struct models *all, const struct model *m, struct belief_row *row, enum missing_reason why) {
  row->failed |= why != MISSING_TOO_LITTLE;
  for (uint32_t i = 0; i < m->count; i++) row->beliefs[m->first + i] = belief_missing(m, &all->beliefs[m->first + i], why);
}

static bool row_complete(const struct batch *b, const struct model *m, uint32_t r) {
  for (uint32_t c = 0; c < m->input_count; c++)
    for (uint32_t j = 0; j < m->widths[c]; j++)
      if (!bit(b->valid[c], (size_t)r * m->widths[c] + j)) return false;
  return true;
}

/* What a batch says of its model. Rows that lacked an input say nothing of it, or half a population without one would hide that it is ill.
 */
enum sign { SIGN_GOOD, SIGN_BAD, SIGN_NONE };

/* Good: a row came back whole. Bad: none did, and one of them had every input. */
static enum sign take(const struct models *all, const struct model *m, const struct batch *b, struct belief_row *rows) {
  uint32_t complete = 0, answered = 0;
  for (uint32_t r = 0; r < b->rows; r++) {
    bool whole = true;
    for (uint32_t i = 0; i < m->count; i++) whole = whole && bit(b->good[all->beliefs[m->first + i].column], r);
    complete += row_complete(b, m, r);
    answered += whole;
    if (!whole) give(all, m, &rows[r], row_complete(b, m, r) ? MISSING_FAILED : MISSING_TOO_LITTLE);
    for (uint32_t i = 0; whole && i < m->count; i++) {
      const struct belief *belief = &all->beliefs[m->first + i];
      rows[r].beliefs[m->first + i] = belief_value(belief, b->outputs[belief->column][r]);
      rows[r].failed |= rows[r].beliefs[m->first + i].kind == VALUE_MISSING;
    }
  }
  return answered ? SIGN_GOOD : complete ? SIGN_BAD : SIGN_NONE;
}

/* ---- health ---- */

static void suspend(struct health *h, const struct model *m, const char *what, const char *why) {
  h->suspended = true;
  snprintf(h->why, sizeof h->why, "%s: %s", what, why);
  trouble_suspend(m, h->why);
}

static void note_person(struct health *h, const struct user *u) {
  const uint64_t who = trouble_who(u);
  for (uint32_t i = 0; i < h->people_count; i++)
    if (h->people[i] == who) return;
  if (h->people_count < BAD_PEOPLE_LEAST) h->people[h->people_count++] = who;
}

static void note_bad(struct health *h, const struct model *m, const struct belief_row *rows, uint32_t count, const char *why) {
  for (uint32_t r = 0; r < count; r++)
    if (rows[r].failed) note_person(h, rows[r].user);
  if (h->bad < BAD_BATCHES_MOST) h->bad++;
  if (h->bad == BAD_BATCHES_MOST && h->people_count == BAD_PEOPLE_LEAST) suspend(h, m, "8 batches in a row failed", why);
}

static void note_late(struct health *h, const struct model *m, const char *why) {
  if (++h->late >= LATE_BATCHES_MOST) suspend(h, m, "64 batches in a row were late", why);
}

static void note_good(struct health *h) {
  h->bad = h->people_count = 0;
}

static bool open_session(const struct model *m, struct sessions *s, struct health *h, struct err *e) {
  if (h->session) return true;
  if (!session_open(m->trained, s->rows_most, &h->session, e)) return false;
  const int64_t budget = m->noun->budget > 0 ? (int64_t)(m->noun->budget * 1e9) : 0, most = SESSION_PATIENCE_MS * INT64_C(1000000);
  if (s->patience_ms) session_patience(h->session, s->patience_ms * INT64_C(1000000));
  else if (budget > 0 && budget < most) session_patience(h->session, budget);
  return true;
}

/* True when a plugin in this process took more than its budget: of the processor's time, since the machine's other work is no fault of it.
 * Nobody can stop it there; what it says is taken, since it is there. */
static bool overran(const struct model *m, const struct sessions *s, int64_t began) {
  return began && !s->patience_ms && clock_worked() - began > (int64_t)(m->noun->budget * 1e9);
}

static bool is_one_person(const struct belief_row *rows, uint32_t count) {
  for (uint32_t r = 1; r < count; r++)
    if (rows[r].user != rows[0].user) return false;
  return true;
}

static void predict_some(const struct models *all, const struct model *m, struct sessions *s, struct health *h, struct belief_row *rows,
                         uint32_t count, const struct features *f, struct arena *a) {
  struct batch b;
  struct err e = {0};
  enum session_absence absence = SESSION_THERE;
  const bool is_read = s->rows_most == 1;
  const uint32_t crashes = trouble_crashes(m);
  bool asked = batch_new(a, m, count, &b);
  for (uint32_t r = 0; asked && r < count; r++) fill_row(&b, m, f, &rows[r], r, a);
  bool late = false;
  if (asked && (asked = open_session(m, s, h, &e))) {
    const int64_t began = m->noun->budget > 0 && !plugin_is_hosted(m->plugin) ? clock_worked() : 0;
    asked = session_predict(h->session, count, (const double *const *)b.inputs, (const uint64_t *const *)b.valid, b.seeds, b.outputs,
                            b.good, &e);
    absence = session_absence(h->session);
    late = overran(m, s, began);
  }
  const bool there = absence == SESSION_LATE || absence == SESSION_BUSY;
  if (absence == SESSION_THERE) trouble_answered(m);
  else trouble_ask_failed(m, crashes, is_one_person(rows, count) ? trouble_who(rows[0].user) : TROUBLE_SEVERAL, is_read, there);
  if (late) note_late(h, m, "more processor time than its budget");
  else if (absence == SESSION_THERE && asked) h->late = 0;
  /* Sessions of one row belong to looks and scenarios: what they ask says nothing of whom is served. */
  if (asked && !is_read) watched_note(m, count, b.inputs, b.valid, b.outputs[0], b.good[0]);
  const enum sign sign = asked ? take(all, m, &b, rows) : SIGN_BAD;
  if (sign == SIGN_GOOD) note_good(h);
  if (sign != SIGN_BAD) return;
  const enum missing_reason why = absence == SESSION_SUSPENDED ? MISSING_SUSPENDED : MISSING_FAILED;
  for (uint32_t r = 0; !asked && r < count; r++) {
    give(all, m, &rows[r], why);
    if (absence == SESSION_BUSY || absence == SESSION_LATE) rows[r].failed = false; /* a busy machine is no fault of the program's */
  }
  switch (absence) {
  case SESSION_THERE: note_bad(h, m, rows, count, asked ? "no row had a finite output within its range" : e.text); return;
  case SESSION_AWAY:
  case SESSION_BUSY: return;
  case SESSION_LATE: note_late(h, m, e.text); return;
  case SESSION_SUSPENDED: suspend(h, m, "it is not started again", e.text);
  }
}

/* How many of the next rows go together: those that may be asked, or one that may not. */
static uint32_t rows_together(const struct model *m, const struct sessions *s, const struct belief_row *rows, size_t count,
                              bool *withheld) {
  const uint32_t most = count > s->rows_most ? s->rows_most : (uint32_t)count;
  uint32_t n = 0;
  *withheld = trouble_withholds(m, rows[0].user, s->rows_most == 1); /* first: it settles whose the last end was */
  const bool alone = trouble_alone(m);
  while (!*withheld && ++n < most && (!alone || rows[n].user == rows[0].user))
    if (trouble_withholds(m, rows[n].user, s->rows_most == 1)) break;
  return n ? n : 1;
}

void models_predict(const struct models *m, struct sessions *s, uint32_t model, struct belief_row *rows, size_t count,
                    const struct features *f, struct arena *a) {
  const struct model *one = &m->at[model];
  struct health *h = s ? &s->at[model] : NULL;
  if (one->part_count) {
    for (size_t r = 0; r < count; r++) combine_row(m, one, &rows[r]);
    return;
  }
  for (size_t done = 0; done < count;) {
    bool withheld = false;
    uint32_t some = (uint32_t)(count - done);
    const bool suspended = s && model_suspended(s, model, NULL);
    if (h && one->trained && !suspended) some = rows_together(one, s, rows + done, count - done, &withheld);
    if (!h || !one->trained || suspended || withheld)
      for (uint32_t r = 0; r < some; r++) give(m, one, &rows[done + r], suspended ? MISSING_SUSPENDED : MISSING_FAILED);
    else predict_some(m, one, s, h, rows + done, some, f, a);
    if (withheld) rows[done].failed = false; /* it was not asked */
    done += some;
  }
}
