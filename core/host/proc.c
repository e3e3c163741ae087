/* proc: looks at a plugin host from outside, to tell one that is slow or asleep from one that waits for a busy machine's processor.
 * Promises nothing about a process that ends meanwhile. The zygote, before it ends one; lanes, after one was late. */
#include "proc.h"
#include "kit/str.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_proc(pid_t pid, const char *name, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = file < 0 ? -1 : read(file, text, size - 1);
  if (file >= 0) close(file);
  text[got > 0 ? got : 0] = 0;
  return got > 0;
}

int64_t proc_worked(pid_t pid) {
  char text[128];
  struct str first, rest;
  int64_t used;
  if (!read_proc(pid, "schedstat", text, sizeof text)) return -1;
  rest = str_from(text);
  return str_split(&rest, ' ', &first) && str_to_int(first, &used) ? used : -1;
}

bool proc_asleep(pid_t pid) {
  char text[512];
  if (!read_proc(pid, "stat", text, sizeof text)) return false;
  const char *after = strrchr(text, ')'); /* the name may hold anything */
  return after && after[1] == ' ' && after[2] == 'S';
}
