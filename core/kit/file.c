/* Files: whole reads, atomic writes, sorted listings. Promises that a reader of file_write_atomic's path sees the old bytes or the new
 * ones, also after a power loss, and that listings do not depend on the file system's order. Does not follow symbolic links when it
 * removes a tree. Called on main, builder and tool threads: these calls block. */
#include "kit/file.h"
#include "kit/arena.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(struct err *e, const char *what, const char *path) {
  int number = errno;
  enum err_kind kind = ERR_STORAGE;
  if (number == ENOENT || number == ENOTDIR) kind = ERR_MISSING;
  if (number == EACCES || number == EPERM || number == EROFS) kind = ERR_DENIED;
  return err_set(e, kind, "cannot %s %s: %s", what, path, strerrordesc_np(number)); /* strerror would ask the locale */
}

/* --- reading --- */

static bool read_whole(int descriptor, const char *path, struct buf *out, size_t most, struct err *e) {
  struct stat about;
  if (fstat(descriptor, &about) != 0) return refuse(e, "read", path);
  if (!S_ISREG(about.st_mode)) return err_set(e, ERR_INPUT, "%s is not a regular file", path);
  if (about.st_size > 0) buf_reserve(out, (size_t)about.st_size < most ? (size_t)about.st_size + 1 : most);
  while (out->len <= most) {
    char piece[65536];
    ssize_t got = read(descriptor, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(e, "read", path);
    if (got == 0) break;
    buf_put(out, piece, (size_t)got);
    if (out->failed) return err_set(e, ERR_BUSY, "no memory to read %s", path);
  }
  if (out->len > most) return err_set(e, ERR_INPUT, "%s is larger than the %zu bytes allowed", path, most);
  return true;
}

bool file_read(const char *path, struct buf *out, size_t most, struct err *e) {
  buf_clear(out);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us before it is refused */
  if (descriptor < 0) return refuse(e, "read", path);
  bool fine = read_whole(descriptor, path, out, most, e);
  close(descriptor);
  if (!fine) buf_clear(out);
  return fine;
}

bool file_exists(const char *path) {
  return access(path, F_OK) == 0;
}

/* --- writing --- */

static bool write_whole(int descriptor, struct str bytes) {
  while (bytes.len > 0) {
    ssize_t done = write(descriptor, bytes.at, bytes.len);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes = (struct str){bytes.at + done, bytes.len - (size_t)done};
  }
  return true;
}

static bool sync_parent(const char *path, struct err *e) {
  char parent[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) : 0;
  if (length == 0) {
    memcpy(parent, slash ? "/" : ".", 2);
  } else {
    memcpy(parent, path, length); /* fits: open() took the longer path already */
    parent[length] = '\0';
  }
  int descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool fine = descriptor >= 0 && fsync(descriptor) == 0;
  if (!fine) refuse(e, "sync the directory", parent);
  if (descriptor >= 0) close(descriptor);
  return fine;
}

static bool write_temporary(const char *temporary, struct str bytes, unsigned mode, struct err *e) {
  int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
  if (descriptor < 0) return refuse(e, "create", temporary);
  bool fine = fchmod(descriptor, (mode_t)mode) == 0 && write_whole(descriptor, bytes) && fsync(descriptor) == 0;
  if (!fine) refuse(e, "write", temporary);
  if (close(descriptor) != 0 && fine) fine = refuse(e, "write", temporary);
  return fine;
}

static bool name_temporary(const char *path, unsigned serial, char temporary[PATH_MAX], struct err *e) {
  const int length = snprintf(temporary, PATH_MAX, "%s.%ld-%u.tmp", path, (long)getpid(), serial);
  return (length > 0 && length < PATH_MAX) || err_set(e, ERR_INPUT, "the path %s is too long", path);
}

static void remove_temporaries(const struct file_new *files, size_t count, unsigned serial) {
  char temporary[PATH_MAX];
  for (size_t i = 0; i < count; i++)
    if (name_temporary(files[i].path, serial + (unsigned)i, temporary, NULL)) unlink(temporary);
}

bool file_write_several(const struct file_new *files, size_t count, unsigned mode, struct err *e) {
  static _Atomic unsigned serials;
  const unsigned serial = atomic_fetch_add(&serials, (unsigned)count);
  char temporary[PATH_MAX];
  size_t done = 0, renamed = 0;
  for (; done < count && name_temporary(files[done].path, serial + (unsigned)done, temporary, e); done++) {
    unlink(temporary); /* of a process that died with our number; a live one has another */
    if (!write_temporary(temporary, files[done].bytes, mode, e)) break;
  }
  for (; done == count && renamed < count; renamed++) {
    name_temporary(files[renamed].path, serial + (unsigned)renamed, temporary, NULL);
    if (rename(temporary, files[renamed].path) == 0) continue;
    refuse(e, "replace", files[renamed].path);
    break;
  }
  if (renamed == count) return count == 0 || sync_parent(files[0].path, e);
  remove_temporaries(files, done < count ? done + 1 : count, serial);
  return false;
}

bool file_write_atomic(const char *path, struct str bytes, unsigned mode, struct err *e) {
  return file_write_several(&(struct file_new){path, bytes}, 1, mode, e);
}

bool file_make_directory(const char *path, unsigned mode, struct err *e) {
  char partial[PATH_MAX];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof partial)
    return err_set(e, ERR_INPUT, "a directory's path has %d bytes at most, got %zu", PATH_MAX, length);
  memcpy(partial, path, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    partial[i] = '\0';
    if (mkdir(partial, (mode_t)mode) != 0 && errno != EEXIST) return refuse(e, "make the directory", partial);
    partial[i] = path[i];
  }
  struct stat about;
  if (stat(path, &about) != 0) return refuse(e, "make the directory", path);
  return S_ISDIR(about.st_mode) || err_set(e, ERR_CONFLICT, "%s exists and is no directory", path);
}

/* --- listing --- */

struct listing {
  struct arena *a;
  struct file_entry *entries;
  size_t count, cap;
};

static bool entry_add(struct listing *l, int directory, const char *name) {
  if (l->count == l->cap) {
    size_t cap = l->cap ? l->cap * 2 : 16;
    struct file_entry *grown = ARENA_ARRAY(l->a, struct file_entry, cap);
    if (!grown) return false;
    if (l->count) memcpy(grown, l->entries, l->count * sizeof *grown);
    l->entries = grown;
    l->cap = cap;
  }
  struct stat about;
  if (fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0) return true; /* gone since it was listed */
  char kind = S_ISREG(about.st_mode) ? 'f' : S_ISDIR(about.st_mode) ? 'd' : S_ISLNK(about.st_mode) ? 'l' : '?';
  char *copy = arena_text(l->a, name, strlen(name));
  if (!copy) return false;
  l->entries[l->count++] = (struct file_entry){.name = copy, .kind = kind, .size = (size_t)about.st_size};
  return true;
}

static int entry_compare(const void *a, const void *b) {
  const struct file_entry *x = a;
  const struct file_entry *y = b;
  return strcmp(x->name, y->name);
}

/* Next entry other than "." and ".."; NULL at the end or on error, which errno tells apart. */
static const char *next_name(DIR *directory) {
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (!entry) return NULL;
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return entry->d_name;
  }
}

bool file_list(const char *path, struct arena *a, struct file_entry **entries, size_t *count, struct err *e) {
  DIR *directory = opendir(path);
  if (!directory) return refuse(e, "list", path);
  struct listing l = {.a = a};
  const char *name;
  bool fine = true;
  while (fine && (name = next_name(directory))) fine = entry_add(&l, dirfd(directory), name);
  if (!fine) err_set(e, ERR_BUSY, "no memory to list %s", path);
  if (fine && errno != 0) fine = refuse(e, "list", path);
  closedir(directory);
  if (!fine) return false;
  if (l.count > 1) qsort(l.entries, l.count, sizeof *l.entries, entry_compare);
  *entries = l.entries;
  *count = l.count;
  return true;
}

/* --- removing --- */

static bool remove_at(int parent, const char *name, const char *path, struct err *e);

static bool remove_inside(int parent, const char *name, const char *path, struct err *e) {
  int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return refuse(e, "remove", path);
  DIR *directory = fdopendir(descriptor);
  if (!directory) {
    refuse(e, "remove", path);
    close(descriptor);
    return false;
  }
  const char *inner;
  bool fine = true;
  while (fine && (inner = next_name(directory))) fine = remove_at(dirfd(directory), inner, path, e);
  closedir(directory);
  return fine;
}

static bool remove_at(int parent, const char *name, const char *path, struct err *e) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) return refuse(e, "remove something of", path);
  if (!remove_inside(parent, name, path, e)) return false;
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 || refuse(e, "remove a directory of", path);
}

/* True as well when there was nothing. */
bool file_remove_tree(const char *path, struct err *e) {
  return remove_at(AT_FDCWD, path, path, e);
}
