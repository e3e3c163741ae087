/* Inside program: the states that an engine serves in place of a directory's. */
#pragma once
#include "program/program.h"

struct served_file {
  const char *path, *of;  /* of: the directory's file that must be as it was; the same path when this stands in its place */
  unsigned char over[32]; /* SHA-256 of that file as it was */
  struct str text;
};
struct served {
  struct served_file *files;
  size_t count;
};
/* What of `p` must stand when its directory is read again: states that are not the directory's, what says so, and states beside. Copied
 * into `a`. */
void served_note(const struct program *p, struct arena *a, struct served *out);
/* Puts them among a directory's sources, where the directory still holds what they replaced; each with a note. */
void served_apply(struct program *p, const struct served *served);
