/* How a plugin says no: the status and a sentence in the caller's struct. */
#ifndef KAIROS_COMMON_REFUSE_H
#define KAIROS_COMMON_REFUSE_H
#include "kairos_plugin.h"

/* Writes the sentence (what was expected, what came, where), cut to fit, and returns `status`. `error` may be NULL. [any] */
kairos_status refuse(kairos_error *error, kairos_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
