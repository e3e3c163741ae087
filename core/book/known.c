/* How far each journal had come when an engine last began or ended here: `rows.json`, beside the volumes. A copy of a volume that was put
 * in the place of a newer one is whole in itself and says nothing of what it lacks; this says it. Promises that nothing is known, rather
 * than something false, where the file is missing, of another directory (a restore counts anew) or does not read, and that what is known
 * never runs ahead of what is durable, as long as whoever calls keeps to that. Called at a start and at an end, before and after the lanes,
 * and by the doctor. */
#include "directory.h"
#include "kit/file.h"
#include "kit/json.h"
#include <string.h>

#define KNOWN_FILE "rows.json"
#define KNOWN_MOST 65536

void book_rows_known(const struct book *b, int64_t rows[BOOK_VOLUMES_MOST]) {
  struct arena a = {0};
  struct buf text = {0};
  struct json j;
  char path[BOOK_PATH], name[64];
  int64_t origin;
  memset(rows, 0, BOOK_VOLUMES_MOST * sizeof *rows);
  book_file(b->directory, KNOWN_FILE, path);
  bool known = file_read(path, &text, KNOWN_MOST, NULL) && json_parse(&j, &a, buf_view(&text), &json_limits_default, NULL);
  known = known && json_int(&j, json_get(&j, 0, "origin"), &origin) && origin == (int64_t)(b->origin >> 1);
  for (uint32_t n = 0; known && n < b->layout.volumes; n++) {
    book_volume_name(&b->layout, n, name);
    if (!json_int(&j, json_get(&j, 0, name), &rows[n]) || rows[n] < 0) rows[n] = 0;
  }
  buf_free(&text);
  arena_free(&a);
}

bool book_rows_keep(const struct book *b, const int64_t rows[BOOK_VOLUMES_MOST], struct err *e) {
  struct buf text = {0};
  struct json_writer w = json_to(&text);
  char path[BOOK_PATH], name[64];
  book_file(b->directory, KNOWN_FILE, path);
  json_open_object(&w);
  json_pair_int(&w, "origin", (int64_t)(b->origin >> 1)); /* an integer of JSON has a sign */
  for (uint32_t n = 0; n < b->layout.volumes; n++) {
    book_volume_name(&b->layout, n, name);
    json_pair_int(&w, name, rows[n]);
  }
  json_close_object(&w);
  buf_char(&text, '\n');
  const bool done = !text.failed ? file_write_atomic(path, buf_view(&text), 0600, e) : err_set(e, ERR_STORAGE, "no memory for %s", path);
  buf_free(&text);
  return done;
}
