/* retrain_work: one model is trained again and held against the state that is served. What the engine runs in a process of its own, and
 * what `kairos retrain --out` does by hand. Promises that both states are judged on the same rows, of people whom neither was trained on
 * and of the later half of the time; that too little data gives a sentence and no state; and that a state is written only when it is better
 * by more than the model's file asks, with a lower bound above 0. Its process steps behind everybody else's. Main thread. */
#include "arguments.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "report.h"
#include "retrain.h"
#include "stats/stats.h"
#include "teach.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICER       10
#define MEMORY_MOST ((size_t)4 << 30) /* of address space above what the process has at its start */
#define STATE_MOST  ((size_t)64 << 20)
#define TRAIN_LEAST 50 /* rows of their people */
#define TEST_LEAST  20
#define SURE        1.96 /* standard errors */

struct contest {
  struct one_model fresh, served;
  struct training_table *table;
  struct training_size size;
  struct retraining rules;
  char parent[65];                 /* the served state */
  struct figures was, is;          /* served and fresh, on the rows that decide */
  double improvement, gain, error; /* relative, of log loss; absolute, and its standard error */
  const char *verdict;             /* "better" "kept" "too_few" */
  char why[400];
};

/* ---- the process ---- */

static void limit(__rlimit_resource_t which, rlim_t most) {
  struct rlimit now;
  if (getrlimit(which, &now) != 0 || (now.rlim_cur != RLIM_INFINITY && now.rlim_cur <= most)) return;
  now.rlim_cur = most;
  setrlimit(which, &now);
}

static size_t address_space(void) {
  struct buf text = {0};
  double pages = 0;
  if (file_read("/proc/self/statm", &text, 4096, NULL)) {
    struct str rest = buf_view(&text), first;
    if (str_split(&rest, ' ', &first)) str_to_double(first, &pages);
  }
  buf_free(&text);
  return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The engine says which process it is (lifecycle_train.c), for it may have ended before its end was this process's end: then nobody would
 * end this one. Whoever trains by hand says nothing. */
static bool is_orphan(void) {
  const char *engine = getenv("KAIROS_TRAINS_FOR");
  int64_t pid;
  return engine && (!str_to_int(str_from(engine), &pid) || getppid() != (pid_t)pid);
}

/* Whoever serves goes first, and the engine's end is this process's end. */
static void step_back(int64_t seconds) {
  const size_t now = address_space();
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
  limit(RLIMIT_CPU, (rlim_t)seconds);
  if (now) limit(RLIMIT_AS, (rlim_t)(now + MEMORY_MOST));
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* ---- who is served ---- */

static bool name_parent(struct contest *c, struct err *e) {
  struct buf bytes = {0};
  unsigned char sha256[HASH_SHA256];
  const bool fine = file_read(c->served.state, &bytes, STATE_MOST, e);
  if (fine) {
    hash_sha256(buf_view(&bytes), sha256);
    hash_hex(sha256, HASH_SHA256, c->parent);
  }
  buf_free(&bytes);
  return fine;
}

static bool is_enough(struct contest *c) {
  const struct training_size *s = &c->size;
  const struct retraining *r = &c->rules;
  struct training_rows train, test;
  training_table_rows(c->table, TRAINING_TRAIN, &train);
  training_table_rows(c->table, TRAINING_TEST, &test);
  const bool split = train.rows >= TRAIN_LEAST && test.rows >= TEST_LEAST;
  if (split && s->rows >= r->samples && s->users >= r->users && s->positives >= r->positives) return true;
  c->verdict = "too_few";
  snprintf(c->why, sizeof c->why,
           "%u rows of %u people with %u positives in the last %lld days are too few to learn from; expected %u rows of %u people with %u",
           s->rows, s->users, s->positives, (long long)(r->lookback / CLOCK_DAY), r->samples, r->users, r->positives);
  const size_t said = strlen(c->why);
  if (s->old) snprintf(c->why + said, sizeof c->why - said, "; %u older rows are left out", s->old);
  else if (!split) snprintf(c->why + said, sizeof c->why - said, "; %u of them to train on, %u to test with", train.rows, test.rows);
  return false;
}

/* ---- training ---- */

static bool learn(struct contest *c, int64_t seconds, struct json_writer *w, struct err *e) {
  struct training_rows rows;
  bool isotonic;
  training_table_rows(c->table, TRAINING_TRAIN, &rows);
  if (!teach(&c->fresh, &rows, seconds, e)) return false;
  return !training_table_calibrates(c->table, &isotonic) || teach_calibration(&c->fresh, c->table, isotonic, w, e);
}

/* ---- the contest: rows that are late, of people kept from training ---- */

static void keep_late(const struct training_rows *all, double *p, double *q, struct training_rows *late) {
  uint32_t n = 0;
  for (uint32_t r = 0; r < all->rows; r++) {
    if (!all->late[r]) continue;
    p[n] = p[r];
    q[n] = q[r];
    late->outcome[n] = all->outcome[r];
    late->user[n++] = all->user[r];
  }
  late->rows = n;
}

static void say(struct contest *c) {
  const bool better = c->improvement > c->rules.gain && c->gain - SURE * c->error > 0;
  c->verdict = better ? "better" : "kept";
  snprintf(c->why, sizeof c->why,
           "log loss %.4f against %.4f of the served state on %zu later rows of people nobody was trained on: %.1f %% %s (%.4f ± %.4f); "
           "more than %.3g %% with a lower bound above 0 is asked for",
           c->is.log_loss, c->was.log_loss, c->is.rows, 100 * (c->improvement < 0 ? -c->improvement : c->improvement),
           c->improvement < 0 ? "worse" : "better", c->gain, SURE * c->error, 100 * c->rules.gain);
}

static bool compare(struct contest *c, struct err *e) {
  struct training_rows test, late = {0};
  training_table_rows(c->table, TRAINING_TEST, &test);
  double *p = kit_alloc((test.rows + 1) * sizeof *p), *q = kit_alloc((test.rows + 1) * sizeof *q);
  late.outcome = kit_alloc((test.rows + 1) * sizeof *late.outcome);
  late.user = kit_alloc((test.rows + 1) * sizeof *late.user);
  bool fine = (p && q && late.outcome && late.user) || err_set(e, ERR_INTERNAL, "no memory for a comparison");
  if (fine && (fine = report_calibrated(&c->fresh, &test, p, e) && report_calibrated(&c->served, &test, q, e))) {
    keep_late(&test, p, q, &late);
    c->is = figures_of(p, late.outcome, late.rows);
    c->was = figures_of(q, late.outcome, late.rows);
    c->gain = gain_over(&late, p, q, &c->error);
    c->improvement = -retrain_gain(c->was.log_loss, c->is.log_loss); /* less is better */
    say(c);
  }
  kit_free(p);
  kit_free(q);
  kit_free(late.outcome);
  kit_free(late.user);
  return fine;
}

/* ---- what is written down ---- */

static void put_time(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  json_pair_str(w, key, (struct str){text, clock_format(at, text)});
}

static void put_contest(const struct contest *c, struct json_writer *w) {
  json_pair_int(w, "rows", c->size.rows);
  json_pair_int(w, "users", c->size.users);
  json_pair_int(w, "positives", c->size.positives);
  put_time(w, "from", c->size.from);
  put_time(w, "until", c->size.until);
  json_pair_text(w, "parent", c->parent);
  if (!c->is.rows) return;
  json_key(w, "served");
  figures_write(&c->was, w);
  json_key(w, "fresh");
  figures_write(&c->is, w);
  json_pair_figure(w, "improvement", c->improvement);
  json_pair_figure(w, "gain", c->gain);
  json_pair_figure(w, "error", c->error);
}

static bool write_state(struct contest *c, struct json_writer *w, struct buf *figures, const char *out, struct err *e) {
  struct report report;
  if (!report_make(&report, &c->fresh, c->table, e)) return false;
  report_write(&report, w);
  json_key(w, "retrained");
  json_open_object(w);
  put_contest(c, w);
  json_close_object(w);
  if (!teach_golden_write(&c->fresh, c->table, w, e) || !report_reference(&c->fresh, c->table, w, e)) return false;
  json_close_object(w);
  return one_model_write(&c->fresh, figures, out, e);
}

static void print_words(const struct contest *c, const char *out) {
  const bool better = str_is(str_from(c->verdict), "better");
  printf("%s: %s: %s\n", c->fresh.spec.name, better ? "better" : "kept", c->why);
  if (better) printf("%s holds the new state: kairos models add %s %s\n", out, c->fresh.spec.name, out);
  else printf("%s was not written: the state that is served stays\n", out);
}

static void print_verdict(const struct contest *c) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_text(&w, "model", c->fresh.spec.name);
  json_pair_text(&w, "verdict", c->verdict);
  json_pair_text(&w, "why", c->why);
  put_contest(c, &w);
  json_close_object(&w);
  tool_print(&out);
}

static bool work(struct contest *c, const struct retrain_work *o, struct err *e) {
  struct learning_from from;
  struct buf figures = {0};
  struct json_writer w = json_to(&figures);
  if (!learning_from_options(&from, o->file, o->data, 1, 1, 1, e) || !one_model_open(&c->fresh, o->program, o->model, o->plugins, e) ||
      !one_model_open(&c->served, o->program, o->model, o->plugins, e) || !one_model_load(&c->served, NULL, e) || !name_parent(c, e) ||
      !model_retraining(c->fresh.noun, &c->rules, e))
    return false;
  from.lookback = c->rules.lookback;
  if (!(c->table = report_table(&c->fresh, &from, e))) return false;
  c->size = training_table_size(c->table);
  bool fine = true;
  if (is_enough(c)) {
    json_open_object(&w);
    fine = learn(c, o->seconds, &w, e) && compare(c, e);
    if (fine && str_is(str_from(c->verdict), "better")) fine = write_state(c, &w, &figures, o->out, e);
  }
  buf_free(&figures);
  return fine;
}

int retrain_work(const struct retrain_work *o) {
  struct contest c = {0};
  struct err e = {0};
  step_back(o->seconds);
  const bool fine = is_orphan() ? err_set(&e, ERR_CONFLICT, "the engine that this training was for has ended") : work(&c, o, &e);
  if (fine && o->json) print_verdict(&c);
  else if (fine) print_words(&c, o->out);
  training_table_free(c.table);
  one_model_close(&c.fresh);
  one_model_close(&c.served);
  return fine ? EXIT_OK : tool_fail(&e);
}
