/* Inside compute: a program's models as built. */
#pragma once
#include "features.h"

struct belief { /* one output of a model's file */
  const char *name;
  uint32_t model;
  uint32_t column;       /* the plugin's output */
  struct expression *as; /* over `value` in slot 0; NULL: as it is */
};
struct model {
  const struct noun_model *noun;
  const char *name;
  const char **inputs; /* feature names, in order */
  uint32_t *features;  /* their numbers */
  uint32_t input_count;
  uint32_t first, count;       /* its beliefs */
  uint32_t output_count;       /* the plugin's */
  const struct plugin *plugin; /* NULL: none was opened */
  struct trained *trained;     /* NULL: no plugin was to be opened, or it is wrong and the program refused */
};
struct models {
  struct model *at;
  uint32_t count;
  struct belief *beliefs;
  uint32_t belief_count;
  const struct features *features;
};

/* Lua data as JSON: lists as arrays, named tables as objects. [builder] */
void node_to_json(struct json_writer *w, const struct node *n);
/* The model's file's golden rows through a session; each that differs is a finding. [builder] */
void model_golden(const struct models *all, const struct model *m, struct findings *f);
struct value belief_value(const struct belief *b, double output); /* `as` applied, rounded to 1e-6 */
