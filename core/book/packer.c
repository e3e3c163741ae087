/* Packing bodies with LZ4 and a shared dictionary: a 570-byte event costs a third of that on disk. Promises that what was packed unpacks to
 * the same bytes under the same dictionary and that damaged bytes are refused, never read beyond a bound. Does not train (dictionary.c).
 * Called by volumes and readers, each packer on one thread.
 *
 * A packed piece is the tag, the length of what it unpacks to, and one LZ4 block. Engines before wrote zstd frames, which begin with
 * another byte: those are read as they are. zstd at its fastest packs no better than LZ4 here and costs an event more
 * (docs/MEASUREMENTS.md). */
#include "packer.h"
#include "kit/arena.h"
#include <string.h>

#define TAG 'L' /* a zstd frame begins with 0x28 */

bool dictionary_load(struct dictionary *d, struct str bytes, struct err *e) {
  *d = (struct dictionary){.pack = kit_alloc(sizeof *d->pack), .unpack = ZSTD_createDDict(bytes.at, bytes.len)};
  buf_str(&d->bytes, bytes);
  if (d->pack && d->unpack && !d->bytes.failed && bytes.len <= PACKED_MOST) {
    LZ4_initStream(d->pack, sizeof *d->pack);
    LZ4_loadDict(d->pack, d->bytes.at, (int)d->bytes.len);
    return true;
  }
  dictionary_free(d);
  return err_set(e, ERR_STORAGE, "no memory for the packing dictionary of %zu bytes, or it is none", bytes.len);
}

void dictionary_free(struct dictionary *d) {
  kit_free(d->pack);
  ZSTD_freeDDict(d->unpack);
  buf_free(&d->bytes);
  *d = (struct dictionary){0};
}

bool packer_init(struct packer *p, const struct dictionary *d, struct err *e) {
  *p = (struct packer){.dictionary = d, .pack = kit_alloc(sizeof *p->pack), .unpack = ZSTD_createDCtx()};
  if (p->pack && p->unpack) {
    LZ4_initStream(p->pack, sizeof *p->pack);
    return true;
  }
  packer_free(p);
  return err_set(e, ERR_STORAGE, "memory for packing is missing");
}

void packer_free(struct packer *p) {
  kit_free(p->pack);
  ZSTD_freeDCtx(p->unpack);
  *p = (struct packer){0};
}

bool packer_pack(struct packer *p, struct str plain, struct buf *out) {
  if (plain.len > PACKED_MOST) return false;
  const int most = LZ4_compressBound((int)plain.len);
  buf_char(out, TAG);
  pack_u64(out, plain.len);
  buf_reserve(out, (size_t)most);
  if (out->failed) return false;
  /* The seal is the checksum, and the directory names the dictionary: neither is repeated in every piece. */
  LZ4_resetStream_fast(p->pack);
  LZ4_attach_dictionary(p->pack, p->dictionary->pack);
  const int written = LZ4_compress_fast_continue(p->pack, plain.at, out->at + out->len, (int)plain.len, most, 1);
  if (written > 0) {
    out->len += (size_t)written;
    return true;
  }
  LZ4_initStream(p->pack, sizeof *p->pack); /* what failed once must not be gone on with */
  return false;
}

static bool unpack_block(const struct packer *p, struct str packed, struct buf *out) {
  struct unpack in = unpack_from((struct str){packed.at + 1, packed.len - 1});
  const uint64_t size = unpack_u64(&in);
  const size_t length = (size_t)(in.end - in.at);
  if (in.failed || size > PACKED_MOST || length > (size_t)LZ4_compressBound((int)PACKED_MOST)) return false;
  buf_reserve(out, (size_t)size + 1);
  if (out->failed) return false;
  const struct buf *d = &p->dictionary->bytes;
  const int got = LZ4_decompress_safe_usingDict((const char *)in.at, out->at + out->len, (int)length, (int)size, d->at, (int)d->len);
  if (got < 0 || (uint64_t)got != size) return false;
  out->len += (size_t)got;
  return true;
}

static bool unpack_frame(struct packer *p, struct str packed, struct buf *out) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.at, packed.len);
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > PACKED_MOST) return false;
  buf_reserve(out, (size_t)size + 1);
  if (out->failed) return false;
  const size_t got = ZSTD_decompress_usingDDict(p->unpack, out->at + out->len, (size_t)size, packed.at, packed.len, p->dictionary->unpack);
  if (ZSTD_isError(got) || got != size) return false;
  out->len += got;
  return true;
}

bool packer_unpack(struct packer *p, struct str packed, struct buf *out) {
  if (!packed.len) return false;
  return packed.at[0] == TAG ? unpack_block(p, packed, out) : unpack_frame(p, packed, out);
}
