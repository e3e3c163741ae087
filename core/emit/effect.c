/* The webhook's body: what a receiver needs to show the intervention and to answer for it later. Minified, keys in one order, signed byte
 * for byte as it stands here; at most 20 KB, because rendering bounds the message and the ids are short. Stores nothing; called in a lane,
 * before the outbox row is written. */
#include "emit.h"
#include "kit/clock.h"
#include "kit/json.h"

#define BODY_MOST 20480

static void pair_time(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  json_pair_str(w, key, (struct str){text, clock_format(at, text)});
}

static void pair_given(struct json_writer *w, const char *key, struct str s) {
  if (s.len) json_pair_str(w, key, s);
}

void effect_body(const struct effect *e, struct buf *out) {
  must(e->text->missing.len == 0); /* a message with a hole is never sent */
  size_t before = out->len;
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_pair_text(&w, "type", "intervention.sent");
  pair_time(&w, "timestamp", e->at);
  json_key(&w, "data");
  json_open_object(&w);
  json_pair_str(&w, "decisionId", e->decision_id);
  json_pair_str(&w, "userId", e->user);
  pair_given(&w, "trigger", e->trigger);
  json_pair_str(&w, "intervention", e->option);
  pair_given(&w, "type", e->type);
  json_pair_str(&w, "channel", e->channel);
  pair_given(&w, "action", e->action);
  json_pair_str(&w, "language", e->text->language);
  json_pair_str(&w, "message", e->text->message);
  json_key(&w, "values");
  json_put_raw(&w, e->text->values);
  pair_given(&w, "experiment", e->experiment);
  pair_given(&w, "arm", e->arm);
  if (e->expected_impact - e->expected_impact == 0) json_pair_double(&w, "expectedImpact", e->expected_impact); /* finite */
  pair_time(&w, "expiresAt", e->expires_at);
  pair_given(&w, "program", e->program);
  json_close_object(&w);
  json_close_object(&w);
  must(out->failed || out->len - before <= BODY_MOST);
}
