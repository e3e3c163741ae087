/* A program built to be looked at: from a directory, with the engine's plugins, in a store that is thrown away. */
#pragma once
#include "kit/json.h"
#include "program/program.h"

struct workshop {
  struct program *program; /* may have findings of level error: then it may not be run */
  char store[4096];
};
/* A folder of its own in TMPDIR, or /tmp, for what is not to stay; the caller removes it (file_remove_tree). False: path is "". */
bool workshop_store(char *path, size_t size, struct err *e);
bool workshop_open(struct workshop *s, const char *directory, struct err *e); /* false: call workshop_close all the same */
void workshop_close(struct workshop *s);
/* A directory can be read as a program, whatever is wrong in it: asked before a data directory is made for it. */
bool workshop_can_read(const char *directory, struct err *e);
/* "errors": how many, and "findings": each with file, line, rule (`trigger "x"`, or null), level and text; into an open object. [main] */
void workshop_findings(const struct program *p, struct json_writer *w);
/* The noun that a finding begins with, `trigger "x"`; empty when it is about none. */
struct str finding_rule(const struct finding *f);
