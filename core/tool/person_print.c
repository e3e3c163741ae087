/* person_print: one person on one page, from what GET /v1/users/{id} and the newest of their timeline say: consent, what was sent and
 * whether anything may be, what the rules read of them, what they take part in, what happened last. The whole of it stays behind --all and
 * --json. Prints only; called by user. Main thread. */
#include "person_print.h"
#include "kit/arena.h"
#include "kit/json.h"
#include "live.h"
#include <stdio.h>

static uint32_t length(const struct json *j, uint32_t list) {
  return json_type(j, list) >= JSON_ARRAY ? j->tokens[list].count : 0;
}
static struct str text(const struct json *j, uint32_t at, const char *key, struct arena *a) {
  return live_text(j, json_get(j, at, key), a);
}
static int64_t whole(const struct json *j, uint32_t at, const char *key) {
  int64_t x = 0;
  json_int(j, json_get(j, at, key), &x);
  return x;
}

static void print_who(const struct json *j, struct arena *a) {
  const struct str zone = text(j, 0, "timezone", a), last = text(j, 0, "lastSeen", a);
  printf(STR_FORMAT "\nconsent: " STR_FORMAT ", age: " STR_FORMAT ", time zone: " STR_FORMAT "\n", STR_ARG(text(j, 0, "userId", a)),
         STR_ARG(text(j, 0, "consent", a)),
         STR_ARG(json_get(j, 0, "age") == JSON_NONE ? STR("unknown") : json_raw(j, json_get(j, 0, "age"))),
         STR_ARG(zone.len ? zone : STR("unknown")));
  const uint32_t merged = json_get(j, 0, "mergedFrom");
  for (uint32_t i = 0; i < length(j, merged); i++)
    printf("%s" STR_FORMAT "%s", i ? ", " : "also: ", STR_ARG(live_text(j, json_child(j, merged, i), a)),
           i + 1 < length(j, merged) ? "" : "\n");
  printf("events: %lld%s" STR_FORMAT "\n", (long long)whole(j, 0, "events"), last.len ? ", the last " : "", STR_ARG(last));
}

static void print_sending(const struct json *j, struct arena *a) {
  const uint32_t sending = json_get(j, 0, "sending"), figures = json_get(j, sending, "figures");
  const struct str reason = text(j, sending, "reason", a), detail = text(j, sending, "detail", a);
  if (sending == JSON_NONE) return;
  printf("messages: %lld of %lld in 24 h, %lld of %lld in 7 days; now ", (long long)whole(j, figures, "in_24h"),
         (long long)whole(j, figures, "most_24h"), (long long)whole(j, figures, "in_7d"), (long long)whole(j, figures, "most_7d"));
  if (!reason.len) printf("one may be sent\n");
  else if (detail.len) printf("none may be sent: " STR_FORMAT " (" STR_FORMAT ")\n", STR_ARG(reason), STR_ARG(detail));
  else printf("none may be sent: " STR_FORMAT "\n", STR_ARG(reason));
}

static void print_value(const struct json *j, struct str name, struct arena *a) {
  uint32_t value = json_get_str(j, json_get(j, 0, "features"), name);
  if (value == JSON_NONE) value = json_get_str(j, json_get(j, 0, "beliefs"), name);
  const struct str why = live_text(j, json_get_str(j, json_get(j, 0, "missing"), name), a);
  printf("  %-28.*s ", STR_ARG(name));
  if (json_type(j, value) == JSON_NULL) printf("unknown%s" STR_FORMAT "\n", why.len ? ": " : "", STR_ARG(why));
  else printf(STR_FORMAT "\n", STR_ARG(json_type(j, value) == JSON_STRING ? live_text(j, value, a) : json_raw(j, value)));
}

static void print_read(const struct json *j, struct arena *a) {
  const uint32_t read = json_get(j, 0, "read");
  if (length(j, read)) printf("what the rules read:\n");
  for (uint32_t i = 0; i < length(j, read); i++) print_value(j, live_text(j, json_child(j, read, i), a), a);
}

static void print_parts(const struct json *j, struct arena *a) {
  const uint32_t experiments = json_get(j, 0, "experiments"), rollouts = json_get(j, 0, "rollouts");
  if (length(j, experiments) + length(j, rollouts)) printf("takes part in:\n");
  for (uint32_t i = 0; i < length(j, experiments); i++) {
    const uint32_t x = json_child(j, experiments, i);
    printf("  experiment " STR_FORMAT ", arm " STR_FORMAT ", since " STR_FORMAT "\n", STR_ARG(text(j, x, "experiment", a)),
           STR_ARG(text(j, x, "arm", a)), STR_ARG(text(j, x, "since", a)));
  }
  for (uint32_t i = 0; i < length(j, rollouts); i++) {
    const uint32_t r = json_child(j, rollouts, i);
    printf("  rollout " STR_FORMAT ", since " STR_FORMAT "\n", STR_ARG(text(j, r, "rollout", a)), STR_ARG(text(j, r, "since", a)));
  }
}

void person_print(struct str answer, struct str timeline, void (*rows)(struct str timeline)) {
  struct arena a = {0};
  struct json j;
  if (json_parse(&j, &a, answer, &json_limits_default, NULL)) {
    print_who(&j, &a);
    print_sending(&j, &a);
    print_read(&j, &a);
    print_parts(&j, &a);
    if (timeline.len > 2) printf("lately:\n");
    rows(timeline);
    printf("more: kairos user show " STR_FORMAT " --all, kairos why --user " STR_FORMAT "\n", STR_ARG(text(&j, 0, "userId", &a)),
           STR_ARG(text(&j, 0, "userId", &a)));
  }
  arena_free(&a);
}
