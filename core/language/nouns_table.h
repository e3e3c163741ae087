/* The field tables: one row a field, for the setter, the checker, the editor definitions, the manual and the console. Included with
 *   FIELD(noun, struct, field, kind, required, member, doc)
 *   CHOICE(noun, struct, field, kind, required, member, "a|b|c", doc)
 *   LIST(noun, struct, field, kind, required, member, count member, doc)
 * defined. A noun with a dot is the shape of a table within a noun. Rows of one noun stand together, in the order of the manual. */
#define YES true
#define NO  false

FIELD("event", noun_event, "doc", KIND_TEXT, NO, doc, "what the event says, for people")
LIST("event", noun_event, "fields", KIND_EVENT_FIELDS, NO, fields, field_count,
     "the fields of `data`: name = { type = …, … } or name = \"number\"")
LIST("event", noun_event, "context", KIND_EVENT_FIELDS, NO, context, context_count, "the fields of `context`, in the same shape")

CHOICE("event.fields", noun_event_field, "type", KIND_FIELD_TYPE, YES, type, "number|integer|boolean|text|list|any", "what the value is")
FIELD("event.fields", noun_event_field, "unit", KIND_TEXT, NO, unit, "the unit of a number: \"minutes\", \"share\"")
FIELD("event.fields", noun_event_field, "doc", KIND_TEXT, NO, doc, "what the field means")
FIELD("event.fields", noun_event_field, "low", KIND_NUMBER, NO, low, "the least number accepted")
FIELD("event.fields", noun_event_field, "high", KIND_NUMBER, NO, high, "the greatest number accepted")
FIELD("event.fields", noun_event_field, "default", KIND_VALUE, NO, fallback, "what conditions read when the event does not say")
LIST("event.fields", noun_event_field, "one_of", KIND_TEXTS, NO, one_of, one_of_count, "the only texts accepted")

FIELD("feature", noun_feature, "doc", KIND_TEXT, NO, doc, "what the feature says about a user")
FIELD("feature", noun_feature, "unit", KIND_TEXT, NO, unit, "the unit of its value")
CHOICE("feature", noun_feature, "window", KIND_CHOICE, NO, window, "sum|count|mean|rate|trend|since_last|streak|entropy|circular|last",
       "how a window of events becomes a number")
FIELD("feature", noun_feature, "of", KIND_EVENT_NAME, NO, of, "the event type that is counted")
FIELD("feature", noun_feature, "field", KIND_TEXT, NO, field, "the field of the event that is summed, averaged, …")
FIELD("feature", noun_feature, "where", KIND_CONDITION, NO, where, "which events count")
FIELD("feature", noun_feature, "days", KIND_NUMBER, NO, days, "the length of the window in days, 1 to 35")
FIELD("feature", noun_feature, "at_least", KIND_COUNT, NO, at_least, "with fewer observations the feature is missing")
FIELD("feature", noun_feature, "value", KIND_FIGURE, NO, value, "a derived feature: an expression over other names, or a function")
LIST("feature", noun_feature, "needs", KIND_TEXTS, NO, needs, need_count, "the names that its function reads")

FIELD("model", noun_model, "doc", KIND_TEXT, NO, doc, "what the model predicts")
FIELD("model", noun_model, "plugin", KIND_NAME, NO, plugin, "the plugin's id: \"svr\" is plugins/svr.so")
LIST("model", noun_model, "inputs", KIND_NAMES, NO, inputs, input_count, "feature names, in the plugin's order")
LIST("model", noun_model, "outputs", KIND_OUTPUTS, YES, outputs, output_count, "beliefs: { \"name\" } or { name = { from = …, as = … } }")
FIELD("model", noun_model, "state", KIND_TEXT, NO, state, "the trained state, a file in models/")
FIELD("model", noun_model, "config", KIND_TABLE, NO, config, "given to the plugin as JSON")
FIELD("model", noun_model, "golden", KIND_TABLE, NO, golden, "rows that must come out: { inputs = { … }, outputs = { … }, within = 1e-6 }")
FIELD("model", noun_model, "train", KIND_TABLE, NO, train, "what `kairos train` learns from")
FIELD("model", noun_model, "retrain", KIND_TABLE, NO, retrain,
      "when it is trained again, and what a new state must show: { at = \"03:00\" }")
FIELD("model", noun_model, "combine", KIND_TABLE, NO, combine, "a weighted sum of other models' beliefs, instead of a plugin")
FIELD("model", noun_model, "budget", KIND_DURATION, NO, budget,
      "time that one batch may take; who takes longer 64 times in a row is suspended")
FIELD("model", noun_model, "fallback", KIND_NUMBER, NO, fallback, "the value when the model gives none")
CHOICE("model", noun_model, "isolate", KIND_CHOICE, NO, isolate, "process|none",
       "where the plugin runs: in a process of its own, or inside the engine; left out: inside only when built with it")

FIELD("model.outputs", noun_model_output, "from", KIND_TEXT, NO, from, "the plugin's output it is; left out: of the same name")
FIELD("model.outputs", noun_model_output, "as", KIND_EXPRESSION, NO, as, "an expression over `value`: \"1 - value\"")

FIELD("segment", noun_segment, "why", KIND_TEXT, NO, why, "who they are, and why it matters")
FIELD("segment", noun_segment, "when", KIND_RULE, YES, when, "who belongs to it: a condition on the user, not on an event")
FIELD("segment", noun_segment, "family", KIND_WORD, NO, family,
      "of the segments of one family the first that matches counts; `segment.FAMILY` is its name")
CHOICE("segment", noun_segment, "risk", KIND_CHOICE, NO, risk, "high|medium|low|minimal",
       "how much change they bear: rollouts with order = \"risk\" reach high first")
LIST("segment", noun_segment, "needs", KIND_TEXTS, NO, needs, need_count, "the names that its function reads")

FIELD("trigger", noun_trigger, "why", KIND_TEXT, YES, why, "the reason, printed in every explanation")
LIST("trigger", noun_trigger, "on", KIND_MOMENTS, YES, on, on_count, "event types, \"day_started\", every, silence, follow_up")
FIELD("trigger", noun_trigger, "when", KIND_RULE, NO, when, "the condition; left out: always")
FIELD("trigger", noun_trigger, "priority", KIND_NUMBER, NO, priority, "higher first; 0 when left out")
LIST("trigger", noun_trigger, "offer", KIND_NAMES, NO, offer, offer_count, "the interventions to choose from")
FIELD("trigger", noun_trigger, "cooldown", KIND_DURATION, NO, cooldown, "seconds since this trigger's last send to the user")
FIELD("trigger", noun_trigger, "choose", KIND_NAME, NO, choose, "the `choose` that picks; left out: the weighted score")
FIELD("trigger", noun_trigger, "available", KIND_RULE, NO, available, "false or unknown: the user is not available")
LIST("trigger", noun_trigger, "needs", KIND_TEXTS, NO, needs, need_count,
     "the names that its functions read: { \"skip_probability\", \"event.x\" }")

FIELD("intervention", noun_intervention, "why", KIND_TEXT, NO, why, "what it is meant to do")
FIELD("intervention", noun_intervention, "type", KIND_TEXT, NO, type, "the kind, for the receiver: \"micro_adjustment\"")
FIELD("intervention", noun_intervention, "channel", KIND_TEXT, NO, channel, "how it reaches the user: \"push\"")
FIELD("intervention", noun_intervention, "action", KIND_TEXT, NO, action, "what the receiver does with it")
LIST("intervention", noun_intervention, "message", KIND_MESSAGES, YES, message, message_count, "language = \"text with {placeholders}\"")
LIST("intervention", noun_intervention, "values", KIND_EXPRESSIONS, NO, values, value_count,
     "placeholder = \"expression\", or a function that gives the value")
FIELD("intervention", noun_intervention, "accept", KIND_RULE, NO, accept, "must be true for this option to be taken")
FIELD("intervention", noun_intervention, "available", KIND_RULE, NO, available, "false or unknown: not available")
FIELD("intervention", noun_intervention, "match", KIND_FIGURE, NO, match, "0 to 1: how it suits the user's personality; 0.5 when left out")
FIELD("intervention", noun_intervention, "fits", KIND_FIGURE, NO, fits, "0 to 1: how it suits the moment; 0.5 when left out")
FIELD("intervention", noun_intervention, "effectiveness", KIND_SHARE, NO, effectiveness,
      "the base effectiveness, 0 to 1; 0.5 when left out")
FIELD("intervention", noun_intervention, "burden", KIND_NUMBER, NO, burden, "what it costs the user, 0 or more; 1 when left out")
FIELD("intervention", noun_intervention, "expires", KIND_DURATION, NO, expires,
      "seconds after which it is not sent any more; 3 hours when left out")
FIELD("intervention", noun_intervention, "expected_impact", KIND_SHARE, NO, expected_impact, "the impact it promises, 0 to 1")
FIELD("intervention", noun_intervention, "cooldown", KIND_DURATION, NO, cooldown, "seconds since this option's last send to the user")
CHOICE("intervention", noun_intervention, "goal", KIND_CHOICE, NO, goal, "steps|active_minutes",
       "the kind of goal that it sets: steps a day, active minutes a week")
FIELD("intervention", noun_intervention, "goal_value", KIND_EXPRESSION, NO, goal_value,
      "the goal proposed; the message says what the engine made of it: goal.offered")
FIELD("intervention", noun_intervention, "goal_usual", KIND_EXPRESSION, NO, goal_usual,
      "what the user does without a goal: where a first one begins")
FIELD("intervention", noun_intervention, "vigorous", KIND_BOOL, NO, vigorous, "asks for hard effort: withheld on poor recovery")
FIELD("intervention", noun_intervention, "raises_goal", KIND_BOOL, NO, raises_goal, "raises a goal: withheld from minors")
LIST("intervention", noun_intervention, "needs", KIND_TEXTS, NO, needs, need_count, "the names that its functions read")

FIELD("choose", noun_choose, "why", KIND_TEXT, NO, why, "the reason for this way")
CHOICE("choose", noun_choose, "by", KIND_CHOICE, YES, by, "score|random|thompson|plugin", "how the option is picked")
FIELD("choose", noun_choose, "effectiveness", KIND_SHARE, NO, effectiveness, "weight of the base effectiveness; 0.4")
FIELD("choose", noun_choose, "match", KIND_SHARE, NO, match, "weight of the personality match; 0.3")
FIELD("choose", noun_choose, "history", KIND_SHARE, NO, history, "weight of the user's past responses; 0.2")
FIELD("choose", noun_choose, "context", KIND_SHARE, NO, context, "weight of the fit to the moment; 0.1")

FIELD("experiment", noun_experiment, "why", KIND_TEXT, YES, why, "the question")
FIELD("experiment", noun_experiment, "at", KIND_TEXT, YES, at_point, "the decision point: \"trigger:evening_slump\"")
CHOICE("experiment", noun_experiment, "randomise", KIND_CHOICE, YES, randomise, "user|decision", "what is drawn for")
FIELD("experiment", noun_experiment, "revision", KIND_COUNT, NO, revision, "raise it when arms change; 1 when left out")
LIST("experiment", noun_experiment, "arms", KIND_ARMS, YES, arms, arm_count, "name = { weight = …, send = … }; the weights sum to 1")
LIST("experiment", noun_experiment, "strata", KIND_TEXTS, NO, strata, strata_count,
     "features or profile fields whose values stand in the decision of a person's first exposure, to compare within; nothing is drawn by "
     "them")
FIELD("experiment", noun_experiment, "outcome", KIND_OUTCOME, YES, outcome_metric, "{ metric = …, within = … }: what is compared")
FIELD("experiment", noun_experiment, "available", KIND_RULE, NO, available, "false or unknown: no draw")
LIST("experiment", noun_experiment, "needs", KIND_TEXTS, NO, needs, need_count, "the names that its function reads")
FIELD("experiment", noun_experiment, "metrics", KIND_TABLE, NO, metrics, "names of further metrics to measure by arm")
FIELD("experiment", noun_experiment, "guardrails", KIND_TABLE, NO, guardrails,
      "metric = margin: beyond doubt worse by more than that, and the experiment ends")
FIELD("experiment", noun_experiment, "stop", KIND_TABLE, NO, stop, "users, decisions, days: at the first of them the experiment ends")
FIELD("experiment", noun_experiment, "minors", KIND_BOOL, NO, minors, "has no effect: minors are in no experiment")

FIELD("experiment.arms", noun_arm, "weight", KIND_SHARE, YES, weight, "the probability of this arm")
FIELD("experiment.arms", noun_arm, "send", KIND_SEND, NO, send, "an intervention, or nothing; left out: what the trigger offers")

FIELD("experiment.outcome", noun_experiment, "metric", KIND_TEXT, YES, outcome_metric, "the metric's name")
FIELD("experiment.outcome", noun_experiment, "within", KIND_DURATION, YES, outcome_within, "seconds after the decision that count")

FIELD("rollout", noun_rollout, "why", KIND_TEXT, YES, why, "the reason for the change")
LIST("rollout", noun_rollout, "gates", KIND_TEXTS, YES, gates, gate_count,
     "what it gates: \"trigger:x\", \"intervention:x\", \"experiment:x\", \"model:x\"")
LIST("rollout", noun_rollout, "stages", KIND_STAGES, YES, stages, stage_count, "the stages in order, shares rising")
FIELD("rollout", noun_rollout, "advance", KIND_CONDITION, NO, advance,
      "brings the rollout to its next stage by itself once `hold` is over; unknown: stay")
FIELD("rollout", noun_rollout, "halt", KIND_CONDITION, NO, halt, "halts the rollout by itself; unknown: go on")
FIELD("rollout", noun_rollout, "approvals", KIND_COUNT, NO, approvals,
      "people who must agree to a step before it is taken, each under a name of their own")
LIST("rollout", noun_rollout, "needs", KIND_TEXTS, NO, needs, need_count, "the names that the functions of its stages read")

FIELD("rollout.stages", noun_stage, "name", KIND_NAME, YES, name, "the stage's name")
FIELD("rollout.stages", noun_stage, "share", KIND_SHARE, YES, share, "the share of users, 0 to 1 or \"5%\"")
FIELD("rollout.stages", noun_stage, "hold", KIND_DURATION, NO, hold,
      "seconds that it lasts before `advance` may act; `order` counts by it; by hand you may go on sooner")
FIELD("rollout.stages", noun_stage, "only", KIND_RULE, NO, only, "who may enter; left out: everyone")
CHOICE("rollout.stages", noun_stage, "order", KIND_CHOICE, NO, order, "risk",
       "who bears more change enters first: by the segments' `risk`, a quarter of `hold` after each other")

FIELD("policy", noun_policy, "why", KIND_TEXT, NO, why, "the reason; needed with consent = \"by_enrolment\"")
FIELD("policy", noun_policy, "quiet", KIND_QUIET, NO, quiet_from, "{ from = \"20:30\", to = \"08:30\" }: holds 21:00 to 08:00 at least")
FIELD("policy", noun_policy, "per_day", KIND_COUNT, NO, per_day, "sends in 24 hours, at most 3")
FIELD("policy", noun_policy, "per_week", KIND_COUNT, NO, per_week, "sends in 7 days, at most 12")
FIELD("policy", noun_policy, "gap", KIND_DURATION, NO, gap, "seconds between two sends, at least 1 hour")
FIELD("policy", noun_policy, "holdout", KIND_SHARE, NO, holdout, "the share of users who get nothing")
FIELD("policy", noun_policy, "minors_nothing", KIND_BOOL, NO, minors_nothing, "nothing at all to minors")
FIELD("policy", noun_policy, "strict", KIND_BOOL, NO, strict, "refuses events of types that no event noun declares")
CHOICE("policy", noun_policy, "consent", KIND_CHOICE, NO, consent, "explicit|by_enrolment",
       "by_enrolment: who enrolled the users took their consent")

FIELD("policy.quiet", noun_policy, "from", KIND_TIME, YES, quiet_from, "local time from which nothing is sent")
FIELD("policy.quiet", noun_policy, "to", KIND_TIME, YES, quiet_to, "local time until which nothing is sent")

FIELD("metric", noun_metric, "doc", KIND_TEXT, NO, doc, "what the figure says, for people")
FIELD("metric", noun_metric, "unit", KIND_TEXT, NO, unit, "the unit of the figure: \"share\", \"minutes\"")
CHOICE("metric", noun_metric, "per", KIND_CHOICE, YES, per, "user|decision", "whose outcome it is: a user's, or that of one decision")
CHOICE("metric", noun_metric, "measure", KIND_CHOICE, NO, measure, "happened|count|sum|mean|rate",
       "how the events of the window become a number; happened: 1 when there was one, else 0")
FIELD("metric", noun_metric, "of", KIND_EVENT_NAME, NO, of, "the event type that is measured")
FIELD("metric", noun_metric, "field", KIND_TEXT, NO, field, "the field of the event that is summed or averaged")
FIELD("metric", noun_metric, "where", KIND_CONDITION, NO, where, "which events count")
FIELD("metric", noun_metric, "over", KIND_EVENT_NAME, NO, over, "with measure = \"rate\": the event type that `of` is a share of")
FIELD("metric", noun_metric, "value", KIND_EXPRESSION, NO, value,
      "instead of events: an expression over the user's features at the end of the window")
FIELD("metric", noun_metric, "window", KIND_DURATION, NO, window,
      "seconds after the decision, or after a user's first exposure; left out: the `within` of whoever uses it")
CHOICE("metric", noun_metric, "better", KIND_CHOICE, NO, better, "higher|lower", "which way is better; higher when left out")

FIELD("scenario", noun_scenario, "given", KIND_TABLE, NO, given, "profile, features, beliefs, draw, history before the event")
FIELD("scenario", noun_scenario, "event", KIND_TABLE, NO, event, "the event: type, at, data, context")
FIELD("scenario", noun_scenario, "expect", KIND_TABLE, YES, expect, "what must come out: send, because, …")
FIELD("scenario", noun_scenario, "repeats", KIND_COUNT, NO, repeats,
      "a property: so many runs, each with values of its own, at most 10 000")

#undef YES
#undef NO
