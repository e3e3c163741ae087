/* tools: the one table of subcommands (tools.def), for dispatch, the overview and "did you mean". Knows names and summaries, nothing of
 * what they do. Called by main; main thread. */
#include "arguments.h"
#include "host/host.h"
#include "kit/arena.h"
#include "kit/log.h"
#include "tool/tool.h"
#include "tools_list.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} table[] = {
#define TOOL(name, function, summary) {name, function, summary},
#include "tools.def"
#undef TOOL
};
#define TOOL_COUNT (sizeof table / sizeof *table)

static int print_overview(FILE *out) {
  fprintf(out, "Kairos decides when a small intervention would help, sends it, and learns whether it did.\n\n"
               "Examples:\n"
               "  kairos serve --demo                        see it work\n"
               "  kairos init myprogram                      a program to start from\n"
               "  kairos serve --program myprogram           run it\n"
               "  kairos why d3-17                           why was this sent, or not\n\n"
               "Subcommands:\n");
  for (size_t i = 0; i < TOOL_COUNT; i++) fprintf(out, "  %-11s %s\n", table[i].name, table[i].summary);
  fprintf(out, "\nkairos SUBCOMMAND --help tells more.\n");
  return out == stdout ? EXIT_OK : EXIT_USAGE;
}

/* What starts plugin hosts is forked here, while there is one thread and little memory. A system that cannot is told so; a tool that
 * needs no plugin does not care. */
static int run(size_t tool, int argc, char **argv) {
  struct err e = {0};
  if (!host_begin(argc, argv, &e)) log_warn("tool", "%s", e.text);
  const int code = table[tool].run(argc - 1, argv + 1);
  host_end();
  return tool_printed() || code != EXIT_OK ? code : EXIT_FAILED;
}

/* Keys, events and profiles lie in memory in clear: no crash may leave a copy of them in a file. A limit of 1 instead of 0, because the
 * kernel heeds it also where dumps are piped to a program. */
static void leave_no_core(void) {
  struct rlimit most = {1, 1}, now;
  if (getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max < 1) most = (struct rlimit){0, now.rlim_max};
  setrlimit(RLIMIT_CORE, &most);
}

/* Of a standard stream that is closed another file gets the number: what is printed would go into a volume or to somebody's connection.
 * So each is there, opened so that using it fails as if it were not. */
static void hold_streams(void) {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) _exit(EXIT_FAILED);
}

int tool_main(int argc, char **argv) {
  hold_streams();
  leave_no_core();
  host_reborn(argc, argv);
  if (argc < 2) return print_overview(stderr);
  char help[] = "--help", *of[] = {argv[0], argc > 2 ? argv[2] : NULL, help, NULL}; /* `kairos help why` */
  if (argc == 3 && strcmp(argv[1], "help") == 0) argv = of;
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) return print_overview(stdout);
  const char *wanted = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
  for (size_t i = 0; i < TOOL_COUNT; i++)
    if (strcmp(wanted, table[i].name) == 0) return run(i, argc, argv);
  const char *names[TOOL_COUNT];
  for (size_t i = 0; i < TOOL_COUNT; i++) names[i] = table[i].name;
  const char *near = str_nearest(str_from(argv[1]), names, TOOL_COUNT);
  fprintf(stderr, "kairos: no subcommand \"%s\"", argv[1]);
  if (near) fprintf(stderr, " (did you mean \"%s\"?)", near);
  fprintf(stderr, "\nkairos --help lists them.\n");
  return EXIT_USAGE;
}
