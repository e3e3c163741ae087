/* proc: what the system says of another process. Private to host. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int64_t proc_worked(pid_t pid); /* ns that it had the processor; −1: this system does not say */
bool proc_asleep(pid_t pid);    /* not running, and not waiting for the processor either */
