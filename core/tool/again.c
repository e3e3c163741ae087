/* again: models asked a second time, for replay. Promises the inputs and seeds of the first time; a model that is killed or gated
 * there is not asked. Keeps the sessions of one program, since a journal changes its program rarely. On the thread of whoever replays. */
#include "again.h"
#include "kit/hash.h"

#define PATIENCE_MS 5000 /* of the past nobody waits for an answer */

static bool is_killed(const struct controls *c, const char *model) {
  struct buf name = {0};
  if (c->killed_count == 0 && !c->kill_all) return false;
  buf_printf(&name, "model:%s", model);
  bool killed = name.failed || controls_killed(c, hash_64(buf_view(&name)));
  buf_free(&name);
  return killed;
}

static bool sessions_for(struct models_again *m, const struct program *p) {
  if (m->of == p && m->sessions) return true;
  sessions_close(m->sessions);
  library_release(m->library, m->of);
  m->of = library_hold(m->library, p);
  m->sessions = sessions_open(p->models, 1);
  if (m->sessions) sessions_patience(m->sessions, PATIENCE_MS);
  return m->sessions != NULL;
}

bool models_ask_again(struct models_again *m, const struct belief_ask *ask, const struct controls *c, int64_t clock, struct value *beliefs,
                      struct arena *a) {
  const struct program *p = ask->program;
  struct value *slots = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  if (!slots || !sessions_for(m, p)) return false;
  struct belief_row row = {ask->user, clock, hash_64_seed(ask->event->id, (uint64_t)clock ^ hash_64(ask->user->id)), slots, beliefs,
                           false,     NULL};
  for (uint32_t n = 0; n < models_count(p->models); n++) {
    const uint32_t i = models_in_order(p->models, n);
    if (!(ask->models >> i & 1)) continue;
    bool gated = ask->gated >> i & 1, killed = !gated && is_killed(c, model_name(p->models, i));
    for (uint32_t b = 0; b < beliefs_count(p->models); b++)
      if (belief_model(p->models, b) == i) beliefs[b] = value_missing(gated ? MISSING_GATED : killed ? MISSING_SUSPENDED : MISSING_FAILED);
    if (!gated && !killed) models_predict(p->models, m->sessions, i, &row, 1, p->features, a);
  }
  return true;
}

void models_again_close(struct models_again *m) {
  sessions_close(m->sessions);
  if (m->of) library_release(m->library, m->of);
  *m = (struct models_again){0};
}
