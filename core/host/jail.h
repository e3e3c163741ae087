/* jail: which system calls a child may make while a plugin is loaded and while it runs. Private to host. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

/* From now on no process, thread, program, socket, signal to others, and no change to any file; reading files stays, for dlopen. What is
 * tried nonetheless is told to `tell` (in a signal handler; words that end "it tried to …") and ends the process. `threads`: of this
 * process they may be started, for a check that needs them. In a child only; there is no way back. */
bool jail_for_loading(bool threads, void (*tell)(struct str words), struct err *e);
/* And then: memory, writing to open descriptors, and ending. No file is opened any more. */
bool jail_for_running(bool threads, struct err *e);
/* The same for a plugin host, which reads its bell and rings `count` descriptors from `first` on, and nothing else. */
bool jail_for_answering(int bell, int first, int count, struct err *e);
