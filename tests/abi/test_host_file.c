/* rooms: host kit; inside: host */
/* Promise: whatever the bytes of a plugin's file are, reading them is safe and what is not a whole plugin is refused; the store's copy is
 * what runs, so that nothing done to the file afterwards can reach the engine. */
#include "abi.h"
#include "kit/hash.h"
#include "kit/rng.h"
#include "lint.h"
#include <fcntl.h>
#include <sys/stat.h>

static struct buf honest_bytes;

static int read_honest(void **state) {
  struct err e = {0};
  return store_make(state) || !file_read(rogue("honest"), &honest_bytes, PLUGIN_FILE_MOST, &e) ? -1 : 0;
}

static int drop_honest(void **state) {
  buf_free(&honest_bytes);
  return store_drop(state);
}

static const char *write_file(const char *name, struct str bytes) {
  static char path[128];
  struct err e = {0};
  snprintf(path, sizeof path, "%s/%s", store, name);
  assert_fine(file_write_atomic(path, bytes, 0600, &e), &e);
  return path;
}

static void other_files_are_refused(void **state) {
  (void)state;
  const struct {
    struct str bytes;
    const char *words;
  } files[] = {
      {STR("return { plugin = \"svr\" }\n"), "expected a shared object (ELF), got 26 bytes that begin with 'return { plugin '"},
      {STR(""), "expected a shared object (ELF), got 0 bytes"},
      {STR("\x7f"
           "ELF"),
       "cut off inside its ELF header"},
      {STR("!<arch>\n"), "begin with '!<arch>.'"},
  };
  struct plugin *p;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    struct err e = {0};
    assert_refused("file", plugin_open_unlisted(write_file("file.so", files[i].bytes), store, &p, &e), &e, files[i].words);
  }
  struct err e = {0};
  assert_refused("directory", plugin_open(store, store, &p, &e), &e, "is not a regular file");
  assert_refused("nothing", plugin_open("/nonexistent/svr.so", store, &p, &e), &e, "/nonexistent/svr.so");
  assert_int_equal(e.kind, ERR_MISSING);
  assert_refused("program", plugin_lint("/proc/self/exe", &e), &e, "it is a program, expected a shared object");
}

/* A file that is being copied is a prefix of itself: every prefix is refused, and says that it is cut off. */
static void every_prefix_is_refused(void **state) {
  (void)state;
  const size_t whole = honest_bytes.len;
  unsigned cut_off = 0, tried = 0;
  for (size_t length = 0; length < whole; length += length < 1024 || length + 256 > whole ? 1 : 97, tried++) {
    char *exact = malloc(length ? length : 1); /* a read beyond is seen by the sanitizer */
    assert_non_null(exact);
    memcpy(exact, honest_bytes.at, length);
    struct err e = {0};
    assert_false(lint_bytes("prefix", (struct str){exact, length}, &e));
    cut_off += strstr(e.text, "cut off") != NULL;
    free(exact);
  }
  assert_in_range(cut_off, tried - 4, tried);
  struct plugin *p;
  struct err e = {0};
  const char *half = write_file("half.so", (struct str){honest_bytes.at, whole / 2});
  assert_refused("half", plugin_open_unlisted(half, store, &p, &e), &e, "it is cut off");
}

/* Bytes changed anywhere: no crash, and a sentence whenever it is refused. */
static void changed_bytes_are_safe(void **state) {
  (void)state;
  struct rng chance = rng_from(7);
  unsigned refused = 0;
  for (int i = 0; i < 4000; i++) {
    char *bytes = malloc(honest_bytes.len);
    assert_non_null(bytes);
    memcpy(bytes, honest_bytes.at, honest_bytes.len);
    for (uint64_t n = 1 + rng_next(&chance) % 8; n > 0; n--) /* headers and the dynamic section are where it hurts */
      bytes[rng_next(&chance) % (n & 1 ? honest_bytes.len : 4096)] = (char)rng_next(&chance);
    struct err e = {0};
    if (!lint_bytes("changed", (struct str){bytes, honest_bytes.len}, &e)) {
      refused++;
      assert_true(e.text[0] != 0);
    }
    free(bytes);
  }
  assert_in_range(refused, 500, 4000);
}

/* Copying over, cutting and removing the opened file changes nothing for what runs. */
static void the_store_is_what_runs(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *first, *again;
  struct stat about;
  char path[128], stored[256], hex[65];
  snprintf(path, sizeof path, "%s", write_file("live.so", buf_view(&honest_bytes)));
  assert_fine(plugin_open_unlisted(path, store, &first, &e), &e);
  hash_hex(plugin_sha256(first), 32, hex);
  snprintf(stored, sizeof stored, "%s/%s.so", store, hex);
  assert_int_equal(stat(stored, &about), 0);
  assert_int_equal(about.st_mode & 07777, 0500);
  assert_fine(plugin_open_unlisted(path, store, &again, &e), &e);
  assert_ptr_equal(first, again); /* one library for one hash */

  assert_int_equal(truncate(path, 100), 0);
  assert_refused("cut", plugin_open_unlisted(path, store, &again, &e), &e, "cut off");
  assert_string_equal(plugin_id(first), "rogue");
  assert_int_equal(unlink(path), 0);
  const char *const inputs[] = {"x"};
  const struct model_spec spec = {.name = "m", .inputs = inputs, .input_count = 1, .config = STR("{}")};
  struct trained *m;
  assert_fine(model_create(first, &spec, &m, &e), &e);
  model_free(m);
}

static void a_changed_store_is_told(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p;
  struct buf bytes = {0};
  unsigned char sha256[32];
  char hex[65], stored[256];
  assert_fine(file_read(rogue("moody"), &bytes, PLUGIN_FILE_MOST, &e), &e);
  hash_sha256(buf_view(&bytes), sha256);
  buf_free(&bytes);
  hash_hex(sha256, 32, hex);
  snprintf(stored, sizeof stored, "%s/%s.so", store, hex);
  assert_fine(file_write_atomic(stored, STR("something else"), 0500, &e), &e);
  assert_refused("store", plugin_open_unlisted(rogue("moody"), store, &p, &e), &e, "the store's copy was changed");
  assert_int_equal(e.kind, ERR_STORAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_files_are_refused), cmocka_unit_test(every_prefix_is_refused), cmocka_unit_test(changed_bytes_are_safe),
      cmocka_unit_test(the_store_is_what_runs),  cmocka_unit_test(a_changed_store_is_told),
  };
  return cmocka_run_group_tests(tests, read_honest, drop_honest);
}
