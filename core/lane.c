/* lane: the thread that owns volumes. A turn takes what is queued, walks it through the flow, commits once a volume, answers, hands letters
 * to the courier, then settles.
 *
 *     take → work → commit → answer → send → settle → sleep
 *
 * Promises: nothing is answered before it is durable; a lost turn answers 503 to everyone in it and the volume is recovered before the
 * next; no lock and no wait on another thread inside a turn, but for an erasure, which control.db must have first. Does not know HTTP,
 * SQLite or Lua. Started and fed by the main thread. */
#include "lane/lane.h"
#include "emit/outbox.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/heap.h"
#include "kit/log.h"
#include "kit/mailbox.h"
#include "kit/tz.h"
#include "lane/back.h"
#include "lane/job.h"
#include "lane/owned.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define MAILBOX_CAP     8192 /* twice what ordinary jobs may fill: the rest is for opt-out, kill and what the courier reports */
#define DONE_CAP        16384
#define DONE_ORDINARY   14336
#define TURN_MOST       512  /* jobs a turn */
#define TURN_ITEMS      4096 /* events a turn, about */
#define TAKE_AT_ONCE    16
#define LINGER_NS       150000
#define RETAIN_AGAIN_NS 20000000 /* trimming goes on this often while nothing else happens */
#define WARM_NS         1000000  /* a piece of filling new features: what came meanwhile waits for it … */
#define WARM_PAUSE_NS   20000000 /* … so under load there is one at most in this time, */
#define QUIET_NS        5000000  /* and only who had nothing to do for so long goes on without pause */

struct lane {
  struct lanes *all;
  pthread_t thread;
  bool started, stopping;
  struct note stop; /* made beforehand: an end must not fail */
  struct mailbox *in;
  struct owned owned[BOOK_VOLUMES_MOST];
  uint32_t owned_count;
  struct arena turn;
  struct job *jobs[TURN_MOST];
  size_t job_count;
  int64_t committed_at, worked_at;
  struct lanes_figures figures; /* of the last turn; main reads it word by word */
  struct crowd crowd;           /* the main thread's */
};
struct lanes {
  struct lanes_options options;
  struct lane *lanes;
  uint32_t lane_count;
  struct lane *of_volume[BOOK_VOLUMES_MOST];
  struct back back;
  uint64_t open;  /* jobs that are not back yet */
  bool has_zones; /* as long as threads may run, a zone's data stays as it is */
  struct courier *courier;
  struct note *overflow; /* the courier's thread only */
};

static struct owned *owned_of(struct lane *lane, uint32_t volume) {
  for (uint32_t i = 0; i < lane->owned_count; i++)
    if (lane->owned[i].number == volume) return &lane->owned[i];
  return NULL;
}

/* ---- work ---- */

static void withdraw_one(void *context, uint64_t id) {
  (void)context;
  (void)id; /* the courier withdraws by user, which covers letters that are on their way to it */
}

static void work_withdraw(struct owned *o, struct job *job) {
  struct err e = {0};
  struct user *u = !owned_may_begin(o) ? NULL : volume_user(flow_volume(o->flow), job->items[0].event.user, false, &e);
  job->number = u ? u->number : 0;
  if (u ? !volume_withdraw(flow_volume(o->flow), u, withdraw_one, NULL, &e) : e.kind != ERR_NONE) owned_lose(o, &e);
}

static void work_fact(struct lane *lane, struct owned *o, const struct job *job) {
  struct err e = {0};
  for (uint32_t p = 0; p < BOOK_PARTITIONS && owned_may_begin(o); p++)
    if (book_volume_of(lane->all->options.book, p) == o->number && !flow_fact(o->flow, p, job->fact, &e)) owned_lose(o, &e);
  o->touched = true;
}

static void work_job(struct lane *lane, struct job *job) {
  struct owned *o = owned_of(lane, job->volume);
  lane->jobs[lane->job_count++] = job;
  if (job->call || job->fact.len || job->withdraw) owned_walk(o, &lane->turn); /* what came before is seen */
  if (job->fact.len) work_fact(lane, o, job);
  if (job->call && !o->lost) {
    owned_remember_due(o); /* an erasure takes the pointers to users away */
    job->call(job, o->flow);
    o->touched |= job->withdraw || job->outbox;
    if (job->outbox) outbox_wants(&o->outbox);
  }
  if (job->item_count && !owned_room(o, job->item_count)) {
    err_set(&job->err, ERR_BUSY, "no memory for this request in the lane's turn");
    return;
  }
  for (size_t i = 0; i < job->item_count; i++) o->items[o->item_count++] = &job->items[i];
  if (!job->withdraw || job->call) return;
  owned_walk(o, &lane->turn);
  work_withdraw(o, job);
}

static void work_note(struct lane *lane, struct note *n) {
  struct owned *o = owned_of(lane, n->volume);
  if (n->message.kind == NOTE_STOP) {
    lane->stopping = true;
    return;
  }
  if (n->message.kind == NOTE_HUNGRY && o) o->outbox.refused = o->outbox.hungry = true; /* refilled after the commit */
  if (n->message.kind == NOTE_RESULTS && o) {
    struct note **last = &o->results;
    while (*last) last = &(*last)->next;
    n->next = NULL;
    *last = n;
  } else kit_free(n);
}

/* ---- commit, answer, send, settle ---- */

static void commit_one(struct lane *lane, struct owned *o) {
  struct err e = {0};
  if (!o->touched && !o->lost) return;
  if (!o->lost && !flow_commit(o->flow, &e)) owned_lose(o, &e);
  lane->committed_at = clock_monotonic();
  owned_recall(o); /* before what the same turn decided anew; of a lost turn, too: an erasure in it may have committed what came before */
  if (!o->lost) {
    log_lasting_over(&o->losing, "lane", "volume %u takes turns again", o->number);
    return;
  }
  log_lasting(&o->losing, LOG_ERROR, "lane", "volume %u: the turn is lost: %s", o->number, o->err.text);
  outbox_forget(&o->outbox);
  if (!o->waits) owned_recover(o);
}

static bool job_recalls(const struct job *job) {
  for (size_t i = 0; i < job->item_count; i++)
    if (job->items[i].recalled) return true;
  return false;
}

static void answer(struct lane *lane, struct job *job) {
  struct owned *o = owned_of(lane, job->volume);
  if (o->lost && job->err.kind == ERR_NONE) job->err = o->err;
  if (o->lost && o->err.kind == ERR_INTERNAL) job->err.kind = ERR_STORAGE; /* nothing of it was kept: safe to send again */
  /* Answers when no attempt can start any more, even when the turn is lost: of an erasure the first commit may stand, and nobody finds the
   * number again. Nobody has the number 0: that only waits its turn behind a kill, or behind what was recalled. */
  const bool withdraws = job->withdraw && job->number;
  if (lane->all->courier && (withdraws || job_recalls(job) || (job->stops && !o->lost)))
    courier_withdraw(lane->all->courier, o->number, withdraws ? job->number : 0, job);
  else mailbox_send(lane->all->back.box, job);
}

static void count_turn(struct lane *lane, size_t items) {
  struct lanes_figures sum = {.turns = lane->figures.turns + (items > 0), .turn_items = lane->figures.turn_items + items};
  for (uint32_t i = 0; i < lane->owned_count; i++) {
    const struct flow_figures *f = flow_figures(lane->owned[i].flow);
    struct volume_figures v = volume_figures(flow_volume(lane->owned[i].flow));
    const uint64_t *from[2] = {(const uint64_t *)f, (const uint64_t *)&v};
    uint64_t *to[2] = {(uint64_t *)&sum.flow, (uint64_t *)&sum.book};
    for (size_t k = 0; k < sizeof *f / sizeof(uint64_t); k++) to[0][k] += from[0][k];
    for (size_t k = 0; k < sizeof v / sizeof(uint64_t); k++) to[1][k] += from[1][k];
    sum.ticks_due += lane->owned[i].due.count;
    sum.unreadable += lane->owned[i].outbox.unreadable;
  }
  for (size_t k = 0; k < sizeof sum / sizeof(uint64_t); k++)
    __atomic_store_n(&((uint64_t *)&lane->figures)[k], ((const uint64_t *)&sum)[k], __ATOMIC_RELAXED); /* once a turn: main reads them */
}

static void finish_turn(struct lane *lane, size_t items, bool idle) {
  for (uint32_t i = 0; i < lane->owned_count; i++) {
    struct owned *o = &lane->owned[i];
    owned_walk(o, &lane->turn);
    owned_join_results(o);
    commit_one(lane, o);
    if (o->lost) continue;
    owned_forget_results(o);
    owned_send(o); /* before the answers: a withdrawal reaches the courier after the letters that it withdraws (C3) */
  }
  count_turn(lane, items); /* before the answers: who is answered and asks finds the event counted */
  for (size_t i = 0; i < lane->job_count; i++) answer(lane, lane->jobs[i]);
  lane->job_count = 0;
  for (uint32_t i = 0; i < lane->owned_count; i++) {
    struct owned *o = &lane->owned[i];
    bool recovered = o->lost && !o->waits;
    o->lost = o->waits = o->touched = false;
    if (recovered) continue;
    owned_remember_due(o);
    owned_settle(o, idle);
  }
  arena_reset(&lane->turn);
}

/* ---- the thread ---- */

static int64_t sleep_until(const struct lane *lane) {
  int64_t next = INT64_MAX;
  for (uint32_t i = 0; i < lane->owned_count; i++)
    if (heap_next(&lane->owned[i].due) < next) next = heap_next(&lane->owned[i].due);
  for (uint32_t i = 0; i < lane->owned_count; i++)
    if (outbox_expires(&lane->owned[i].outbox) < next) next = outbox_expires(&lane->owned[i].outbox);
  for (uint32_t i = 0; i < lane->owned_count; i++)
    if (volume_retain_waits(lane->owned[i].outbox.volume)) return RETAIN_AGAIN_NS;
  if (next == INT64_MAX) return CLOCK_SECOND * 1000000;
  int64_t wait = next - clock_now();
  return (wait < 1 ? 1 : wait > CLOCK_SECOND ? CLOCK_SECOND : wait) * 1000000;
}

/* Under light load a little company is worth waiting for: one fsync then serves several. The first after a pause waits for nobody. */
static void linger(const struct lane *lane) {
  int64_t since = clock_monotonic() - lane->committed_at;
  if (since >= LINGER_NS || mailbox_length(lane->in) >= 16) return;
  struct timespec rest = {0, LINGER_NS - since};
  nanosleep(&rest, NULL);
}

static size_t work_one(struct lane *lane, struct message *m) {
  if (m->kind != NOTE_JOB) {
    work_note(lane, (struct note *)m);
    return 1;
  }
  struct job *job = (struct job *)m;
  size_t items = job->item_count + job->work;
  work_job(lane, job);
  return items + 1;
}

/* Takes what is queued, but no more than a turn should hold: those who come later must not wait for a turn without end. */
static size_t work_queued(struct lane *lane) {
  void *taken[TAKE_AT_ONCE];
  size_t size = 0, count = mailbox_take(lane->in, taken, 1);
  if (count) linger(lane);
  while (count) {
    for (size_t i = 0; i < count; i++) size += work_one(lane, taken[i]);
    if (size >= TURN_ITEMS || lane->job_count + TAKE_AT_ONCE > TURN_MOST) break;
    count = mailbox_take(lane->in, taken, TAKE_AT_ONCE);
  }
  return size;
}

/* Bounded pieces between turns: without pause in quiet moments, now and then under load, so that it ends in any case. How long the lane may
 * sleep before the next piece: 0 not at all, −1 as long as it likes. */
static int64_t warm(struct lane *lane, size_t size) {
  int64_t now = clock_monotonic(), wait = -1;
  if (size > 0) lane->worked_at = now;
  const bool quiet = now - lane->worked_at >= QUIET_NS && mailbox_length(lane->in) == 0;
  for (uint32_t i = 0; i < lane->owned_count; i++) {
    struct owned *o = &lane->owned[i];
    if (flow_is_warm(o->flow)) continue;
    const int64_t pause = quiet ? 0 : o->warmed_at + WARM_PAUSE_NS - now;
    const bool did = pause <= 0 && owned_warm(o, WARM_NS);
    const int64_t next = did ? 0 : pause > 0 ? pause : WARM_PAUSE_NS;
    if (did) finish_turn(lane, 0, mailbox_length(lane->in) == 0);
    if (wait < 0 || next < wait) wait = next;
    now = clock_monotonic();
  }
  return wait;
}

static void *lane_main(void *argument) {
  struct lane *lane = argument;
  while (!lane->stopping) {
    size_t size = work_queued(lane);
    for (uint32_t i = 0; i < lane->owned_count; i++) size += owned_ticks(&lane->owned[i], &lane->turn);
    finish_turn(lane, size, mailbox_length(lane->in) == 0);
    const int64_t wait = lane->stopping ? 0 : warm(lane, size);
    if (size > 0 || lane->stopping || wait == 0) continue;
    const int64_t sleep = sleep_until(lane);
    mailbox_wait(lane->in, wait > 0 && wait < sleep ? wait : sleep);
  }
  return NULL;
}

/* ---- what the courier says, on its thread ---- */

static void post_note(struct lanes *l, struct note *n) {
  struct note **last = &l->overflow;
  while (*last) last = &(*last)->next;
  *last = n;
  for (struct note *first; (first = l->overflow);) {
    struct note *rest = first->next; /* once offered, the note is the lane's */
    if (!mailbox_offer(l->of_volume[first->volume]->in, first)) return;
    l->overflow = rest;
  }
}

/* With room for `count` results behind it; NULL: no memory, and the courier keeps what it has. */
static struct note *note_new(enum note_kind kind, uint32_t volume, size_t count) {
  struct note *n = kit_alloc(sizeof *n);
  struct attempt_result *results = n && count ? kit_alloc(count * sizeof *results) : NULL;
  if (n) *n = (struct note){.message.kind = kind, .volume = volume, .results = results, .count = count};
  if (n && (results || !count)) return n;
  kit_free(n);
  return NULL;
}

static size_t on_results(void *context, const struct attempt_result *results, size_t count) {
  struct lanes *l = context;
  for (size_t i = 0; i < count;) { /* one note for each run of the same volume */
    size_t end = i + 1;
    while (end < count && results[end].volume == results[i].volume) end++;
    struct note *n = note_new(NOTE_RESULTS, results[i].volume, end - i);
    if (!n) return i;
    memcpy(n->results, results + i, (end - i) * sizeof *results);
    post_note(l, n);
    i = end;
  }
  return count;
}

static bool on_hungry(void *context, uint32_t volume) {
  struct note *n = note_new(NOTE_HUNGRY, volume, 0);
  if (n) post_note(context, n);
  return n != NULL;
}

static void on_withdrawn(void *context, void *token) {
  mailbox_send(((struct lanes *)context)->back.box, token);
}

/* ---- what the main thread asks ---- */

bool lanes_room(const struct lanes *l, uint64_t volumes) {
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    if ((volumes >> v & 1) && l->of_volume[v] && crowd_full(&l->of_volume[v]->crowd)) return false;
  return true;
}

bool lanes_full(const struct lanes *l) {
  for (uint32_t i = 0; i < l->lane_count; i++)
    if (!crowd_full(&l->lanes[i].crowd)) return false;
  return true;
}

/* The ordinary jobs of many lanes leave room for urgent ones on the way back as well. */
bool lanes_submit(struct lanes *l, struct job *j) {
  struct lane *lane = l->of_volume[j->volume];
  if (!j->urgent && (crowd_full(&lane->crowd) || l->open >= DONE_ORDINARY)) return false;
  j->message.kind = NOTE_JOB;
  if (!mailbox_reserve(l->back.box, 1)) return false;
  crowd_enter(&lane->crowd, j);
  l->open++;
  if (mailbox_offer(lane->in, j)) return true;
  crowd_leave(&lane->crowd, j);
  l->open--;
  mailbox_release(l->back.box, 1);
  return false;
}

static void job_back(void *context, struct job *j) {
  struct lanes *l = context;
  crowd_leave(&l->of_volume[j->volume]->crowd, j);
  l->open--;
  j->done(j);
}

/* ---- life ---- */

static bool open_owned(struct lane *lane, uint32_t number, struct err *e) {
  struct owned *o = &lane->owned[lane->owned_count];
  o->number = number;
  if (!(o->flow = flow_open(lane->all->options.book, number, lane->all->options.library, e))) return err_wrap(e, "volume %u", number);
  lane->owned_count++;
  lane->all->of_volume[number] = lane;
  o->outbox = (struct outbox){.volume = flow_volume(o->flow), .find_killed = flow_find_killed, .context = o->flow};
  if (lane->all->options.retention) volume_retain(o->outbox.volume, lane->all->options.retention);
  return volume_due_users(o->outbox.volume, owned_push_due, o, e);
}

static bool start_courier(struct lanes *l, struct err *e) {
  if (l->options.endpoint_count == 0) return true;
  struct courier_options o = {.endpoints = l->options.endpoints,
                              .endpoint_count = l->options.endpoint_count,
                              .letters_most = l->options.letters_most,
                              .results = on_results,
                              .hungry = on_hungry,
                              .withdrawn = on_withdrawn,
                              .context = l};
  if (!(l->courier = courier_start(&o, e))) return false;
  for (uint32_t i = 0; i < l->lane_count; i++)
    for (uint32_t k = 0; k < l->lanes[i].owned_count; k++) {
      struct outbox *outbox = &l->lanes[i].owned[k].outbox;
      outbox->courier = l->courier;
      outbox->refused = outbox->hungry = true; /* what waited before the start is pushed in the first turn */
    }
  return true;
}

static uint32_t lanes_wanted(const struct lanes_options *o) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  uint32_t wanted = o->lanes ? o->lanes : processors > 2 ? (uint32_t)processors - 1 : 1;
  uint32_t volumes = book_volumes(o->book);
  return wanted > volumes ? volumes : wanted;
}

static bool open_all(struct lanes *l, struct err *e) {
  l->lane_count = lanes_wanted(&l->options);
  l->lanes = kit_alloc(l->lane_count * sizeof *l->lanes);
  if (!l->lanes || !back_open(&l->back, (l->lane_count + 1) * MAILBOX_CAP)) return err_set(e, ERR_INTERNAL, "no memory for lanes");
  memset(l->lanes, 0, l->lane_count * sizeof *l->lanes);
  for (uint32_t i = 0; i < l->lane_count; i++) {
    l->lanes[i].all = l;
    if (!(l->lanes[i].in = mailbox_new(MAILBOX_CAP))) return err_set(e, ERR_INTERNAL, "no memory for a mailbox");
  }
  for (uint32_t v = 0; v < book_volumes(l->options.book); v++)
    if (!open_owned(&l->lanes[v % l->lane_count], v, e)) return false;
  return start_courier(l, e);
}

struct lanes *lanes_open(const struct lanes_options *options, struct err *e) {
  struct lanes *l = kit_alloc(sizeof *l);
  if (!l) return NULL;
  *l = (struct lanes){.options = *options, .back = {.each = job_back, .context = l}};
  if (open_all(l, e)) return l;
  lanes_close(l);
  return NULL;
}

/* Before the threads run, their volumes are still ours: a program becomes live in all partitions before the first event can come. */
bool lanes_activate(struct lanes *l, const struct program *p, int64_t number, struct err *e) {
  struct buf text = {0};
  if (!program_fact(p, number, &text)) return err_set(e, ERR_INTERNAL, "no memory for a control fact");
  bool ok = true;
  for (uint32_t i = 0; ok && i < l->lane_count; i++)
    for (uint32_t k = 0; ok && k < l->lanes[i].owned_count; k++) ok = flow_activate(l->lanes[i].owned[k].flow, p, buf_view(&text), e);
  buf_free(&text);
  return ok;
}

/* A volume that was recovered since it was opened: its users' ticks are in their states, not in the heap. */
static bool find_due_again(struct owned *o, struct err *e) {
  struct volume *v = o->outbox.volume;
  if (!volume_figures(v).recoveries) return true;
  o->due.count = 0;
  return volume_due_users(v, owned_push_due, o, e);
}

bool lanes_run(struct lanes *l, struct err *e) {
  for (uint32_t i = 0; i < l->lane_count; i++)
    for (uint32_t k = 0; k < l->lanes[i].owned_count; k++)
      if (!find_due_again(&l->lanes[i].owned[k], e)) return false;
  tz_hold();
  l->has_zones = true;
  for (uint32_t i = 0; i < l->lane_count; i++) {
    count_turn(&l->lanes[i], 0); /* who asks before the first turn is told what was opened */
    if (pthread_create(&l->lanes[i].thread, NULL, lane_main, &l->lanes[i]) != 0)
      return err_set(e, ERR_INTERNAL, "cannot start the thread of lane %u", i);
    l->lanes[i].started = true;
  }
  back_run(&l->back, l->options.loop);
  return true;
}

void lanes_close(struct lanes *l) {
  if (!l) return;
  for (uint32_t i = 0; i < l->lane_count && l->lanes; i++)
    if (l->lanes[i].started) {
      l->lanes[i].stop = (struct note){.message.kind = NOTE_STOP};
      while (!mailbox_offer(l->lanes[i].in, &l->lanes[i].stop)) nanosleep(&(struct timespec){0, 1000000}, NULL);
      pthread_join(l->lanes[i].thread, NULL);
    }
  if (l->has_zones) tz_let();
  if (l->courier) courier_stop(l->courier);
  for (struct note *n = l->overflow, *next; n; n = next) { /* results that found no room are joined all the same */
    next = n->next;
    work_note(l->of_volume[n->volume], n);
  }
  l->overflow = NULL;
  back_end(&l->back, l->options.loop);
  int64_t newest[BOOK_VOLUMES_MOST] = {0};
  uint32_t whole = 0;
  for (uint32_t i = 0; i < l->lane_count && l->lanes; i++) {
    struct lane *lane = &l->lanes[i];
    void *left;
    while (lane->in && mailbox_take(lane->in, &left, 1)) work_note(lane, left);
    for (uint32_t k = 0; k < lane->owned_count; k++) {
      struct owned *o = &lane->owned[k];
      owned_join_results(o);
      if (!o->lost && !flow_commit(o->flow, &o->err)) o->lost = true;
      if (o->lost) log_error("lane", "last results: %s", o->err.text);
      newest[o->number] = volume_newest_row(flow_volume(o->flow));
      whole += !o->lost;
      owned_forget_results(o);
      outbox_close(&lane->owned[k].outbox);
      heap_free(&lane->owned[k].due);
      kit_free(lane->owned[k].items);
      flow_close(lane->owned[k].flow);
    }
    if (lane->in) mailbox_free(lane->in);
    arena_free(&lane->turn);
  }
  struct err e = {0};
  if (l->has_zones && whole == book_volumes(l->options.book) && !book_rows_keep(l->options.book, newest, &e))
    log_warn("lane", "how far the journals came is not noted: %s", e.text); /* the next start knows of this one's beginning */
  back_free(&l->back);
  kit_free(l->lanes);
  kit_free(l);
}

void lanes_figures(struct lanes *l, struct lanes_figures *out) {
  *out = (struct lanes_figures){0};
  const size_t words = sizeof *out / sizeof(uint64_t);
  for (uint32_t i = 0; i < l->lane_count; i++) {
    for (size_t k = 0; k < words; k++)
      ((uint64_t *)out)[k] += __atomic_load_n(&((const uint64_t *)&l->lanes[i].figures)[k], __ATOMIC_RELAXED);
    out->waiting += mailbox_length(l->lanes[i].in);
  }
  if (l->courier) out->courier = courier_figures(l->courier);
}

struct flow *lanes_flow(struct lanes *l, uint32_t volume) {
  return owned_of(l->of_volume[volume], volume)->flow;
}
struct courier *lanes_courier(struct lanes *l) {
  return l->courier;
}
