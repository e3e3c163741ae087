/* keeper: the thread that replaces a lost zygote. Private to host. */
#pragma once
#include "kit/err.h"

struct hosted;

bool keeper_begin(struct err *e); /* [main] */
void keeper_end(void);            /* [main] */
/* From here to keeper_drop its process is brought back when it goes with its zygote. [builder] */
void keeper_add(struct hosted *h);
void keeper_drop(struct hosted *h); /* also of one that was never added [builder] */
