/* Troubles: what is known of a model's ill health by all lanes together. Promises that a model which was suspended in one lane is so for
 * everybody who asks it, looks included; that each end of its process is logged, in at most a line a second a model; and that neither one
 * person nor reads suspend a model for others: the person in whose question its process ended is not asked about for a minute, and no read
 * asks it for a minute after one in which it ended. So three ends in a minute, which suspend it, are of several people and not all of
 * reads. Knows whose question it was only when the batch held one person; lanes that asked at the same moment are taken for guilty as
 * well. No lock: a lost race costs one more end or one minute of one person. [any] */
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "models.h"
#include <stdio.h>

#define WITHHELD_NS INT64_C(60000000000)
#define TOLD_NS     INT64_C(1000000000)

uint64_t trouble_who(const struct user *u) {
  const uint64_t who = hash_64_seed(u->id, u->digest.low);
  return who && who != TROUBLE_SEVERAL ? who : 1;
}

uint32_t trouble_crashes(const struct model *m) {
  struct model_host host;
  return m->trained && model_hosted(m->trained, &host) ? host.crashes : 0;
}

/* ---- suspended ---- */

bool trouble_suspended(const struct model *m) {
  return m->trouble && atomic_load_explicit(&m->trouble->state, memory_order_acquire) == TROUBLE_TOLD;
}

bool trouble_suspend(const struct model *m, const char *why) {
  struct trouble *t = m->trouble;
  int none = TROUBLE_NONE;
  if (!atomic_compare_exchange_strong(&t->state, &none, TROUBLE_BEGUN)) return false;
  snprintf(t->why, sizeof t->why, "%s", why);
  atomic_store(&t->state, TROUBLE_TOLD);
  log_error("compute", "model \"%s\" is suspended: %s", m->name, t->why);
  return true;
}

/* ---- ends of its process ---- */

static void tell_crashes(const struct model *m) {
  struct trouble *t = m->trouble;
  struct model_host host;
  if (!model_hosted(m->trained, &host)) return;
  uint32_t told = atomic_load(&t->crashes_told);
  int64_t at = atomic_load(&t->told_at);
  const int64_t now = clock_monotonic();
  if (host.crashes <= told || (at && now - at < TOLD_NS) || !atomic_compare_exchange_strong(&t->told_at, &at, now)) return;
  atomic_store(&t->crashes_told, host.crashes);
  log_error("compute", "model \"%s\": its process ended (%u %s so far); the last time %s", m->name, host.crashes,
            host.crashes == 1 ? "time" : "times", host.why);
}

static void withhold(struct trouble *t, uint64_t who, bool is_read) {
  const int64_t until = clock_monotonic() + WITHHELD_NS;
  if (is_read) atomic_store(&t->reads_until, until);
  if (who == TROUBLE_SEVERAL) atomic_store(&t->alone_until, until);
  if (!who || who == TROUBLE_SEVERAL) return;
  const uint32_t at = atomic_load(&t->withheld) % WITHHELD_MOST;
  atomic_store(&t->withheld_at[at].who, who);
  atomic_store(&t->withheld_at[at].until, until);
  atomic_fetch_add(&t->withheld, 1);
}

void trouble_ask_failed(const struct model *m, uint32_t crashes_before, uint64_t who, bool is_read, bool there) {
  struct trouble *t = m->trouble;
  if (!t || !m->trained) return;
  if (trouble_crashes(m) > crashes_before) withhold(t, who, is_read);
  else if (there && who && !atomic_load(&t->suspect)) { /* the first: who comes later finds it busy with that one's question */
    atomic_store(&t->suspect_crashes, crashes_before);
    atomic_store(&t->suspect_read, is_read);
    atomic_store(&t->suspect, who);
  }
  tell_crashes(m);
}

void trouble_answered(const struct model *m) {
  if (m->trouble && atomic_load_explicit(&m->trouble->suspect, memory_order_relaxed)) atomic_store(&m->trouble->suspect, 0);
}

/* Who hangs is ended some time after the lane stopped waiting. */
static void settle_suspect(const struct model *m) {
  struct trouble *t = m->trouble;
  uint64_t who = atomic_load(&t->suspect);
  if (!who || trouble_crashes(m) <= atomic_load(&t->suspect_crashes)) return;
  const bool is_read = atomic_load(&t->suspect_read);
  if (!atomic_compare_exchange_strong(&t->suspect, &who, 0)) return;
  withhold(t, who, is_read);
  tell_crashes(m);
}

bool trouble_alone(const struct model *m) {
  const int64_t until = m->trouble ? atomic_load_explicit(&m->trouble->alone_until, memory_order_relaxed) : 0;
  return until && clock_monotonic() < until;
}

bool trouble_withholds(const struct model *m, const struct user *u, bool is_read) {
  struct trouble *t = m->trouble;
  if (!t) return false;
  settle_suspect(m);
  if (!atomic_load_explicit(&t->withheld, memory_order_acquire)) return false;
  const int64_t now = clock_monotonic();
  if (is_read && atomic_load(&t->reads_until) > now) return true;
  const uint64_t who = trouble_who(u);
  for (uint32_t i = 0; i < WITHHELD_MOST; i++)
    if (atomic_load(&t->withheld_at[i].who) == who && atomic_load(&t->withheld_at[i].until) > now) return true;
  return false;
}

/* ---- what operators see ---- */

bool model_troubled(const struct models *m, uint32_t model, struct model_trouble *out) {
  const struct model *one = &m->at[model];
  struct model_host host = {0};
  *out = (struct model_trouble){0};
  if (one->trained) model_hosted(one->trained, &host);
  out->suspended = host.suspended || trouble_suspended(one);
  out->crashes = host.crashes;
  snprintf(out->why, sizeof out->why, "%s", trouble_suspended(one) ? one->trouble->why : host.why);
  return out->suspended || out->crashes;
}

void models_figures(const struct models *m, struct models_figures *out) {
  *out = (struct models_figures){0};
  for (uint32_t i = 0; i < m->count; i++) {
    const struct model *one = &m->at[i];
    struct model_host host = {0};
    const bool hosted = one->trained && model_hosted(one->trained, &host);
    out->hosted += hosted;
    out->running += hosted && host.pid > 0;
    out->crashes += host.crashes;
    out->suspended += host.suspended || trouble_suspended(one);
  }
}
