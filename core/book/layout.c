/* The file `layout`: a few words a line, written whole and atomically. Promises that a layout of a newer format, or one that a hand has
 * damaged, is refused with a sentence that names the line. Does not open what it names. Called when a directory is created, opened, moved
 * or restored. */
#include "directory.h"
#include "kit/file.h"
#include <stdio.h>
#include <string.h>

#define LAYOUT_MOST ((size_t)64 << 10)

void layout_spread(struct layout *l, uint32_t volumes) {
  l->volumes = volumes;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) l->volume_of[p] = (uint8_t)(p * volumes / BOOK_PARTITIONS);
}

static void put_hex(struct buf *out, const char *name, const unsigned char *bytes, size_t n) {
  char hex[2 * SEAL_KEY + 1];
  hash_hex(bytes, n, hex);
  buf_printf(out, "%s %s\n", name, hex);
}

bool layout_write(const char *directory, const struct layout *l, struct err *e) {
  char path[BOOK_PATH];
  book_file(directory, "layout", path);
  struct buf out = {0};
  buf_printf(&out, "kairos-layout %u\ngeneration %u\nvolumes %u\n", l->format, l->generation, l->volumes);
  put_hex(&out, "secret", l->secret, sizeof l->secret);
  put_hex(&out, "key-check", l->key_check, sizeof l->key_check);
  put_hex(&out, "dictionary", l->dictionary, sizeof l->dictionary);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) buf_printf(&out, "partition %u %u\n", p, l->volume_of[p]);
  const bool done = !out.failed && file_write_atomic(path, buf_view(&out), 0600, e);
  if (out.failed) err_set(e, ERR_STORAGE, "memory for writing the layout is missing");
  buf_free(&out);
  return done;
}

static bool number_in(struct str word, int64_t low, int64_t high, uint32_t *out) {
  int64_t value;
  if (!str_to_int(word, &value) || value < low || value > high) return false;
  *out = (uint32_t)value;
  return true;
}

/* One line after the first; the bit of what it said, 0 when it is wrong. */
static uint64_t read_line(struct str line, struct layout *l) {
  struct str name, first, second;
  struct str rest = line;
  uint32_t p, v;
  if (!str_split(&rest, ' ', &name) || !str_split(&rest, ' ', &first)) return 0;
  const bool more = str_split(&rest, ' ', &second);
  if (str_is(name, "partition"))
    return more && number_in(first, 0, BOOK_PARTITIONS - 1, &p) && number_in(second, 0, BOOK_VOLUMES_MOST - 1, &v)
               ? (l->volume_of[p] = (uint8_t)v, UINT64_C(1) << p)
               : 0;
  if (more) return 0;
  if (str_is(name, "generation")) return number_in(first, 0, INT32_MAX, &l->generation) ? UINT64_C(1) << 16 : 0;
  if (str_is(name, "volumes")) return number_in(first, 1, BOOK_VOLUMES_MOST, &l->volumes) ? UINT64_C(1) << 17 : 0;
  if (str_is(name, "secret")) return hash_unhex(first, l->secret, sizeof l->secret) ? UINT64_C(1) << 18 : 0;
  if (str_is(name, "key-check")) return hash_unhex(first, l->key_check, sizeof l->key_check) ? UINT64_C(1) << 19 : 0;
  if (str_is(name, "dictionary")) return hash_unhex(first, l->dictionary, sizeof l->dictionary) ? UINT64_C(1) << 20 : 0;
  return 0;
}

static bool layout_parse(struct str text, const char *path, struct layout *out, struct err *e) {
  struct str line, word, number;
  uint64_t said = 0;
  *out = (struct layout){0};
  if (!str_split(&text, '\n', &line) || !str_split(&line, ' ', &word) || !str_is(word, "kairos-layout") ||
      !str_split(&line, ' ', &number) || !number_in(number, 1, INT32_MAX, &out->format))
    return err_set(e, ERR_INPUT, "%s: expected \"kairos-layout\" and a format number in its first line", path);
  if (out->format > BOOK_FORMAT)
    return err_set(e, ERR_CONFLICT, "%s has format %u; this engine reads up to %d: it was written by a newer engine", path, out->format,
                   BOOK_FORMAT);
  for (unsigned n = 2; str_split(&text, '\n', &line); n++) {
    if (!line.len) continue;
    const uint64_t bit = read_line(line, out);
    if (!bit || (said & bit)) return err_set(e, ERR_INPUT, "%s: line %u says nothing that a layout says, or says it twice", path, n);
    said |= bit;
  }
  if (said != (UINT64_C(1) << 21) - 1) return err_set(e, ERR_INPUT, "%s is not whole: lines are missing at its end", path);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    if (out->volume_of[p] >= out->volumes)
      return err_set(e, ERR_INPUT, "%s: partition %u lies in volume %u, but there are %u", path, p, out->volume_of[p], out->volumes);
  return true;
}

bool layout_read(const char *directory, struct layout *out, struct err *e) {
  char path[BOOK_PATH];
  book_file(directory, "layout", path);
  struct buf text = {0};
  bool done = file_read(path, &text, LAYOUT_MOST, e);
  if (!done && e && e->kind == ERR_MISSING) err_set(e, ERR_MISSING, "%s is no data directory: it holds no file \"layout\"", directory);
  done = done && layout_parse(buf_view(&text), path, out, e);
  buf_free(&text);
  return done;
}
