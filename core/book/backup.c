/* Backup and restore. A backup is a data directory without the master key: ciphertext without the key to it. Promises that a backup is
 * checked and counted before it is called good and is no data directory before it is whole (its layout comes last); that a restore replays
 * every erasure that the backup, the directory restored into or a newer list that is named knows of, and revokes the keys that those know
 * as revoked, before the layout makes it a data directory; that it changes nothing else, but for the fact that its caller has to say; and
 * that a restored directory has an origin of its own, because it counts its decisions again from where the backup was and must not send
 * something else under an id that was sent before. Of what happened after the backup it knows from such a list only. Called by tools. */
#include "copy.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "sql.h"
#include "volume.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGING "restoring" /* in the directory that is restored into */

static const char *const volume_tables[] = {"journal", "users", "decisions", "outbox", NULL};
static const char *const control_tables[] = {"facts", "keys", "erasures", NULL};

static bool must_be_empty(const char *directory, const char *allowed, struct err *e) {
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  bool done = file_make_directory(directory, 0700, e) && file_list(directory, &a, &entries, &count, e);
  for (size_t i = 0; done && i < count; i++)
    if (!allowed || strncmp(entries[i].name, allowed, strlen(allowed)) != 0)
      done = err_set(e, ERR_CONFLICT, "%s is not empty: it holds %s", directory, entries[i].name);
  arena_free(&a);
  return done;
}

/* Volumes first, control.db after them: an erasure in between is then known to the copy. */
static bool copy_files(const char *from, const struct layout *l, const char *to, struct err *e) {
  char source[BOOK_PATH], target[BOOK_PATH], name[64];
  for (uint32_t n = 0; n < l->volumes; n++) {
    book_volume_name(l, n, name);
    book_file(from, name, source);
    book_file(to, name, target);
    if (file_exists(source) && !copy_database(source, target, volume_tables, e)) return false;
  }
  book_file(from, "control.db", source);
  book_file(to, "control.db", target);
  if (file_exists(source) && !copy_database(source, target, control_tables, e)) return false;
  return copy_store(from, to, e) && whole_store(to, l, NULL, e);
}

/* What was copied of a backup that failed is of no use: it fills the disk that may be why, and would be in the way of the next try. */
static void empty_again(const char *directory) {
  char path[BOOK_PATH];
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  const bool read = file_list(directory, &a, &entries, &count, NULL);
  for (size_t i = 0; read && i < count; i++) {
    book_file(directory, entries[i].name, path);
    file_remove_tree(path, NULL);
  }
  arena_free(&a);
}

bool book_backup(const char *directory, const char *target, struct err *e) {
  struct layout l;
  if (!layout_read(directory, &l, e) || !whole_directory(directory, &l, e) || !must_be_empty(target, NULL, e)) return false;
  if (copy_files(directory, &l, target, e) && layout_write(target, &l, e)) return true;
  empty_again(target);
  return err_wrap(e, "backup to %s", target);
}

/* ---- restore ---- */

struct erasures {
  struct erasure *list;
  size_t count, cap;
  struct buf revoked; /* names of keys, each with its NUL */
  bool failed;
};

static bool erasures_add(void *context, const struct erasure *erasure) {
  struct erasures *all = context;
  if (all->count == all->cap) {
    const size_t cap = all->cap ? all->cap * 2 : 64;
    struct erasure *grown = kit_realloc(all->list, cap * sizeof *grown);
    all->failed = !grown;
    if (!grown) return false;
    all->list = grown;
    all->cap = cap;
  }
  all->list[all->count++] = *erasure;
  return true;
}

static bool revoked_add(struct book *bare, struct erasures *all, struct err *e) {
  struct arena a = {0};
  struct api_key *keys;
  size_t count = 0;
  const bool done = control_keys(bare, &a, &keys, &count, e);
  for (size_t i = 0; done && i < count; i++)
    if (keys[i].revoked) buf_put(&all->revoked, keys[i].name, strlen(keys[i].name) + 1);
  all->failed |= all->revoked.failed;
  arena_free(&a);
  return done;
}

/* The erasures in a control.db that lies in `directory` without being a data directory yet. Its log is brought into it first: the restored
 * control.db takes its place under the same name, and a log left behind would be taken for the new one's. */
static bool erasures_read(const char *directory, struct erasures *all, struct err *e) {
  char path[BOOK_PATH];
  struct book bare = {0};
  book_file(directory, "control.db", path);
  if (!file_exists(path)) return true;
  bare.control = sql_open(path, SQL_WRITER, e);
  if (!bare.control) return false;
  const bool done = sql_exec(bare.control, "PRAGMA wal_checkpoint(TRUNCATE)", e) && control_erasures(&bare, erasures_add, all, e) &&
                    revoked_add(&bare, all, e);
  sql_close(&bare.control);
  return done && (!all->failed || err_set(e, ERR_STORAGE, "memory for the erasures is missing"));
}

/* The erasures that a data directory, a backup or a control.db elsewhere knows of; nothing of it is changed. */
static bool erasures_of(const char *from, const struct layout *l, struct erasures *all, struct err *e) {
  char path[BOOK_PATH];
  struct layout other;
  struct book bare = {0};
  if (strlen(from) + sizeof "/control.db" > sizeof path) return err_set(e, ERR_INPUT, "the path %s is too long", from);
  book_file(from, "layout", path);
  if (file_exists(path)) {
    if (!layout_read(from, &other, e)) return false;
    if (memcmp(other.key_check, l->key_check, sizeof other.key_check) != 0)
      return err_set(e, ERR_CONFLICT, "%s has another master key than the backup: it knows nothing of its people", from);
  }
  book_file(from, "control.db", path);
  if (!file_exists(path)) snprintf(path, sizeof path, "%s", from);
  struct stat about;
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode))
    return err_set(e, ERR_MISSING, "%s: expected a data directory, a backup or a control.db, which say who was erased", from);
  if (!(bare.control = sql_open(path, SQL_READER, e))) return false;
  const bool done = control_erasures(&bare, erasures_add, all, e) && revoked_add(&bare, all, e);
  sql_close(&bare.control);
  if (!done) return err_wrap(e, "reading who was erased from %s", from);
  return !all->failed || err_set(e, ERR_STORAGE, "memory for the erasures is missing");
}

static bool erase_again(struct book *b, const struct erasures *all, struct err *e) {
  for (size_t i = 0; i < all->count; i++)
    if (!control_add_erasure(b, &all->list[i], e)) return false;
  for (uint32_t n = 0; n < b->layout.volumes; n++) {
    struct volume *v = volume_open_raw(b, n, e);
    if (!v) return false;
    bool done = true;
    for (size_t i = 0; done && i < all->count; i++) done = erase_by_mark(v, &all->list[i], e);
    volume_close(v);
    if (!done) return false;
  }
  return true;
}

/* Keys that the newer list knows as revoked, by name: a name is given once. */
static bool revoke_again(struct book *b, struct str names, struct err *e) {
  for (size_t at = 0; at < names.len; at += strlen(names.at + at) + 1) {
    struct err why = {0};
    if (control_revoke_key(b, names.at + at, &why) || why.kind == ERR_MISSING) continue;
    *e = why;
    return false;
  }
  return true;
}

static bool say_first(struct book *b, const struct control_fact *f, struct err *e) {
  return !f || control_append(b, f->author, f->kind, f->name, f->body, NULL, e);
}

#define PUBLISHING "publishing" /* in the staging folder: its files are on their way out */

static bool is_control(const char *name) {
  return strncmp(name, "control.db", strlen("control.db")) == 0;
}

/* Who was cut short on the way out had found nothing but a control.db there: what else is there by now is their own. The control.db says
 * at least as much as the one that it may have replaced. */
static bool take_back(const char *staging, const char *directory, struct err *e) {
  struct arena a = {0};
  struct file_entry *entries;
  size_t count = 0;
  char path[BOOK_PATH], whole[BOOK_PATH];
  book_file(staging, PUBLISHING, path);
  book_file(directory, "layout", whole);
  const bool cut = file_exists(path) && !file_exists(whole);
  bool done = !cut || file_list(directory, &a, &entries, &count, e);
  for (size_t i = 0; done && i < count; i++) {
    if (is_control(entries[i].name) || strcmp(entries[i].name, STAGING) == 0) continue;
    book_file(directory, entries[i].name, path);
    done = file_remove_tree(path, e);
  }
  arena_free(&a);
  return done;
}

/* Moves the staged files to their place; the layout, which makes it a data directory, last. */
static bool publish(const char *staging, const char *directory, const struct layout *l, struct err *e) {
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  char from[BOOK_PATH], to[BOOK_PATH];
  book_file(staging, PUBLISHING, from);
  bool done = file_list(staging, &a, &entries, &count, e) && file_write_atomic(from, (struct str){0}, 0600, e);
  for (size_t i = 0; done && i < count; i++) {
    if (strcmp(entries[i].name, "layout") == 0) continue;
    book_file(staging, entries[i].name, from);
    book_file(directory, entries[i].name, to);
    if (rename(from, to) != 0) done = err_set(e, ERR_STORAGE, "%s cannot be moved to %s", from, to);
  }
  arena_free(&a);
  return done && layout_write(directory, l, e) && file_remove_tree(staging, e);
}

static bool restore_into(const char *backup, const char *staging, const struct layout *l, const unsigned char master[SEAL_KEY],
                         struct erasures *all, const struct control_fact *first, struct err *e) {
  char path[BOOK_PATH];
  book_file(staging, "master.key", path);
  if (!file_write_atomic(path, (struct str){(const char *)master, SEAL_KEY}, 0600, e)) return false;
  if (!copy_files(backup, l, staging, e) || !origin_draw(staging, e) || !layout_write(staging, l, e)) return false;
  if (!erasures_read(staging, all, e)) return false; /* the backup's own, made while it was copied */
  const int lock = directory_lock(staging, e);
  struct book *b = lock < 0 ? NULL : book_open_with(staging, lock, master, e);
  const bool done =
      b && erase_again(b, all, e) && revoke_again(b, buf_view(&all->revoked), e) && control_doubt_merges(b, e) && say_first(b, first, e);
  book_close(b);
  return done;
}

bool book_restore(const char *backup, const char *directory, const char *master_key_file, struct restore *r, struct err *e) {
  char staging[BOOK_PATH], left[BOOK_PATH];
  unsigned char master[SEAL_KEY];
  struct layout l;
  struct erasures all = {0};
  if (sodium_init() < 0) return err_set(e, ERR_INTERNAL, "libsodium does not start");
  if (!layout_read(backup, &l, e) || !whole_directory(backup, &l, e) || !master_key_read(master_key_file, master, e)) return false;
  unsigned char check[16];
  master_key_check(master, check);
  bool done = sodium_memcmp(check, l.key_check, sizeof check) == 0 ||
              err_set(e, ERR_DENIED, "%s is not the master key that %s was made with", master_key_file, backup);
  book_file(directory, STAGING, staging);
  book_file(directory, "control.db", left);
  r->listed =
      r->erased_by || (file_exists(left) && !file_exists(staging)); /* or it may be the one that a restore cut short has put there */
  /* A restore that was cut short is begun anew; a control.db put there says who was erased since the backup. */
  done = done && take_back(staging, directory, e) && (!file_exists(staging) || file_remove_tree(staging, e)) &&
         must_be_empty(directory, "control.db", e);
  done = done && erasures_read(directory, &all, e) && (!r->erased_by || erasures_of(r->erased_by, &l, &all, e));
  done = done && file_make_directory(staging, 0700, e);
  done = done && restore_into(backup, staging, &l, master, &all, r->first, e) && publish(staging, directory, &l, e);
  sodium_memzero(master, sizeof master);
  kit_free(all.list);
  buf_free(&all.revoked);
  return done || err_wrap(e, "restoring %s", backup);
}
