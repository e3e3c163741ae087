/* Arguments of a subcommand: one table of options feeds the parser, --help and "did you mean". */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include "tool/tool.h"

enum argument_kind {
  ARGUMENT_FLAG,
  ARGUMENT_TEXT,
  ARGUMENT_NUMBER,
  ARGUMENT_TIME /* text that is one */,
  ARGUMENT_URL,
  ARGUMENT_LIST /* may be repeated */
};
#define ARGUMENT_LIST_MOST 16
struct argument_list {
  const char *at[ARGUMENT_LIST_MOST];
  size_t count;
};
struct argument {
  const char *name; /* "--data", or a place's name like "FILE" */
  enum argument_kind kind;
  void *into;        /* bool, const char *, int64_t or struct argument_list */
  const char *value; /* what the help calls the value: "DIR" */
  const char *help;
  const char *environment; /* used when the option is not given; NULL: none */
};
/* An option that only some verbs take, or that says nothing without another one or beside others: its help begins with that, and elsewhere
 * it is refused. One of two that exclude each other says it. */
struct argument_fit {
  const char *option,
      *with; /* "--from", "advance, back"; "--files", "--data"; "--users", "without --from, --data"; places have names too */
};
struct usage {
  const char *name, *summary;
  const char *examples; /* shown first */
  const struct argument *arguments;
  size_t count;
  const struct argument_fit *fits;
  size_t fit_count;
};
/* 0: parsed; otherwise the exit code to leave with (--help printed: −1 means leave with 0). Options may be written --name value or
 * --name=value; everything else fills the places in order. */
int arguments_parse(const struct usage *u, int argc, char **argv);
/* The same, with the file of settings below the environment: kairos.lua where it is there, or what KAIROS_CONFIG names. */
int arguments_parse_settings(const struct usage *u, int argc, char **argv);
#define ARGUMENTS(list)          (list), sizeof(list) / sizeof *(list), NULL, 0
#define ARGUMENTS_FIT(list, fit) (list), sizeof(list) / sizeof *(list), (fit), sizeof(fit) / sizeof *(fit)
/* The place of `word` among `words` (NULL-terminated), or -1 after a sentence with "did you mean": for verbs like `user show`, and then
 * also when an option of the command line is not for that verb. */
int arguments_word(const struct usage *u, const char *place, const char *word, const char *const *words);
/* True when the place was filled; otherwise says so. Leave with EXIT_USAGE then. */
bool arguments_given(const struct usage *u, const char *place, const char *value);
/* True when the place was left empty, for verbs that have nothing to put there; otherwise says so. Leave with EXIT_USAGE then. */
bool arguments_unused(const struct usage *u, const char *value);

bool arguments_said(const char *option); /* whether the command line itself has it: an option or a place, by its name in the table */
/* Says that a value on the command line cannot be; gives EXIT_USAGE. */
int arguments_refuse(const struct usage *u, const struct err *e);

/* Prints what was built as a line, and frees it. What found no memory is not printed by half: the exit code is 1 then, whatever follows. */
void tool_print(struct buf *built);
/* Whether all was printed; otherwise says so. */
bool tool_printed(void);
/* Says the error on stderr and gives the exit code of its kind. */
int tool_fail(const struct err *e);
/* A sentence on stderr when others may look into a data directory. */
void tool_say_open(const char *data);
/* False for what would be written into the data directory: with --force an export replaced everybody's journal, and a backup there goes
 * with what it is a backup of. */
bool tool_outside(const char *path, const char *data, struct err *e);
/* True when stderr (stdout) is a terminal and NO_COLOR is not set, or empty. */
bool tool_color(int descriptor);
/* A progress bar on stderr, only on a terminal; at most ten times a second. */
void tool_progress(const char *what, double share);
void tool_progress_end(void);
/* The directory that holds the engine's plugins: beside the binary as built, else as installed. */
const char *tool_plugin_directory(void); /* behind those that KAIROS_PLUGINS names, with ":" between them */
