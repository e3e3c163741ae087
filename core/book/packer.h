/* Packing: LZ4 with the directory's dictionary; what earlier engines packed with zstd is still read. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#define LZ4_STATIC_LINKING_ONLY /* LZ4_attach_dictionary: a stable name from 1.10 on, and in the static library before */
#include <lz4.h>
#include <zstd.h>

#define PACKED_MOST ((size_t)16 << 20) /* no packed piece is larger when unpacked */

/* Immutable, shared by all threads of a process. */
struct dictionary {
  struct buf bytes;
  LZ4_stream_t *pack; /* points into bytes */
  ZSTD_DDict *unpack;
};
bool dictionary_load(struct dictionary *d, struct str bytes, struct err *e);
void dictionary_free(struct dictionary *d);
/* Trains the dictionary for a new directory: the same bytes on every machine with the same zstd. */
bool dictionary_train(struct buf *out, struct err *e);

/* One thread's contexts. */
struct packer {
  const struct dictionary *dictionary;
  LZ4_stream_t *pack;
  ZSTD_DCtx *unpack;
};
bool packer_init(struct packer *p, const struct dictionary *d, struct err *e);
void packer_free(struct packer *p);
bool packer_pack(struct packer *p, struct str plain, struct buf *out);    /* appends; false when memory failed, or above PACKED_MOST */
bool packer_unpack(struct packer *p, struct str packed, struct buf *out); /* appends; false on damaged bytes or missing memory */
