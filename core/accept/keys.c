/* Who is asking: keys are known by their SHA-256 alone. Promises that the comparison takes as long for a wrong key as for a right one, over
 * all keys, whatever their order, and that a key that was taken away is unknown from the next request on, for nothing is remembered of a
 * connection's earlier ones; and of a request that was begun with it the handler sees nothing if it was taken away before the body was
 * whole. Called on the loop thread. */
#include "decode.h"
#include "door.h"
#include "kit/hash.h"
#include <string.h>
#include <strings.h>

bool keys_set(struct door *d, const struct door_key *keys, size_t count) {
  struct key *copy = count ? kit_alloc(count * sizeof *copy) : NULL;
  if (count && !copy) return false;
  for (size_t i = 0; i < count; i++) {
    memset(&copy[i], 0, sizeof copy[i]);
    memcpy(copy[i].sha256, keys[i].sha256, sizeof copy[i].sha256);
    copy[i].scopes = keys[i].scopes;
    const struct str name = str_from(keys[i].name);
    memcpy(copy[i].name, name.at, name.len < sizeof copy[i].name ? name.len : sizeof copy[i].name - 1);
  }
  d->keyless = d->loop ? d->keyless && count == 0 : count == 0; /* taking the last key away does not throw the door open */
  kit_free(d->keys);
  d->keys = copy;
  d->key_count = count;
  d->keys_told++;
  return true;
}

/* The key out of `Bearer KEY`, `Basic base64(KEY:…)` or X-Api-Key. */
static struct str key_sent(struct str authorization, struct str head, struct arena *a) {
  if (!authorization.at) return http_head_find(head, "x-api-key");
  if (authorization.len > 7 && strncasecmp(authorization.at, "bearer ", 7) == 0) {
    return str_trim((struct str){authorization.at + 7, authorization.len - 7});
  }
  if (authorization.len > 6 && strncasecmp(authorization.at, "basic ", 6) == 0) {
    return decode_basic_user(str_trim((struct str){authorization.at + 6, authorization.len - 6}), a);
  }
  return (struct str){"", 0};
}

enum key_found keys_find(const struct door *d, struct str authorization, struct str head, struct arena *a, const struct key **out) {
  *out = NULL;
  const struct str sent = key_sent(authorization, head, a);
  if (sent.len == 0) return authorization.at ? KEY_UNKNOWN : KEY_NONE;
  unsigned char sha256[32];
  hash_sha256(sent, sha256);
  size_t found = 0; /* 1 + its place */
  for (size_t i = 0; i < d->key_count; i++) {
    uint32_t differs = 0;
    for (size_t b = 0; b < sizeof sha256; b++) differs |= (uint32_t)(sha256[b] ^ d->keys[i].sha256[b]);
    const size_t same = (differs - 1) >> 31; /* 1 for no difference; no branch */
    found |= (0 - same) & (i + 1);
  }
  if (found == 0) return KEY_UNKNOWN;
  *out = &d->keys[found - 1];
  return KEY_FOUND;
}
