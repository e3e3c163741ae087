/* The courier as the others see it: a thread of its own behind one bounded mailbox. Pushing never blocks and never allocates; a refused
 * push sets its volume's bit, and the courier calls `hungry` when there is room. Letters and commands of one sender share the mailbox, so
 * an opt-out finds every letter that was pushed before it and none that was pushed after. Commands have room of their own in the mailbox
 * and in memory, so they never fail: who finds all of it under way waits for the courier, which waits for nobody. Nothing here
 * reads a file: what the courier holds when it stops stays a waiting row in the outbox. The thread itself is turn.c. */
#include "courier.h"
#include "kit/arena.h"
#include "kit/clock.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void *courier_thread(void *context) {
  pthread_setname_np(pthread_self(), "courier");
  turn_run(context);
  return NULL;
}

static void curl_setup(void) {
  must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

/* Signals belong to the main thread; SIGPIPE of a TLS write stays blocked here and is an EPIPE. */
static bool thread_start(struct courier *c) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&c->thread, NULL, courier_thread, c);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return !failed;
}

static void courier_free(struct courier *c) {
  kit_free(c->results);
  kit_free(c->origin);
  kit_free(c->killed);
  kit_free(c->commands);
  pthread_mutex_destroy(&c->commands_lock);
  pthread_mutex_destroy(&c->views_lock);
  mailbox_free(c->box);
  kit_free(c);
}

static bool options_take(struct courier *c, const struct courier_options *options, struct err *e) {
  struct courier_options *o = &c->options;
  *o = *options;
  if (o->letters_most == 0) o->letters_most = LETTERS_MOST_DEFAULT;
  if (o->connect_ms == 0) o->connect_ms = 5 * CLOCK_SECOND;
  if (o->total_ms == 0) o->total_ms = 15 * CLOCK_SECOND;
  if (!o->results || !o->hungry || !o->withdrawn) return err_set(e, ERR_INTERNAL, "the courier needs results, hungry and withdrawn");
  size_t length = o->origin ? strlen(o->origin) : 0;
  if (length > 64 || (length && strchr(o->origin, '.')))
    return err_set(e, ERR_INPUT, "the webhook origin must have at most 64 characters and no full stop, got \"%.80s\"", o->origin);
  c->origin = kit_alloc(length + 1);
  c->box = mailbox_new((size_t)o->letters_most + COMMANDS_MOST);
  c->commands = kit_alloc(COMMANDS_MOST * sizeof *c->commands);
  for (size_t i = 0; c->commands && i < COMMANDS_MOST; i++) command_done(c, &c->commands[i].head);
  c->result_most = (size_t)o->letters_most + attempts_most(c);
  c->results = kit_alloc(c->result_most * sizeof *c->results); /* pages that nothing is written to cost nothing */
  if (!c->origin || !c->box || !c->commands || !c->results) return err_set(e, ERR_INTERNAL, "the courier could not start: out of memory");
  memcpy(c->origin, length ? o->origin : "", length);
  c->origin[length] = 0;
  return true;
}

struct courier *courier_start(const struct courier_options *options, struct err *e) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, curl_setup);
  struct courier *c = kit_alloc(sizeof *c);
  if (!c) {
    err_set(e, ERR_INTERNAL, "the courier could not start: out of memory");
    return NULL;
  }
  memset(c, 0, sizeof *c);
  c->stop.kind = MESSAGE_STOP;
  pthread_mutex_init(&c->commands_lock, NULL);
  pthread_mutex_init(&c->views_lock, NULL);
  bool ok = options_take(c, options, e);
  if (ok && turn_open(c, e)) {
    if (thread_start(c)) return c;
    err_set(e, ERR_INTERNAL, "the courier could not start: no thread");
    turn_discard(c);
  }
  courier_free(c);
  return NULL;
}

static union command *command_spare(struct courier *c) {
  pthread_mutex_lock(&c->commands_lock);
  union command *spare = c->spare;
  if (spare) c->spare = spare->next;
  pthread_mutex_unlock(&c->commands_lock);
  return spare;
}

/* Should all of them be under way, the courier is working them off right now. */
static union command *command_new(struct courier *c) {
  union command *spare;
  while (!(spare = command_spare(c))) sched_yield();
  return spare;
}

void command_done(struct courier *c, struct message *m) {
  union command *done = (union command *)(void *)m;
  pthread_mutex_lock(&c->commands_lock);
  done->next = c->spare;
  c->spare = done;
  pthread_mutex_unlock(&c->commands_lock);
}

/* Commands have room of their own; should even that be full, the courier is emptying it right now. */
static void command_send(struct courier *c, struct message *m) {
  while (!mailbox_offer(c->box, m)) sched_yield();
}

void courier_stop(struct courier *c) {
  if (!c) return;
  command_send(c, &c->stop);
  pthread_join(c->thread, NULL);
  courier_free(c);
}

bool courier_push(struct courier *c, struct letter *l) {
  must(l->volume < VOLUMES_MOST);
  uint64_t bit = UINT64_C(1) << l->volume;
  if (atomic_fetch_add(&c->held, 1) >= c->options.letters_most) {
    /* First the bit, then another look: either this look finds the room that the courier has just made, or the courier, which looks at the
     * bits after making room, finds the bit. */
    atomic_fetch_or(&c->hungry, bit);
    if (atomic_load(&c->held) > c->options.letters_most) {
      atomic_fetch_sub(&c->held, 1);
      return false;
    }
  }
  if (mailbox_offer(c->box, &parcel_of(l)->head)) return true;
  atomic_fetch_or(&c->hungry, bit); /* commands fill the box for a moment */
  atomic_fetch_sub(&c->held, 1);
  return false;
}

static void withdraw(struct courier *c, uint32_t volume, int64_t user, enum refusal why, void *token) {
  union command *m = command_new(c);
  m->withdraw = (struct withdraw_message){{MESSAGE_WITHDRAW}, volume, user, why, token};
  command_send(c, &m->head);
}
void courier_withdraw(struct courier *c, uint32_t volume, int64_t user, void *token) {
  withdraw(c, volume, user, REFUSAL_OPTED_OUT, token);
}
void courier_recall(struct courier *c, uint32_t volume, int64_t user) {
  withdraw(c, volume, user, REFUSAL_RECALLED, NULL);
}

static int compare_names(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

struct killed_names *killed_names_new(const uint64_t *names, size_t count) {
  struct killed_names *o = kit_alloc(sizeof *o + count * sizeof *names);
  if (!o) return NULL;
  *o = (struct killed_names){{MESSAGE_KILL}, NULL, count};
  if (count) memcpy(o->names, names, count * sizeof *names);
  qsort(o->names, count, sizeof *names, compare_names);
  return o;
}

void killed_names_free(struct killed_names *o) {
  kit_free(o);
}

void courier_kill(struct courier *c, struct killed_names *names, void *token) {
  names->token = token;
  command_send(c, &names->head);
}

void courier_enable(struct courier *c, size_t endpoint) {
  union command *m = command_new(c);
  m->enable = (struct enable_message){{MESSAGE_ENABLE}, endpoint};
  command_send(c, &m->head);
}

void courier_nudge(struct courier *c) {
  union command *m = command_new(c);
  m->head.kind = MESSAGE_NUDGE;
  command_send(c, &m->head);
}

enum endpoint_state courier_endpoint(struct courier *c, size_t endpoint) {
  must(endpoint < c->outlets.count);
  return (enum endpoint_state)atomic_load_explicit(&c->outlets.at[endpoint].state, memory_order_relaxed);
}

struct endpoint_view courier_endpoint_view(struct courier *c, size_t endpoint) {
  must(endpoint < c->outlets.count);
  pthread_mutex_lock(&c->views_lock);
  struct endpoint_view view = c->outlets.at[endpoint].view;
  pthread_mutex_unlock(&c->views_lock);
  view.state = courier_endpoint(c, endpoint);
  if (view.state != ENDPOINT_OPEN) view.try_at = 0;
  return view;
}

struct courier_figures courier_figures(struct courier *c) {
  struct courier_figures f = {
      .attempts = atomic_load_explicit(&c->attempts, memory_order_relaxed),
      .delivered = atomic_load_explicit(&c->delivered, memory_order_relaxed),
      .failed = atomic_load_explicit(&c->failed, memory_order_relaxed),
      .expired = atomic_load_explicit(&c->expired, memory_order_relaxed),
      .withdrawn = atomic_load_explicit(&c->withdrawn, memory_order_relaxed),
      .in_flight = atomic_load_explicit(&c->in_flight, memory_order_relaxed),
  };
  uint64_t held = atomic_load_explicit(&c->held, memory_order_relaxed);
  f.waiting = held > f.in_flight ? held - f.in_flight : 0;
  for (size_t i = 0; i < c->outlets.count; i++) f.breaker_open += courier_endpoint(c, i) != ENDPOINT_CLOSED;
  return f;
}
