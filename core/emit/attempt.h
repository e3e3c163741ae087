/* What an attempt's outcome means for its letter and for its endpoint: pure, private to emit. */
#pragma once
#include "breaker.h"
#include "emit.h"
#include "http.h"

#define REASON_RECALLED "the person's zone, age, guardian's consent or health changed"
enum refusal { REFUSAL_NONE, REFUSAL_EXPIRED, REFUSAL_KILLED, REFUSAL_OPTED_OUT, REFUSAL_RECALLED };
struct attempt_facts {
  const struct letter *letter; /* attempts: made before this one */
  const struct http_outcome *outcome;
  enum refusal refusal; /* what the gate said, when it was asked; else what it would say now */
  int64_t now;          /* UTC ms */
};
/* Fills end, attempt, status, reason, next_due of `out` and says what the endpoint has shown. */
enum verdict attempt_judge(const struct attempt_facts *f, struct attempt_result *out);
bool attempt_throttles(int32_t status);
