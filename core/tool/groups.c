/* groups: a model's predictions by groups of people (METHODS 12.1, L01): figures of each, the gaps between them, and whether a gap is more
 * than what dealing the people to the same groups by chance would bring. Promises that a person, with all their rows, is of one group, the
 * newest that is known; that those of whom none is known are counted and left out; and that no gap is called one on the figure alone. Main
 * thread. */
#include "groups.h"
#include "kit/map.h"
#include "report.h"

#define SAYS_YES  .5
#define GAP_LEAST .1  /* smaller ones are no alarm, however sure */
#define GAP_SURE  .01 /* p */
#define SEED      1

static const char *const keys[GAPS] = {"selection_rate", "true_positive_rate", "false_positive_rate", "accuracy", "calibration"};
static const char *const words[GAPS] = {"predicted yes", "predicted yes where it came", "predicted yes where it did not come", "accuracy",
                                        "mean prediction above what came"};

/* ---- who is of which group ---- */

struct people {
  uint32_t *person, *group, count; /* person: of each row */
};

static bool find_people(struct people *p, const struct training_rows *rows, struct arena *a) {
  struct map places = {0};
  uint64_t at;
  bool fine = (p->person = ARENA_ARRAY(a, uint32_t, rows->rows + 1)) && (p->group = ARENA_ARRAY(a, uint32_t, rows->rows + 1));
  for (uint32_t r = 0; fine && r < rows->rows; r++) {
    if (!map_get(&places, rows->user[r], &at)) {
      at = p->count++;
      p->group[at] = GROUP_NONE;
      fine = map_set(&places, rows->user[r], at);
    }
    p->person[r] = (uint32_t)at;
    if (rows->group[r] != GROUP_NONE) p->group[at] = rows->group[r]; /* rows come in order of time */
  }
  map_free(&places);
  return fine;
}

/* In place: only people whose group is known, and their rows. */
static size_t leave_out(struct people *p, const struct training_rows *rows, double *said, double *came, uint32_t *unknown,
                        struct arena *a) {
  uint32_t *now = ARENA_ARRAY(a, uint32_t, p->count + 1), known = 0;
  size_t n = 0;
  for (uint32_t k = 0; now && k < p->count; k++) {
    now[k] = p->group[k] == GROUP_NONE ? GROUP_NONE : known;
    if (p->group[k] != GROUP_NONE) p->group[known++] = p->group[k];
  }
  for (uint32_t r = 0; now && r < rows->rows; r++) {
    if (now[p->person[r]] == GROUP_NONE) continue;
    said[n] = said[r];
    came[n] = rows->outcome[r];
    p->person[n++] = now[p->person[r]];
  }
  *unknown = p->count - known;
  p->count = known;
  return now ? n : 0;
}

static bool judge(struct group_report *g, const struct serving *in, struct arena *a) {
  struct gap_chance chance[GAPS];
  uint32_t *dealt = ARENA_ARRAY(a, uint32_t, in->people + 1);
  struct served *counts = ARENA_ARRAY(a, struct served, g->groups);
  if (!(g->served = ARENA_ARRAY(a, struct served, g->groups)) || !dealt || !counts) return false;
  served_count(in, in->group, g->served);
  served_chance(in, SEED, dealt, counts, chance);
  for (int k = 0; k < GAPS; k++) {
    g->gaps[k].gap = served_gap(g->served, g->groups, (enum gap)k, &g->gaps[k].ratio);
    g->gaps[k].chance = chance[k];
    g->gaps[k].alarm = g->gaps[k].gap > GAP_LEAST && chance[k].p < GAP_SURE;
  }
  return true;
}

bool groups_judge(struct group_report *g, const struct one_model *m, const struct training_table *table, const char *by, struct arena *a,
                  struct err *e) {
  struct training_rows rows;
  struct people people = {0};
  *g = (struct group_report){.by = by};
  training_table_rows(table, TRAINING_TEST, &rows);
  if (!(g->groups = training_table_groups(table, &g->names, e))) return false;
  double *said = ARENA_ARRAY(a, double, rows.rows + 1), *came = ARENA_ARRAY(a, double, rows.rows + 1);
  if (!said || !came || !find_people(&people, &rows, a)) return err_set(e, ERR_INTERNAL, "no memory for groups");
  if (!report_calibrated(m, &rows, said, e)) return false;
  const size_t n = leave_out(&people, &rows, said, came, &g->unknown, a);
  const struct serving in = {said, came, people.person, n, people.group, people.count, g->groups, SAYS_YES};
  return judge(g, &in, a) || err_set(e, ERR_INTERNAL, "no memory for groups");
}

/* ---- as words and as JSON ---- */

static void put_number(struct buf *out, double v) {
  if (stats_none(v)) buf_text(out, " – |");
  else buf_printf(out, " %.3f |", v);
}

static void put_gap(const struct group_report *g, int k, struct buf *out) {
  if (stats_none(g->gaps[k].gap)) {
    buf_printf(out, "- %s: fewer than two groups of %d people to compare.\n", words[k], SERVED_LEAST);
    return;
  }
  buf_printf(out, "- %s: a gap of %.3f, %.3f expected by chance (p = %.3f); from %.3f on it would be noticed.%s\n", words[k],
             g->gaps[k].gap, g->gaps[k].chance.expected, g->gaps[k].chance.p, g->gaps[k].chance.noticed,
             g->gaps[k].alarm ? " **It does not serve these groups alike.**" : "");
}

void groups_card(const struct group_report *g, struct buf *out) {
  buf_printf(out, "\n## By %s\n\nThe people it was not trained on", g->by);
  if (g->unknown) buf_printf(out, "; of %u it is not known, they are left out", g->unknown);
  buf_text(out, ".\n\n| | people | rows | base rate |");
  for (int k = 0; k < GAPS; k++) buf_printf(out, " %s |", words[k]);
  buf_text(out, "\n|---|---|---|---|---|---|---|---|---|\n");
  for (uint32_t i = 0; i < g->groups; i++) {
    const struct served *s = &g->served[i];
    if (!(s->people > 0)) continue;
    buf_printf(out, "| " STR_FORMAT "%s | %.0f | %.0f |", STR_ARG(g->names[i]), s->people < SERVED_LEAST ? " (not compared)" : "",
               s->people, s->rows);
    put_number(out, s->yes / s->rows);
    for (int k = 0; k < GAPS; k++) put_number(out, served_rate(s, (enum gap)k));
    buf_text(out, "\n");
  }
  buf_text(out, "\n");
  for (int k = 0; k < GAPS; k++) put_gap(g, k, out);
}

static void write_group(const struct served *s, struct json_writer *w) {
  json_open_object(w);
  json_pair_double(w, "people", s->people);
  json_pair_double(w, "rows", s->rows);
  json_pair_bool(w, "compared", s->people >= SERVED_LEAST);
  json_pair_figure(w, "base_rate", s->yes / s->rows);
  for (int k = 0; k < GAPS; k++) json_pair_figure(w, keys[k], served_rate(s, (enum gap)k));
  json_close_object(w);
}

static void write_gap(const struct group_report *g, int k, struct json_writer *w) {
  json_key(w, keys[k]);
  json_open_object(w);
  json_pair_figure(w, "gap", g->gaps[k].gap);
  if (k != GAP_CALIBRATION) json_pair_figure(w, "ratio", g->gaps[k].ratio); /* that one has both signs */
  json_pair_figure(w, "expected", g->gaps[k].chance.expected);
  json_pair_figure(w, "p", g->gaps[k].chance.p);
  json_pair_figure(w, "noticed_from", g->gaps[k].chance.noticed);
  json_pair_bool(w, "alarm", g->gaps[k].alarm);
  json_close_object(w);
}

void groups_write(const struct group_report *g, struct json_writer *w) {
  double most = STATS_NONE;
  json_key(w, "by");
  json_open_object(w);
  json_pair_text(w, "name", g->by);
  json_pair_int(w, "unknown", g->unknown);
  json_key(w, "groups");
  json_open_object(w);
  for (uint32_t i = 0; i < g->groups; i++) {
    if (!(g->served[i].people > 0)) continue;
    json_key_str(w, g->names[i]);
    write_group(&g->served[i], w);
  }
  json_close_object(w);
  json_key(w, "gaps");
  json_open_object(w);
  for (int k = 0; k < GAPS; k++) {
    write_gap(g, k, w);
    if (stats_none(most) || g->gaps[k].gap > most) most = g->gaps[k].gap;
  }
  json_close_object(w);
  json_pair_figure(w, "max_disparity", most);
  json_close_object(w);
}
