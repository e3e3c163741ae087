/* Inside accept: the text forms that HTTP wraps values in. */
#pragma once
#include "kit/arena.h"
#include "kit/str.h"

/* Percent-decoding into `a` (a view when nothing is encoded; `plus` makes + a space). False for a broken escape, %00, control bytes or
 * what is not UTF-8 afterwards. [any] */
bool decode_percent(struct str in, bool plus, struct arena *a, struct str *out);
/* The user part of `Basic` credentials: strict base64 of `user:password`. Empty when it is not that. [any] */
struct str decode_basic_user(struct str base64, struct arena *a);
/* gzip (RFC 1952), exactly one member and nothing behind it, at most `most` bytes. The inflater's 40 KiB are made at the first call and
 * kept in `*inflater`, which starts as NULL. [main] */
enum inflated { INFLATED, INFLATE_BROKEN, INFLATE_TOO_LARGE, INFLATE_NO_MEMORY };
enum inflated decode_gzip(void **inflater, struct str in, size_t most, struct arena *a, struct str *out);
void decode_gzip_end(void **inflater);
