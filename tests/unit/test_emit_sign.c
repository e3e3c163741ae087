/* rooms: emit kit */
/* Signatures are those of Standard Webhooks (the vectors below are what `openssl dgst -sha256 -mac HMAC` and the npm package
 * `standardwebhooks` give), and the verifier accepts nothing else. */
#include "emit/emit.h"
#include "kit/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FIRST   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"                                                   /* 24 bytes */
#define SECOND  "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="                                       /* 32: 0, 1, 2 … */
#define LONGEST "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eDf3t3c29rZ2NfW1dTT0tHQz87NzMvKycjHxsXEw8LBwA==" /* 64: 255, 254 … */
#define BODY    "{\"test\": 2432232314}"
#define WHEN    1614265330

static const struct {
  const char *secret, *id;
  int64_t seconds;
  const char *body, *signature;
} vectors[] = {
    {FIRST, "msg_p5jXN8AQM9LWM0D4loKWxJek", WHEN, BODY, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {SECOND, "msg_d3-17", 1736925600, "{\"type\":\"intervention.sent\",\"data\":{\"message\":\"Привет\"}}",
     "v1,ZLm0taP8Mdhqs6q0U+9SJIuPmDhxuMTJ20L6wJ/ED9Q="},
    {LONGEST, "msg_d3-17", 1736925600, "", "v1,p2MDsAl/mvFj91Ovafv/vEE7Rf3u/49RVOGGtSMDt40="},
};

static void signs_as_others_do(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct buf out = {0};
    struct err e;
    assert_true(webhook_sign(&vectors[i].secret, 1, str_from(vectors[i].id), vectors[i].seconds, str_from(vectors[i].body), &out, &e));
    assert_int_equal(out.len, strlen(vectors[i].signature));
    assert_memory_equal(out.at, vectors[i].signature, out.len);
    buf_free(&out);
  }
}

static void two_secrets_give_two_signatures_and_either_verifies(void **state) {
  (void)state;
  const char *const secrets[] = {FIRST, NULL, SECOND};
  struct buf out = {0};
  struct err e;
  assert_true(webhook_sign(secrets, 3, STR("msg_a"), WHEN, STR(BODY), &out, &e));
  assert_int_equal(out.len, 2 * 47 + 1);
  assert_int_equal(out.at[47], ' ');
  assert_true(webhook_verify(FIRST, STR("msg_a"), STR("1614265330"), buf_view(&out), STR(BODY), WHEN * INT64_C(1000), &e));
  assert_true(webhook_verify(SECOND, STR("msg_a"), STR("1614265330"), buf_view(&out), STR(BODY), WHEN * INT64_C(1000), &e));
  assert_false(webhook_verify(LONGEST, STR("msg_a"), STR("1614265330"), buf_view(&out), STR(BODY), WHEN * INT64_C(1000), &e));
  buf_free(&out);
}

static void secrets_must_be_24_to_64_bytes_of_base64(void **state) {
  (void)state;
  const char *const bad[] = {"",
                             "whsec_",
                             "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=" /* 23 */,
                             "whsec_not base64 at all, really not!",
                             "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A=" /* 65 */,
                             "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX!"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct buf out = {0};
    struct err e = {.text = ""};
    assert_false(webhook_sign(&bad[i], 1, STR("a"), 1, STR("b"), &out, &e));
    assert_non_null(strstr(e.text, "24 to 64"));
    if (strlen(bad[i]) > 10) assert_null(strstr(e.text, bad[i] + 6)); /* a secret is not repeated in an error */
    buf_free(&out);
  }
  struct err e = {.text = ""};
  struct buf out = {0};
  const char *none = NULL;
  assert_false(webhook_sign(&none, 1, STR("a"), 1, STR("b"), &out, &e));
}

static void the_prefix_and_the_padding_may_be_missing(void **state) {
  (void)state;
  struct err e;
  struct str id = STR("msg_d3-17"), seconds = STR("1736925600"), body = str_from(vectors[1].body),
             signature = str_from(vectors[1].signature);
  assert_true(webhook_verify(SECOND, id, seconds, signature, body, INT64_C(1736925600000), &e));
  assert_true(webhook_verify(&SECOND[6], id, seconds, signature, body, INT64_C(1736925600000), &e));
  assert_true(
      webhook_verify("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", id, seconds, signature, body, INT64_C(1736925600000), &e));
}

static bool verify_at(int64_t now_ms, const char *timestamp) {
  const char *secret = FIRST;
  struct buf out = {0};
  struct err e;
  int64_t seconds = 0;
  if (!str_to_int(str_from(timestamp), &seconds)) seconds = WHEN;
  assert_true(webhook_sign(&secret, 1, STR("m"), seconds, STR(BODY), &out, &e));
  bool ok = webhook_verify(FIRST, STR("m"), str_from(timestamp), buf_view(&out), STR(BODY), now_ms, &e);
  buf_free(&out);
  return ok;
}

static void five_minutes_of_skew_either_way(void **state) {
  (void)state;
  int64_t now = WHEN * INT64_C(1000);
  assert_true(verify_at(now, "1614265330"));
  assert_true(verify_at(now + 300 * CLOCK_SECOND, "1614265330"));
  assert_false(verify_at(now + 301 * CLOCK_SECOND, "1614265330"));
  assert_true(verify_at(now - 300 * CLOCK_SECOND, "1614265330"));
  assert_false(verify_at(now - 301 * CLOCK_SECOND, "1614265330"));
  assert_false(verify_at(now, "1614265330000")); /* milliseconds */
  assert_false(verify_at(now, "9223372036854775807"));
  assert_false(verify_at(now, "-9223372036854775808"));
  assert_false(verify_at(now, "1614265330.0"));
  assert_false(verify_at(now, " 1614265330"));
  assert_false(verify_at(now, "+1614265330"));
  assert_false(verify_at(now, ""));
}

static void any_changed_byte_is_refused(void **state) {
  (void)state;
  const char *secret = FIRST;
  struct buf out = {0};
  struct err e;
  char body[] = BODY, id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  int64_t now = WHEN * INT64_C(1000);
  assert_true(webhook_sign(&secret, 1, str_from(id), WHEN, str_from(body), &out, &e));
  for (size_t i = 0; i < strlen(body); i++) {
    body[i] ^= 1;
    assert_false(webhook_verify(FIRST, str_from(id), STR("1614265330"), buf_view(&out), str_from(body), now, &e));
    body[i] ^= 1;
  }
  for (size_t i = 0; i < strlen(id); i++) {
    id[i] ^= 1;
    assert_false(webhook_verify(FIRST, str_from(id), STR("1614265330"), buf_view(&out), str_from(body), now, &e));
    id[i] ^= 1;
  }
  for (size_t i = 0; i < out.len; i++) {
    out.at[i] ^= 2;
    assert_false(webhook_verify(FIRST, str_from(id), STR("1614265330"), buf_view(&out), str_from(body), now, &e));
    out.at[i] ^= 2;
  }
  assert_false(webhook_verify(FIRST, str_from(id), STR("1614265331"), buf_view(&out), str_from(body), now, &e));
  assert_false(webhook_verify(FIRST, STR(""), STR("1614265330"), buf_view(&out), str_from(body), now, &e));
  assert_true(webhook_verify(FIRST, str_from(id), STR("1614265330"), buf_view(&out), str_from(body), now, &e));
  buf_free(&out);
}

static void odd_signature_headers(void **state) {
  (void)state;
#define GOOD "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
  static const struct {
    const char *header;
    bool good;
  } cases[] = {
      {GOOD, true},
      {"v1a,aGVsbG8= " GOOD, true}, /* another version first */
      {"v1,bm9uc2Vuc2U= " GOOD, true},
      {GOOD " v1,bm9uc2Vuc2U=", true},
      {"  " GOOD "  ", true},
      {"", false},
      {"v1,", false},
      {"v1", false},
      {"v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
      {"V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
      {"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
      {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", false},
      {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=AAAA", false},
      {"v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err e;
    bool ok = webhook_verify(FIRST, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), STR("1614265330"), str_from(cases[i].header), STR(BODY),
                             WHEN * INT64_C(1000), &e);
    if (ok != cases[i].good) fail_msg("header \"%s\"", cases[i].header);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signs_as_others_do),
      cmocka_unit_test(two_secrets_give_two_signatures_and_either_verifies),
      cmocka_unit_test(secrets_must_be_24_to_64_bytes_of_base64),
      cmocka_unit_test(the_prefix_and_the_padding_may_be_missing),
      cmocka_unit_test(five_minutes_of_skew_either_way),
      cmocka_unit_test(any_changed_byte_is_refused),
      cmocka_unit_test(odd_signature_headers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
