/* Declarations of every subcommand in tools.def. */
#pragma once
#define TOOL(name, function, summary) int function(int argc, char **argv);
#include "tools.def"
#undef TOOL
