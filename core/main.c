/* main: the one binary. Boot and shutdown order of the engine are in tool/serve.c; here is only the door to the subcommands. */
#include "tool/tool.h"

int main(int argc, char **argv) {
  return tool_main(argc, argv);
}
