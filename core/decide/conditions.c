/* conditions: which fields of a trigger or an intervention hold conditions, for whoever looks at rules from outside (coverage of
 * scenarios). Pure; any thread. */
#include "rules_inside.h"

static size_t put(struct rule_condition *out, size_t count, const char *field, const struct expression *condition) {
  if (condition) out[count++] = (struct rule_condition){field, condition};
  return count;
}

size_t trigger_conditions(const struct rules *r, uint32_t trigger, struct rule_condition out[2]) {
  const struct trigger *t = &r->triggers[trigger];
  return put(out, put(out, 0, "when", t->when), "available", t->available);
}

size_t option_conditions(const struct rules *r, uint32_t option, struct rule_condition out[2]) {
  const struct option *o = &r->options[option];
  return put(out, put(out, 0, "accept", o->accept), "available", o->available);
}
