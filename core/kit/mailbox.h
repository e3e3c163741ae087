/* Mailbox: a bounded queue of pointers from many senders to one receiver. Room is reserved first and used later, so that a request that
 * touches several mailboxes is refused before anything is handed over. The receiver is woken by an eventfd only when it sleeps: under load
 * a message costs no system call. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;
struct mailbox *mailbox_new(size_t capacity);             /* NULL when memory failed */
void mailbox_free(struct mailbox *m);                     /* must be empty */
bool mailbox_reserve(struct mailbox *m, size_t messages); /* [any] false: full, nothing reserved */
void mailbox_release(struct mailbox *m, size_t messages); /* [any] gives back a reservation that will not be used */
void mailbox_send(struct mailbox *m, void *message);      /* [any] uses up one reservation; takes the message; FIFO for each sender */
bool mailbox_offer(struct mailbox *m, void *message);     /* [any] reserve + send in one, or false */
size_t mailbox_take(struct mailbox *m, void **messages, size_t most); /* [receiver] what is there, without waiting */
bool mailbox_wait(struct mailbox *m, int64_t timeout_ns); /* [receiver] true when something is there; timeout < 0 waits for ever */
int mailbox_descriptor(
    struct mailbox *m); /* readable when the sleeping receiver was woken: for uv_poll. Call mailbox_arm before sleeping on it. */
bool mailbox_arm(struct mailbox *m);            /* [receiver] declares sleep; false when something already waits (do not sleep) */
size_t mailbox_length(const struct mailbox *m); /* [any] a moment's view, for metrics */
