/* The store: files named by the SHA-256 of their bytes. Promises that a name is there only with its whole bytes behind it, that a get
 * verifies them, and that putting twice is putting once. Never deletes. Called by any thread. */
#include "directory.h"
#include "kit/arena.h"
#include "kit/file.h"
#include <stdio.h>
#include <string.h>

#define STORE_MOST ((size_t)1 << 30)

bool store_path(struct book *b, const unsigned char sha256[32], char *path, size_t size) {
  char hex[65];
  hash_hex(sha256, 32, hex);
  const int length = snprintf(path, size, "%s/store/%s", b->directory, hex);
  return length > 0 && (size_t)length < size;
}

bool store_put(struct book *b, struct str bytes, unsigned char sha256[32], struct err *e) {
  char path[BOOK_PATH];
  hash_sha256(bytes, sha256);
  must(store_path(b, sha256, path, sizeof path));
  return file_exists(path) || file_write_atomic(path, bytes, 0400, e);
}

bool store_put_several(struct book *b, const struct str *texts, size_t count, struct err *e) {
  unsigned char sha256[32];
  struct arena a = {0};
  char path[BOOK_PATH];
  struct file_new *files = ARENA_ARRAY(&a, struct file_new, count + 1);
  size_t fresh = 0;
  bool ok = files || err_set(e, ERR_INTERNAL, "no memory for the store");
  for (size_t i = 0; ok && i < count; i++) {
    hash_sha256(texts[i], sha256);
    must(store_path(b, sha256, path, sizeof path));
    bool there = file_exists(path);
    for (size_t k = 0; !there && k < fresh; k++) there = strcmp(files[k].path, path) == 0; /* the same text twice */
    if (there) continue;
    files[fresh] = (struct file_new){arena_text(&a, path, strlen(path)), texts[i]};
    ok = files[fresh++].path || err_set(e, ERR_INTERNAL, "no memory for the store");
  }
  ok = ok && file_write_several(files, fresh, 0400, e);
  arena_free(&a);
  return ok;
}

bool store_keeps(const char *name, bool *plugin) {
  unsigned char sha256[32];
  const struct str all = str_from(name);
  *plugin = str_ends(all, ".so");
  return hash_unhex((struct str){all.at, all.len - (*plugin ? 3 : 0)}, sha256, sizeof sha256);
}

bool store_read(const char *store, const char *name, struct buf *out, struct err *e) {
  char path[BOOK_PATH + 80], hex[65];
  unsigned char found[32];
  snprintf(path, sizeof path, "%s/%s", store, name);
  if (!file_read(path, out, STORE_MOST, e)) return false;
  hash_sha256(buf_view(out), found);
  hash_hex(found, sizeof found, hex);
  return strncmp(hex, name, 64) == 0 || err_set(e, ERR_STORAGE, "%s is damaged: its bytes do not match its name", path);
}

bool store_get(struct book *b, const unsigned char sha256[32], struct buf *out, struct err *e) {
  char store[BOOK_PATH], hex[65];
  book_file(b->directory, "store", store);
  hash_hex(sha256, 32, hex);
  return store_read(store, hex, out, e);
}
