/* completion: a script by which bash completes kairos' subcommands, their verbs and their options. The names of subcommands are the
 * table's; verbs and options are read from `kairos SUBCOMMAND --help` when somebody asks, so that the script never says what the build does
 * not know. Prints only; main thread. */
#include "arguments.h"
#include "tool/tool.h"
#include "tools_list.h"
#include <stdio.h>

static const char *const names[] = {
#define TOOL(name, function, summary) name,
#include "tools.def"
#undef TOOL
};

static const char *const body =
    "' -- \"$word\")); return; fi\n"
    "  help=$(\"${COMP_WORDS[0]}\" \"${COMP_WORDS[1]}\" --help 2>/dev/null </dev/null) || return\n"
    "  case $word in\n"
    "  -*) words=$(printf '%s\\n' \"$help\" | sed -n 's/^  \\(--[a-z-]*\\).*/\\1/p') ;;\n"
    "  *) [ \"$COMP_CWORD\" = 2 ] && words=$(printf '%s\\n' \"$help\" | sed -n 's/^  \\(VERB\\|KIND\\|SHELL\\)  *//p' |\n"
    "       sed 's/;.*//; s/([^)]*)//g; s/ or / /; s/,//g') ;;\n"
    "  esac\n"
    "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
    "}\n"
    "complete -o default -F _kairos kairos\n";

int tool_completion(int argc, char **argv) {
  static const char *const shells[] = {"bash", NULL};
  const char *shell = NULL;
  const struct argument list[] = {{"SHELL", ARGUMENT_TEXT, &shell, NULL, "bash", NULL}};
  const struct usage usage = {"completion", "A script by which a shell completes subcommands, verbs and options.",
                              "  eval \"$(kairos completion bash)\"                                       in this shell\n"
                              "  kairos completion bash > ~/.local/share/bash-completion/completions/kairos\n",
                              ARGUMENTS(list)};
  const int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "SHELL", shell) || arguments_word(&usage, "SHELL", shell, shells) < 0) return EXIT_USAGE;
  printf("_kairos() {\n  local word=${COMP_WORDS[COMP_CWORD]} help words=\n  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W '");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) printf("%s ", names[i]);
  printf("--help --version%s", body);
  return EXIT_OK;
}
