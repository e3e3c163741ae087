/* reward: joins what a person answered to the decision that asked. The answer moves the historical response of the option for this user
 * (E20) and nothing else. Does not guess: without a decision id there is no join. Called by flow in a lane. */
#include "judge/judge.h"

/* What receivers report when somebody marks a message as unwanted. */
bool response_complains(struct str word) {
  static const char *const words[] = {"complained", "complaint", "reported", "spam"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (str_is(word, words[i])) return true;
  return false;
}

uint64_t complaint_mark(void) {
  return mark_key("user", STR("complained"));
}

static uint8_t response_of(const struct json *j, uint32_t at, struct arena *scratch) {
  static const char *const good[] = {"good", "accepted", "done", "helpful", "thumbs_up"};
  static const char *const bad[] = {"bad", "rejected", "dismissed", "unhelpful", "thumbs_down"};
  struct str word = json_text(j, at, scratch);
  if (response_complains(word)) return 2;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (str_is(word, good[i])) return 1;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (str_is(word, bad[i])) return 2;
  return 3;
}

bool reward_join(struct user *u, const struct event *e, int64_t clock, struct arena *scratch, bool *learned) {
  *learned = false;
  if (!str_is(e->type, "intervention_response")) return true;
  uint64_t id;
  if (!decision_id_parse(json_text(&e->json, json_get(&e->json, e->data, "decisionId"), scratch), &id)) return true;
  struct send *s = user_send(u, id);
  if (!s) return true;
  const uint32_t said = json_get(&e->json, e->data, "response");
  s->response = response_of(&e->json, said, scratch);
  *learned = true;
  if (!response_complains(json_text(&e->json, said, scratch))) return true;
  const struct mark *last = user_mark(u, complaint_mark());
  return user_set_mark(u, complaint_mark(), clock, last ? (double)last->at : 0);
}
