/* The words of reasons.h as constants; a decision carries the pointer, so a reason is compared by word only where records are read. */
#pragma once
#define REASON(name, word, english, russian) extern const char REASON_##name[];
#include "reasons.h"
#undef REASON
#include <stddef.h>
/* The sentence for a word in a language ("en", "ru"), or the word itself. */
const char *reason_sentence(const char *word, size_t length, const char *language);
/* The constant for a word, or NULL. */
const char *reason_constant(const char *word, size_t length);
