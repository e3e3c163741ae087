/* Signing keys made ready once, private to emit: the courier signs with these, so that no secret is decoded per attempt. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <sodium.h>

#define SIGNATURE_TEXT 47 /* "v1," and 44 characters of base64 */
struct signing_key {
  crypto_auth_hmacsha256_state keyed; /* HMAC with the key already taken in; copied for each message */
};
/* Reads "whsec_<base64>" (the prefix may be missing) of 24–64 bytes. The error never repeats the secret. [any] */
bool signing_key_read(struct signing_key *k, const char *secret, struct err *e);
/* Writes exactly SIGNATURE_TEXT bytes, no NUL. `seconds` is the decimal text of the attempt's UNIX time. [any] */
void signing_key_sign(const struct signing_key *k, struct str id, struct str seconds, struct str body, char *out);
