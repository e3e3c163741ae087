/* What a model's `train` says: at which events rows are taken, which later events answer them, and what the answer is. Promises a sentence
 * with the field for everything that cannot be understood, and that conditions read the answering event alone. What earlier versions passed
 * over is refused by a check of its own, so that a program which ran with it once keeps its lifecycle. Called when a training table is
 * made, for each of its events, and on the builder's thread when a program is built. */
#include "kit/rng.h"
#include "training.h"

#define ROWS_MOST    2000000u
#define ROWS_USUALLY 20000u
#define YEAR         (366 * 86400.0)

static bool wrong(const struct model *m, const char *field, const char *expected, struct err *e) {
  return err_set(e, ERR_INPUT, "model \"%s\": train.%s: expected %s", m->name, field, expected);
}

static bool text_of(const struct model *m, const struct node *train, const char *key, struct str *out, struct err *e) {
  const struct node *n = node_get(train, key);
  if (!n || n->kind != NODE_TEXT || !n->text.len) return wrong(m, key, "an event type", e);
  *out = n->text;
  return true;
}

static bool times_of(struct training_rule *r, const struct model *m, const struct node *train, struct err *e) {
  const struct node *within = node_get(train, "within"), *after = node_get(train, "after"), *smooth = node_get(train, "smooth");
  if (!within || within->kind != NODE_NUMBER || !(within->number >= 1 && within->number <= YEAR))
    return wrong(m, "within", "a duration of up to a year, such as 24 * hours", e);
  r->within = (int64_t)(within->number * 1000);
  if (after && (after->kind != NODE_NUMBER || !(after->number >= 0 && after->number < within->number)))
    return wrong(m, "after", "a duration shorter than train.within", e);
  if (after) r->after = (int64_t)(after->number * 1000);
  if (smooth && smooth->kind == NODE_NUMBER && smooth->number > 0) r->smooth = (int64_t)(math_clamp(smooth->number, 1, YEAR) * 1000);
  return true;
}

/* A condition over the answering event. */
static bool condition_of(struct training_rule *r, const struct model *m, const struct node *train, const char *key, struct expression **out,
                         struct err *e) {
  const struct node *n = node_get(train, key);
  if (!n) return true;
  if (n->kind != NODE_TEXT) return wrong(m, key, "a condition over the target event, such as \"event.steps >= 100\"", e);
  *out = expression_compile(&r->fields, n->text, WANT_TRUTH, e);
  return *out || err_wrap(e, "model \"%s\": train.%s", m->name, key);
}

static bool answers_of(struct training_rule *r, const struct model *m, const struct node *train, struct err *e) {
  const struct node *absent = node_get(train, "absent"), *unanswered = node_get(train, "unanswered");
  if (absent && absent->kind != NODE_BOOL) return wrong(m, "absent", "true or false", e);
  r->absent = absent && absent->number > 0;
  if (unanswered && (unanswered->kind != NODE_TEXT || (!str_is(unanswered->text, "no") && !str_is(unanswered->text, "left_out"))))
    return wrong(m, "unanswered", "\"no\" or \"left_out\"", e);
  r->left_out = unanswered && str_is(unanswered->text, "left_out");
  if (!condition_of(r, m, train, "where", &r->where, e) || !condition_of(r, m, train, "yes", &r->yes, e)) return false;
  if (r->absent && (r->left_out || r->yes))
    return wrong(m, "absent", "no `yes` and no `unanswered` beside it: the outcome is that none came", e);
  if (r->where || r->yes) r->plan = event_plan_build(r->fields.arena, &r->fields);
  return !(r->where || r->yes) || r->plan || err_set(e, ERR_INTERNAL, "no memory for a training table");
}

/* A hazard: what is judged is that nobody came after a while, what is learned that it began within the first step of it. */
static bool step_of(struct training_rule *r, const struct model *m, const struct node *train, struct err *e) {
  const struct node *step = node_get(train, "step");
  if (!step) return true;
  if (!r->absent || r->smooth) return wrong(m, "step", "`absent = true` and no `smooth` beside it", e);
  if (step->kind != NODE_NUMBER || !(step->number >= 1 && step->number * 1000 <= (double)r->after))
    return wrong(m, "step", "a duration up to train.after", e);
  r->step = (int64_t)(step->number * 1000);
  return true;
}

static bool calibration_of(struct training_rule *r, const struct model *m, const struct node *train, struct err *e) {
  const struct node *calibrate = node_get(train, "calibrate");
  r->calibrates = calibrate != NULL;
  r->isotonic = calibrate && calibrate->kind == NODE_TEXT && str_is(calibrate->text, "isotonic");
  if (calibrate && !r->isotonic && (calibrate->kind != NODE_TEXT || !str_is(calibrate->text, "platt")))
    return wrong(m, "calibrate", "\"platt\" or \"isotonic\"", e);
  return true;
}

static bool is_rows(const struct node *n) {
  return n->kind == NODE_NUMBER && n->number >= 1 && n->number <= ROWS_MOST && n->number == (double)(uint32_t)n->number;
}

bool model_training(const struct noun_model *n, struct err *e) {
  static const char *const fields[] = {"on",     "target",     "within", "after", "where",     "yes",
                                       "absent", "unanswered", "smooth", "step",  "calibrate", "rows"};
  const struct node *train = n->train, *rows = node_get(train, "rows"), *smooth = node_get(train, "smooth");
  if (train->kind != NODE_TABLE || train->length)
    return err_set(e, ERR_INPUT, "train: expected fields, such as { on = …, target = …, within = … }");
  for (uint32_t i = 0; i < train->pairs; i++) {
    size_t k = 0;
    while (k < sizeof fields / sizeof *fields && !str_is(train->keys[i], fields[k])) k++;
    if (k < sizeof fields / sizeof *fields) continue;
    const char *near = str_nearest(train->keys[i], fields, sizeof fields / sizeof *fields);
    return err_set(e, ERR_INPUT, "train: \"" STR_FORMAT "\" is none of its fields%s%s%s", STR_ARG(train->keys[i]),
                   near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  }
  if (rows && !is_rows(rows)) return err_set(e, ERR_INPUT, "train.rows: expected a whole number from 1 to %u", ROWS_MOST);
  if (smooth && !(smooth->kind == NODE_NUMBER && smooth->number >= 1 && smooth->number <= YEAR))
    return err_set(e, ERR_INPUT, "train.smooth: expected a duration of up to a year, such as 7 * days");
  return true;
}

bool training_rule_read(struct training_rule *r, const struct model *m, const struct features *f, struct arena *a, struct err *e) {
  const struct node *train = m->noun->train;
  if (!train || train->kind != NODE_TABLE)
    return err_set(e, ERR_INPUT, "model \"%s\": it has no `train = { on = …, target = …, within = … }`, so nothing says what to learn",
                   m->name);
  const struct node *rows = node_get(train, "rows");
  const bool some = rows && rows->kind == NODE_NUMBER && rows->number >= 1 && rows->number <= ROWS_MOST;
  *r = (struct training_rule){.fields = {.arena = a, .find = f->fields.find, .context = f->fields.context},
                              .rows_most = some ? (uint32_t)rows->number : ROWS_USUALLY};
  return text_of(m, train, "on", &r->on, e) && text_of(m, train, "target", &r->target, e) && times_of(r, m, train, e) &&
         answers_of(r, m, train, e) && step_of(r, m, train, e) && calibration_of(r, m, train, e);
}

bool training_rule_answer(const struct training_rule *r, const struct event *e, struct arena *scratch, bool *yes) {
  *yes = true;
  if (!str_eq(e->type, r->target)) return false;
  if (!r->plan) return true;
  struct value *slots = ARENA_ARRAY(scratch, struct value, r->fields.count + 1);
  if (!slots) return false;
  event_plan_fill(r->plan, e, slots, scratch);
  if (r->where && expression_truth(r->where, slots) != TRUTH_TRUE) return false;
  *yes = !r->yes || expression_truth(r->yes, slots) == TRUTH_TRUE;
  return true;
}
