/* Errors: one sentence that a stranger can act on (what was expected, what came, where), in the caller's storage.
 * A function that can fail returns bool and takes `struct err *`; nothing is printed and nothing is freed by the reader.
 * Broken input is an error; a broken invariant of our own is must(), which aborts: going on could store something false. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum err_kind {
  ERR_NONE = 0,
  ERR_INPUT,    /* what came from outside is wrong: HTTP 400, exit 1 */
  ERR_MISSING,  /* something named does not exist: HTTP 404, exit 5 */
  ERR_CONFLICT, /* the state forbids it: HTTP 409, exit 6 */
  ERR_DENIED,   /* not allowed: HTTP 403, exit 7 */
  ERR_BUSY,     /* bounded room is full, try again: HTTP 429 */
  ERR_STORAGE,  /* disk full, I/O error, failed fsync: HTTP 503 */
  ERR_INTERNAL, /* a fault of ours */
  ERR_STOPPING, /* the engine ends: HTTP 503, to be sent again */
};

#define ERR_ALSO_MOST 8
struct err {
  enum err_kind kind;
  char text[500];
  uint16_t also[ERR_ALSO_MOST]; /* where in `text` further sentences begin, behind "; " */
  uint8_t also_count;           /* of err_also; 0 for one sentence */
};

/* Sets the sentence and its kind; always returns false, so that `return err_set(e, ERR_INPUT, "…")` reads well.
 * `e` may be NULL (the caller does not care). [any] */
bool err_set(struct err *e, enum err_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts `context: ` in front of the sentence on its way up; keeps the kind; always returns false. [any] */
bool err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts another sentence behind what is said already, as long as there is room for a whole one: several things are wrong with what came, and
 * whoever sent it should hear of all of them at once. What is no ERR_INPUT replaces them. Always returns false. [any] */
bool err_also(struct err *e, const struct err *another);

/* Prints the expression and place on stderr and aborts. [any] */
_Noreturn void must_failed(const char *expression, const char *file, int line);
#define must(condition) ((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__))
