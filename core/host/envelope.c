/* The envelope of a model's state, so that nothing of it reaches a plugin before it is known whole and meant for it. Layout:
 *   "KAIROSM" and format 1 · SHA-256 of everything after it · then packed (kit/str.h): plugin id, plugin version, state version,
 *   fields (name, type, width, unit of all inputs and outputs), metrics (a JSON object), body
 * The schema's digest is the SHA-256 of the fields, so the two cannot disagree. Promises to refuse a file that is cut off, changed in one
 * bit, longer than it says, or not packed in the one shortest way, each with its sentence. Does not read the body. Any thread. */
#include "envelope.h"
#include "kit/hash.h"
#include "kit/json.h"
#include <string.h>

static const char magic[8] = {'K', 'A', 'I', 'R', 'O', 'S', 'M', 1};
#define ENVELOPE_HEAD (sizeof magic + HASH_SHA256)

static void pack_inside(const struct envelope *from, struct buf *out) {
  pack_str(out, from->plugin);
  pack_str(out, from->version);
  pack_u64(out, from->state_version);
  pack_str(out, from->fields);
  pack_str(out, from->metrics);
  pack_str(out, from->body);
}

bool envelope_write(const struct envelope *from, struct buf *out) {
  unsigned char digest[HASH_SHA256] = {0};
  const size_t start = out->len;
  buf_put(out, magic, sizeof magic);
  buf_put(out, digest, sizeof digest);
  pack_inside(from, out);
  if (out->failed) return false;
  hash_sha256((struct str){out->at + start + ENVELOPE_HEAD, out->len - start - ENVELOPE_HEAD}, digest);
  memcpy(out->at + start + sizeof magic, digest, sizeof digest);
  return true;
}

static bool check_head(struct str bytes, struct err *e) {
  if (bytes.len > ENVELOPE_MOST) return err_set(e, ERR_INPUT, "model state: %zu bytes, expected at most %zu", bytes.len, ENVELOPE_MOST);
  if (bytes.len < sizeof magic || memcmp(bytes.at, magic, sizeof magic - 1) != 0)
    return err_set(e, ERR_INPUT, "model state: expected a file of `kairos train` (it begins with KAIROSM), got %zu other bytes", bytes.len);
  if (bytes.at[7] != magic[7])
    return err_set(e, ERR_INPUT, "model state: its format is %d, this engine reads %d", (unsigned char)bytes.at[7], magic[7]);
  if (bytes.len < ENVELOPE_HEAD) return err_set(e, ERR_INPUT, "model state: it is cut off after %zu bytes, inside its head", bytes.len);
  unsigned char digest[HASH_SHA256];
  hash_sha256((struct str){bytes.at + ENVELOPE_HEAD, bytes.len - ENVELOPE_HEAD}, digest);
  if (memcmp(digest, bytes.at + sizeof magic, sizeof digest) != 0)
    return err_set(e, ERR_INPUT, "model state: its %zu bytes do not have the SHA-256 they are stored with: cut off or changed", bytes.len);
  return true;
}

static bool check_json(struct str metrics, struct err *e) {
  if (metrics.len > ENVELOPE_METRICS)
    return err_set(e, ERR_INPUT, "model state: %zu bytes of metrics, expected at most %d", metrics.len, ENVELOPE_METRICS);
  struct arena a = {0};
  struct json j;
  bool fine = json_parse(&j, &a, metrics, &json_limits_default, e);
  if (!fine) err_wrap(e, "model state: its metrics");
  else if (json_type(&j, 0) != JSON_OBJECT) fine = err_set(e, ERR_INPUT, "model state: its metrics: expected a JSON object");
  arena_free(&a);
  return fine;
}

bool envelope_read(struct str bytes, struct envelope *out, struct err *e) {
  *out = (struct envelope){0};
  if (!check_head(bytes, e)) return false;
  const struct str inside = {bytes.at + ENVELOPE_HEAD, bytes.len - ENVELOPE_HEAD};
  struct unpack u = unpack_from(inside);
  out->plugin = unpack_str(&u);
  out->version = unpack_str(&u);
  const uint64_t version = unpack_u64(&u);
  out->fields = unpack_str(&u);
  out->metrics = unpack_str(&u);
  out->body = unpack_str(&u);
  if (u.failed || u.at != u.end || version > UINT32_MAX) return err_set(e, ERR_INPUT, "model state: its parts do not add up to its length");
  out->state_version = (uint32_t)version;
  hash_sha256(out->fields, out->schema);
  if (out->plugin.len == 0 || out->plugin.len > 128 || !str_utf8(out->plugin) || out->version.len > 64 || !str_utf8(out->version))
    return err_set(e, ERR_INPUT, "model state: expected a plugin's id and version in it");
  return check_json(out->metrics, e);
}
