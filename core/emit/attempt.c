/* The table of outcomes: what an answer, a time-out or a refusal at the gate means for the letter (delivered, again and when, ended and
 * why) and for its endpoint (verdict). A 2xx is a delivery even when the rest of the answer was too long or never came. An attempt of
 * which nothing was sent because the gate said no is no attempt and counts as none. A pause that would end at or after send_before ends
 * the letter at once: nobody waits for an attempt that may not be made. Pure; called by turn.c on its thread. */
#include "attempt.h"
#include "kit/clock.h"
#include <stdio.h>

bool attempt_throttles(int32_t status) {
  return status == 429 || status == 502 || status == 504;
}

static enum verdict verdict_of(const struct http_outcome *o) {
  if (o->refused) return VERDICT_UNTRIED;
  if (o->status >= 200 && o->status < 300) return VERDICT_TAKEN;
  if (o->status == 410) return VERDICT_GONE;
  if (o->status == 0 || o->status >= 500 || o->status == 408 || o->status == 425 || o->status == 429) return VERDICT_FAILED;
  return VERDICT_REFUSED;
}

static void reason_of(const struct http_outcome *o, char *out, size_t size) {
  const char *words = "";
  if (o->status >= 300 && o->status < 400) words = ", redirects are not followed";
  if (o->status == 410) words = ", the endpoint is gone";
  if (o->status) snprintf(out, size, "HTTP %d%s", (int)o->status, words);
  else snprintf(out, size, "%s", o->reason);
}

static void end_refused(enum refusal refusal, struct attempt_result *out) {
  out->end = refusal == REFUSAL_EXPIRED ? LETTER_EXPIRED : LETTER_WITHDRAWN;
  snprintf(out->reason, sizeof out->reason, "%s",
           refusal == REFUSAL_EXPIRED    ? "expired before the request could be written"
           : refusal == REFUSAL_KILLED   ? "killed"
           : refusal == REFUSAL_RECALLED ? REASON_RECALLED
                                         : "opted out");
}

/* The pause before the next attempt: the table's, what the receiver asked for if that is longer, a minute at least for what is no
 * intervention and met a 429 or a time-out. */
static int64_t pause_of(const struct letter *l, uint32_t made, const struct http_outcome *o) {
  int64_t pause = retry_delay(made, !l->notice, l->id);
  if (pause < 0) return -1;
  if (o->retry_after > pause) pause = o->retry_after;
  if (l->notice && (o->status == 429 || o->timeout) && pause < CLOCK_MINUTE) pause = CLOCK_MINUTE;
  return pause;
}

enum verdict attempt_judge(const struct attempt_facts *f, struct attempt_result *out) {
  const struct letter *l = f->letter;
  const struct http_outcome *o = f->outcome;
  enum verdict verdict = verdict_of(o);
  if (o->refused) {
    end_refused(f->refusal, out);
    return VERDICT_UNTRIED;
  }
  out->attempt = l->attempts + 1;
  out->status = o->status;
  out->milliseconds = o->milliseconds;
  if (verdict == VERDICT_TAKEN) {
    out->end = LETTER_DELIVERED;
    return verdict;
  }
  reason_of(o, out->reason, sizeof out->reason);
  int64_t pause = pause_of(l, out->attempt, o);
  if (f->refusal == REFUSAL_KILLED || f->refusal == REFUSAL_OPTED_OUT || f->refusal == REFUSAL_RECALLED) {
    end_refused(f->refusal, out); /* this attempt was on its way before; there is no other */
  } else if (pause < 0) {
    out->end = LETTER_FAILED;
  } else if (pause >= l->send_before - f->now) {
    out->end = LETTER_EXPIRED;
  } else {
    out->end = LETTER_AGAIN;
    out->next_due = f->now + pause;
  }
  return verdict;
}
