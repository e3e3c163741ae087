/* reward: joins what a person answered to the decision that asked. The answer moves the historical response of the option for this user
 * (E20) and nothing else. Does not guess: without a decision id there is no join. Called by flow in a lane. */
#include "judge/judge.h"

static uint8_t response_of(const struct json *j, uint32_t at, struct arena *scratch) {
  static const char *const good[] = {"good", "accepted", "done", "helpful", "thumbs_up"};
  static const char *const bad[] = {"bad", "rejected", "dismissed", "unhelpful", "thumbs_down"};
  struct str word = json_text(j, at, scratch);
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (str_is(word, good[i])) return 1;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (str_is(word, bad[i])) return 2;
  return 3;
}

void reward_join(struct user *u, const struct event *e, struct arena *scratch, bool *learned) {
  *learned = false;
  if (!str_is(e->type, "intervention_response")) return;
  uint64_t id;
  if (!decision_id_parse(json_text(&e->json, json_get(&e->json, e->data, "decisionId"), scratch), &id)) return;
  struct send *s = user_send(u, id);
  if (!s) return;
  s->response = response_of(&e->json, json_get(&e->json, e->data, "response"), scratch);
  *learned = true;
}
