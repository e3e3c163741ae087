/* rooms: kit */
/* Promise: no message is lost or doubled, each sender's order holds, room is what was reserved, and a receiver that sleeps is woken, by
 * wait and by descriptor alike. */
#include "kit/arena.h"
#include "kit/mailbox.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SENDERS 4
#define EACH    250000

static void *message_of(size_t sender, size_t number) {
  return (void *)(uintptr_t)((sender << 32) | (number + 1));
}

struct sender {
  struct mailbox *box;
  size_t number;
  size_t batch; /* reserved at once */
};

static void *send_all(void *argument) {
  struct sender *s = argument;
  for (size_t i = 0; i < EACH; i += s->batch) {
    while (!mailbox_reserve(s->box, s->batch)) sched_yield();
    for (size_t k = 0; k < s->batch; k++) mailbox_send(s->box, message_of(s->number, i + k));
    if (i % 5000 == 0) sched_yield(); /* lets the receiver fall asleep now and then */
  }
  return NULL;
}

/* Waits by mailbox_wait or by the descriptor, as uv_poll would. */
static void wait_somehow(struct mailbox *box, bool by_descriptor) {
  if (!by_descriptor) {
    assert_true(mailbox_wait(box, -1));
    return;
  }
  if (!mailbox_arm(box)) return;
  struct pollfd p = {.fd = mailbox_descriptor(box), .events = POLLIN};
  assert_int_equal(poll(&p, 1, -1), 1);
}

static void receive_all(struct mailbox *box, bool by_descriptor) {
  size_t next[SENDERS] = {0};
  size_t total = 0;
  while (total < (size_t)SENDERS * EACH) {
    void *messages[64];
    size_t n = mailbox_take(box, messages, total % 64 + 1);
    for (size_t i = 0; i < n; i++) {
      uintptr_t value = (uintptr_t)messages[i];
      size_t sender = (size_t)(value >> 32);
      assert_true(sender < SENDERS && (value & 0xFFFFFFFF) == next[sender] + 1);
      next[sender]++;
    }
    total += n;
    if (n == 0) wait_somehow(box, by_descriptor);
  }
}

static void many_senders(size_t capacity, bool by_descriptor) {
  struct mailbox *box = mailbox_new(capacity);
  assert_non_null(box);
  pthread_t threads[SENDERS];
  struct sender senders[SENDERS];
  for (size_t i = 0; i < SENDERS; i++) {
    senders[i] = (struct sender){.box = box, .number = i, .batch = i % 2 ? 1 : 5};
    assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
  }
  if (by_descriptor) assert_int_equal(fcntl(mailbox_descriptor(box), F_SETFL, O_NONBLOCK), 0); /* as event loops do */
  receive_all(box, by_descriptor);
  for (size_t i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
  void *none;
  assert_int_equal(mailbox_take(box, &none, 1), 0);
  assert_int_equal(mailbox_length(box), 0);
  assert_true(mailbox_reserve(box, capacity)); /* all room came back */
  assert_false(mailbox_reserve(box, 1));
  mailbox_release(box, capacity);
  mailbox_free(box);
}

static void a_million_messages_arrive_in_order(void **state) {
  (void)state;
  many_senders(1000, false);
}

static void a_million_messages_arrive_by_descriptor(void **state) {
  (void)state;
  many_senders(7, true);
}

static void room_is_what_was_reserved(void **state) {
  (void)state;
  struct mailbox *box = mailbox_new(3);
  int a;
  assert_true(mailbox_reserve(box, 2));
  assert_false(mailbox_reserve(box, 2));
  assert_true(mailbox_offer(box, &a));
  assert_false(mailbox_offer(box, &a));
  mailbox_release(box, 1);
  assert_true(mailbox_offer(box, &a));
  assert_int_equal(mailbox_length(box), 2);
  void *messages[5];
  assert_int_equal(mailbox_take(box, messages, 1), 1);
  assert_int_equal(mailbox_take(box, messages, 5), 1);
  assert_int_equal(mailbox_take(box, messages, 5), 0);
  mailbox_release(box, 1);
  assert_true(mailbox_reserve(box, 3));
  mailbox_release(box, 3);
  mailbox_free(box);
}

static bool readable(struct mailbox *box) {
  struct pollfd p = {.fd = mailbox_descriptor(box), .events = POLLIN};
  return poll(&p, 1, 0) == 1;
}

/* The descriptor is written only for a sleeper, once, and is quiet again after the take. */
static void only_a_sleeper_is_woken(void **state) {
  (void)state;
  struct mailbox *box = mailbox_new(8);
  int a;
  void *messages[8];
  assert_true(mailbox_offer(box, &a));
  assert_false(readable(box));
  assert_false(mailbox_arm(box)); /* something waits: do not sleep */
  assert_false(readable(box));
  assert_int_equal(mailbox_take(box, messages, 8), 1);
  assert_true(mailbox_arm(box));
  assert_true(mailbox_offer(box, &a));
  assert_true(readable(box));
  assert_true(mailbox_offer(box, &a));
  assert_int_equal(mailbox_take(box, messages, 8), 2);
  assert_false(readable(box));
  assert_true(mailbox_arm(box));
  assert_int_equal(mailbox_take(box, messages, 8), 0); /* woken by something else: it looks, and is awake */
  assert_true(mailbox_offer(box, &a));
  assert_false(readable(box));
  assert_true(mailbox_wait(box, 0));
  assert_int_equal(mailbox_take(box, messages, 8), 1);
  assert_false(mailbox_wait(box, 0));
  assert_false(mailbox_wait(box, 1000000));
  mailbox_free(box);
}

static void without_memory_there_is_no_mailbox(void **state) {
  (void)state;
  for (int64_t nth = 1; nth <= 2; nth++) {
    kit_fail_allocation(nth);
    assert_null(mailbox_new(10));
  }
  kit_fail_allocation(0);
  mailbox_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(room_is_what_was_reserved),          cmocka_unit_test(only_a_sleeper_is_woken),
      cmocka_unit_test(a_million_messages_arrive_in_order), cmocka_unit_test(a_million_messages_arrive_by_descriptor),
      cmocka_unit_test(without_memory_there_is_no_mailbox),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
