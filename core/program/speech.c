/* speech: what a decision says. Messages are rendered before the draw (an option that cannot be said is not available), then go into the
 * record and into the letter. Called by flow in a lane; pure over the moment's values. */
#include "kit/clock.h"
#include "kit/hash.h"
#include "program/moving.h"

static struct str language_of(const struct user *u, struct arena *scratch) {
  struct json j;
  if (!json_parse(&j, scratch, u->profile, &json_limits_default, NULL)) return STR("en");
  struct str language = json_text(&j, json_get(&j, 0, "language"), scratch);
  return language.len ? language : STR("en");
}

bool speech_sayable(void *speech, uint32_t option, struct str *missing) {
  struct speech *s = speech;
  if (!s->texts) s->texts = ARENA_ARRAY(s->scratch, struct rendered, rules_options(s->program->rules) + 1);
  if (!s->texts) return false;
  struct rendered *text = &s->texts[option];
  if (!text->language.len) template_render(s->program->templates, option, language_of(s->user, s->scratch), s->slots, s->scratch, text);
  *missing = text->missing;
  return text->missing.len == 0;
}

static struct str text_json(const struct rendered *text, struct arena *scratch) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "language", text->language);
  json_pair_str(&w, "message", text->message);
  json_key(&w, "values");
  json_put_raw(&w, text->values);
  json_close_object(&w);
  return buf_into(&out, scratch);
}

struct str speech_record(struct speech *s, const struct moment_input *in, const struct decision *d, struct arena *out) {
  struct buf record = {0};
  struct str text = d->outcome == OUTCOME_SENT ? text_json(&s->texts[d->option], s->scratch) : (struct str){0};
  decision_record(in, &s->program->symbols, d, text, &record);
  return buf_into(&record, out);
}

/* Everything that a kill may name: what decided, what gates it, what it believed. */
static void name_letter(const struct program *p, const struct decision *d, struct letter *l) {
  struct buf name = {0};
  size_t count = decision_kill_names(p->rules, d, l->names, LETTER_NAMES);
  uint64_t models = trigger_models(p->rules, d->trigger);
  for (uint32_t m = 0; m < models_count(p->models); m++) {
    if (!(models >> m & 1) || model_role(p->models, m) != MODEL_SERVED) continue;
    buf_clear(&name);
    buf_printf(&name, "model:%s", model_name(p->models, m));
    if (count < LETTER_NAMES) l->names[count] = hash_64(buf_view(&name));
    count++;
  }
  if (count > LETTER_NAMES || name.failed) l->names[LETTER_NAMES - 1] = hash_64(STR("any"));
  buf_free(&name);
}

struct letter *speech_letter(struct speech *s, const struct decision *d, uint32_t volume) {
  const struct rules *r = s->program->rules;
  const struct noun_intervention *n = option_noun(r, d->option);
  char id[32];
  struct effect effect = {.decision = d->id,
                          .decision_id = {id, decision_id_text(d->id, id)},
                          .user = s->user->id,
                          .trigger = trigger_name(r, d->trigger),
                          .option = n->at.name,
                          .type = n->type,
                          .channel = n->channel,
                          .action = n->action,
                          .program = str_from(s->program->brief),
                          .text = &s->texts[d->option],
                          .at = d->at,
                          .expires_at = d->send_before,
                          .expected_impact = n->expected_impact};
  if (d->experiment != NO_ONE) {
    effect.experiment = experiment_noun(r, d->experiment)->at.name;
    if (d->arm != NO_ONE) effect.arm = experiment_noun(r, d->experiment)->arms[d->arm].name; /* none once it has ended */
  }
  struct buf body = {0};
  effect_body(&effect, &body);
  struct letter *l = body.failed ? NULL : letter_new(buf_view(&body));
  buf_free(&body);
  if (!l) return NULL;
  l->id = d->id;
  l->volume = volume;
  l->user = s->user->number;
  l->due = l->created = d->at;
  l->send_before = d->send_before;
  name_letter(s->program, d, l);
  return l;
}
