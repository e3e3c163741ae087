/* trials_past: how messages ended in the stage of a rollout that counts them: those of before this start from their rows, which say when
 * and how, the others as the courier counts them. Promises that a restart forgets none; that no lane waits for it, and that a piece is
 * bounded, then others have the builder's thread; and that a volume which cannot be read keeps nothing of the others back, and is asked
 * again. Each row is looked at once for all the times that are asked for by then; nothing is read while nobody asks. What is sent again
 * later counts as what it became. Reads on the builder's thread with a reader of its own; all else is the main thread's. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include "trials.h"

#define ROWS_MOST   20000                      /* a piece */
#define AGAIN_AFTER (INT64_C(60) * 1000000000) /* ns: what could not be read is tried again */

struct counting {
  struct trials_past *past;
  int64_t until;
};

static void take_end(void *context, int64_t at, bool failed) {
  const struct counting *c = context;
  struct trials_past *p = c->past;
  for (uint32_t i = 0; at < c->until && i < p->count; i++) {
    struct past_ends *one = &p->ends[i];
    if (!one->wanted || at < one->since) continue;
    one->sum.bad += failed;
    one->sum.all++;
  }
}

static bool read_piece(struct trials_past *p, struct book *book, int64_t until, struct err *e) {
  struct counting c = {p, until};
  struct volume *reader = volume_reader(book, p->volume, e);
  bool over = true;
  const bool read = reader && volume_ends(reader, &p->after, ROWS_MOST, take_end, &c, &over, e);
  volume_close(reader);
  if (read && !over) return true;
  p->volume++;
  p->after = 0;
  return read;
}

static void work(struct errand *errand) {
  struct trials_past *p = (struct trials_past *)errand;
  struct api *a = p->trials->api;
  struct err e = {0};
  if (read_piece(p, a->book, a->started_at, &e)) return;
  p->wrong = true;
  log_warn("rollout", "how messages of before this start ended could not be read everywhere; again in a minute: %s", e.text);
}

static void end_of_pass(struct trials_past *p) {
  for (uint32_t i = 0; i < p->count; i++) {
    struct past_ends *one = &p->ends[i];
    if (!one->wanted) continue;
    one->wanted = false;
    one->known = one->sum;
    one->is_known = true;
    one->partial = p->wrong;
  }
  p->again_at = clock_monotonic() + AGAIN_AFTER;
}

static void done(struct errand *errand) {
  struct trials_past *p = (struct trials_past *)errand;
  p->running = false;
  if (!errand->worked || p->volume < book_volumes(p->trials->api->book)) return;
  end_of_pass(p);
  p->reading = false;
}

/* A pass begins anew for all that is wanted; who asks while one is under way waits for the next. */
static bool begin_pass(struct trials_past *p) {
  const bool again = clock_monotonic() >= p->again_at;
  bool any = false;
  for (uint32_t i = 0; i < p->count; i++) {
    struct past_ends *one = &p->ends[i];
    one->wanted = !one->is_known || (one->partial && again);
    one->sum = (struct rate_count){0};
    any |= one->wanted;
  }
  p->volume = 0;
  p->after = 0;
  p->wrong = false;
  return any;
}

void past_tick(struct trials *t) {
  struct trials_past *p = &t->past;
  if (p->running || !p->count || !t->programs->builder || t->programs->closing) return;
  if (!p->reading && !begin_pass(p)) return;
  p->trials = t;
  p->reading = p->running = true;
  p->errand = (struct errand){.work = work, .done = done};
  builder_ask(t->programs->builder, &p->errand);
}

/* Where there is no more room the oldest goes: stages begin in this run or had begun before it, so that these do not grow. */
static void add(struct trials_past *p, int64_t since) {
  if (p->running) return; /* it is asked for again */
  p->ends[p->next++ % PAST_MOST] = (struct past_ends){.since = since};
  if (p->count < PAST_MOST) p->count++;
}

static bool ended_before(struct trials_past *p, int64_t since, struct rate_count *out) {
  for (uint32_t i = 0; i < p->count; i++) {
    if (p->ends[i].since != since) continue;
    *out = p->ends[i].known;
    return p->ends[i].is_known;
  }
  add(p, since);
  return false;
}

/* ---- since this start ---- */

/* Webhooks are the engine's, not a rollout's: its messages' share cannot be told apart by the courier, which counts since its start. */
static struct rate_count ended_since_start(const struct api *a) {
  struct courier *courier = lanes_courier(a->lanes);
  const struct courier_figures w = courier ? courier_figures(courier) : (struct courier_figures){0};
  return (struct rate_count){w.failed, w.failed + w.delivered};
}

void messages_note(struct api *a) {
  if (!a->trials) return;
  struct trials_past *p = &a->trials->past;
  p->noted[p->noted_next++ % NOTED_MOST] = (struct noted_messages){clock_now(), ended_since_start(a)};
}

/* What was noted when a rollout moved is of just after it. The first who came in is found in the journal later, and no message of theirs
 * had ended before. Longer ago than is remembered: nothing, and all count that ended since this start. */
static struct rate_count noted_at(const struct trials_past *p, int64_t at, bool after) {
  struct rate_count found = {0};
  for (uint32_t back = 1; back <= NOTED_MOST && back <= p->noted_next; back++) {
    const struct noted_messages *one = &p->noted[(p->noted_next - back) % NOTED_MOST];
    if (after && one->at < at) break;
    if (after) found = one->ended;
    else if (one->at < at) return one->ended;
  }
  return found;
}

struct rate_count stage_messages(struct api *a, struct api_stage *s, int64_t first) {
  const int64_t since = s->since ? s->since : first;
  struct rate_count before = {0};
  if (!a->trials || !since) return before;
  struct trials_past *p = &a->trials->past;
  const bool began_before = since < a->started_at;
  if (s->failed_since != since) s->failed = began_before ? before : noted_at(p, since, s->since != 0);
  s->failed_since = since;
  if (began_before && !ended_before(p, since, &before)) return before;
  const struct rate_count now = ended_since_start(a);
  return (struct rate_count){before.bad + now.bad - s->failed.bad, before.all + now.all - s->failed.all};
}
