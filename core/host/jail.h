/* jail: which system calls a child may make while a plugin is loaded and while it runs. Private to host. */
#pragma once
#include "kit/err.h"

/* From now on no process, thread, program, socket, signal to others, and no change to any file; reading files stays, for dlopen. What is
 * tried nonetheless is told in a FRAME_TRAPPED to `to` and ends the process. In a child only; there is no way back. */
bool jail_for_loading(int to, struct err *e);
/* And then: memory, writing to open descriptors, and ending. No file is opened any more. */
bool jail_for_running(struct err *e);
