/* The courier's thread. A turn, before the loop sleeps: messages in, ended attempts judged, letters that became due queued, those too late
 * ended, attempts started, results handed over in batches, hungry volumes called, the next waking time set. So everything happens on one
 * thread and in one order, and an acknowledgement given in a turn holds for all that follows: after a withdrawal or a kill no attempt
 * starts, because waiting letters are gone and the gate, which is asked when a connection stands and the request is about to be written,
 * refuses the others. Reads no clock but kit's; started and joined by courier.c. */
#include "courier.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGES_A_TURN 1024
#define SLEEP_MOST      1000         /* ms: a wall clock that is set forward is noticed within a second */
#define PAUSE_MOST      CLOCK_MINUTE /* what Retry-After may hold a whole endpoint for; the letter itself waits as long as it says */
#define MEMORY_PAUSE    CLOCK_SECOND
#define RESULTS_PAUSE   100 /* ms */

/* ---- results ---- */

/* What is not taken stays, and is offered again. */
static void results_flush(struct courier *c) {
  size_t given = 0;
  uint32_t ends = 0;
  bool all = c->tick >= c->results_later;
  while (all && given < c->result_count) {
    const size_t left = c->result_count - given, count = left < RESULTS_BATCH ? left : RESULTS_BATCH;
    const size_t taken = c->options.results(c->options.context, c->results + given, count);
    for (size_t i = 0; i < taken; i++) ends += c->results[given + i].end != LETTER_AGAIN;
    given += taken;
    all = taken == count;
    if (!all) c->results_later = c->tick + RESULTS_PAUSE;
  }
  if (given == 0) return;
  c->result_count -= given;
  memmove(c->results, c->results + given, c->result_count * sizeof *c->results);
  atomic_fetch_sub(&c->held, ends);
}

/* Results are durable only with a commit, and a commit of two hundred costs little more than one of two: while attempts are on their way a
 * result waits a moment for theirs. Nobody waits for it meanwhile; a crash in that moment means an attempt more, as in any other. */
static void on_results_due(uv_timer_t *timer) {
  results_flush(timer->data);
}

static void results_offer(struct courier *c) {
  if (c->result_count && c->running && !c->stopping) {
    if (!uv_is_active((uv_handle_t *)&c->results_due)) uv_timer_start(&c->results_due, on_results_due, RESULTS_WAIT, 0);
    return;
  }
  uv_timer_stop(&c->results_due);
  results_flush(c);
}

static struct attempt_result *result_new(struct courier *c, const struct letter *l) {
  if (c->result_count >= RESULTS_BATCH) results_flush(c);
  must(c->result_count < c->result_most); /* an end a letter that is held, and attempts start only while there is room for theirs */
  struct attempt_result *r = &c->results[c->result_count++];
  *r = (struct attempt_result){.id = l->id, .volume = l->volume, .user = l->user, .at = c->now};
  return r;
}

static void count_one(_Atomic uint64_t *counter) {
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void count_end(struct courier *c, enum letter_end end) {
  switch (end) {
  case LETTER_DELIVERED: count_one(&c->delivered); break;
  case LETTER_FAILED: count_one(&c->failed); break;
  case LETTER_EXPIRED: count_one(&c->expired); break;
  case LETTER_WITHDRAWN: count_one(&c->withdrawn); break;
  case LETTER_AGAIN:
  case LETTER_RETURNED: break;
  }
}

/* A result without an attempt. */
static void say_end(struct courier *c, const struct letter *l, enum letter_end end, const char *reason) {
  struct attempt_result *r = result_new(c, l);
  r->end = end;
  snprintf(r->reason, sizeof r->reason, "%s", reason);
  count_end(c, end);
}

static void parcel_end(struct courier *c, struct parcel *parcel, enum letter_end end, const char *reason) {
  say_end(c, &parcel->letter, end, reason);
  parcels_end(&c->parcels, parcel, end == LETTER_DELIVERED);
}

/* ---- what may not be sent ---- */

static bool name_killed(const struct killed_names *k, uint64_t name) {
  size_t low = 0, high = k->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (k->names[middle] == name) return true;
    if (k->names[middle] < name) low = middle + 1;
    else high = middle;
  }
  return false;
}

static bool letter_killed(const struct courier *c, const struct letter *l) {
  if (!c->killed || c->killed->count == 0) return false;
  if (name_killed(c->killed, hash_64(STR("all")))) return true;
  for (size_t i = 0; i < sizeof l->names / sizeof *l->names; i++)
    if (l->names[i] && name_killed(c->killed, l->names[i])) return true;
  return false;
}

static enum refusal refusal_of(const struct courier *c, const struct parcel *parcel, int64_t now) {
  if (parcel->withdrawn != REFUSAL_NONE) return (enum refusal)parcel->withdrawn;
  if (letter_killed(c, &parcel->letter)) return REFUSAL_KILLED;
  return now >= parcel->letter.send_before ? REFUSAL_EXPIRED : REFUSAL_NONE;
}

bool gate_open(void *context, void *owner) {
  struct parcel *parcel = owner;
  parcel->refused = (int)refusal_of(context, parcel, clock_now());
  return parcel->refused == REFUSAL_NONE;
}

/* ---- endpoints ---- */

static void view_change(struct courier *c, struct outlet *o, const char *why) {
  const enum breaker_state state = o->breaker.state;
  struct endpoint_view *v = &o->view;
  pthread_mutex_lock(&c->views_lock);
  if (state == BREAKER_CLOSED) *v = (struct endpoint_view){0};
  else {
    if (!v->since || state == BREAKER_DISABLED) v->since = c->now;
    v->try_at = state == BREAKER_OPEN ? c->now + o->breaker.open_until - c->tick : 0;
    snprintf(v->why, sizeof v->why, "%s", why);
  }
  pthread_mutex_unlock(&c->views_lock);
}

static void outlet_changed(struct courier *c, struct outlet *o, const char *why) {
  static const char *const words[] = {"closed", "open", "half_open", "disabled"};
  const char *word = words[o->breaker.state];
  view_change(c, o, why);
  atomic_store_explicit(&o->state, (int)o->breaker.state, memory_order_relaxed);
  if (o->breaker.state == BREAKER_DISABLED)
    log_error("emit", "webhook endpoint \"%s\" is disabled (%s); what is meant for it waits until an operator takes it back into service",
              o->name, why);
  else log_warn("emit", "webhook endpoint \"%s\": its breaker is %s%s%s", o->name, word, why[0] ? " after " : "", why);
  if (c->options.endpoint_changed) c->options.endpoint_changed(c->options.context, (size_t)(o - c->outlets.at), word, why);
}

static void outlet_judge(struct courier *c, struct outlet *o, enum verdict verdict, const struct http_outcome *outcome, const char *why) {
  if (verdict == VERDICT_TAKEN) bucket_mend(&o->bucket);
  if (attempt_throttles(outcome->status)) bucket_slow(&o->bucket, c->tick);
  if ((outcome->status == 429 || outcome->status == 503) && outcome->retry_after > 0)
    o->paused_until = c->tick + (outcome->retry_after < PAUSE_MOST ? outcome->retry_after : PAUSE_MOST);
  if (breaker_judge(&o->breaker, verdict, c->tick)) outlet_changed(c, o, why);
}

/* ---- attempts ---- */

void attempt_ended(void *context, const struct http_outcome *outcome) {
  struct courier *c = context;
  struct parcel *parcel = outcome->owner;
  struct outlet *o = parcel->outlet;
  struct letter *l = &parcel->letter;
  o->in_flight--, c->running--;
  atomic_store_explicit(&c->in_flight, c->running, memory_order_relaxed);
  enum refusal refusal = outcome->refused ? (enum refusal)parcel->refused : refusal_of(c, parcel, c->now);
  struct attempt_facts facts = {l, outcome, refusal, c->now};
  struct attempt_result *r = result_new(c, l);
  enum verdict verdict = attempt_judge(&facts, r);
  char why[sizeof r->reason];
  memcpy(why, r->reason, sizeof why); /* a flush below may move the result */
  if (r->attempt) count_one(&c->attempts);
  count_end(c, r->end);
  if (r->end == LETTER_AGAIN) {
    l->attempts = r->attempt;
    l->due = r->next_due;
    parcels_wait(&c->parcels, parcel);
  } else parcels_end(&c->parcels, parcel, r->end == LETTER_DELIVERED);
  outlet_judge(c, o, verdict, outcome, why);
}

static size_t id_write(const struct courier *c, const struct letter *l, char *out, size_t size) {
  char own[24] = "";
  if (l->origin) snprintf(own, sizeof own, "%016llx", (unsigned long long)l->origin);
  const char *origin = l->origin ? own : c->origin;
  int n = snprintf(out, size, "msg_%s%sd%u-%llu", origin, origin[0] ? "_" : "", (unsigned)(l->id >> 48),
                   (unsigned long long)(l->id & ((UINT64_C(1) << 48) - 1)));
  must(n > 0 && (size_t)n < size);
  return (size_t)n;
}

static void attempt_start(struct courier *c, struct parcel *parcel, struct outlet *o) {
  char id[112], seconds[24];
  int seconds_length = snprintf(seconds, sizeof seconds, "%lld", (long long)(c->now / 1000));
  struct http_message m = {{id, id_write(c, &parcel->letter, id, sizeof id)},
                           {seconds, (size_t)seconds_length},
                           parcel->letter.body,
                           .signature_count = o->key_count};
  char trace[TRACE_TEXT + 1];
  if (parcel->letter.trace.there) {
    const struct trace span = trace_child(&parcel->letter.trace);
    trace_text(&span, trace);
    m.traceparent = (struct str){trace, TRACE_TEXT};
  }
  for (size_t i = 0; i < o->key_count; i++) signing_key_sign(&o->keys[i], m.id, m.seconds, m.body, m.signatures[i]);
  parcels_run(&c->parcels, parcel);
  parcel->outlet = o;
  parcel->refused = REFUSAL_NONE;
  if (!http_post(o->target, parcel, &m)) { /* out of memory: not the letter's fault */
    parcel->letter.due = c->now + MEMORY_PAUSE;
    parcels_wait(&c->parcels, parcel);
    return;
  }
  breaker_started(&o->breaker);
  atomic_store_explicit(&o->state, (int)o->breaker.state, memory_order_relaxed);
  o->in_flight++, c->running++;
  atomic_store_explicit(&c->in_flight, c->running, memory_order_relaxed);
}

/* ---- letters coming in and becoming due ---- */

static void parcel_queue(struct courier *c, struct parcel *parcel) {
  struct parcel_list *queue = outlets_queue_for(&c->outlets, parcel);
  if (queue) parcels_queue(&c->parcels, parcel, queue);
  else parcel_end(c, parcel, LETTER_FAILED, "the endpoint does not exist");
}

static void letter_in(struct courier *c, struct parcel *parcel) {
  struct letter *l = &parcel->letter;
  const char *reason = NULL;
  enum letter_end end = LETTER_WITHDRAWN;
  if (parcels_hold(&c->parcels, l->id) || c->stopping) { /* the same row, read again */
    kit_free(parcel);
    atomic_fetch_sub(&c->held, 1);
    return;
  }
  if (parcels_delivered(&c->parcels, l->id)) end = LETTER_DELIVERED, reason = "already delivered";
  else if (letter_killed(c, l)) reason = "killed";
  else if (c->now >= l->send_before) end = LETTER_EXPIRED, reason = "expired before an attempt";
  else if (!parcels_add(&c->parcels, parcel)) { /* the lane hears first that we do not have it, then that it may push again */
    atomic_fetch_or(&c->hungry, UINT64_C(1) << l->volume);
    c->short_until = c->tick + MEMORY_PAUSE;
    end = LETTER_RETURNED, reason = "no memory";
  }
  if (reason) {
    say_end(c, l, end, reason);
    kit_free(parcel);
  } else if (l->due <= c->now) {
    parcel_queue(c, parcel);
  }
}

static void letters_due(struct courier *c) {
  for (struct parcel *parcel; (parcel = parcels_top(&c->parcels)) && parcel_moment(parcel) <= c->now;) {
    if (c->now >= parcel->letter.send_before)
      parcel_end(c, parcel, LETTER_EXPIRED, parcel->letter.attempts ? "expired between attempts" : "expired before an attempt");
    else parcel_queue(c, parcel);
  }
}

/* ---- commands ---- */

static void withdraw(struct courier *c, const struct withdraw_message *m) {
  for (struct parcel *parcel = parcels_of_user(&c->parcels, m->volume, m->user), *next; parcel; parcel = next) {
    next = parcel->user_next;
    if (parcel->state == PARCEL_RUNNING) parcel->withdrawn = (int)m->why; /* the gate refuses it if its request is not yet written */
    else parcel_end(c, parcel, LETTER_WITHDRAWN, m->why == REFUSAL_RECALLED ? REASON_RECALLED : "opted out");
  }
  results_flush(c); /* the lane hears of the ends before it hears that all is done */
  if (m->token) c->options.withdrawn(c->options.context, m->token);
}

static int compare_parcels(const void *a, const void *b) {
  const struct parcel *x = *(struct parcel *const *)a, *y = *(struct parcel *const *)b;
  return x->letter.id < y->letter.id ? -1 : x->letter.id > y->letter.id;
}

/* Waiting letters end now, in the order of their ids. Without memory for the list they stay, and the gate refuses each. */
static void killed_end(struct courier *c) {
  struct parcel **list = kit_alloc((c->parcels.count + 1) * sizeof *list), *parcel;
  size_t cursor = 0, count = 0;
  while (list && parcels_each(&c->parcels, &cursor, &parcel))
    if (parcel->state != PARCEL_RUNNING && letter_killed(c, &parcel->letter)) list[count++] = parcel;
  if (count) qsort(list, count, sizeof *list, compare_parcels);
  for (size_t i = 0; i < count; i++) parcel_end(c, list[i], LETTER_WITHDRAWN, "killed");
  kit_free(list);
}

static void kill_set(struct courier *c, struct killed_names *m) {
  kit_free(c->killed);
  c->killed = m;
  killed_end(c);
  results_flush(c);
  if (m->token) c->options.withdrawn(c->options.context, m->token);
}

static void enable(struct courier *c, size_t endpoint) {
  if (endpoint >= c->outlets.count) return;
  struct outlet *o = &c->outlets.at[endpoint];
  if (o->breaker.state != BREAKER_DISABLED) return;
  breaker_reset(&o->breaker);
  outlet_changed(c, o, "an operator's order");
}

static void message_in(struct courier *c, struct message *m) {
  switch (m->kind) {
  case MESSAGE_LETTER: letter_in(c, (struct parcel *)m); return;
  case MESSAGE_KILL: kill_set(c, (struct killed_names *)m); return; /* kept */
  case MESSAGE_STOP: c->stopping = true; return;
  case MESSAGE_WITHDRAW: withdraw(c, (struct withdraw_message *)m); break;
  case MESSAGE_ENABLE: enable(c, ((struct enable_message *)m)->endpoint); break;
  case MESSAGE_NUDGE: break;
  }
  command_done(c, m);
}

static bool messages_in(struct courier *c) { /* true: there may be more */
  void *messages[64];
  for (int taken = 0; taken < MESSAGES_A_TURN;) {
    size_t count = mailbox_take(c->box, messages, sizeof messages / sizeof *messages);
    if (count == 0) return false;
    for (size_t i = 0; i < count; i++) message_in(c, messages[i]);
    taken += (int)count;
  }
  return true;
}

/* ---- the turn ---- */

static void hungry_call(struct courier *c) {
  uint32_t most = c->options.letters_most, slack = most / 8 ? most / 8 : 1;
  if (atomic_load(&c->hungry) == 0 || atomic_load(&c->held) > most - slack || c->tick < c->short_until) return;
  uint64_t bits = atomic_exchange(&c->hungry, 0);
  for (uint32_t volume = 0; volume < VOLUMES_MOST; volume++) {
    if (!(bits >> volume & 1) || c->options.hungry(c->options.context, volume)) continue;
    atomic_fetch_or(&c->hungry, UINT64_C(1) << volume);
    c->short_until = c->tick + MEMORY_PAUSE;
  }
}

static void on_wake(uv_timer_t *timer) {
  (void)timer; /* the turn that follows looks at everything */
}
static void on_box(uv_poll_t *poll, int status, int events) {
  (void)poll, (void)status, (void)events;
}
static void on_busy(uv_idle_t *idle) {
  (void)idle;
}

static void sleep_plan(struct courier *c) {
  int64_t wait = SLEEP_MOST, outlets = outlets_wake(&c->outlets, c->tick);
  const struct parcel *top = parcels_top(&c->parcels);
  if (!top && atomic_load(&c->hungry) == 0 && c->results_later <= c->tick) {
    uv_timer_stop(&c->wake);
    return;
  }
  if (c->short_until > c->tick && c->short_until - c->tick < wait) wait = c->short_until - c->tick;
  if (c->results_later > c->tick && c->results_later - c->tick < wait) wait = c->results_later - c->tick;
  if (top && parcel_moment(top) - c->now < wait) wait = parcel_moment(top) - c->now;
  if (outlets >= 0 && outlets < wait) wait = outlets;
  uv_timer_start(&c->wake, on_wake, (uint64_t)(wait < 1 ? 1 : wait), 0);
}

static void turn_close(struct courier *c) {
  c->closed = true;
  outlets_close(&c->outlets);
  http_free(c->http);
  uv_close((uv_handle_t *)&c->prepare, NULL);
  uv_close((uv_handle_t *)&c->box_poll, NULL);
  uv_close((uv_handle_t *)&c->wake, NULL);
  uv_close((uv_handle_t *)&c->results_due, NULL);
  uv_close((uv_handle_t *)&c->busy, NULL);
}

/* No attempt without room for what becomes of it. */
static bool may_start(const struct courier *c) {
  return !c->stopping && c->result_count + c->running < attempts_most(c);
}

static void on_turn(uv_prepare_t *prepare) {
  struct courier *c = prepare->data;
  if (c->closed) return;
  c->now = clock_now();
  c->tick = clock_monotonic() / 1000000;
  bool more = messages_in(c);
  http_turn(c->http);
  letters_due(c);
  struct outlet *o;
  bool started = false;
  for (struct parcel *parcel; may_start(c) && (parcel = outlets_next(&c->outlets, c->tick, &o)); started = true)
    attempt_start(c, parcel, o);
  if (started) http_turn(c->http);
  results_offer(c);
  hungry_call(c);
  if (c->stopping && c->running == 0) {
    turn_close(c);
    return;
  }
  sleep_plan(c);
  if (more || http_busy(c->http) || !mailbox_arm(c->box)) uv_idle_start(&c->busy, on_busy);
  else uv_idle_stop(&c->busy);
}

/* At the end somebody has to take them; after five seconds without memory their rows wait, and what was sent is sent once more. */
static void results_last(struct courier *c) {
  for (int tries = 0; c->result_count && tries < 500; tries++) {
    if (tries) nanosleep(&(struct timespec){0, 10 * 1000000}, NULL);
    c->results_later = 0;
    results_flush(c);
  }
  if (c->result_count) log_error("emit", "no memory for %zu results at the end: their messages may be sent again", c->result_count);
}

void turn_run(struct courier *c) {
  uv_run(&c->loop, UV_RUN_DEFAULT);
  must(uv_loop_close(&c->loop) == 0);
  while (messages_in(c)) {
  } /* commands that came behind the stop are acknowledged: nothing is sent any more */
  results_last(c);
  parcels_free(&c->parcels);
}

bool turn_open(struct courier *c, struct err *e) {
  c->tick = clock_monotonic() / 1000000;
  if (uv_loop_init(&c->loop) != 0) return err_set(e, ERR_INTERNAL, "the courier could not start: no event loop");
  uv_prepare_init(&c->loop, &c->prepare);
  int box = mailbox_descriptor(c->box);
  uv_poll_init(&c->loop, &c->box_poll, box);
  fcntl(box, F_SETFL, fcntl(box, F_GETFL) & ~O_NONBLOCK); /* uv_poll_init sets it; the mailbox may wait for a write that is being made */
  uv_timer_init(&c->loop, &c->wake);
  uv_timer_init(&c->loop, &c->results_due);
  c->results_due.data = c;
  uv_idle_init(&c->loop, &c->busy);
  c->prepare.data = c;
  struct http_options options = {
      &c->loop, c->options.connect_ms, c->options.total_ms, c->options.endpoint_count * IN_FLIGHT_MOST, gate_open, attempt_ended, c};
  c->http = http_new(&options, e);
  if (c->http && outlets_open(&c->outlets, c->http, c->options.endpoints, c->options.endpoint_count, c->tick, e)) {
    c->options.endpoints = NULL;
    uv_prepare_start(&c->prepare, on_turn);
    uv_poll_start(&c->box_poll, UV_READABLE, on_box);
    return true;
  }
  turn_discard(c);
  return false;
}

void turn_discard(struct courier *c) {
  turn_close(c);
  uv_run(&c->loop, UV_RUN_DEFAULT);
  must(uv_loop_close(&c->loop) == 0);
}
