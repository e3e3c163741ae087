/* The log: one line a record on stderr, `time level room message`, or JSON lines when asked. Health values and messages to users never go
 * there. [any], thread-safe. */
#pragma once
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_setup(enum log_level least, int json);
void log_say(enum log_level level, const char *room, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define log_debug(room, ...) log_say(LOG_DEBUG, room, __VA_ARGS__)
#define log_info(room, ...)  log_say(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...)  log_say(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_say(LOG_ERROR, room, __VA_ARGS__)
