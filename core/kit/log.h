/* The log: one line a record on stderr, `time level room message`, or JSON lines when asked. Health values and messages to users never go
 * there. [any], thread-safe. */
#pragma once
#include <stdint.h>
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_setup(enum log_level least, int json);
void log_say(enum log_level level, const char *room, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A trouble that may be met again at any moment: said when it begins, then once a minute at most with how often it came meanwhile, and when
 * it is over. All zero at first; of one thread at a time. */
struct log_lasting {
  int64_t began, said, met; /* monotonic ns: first, last said, last */
  uint64_t count, unsaid;
};
void log_lasting(struct log_lasting *t, enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What was in trouble works now: over when it was not met for five seconds, for on a full disk what is small still fits between what does
 * not. Says nothing when nothing was wrong; `what` like "volume 0 takes turns again". */
void log_lasting_over(struct log_lasting *t, const char *room, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define log_debug(room, ...) log_say(LOG_DEBUG, room, __VA_ARGS__)
#define log_info(room, ...)  log_say(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...)  log_say(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_say(LOG_ERROR, room, __VA_ARGS__)
