/* Packing: zstd with the directory's dictionary. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <zstd.h>

#define PACKED_MOST ((size_t)16 << 20) /* no packed piece is larger when unpacked */

/* Immutable, shared by all threads of a process. */
struct dictionary {
  ZSTD_CDict *pack;
  ZSTD_DDict *unpack;
};
bool dictionary_load(struct dictionary *d, struct str bytes, struct err *e);
void dictionary_free(struct dictionary *d);
/* Trains the dictionary for a new directory: the same bytes on every machine with the same zstd. */
bool dictionary_train(struct buf *out, struct err *e);

/* One thread's contexts. */
struct packer {
  const struct dictionary *dictionary;
  ZSTD_CCtx *pack;
  ZSTD_DCtx *unpack;
};
bool packer_init(struct packer *p, const struct dictionary *d, struct err *e);
void packer_free(struct packer *p);
bool packer_pack(struct packer *p, struct str plain, struct buf *out);    /* appends; false when memory failed */
bool packer_unpack(struct packer *p, struct str packed, struct buf *out); /* appends; false on damaged bytes or missing memory */
