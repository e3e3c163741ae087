/* Errors: writes and extends the one sentence of a `struct err`, and ends the process when an invariant of our own is broken.
 * Promises that a sentence is always NUL-terminated, valid UTF-8 and one line: control characters that came in with foreign text become
 * spaces and bytes that are no text question marks, so an error can go into a log, a terminal or an HTTP header as it is. Does not print
 * (except must_failed), does not allocate, keeps no global state. Called by every room on every thread. */
#include "kit/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the character is that begins here; 0: none does. */
static size_t character(const unsigned char *c) {
  const size_t length = c[0] < 0x80 ? 1 : c[0] >= 0xC2 && c[0] < 0xE0 ? 2 : (c[0] & 0xF0) == 0xE0 ? 3 : c[0] >= 0xF0 && c[0] < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < length; i++)
    if ((c[i] & 0xC0) != 0x80) return 0;
  if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) || (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F))
    return 0;
  return length;
}

/* Cut inside a character? Then drop the character: half a UTF-8 sequence would make the JSON answer that carries the sentence invalid. */
static void err_close(struct err *e, size_t wanted) {
  size_t length = strlen(e->text);
  if (wanted >= sizeof e->text) {
    size_t back = length;
    while (back > 0 && ((unsigned char)e->text[back - 1] & 0xC0) == 0x80) back--;
    if (back > 0 && (unsigned char)e->text[back - 1] >= 0xC0) {
      unsigned char lead = (unsigned char)e->text[back - 1];
      size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
      if (length - (back - 1) < need) e->text[back - 1] = '\0';
    }
  }
  for (char *c = e->text; *c;) {
    const size_t step = character((const unsigned char *)c);
    if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
    if (step == 0) *c = '?';
    if (step == 2 && (unsigned char)c[0] == 0xC2 && (unsigned char)c[1] < 0xA0) c[0] = c[1] = ' '; /* control characters too */
    c += step ? step : 1;
  }
}

bool err_set(struct err *e, enum err_kind kind, const char *format, ...) {
  if (!e) return false;
  va_list list;
  va_start(list, format);
  char text[sizeof e->text]; /* the format's arguments may point into e->text */
  int wanted = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  e->kind = kind;
  e->also_count = 0;
  memcpy(e->text, text, sizeof text);
  err_close(e, wanted < 0 ? 0 : (size_t)wanted);
  return false;
}

bool err_wrap(struct err *e, const char *format, ...) {
  if (!e) return false;
  va_list list;
  va_start(list, format);
  char context[sizeof e->text];
  int length = vsnprintf(context, sizeof context, format, list);
  va_end(list);
  char inner[sizeof e->text];
  memcpy(inner, e->text, sizeof inner);
  int wanted = snprintf(e->text, sizeof e->text, "%s: %s", length < 0 ? "" : context, inner);
  e->also_count = 0;
  err_close(e, wanted < 0 ? 0 : (size_t)wanted);
  return false;
}

bool err_also(struct err *e, const struct err *another) {
  if (!e) return false;
  if (e->kind == ERR_NONE || (e->kind == ERR_INPUT && another->kind != ERR_INPUT)) {
    *e = *another;
    return false;
  }
  const size_t have = strlen(e->text), more = strlen(another->text);
  if (e->kind != ERR_INPUT || e->also_count == ERR_ALSO_MOST || have + 2 + more >= sizeof e->text) return false;
  memcpy(e->text + have, "; ", 2);
  memcpy(e->text + have + 2, another->text, more + 1);
  e->also[e->also_count++] = (uint16_t)(have + 2);
  return false;
}

_Noreturn void must_failed(const char *expression, const char *file, int line) {
  fprintf(stderr, "kairos: broken invariant: %s at %s:%d\n", expression, file, line);
  fflush(stderr);
  abort();
}
