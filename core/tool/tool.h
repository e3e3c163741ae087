/* tool: one file a subcommand. Data on stdout, messages on stderr; --json; NO_COLOR; exit codes 0 ok, 1 failed, 2 usage, 3 findings, 4
 * unreachable, 5 not found, 6 conflict, 7 denied. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

enum exit_code {
  EXIT_OK = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_FINDINGS = 3,
  EXIT_UNREACHABLE = 4,
  EXIT_NOT_FOUND = 5,
  EXIT_CONFLICT = 6,
  EXIT_DENIED = 7
};

struct tool {
  const char *name, *summary;
  int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name */
};
const struct tool *tools(size_t *count); /* the one table: dispatch, help, docs */
int tool_main(int argc, char **argv);    /* the whole program: finds the subcommand, "did you mean" */
