/* life: what the main thread knows of operators' acts when the engine starts, and what it lets go of at the end. Promises that no start
 * goes on without one of their facts. Main thread, before the lanes run and after they ended. */
#include "inside.h"
#include <string.h>

static bool restore_one(struct api *a, const struct control_fact *fact) {
  const char *kind = fact->kind;
  if (strcmp(kind, "kill") == 0) return kill_restore(a, str_from(fact->name));
  if (strcmp(kind, "unkill") == 0) {
    kill_forget(a, str_from(fact->name));
    return true;
  }
  if (strcmp(kind, "experiment") == 0) return experiment_restore(a, fact);
  if (strcmp(kind, "rollout") == 0 || strcmp(kind, "approval") == 0) return rollout_restore(a, fact);
  return true;
}

struct restoring {
  struct api *api;
  struct err *err;
  bool failed;
};

/* A start that went on without a fact would be without all later kills too. */
static bool restore_fact(void *context, const struct control_fact *fact) {
  struct restoring *r = context;
  if (restore_one(r->api, fact)) return true;
  err_set(r->err, ERR_STORAGE, "number %lld (%s %s by %s) cannot be taken up: it is no such fact, or memory for it is missing",
          (long long)fact->number, fact->kind, fact->name, fact->author);
  r->failed = true;
  return false;
}

static struct flow *flow_of(void *context, uint32_t volume) {
  return lanes_flow(((struct api *)context)->lanes, volume);
}

bool api_restore(struct api *a, struct err *e) {
  struct restoring r = {.api = a, .err = e};
  if (!control_each(a->book, 0, restore_fact, &r, e) || r.failed) return err_wrap(e, "control facts");
  if (!missed_facts(a->book, flow_of, a, e)) return false;
  if (!(a->aliases = aliases_open(a->book, e)) || !merges_resume(a->aliases, a->book, flow_of, a, e)) return err_wrap(e, "merges");
  return kills_tell(a, e);
}

void api_close(struct api *a) {
  facts_forget(a);
  experiments_close(a);
  names_free(a->kills, a->kill_count);
  aliases_close(a->aliases);
  rollouts_close(a);
}
