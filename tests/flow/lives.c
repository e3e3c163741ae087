/* rooms: flow program accept book kit; libraries: lib_sqlite */
/* Random lives: events with wild timestamps, live and from history, profiles, consent, kills, stages, programs, merges, erasures, ends and
 * kill -9, moves, retention, and a wall clock that jumps, over a dozen people and one data directory. Whoever keeps the books here knows
 * nothing of the engine's but what it was told and what it sent, and counts again: caps and gap of the person under whatever ids (C1),
 * their quiet hours by the C library's zones (C2), consent and everything that waits (C3), kills (C4), holdouts (C5), goals and the ill
 * (C6), minors (C7), cooldowns; when it is decided, and whenever a courier would send. In the end, and whenever the directory is closed in
 * between, `kairos replay --verify` and `kairos doctor` agree with it. KAIROS_LIVES: how many lives; KAIROS_LIFE: one life's seed. */
#include "book/retention.h"
#include "lives_books.h"

/* ---- the engine ---- */

static void drop_held(struct life *l, int p) {
  size_t kept = 0;
  for (size_t i = 0; i < l->held_count; i++) {
    const struct sent *s = sent_as(l, l->held[i].id);
    if (s && root(l, s->person) == root(l, p)) continue;
    l->held[kept++] = l->held[i];
  }
  l->held_count = kept;
}

static void take_letters(struct life *l, struct flow *f) {
  int64_t users[16];
  struct letter *letters[16];
  for (size_t n; (n = flow_recalled_take(f, users, 16)) > 0;)
    for (size_t i = 0; i < n; i++) {
      struct user *u = volume_user_number(flow_volume(f), users[i], &l->w->e);
      const int p = u ? place_of(u->id) : -1;
      size_t kept = 0;
      for (size_t k = 0; k < l->held_count; k++) {
        const struct sent *s = sent_as(l, l->held[k].id);
        if (!s || s->person != p) l->held[kept++] = l->held[k];
      }
      l->held_count = kept;
    }
  for (size_t n; (n = flow_letters_take(f, letters, 16)) > 0;)
    for (size_t i = 0; i < n; i++) {
      if (l->held_count < SENDS) l->held[l->held_count++] = (struct held){letters[i]->id, letters[i]->send_before};
      letter_free(letters[i]);
    }
  struct user *due[16];
  while (flow_due_take(f, due, 16) == 16) continue;
}

/* False: an allocation failed, and the turn is lost. */
static bool turn(struct life *l, struct flow *f, struct item *item) {
  struct err e = {0};
  const bool scarce = l->short_of_memory && dice(l, 4) == 0;
  kit_fail_allocation(scarce ? 1 + (int64_t)dice(l, dice(l, 2) ? 20 : 200) : 0);
  const bool kept = flow_walk(f, &item, 1, &l->w->arena, &e) && (item->dry_run || flow_commit(f, &e));
  kit_fail_allocation(0);
  if (!kept && !scarce) wrong(l, "%s", e.text);
  if (!kept) fine(&l->w->e, flow_recover(f, &l->w->e));
  l->lost += !kept;
  return kept;
}

static bool say(struct life *l, struct item *item) {
  struct flow *f = world_flow(l->w, arena_text(&l->w->arena, item->event.user.at, item->event.user.len));
  if (!turn(l, f, item)) return false;
  if (item->state == ITEM_TAKEN && item->kind != ENTRY_IMPORTED) {
    const struct user *u = world_user(l->w, arena_text(&l->w->arena, item->event.user.at, item->event.user.len));
    note_told(l, item, item->event.history ? u->clock : item->event.received);
  }
  take_letters(l, f);
  return item->state == ITEM_TAKEN;
}

/* A courier that sends what it has, or ends what is too late. */
static void deliver(struct life *l) {
  const int64_t now = clock_now();
  size_t kept = 0;
  for (size_t i = 0; i < l->held_count; i++) {
    const struct held h = l->held[i];
    const struct sent *s = sent_as(l, h.id);
    if (!s) wrong(l, "a message without a decision: %llu", (unsigned long long)h.id);
    const bool late = now >= h.send_before, killed = is_killed(l, s);
    if (!late && (killed || dice(l, 3) > 0)) {
      l->held[kept++] = h;
      continue;
    }
    if (!late && now >= s->at) expect_may_be_sent(l, s, "left", now);
    struct flow *f = world_flow(l->w, id_of(l, s->person));
    const struct outbox_attempt a = {
        .id = h.id, .attempt = !late, .at = now, .due = now, .end = late ? OUTBOX_EXPIRED : OUTBOX_DELIVERED, .result_json = STR("{}")};
    fine(&l->w->e, volume_attempt(flow_volume(f), &a, &l->w->e) && flow_commit(f, &l->w->e));
    l->delivered += !late;
  }
  l->held_count = kept;
}

static void tick(struct life *l) {
  for (int p = 0; p < PEOPLE; p++)
    for (int n = 0; n < 20 && l->people[p].known && !l->people[p].gone; n++) {
      struct user *u = world_user(l->w, id_of(l, p));
      const struct program *program = flow_program(world_flow(l->w, id_of(l, p)), u->partition);
      struct str body;
      if (!u->due || u->due > clock_now() || !ticks_due(program->rules, u, clock_now(), true, &l->w->arena, &body)) break;
      struct item *item = ARENA_NEW(&l->w->arena, struct item);
      *item = (struct item){.kind = ENTRY_TICK, .asked = NO_ONE, .results = &l->w->arena};
      fine(&l->w->e, event_parse(&l->w->arena, body, clock_now(), STR("tick"), false, &item->event, &l->w->e));
      if (!say(l, item) && !l->short_of_memory) wrong(l, "a tick was refused: %s", item->err.text);
    }
}

/* ---- what happens ---- */

/* Whom the API would mean by the id. */
static const char *meant(struct life *l, int p) {
  const struct str id = aliases_whom(l->aliases, str_from(id_of(l, p)));
  return arena_text(&l->w->arena, id.at, id.len);
}

static void something_happens(struct life *l) {
  const int p = (int)dice(l, PEOPLE), r = root(l, p);
  const char *id = meant(l, p), *type = dice(l, 2) ? "ping" : "pong";
  const bool history = dice(l, 12) == 0;
  const int64_t now = clock_now(), late = dice(l, 4) ? 0 : (int64_t)dice(l, (uint64_t)(40 * CLOCK_HOUR));
  const int64_t at = history ? now - (int64_t)dice(l, (uint64_t)(400 * CLOCK_DAY)) : now + (late ? -late : (int64_t)dice(l, 240000));
  const char *name = arena_printf(&l->w->arena, "e%lld", (long long)(dice(l, 10) ? l->number++ : l->number / 2));
  const char *data = arena_printf(&l->w->arena, "{\"n\":%d}", (int)dice(l, 11));
  if (say(l, world_item(l->w, ENTRY_EVENT, world_envelope(l->w, id, name, type, at, data), now, history))) l->people[r].known = true;
}

static void somebody_answers(struct life *l) {
  static const char *const words[] = {"good", "bad", "complained"};
  char id[32];
  if (!l->send_count) return;
  const struct sent *s = &l->sends[l->send_count - 1 - dice(l, l->send_count < 9 ? l->send_count : 9)];
  if (!l->people[root(l, s->person)].known) return;
  const char *data =
      arena_printf(&l->w->arena, "{\"decisionId\":\"%.*s\",\"response\":\"%s\"}", (int)decision_id_text(s->id, id), id, words[dice(l, 3)]);
  say(l, world_item(l->w, ENTRY_EVENT, world_envelope(l->w, meant(l, s->person), NULL, "intervention_response", clock_now(), data),
                    clock_now(), false));
}

static void somebody_changes(struct life *l) {
  const int p = (int)dice(l, PEOPLE), r = root(l, p);
  struct person *who = &l->people[r], next = *who;
  const char *patch;
  const int zone = dice(l, 15) ? (int)dice(l, 5) : 5, age = dice(l, 4) ? 18 + (int)dice(l, 60) : (int)dice(l, 18);
  switch (dice(l, 6)) {
  case 0:
  case 1:
    next.zone = zone < 5 ? zone : -1;
    patch = zone < 5 ? arena_printf(&l->w->arena, "{\"timezone\":\"%s\"}", zones[zone]) : "{\"timezone\":null}";
    break;
  case 2:
    next.age = age;
    patch = arena_printf(&l->w->arena, "{\"age\":%d}", age);
    break;
  case 3:
    next.guardian = !who->guardian;
    patch = next.guardian ? "{\"guardianConsent\":true}" : "{\"guardianConsent\":false}";
    break;
  case 4:
    next.ill = !who->ill && dice(l, 2);
    patch = next.ill ? "{\"ill\":true}" : "{\"ill\":null}";
    break;
  default: patch = "{\"timezone\":\"Mars/Olympus\",\"ill\":true}";
  }
  const char *said = world_envelope(l->w, meant(l, p), NULL, "profile_updated", clock_now(), patch);
  if (!say(l, world_item(l->w, ENTRY_PROFILE, said, clock_now(), false))) return;
  next.known = true;
  *who = next;
}

static void nobody(void *context, uint64_t id) {
  (void)context;
  (void)id;
}

static void consent(struct life *l, bool in) {
  const int p = (int)dice(l, PEOPLE);
  struct person *who = &l->people[root(l, p)];
  for (int i = 0; i < PEOPLE; i++) { /* an opt-out is under every id of a person */
    if (in ? i != root(l, p) : root(l, i) != root(l, p)) continue;
    if (l->people[i].gone && !volume_user(flow_volume(world_flow(l->w, id_of(l, i))), str_from(id_of(l, i)), false, &l->w->e)) continue;
    const char *said = world_envelope(l->w, id_of(l, i), NULL, in ? "opt_in" : "opt_out", clock_now(), NULL);
    while (!say(l, world_item(l->w, ENTRY_CONSENT, said, clock_now(), false))) /* it is said until it is taken */
      if (!l->short_of_memory) wrong(l, "consent was refused");
    struct flow *f = world_flow(l->w, id_of(l, i));
    if (!in) fine(&l->w->e, volume_withdraw(flow_volume(f), world_user(l->w, id_of(l, i)), nobody, NULL, &l->w->e));
    if (!in) fine(&l->w->e, flow_commit(f, &l->w->e));
  }
  if (!in) drop_held(l, p);
  who->consent = in ? CONSENT_GIVEN : CONSENT_WITHDRAWN;
  who->known = true;
}

static void asked(struct life *l) {
  const int p = (int)dice(l, PEOPLE);
  const char *said = world_envelope(l->w, meant(l, p), NULL, "decision_asked", clock_now(), NULL);
  struct item *item = world_item(l->w, ENTRY_ASKED, said, clock_now(), false);
  item->dry_run = dice(l, 2);
  if (l->people[root(l, p)].known) say(l, item);
}

static void operators_say(struct life *l) {
  const size_t n = dice(l, 40) ? 1 + dice(l, NAMES - 1) : 0; /* everything, once in a while */
  struct world *w = l->w;
  char time[32];
  const char *fact;
  if (dice(l, 3)) {
    l->killed[n] = !l->killed[n] && dice(l, 3) == 0;
    fact = arena_printf(&w->arena, "{\"kind\":\"%s\",\"name\":\"%s\"}", l->killed[n] ? "kill" : "unkill", names[n]);
  } else
    fact = arena_printf(&w->arena, "{\"kind\":\"rollout\",\"name\":\"slowly\",\"stage\":%d,\"anew\":%s,\"at\":\"%.*s\"}",
                        (int)dice(l, 3) - 1, dice(l, 2) ? "true" : "false", (int)clock_format(clock_now(), time), time);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) fine(&w->e, flow_fact(w->flows[book_volume_of(w->book, p)], p, str_from(fact), &w->e));
  for (uint32_t v = 0; v < w->volumes; v++) fine(&w->e, flow_commit(w->flows[v], &w->e));
}

static void warm(struct life *l) {
  for (uint32_t v = 0; v < l->w->volumes; v++) {
    bool more;
    fine(&l->w->e, flow_warm(l->w->flows[v], NULL, NULL, &more, &l->w->e) && flow_commit(l->w->flows[v], &l->w->e));
  }
}

/* ---- ends and starts ---- */

static struct flow *flow_of(void *context, uint32_t volume) {
  return ((struct world *)context)->flows[volume];
}

/* The courier's memory is gone: what waits is in the outbox, and is what it had; nothing waits of whom nothing may wait. */
static void begin_again(struct life *l) {
  struct held had[SENDS];
  const size_t count = l->held_count;
  memcpy(had, l->held, count * sizeof *had);
  l->held_count = 0;
  l->restarts++;
  l->aliases = aliases_open(l->w->book, &l->w->e);
  fine(&l->w->e, l->aliases && merges_resume(l->aliases, l->w->book, flow_of, l->w, &l->w->e));
  for (uint32_t v = 0; v < l->w->volumes; v++) {
    struct outbox_row *rows;
    size_t n;
    take_letters(l, l->w->flows[v]);
    fine(&l->w->e, volume_waiting(flow_volume(l->w->flows[v]), INT64_MAX, 1000, &l->w->arena, &rows, &n, &l->w->e));
    for (size_t i = 0; i < n; i++) {
      bool known = false;
      for (size_t k = 0; k < count; k++) known |= had[k].id == rows[i].id;
      if (!known) wrong(l, "a message waits again: %llu", (unsigned long long)rows[i].id);
      l->held[l->held_count++] = (struct held){rows[i].id, rows[i].send_before};
    }
  }
  if (l->held_count != count) wrong(l, "%zu messages wait, it were %zu", l->held_count, count);
}

static void tool(struct life *l, const char *words) {
  const char *command =
      arena_printf(&l->w->arena, "'%s/kairos' %s --data '%s' > '%s/said' 2>&1", KAIROS_BINARY_DIR, words, l->w->data, l->w->directory);
  if (system(command) == 0) return;
  const char *path = arena_printf(&l->w->arena, "%s/said", l->w->directory);
  struct buf said = {0};
  fine(&l->w->e, file_read(path, &said, 1 << 20, &l->w->e));
  wrong(l, "%s: %.*s", words, (int)(said.len < 300 ? said.len : 300), said.at);
}

static void end(struct life *l) {
  aliases_close(l->aliases);
  l->aliases = NULL;
  world_stop(l->w);
}

static void check(struct life *l) {
  tool(l, "replay --verify");
  tool(l, "doctor");
}

/* A kill leaves what the journal says, which is what lay in memory. */
static void killed_dead(struct life *l) {
  static int copies;
  struct world *old = l->w, *copy = world_killed(old, arena_printf(&old->arena, "lives-%d", ++copies));
  for (int p = 0; p < PEOPLE; p++) {
    const struct str id = str_from(arena_printf(&old->arena, "p%d", p));
    struct user *u = volume_user(flow_volume(world_flow(old, id.at)), id, false, &old->e),
                *v = volume_user(flow_volume(world_flow(copy, id.at)), id, false, &copy->e);
    if (!u != !v) wrong(l, "p%d is there before a kill or after it only", p);
    if (!u) continue;
    if (!str_eq(world_state(old, id.at), world_state(copy, id.at)) || u->due != v->due) wrong(l, "p%d is another after a kill", p);
  }
  aliases_close(l->aliases);
  l->w = copy;
  world_free(old);
  begin_again(l);
}

static void moved_or_trimmed(struct life *l) {
  const struct retention keep = {.events = 20 * CLOCK_DAY, .decisions = 60 * CLOCK_DAY, .letters = 10 * CLOCK_DAY};
  struct trimmed sums;
  end(l);
  if (dice(l, 2)) fine(&l->w->e, book_move(l->w->data, 1 + (uint32_t)dice(l, 4), NULL, NULL, &l->w->e));
  else fine(&l->w->e, book_retain(l->w->data, &keep, false, NULL, NULL, &sums, &l->w->e));
  if (dice(l, 3) == 0) check(l);
  world_start(l->w);
  begin_again(l);
}

static void another_program(struct life *l) {
  world_activate(l->w, world_program(l->w, programs[dice(l, 3)]));
}

/* ---- persons of several ids ---- */

/* What protected either. */
static void bind_books(struct life *l, int from, int into) {
  struct person *a = &l->people[from], *b = &l->people[into];
  if (a->consent == CONSENT_WITHDRAWN) b->consent = CONSENT_WITHDRAWN;
  if (a->age >= 0 && a->age < 18) {
    b->guardian = b->guardian && a->guardian;
    if (b->age < 0 || b->age > a->age) b->age = a->age;
  }
  if (a->zone >= 0 && b->zone >= 0 && a->zone != b->zone) b->zone = -1;
  if (a->goal > 0 && a->goal_at > b->goal_at) b->goal = a->goal, b->goal_at = a->goal_at;
  b->ill |= a->ill;
  a->gone = true;
  a->into = into;
}

static bool merge_step(struct life *l, const struct alias *x, int step) {
  struct world *w = l->w;
  const char *from = arena_text(&w->arena, x->from.at, x->from.len), *into = arena_text(&w->arena, x->into.at, x->into.len);
  struct buf carried = {0};
  struct item *item;
  if (step == 0) {
    const struct merge_clock clock = merge_clock_of(world_user(w, from));
    item = merge_item(&w->arena, x, true, STR(""), &clock, &w->e);
  } else {
    const struct merge_clock clock = merge_clock_of(world_user(w, into));
    fine(&w->e, merge_carried(world_flow(w, from), world_user(w, from), x, &w->arena, &carried, &w->e));
    item = merge_item(&w->arena, x, false, buf_view(&carried), &clock, &w->e);
  }
  fine(&w->e, item != NULL);
  const bool done = say(l, item);
  buf_free(&carried);
  return done;
}

/* However far it comes before the kill; a start ends it. */
static void merged(struct life *l) {
  const int from = root(l, (int)dice(l, PEOPLE)), into = root(l, (int)dice(l, PEOPLE));
  const char *a = id_of(l, from), *b = id_of(l, into);
  const struct alias *same;
  unsigned char mark[16];
  if (from == into || !l->people[from].known || !l->people[into].known || dice(l, 3)) return;
  fine(&l->w->e, aliases_may(l->aliases, str_from(a), str_from(b), &same, &l->w->e));
  user_erasure_mark(world_user(l->w, a), mark);
  const struct alias *x = aliases_begin(l->aliases, "tester", str_from(a), str_from(b), mark, &l->w->e);
  fine(&l->w->e, x != NULL);
  const int steps = (int)dice(l, 3);
  const struct alias copy = *x;
  for (int i = 0; i < steps; i++)
    while (!merge_step(l, &copy, i))
      if (!l->short_of_memory) wrong(l, "a step of a merge was refused");
  bind_books(l, from, into);
  if (steps == 2) deliver(l); /* what binds is there: nothing leaves against it, though the merge is not done */
  aliases_close(l->aliases);
  l->aliases = aliases_open(l->w->book, &l->w->e);
  fine(&l->w->e, l->aliases && merges_resume(l->aliases, l->w->book, flow_of, l->w, &l->w->e));
  for (uint32_t v = 0; v < l->w->volumes; v++) take_letters(l, l->w->flows[v]);
  if (l->people[into].consent == CONSENT_WITHDRAWN) drop_held(l, into); /* as at a start, when there is no courier yet */
}

static void erased(struct life *l) {
  const int r = root(l, (int)dice(l, PEOPLE));
  struct world *w = l->w;
  if (!l->people[r].known || dice(l, 2)) return;
  const char *id = id_of(l, r);
  size_t count;
  const struct str *ids = aliases_person(l->aliases, str_from(id), &w->arena, &count);
  if (count > 1) fine(&w->e, aliases_ending(l->aliases, str_from(id), &w->e));
  drop_held(l, r);
  for (size_t i = 0; i < count; i++) {
    const char *one = arena_text(&w->arena, ids[i].at, ids[i].len);
    struct user *u = volume_user(flow_volume(world_flow(w, one)), ids[i], false, &w->e);
    if (u) fine(&w->e, flow_erase(world_flow(w, one), u, &w->e));
  }
  fine(&w->e, aliases_forget(l->aliases, str_from(id), &w->e));
  size_t kept = 0; /* somebody new comes under these ids, of whom nothing is known */
  for (size_t i = 0; i < l->send_count; i++)
    if (root(l, l->sends[i].person) != r) l->sends[kept++] = l->sends[i];
  l->send_count = kept;
  bool theirs[PEOPLE];
  for (int i = 0; i < PEOPLE; i++) theirs[i] = root(l, i) == r;
  for (int i = 0; i < PEOPLE; i++)
    if (theirs[i]) l->people[i] = (struct person){.zone = -1, .age = -1};
}

/* ---- a life ---- */

static void time_goes_by(struct life *l) {
  const uint64_t weather = dice(l, 200);
  if (weather == 0) clock_advance(-(int64_t)dice(l, (uint64_t)(3 * CLOCK_DAY)));
  else if (weather == 1) clock_advance((int64_t)dice(l, (uint64_t)(40 * CLOCK_DAY)));
  else if (weather < 80) clock_advance((int64_t)dice(l, (uint64_t)(10 * CLOCK_MINUTE)));
  else clock_advance((int64_t)dice(l, (uint64_t)(150 * CLOCK_MINUTE)));
}

static void step(struct life *l) {
  const uint64_t what = dice(l, 1000);
  l->steps++;
  time_goes_by(l);
  tick(l);
  if (what < 600) something_happens(l);
  else if (what < 650) somebody_answers(l);
  else if (what < 740) somebody_changes(l);
  else if (what < 810) consent(l, dice(l, 6) > 0);
  else if (what < 840) asked(l);
  else if (what < 890) operators_say(l);
  else if (what < 930) warm(l);
  else if (what < 945) another_program(l);
  else if (what < 960) merged(l);
  else if (what < 970) erased(l);
  else if (what < 980) killed_dead(l);
  else if (what < 990) moved_or_trimmed(l);
  else fine(&l->w->e, volume_settle(flow_volume(l->w->flows[0]), true, &l->w->e));
  deliver(l);
}

static void begin(struct life *l, uint64_t seed) {
  *l = (struct life){.seed = seed, .r = rng_from(seed)};
  clock_freeze(at("2026-03-20T09:00:00Z")); /* clocks change soon, and in October */
  l->w = world_new("lives", 1 + (uint32_t)dice(l, 3), programs[0]);
  l->aliases = aliases_open(l->w->book, &l->w->e);
  fine(&l->w->e, l->aliases != NULL);
  for (int p = 0; p < PEOPLE; p++) {
    l->people[p] = (struct person){.known = true, .zone = 0, .age = 40, .consent = CONSENT_GIVEN};
    world_person(l->w, id_of(l, p), clock_now(), false);
  }
}

static void live(struct life *l, uint64_t seed, uint64_t steps, bool short_of_memory) {
  begin(l, seed);
  l->short_of_memory = short_of_memory;
  while (l->steps < steps) step(l);
  killed_dead(l);
  end(l);
  check(l);
  print_message("life %llu: %llu decisions, %zu sends kept, %llu left, %llu starts, %llu turns lost\n", (unsigned long long)seed,
                (unsigned long long)l->told, l->send_count, (unsigned long long)l->delivered, (unsigned long long)l->restarts,
                (unsigned long long)l->lost);
  assert_in_range(l->delivered, 1, l->told);
  world_free(l->w);
  clock_thaw();
}

static uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

static struct life l;

static void test_lives(void **state) {
  (void)state;
  const uint64_t first = setting("KAIROS_LIFE", 1), lives = setting("KAIROS_LIVES", 2);
  for (uint64_t seed = first; seed < first + lives; seed++) live(&l, seed, setting("KAIROS_LIFE_STEPS", 250), false);
}

/* Any allocation of a turn may fail: it is lost, or it is the turn that it would have been. */
static void test_lives_short_of_memory(void **state) {
  (void)state;
  const uint64_t first = setting("KAIROS_LIFE", 1001), lives = setting("KAIROS_LIVES", 1);
  for (uint64_t seed = first; seed < first + lives; seed++) live(&l, seed, setting("KAIROS_LIFE_STEPS", 300), true);
  assert_in_range(l.lost, 5, l.steps);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_lives), cmocka_unit_test(test_lives_short_of_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
