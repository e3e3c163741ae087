/* watch: tells when the files of a program have changed and then lain still. Directory events are hints only, since editors rename, tools
 * write in pieces and some file systems tell nothing: after a hint, or at the latest when all is looked at again, every file's name, inode,
 * size and times are compared with those of the last time, and only a difference counts. Promises to report a settled change once, and
 * never one that is still going on. Reads no file. On the builder's loop. */
#include "watch.h"
#include "kit/arena.h"
#include "kit/hash.h"
#include "kit/log.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MOST 10

struct folder {        /* a directory that is listened to */
  uv_fs_event_t event; /* first */
  struct watch *watch;
  char *path;
  dev_t device;
  ino_t inode;
  bool seen; /* in this look */
  struct folder *next;
};
struct watch {
  struct watch_options options;
  uv_loop_t *loop;
  uv_timer_t settle, rescan;
  struct folder *folders;
  uint64_t signature; /* of what was reported last */
  bool reported, deaf, closing;
  struct buf seen; /* one look, as bytes */
};

/* ---- hints ---- */

static void on_quiet(uv_timer_t *timer);

static void hint(struct watch *w) {
  if (!w->closing) uv_timer_start(&w->settle, on_quiet, w->options.settle_ms, 0);
}

static bool counts(const char *name) {
  struct str s = str_from(name);
  return str_ends(s, ".lua") || str_ends(s, ".state") || str_ends(s, ".so");
}

/* Editors write beside the file that they mean: ".x.lua.swp", "4913", "x.lua~". A name without a dot may be a folder. */
static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
  (void)events;
  (void)status;
  struct folder *f = event->data;
  if (!name || (name[0] != '.' && (counts(name) || !strchr(name, '.')))) hint(f->watch);
}

/* ---- folders ---- */

static void folder_closed(uv_handle_t *handle) {
  struct folder *f = (struct folder *)handle;
  kit_free(f->path);
  kit_free(f);
}

static void forget_unseen(struct watch *w) {
  for (struct folder **at = &w->folders; *at;) {
    struct folder *f = *at;
    if (f->seen) {
      at = &f->next;
      continue;
    }
    *at = f->next;
    uv_close((uv_handle_t *)&f->event, folder_closed);
  }
}

/* A folder that was moved away and made again has the same name and is another. */
static void listen_to(struct watch *w, const char *path, const struct stat *about) {
  for (struct folder *f = w->folders; f; f = f->next)
    if (strcmp(f->path, path) == 0 && f->device == about->st_dev && f->inode == about->st_ino) {
      f->seen = true;
      return;
    }
  struct folder *f = kit_alloc(sizeof *f);
  size_t length = strlen(path);
  char *copy = f ? kit_alloc(length + 1) : NULL;
  if (!copy) {
    kit_free(f);
    return; /* looked at now and then all the same */
  }
  memcpy(copy, path, length + 1);
  *f = (struct folder){.watch = w, .path = copy, .device = about->st_dev, .inode = about->st_ino, .seen = true, .next = w->folders};
  uv_fs_event_init(w->loop, &f->event);
  f->event.data = f;
  w->folders = f;
  int code = uv_fs_event_start(&f->event, on_event, path, 0);
  if (code == 0 || w->deaf) return;
  w->deaf = true;
  log_warn("program", "%s cannot be listened to (%s): changes are noticed within %llu ms all the same", path, uv_strerror(code),
           (unsigned long long)w->options.rescan_ms);
}

/* ---- a look at everything ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_entry(struct watch *w, const char *path, const struct stat *about) {
  const int64_t facts[] = {(int64_t)about->st_ino,          (int64_t)about->st_size,         (int64_t)about->st_mode,
                           (int64_t)about->st_mtim.tv_sec,  (int64_t)about->st_mtim.tv_nsec, (int64_t)about->st_ctim.tv_sec,
                           (int64_t)about->st_ctim.tv_nsec, (int64_t)about->st_dev};
  buf_text(&w->seen, path);
  buf_char(&w->seen, 0);
  buf_put(&w->seen, facts, sizeof facts);
}

static void look_into(struct watch *w, struct arena *a, const char *path, int depth);

static void look_at(struct watch *w, struct arena *a, const char *path, const char *name, int depth) {
  struct stat about;
  if (!path || lstat(path, &about) != 0) return;
  if (S_ISDIR(about.st_mode)) look_into(w, a, path, depth + 1);
  else if (counts(name)) put_entry(w, path, &about);
}

/* In the order of names, so that the same files give the same bytes. */
static void look_into(struct watch *w, struct arena *a, const char *path, int depth) {
  struct stat about;
  if (!path) return; /* no memory for it: the next look finds it */
  DIR *directory = depth <= DEPTH_MOST ? opendir(path) : NULL;
  if (!directory) {
    if (lstat(path, &about) == 0) put_entry(w, path, &about); /* one that cannot be read is a fact as well */
    return;
  }
  if (fstat(dirfd(directory), &about) == 0) listen_to(w, path, &about);
  buf_text(&w->seen, path);
  buf_char(&w->seen, '/');
  char *names[4096];
  size_t count = 0;
  for (const struct dirent *entry; count < 4096 && (entry = readdir(directory));)
    if (entry->d_name[0] != '.' && (names[count] = arena_text(a, entry->d_name, strlen(entry->d_name)))) count++;
  closedir(directory);
  qsort(names, count, sizeof *names, by_name);
  for (size_t i = 0; i < count; i++) look_at(w, a, arena_printf(a, "%s/%s", path, names[i]), names[i], depth);
}

static uint64_t look(struct watch *w) {
  static const char *const parts[] = {"interventions", "models", "rules"};
  struct arena a = {0};
  struct stat about;
  const char *root = w->options.directory;
  buf_clear(&w->seen);
  for (struct folder *f = w->folders; f; f = f->next) f->seen = false;
  if (root && stat(root, &about) == 0 && S_ISDIR(about.st_mode)) listen_to(w, root, &about);
  for (size_t i = 0; root && i < sizeof parts / sizeof *parts; i++) look_into(w, &a, arena_printf(&a, "%s/%s", root, parts[i]), 0);
  struct str rest = str_from(w->options.plugins), one;
  while (str_split(&rest, ':', &one)) look_into(w, &a, arena_text(&a, one.at, one.len), DEPTH_MOST - 1);
  forget_unseen(w);
  arena_free(&a);
  return hash_64(buf_view(&w->seen));
}

static void on_quiet(uv_timer_t *timer) {
  struct watch *w = timer->data;
  const uint64_t now = look(w);
  if (w->reported && now == w->signature) return;
  w->reported = true;
  w->signature = now;
  w->options.settled(w->options.context);
}

static void on_rescan(uv_timer_t *timer) {
  struct watch *w = timer->data;
  if (!uv_is_active((uv_handle_t *)&w->settle) && look(w) != w->signature) hint(w);
}

bool watch_unchanged(struct watch *w) {
  if (look(w) == w->signature) return true;
  hint(w);
  return false;
}

void watch_again(struct watch *w) {
  w->reported = false;
  hint(w);
}

/* ---- life ---- */

struct watch *watch_open(uv_loop_t *loop, const struct watch_options *options) {
  struct watch *w = kit_alloc(sizeof *w);
  if (!w) return NULL;
  *w = (struct watch){.options = *options, .loop = loop};
  uv_timer_init(loop, &w->settle);
  uv_timer_init(loop, &w->rescan);
  w->settle.data = w->rescan.data = w;
  uv_timer_start(&w->rescan, on_rescan, options->rescan_ms, options->rescan_ms);
  hint(w);
  look(w); /* listens from here on */
  return w;
}

void watch_close(struct watch *w) {
  w->closing = true;
  for (struct folder *f = w->folders; f; f = f->next) f->seen = false;
  forget_unseen(w);
  uv_close((uv_handle_t *)&w->settle, NULL);
  uv_close((uv_handle_t *)&w->rescan, NULL);
}

void watch_free(struct watch *w) {
  if (!w) return;
  buf_free(&w->seen);
  kit_free(w);
}
