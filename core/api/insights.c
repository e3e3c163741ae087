/* insights: what is foreseen of somebody, for GET /v1/users/{id}/insights. Handler on the main thread; the answer is made in the person's
 * own lane, from what their own features and the program's models say now. A look: nothing is recorded and nothing is sent. */
#include "inside.h"
#include "kit/clock.h"
#include "program/moving.h"

#define WEATHER_MOST 40

static void insights_in_lane(struct job *j, struct flow *f) {
  const struct asking *asked = j->owner;
  struct user *u = known_user(j, f);
  const struct program *p = u ? flow_program(f, u->partition) : NULL;
  if (!u) return;
  if (!p) {
    err_set(&j->err, ERR_BUSY, "no program is live yet: ask again in a second");
    return;
  }
  char at[32];
  const int64_t now = person_now(u);
  struct value *beliefs = ARENA_ARRAY(&j->arena, struct value, beliefs_count(p->models) + 1);
  if (!beliefs || !program_believe(p, u, now, beliefs, &j->arena)) {
    err_set(&j->err, ERR_BUSY, "no memory to ask the models: ask again in a second");
    return;
  }
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "userId", u->id);
  json_pair_str(&w, "asOf", (struct str){at, clock_format(now, at)});
  const struct insights_ask ask = {asked->weather, asked->date, p->models, beliefs};
  const bool put = features_insights(p->features, u, now, &ask, &w, &j->arena, &j->err);
  json_close_object(&w);
  if (put) job_text(j, &out);
  else buf_free(&out);
}

void api_user_insights(struct request *r, void *context) {
  const struct str weather = request_query(r, "weather");
  if (weather.len > WEATHER_MOST) {
    request_problem(r, 400, "query-invalid", NULL, "weather: expected a word of at most %d bytes, such as rain", WEATHER_MOST);
    return;
  }
  struct asking *a = asking_new(r, context);
  if (!a) return;
  a->weather = weather;
  a->date = request_query(r, "date");
  const struct str user = person_meant(r, context, r->params[0]);
  asking_submit(a, volume_for(context, user), user, 0, insights_in_lane);
}
