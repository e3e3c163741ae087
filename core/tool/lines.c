/* lines: a file of lines without end is read with bounded memory. Promises that a line longer than 10 MB is an error with the line's number
 * before it is held as a whole. Used by import, replay, train, predict and user. Main thread. */
#include "lines.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

bool lines_open(struct lines *l, const char *path, struct err *e) {
  struct stat st;
  *l = (struct lines){.path = path, .file = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
  if (l->file < 0) return err_set(e, ERR_MISSING, "%s: %s", path, strerror(errno));
  if (fstat(l->file, &st) != 0 || S_ISDIR(st.st_mode)) {
    lines_close(l);
    return err_set(e, ERR_INPUT, "%s: expected a file, got a directory", path);
  }
  l->size = S_ISREG(st.st_mode) ? (double)st.st_size : 0;
  return true;
}

/* Moves what is left to the front and reads on. False: the end, or an error. */
static bool read_on(struct lines *l, struct err *e) {
  char chunk[CHUNK];
  ssize_t got;
  do got = read(l->file, chunk, sizeof chunk);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return err_set(e, ERR_INPUT, "%s, line %llu: reading on failed: %s", l->path, (unsigned long long)l->number + 1, strerror(errno));
  l->ended = got == 0;
  size_t left = l->held.len - l->at;
  if (l->at && left) memmove(l->held.at, l->held.at + l->at, left);
  l->held.len = left;
  l->at = 0;
  buf_put(&l->held, chunk, (size_t)got);
  return !l->held.failed || err_set(e, ERR_INTERNAL, "no memory for line %llu", (unsigned long long)l->number + 1);
}

bool lines_next(struct lines *l, struct str *line, struct err *e) {
  size_t searched = 0;
  e->kind = ERR_NONE;
  for (;;) {
    const char *from = l->held.at ? l->held.at + l->at : NULL;
    size_t left = l->held.len - l->at;
    const char *end = left > searched ? memchr(from + searched, '\n', left - searched) : NULL;
    size_t length = end ? (size_t)(end - from) : left;
    if (length > LINE_MOST)
      return err_set(e, ERR_INPUT, "%s, line %llu: longer than %u bytes", l->path, (unsigned long long)l->number + 1, LINE_MOST);
    if (end || (l->ended && left)) {
      *line = (struct str){from, length};
      l->at += length + (end != NULL);
      l->bytes += length + (end != NULL);
      l->number++;
      return true;
    }
    searched = left;
    if (l->ended || !read_on(l, e)) return false;
  }
}

void lines_close(struct lines *l) {
  if (l->file > STDIN_FILENO) close(l->file);
  l->file = -1;
  buf_free(&l->held);
}
