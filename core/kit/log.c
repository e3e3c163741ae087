/* The log: one record a line on stderr, in one write, so that lines of several threads never mix. Promises that a record is one line of
 * clean UTF-8 whatever came in, and that logging never fails a caller: what cannot be written is lost. Does not decide what may be said:
 * health values and messages to users are kept out by the rooms. Called by every room on every thread. */
#include "kit/log.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "utf8.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LASTING_SECONDS 60
#define OVER_SECONDS    5
#define NANOSECONDS     INT64_C(1000000000)

static _Atomic int log_least = LOG_INFO;
static _Atomic int log_json;

void log_setup(enum log_level least, int json) {
  atomic_store(&log_least, (int)least);
  atomic_store(&log_json, json);
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Control bytes become spaces, what is no UTF-8 becomes '?': foreign text must not forge a second record. */
static void make_clean(char *text, size_t length) {
  unsigned char *at = (unsigned char *)text;
  unsigned char *end = at + length;
  while (at < end) {
    size_t step = utf8_step(at, end);
    if (step == 0) {
      *at = '?';
      step = 1;
    } else if (*at < 0x20 || *at == 0x7F) {
      *at = ' ';
    }
    at += step;
  }
}

static void write_all(const char *at, size_t length) {
  while (length > 0) {
    ssize_t done = write(STDERR_FILENO, at, length);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    at += done;
    length -= (size_t)done;
  }
}

static void say_json(const char *time, const char *level, const char *room, struct str message) {
  struct buf line = {0};
  struct json_writer w = json_to(&line);
  json_open_object(&w);
  json_pair_text(&w, "time", time);
  json_pair_text(&w, "level", level);
  json_pair_text(&w, "room", room);
  json_pair_str(&w, "message", message);
  json_close_object(&w);
  buf_char(&line, '\n');
  if (!line.failed) write_all(line.at, line.len);
  buf_free(&line);
}

void log_say(enum log_level level, const char *room, const char *format, ...) {
  if ((int)level < atomic_load_explicit(&log_least, memory_order_relaxed)) return;
  char message[2000];
  va_list list;
  va_start(list, format);
  int wanted = vsnprintf(message, sizeof message, format, list);
  va_end(list);
  if (wanted < 0) return;
  size_t length = strlen(message);
  make_clean(message, length);
  char time[32];
  clock_format(clock_now(), time);
  if (atomic_load_explicit(&log_json, memory_order_relaxed)) {
    say_json(time, level_names[level], room, (struct str){message, length});
    return;
  }
  char line[sizeof message + 128];
  int n = snprintf(line, sizeof line, "%s %s %.60s %s\n", time, level_names[level], room, message);
  if (n > 0 && (size_t)n < sizeof line) write_all(line, (size_t)n);
}

void log_lasting(struct log_lasting *t, enum log_level level, const char *room, const char *format, ...) {
  const int64_t now = clock_monotonic(), quiet = t->count ? (now - t->said) / NANOSECONDS : LASTING_SECONDS;
  char text[1500] = "";
  if (t->count++ == 0) t->began = now;
  t->unsaid++;
  t->met = now;
  if (quiet < LASTING_SECONDS) return;
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (t->unsaid > 1) log_say(level, room, "%s (%" PRIu64 " times in %" PRId64 " s)", text, t->unsaid, quiet);
  else log_say(level, room, "%s", text);
  t->said = now;
  t->unsaid = 0;
}

void log_lasting_over(struct log_lasting *t, const char *room, const char *format, ...) {
  const struct log_lasting was = *t;
  if (was.count == 0 || clock_monotonic() - was.met < OVER_SECONDS * NANOSECONDS) return;
  char text[1500] = "";
  va_list list;
  *t = (struct log_lasting){0};
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  log_say(LOG_INFO, room, "%s; it had failed %" PRIu64 " times in %" PRId64 " s", text, was.count, (was.met - was.began) / NANOSECONDS);
}
