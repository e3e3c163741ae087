/* nursery: the zygote's own work. Private to host. */
#pragma once
#include "kit/str.h"
#include "ring.h"
#include <sys/types.h>

#define ORDER_HOST_FIRST       6 /* leash, given, asked, told, status, bell; then the answers */
#define ORDER_DESCRIPTORS_MOST (ORDER_HOST_FIRST + RING_PLACES_MOST)

/* To the same program, forked or started anew: a function is told by how far it lies from another one. */
struct order {
  enum order_kind { ORDER_JOB = 1, ORDER_HOST } kind; /* a job's descriptors: leash, given, its pipe */
  uint32_t places, life;                              /* life: of a host's last process under another zygote; 0: it is its first */
  size_t given_size;
  uintptr_t job; /* its address less that of nursery_run */
  int64_t limit_ms;
  size_t memory;
};

/* In the process that was forked for it: takes orders until the other end is closed. */
_Noreturn void nursery_run(int orders, pid_t parent, char *arguments, size_t arguments_size);
