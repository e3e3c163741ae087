/* Owned text of a user. */
#pragma once
#include "kit/str.h"

bool user_text_copy(struct str from, struct str *to); /* false when memory failed; the old `to` is not freed */
void user_text_free(struct str *s);
