/* rooms: emit book kit */
/* W2 over a restart: what the courier held waits in the outbox with the number of its attempts, and goes on from there. A schedule that
 * began anew at each start would send for as long as somebody restarts. */
#include "book_fixture.h"
#include "emit/outbox.h"
#include "emit_receiver.h"

#define START INT64_C(1736925600000)

/* One message of an intervention that was tried `made` times before the engine ended. */
static uint64_t tried_before(struct fixture *f, struct volume *v, uint32_t made) {
  struct user *u = volume_user(v, STR("anna"), true, &f->e);
  const int64_t seq = append_event(v, u, "{}", "", &f->e);
  const uint64_t id = volume_next_decision(v, u->partition);
  const struct outbox_row row = {
      .id = id, .send_before = START + CLOCK_HOUR, .due = START, .body = STR("{\"type\":\"intervention.sent\"}"), .names = STR("")};
  fine(&f->e, volume_add_decision(v, u, id, seq, STR("{}"), &f->e) && volume_add_outbox(v, u, &row, &f->e));
  for (uint32_t attempt = 1; attempt <= made; attempt++) {
    const struct outbox_attempt before = {.id = id,
                                          .user = u->number,
                                          .attempt = attempt,
                                          .at = START - CLOCK_MINUTE,
                                          .due = START,
                                          .end = OUTBOX_WAITING,
                                          .result_json = STR("{\"status\":500}")};
    fine(&f->e, volume_attempt(v, &before, &f->e));
  }
  fine(&f->e, volume_commit(v, &f->e));
  return id;
}

static void attempts_are_counted_over_a_restart(void **state) {
  (void)state;
  for (uint32_t made = 0; made < 5; made++) {
    struct fixture f;
    struct desk d;
    struct arena a = {0};
    struct outbox_row row;
    clock_freeze(START);
    fixture_open(&f, "emit-restart", 1);
    struct volume *v = volume_open(f.book, 0, NULL, &f.e);
    const uint64_t id = tried_before(&f, v, made);
    volume_close(v);
    v = volume_open(f.book, 0, NULL, &f.e);
    struct receiver *r = receiver_start(answer_500, NULL);
    desk_init(&d, &r->port, 1);
    desk_open(&d);
    struct outbox o = {.volume = v, .courier = d.courier};
    fine(&f.e, outbox_refill(&o, &f.e));
    for (uint32_t attempt = made + 1; attempt <= 5; attempt++) {
      desk_wait(&d, &d.count, attempt - made);
      const struct attempt_result result = d.results[attempt - made - 1];
      assert_int_equal(result.id, id);
      assert_int_equal(result.attempt, attempt);
      assert_int_equal(result.end, attempt < 5 ? LETTER_AGAIN : LETTER_FAILED);
      fine(&f.e, outbox_results(&o, &result, 1, &f.e) && volume_commit(v, &f.e));
      clock_advance(6 * CLOCK_MINUTE);
      courier_nudge(d.courier);
    }
    desk_close(&d);
    assert_int_equal(r->count, 5 - made);
    fine(&f.e, volume_outbox(v, id, &a, &row, &f.e));
    assert_true(row.attempts == 5 && row.end == OUTBOX_FAILED);
    receiver_stop(r);
    outbox_close(&o);
    arena_free(&a);
    volume_close(v);
    fixture_close(&f);
    clock_thaw();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(attempts_are_counted_over_a_restart)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
