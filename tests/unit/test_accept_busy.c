/* rooms: kit language accept; libraries: z */
/* What the door promises while there is no room (S4): a refusal leaves at once and never behind an answer that takes long; who was refused
 * is not read until its pause is over or room is back; the reserved routes are served all the while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept_world.h"

static const struct route routes[] = {
    {METHOD_POST, "/later", SCOPE_NONE, false, 0, handle_later, "", QUERY_ANY},
    {METHOD_POST, "/echo", SCOPE_NONE, false, 0, handle_echo, "", QUERY_ANY},
    {METHOD_GET, "/echo", SCOPE_NONE, false, 0, handle_echo, "", QUERY_ANY},
    {METHOD_POST, "/v1/users/{id}/opt-out", SCOPE_NONE, true, 0, handle_echo, "", QUERY_ANY},
};
static struct world world;
static struct reply reply;
static size_t room_for; /* so many requests may wait */

static bool room(void *context) {
  return ((struct world *)context)->waiting_count < room_for;
}

static int opened(void **state) {
  (void)state;
  room_for = 1;
  world_open(&world, (struct door_options){.routes = routes, .route_count = sizeof routes / sizeof *routes, .room = room});
  return 0;
}

static int closed(void **state) {
  (void)state;
  clock_thaw();
  world_close(&world);
  free(reply.body);
  reply.body = NULL;
  return 0;
}

#define POST(path) "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"

static void assert_reply(struct client *c, int status) {
  assert_true(client_reply(&world, c, &reply, false));
  if (reply.status != status) print_error("%s%s\n", reply.head, reply.body);
  assert_int_equal(reply.status, status);
}

static void turns(int count) {
  for (int i = 0; i < count; i++) world_turn(&world);
}

static uint64_t refusals(void) {
  uint64_t sum = 0;
  const struct door_figures f = door_figures(world.door);
  for (int i = 0; i <= DOOR_REFUSAL_STEPS; i++) sum += f.busy[i];
  return sum;
}

/* The second would be refused, but its answer could leave only behind the first's: it is not taken up before that has left. */
static void nobody_is_refused_behind_an_open_answer(void **state) {
  (void)state;
  struct client c = client_open(&world);
  client_say(&world, &c, POST("/later") POST("/later") POST("/echo"));
  turns(5);
  assert_int_equal(world.waiting_count, 1);
  assert_int_equal(door_figures(world.door).requests, 1);
  world_answer(&world, 0, "first"); /* and with it there is room again */
  assert_reply(&c, 200);
  turns(5);
  assert_int_equal(world.waiting_count, 1);
  assert_int_equal(door_figures(world.door).refused, 0);
  world_answer(&world, 0, "second");
  assert_reply(&c, 200);
  assert_reply(&c, 200);
  client_close(&c);
}

static void who_is_first_is_refused_at_once(void **state) {
  (void)state;
  struct client full = client_open(&world), c = client_open(&world), urgent = client_open(&world);
  client_say(&world, &full, POST("/later"));
  clock_freeze(clock_now());
  client_say(&world, &c, POST("/echo") POST("/echo"));
  turns(2);
  assert_int_equal(refusals(), 1); /* written within the turn that read it */
  assert_int_equal(door_figures(world.door).busy[0], 1);
  assert_reply(&c, 429);
  assert_non_null(strstr(reply.head, "\r\nRetry-After: 1\r\n"));
  clock_advance(20); /* its pause is longer than that, and the other is not taken up in it */
  assert_true(client_silent(&world, &c));
  client_say(&world, &urgent, POST("/v1/users/anna/opt-out"));
  assert_reply(&urgent, 200);
  client_say(&world, &urgent, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"); /* nothing to queue for */
  assert_reply(&urgent, 200);
  clock_advance(60 * 1000);
  assert_reply(&c, 429);
  clock_thaw();
  world_answer(&world, 0, "room");
  client_say(&world, &c, POST("/echo"));
  assert_reply(&c, 200);
  assert_int_equal(refusals(), 2);
  client_close(&full);
  client_close(&c);
  client_close(&urgent);
}

/* A pause ends early when there is room: nobody stands before an empty counter. */
static void room_ends_pauses(void **state) {
  (void)state;
  struct client full = client_open(&world), c[20];
  client_say(&world, &full, POST("/later"));
  for (size_t i = 0; i < 20; i++) {
    c[i] = client_open(&world);
    client_say(&world, &c[i], POST("/echo") POST("/echo"));
    assert_reply(&c[i], 429);
  }
  world_answer(&world, 0, "room");
  for (size_t i = 0; i < 20; i++) assert_reply(&c[i], 200);
  for (size_t i = 0; i < 20; i++) client_close(&c[i]);
  client_close(&full);
}

/* Many requests that came at once on one connection are taken a few in a turn of the loop: who asks for one thing meanwhile is served
 * before their end. */
static void nobody_has_more_than_a_share_of_a_turn(void **state) {
  (void)state;
  struct client many = client_open(&world), one = client_open(&world);
  struct buf text = {0};
  room_for = 1000;
  for (int i = 0; i < 64; i++) buf_text(&text, POST("/echo"));
  assert_true(send(many.socket, text.at, text.len, 0) == (ssize_t)text.len);
  assert_true(send(one.socket, POST("/echo"), strlen(POST("/echo")), 0) > 0);
  turns(2);
  const uint64_t taken = door_figures(world.door).requests;
  assert_true(taken >= 2 && taken < 20);
  struct pollfd ready = {.fd = one.socket, .events = POLLIN};
  assert_int_equal(poll(&ready, 1, 1000), 1);
  for (int i = 0; i < 64; i++) assert_reply(&many, 200);
  assert_reply(&one, 200);
  buf_free(&text);
  client_close(&many);
  client_close(&one);
}

/* A share is no end: a client that shuts its side behind its last request has all its answers. */
static void who_shuts_behind_many_requests_is_answered(void **state) {
  (void)state;
  struct client many = client_open(&world);
  struct buf text = {0};
  room_for = 1000;
  for (int i = 0; i < 30; i++) buf_text(&text, POST("/echo"));
  assert_true(send(many.socket, text.at, text.len, 0) == (ssize_t)text.len);
  shutdown(many.socket, SHUT_WR);
  for (int i = 0; i < 30; i++) assert_reply(&many, 200);
  assert_true(client_sees_end(&world, &many));
  buf_free(&text);
  client_close(&many);
}

/* Who is not read cannot send: the rest of a refused body is not late because of the pause. */
static void a_pause_makes_nobody_late(void **state) {
  (void)state;
  struct client full = client_open(&world), c = client_open(&world);
  client_say(&world, &full, POST("/later"));
  clock_freeze(clock_now());
  client_say(&world, &c, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
  assert_reply(&c, 429);
  clock_advance(40);              /* its pause is longer, and 40 ms for one byte are slow */
  for (int i = 0; i < 400; i++) { /* the door looks for slow peers four times a second */
    turns(1);
    poll(NULL, 0, 2);
  }
  clock_thaw();
  world_answer(&world, 0, "room");
  client_say(&world, &c, "       }" POST("/echo"));
  assert_reply(&c, 200);
  client_close(&full);
  client_close(&c);
}

static int opened_impatient(void **state) {
  (void)state;
  room_for = 1;
  world_open(&world,
             (struct door_options){
                 .routes = routes, .route_count = sizeof routes / sizeof *routes, .room = room, .body_grace_ms = 35, .body_rate = 1000000});
  return 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, opened, closed)
  const struct CMUnitTest tests[] = {
      TEST(nobody_is_refused_behind_an_open_answer),
      TEST(who_is_first_is_refused_at_once),
      TEST(room_ends_pauses),
      TEST(nobody_has_more_than_a_share_of_a_turn),
      TEST(who_shuts_behind_many_requests_is_answered),
      cmocka_unit_test_setup_teardown(a_pause_makes_nobody_late, opened_impatient, closed),
  };
  return cmocka_run_group_tests_name("accept: busy", tests, NULL, NULL);
}
