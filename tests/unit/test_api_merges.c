/* rooms: api lane flow program accept book kit; inside: api */
/* A merge that was begun and left half done is ended by itself while the engine runs, without a restart and without anybody asking: a
 * minor's age and an opt-out of the old id bind the one who stays. One that cannot be ended keeps no other from it, and is tried again. */
#include "api_world.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>
#include <time.h>

static void turn(struct world *w) {
  uv_run(&w->loop, UV_RUN_NOWAIT);
  merges_again(&w->api);
  nanosleep(&(struct timespec){0, 2000000}, NULL);
}

static _Atomic int said;
static void is_said(struct job *j) {
  if (j->err.kind != ERR_NONE || j->items[0].state != ITEM_TAKEN) fail_msg("%s %s", j->err.text, j->items[0].err.text);
  said++;
  job_free(j);
}

static void say(struct world *w, const char *user, enum entry_kind kind, const char *type, const char *data) {
  const int before = said;
  struct job *j = item_job(&w->api, str_from(user), kind, type, str_from(data), clock_now(), NULL, STR("test"), &w->e);
  fine(w, j != NULL);
  j->done = is_said;
  assert_true(lanes_submit(w->api.lanes, j));
  for (int tries = 0; said == before; tries++) {
    if (tries > 30000) fail_msg("no answer of a lane");
    uv_run(&w->loop, UV_RUN_NOWAIT);
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  }
}

struct seen_user {
  bool there, closed;
  int32_t age;
  enum consent consent;
};
static bool looked;
static void look_in_lane(struct job *j, struct flow *f) {
  struct seen_user *s = j->owner;
  const struct user *u = volume_user(flow_volume(f), j->user, false, &j->err);
  *s = (struct seen_user){u != NULL, u && u->closed, u ? u->age : -1, u ? u->consent : CONSENT_UNKNOWN};
}
static void is_looked(struct job *j) {
  looked = true;
  job_free(j);
}
static struct seen_user user_of(struct world *w, const char *id) {
  struct seen_user s = {0};
  struct job *j = job_new(volume_for(&w->api, str_from(id)));
  assert_non_null(j);
  j->user = str_from(id);
  j->owner = &s;
  j->call = look_in_lane;
  j->done = is_looked;
  looked = false;
  assert_true(lanes_submit(w->api.lanes, j));
  for (int tries = 0; !looked; tries++) {
    if (tries > 30000) fail_msg("no answer of a lane");
    uv_run(&w->loop, UV_RUN_NOWAIT);
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  }
  return s;
}

/* What a request leaves that died right after control.db had it. */
static void begin(struct world *w, const char *from, const char *into) {
  unsigned char mark[16] = {0};
  memcpy(mark, from, strlen(from));
  fine(w, aliases_begin(w->api.aliases, "tester", str_from(from), str_from(into), mark, &w->e) != NULL);
}

static enum alias_state state_of(struct world *w, const char *from) {
  const struct alias *x = aliases_from(w->api.aliases, str_from(from));
  assert_non_null(x);
  return x->state;
}

static void until_done(struct world *w, const char *from) {
  for (int tries = 0; state_of(w, from) != ALIAS_DONE || w->api.acts; tries++) {
    if (tries > 30000) fail_msg("the merge of %s is not done", from);
    turn(w);
  }
}

static void half_a_merge_is_ended_by_itself(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-merges-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 2, &w.e));
  start(&w);
  fine(&w, lanes_run(w.api.lanes, &w.e));
  static const char *const people[] = {"young", "kim", "gone", "lee", "left"};
  for (size_t i = 0; i < sizeof people / sizeof *people; i++)
    say(&w, people[i], ENTRY_PROFILE, "profile_updated", i ? "{\"age\":40}" : "{\"age\":15}");
  say(&w, "gone", ENTRY_CONSENT, "opt_out", "{}");
  say(&w, "lee", ENTRY_CONSENT, "opt_in", "{}");
  begin(&w, "nobody", "left"); /* the first, and it cannot be ended: its user is not there */
  begin(&w, "young", "kim");
  begin(&w, "gone", "lee");
  assert_int_equal(user_of(&w, "kim").age, 40);

  turn(&w); /* nobody's turn; the others wait a minute for it */
  for (int tries = 0; w.api.acts; tries++) {
    if (tries > 30000) fail_msg("an act does not end");
    turn(&w);
  }
  assert_int_equal(state_of(&w, "nobody"), ALIAS_BEGUN);
  assert_true(w.api.merges_at != 0); /* not again and again */
  w.api.merges_at = 0;
  until_done(&w, "young");
  until_done(&w, "gone"); /* at once: the one before it went well */
  assert_true(user_of(&w, "young").closed && user_of(&w, "gone").closed);
  assert_int_equal(user_of(&w, "kim").age, 15);
  assert_int_equal(user_of(&w, "lee").consent, CONSENT_WITHDRAWN);

  assert_int_equal(w.api.merge_tried, aliases_from(w.api.aliases, STR("nobody"))->number); /* round again */
  assert_int_equal(state_of(&w, "nobody"), ALIAS_BEGUN);
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

int main(void) {
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  const struct CMUnitTest tests[] = {cmocka_unit_test(half_a_merge_is_ended_by_itself)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
