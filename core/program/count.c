/* count: what a program's rollouts did to people, for those that halt by themselves. Live only: a start, and another program, begin anew,
 * and so does each stage, so that both sides of a share are of the same people. Counted in lanes, read by the main thread. */
#include "judge/judge.h"
#include "kit/clock.h"
#include "program/moving.h"

#define COMPLAINT_WITHIN CLOCK_DAY /* after a message: who leaves then leaves because of it */

static int64_t counted_from(const struct program *p, const struct controls *c, uint32_t rollout) {
  const int64_t since = controls_since(c, rollout_hash(p->rules, rollout));
  return since > p->born ? since : p->born;
}

/* Once a person and rollout: by their first complaint since they came in, or by leaving within a day of a message. */
static bool complains(const struct user *u, int64_t now, int64_t since, bool left, enum consent before) {
  const struct mark *m = user_mark(u, complaint_mark());
  const bool told = m && m->at == now && m->value < (double)since && before != CONSENT_WITHDRAWN;
  const int64_t sent = u->send_count ? u->sends[u->send_count - 1].at : 0;
  return told || (left && sent > 0 && now - sent <= COMPLAINT_WITHIN && !(m && m->at >= since));
}

void program_count(const struct program *p, const struct controls *c, const struct user *u, const struct recorded *r, bool decided,
                   enum consent before) {
  const bool left = u->consent == CONSENT_WITHDRAWN && before != CONSENT_WITHDRAWN;
  const struct mark *complaint = user_mark(u, complaint_mark());
  const bool told = complaint && complaint->at == r->clock;
  const bool asked = r->belief_count > 0 && p && rules_gate_models(p->rules);
  if (!p || r->history || (!left && !decided && !asked && !told)) return;
  for (uint32_t i = 0; i < rules_rollouts(p->rules) && i < ROLLOUTS_MOST; i++) {
    const int64_t since = rollout_since(p->rules, c, i, u);
    if (since == 0 || since < counted_from(p, c, i)) continue;
    if (since == r->clock && !left) __atomic_fetch_add(&p->rollouts[i].entered, 1, __ATOMIC_RELAXED);
    if (complains(u, r->clock, since, left, before)) __atomic_fetch_add(&p->rollouts[i].complained, 1, __ATOMIC_RELAXED);
    if (left) __atomic_fetch_add(&p->rollouts[i].opted_out, 1, __ATOMIC_RELAXED);
  }
}

struct rollout_count program_rollout(const struct program *p, uint32_t rollout) {
  return (struct rollout_count){__atomic_load_n(&p->rollouts[rollout].entered, __ATOMIC_RELAXED),
                                __atomic_load_n(&p->rollouts[rollout].opted_out, __ATOMIC_RELAXED),
                                __atomic_load_n(&p->rollouts[rollout].complained, __ATOMIC_RELAXED)};
}
