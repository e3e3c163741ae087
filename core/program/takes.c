/* takes: which types of events a program takes. Promises one answer at the door, in scenarios, in a replay under another program, and where
 * a model learns from a file. Does not look into an event: the vocabulary does. Called by flow in lanes and by the command line. */
#include "kit/err.h"
#include "program/program.h"

bool program_declares(const struct program *p, struct str type) {
  return vocabulary_type(p->vocabulary, type) || str_is(type, "profile_updated") || str_is(type, "intervention_response");
}

bool program_takes(const struct program *p, struct str type, struct err *e) {
  if (!p->strict || program_declares(p, type)) return true;
  const char *near = vocabulary_nearest_type(p->vocabulary, type);
  return err_set(e, ERR_INPUT, "no event noun declares \"" STR_FORMAT "\", and a policy is strict%s%s%s", STR_ARG(type),
                 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}
