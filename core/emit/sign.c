/* Standard Webhooks signatures, version v1: base64 of HMAC-SHA256 over `id.timestamp.body`. Signs for the courier and verifies for the
 * sink; a receiver accepts a message if any one of the signatures fits, which is how two secrets live side by side during a rotation.
 * Comparison takes the same time whatever differs. It keeps no secret beyond the caller's key and knows no clock: the time is given.
 * Called on the courier's thread, in the sink's loop and by tools; pure, any thread. */
#include "sign.h"
#include "emit.h"

#include <stdio.h>
#include <string.h>

#define KEY_LEAST      24
#define KEY_MOST       64
#define SKEW_MOST      300 /* seconds, either way */
#define SECRET_PREFIX  "whsec_"
#define VERSION_PREFIX "v1,"

bool signing_key_read(struct signing_key *k, const char *secret, struct err *e) {
  if (sodium_init() < 0) return err_set(e, ERR_INTERNAL, "libsodium could not be initialised");
  struct str text = str_from(secret);
  if (str_starts(text, SECRET_PREFIX)) text.at += strlen(SECRET_PREFIX), text.len -= strlen(SECRET_PREFIX);
  unsigned char key[KEY_MOST + 1];
  size_t length = 0;
  int bad = sodium_base642bin(key, sizeof key, text.at, text.len, NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL);
  if (bad) bad = sodium_base642bin(key, sizeof key, text.at, text.len, NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  bool ok = !bad && length >= KEY_LEAST && length <= KEY_MOST;
  if (ok) crypto_auth_hmacsha256_init(&k->keyed, key, length);
  sodium_memzero(key, sizeof key);
  if (ok) return true;
  return err_set(e, ERR_INPUT, "expected a webhook secret whsec_…, with the base64 of %d to %d random bytes; what came %s%s", KEY_LEAST,
                 KEY_MOST, str_starts(str_from(secret), SECRET_PREFIX) ? "" : "does not begin with whsec_ and ",
                 bad ? "is no base64, or too long" : "is too short");
}

static void mac(const struct signing_key *k, struct str id, struct str seconds, struct str body, unsigned char out[32]) {
  crypto_auth_hmacsha256_state s = k->keyed;
  crypto_auth_hmacsha256_update(&s, (const unsigned char *)id.at, id.len);
  crypto_auth_hmacsha256_update(&s, (const unsigned char *)".", 1);
  crypto_auth_hmacsha256_update(&s, (const unsigned char *)seconds.at, seconds.len);
  crypto_auth_hmacsha256_update(&s, (const unsigned char *)".", 1);
  crypto_auth_hmacsha256_update(&s, (const unsigned char *)body.at, body.len);
  crypto_auth_hmacsha256_final(&s, out);
  sodium_memzero(&s, sizeof s);
}

void signing_key_sign(const struct signing_key *k, struct str id, struct str seconds, struct str body, char *out) {
  unsigned char digest[32];
  char text[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];
  mac(k, id, seconds, body, digest);
  sodium_bin2base64(text, sizeof text, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
  memcpy(out, VERSION_PREFIX, strlen(VERSION_PREFIX));
  memcpy(out + strlen(VERSION_PREFIX), text, SIGNATURE_TEXT - strlen(VERSION_PREFIX));
}

bool webhook_sign(const char *const *secrets, size_t count, struct str id, int64_t unix_seconds, struct str body, struct buf *out,
                  struct err *e) {
  char seconds[24];
  int length = snprintf(seconds, sizeof seconds, "%lld", (long long)unix_seconds);
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    if (!secrets[i]) continue;
    struct signing_key key;
    char text[SIGNATURE_TEXT];
    if (!signing_key_read(&key, secrets[i], e)) return false;
    signing_key_sign(&key, id, (struct str){seconds, (size_t)length}, body, text);
    sodium_memzero(&key, sizeof key);
    if (any) buf_char(out, ' ');
    buf_put(out, text, sizeof text);
    any = true;
  }
  return any || err_set(e, ERR_INPUT, "a webhook needs at least one secret to be signed with; none was given");
}

bool webhook_verify(const char *secret, struct str id, struct str timestamp, struct str signature, struct str body, int64_t now_ms,
                    struct err *e) {
  struct signing_key key;
  int64_t seconds;
  if (!signing_key_read(&key, secret, e)) return false;
  if (id.len == 0) return err_set(e, ERR_INPUT, "webhook-id is missing");
  if (!str_to_int(timestamp, &seconds))
    return err_set(e, ERR_INPUT, "webhook-timestamp must be whole UNIX seconds, not \"%.*s\"",
                   (int)(timestamp.len > 32 ? 32 : timestamp.len), timestamp.at ? timestamp.at : "");
  /* Compared without subtracting, so that no timestamp overflows. */
  int64_t now = now_ms / 1000;
  if (seconds < now - SKEW_MOST) return err_set(e, ERR_DENIED, "webhook-timestamp is more than %d s in the past", SKEW_MOST);
  if (seconds > now + SKEW_MOST) return err_set(e, ERR_DENIED, "webhook-timestamp is more than %d s in the future", SKEW_MOST);
  unsigned char expected[32];
  mac(&key, id, timestamp, body, expected);
  sodium_memzero(&key, sizeof key);
  bool fits = false, any = false;
  struct str rest = signature, piece;
  while (rest.len && str_split(&rest, ' ', &piece)) {
    unsigned char given[32];
    size_t length = 0;
    if (!str_starts(piece, VERSION_PREFIX)) continue; /* another version, v1a for one: not ours to judge */
    any = true;
    piece.at += strlen(VERSION_PREFIX), piece.len -= strlen(VERSION_PREFIX);
    if (sodium_base642bin(given, sizeof given, piece.at, piece.len, NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL)) continue;
    fits |= length == sizeof given && sodium_memcmp(given, expected, sizeof expected) == 0;
  }
  if (!any) return err_set(e, ERR_DENIED, "webhook-signature holds no v1 signature");
  return fits || err_set(e, ERR_DENIED, "no signature in webhook-signature fits the body");
}
