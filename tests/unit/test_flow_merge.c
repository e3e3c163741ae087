/* rooms: flow program accept book kit; libraries: lib_sqlite */
/* A merge that dies between any two of its steps is ended by the next start, each step once: control.db alone has it; the old id's chain is
 * closed; the one who stays is bound; consent is withdrawn under one of the ids; all but the last word. So is the erasure of a merged
 * person. A closed user takes an opt-out and nothing else. Aliases know whom an id means, now and then, and refuse circles. A damaged table
 * of merges is an error, not a start without them. */
#include "flow_world.h"
#include <sqlite3.h>

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours, "                       \
  " message = { en = \"hello\" } }\n"                                                                                                      \
  "trigger \"a\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"

#define HOLDOUT "policy \"p\" { why = \"x\", holdout = 0.3 }\n"
#define SILENCE "trigger \"quiet\" { why = \"x\", on = { silence(1 * days) }, offer = { \"walk\" } }\n"

#define NOON "2026-03-02T12:00:00Z"

static struct flow *flow_of(void *context, uint32_t volume) {
  return ((struct world *)context)->flows[volume];
}

static struct aliases *aliases_of(struct world *w) {
  struct aliases *a = aliases_open(w->book, &w->e);
  fine(&w->e, a != NULL);
  return a;
}

static struct user *user_of(struct world *w, const char *id) {
  return volume_user(flow_volume(world_flow(w, id)), str_from(id), false, &w->e);
}

static uint64_t all_rows(struct world *w) {
  uint64_t rows = 0;
  for (uint32_t v = 0; v < w->volumes; v++) rows += volume_figures(flow_volume(w->flows[v])).rows;
  return rows;
}

static void begin(struct world *w, struct aliases *a, const char *from, const char *into) {
  unsigned char mark[16];
  user_erasure_mark(user_of(w, from), mark);
  const struct alias *same;
  fine(&w->e, aliases_may(a, str_from(from), str_from(into), &same, &w->e));
  assert_null(same);
  fine(&w->e, aliases_begin(a, "tester", str_from(from), str_from(into), mark, &w->e) != NULL);
}

static void walk(struct world *w, struct item *item) {
  fine(&w->e, item != NULL);
  world_say(w, item);
  if (item->state != ITEM_TAKEN) fail_msg("%s", item->err.text);
}

static void close_from(struct world *w, struct aliases *a, const char *from) {
  const struct merge_clock clock = merge_clock_of(user_of(w, from));
  walk(w, merge_item(&w->arena, aliases_from(a, str_from(from)), true, STR(""), &clock, &w->e));
}

static void bind_into(struct world *w, struct aliases *a, const char *from, const char *into) {
  struct buf carried = {0};
  const struct merge_clock clock = merge_clock_of(user_of(w, into));
  fine(&w->e, merge_carried(world_flow(w, from), user_of(w, from), aliases_from(a, str_from(from)), &w->arena, &carried, &w->e));
  walk(w, merge_item(&w->arena, aliases_from(a, str_from(from)), false, buf_view(&carried), &clock, &w->e));
  buf_free(&carried);
}

static void opt_out(struct world *w, const char *id) {
  const struct merge_clock clock = merge_clock_of(user_of(w, id));
  walk(w, opt_out_item(&w->arena, str_from(id), &clock, &w->e));
}

/* What a kill now leaves, ended by a start: the same person however far it was, and a second start has nothing to do. */
static void expect_merged_after_kill(struct world *w, const char *step) {
  struct world *copy = world_killed(w, "merge-killed");
  uint64_t rows[2];
  for (int start = 0; start < 2; start++) {
    struct aliases *a = aliases_of(copy);
    fine(&copy->e, merges_resume(a, copy->book, flow_of, copy, &copy->e));
    const struct alias *x = aliases_from(a, STR("anon"));
    if (!x || x->state != ALIAS_DONE) fail_msg("%s: the merge is not done", step);
    assert_true(str_is(aliases_whom(a, STR("anon")), "kim"));
    struct user *from = user_of(copy, "anon"), *into = user_of(copy, "kim");
    if (!from->closed || into->closed) fail_msg("%s: the wrong chain is closed", step);
    if (!user_mark(into, merge_mark(STR("anon")))) fail_msg("%s: not bound", step);
    if (from->consent != CONSENT_WITHDRAWN || into->consent != CONSENT_WITHDRAWN) fail_msg("%s: consent stands", step);
    if (into->send_count != 2) fail_msg("%s: %u sends", step, into->send_count);
    for (uint32_t v = 0; v < copy->volumes; v++) { /* nobody's message waits */
      struct outbox_row *waiting;
      size_t count;
      fine(&copy->e, volume_waiting(flow_volume(copy->flows[v]), INT64_MAX, 10, &copy->arena, &waiting, &count, &copy->e));
      if (count) fail_msg("%s: a message still waits", step);
    }
    rows[start] = all_rows(copy);
    aliases_close(a);
    world_stop(copy);
    world_start(copy);
  }
  if (rows[0] != rows[1]) fail_msg("%s: the second start wrote rows", step);
  world_free(copy);
}

static void a_kill_between_any_two_steps(uint32_t volumes) {
  struct world *w = world_new("merge", volumes, RULES);
  world_person(w, "anon", at(NOON), false);
  world_person(w, "kim", at(NOON), false);
  assert_int_equal(world_say(w, world_event(w, "anon", "1", "ping", at(NOON), false, NULL))->told_count, 1);
  assert_int_equal(world_say(w, world_event(w, "kim", "2", "ping", at(NOON), false, NULL))->told_count, 1);
  opt_out(w, "anon");
  struct aliases *a = aliases_of(w);
  begin(w, a, "anon", "kim");
  expect_merged_after_kill(w, "control.db");
  close_from(w, a, "anon");
  expect_merged_after_kill(w, "closed");
  bind_into(w, a, "anon", "kim");
  expect_merged_after_kill(w, "bound");
  opt_out(w, "kim");
  expect_merged_after_kill(w, "opted out");
  fine(&w->e, merges_resume(a, w->book, flow_of, w, &w->e)); /* ends what is left: withdrawing, and the last word */
  expect_merged_after_kill(w, "done");
  aliases_close(a);
  world_free(w);
}

static void killed_in_one_file(void **state) {
  (void)state;
  a_kill_between_any_two_steps(1);
}
static void killed_in_four_files(void **state) {
  (void)state;
  a_kill_between_any_two_steps(4);
}

static size_t waiting_of(struct world *w, const char *id) {
  struct outbox_row *waiting;
  size_t count, theirs = 0;
  const struct user *u = user_of(w, id);
  fine(&w->e, volume_waiting(flow_volume(world_flow(w, id)), INT64_MAX, 10, &w->arena, &waiting, &count, &w->e));
  for (size_t i = 0; i < count; i++) theirs += waiting[i].user == u->number;
  return theirs;
}

/* What binds the one who stays binds it in that row's own transaction, not a step later, which a full queue puts off: nothing that waits
 * is sent to somebody who opted out under the other id, or is held out under it. */
static void what_waits_ends_with_what_binds(void **state) {
  (void)state;
  for (int held_out = 0; held_out < 2; held_out++) {
    struct world *w = world_new("merge-waiting", 4, held_out ? RULES HOLDOUT : RULES);
    world_person(w, "kim", at(NOON), false);
    const double kims = holdout_place(user_of(w, "kim"));
    const char *from = "anon";
    for (int i = 0; held_out && (i == 0 || holdout_place(user_of(w, from)) >= 0.3); i++) {
      from = arena_printf(&w->arena, "anon%d", i);
      world_person(w, from, at(NOON), false);
    }
    if (held_out) assert_true(kims >= 0.3);
    else world_person(w, from, at(NOON), false);
    world_say(w, world_event(w, "kim", "1", "ping", at(NOON), false, NULL));
    assert_int_equal(waiting_of(w, "kim"), 1);
    if (!held_out) opt_out(w, from);
    struct aliases *a = aliases_of(w);
    begin(w, a, from, "kim");
    close_from(w, a, from);
    bind_into(w, a, from, "kim");
    assert_int_equal(waiting_of(w, "kim"), 0);
    int64_t recalled[2];
    assert_int_equal(flow_recalled_take(world_flow(w, "kim"), recalled, 2), 1); /* the courier is told */
    assert_int_equal(recalled[0], user_of(w, "kim")->number);
    aliases_close(a);
    world_free(w);
  }
}

/* The other id refused nothing and is not held out, but was sent something lately: what waits was decided without knowing of that, and caps
 * count it from then on. What is too long ago for any cap stops nothing. */
static void what_waits_ends_when_only_sends_come(void **state) {
  (void)state;
  static const struct {
    const char *sent;
    size_t waiting, in_a_week;
  } pasts[] = {{"2026-02-24T12:00:00Z", 0, 2}, {"2026-02-22T12:00:00Z", 1, 1}}; /* six and eight days before */
  clock_freeze(at(NOON));
  for (int i = 0; i < 2; i++) {
    struct world *w = world_new("merge-sends", 4, RULES);
    world_person(w, "anon", at(pasts[i].sent), false);
    world_person(w, "kim", at(NOON), false);
    assert_int_equal(world_say(w, world_event(w, "anon", "1", "ping", at(pasts[i].sent), false, NULL))->told_count, 1);
    assert_int_equal(world_say(w, world_event(w, "kim", "2", "ping", at(NOON), false, NULL))->told_count, 1);
    assert_int_equal(waiting_of(w, "kim"), 1);
    struct aliases *a = aliases_of(w);
    begin(w, a, "anon", "kim");
    close_from(w, a, "anon");
    bind_into(w, a, "anon", "kim");
    const struct user *kim = user_of(w, "kim");
    assert_int_equal(kim->consent, CONSENT_GIVEN);
    assert_int_equal(kim->send_count, 2);
    size_t in_a_week = 0;
    for (uint16_t n = 0; n < kim->send_count; n++) in_a_week += at(NOON) - kim->sends[n].at < 7 * CLOCK_DAY;
    assert_int_equal(in_a_week, pasts[i].in_a_week);
    assert_int_equal(waiting_of(w, "kim"), pasts[i].waiting);
    int64_t recalled[2];
    assert_int_equal(flow_recalled_take(world_flow(w, "kim"), recalled, 2), pasts[i].waiting == 0);
    aliases_close(a);
    world_free(w);
  }
  clock_thaw();
}

/* One erasure that an earlier run began does not make the engine forget when others are due. */
static void an_erasure_forgets_nobody_else(void **state) {
  (void)state;
  struct world *w = world_new("merge-due", 1, RULES SILENCE);
  world_person(w, "anna", at(NOON), false);
  world_person(w, "bert", at(NOON), false);
  struct item *ping = world_event(w, "anna", "1", "ping", at("2026-03-02T12:30:00Z"), false, NULL);
  struct user *due[4];
  fine(&w->e, flow_walk(w->flows[0], &ping, 1, &w->arena, &w->e));
  fine(&w->e, flow_erase(w->flows[0], user_of(w, "bert"), &w->e));
  assert_int_equal(flow_due_take(w->flows[0], due, 4), 1);
  assert_ptr_equal(due[0], user_of(w, "anna"));
  world_free(w);
}

static void a_half_erased_person_is_erased(void **state) {
  (void)state;
  static const char *const ids[] = {"anon", "kim", "side"};
  struct world *w = world_new("merge-erase", 4, RULES);
  for (int i = 0; i < 3; i++) world_person(w, ids[i], at(NOON), false);
  world_person(w, "other", at(NOON), false);
  struct aliases *a = aliases_of(w);
  begin(w, a, "anon", "kim");
  fine(&w->e, merges_resume(a, w->book, flow_of, w, &w->e));
  begin(w, a, "side", "anon"); /* means kim by now */
  assert_true(str_is(aliases_from(a, STR("side"))->into, "kim"));
  fine(&w->e, merges_resume(a, w->book, flow_of, w, &w->e));
  begin(w, a, "kim", "other"); /* only begun: it ends with the person as well */
  fine(&w->e, aliases_ending(a, STR("side"), &w->e));
  assert_true(str_is(aliases_whom(a, STR("side")), "side"));
  for (int erased = 0; erased < 3; erased++) {
    static const char *const order[] = {"other", "kim", "anon"};
    struct world *copy = world_killed(w, "merge-erase-killed");
    struct aliases *all = aliases_of(copy);
    fine(&copy->e, merges_resume(all, copy->book, flow_of, copy, &copy->e));
    assert_int_equal(aliases_count(all), 0);
    for (int i = 0; i < 3; i++) assert_null(user_of(copy, ids[i]));
    assert_null(user_of(copy, "other"));
    aliases_close(all);
    all = aliases_of(copy); /* nor is anything left in control.db */
    assert_int_equal(aliases_count(all), 0);
    aliases_close(all);
    world_free(copy);
    fine(&w->e, flow_erase(world_flow(w, order[erased]), user_of(w, order[erased]), &w->e));
  }
  aliases_close(a);
  world_free(w);
}

static void a_closed_user_takes_an_opt_out_only(void **state) {
  (void)state;
  struct world *w = world_new("merge-closed", 1, RULES);
  world_person(w, "anon", at(NOON), false);
  world_person(w, "kim", at(NOON), false);
  struct aliases *a = aliases_of(w);
  begin(w, a, "anon", "kim");
  close_from(w, a, "anon");
  const uint64_t rows = all_rows(w);
  struct item *late[] = {
      world_event(w, "anon", "1", "ping", at(NOON), false, NULL),
      world_item(w, ENTRY_CONSENT, world_envelope(w, "anon", NULL, "opt_in", at(NOON), NULL), at(NOON), false),
      world_item(w, ENTRY_PROFILE, world_envelope(w, "anon", NULL, "profile_updated", at(NOON), "{\"age\":41}"), at(NOON), false),
      world_event(w, "anon", "2", "ping", at("2026-03-02T11:00:00Z"), true, NULL)};
  for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
    world_say(w, late[i]);
    assert_int_equal(late[i]->state, ITEM_REFUSED);
    assert_int_equal(late[i]->err.kind, ERR_BUSY); /* 429: sent again it goes to the one who stays */
  }
  assert_int_equal(all_rows(w), rows);
  opt_out(w, "anon");
  assert_int_equal(user_of(w, "anon")->consent, CONSENT_WITHDRAWN);
  aliases_close(a);
  world_free(w);
}

/* History's people live on their own time: a merge does not carry them into the present. */
static void history_stays_history(void **state) {
  (void)state;
  struct world *w = world_new("merge-history", 2, RULES);
  world_person(w, "old", at("2015-08-01T10:00:00Z"), true);
  world_person(w, "past", at("2015-08-01T10:00:00Z"), true);
  assert_int_equal(world_say(w, world_event(w, "old", "1", "ping", at("2015-08-01T11:00:00Z"), true, NULL))->told_count, 1);
  struct aliases *a = aliases_of(w);
  begin(w, a, "old", "past");
  fine(&w->e, merges_resume(a, w->book, flow_of, w, &w->e));
  assert_true(user_of(w, "past")->clock == at("2015-08-01T10:00:00Z"));
  struct item *soon = world_event(w, "past", "2", "ping", at("2015-08-01T11:30:00Z"), true, NULL);
  world_say(w, soon);
  assert_string_equal(soon->told[0].reason, "too_soon");
  struct item *later = world_event(w, "past", "3", "ping", at("2015-08-01T12:30:00Z"), true, NULL);
  world_say(w, later);
  assert_int_equal(later->told[0].outcome, OUTCOME_SENT);
  aliases_close(a);
  world_free(w);
}

static bool may(struct world *w, const struct aliases *a, const char *from, const char *into, enum err_kind *kind) {
  const struct alias *same;
  const bool ok = aliases_may(a, str_from(from), str_from(into), &same, &w->e);
  *kind = w->e.kind;
  w->e.kind = ERR_NONE;
  return ok;
}

/* A merge that cannot be ended stays begun and stops neither the start nor other merges; nothing of it is half there but the opt-out, which
 * holds. Its target is merged into nobody before it: what binds the old id would be lost on the way. */
static void a_merge_that_cannot_be_ended_waits(uint32_t volumes) {
  struct world *w = world_new("merge-waits", volumes, RULES);
  static const char *const ids[] = {"anon", "kim", "side", "main"};
  enum err_kind kind;
  for (size_t i = 0; i < 4; i++) world_person(w, ids[i], at(NOON), false);
  walk(w, world_item(w, ENTRY_PROFILE, world_envelope(w, "anon", NULL, "profile_updated", at(NOON), "{\"age\":12}"), at(NOON), false));
  opt_out(w, "anon");
  struct aliases *a = aliases_of(w);
  begin(w, a, "anon", "kim");
  assert_false(may(w, a, "kim", "main", &kind));
  assert_int_equal(kind, ERR_BUSY);
  begin(w, a, "side", "main");
  close_from(w, a, "anon");
  assert_true(user_add_send(user_of(w, "anon"), &(struct send){.decision = 1, .response = 9})); /* in memory: the row is refused */
  fine(&w->e, merges_resume(a, w->book, flow_of, w, &w->e));
  assert_int_equal(aliases_from(a, STR("anon"))->state, ALIAS_BEGUN);
  assert_int_equal(aliases_from(a, STR("side"))->state, ALIAS_DONE);
  struct user *kim = user_of(w, "kim");
  assert_true(kim->age >= 18 && !user_mark(kim, merge_mark(STR("anon"))));
  assert_int_equal(kim->consent, CONSENT_WITHDRAWN);
  assert_true(user_of(w, "anon")->closed);
  assert_false(may(w, a, "kim", "main", &kind));
  assert_int_equal(kind, ERR_BUSY);
  fine(&w->e, merges_resume(a, w->book, flow_of, w, &w->e));
  assert_int_equal(aliases_from(a, STR("anon"))->state, ALIAS_DONE);
  assert_int_equal(user_of(w, "kim")->age, 12);
  assert_true(may(w, a, "kim", "main", &kind));
  aliases_close(a);
  world_free(w);
}

static void waits_in_one_file(void **state) {
  (void)state;
  a_merge_that_cannot_be_ended_waits(1);
}
static void waits_in_four_files(void **state) {
  (void)state;
  a_merge_that_cannot_be_ended_waits(4);
}

/* Forgotten ones' places are taken again: who means whom stays right. */
static void places_are_taken_again(void **state) {
  (void)state;
  struct world *w = world_new("merge-places", 1, RULES);
  static const char *const ids[] = {"a", "b", "c", "d", "e"};
  for (size_t i = 0; i < 5; i++) world_person(w, ids[i], at(NOON), false);
  struct aliases *a = aliases_of(w);
  begin(w, a, "a", "b");
  begin(w, a, "c", "d");
  begin(w, a, "e", "d");
  for (int round = 0; round < 40; round++) {
    const char *from = ids[round % 2 ? 0 : 2], *into = ids[round % 2 ? 1 : 3];
    size_t count, seen = 0, cursor = 0;
    if (round % 3 == 0) fine(&w->e, aliases_drop(a, STR("e"), &w->e));
    fine(&w->e, aliases_drop(a, str_from(from), &w->e));
    assert_null(aliases_from(a, str_from(from)));
    begin(w, a, from, into);
    if (round % 3 == 0) begin(w, a, "e", "d");
    assert_int_equal(aliases_count(a), 3);
    while (aliases_next(a, &cursor)) seen++;
    assert_int_equal(seen, 3);
    assert_int_equal(cursor, 3); /* no place was added */
    assert_non_null(aliases_person(a, STR("e"), &w->arena, &count));
    assert_int_equal(count, 3);
    assert_non_null(aliases_person(a, STR("b"), &w->arena, &count));
    assert_int_equal(count, 2);
    assert_non_null(aliases_person(a, STR("nobody"), &w->arena, &count));
    assert_int_equal(count, 1);
  }
  aliases_close(a);
  world_free(w);
}

static void whom_an_id_means(void **state) {
  (void)state;
  struct world *w = world_new("merge-whom", 1, RULES);
  static const char *const ids[] = {"a", "b", "c", "d", "e"};
  enum err_kind kind;
  for (size_t i = 0; i < 5; i++) world_person(w, ids[i], at(NOON), false);
  struct aliases *a = aliases_of(w);
  assert_false(may(w, a, "a", "a", &kind));
  assert_int_equal(kind, ERR_INPUT);
  for (size_t i = 0; i < 3; i++) { /* a → b → c → d */
    begin(w, a, ids[i], ids[i + 1]);
    assert_true(str_is(aliases_whom(a, str_from(ids[i])), ids[i])); /* not before it is done */
    fine(&w->e, aliases_done(a, str_from(ids[i]), &w->e));
  }
  for (int again = 0; again < 2; again++) {
    for (size_t i = 0; i < 4; i++) {
      assert_true(str_is(aliases_whom(a, str_from(ids[i])), "d"));
      assert_true(str_is(aliases_whom_then(a, str_from(ids[i]), aliases_from(a, STR("a"))->at - 1), ids[i]));
      size_t count;
      const struct str *person = aliases_person(a, str_from(ids[i]), &w->arena, &count);
      assert_int_equal(count, 4);
      assert_true(str_is(person[0], "d"));
      for (size_t k = 1; k < 4; k++) assert_true(str_is(person[k], ids[k - 1]));
      if (i < 3) assert_false(may(w, a, "d", ids[i], &kind));
      if (i < 3) assert_int_equal(kind, ERR_CONFLICT);
    }
    assert_true(str_is(aliases_whom(a, STR("e")), "e"));
    assert_false(may(w, a, "a", "e", &kind)); /* nobody is two people */
    assert_int_equal(kind, ERR_CONFLICT);
    assert_true(may(w, a, "d", "e", &kind) && may(w, a, "e", "a", &kind) && may(w, a, "a", "c", &kind));
    aliases_close(a); /* read again from control.db */
    a = aliases_of(w);
  }
  fine(&w->e, aliases_ending(a, STR("b"), &w->e));
  assert_false(may(w, a, "b", "d", &kind));
  assert_int_equal(kind, ERR_BUSY);
  fine(&w->e, aliases_forget(a, STR("b"), &w->e));
  assert_int_equal(aliases_count(a), 0);
  for (size_t i = 0; i < 4; i++) assert_true(str_is(aliases_whom(a, str_from(ids[i])), ids[i]));
  aliases_close(a);
  world_free(w);
}

static void a_damaged_merge_stops_the_start(void **state) {
  (void)state;
  struct world *w = world_new("merge-damaged", 1, RULES);
  world_person(w, "anon", at(NOON), false);
  world_person(w, "kim", at(NOON), false);
  struct aliases *a = aliases_of(w);
  begin(w, a, "anon", "kim");
  aliases_close(a);
  world_stop(w);
  char path[460];
  sqlite3 *db;
  snprintf(path, sizeof path, "%s/control.db", w->data);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE merges SET number=number+1", NULL, NULL, NULL), SQLITE_OK); /* sealed for another place */
  sqlite3_close(db);
  world_start(w);
  assert_null(aliases_open(w->book, &w->e));
  assert_non_null(strstr(w->e.text, "does not open"));
  fine(&w->e, control_verify(w->book, &w->e)); /* the chain of facts is whole */
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(killed_in_one_file),
                                     cmocka_unit_test(killed_in_four_files),
                                     cmocka_unit_test(what_waits_ends_with_what_binds),
                                     cmocka_unit_test(what_waits_ends_when_only_sends_come),
                                     cmocka_unit_test(an_erasure_forgets_nobody_else),
                                     cmocka_unit_test(a_half_erased_person_is_erased),
                                     cmocka_unit_test(a_closed_user_takes_an_opt_out_only),
                                     cmocka_unit_test(history_stays_history),
                                     cmocka_unit_test(waits_in_one_file),
                                     cmocka_unit_test(waits_in_four_files),
                                     cmocka_unit_test(places_are_taken_again),
                                     cmocka_unit_test(whom_an_id_means),
                                     cmocka_unit_test(a_damaged_merge_stops_the_start)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
