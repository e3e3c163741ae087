/* rooms: flow program accept book kit; libraries: lib_sqlite */
/* What lies in memory is what the journal says: after a kill at any moment, after a clean end, after a lost commit. And what may not move
 * anything moves nothing: duplicates, dry runs, refused events. */
#include "failing_disk.h"
#include "flow_world.h"
#include "kit/hash.h"
#include "kit/tz.h"

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"workout_completed\" { doc = \"x\", fields = { completionRate = { type = \"number\", low = 0, high = 1 } } }\n"                  \
  "event \"intervention_response\" { doc = \"x\", fields = { decisionId = \"text\", response = \"text\" } }\n"                             \
  "event \"logged_decision\" { doc = \"x\", fields = { decisionId = \"text\", option = \"text\" } }\n"                                     \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk {n}\" }, values = { n = \"workout_frequency_7d or 0\" } }\n"                                                  \
  "intervention \"rest\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"rest\" } }\n"                                                                                                      \
  "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\", \"rest\" } }\n"                                               \
  "trigger \"at_workout\" { why = \"x\", on = { \"workout_completed\" }, offer = { \"rest\" }, cooldown = 10 * hours }\n"                  \
  "trigger \"after\" { why = \"x\", on = { follow_up { of = \"trigger:at_ping\", after = 2 * hours }, silence(1 * days) },\n"              \
  "  offer = { \"rest\" } }\n"                                                                                                             \
  "experiment \"trial\" { why = \"x\", revision = 1, at = \"trigger:at_ping\", randomise = \"user\",\n"                                    \
  "  arms = { none = { weight = 0.3, send = nothing }, walk = { weight = 0.7, send = \"walk\" } },\n"                                      \
  "  outcome = { metric = \"n\", within = 1 * hours } }\n"                                                                                 \
  "rollout \"slowly\" { why = \"x\", gates = { \"trigger:at_workout\" }, stages = { { name = \"half\", share = 0.5, hold = 1 * days },\n"  \
  "  { name = \"all\", share = 1, hold = 1 * days } } }\n"
#define RULES_NEXT RULES "trigger \"another\" { why = \"x\", on = { \"workout_completed\" }, offer = { \"walk\" }, priority = 9 }\n"

#define PEOPLE 12

static const char *person(struct world *w, uint64_t n) {
  return arena_printf(&w->arena, "p%d", (int)(n % PEOPLE));
}

/* The user's newest send, as an answer names it. */
static const char *newest_send(struct world *w, const char *user) {
  char id[32];
  const struct user *u = world_user(w, user);
  if (!u->send_count) return "d0-1";
  size_t length = decision_id_text(u->sends[u->send_count - 1].decision, id);
  return arena_text(&w->arena, id, length);
}

static void tell_all(struct world *w, const char *fact) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) fine(&w->e, flow_fact(w->flows[book_volume_of(w->book, p)], p, str_from(fact), &w->e));
  for (uint32_t v = 0; v < w->volumes; v++) fine(&w->e, flow_commit(w->flows[v], &w->e));
}

static void one_thing(struct world *w, struct rng *r, int64_t clock, int n) {
  const char *user = person(w, rng_next(r)), *id = arena_printf(&w->arena, "e%d", n);
  uint64_t dice = rng_next(r) % 100;
  if (dice < 40) world_say(w, world_event(w, user, id, "ping", clock, false, "{\"n\":1}"));
  else if (dice < 60) world_say(w, world_event(w, user, id, "workout_completed", clock, false, "{\"completionRate\":0.5}"));
  else if (dice < 70) world_say(w, world_event(w, user, NULL, "unheard_of", clock, false, "{\"x\":[1,2]}"));
  else if (dice < 80) {
    const char *data =
        arena_printf(&w->arena, "{\"decisionId\":\"%s\",\"response\":\"%s\"}", newest_send(w, user), dice % 2 ? "good" : "bad");
    world_say(w, world_event(w, user, id, "intervention_response", clock, false, data));
  } else if (dice < 84) {
    world_say(w, world_item(w, ENTRY_CONSENT, world_envelope(w, user, NULL, dice % 2 ? "opt_in" : "opt_out", clock, NULL), clock, false));
  } else if (dice < 88) {
    const char *zone = dice % 2 ? "{\"timezone\":\"America/New_York\",\"x\":1}" : "{\"timezone\":\"Europe/Berlin\",\"x\":null}";
    world_say(w, world_item(w, ENTRY_PROFILE, world_envelope(w, user, NULL, "profile_updated", clock, zone), clock, false));
  } else if (dice < 94)
    world_say(w, world_item(w, ENTRY_ASKED, world_envelope(w, user, NULL, "decision_asked", clock, NULL), clock, false));
  else if (dice < 97) {
    const char *data = "{\"decisionId\":\"x\",\"option\":\"walk\",\"propensity\":0.5}";
    world_say(w, world_item(w, ENTRY_IMPORTED, world_envelope(w, user, id, "logged_decision", clock, data), clock, false));
  } else
    tell_all(w, dice == 97   ? "{\"kind\":\"kill\",\"name\":\"trigger:at_ping\"}"
                : dice == 98 ? "{\"kind\":\"unkill\",\"name\":\"trigger:at_ping\"}"
                             : "{\"kind\":\"rollout\",\"name\":\"slowly\",\"stage\":1}");
}

static struct world *some_life(const char *name, uint32_t volumes, int events, uint64_t seed) {
  struct world *w = world_new(name, volumes, RULES);
  struct rng r = rng_from(seed);
  int64_t clock = at("2025-03-03T06:00:00Z");
  for (uint64_t p = 0; p < PEOPLE; p++) world_person(w, person(w, p), clock, false);
  for (int i = 0; i < events; i++) {
    clock += (int64_t)(rng_next(&r) % (uint64_t)(30 * CLOCK_MINUTE));
    if (i == events / 2) world_activate(w, world_program(w, RULES_NEXT));
    if (rng_next(&r) % 40 == 0) fine(&w->e, volume_settle(flow_volume(w->flows[0]), true, &w->e));
    one_thing(w, &r, clock, i);
  }
  return w;
}

static void expect_same_states(struct world *a, struct world *b) {
  for (uint64_t p = 0; p < PEOPLE; p++) {
    const char *user = person(a, p);
    struct str x = world_state(a, user), y = world_state(b, user);
    if (!str_eq(x, y)) fail_msg("%s: the states differ (%zu and %zu bytes)", user, x.len, y.len);
    const struct user *u = world_user(a, user), *v = world_user(b, user);
    assert_int_equal(u->head, v->head);
    assert_int_equal(u->due, v->due);
  }
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    const struct controls *x = flow_controls(a->flows[book_volume_of(a->book, p)], p),
                          *y = flow_controls(b->flows[book_volume_of(b->book, p)], p);
    assert_int_equal(x->killed_count, y->killed_count);
    assert_int_equal(x->stage_count, y->stage_count);
    const struct volume *left = flow_volume(a->flows[book_volume_of(a->book, p)]),
                        *right = flow_volume(b->flows[book_volume_of(b->book, p)]);
    assert_int_equal(volume_next_decision((struct volume *)(uintptr_t)left, p), volume_next_decision((struct volume *)(uintptr_t)right, p));
  }
}

static void test_a_kill_loses_nothing(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    struct world *w = some_life("flow-life", seed % 2 ? 1 : 3, 150 + (int)seed * 37, seed);
    struct world *killed = world_killed(w, "flow-killed");
    expect_same_states(w, killed);
    expect_same_decisions(w, killed);
    assert_string_equal(flow_program(killed->flows[0], 0) ? killed->program->digest : "", w->program->digest);
    /* Life goes on the same way in both. */
    struct world_lines before = world_decisions(w);
    for (uint64_t p = 0; p < PEOPLE; p++)
      for (int k = 0; k < 2; k++) {
        struct world *each = k ? killed : w;
        int64_t clock = at("2025-03-20T10:00:00Z");
        world_say(each, world_event(each, person(each, p), "last", "workout_completed", clock, false, "{\"completionRate\":1}"));
        world_say(each, world_event(each, person(each, p), "last ping", "ping", clock + CLOCK_HOUR, false, "{\"n\":1}"));
      }
    expect_same_states(w, killed);
    expect_same_decisions(w, killed);
    struct world_lines after = world_decisions(w);
    assert_in_range(after.count - before.count, PEOPLE, 10 * PEOPLE);
    free(before.at);
    free(after.at);
    world_free(killed);
    world_free(w);
  }
}

static void test_a_clean_end_loses_nothing(void **state) {
  (void)state;
  struct world *w = some_life("flow-clean", 2, 300, 9);
  struct world *killed = world_killed(w, "flow-clean-copy");
  world_stop(w);
  world_start(w);
  expect_same_states(killed, w);
  world_free(killed);
  world_free(w);
}

/* ---- what moves nothing ---- */

static struct str whole_state(struct world *w, const char *user) {
  struct buf out = {0};
  struct str s = world_state(w, user);
  buf_str(&out, s);
  buf_printf(&out, " head %lld next %llu", (long long)world_user(w, user)->head,
             (unsigned long long)volume_next_decision(flow_volume(world_flow(w, user)), world_user(w, user)->partition));
  struct str copy = {arena_text(&w->arena, out.at, out.len), out.len};
  buf_free(&out);
  return copy;
}

static void expect_unmoved(struct world *w, struct str before, const char *user, const char *by) {
  if (!str_eq(before, whole_state(w, user))) fail_msg("%s moved the state", by);
}

#define NOON at("2025-03-03T12:00:00Z")

static void test_duplicates_move_nothing(void **state) {
  (void)state;
  struct world *w = world_new("flow-duplicates", 1, RULES);
  world_person(w, "ann", NOON, false);
  const char *first = world_envelope(w, "ann", "one", "ping", NOON, "{\"n\":1}"),
             *other = world_envelope(w, "ann", "one", "ping", NOON, "{\"n\":2}");
  struct item *both[3] = {world_item(w, ENTRY_EVENT, first, NOON, false), world_item(w, ENTRY_EVENT, first, NOON, false),
                          world_item(w, ENTRY_EVENT, other, NOON, false)};
  world_walk(w, both, 3); /* in one turn, before its commit */
  assert_int_equal(both[0]->state, ITEM_TAKEN);
  assert_int_equal(both[1]->state, ITEM_DUPLICATE);
  assert_int_equal(both[2]->state, ITEM_REFUSED);
  assert_int_equal(both[2]->err.kind, ERR_CONFLICT);
  for (int round = 0; round < 2; round++) {
    struct str before = whole_state(w, "ann");
    struct item *again = world_say(w, world_item(w, ENTRY_EVENT, first, NOON + CLOCK_DAY, false));
    assert_int_equal(again->state, ITEM_DUPLICATE);
    assert_int_equal(again->told_count, 0);
    struct item *forged = world_say(w, world_item(w, ENTRY_EVENT, other, NOON + CLOCK_DAY, false));
    assert_int_equal(forged->state, ITEM_REFUSED);
    assert_int_equal(forged->err.kind, ERR_CONFLICT);
    assert_true(str_starts(str_from(forged->err.text), "/id: "));
    expect_unmoved(w, before, "ann", "a duplicate");
    world_stop(w);
    world_start(w);
  }
  /* The id belongs to user and source: another user's, and another sender's, are others. */
  world_person(w, "bob", NOON, false);
  assert_int_equal(world_say(w, world_event(w, "bob", "one", "ping", NOON, false, "{\"n\":1}"))->state, ITEM_TAKEN);
  struct item *sender = world_event(w, "ann", "one", "ping", NOON, false, "{\"n\":1}");
  sender->event.source = STR("another");
  assert_int_equal(world_say(w, sender)->state, ITEM_TAKEN);
  /* Without an id nothing is deduplicated. */
  assert_int_equal(world_say(w, world_event(w, "ann", NULL, "ping", NOON, false, "{\"n\":7}"))->state, ITEM_TAKEN);
  assert_int_equal(world_say(w, world_event(w, "ann", NULL, "ping", NOON, false, "{\"n\":7}"))->state, ITEM_TAKEN);
  world_free(w);
}

static void test_refused_events_move_nothing(void **state) {
  (void)state;
  struct world *w = world_new("flow-refused", 1, RULES);
  world_person(w, "ann", NOON, false);
  struct str before = whole_state(w, "ann");
  static const char *const bad[][2] = {{"workout_completed", "{\"completionRate\":2}"},
                                       {"workout_completed", "{\"completionRate\":\"all\"}"},
                                       {"profile_updated", "{\"timezone\":\"Mars/Base\"}"},
                                       {"profile_updated", "{\"timezone\":\"Asia/Tokyo\",\"age\":900}"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct item *item = world_say(w, world_event(w, "ann", "bad", bad[i][0], NOON, false, bad[i][1]));
    if (item->state != ITEM_REFUSED) fail_msg("%s was taken", bad[i][1]);
    assert_int_equal(item->err.kind, ERR_INPUT);
    expect_unmoved(w, before, "ann", bad[i][1]);
    assert_int_equal(world_say(w, world_event(w, "newcomer", "bad", bad[i][0], NOON, false, bad[i][1]))->state, ITEM_REFUSED);
    assert_null(volume_user(flow_volume(w->flows[0]), STR("newcomer"), false, &w->e));
  }
  struct item *asked =
      world_say(w, world_item(w, ENTRY_ASKED, world_envelope(w, "nobody", NULL, "decision_asked", NOON, NULL), NOON, false));
  assert_int_equal(asked->state, ITEM_REFUSED);
  assert_int_equal(asked->err.kind, ERR_MISSING);
  assert_null(volume_user(flow_volume(w->flows[0]), STR("nobody"), false, &w->e));
  world_free(w);
}

static void test_a_dry_run_moves_nothing(void **state) {
  (void)state;
  struct world *w = world_new("flow-dry", 1, RULES);
  world_person(w, "ann", NOON, false);
  struct str before = whole_state(w, "ann");
  struct item *dry = world_item(w, ENTRY_ASKED, world_envelope(w, "ann", NULL, "decision_asked", NOON, NULL), NOON, false);
  dry->dry_run = true;
  world_say(w, dry);
  assert_int_equal(dry->told_count, 3); /* every trigger without a condition */
  expect_unmoved(w, before, "ann", "a dry run");
  struct world_lines lines = world_decisions(w);
  assert_int_equal(lines.count, 0);
  /* The same asked in earnest decides the same, and stays. */
  struct item *wet = world_say(w, world_item(w, ENTRY_ASKED, world_envelope(w, "ann", NULL, "decision_asked", NOON, NULL), NOON, false));
  assert_int_equal(wet->told_count, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(wet->told[i].outcome, dry->told[i].outcome);
    assert_true(dry->told[i].id >> 48 == 0); /* in no partition: the next decision's id is not a dry run's to show */
    assert_true(wet->told[i].id != dry->told[i].id);
  }
  lines = world_decisions(w);
  assert_int_equal(lines.count, 3);
  free(lines.at);
  world_free(w);
}

static void test_only_the_trigger_asked_for(void **state) {
  (void)state;
  struct world *w = world_new("flow-asked", 1, RULES);
  world_person(w, "ann", NOON, false);
  struct item *asked =
      world_item(w, ENTRY_ASKED, world_envelope(w, "ann", NULL, "decision_asked", NOON, "{\"trigger\":\"after\"}"), NOON, false);
  asked->asked = rules_trigger(w->program->rules, STR("after"));
  world_say(w, asked);
  assert_int_equal(asked->told_count, 1);
  assert_true(str_is(asked->told[0].trigger, "after"));
  assert_int_equal(asked->told[0].outcome, OUTCOME_SENT);
  world_free(w);
}

/* ---- times ---- */

static void test_late_events_move_state_and_decide_nothing(void **state) {
  (void)state;
  struct world *w = world_new("flow-late", 1, RULES);
  world_person(w, "ann", NOON, false);
  uint64_t events = world_user(w, "ann")->events;
  const char *late = world_envelope(w, "ann", "late", "ping", NOON - CLOCK_DAY - 1, "{\"n\":1}");
  struct item *item = world_say(w, world_item(w, ENTRY_EVENT, late, NOON, false));
  assert_int_equal(item->state, ITEM_TAKEN);
  assert_int_equal(item->told_count, 0);
  assert_int_equal(world_user(w, "ann")->events, events + 1);
  const char *just = world_envelope(w, "ann", "just", "ping", NOON - CLOCK_DAY, "{\"n\":1}");
  assert_int_equal(world_say(w, world_item(w, ENTRY_EVENT, just, NOON, false))->told_count, 1);
  world_free(w);
}

/* History is decided on the events' own time, and a user's time never runs back; its sends end as expired without an attempt. */
static void test_history_runs_forward(void **state) {
  (void)state;
  struct world *w = world_new("flow-history", 1, RULES);
  int64_t then = at("2015-08-03T12:00:00Z");
  world_person(w, "ann", then, true);
  world_say(w, world_event(w, "ann", "b", "ping", then + 2 * CLOCK_HOUR, true, "{\"n\":1}"));
  assert_int_equal(world_user(w, "ann")->clock, then + 2 * CLOCK_HOUR);
  world_say(w, world_event(w, "ann", "a", "ping", then + CLOCK_HOUR, true, "{\"n\":1}"));
  assert_int_equal(world_user(w, "ann")->clock, then + 2 * CLOCK_HOUR);
  assert_int_equal(world_user(w, "ann")->due, 0); /* no tick of today waits for who lives in 2015 */
  for (int i = 0; i < 40; i++) {
    struct letter *letters[1];
    struct item *item = world_event(w, "ann", arena_printf(&w->arena, "c%d", i), "workout_completed", then + (i + 3) * CLOCK_HOUR, true,
                                    "{\"completionRate\":1}");
    fine(&w->e, flow_walk(w->flows[0], &item, 1, &w->arena, &w->e));
    assert_int_equal(flow_letters_take(w->flows[0], letters, 1), 0); /* there is nothing to attempt */
    fine(&w->e, flow_commit(w->flows[0], &w->e));
  }
  const struct user *u = world_user(w, "ann");
  assert_in_range(u->send_count, 1, 12);
  for (size_t i = 0; i < u->send_count; i++) {
    struct outbox_row row;
    fine(&w->e, volume_outbox(flow_volume(w->flows[0]), u->sends[i].decision, &w->arena, &row, &w->e));
    assert_int_equal(row.end, OUTBOX_EXPIRED);
    assert_int_equal(row.attempts, 0);
  }
  world_say(w, world_event(w, "ann", "now", "ping", at("2025-03-03T12:00:00Z"), false, "{\"n\":1}"));
  assert_true(world_user(w, "ann")->due != 0); /* back in our days */
  world_free(w);
}

/* What comes late into a history is decided where the person is by then, however old it is. */
static void test_history_is_decided_at_the_persons_clock(void **state) {
  (void)state;
  struct world *w = world_new("flow-history-clock", 1, RULES);
  int64_t then = at("2015-08-03T12:00:00Z");
  static const int64_t hours[] = {2, 1, -72};
  world_person(w, "ann", then, true);
  for (int i = 0; i < 3; i++)
    world_say(w, world_event(w, "ann", arena_printf(&w->arena, "h%d", i), "ping", then + hours[i] * CLOCK_HOUR, true, "{\"n\":1}"));
  struct world_lines lines = world_decisions(w);
  assert_int_equal(lines.count, 3);
  for (size_t i = 0; i < lines.count; i++) assert_non_null(strstr(lines.at[i].text, "\"at\":\"2015-08-03T14:00:00"));
  free(lines.at);
  world_free(w);
}

/* C3: who has opted out at a time that is known is not brought back by a yes of before. */
static void test_consent_of_the_past_lifts_no_opt_out(void **state) {
  (void)state;
  struct world *w = world_new("flow-past-consent", 1, RULES);
  int64_t then = at("2015-08-03T12:00:00Z");
  static const struct {
    const char *type;
    int64_t hours;
    bool taken;
    enum consent consent;
  } said[] = {{"opt_out", 2, true, CONSENT_WITHDRAWN},
              {"opt_in", 1, false, CONSENT_WITHDRAWN},
              {"opt_out", 1, true, CONSENT_WITHDRAWN},
              {"opt_in", 2, true, CONSENT_GIVEN},
              {"opt_in", 1, true, CONSENT_GIVEN}};
  world_person(w, "ann", then, true);
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    const char *body = world_envelope(w, "ann", NULL, said[i].type, then + said[i].hours * CLOCK_HOUR, NULL);
    struct item *item = world_say(w, world_item(w, ENTRY_CONSENT, body, clock_now(), true));
    assert_int_equal(item->state, said[i].taken ? ITEM_TAKEN : ITEM_REFUSED);
    if (!said[i].taken) assert_int_equal(item->err.kind, ERR_CONFLICT);
    assert_int_equal(world_user(w, "ann")->consent, said[i].consent);
  }
  world_free(w);
}

/* Decided and recalled within one turn: the letter is not handed out after its row has ended; another person's is. */
static void test_a_letter_of_the_same_turn_is_recalled(void **state) {
  (void)state;
  struct world *w = world_new("flow-recalled", 1, RULES);
  struct item *items[3];
  static const char *const people[] = {"ann", "bob"};
  for (int i = 0; i < 2; i++) {
    world_person(w, people[i], NOON, false);
    const char *body = world_envelope(w, people[i], NULL, "decision_asked", NOON, "{\"trigger\":\"after\"}");
    items[i] = world_item(w, ENTRY_ASKED, body, NOON, false);
    items[i]->asked = rules_trigger(w->program->rules, STR("after"));
  }
  const char *body = world_envelope(w, "ann", NULL, "profile_updated", NOON + 1, "{\"timezone\":\"Asia/Tokyo\"}");
  items[2] = world_item(w, ENTRY_PROFILE, body, NOON + 1, false);
  fine(&w->e, flow_walk(w->flows[0], items, 3, &w->arena, &w->e));
  fine(&w->e, flow_commit(w->flows[0], &w->e));
  struct letter *letters[3];
  int64_t recalled[3];
  assert_true(items[2]->recalled && !items[0]->recalled);
  assert_int_equal(flow_letters_take(w->flows[0], letters, 3), 1);
  assert_int_equal(letters[0]->user, world_user(w, "bob")->number);
  letter_free(letters[0]);
  assert_int_equal(flow_recalled_take(w->flows[0], recalled, 3), 1);
  assert_int_equal(recalled[0], world_user(w, "ann")->number);
  for (int i = 0; i < 2; i++) {
    struct outbox_row row;
    fine(&w->e, volume_outbox(flow_volume(w->flows[0]), items[i]->told[0].id, &w->arena, &row, &w->e));
    assert_int_equal(row.end, i ? OUTBOX_WAITING : OUTBOX_WITHDRAWN);
  }
  world_free(w);
}

static void test_imported_decisions_stand_outside(void **state) {
  (void)state;
  struct world *w = world_new("flow-imported", 1, RULES);
  world_person(w, "ann", NOON, false);
  for (int i = 0; i < 20; i++) {
    const char *data =
        arena_printf(&w->arena, "{\"decisionId\":\"far-%d\",\"option\":\"walk\",\"propensity\":{\"walk\":0.3,\"none\":0.7}}", i);
    const char *id = arena_printf(&w->arena, "i%d", i);
    struct item *item =
        world_say(w, world_item(w, ENTRY_IMPORTED, world_envelope(w, "ann", id, "logged_decision", NOON, data), NOON, false));
    assert_int_equal(item->state, ITEM_TAKEN);
  }
  assert_int_equal(world_user(w, "ann")->send_count, 0);
  struct world_lines lines = world_decisions(w);
  assert_int_equal(lines.count, 20);
  assert_non_null(strstr(lines.at[3].text, "\"source\":\"imported\""));
  assert_non_null(strstr(lines.at[3].text, "\"external\":\"far-3\",\"option\":\"walk\",\"propensity\":{\"walk\":0.3,\"none\":0.7}"));
  free(lines.at);
  struct item *ping = world_say(w, world_event(w, "ann", "p", "workout_completed", NOON, false, "{\"completionRate\":1}"));
  assert_int_equal(ping->told_count, 1);
  assert_int_not_equal(ping->told[0].outcome, OUTCOME_UNAVAILABLE);
  world_free(w);
}

/* ---- storage that fails ---- */

static void test_a_lost_turn_never_was(void **state) {
  (void)state;
  struct world *w = some_life("flow-lost", 1, 200, 21);
  for (int round = 0; round < 6; round++) {
    struct str before = whole_state(w, "p3");
    struct item *items[3];
    int64_t clock = at("2025-03-20T10:00:00Z") + round * CLOCK_HOUR;
    for (int i = 0; i < 3; i++)
      items[i] = world_event(w, i == 2 ? "a new one" : "p3", arena_printf(&w->arena, "lost %d", i), "workout_completed", clock, false,
                             "{\"completionRate\":1}");
    if (round % 2) disk_sync_failures = 1;
    else disk_write_failures = 1;
    bool kept = flow_walk(w->flows[0], items, 3, &w->arena, &w->e) && flow_commit(w->flows[0], &w->e);
    assert_false(kept);
    assert_int_equal(w->e.kind, ERR_STORAGE);
    disk_sync_failures = disk_write_failures = 0;
    /* Until it is recovered it says no to everything, duplicates included. */
    struct item *again = world_event(w, "p3", "e1", "ping", clock, false, "{\"n\":1}");
    assert_false(flow_walk(w->flows[0], &again, 1, &w->arena, &w->e) && flow_commit(w->flows[0], &w->e));
    fine(&w->e, flow_recover(w->flows[0], &w->e));
    expect_unmoved(w, before, "p3", "a lost turn");
    assert_null(volume_user(flow_volume(w->flows[0]), STR("a new one"), false, &w->e));
    struct world *killed = world_killed(w, "flow-lost-copy");
    expect_same_states(w, killed);
    world_free(killed);
  }
  world_free(w);
}

/* A duplicate that cannot be looked up is no duplicate: the turn is lost, and nobody is told that the event is there. */
static void test_an_unreadable_row_is_no_duplicate(void **state) {
  (void)state;
  struct world *w = world_new("flow-unreadable", 1, RULES);
  world_person(w, "ann", NOON, false);
  world_say(w, world_event(w, "ann", "one", "ping", NOON, false, "{\"n\":1}"));
  world_stop(w);
  char path[500];
  snprintf(path, sizeof path, "%s/volume-00.db", w->data);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  char *why = NULL;
  int rc =
      sqlite3_exec(db, "UPDATE journal SET body = zeroblob(length(body)) WHERE seq = (SELECT max(seq) FROM journal)", NULL, NULL, &why);
  if (rc != SQLITE_OK) fail_msg("%s", why);
  sqlite3_close(db);
  world_start(w);
  struct item *again = world_event(w, "ann", "one", "ping", NOON, false, "{\"n\":1}");
  assert_false(flow_walk(w->flows[0], &again, 1, &w->arena, &w->e) && flow_commit(w->flows[0], &w->e));
  assert_int_not_equal(again->state, ITEM_DUPLICATE);
  world_free(w);
}

static void a_workout_without_memory(struct world *w, int64_t nth, bool *struck) {
  const char *id = arena_printf(&w->arena, "w%d", (int)nth);
  const int64_t clock = NOON + nth * CLOCK_HOUR;
  struct item *item =
      nth % 2 ? world_event(w, "ann", id, "workout_completed", clock, false, "{\"completionRate\":1}")
              : world_item(w, ENTRY_PROFILE, world_envelope(w, "ann", NULL, "profile_updated", clock, "{\"age\":41}"), clock, false);
  struct str before = whole_state(w, "ann");
  kit_fail_allocation(nth / 2 + 1);
  const bool kept = flow_walk(w->flows[0], &item, 1, &w->arena, &w->e) && flow_commit(w->flows[0], &w->e);
  kit_fail_allocation(0);
  *struck = !kept || item->state == ITEM_REFUSED;
  if (kept && !*struck) return;
  if (!kept) fine(&w->e, flow_recover(w->flows[0], &w->e));
  expect_unmoved(w, before, "ann", kept ? "an event that was refused" : "a turn that was lost");
}

/* Whichever allocation fails, an event that is not taken has moved nothing: what stands in memory is what the rows say. */
static void test_without_memory_nothing_half_moves(void **state) {
  (void)state;
  struct world *w = world_new("flow-memory", 1, RULES);
  world_person(w, "ann", NOON, false);
  int struck = 0;
  for (int64_t nth = 0; nth < 160; nth++) {
    bool is_struck;
    a_workout_without_memory(w, nth, &is_struck);
    struck += is_struck;
  }
  assert_true(struck > 10);
  struct world *killed = world_killed(w, "flow-memory-copy");
  assert_true(str_eq(whole_state(w, "ann"), whole_state(killed, "ann")));
  world_free(killed);
  world_free(w);
}

/* ---- zones ---- */

struct zone_rows {
  struct world *world;
  size_t count;
  bool others;
  unsigned char sha256[HASH_SHA256];
};
static void take_zone_row(void *context, const struct world_row *row) {
  struct zone_rows *z = context;
  char hex[2 * HASH_SHA256 + 1];
  if (row->entry.kind != ENTRY_CONTROL) return;
  const char *body = arena_text(&z->world->arena, row->entry.body.at, row->entry.body.len);
  if (!strstr(body, "\"zone\"") || !strstr(body, "Pacific/Chatham")) return;
  hash_hex(z->sha256, HASH_SHA256, hex);
  z->count++;
  z->others = z->others || !strstr(body, hex);
}

/* The machine's file says something else by now: whoever names the zone first in a partition gets what all others are decided by. */
static void test_a_zone_stays_as_it_is_in_force(void **state) {
  (void)state;
  struct err e = {0};
  struct buf used = {0};
  fine(&e, tz_load(STR("Etc/GMT+4"), &used, &e));
  fine(&e, tz_provide(STR("Pacific/Chatham"), buf_view(&used), &e));
  struct world *w = world_new("flow-zones", 2, RULES);
  struct zone_rows rows = {.world = w};
  hash_sha256(buf_view(&used), rows.sha256);
  for (int i = 0; i < PEOPLE; i++) {
    const char *profile = world_envelope(w, person(w, (uint64_t)i), NULL, "profile_updated", NOON, "{\"timezone\":\"Pacific/Chatham\"}");
    assert_int_equal(world_say(w, world_item(w, ENTRY_PROFILE, profile, NOON, false))->state, ITEM_TAKEN);
    assert_int_equal(tz_local(world_user(w, person(w, (uint64_t)i))->zone, NOON).offset, -4 * 3600);
  }
  for (uint32_t v = 0; v < 2; v++) world_rows(w, v, take_zone_row, &rows);
  assert_true(rows.count > 1 && !rows.others);
  tz_hold(); /* while threads run, no fact of a journal that is read again changes it */
  struct buf system = {0};
  fine(&e, tz_load(STR("Pacific/Chatham"), &system, &e));
  fine(&e, tz_provide(STR("Pacific/Chatham"), buf_view(&system), &e));
  assert_int_equal(tz_local(tz_named(STR("Pacific/Chatham"), &e), NOON).offset, -4 * 3600);
  tz_let();
  for (uint32_t v = 0; v < 2; v++) fine(&e, flow_refresh_zones(w->flows[v], &e)); /* a start takes what the machine says */
  assert_true(tz_local(tz_named(STR("Pacific/Chatham"), &e), NOON).offset > 12 * 3600);
  buf_free(&used);
  buf_free(&system);
  world_free(w);
}

static int setup(void **state) {
  (void)state;
  disk_register();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_kill_loses_nothing),
      cmocka_unit_test(test_a_clean_end_loses_nothing),
      cmocka_unit_test(test_duplicates_move_nothing),
      cmocka_unit_test(test_refused_events_move_nothing),
      cmocka_unit_test(test_a_dry_run_moves_nothing),
      cmocka_unit_test(test_only_the_trigger_asked_for),
      cmocka_unit_test(test_late_events_move_state_and_decide_nothing),
      cmocka_unit_test(test_history_is_decided_at_the_persons_clock),
      cmocka_unit_test(test_consent_of_the_past_lifts_no_opt_out),
      cmocka_unit_test(test_a_letter_of_the_same_turn_is_recalled),
      cmocka_unit_test(test_history_runs_forward),
      cmocka_unit_test(test_imported_decisions_stand_outside),
      cmocka_unit_test(test_a_lost_turn_never_was),
      cmocka_unit_test(test_an_unreadable_row_is_no_duplicate),
      cmocka_unit_test(test_without_memory_nothing_half_moves),
      cmocka_unit_test(test_a_zone_stays_as_it_is_in_force),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
