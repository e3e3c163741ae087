/* Files: whole reads and atomic writes. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <stdbool.h>
#include <stddef.h>

struct arena;
bool file_read(const char *path, struct buf *out, size_t most,
               struct err *e); /* ERR_MISSING when it is not there; refuses above `most` bytes */
bool file_write_atomic(const char *path, struct str bytes, unsigned mode,
                       struct err *e); /* temporary name, fsync, rename, fsync of the directory */
/* Several files of one directory, which is synced once for all of them: each name is there only with its whole bytes, and all are durable
 * when this returns true. False: none, some or all of the names are there. [any] */
struct file_new {
  const char *path;
  struct str bytes;
};
bool file_write_several(const struct file_new *files, size_t count, unsigned mode, struct err *e);
bool file_make_directory(const char *path, unsigned mode, struct err *e); /* with parents; fine when it exists */
bool file_exists(const char *path);
/* Names of the entries, sorted by bytes; regular files and directories only (a symbolic link is listed as what it is: kind 'l'). */
struct file_entry {
  const char *name;
  char kind; /* 'f' file, 'd' directory, 'l' link, '?' other */
  size_t size;
};
bool file_list(const char *path, struct arena *a, struct file_entry **entries, size_t *count, struct err *e);
bool file_remove_tree(const char *path, struct err *e);
