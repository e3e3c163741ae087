/* show: a program's files as JSON: as they ran, out of the store, for whoever asks; and as an upload. Promises the bytes that the program
 * was built from, whatever lies in the directory by now; what is no text goes as base64. Builds nothing. Builder's thread and tools. */
#include "inside.h"
#include "kit/hash.h"
#include <sodium.h>

static void put_bytes(struct json_writer *w, struct str bytes) {
  const size_t room = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
  char *coded = kit_alloc(room);
  if (coded) sodium_bin2base64(coded, room, (const unsigned char *)bytes.at, bytes.len, sodium_base64_VARIANT_ORIGINAL);
  else w->b->failed = true;
  json_pair_text(w, "base64", coded);
  kit_free(coded);
}

static void put_source(struct json_writer *w, const struct source *s) {
  char hex[2 * HASH_SHA256 + 1];
  hash_hex(s->sha256, HASH_SHA256, hex);
  json_open_object(w);
  json_pair_text(w, "path", s->path);
  json_pair_int(w, "bytes", (int64_t)s->text.len);
  json_pair_text(w, "sha256", hex);
  if (str_utf8(s->text)) json_pair_str(w, "text", s->text);
  else put_bytes(w, s->text);
  json_close_object(w);
}

bool program_show(struct book *b, struct str digest, struct buf *out, struct err *e) {
  unsigned char sha256[HASH_SHA256];
  struct program p = {.findings.arena = &p.arena};
  bool ok = hash_unhex(digest, sha256, HASH_SHA256) || err_set(e, ERR_INPUT, "expected a program's digest, 64 hex digits");
  ok = ok && sources_from_store(&p, b, sha256, e);
  struct json_writer w = json_to(out);
  if (ok) json_open_array(&w);
  for (size_t i = 0; ok && i < p.source_count; i++) put_source(&w, &p.sources[i]);
  if (ok) json_close_array(&w);
  arena_free(&p.arena);
  return ok && (!out->failed || err_set(e, ERR_BUSY, "no memory to show a program"));
}

/* Reads a directory; what cannot be read is an error. */
static bool read_all(struct program *p, const char *directory, struct err *e) {
  if (!sources_from_directory(p, directory, e)) return false;
  if (p->findings.errors == 0) return true;
  return err_set(e, ERR_INPUT, "%s/%s: %s", directory, p->findings.at[0].file, p->findings.at[0].text);
}

bool program_list(const char *directory, struct buf *out, struct err *e) {
  struct program p = {.findings.arena = &p.arena};
  bool ok = read_all(&p, directory, e);
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_key(&w, "sources");
  json_open_array(&w);
  for (size_t i = 0; ok && i < p.source_count; i++) put_source(&w, &p.sources[i]);
  json_close_array(&w);
  json_close_object(&w);
  arena_free(&p.arena);
  return ok && (!out->failed || err_set(e, ERR_BUSY, "no memory to show a program"));
}

bool program_upload(const char *directory, struct buf *out, struct err *e) {
  struct program p = {.findings.arena = &p.arena};
  bool ok = read_all(&p, directory, e);
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_key(&w, "files");
  json_open_object(&w);
  for (size_t i = 0; ok && i < p.source_count; i++) {
    const struct source *s = &p.sources[i];
    json_key(&w, s->path);
    if (str_utf8(s->text)) {
      json_put_str(&w, s->text);
      continue;
    }
    json_open_object(&w);
    put_bytes(&w, s->text);
    json_close_object(&w);
  }
  json_close_object(&w);
  json_close_object(&w);
  arena_free(&p.arena);
  return ok && (!out->failed || err_set(e, ERR_BUSY, "no memory for a program's files"));
}
