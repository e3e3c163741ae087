/* What a lane has of one volume: its flow, its users' ticks, what is gathered for this turn, and whether the turn is lost. Promises that a
 * lost turn leaves nothing behind that anybody could see, that a turn which may not begin costs its answers only, that what the courier
 * reported is kept until a commit holds it, and that a tick for which memory was missing comes late, not at the next start. Knows no thread
 * and no mailbox. Called by lane.c on the lane's thread. */
#include "owned.h"
#include "kit/clock.h"

#define TICKS_MOST  256
#define AGAIN_NS    1000000000 /* memory was missing for somebody's tick: all are looked for again after so long */
#define HELD_REFILL 1024       /* messages at the courier: below this it is worth reading the outbox for more */

void owned_lose(struct owned *o, const struct err *why) {
  if (!o->lost) o->err = *why;
  if (o->err.kind == ERR_NONE) err_set(&o->err, ERR_STORAGE, "a turn failed and nobody said why"); /* or it would answer 200 */
  o->lost = true;
}

bool owned_may_begin(struct owned *o) {
  struct err e = {0};
  if (o->lost || volume_room(flow_volume(o->flow), &e)) return !o->lost;
  o->waits = e.kind == ERR_BUSY;
  owned_lose(o, &e);
  return false;
}

bool owned_room(struct owned *o, size_t more) {
  if (o->item_count + more <= o->item_cap) return true;
  size_t cap = (o->item_count + more) * 2;
  struct item **items = kit_realloc(o->items, cap * sizeof *items);
  if (!items) return false;
  o->items = items;
  o->item_cap = cap;
  return true;
}

void owned_walk(struct owned *o, struct arena *turn) {
  struct err e = {0};
  if (o->item_count && owned_may_begin(o) && !flow_walk(o->flow, o->items, o->item_count, turn, &e)) owned_lose(o, &e);
  o->touched |= o->item_count > 0;
  o->item_count = 0;
}

bool owned_push_due(void *context, int64_t number, int64_t due) {
  return heap_push(&((struct owned *)context)->due, due, number);
}

static void push(struct owned *o, const struct user *u) {
  o->due_lacks |= u->due && !owned_push_due(o, u->number, u->due);
}

void owned_remember_due(struct owned *o) {
  struct user *users[64];
  for (size_t n; (n = flow_due_take(o->flow, users, 64)) > 0;)
    for (size_t i = 0; i < n; i++) push(o, users[i]);
}

static bool fill_due(struct owned *o, struct err *e) {
  o->due.count = 0;
  o->due_filled_at = clock_monotonic();
  o->due_lacks = !volume_due_users(flow_volume(o->flow), owned_push_due, o, e);
  return !o->due_lacks;
}

static void fill_due_again(struct owned *o) {
  if (!o->due_lacks || o->lost || clock_monotonic() - o->due_filled_at < AGAIN_NS || !volume_room(flow_volume(o->flow), NULL)) return;
  fill_due(o, NULL);
}

/* How the delivery of all that a follow-up is about ended, when none of it arrived; NULL: some did, some still waits, or nobody knows.
 * Without a courier messages reach people by answers, which end no row. */
static const char *never_arrived(struct owned *o, const struct user *u, const struct event *tick, struct arena *turn) {
  static const char *const words[] = {[OUTBOX_FAILED] = "failed", [OUTBOX_EXPIRED] = "expired", [OUTBOX_WITHDRAWN] = "withdrawn"};
  uint64_t decisions[8];
  const size_t count = o->outbox.courier ? ticks_follows(u, tick, turn, decisions, sizeof decisions / sizeof *decisions) : 0;
  enum outbox_end end = OUTBOX_WAITING;
  bool there = count > 0;
  for (size_t i = 0; i < count && there; i++) {
    struct err e = {0};
    if (!volume_outbox_end(flow_volume(o->flow), decisions[i], &there, &end, &e) || end == OUTBOX_WAITING || end == OUTBOX_DELIVERED)
      there = false;
  }
  return there ? words[end] : NULL;
}

/* What a decision may hang on is in the journal: how a delivery ended goes into the tick itself. */
static bool read_tick(struct owned *o, const struct user *u, struct str body, int64_t now, struct arena *turn, struct event *out) {
  struct err e = {0};
  if (!event_parse(turn, body, now, STR("tick"), false, out, &e)) return false;
  const char *end = never_arrived(o, u, out, turn);
  return !end || event_parse(turn, ticks_undelivered(body, end, turn), now, STR("tick"), false, out, &e);
}

/* A tick comes late or not at all when its user changed meanwhile: the user's own due time is the truth. */
size_t owned_ticks(struct owned *o, struct arena *turn) {
  int64_t now = clock_now();
  struct heap_entry next;
  fill_due_again(o);
  if (heap_next(&o->due) > now) return 0;
  owned_walk(o, turn); /* what people did meanwhile comes first: it may end a silence */
  if (!owned_may_begin(o)) return 0;
  for (int i = 0; i < TICKS_MOST && heap_pop(&o->due, now, &next); i++) {
    struct err e = {0};
    struct user *u = volume_user_number(flow_volume(o->flow), next.number, &e);
    const struct program *p = u ? flow_program(o->flow, u->partition) : NULL;
    struct item *item = ARENA_NEW(turn, struct item);
    struct str body;
    if (e.kind != ERR_NONE)
      log_lasting(&o->ticking, LOG_ERROR, "lane", "volume %u: a tick waits for the next start: %s", o->number, e.text);
    if (o->lost || !u || !p || !item || u->due != next.at || !owned_room(o, 1)) continue;
    u->due = ticks_next(p->rules, u); /* another program may see another time */
    if (!ticks_due(p->rules, u, now, true, turn, &body)) {
      push(o, u);
      continue;
    }
    if (!read_tick(o, u, body, now, turn, &item->event)) continue;
    item->kind = ENTRY_TICK;
    item->asked = NO_ONE;
    o->items[o->item_count++] = item;
    u->due = 0; /* until the walk says what is next: a second entry for the same moment finds nothing */
  }
  return o->item_count;
}

/* Attempts join the turn at its end, and so do messages that nobody else would end; those of a lost turn join the next. */
void owned_join_results(struct owned *o) {
  struct err e = {0};
  o->touched |= o->results != NULL;
  for (struct note *n = o->results; n && owned_may_begin(o); n = n->next)
    if (!outbox_results(&o->outbox, n->results, n->count, &e)) owned_lose(o, &e);
  const int64_t now = clock_now();
  if (o->lost || (outbox_set_aside(&o->outbox, now, &o->touched, &e) && outbox_expire(&o->outbox, now, &o->touched, &e))) return;
  o->waits = e.kind == ERR_BUSY; /* only ever before the turn's first row */
  owned_lose(o, &e);
}

void owned_forget_results(struct owned *o) {
  for (struct note *n = o->results, *next; n; n = next) {
    next = n->next;
    kit_free(n->results);
    kit_free(n);
  }
  o->results = NULL;
}

void owned_recover(struct owned *o) {
  struct err e = {0};
  o->due.count = 0;
  if (flow_recover(o->flow, &e) && fill_due(o, &e)) log_lasting_over(&o->recovering, "lane", "volume %u is recovered", o->number);
  else log_lasting(&o->recovering, LOG_ERROR, "lane", "volume %u: cannot be recovered yet: %s", o->number, e.text);
}

static bool budget_spent(const void *context) {
  return clock_monotonic() >= *(const int64_t *)context;
}

bool owned_warm(struct owned *o, int64_t budget) {
  struct err e = {0};
  bool more;
  if (flow_is_warm(o->flow) || o->lost || !volume_room(flow_volume(o->flow), &e)) return false;
  const int64_t until = clock_monotonic() + budget;
  o->touched = true;
  if (!flow_warm(o->flow, budget_spent, &until, &more, &e)) owned_lose(o, &e);
  o->warmed_at = clock_monotonic();
  return true;
}

/* What was promised is in the file already; what fails here is the volume, and it is recovered before the next turn needs it. */
void owned_settle(struct owned *o, bool idle) {
  struct err e = {0};
  if (volume_settle(flow_volume(o->flow), idle, &e)) {
    log_lasting_over(&o->settling, "lane", "volume %u settles again", o->number);
    return;
  }
  log_lasting(&o->settling, LOG_ERROR, "lane", "volume %u: settling: %s", o->number, e.text);
  if (!volume_room(flow_volume(o->flow), &e) && e.kind != ERR_BUSY) owned_recover(o);
}

void owned_recall(struct owned *o) {
  int64_t users[64];
  for (size_t n; (n = flow_recalled_take(o->flow, users, 64)) > 0;)
    for (size_t i = 0; i < n && o->outbox.courier; i++) courier_recall(o->outbox.courier, o->number, users[i]);
}

void owned_send(struct owned *o) {
  struct letter *letters[64];
  for (size_t n; (n = flow_letters_take(o->flow, letters, 64)) > 0;)
    for (size_t i = 0; i < n; i++) outbox_send(&o->outbox, letters[i]);
  struct err e = {0};
  if (o->outbox.refused && o->outbox.hungry && o->outbox.held.count < HELD_REFILL && !outbox_refill(&o->outbox, &e))
    log_lasting(&o->refilling, LOG_WARN, "lane", "volume %u: outbox: %s", o->number, e.text);
}
