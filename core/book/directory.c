/* The data directory: creating, locking, opening. Promises that one writer at most holds it, that a wrong master key and a newer format are
 * refused before anything is touched, and that a create that was cut short can be started again (the layout is written last). Does not open
 * volumes; lanes do. Called by main and tools. */
#include "directory.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "kit/rng.h"
#include "sql.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTITION_SEED UINT64_C(0x6b6169726f735f70) /* part of the format: it decides where a user lives, for ever */

void book_file(const char *directory, const char *name, char path[BOOK_PATH]) {
  must(snprintf(path, BOOK_PATH, "%s/%s", directory, name) < BOOK_PATH);
}

void book_volume_name(const struct layout *l, uint32_t volume, char name[64]) {
  if (l->generation) snprintf(name, 64, "volume-%02u-%u.db", volume, l->generation);
  else snprintf(name, 64, "volume-%02u.db", volume);
}

void book_volume_path(const struct book *b, uint32_t volume, char path[BOOK_PATH]) {
  char name[64];
  book_volume_name(&b->layout, volume, name);
  book_file(b->directory, name, path);
}

uint32_t partition_of(struct str user) {
  return (uint32_t)(hash_64_seed(user, PARTITION_SEED) % BOOK_PARTITIONS);
}

uint32_t book_volumes(const struct book *b) {
  return b->layout.volumes;
}

uint32_t book_partition_of(const struct book *b, struct str user) {
  (void)b;
  return partition_of(user);
}

uint32_t book_volume_of(const struct book *b, uint32_t partition) {
  must(partition < BOOK_PARTITIONS);
  return b->layout.volume_of[partition];
}

const char *book_directory(const struct book *b) {
  return b->directory;
}

void book_use_vfs(const char *name) {
  sql_set_vfs(name);
}

/* ---- keys ---- */

bool master_key_read(const char *path, unsigned char key[SEAL_KEY], struct err *e) {
  struct buf bytes = {0};
  if (!file_read(path, &bytes, 4096, e)) return err_wrap(e, "the master key");
  const size_t length = bytes.len;
  if (length == SEAL_KEY) memcpy(key, bytes.at, SEAL_KEY);
  if (bytes.at) sodium_memzero(bytes.at, bytes.len);
  buf_free(&bytes);
  return length == SEAL_KEY || err_set(e, ERR_INPUT, "%s: expected a master key of %d bytes, got %zu", path, SEAL_KEY, length);
}

void master_key_check(const unsigned char key[SEAL_KEY], unsigned char check[16]) {
  unsigned char full[SEAL_KEY];
  seal_derive(key, "kairos: check", full);
  memcpy(check, full, 16);
}

/* ---- the lock ---- */

int directory_lock(const char *directory, struct err *e) {
  char path[BOOK_PATH], holder[32] = "";
  book_file(directory, "kairos.lock", path);
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    err_set(e, errno == ENOENT ? ERR_MISSING : ERR_STORAGE, "%s cannot be opened: %s", path, strerror(errno));
    return -1;
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
    if (got > 0) holder[strcspn(holder, "\n")] = 0;
    err_set(e, ERR_CONFLICT, "%s is in use by process %s: only one engine or writing tool may hold it", directory,
            got > 0 ? holder : "unknown");
    close(fd);
    return -1;
  }
  const int length = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)length, 0) != length) {
    err_set(e, ERR_STORAGE, "%s cannot be written: %s", path, strerror(errno));
    close(fd);
    return -1;
  }
  return fd;
}

bool book_open_to_others(const char *directory, unsigned *mode) {
  struct stat about;
  if (stat(directory, &about) != 0 || !(about.st_mode & 077)) return false;
  *mode = about.st_mode & 07777;
  return true;
}

/* ---- the origin ---- */

bool origin_draw(const char *directory, struct err *e) {
  char path[BOOK_PATH], text[24];
  uint64_t drawn = 0;
  while (!drawn) rng_secret(&drawn, sizeof drawn);
  book_file(directory, "origin", path);
  const int length = snprintf(text, sizeof text, "%016llx\n", (unsigned long long)drawn);
  return file_write_atomic(path, (struct str){text, (size_t)length}, 0600, e);
}

bool origin_read(const char *directory, uint64_t *out, struct err *e) {
  char path[BOOK_PATH];
  unsigned char bytes[8];
  struct buf text = {0};
  *out = 0;
  book_file(directory, "origin", path);
  if (!file_exists(path)) return true;
  bool done = file_read(path, &text, 4096, e);
  if (done && !hash_unhex(str_trim(buf_view(&text)), bytes, sizeof bytes))
    done = err_set(e, ERR_INPUT, "%s: expected 16 hex digits; without the file webhook-ids are those of an older engine", path);
  for (size_t i = 0; done && i < sizeof bytes; i++) *out = *out << 8 | bytes[i];
  buf_free(&text);
  return done;
}

uint64_t book_origin(const struct book *b) {
  return b->origin;
}

/* ---- creating ---- */

static bool create_keys(const char *directory, struct layout *l, struct err *e) {
  char path[BOOK_PATH];
  unsigned char master[SEAL_KEY];
  book_file(directory, "master.key", path);
  /* A create that was cut short left a key that nothing uses yet: keep it. */
  bool done = true;
  if (file_exists(path)) done = master_key_read(path, master, e);
  else {
    rng_secret(master, sizeof master);
    done = file_write_atomic(path, (struct str){(const char *)master, sizeof master}, 0600, e);
  }
  master_key_check(master, l->key_check);
  sodium_memzero(master, sizeof master);
  rng_secret(l->secret, sizeof l->secret);
  return done;
}

static bool create_dictionary(const char *directory, struct layout *l, struct err *e) {
  struct buf dictionary = {0};
  struct book store = {0};
  snprintf(store.directory, sizeof store.directory, "%s", directory);
  const bool done = dictionary_train(&dictionary, e) && store_put(&store, buf_view(&dictionary), l->dictionary, e);
  buf_free(&dictionary);
  return done;
}

bool book_create(const char *directory, uint32_t volumes, struct err *e) {
  char path[BOOK_PATH];
  if (sodium_init() < 0) return err_set(e, ERR_INTERNAL, "libsodium does not start");
  if (strlen(directory) >= sizeof((struct book *)0)->directory)
    return err_set(e, ERR_INPUT, "the data directory's path has %zu bytes; at most 511 are possible", strlen(directory));
  if (volumes < 1 || volumes > BOOK_VOLUMES_MOST)
    return err_set(e, ERR_INPUT, "expected 1 to %d files for the data directory, got %u", BOOK_VOLUMES_MOST, volumes);
  if (!file_make_directory(directory, 0700, e)) return false;
  const int lock = directory_lock(directory, e);
  if (lock < 0) return false;
  book_file(directory, "layout", path);
  struct layout l = {.format = BOOK_FORMAT};
  layout_spread(&l, volumes);
  bool done = !file_exists(path) || err_set(e, ERR_CONFLICT, "%s is a data directory already", directory);
  done = done && book_can_begin(directory, e);
  book_file(directory, "store", path);
  done = done && file_make_directory(path, 0700, e) && create_keys(directory, &l, e) && create_dictionary(directory, &l, e);
  done = done && origin_draw(directory, e) && layout_write(directory, &l, e);
  close(lock);
  return done;
}

/* ---- opening ---- */

static bool load_dictionary(struct book *b, struct err *e) {
  struct buf bytes = {0};
  const bool done = (store_get(b, b->layout.dictionary, &bytes, e) || err_wrap(e, "the packing dictionary")) &&
                    dictionary_load(&b->dictionary, buf_view(&bytes), e);
  buf_free(&bytes);
  return done;
}

/* A move that was cut short leaves files of another generation than the layout's: nothing refers to them. */
static bool sweep(struct book *b, struct err *e) {
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  bool done = file_list(b->directory, &a, &entries, &count, e);
  for (size_t i = 0; done && i < count; i++) {
    char path[BOOK_PATH];
    unsigned volume, generation = 0;
    int end = 0;
    const char *name = entries[i].name;
    if (entries[i].kind != 'f' || sscanf(name, "volume-%2u%n", &volume, &end) != 1 || end != 9) continue;
    const char *rest = name + end;
    if (*rest == '-' && sscanf(rest, "-%u%n", &generation, &end) == 1) rest += end;
    if (strncmp(rest, ".db", 3) != 0 || (generation == b->layout.generation && volume < b->layout.volumes)) continue;
    book_file(b->directory, name, path);
    if (unlink(path) != 0) done = err_set(e, ERR_STORAGE, "%s cannot be removed: %s", path, strerror(errno));
  }
  arena_free(&a);
  return done;
}

/* In a directory of format 1 digests hang on the layout's secret alone, which lies in each of its backups. */
static void derive_secret(struct book *b, const unsigned char master[SEAL_KEY]) {
  unsigned char people[SEAL_KEY];
  seal_derive(master, "kairos: people", people);
  if (b->layout.format < 2) memcpy(b->secret, b->layout.secret, sizeof b->secret);
  else seal_join(people, b->layout.secret, b->secret);
  sodium_memzero(people, sizeof people);
}

struct book *book_open_with(const char *directory, int lock, const unsigned char master[SEAL_KEY], struct err *e) {
  struct book *b = kit_alloc(sizeof *b);
  unsigned char check[16], seed[SEAL_KEY];
  if (!b) {
    if (lock >= 0) close(lock);
    err_set(e, ERR_STORAGE, "memory for opening %s is missing", directory);
    return NULL;
  }
  *b = (struct book){.lock = lock, .writer = lock >= 0};
  pthread_mutex_init(&b->control_lock, NULL);
  snprintf(b->directory, sizeof b->directory, "%s", directory);
  bool done = layout_read(directory, &b->layout, e) && origin_read(directory, &b->origin, e);
  master_key_check(master, check);
  if (done && sodium_memcmp(check, b->layout.key_check, sizeof check) != 0)
    done = err_set(e, ERR_DENIED, "the master key is not the one that %s was made with", directory);
  seal_derive(master, "kairos: wrap", b->wrap_key);
  seal_derive(master, "kairos: control", b->control_key);
  derive_secret(b, master);
  seal_derive(b->secret, "kairos: events", seed);
  memcpy(&b->event_seed, seed, sizeof b->event_seed);
  done = done && load_dictionary(b, e) && (!b->writer || sweep(b, e));
  done = done && whole_control(directory, &b->layout, e) && control_open(b, e);
  done = done && whole_volumes(directory, &b->layout, b->control, e);
  if (done) return b;
  book_close(b);
  return NULL;
}

struct book *book_open(const char *directory, bool writer, struct err *e) {
  char path[BOOK_PATH];
  unsigned char master[SEAL_KEY];
  struct layout l;
  if (sodium_init() < 0) {
    err_set(e, ERR_INTERNAL, "libsodium does not start");
    return NULL;
  }
  if (strlen(directory) >= sizeof((struct book *)0)->directory) {
    err_set(e, ERR_INPUT, "the data directory's path has %zu bytes; at most 511 are possible", strlen(directory));
    return NULL;
  }
  if (!layout_read(directory, &l, e)) return NULL;
  const int lock = writer ? directory_lock(directory, e) : -1;
  if (writer && lock < 0) return NULL;
  book_file(directory, "master.key", path);
  struct book *b = NULL;
  if (master_key_read(path, master, e)) b = book_open_with(directory, lock, master, e);
  else if (lock >= 0) close(lock);
  sodium_memzero(master, sizeof master);
  return b;
}

void book_checkpoint_beside(struct book *b) {
  if (b->writer && !b->beside) b->beside = beside_start();
}

void book_close(struct book *b) {
  if (!b) return;
  beside_stop(b->beside);
  control_close(b);
  dictionary_free(&b->dictionary);
  if (b->lock >= 0) close(b->lock);
  pthread_mutex_destroy(&b->control_lock);
  sodium_memzero(b, sizeof *b);
  kit_free(b);
}
