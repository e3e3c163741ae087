/* Sealing: XChaCha20-Poly1305 with a key a user, and the keys that come from the master key. */
#pragma once
#include "kit/err.h"
#include "kit/hash.h"
#include "kit/str.h"
#include <stdint.h>

#define SEAL_KEY   32
#define SEAL_NONCE 24
#define SEAL_TAG   16

/* Nonces: 16 random bytes drawn once, then a counter. A sealer belongs to one thread; two never share a prefix. */
struct sealer {
  unsigned char prefix[16];
  uint64_t counter;
};
void sealer_init(struct sealer *s);

/* What a sealed piece is bound to: moving it to another user, kind or place in the chain makes it unreadable. Row and user numbers are not
 * part of it, since a move to another file changes them. */
struct seal_place {
  char what; /* 'j' journal row, 'd' decision, 'o' outbox, 'l' its log, 's' state, 'm' merge, 'i' id, 'k' wrapped key, 'c' control fact */
  uint8_t kind;   /* of the journal row */
  uint64_t count; /* of the row in its chain, or the decision's id */
  struct hash_128 digest;
};
/* What may be remembered of a key from piece to piece, of no other key; NULL in what follows: nothing is. */
struct seal_cache;
/* Appends nonce, ciphertext and tag. False only when memory failed. */
bool seal(struct sealer *s, const unsigned char key[SEAL_KEY], struct seal_cache *cache, const struct seal_place *place, struct str plain,
          struct buf *out);
/* Appends the plain bytes; false when it was not sealed with this key for this place, or memory failed. */
bool unseal(const unsigned char key[SEAL_KEY], struct seal_cache *cache, const struct seal_place *place, struct str sealed,
            struct buf *out);
/* A key for one purpose from another key. */
void seal_derive(const unsigned char key[SEAL_KEY], const char *purpose, unsigned char out[SEAL_KEY]);
/* A key of both, of which neither alone says anything. */
void seal_join(const unsigned char key[SEAL_KEY], const unsigned char other[SEAL_KEY], unsigned char out[SEAL_KEY]);
struct hash_128 seal_digest(const unsigned char secret[SEAL_KEY], struct str text);
/* For tables in memory: a tenth of the time, and still nobody without the secret can make two texts meet (SipHash-2-4). */
uint64_t seal_short_digest(const unsigned char secret[SEAL_KEY], struct str text);
