/* Hints: what an author most likely meant where Lua's own sentence speaks of Lua only. Promises to add to such a sentence, never to replace
 * it, and to say nothing where it cannot tell. Reads the sentence alone, and is asked by whoever reports it. [any] */
#include "sandbox.h"
#include <string.h>

/* What stands in quotes behind `near`, where Lua's sentences end. */
static bool near_what(struct str message, struct str *out) {
  static const char before[] = " near '";
  if (message.len == 0 || message.at[message.len - 1] != '\'') return false;
  for (size_t i = message.len; i-- > 0;) {
    const struct str rest = {message.at + i, message.len - i};
    if (!str_starts(rest, before)) continue;
    *out = (struct str){rest.at + sizeof before - 1, rest.len - sizeof before};
    return true;
  }
  return false;
}

static bool is_unit(struct str word) {
  static const char *const units[] = {"second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "percent"};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (str_is(word, units[i])) return true;
  return false;
}

static bool is_name(struct str word) {
  const char first = word.len ? word.at[0] : '0';
  return first == '_' || (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
}

const char *sandbox_hint(struct str message) {
  struct str word;
  if (str_starts(message, "attempt to ") && memmem(message.at, message.len, "a function value (global '", 26))
    return " (a condition is a text: when = \"event.steps > 5\")";
  if (!near_what(message, &word)) return "";
  if (is_unit(word)) return " (a number of them is written 2 * hours)";
  if (str_is(word, "at")) return " (a moment is written every \"day\":at \"07:30\")";
  if (str_starts(message, "'}' expected") && (is_name(word) || word.at[0] == '"' || word.at[0] == '{'))
    return " (is a comma missing before it?)";
  if (str_starts(message, "syntax error") && is_name(word)) return " (names and texts stand in quotes: trigger \"evening\" { … })";
  return "";
}
