/* model: what plugin.c, model.c, formats.c, session.c and train.c share. Private to host. */
#pragma once
#include "host.h"
#include "kairos_plugin.h"
#include "kit/hash.h"
#include "meter.h"

struct plugin {
  const kairos_plugin *table;
  unsigned char sha256[HASH_SHA256];
  struct meter meter; /* the library's own host, for kairos_plugin_v1 */
  struct plugin *next;
};

struct trained {
  const struct plugin *plugin;
  const char *name;   /* in the arena */
  struct meter meter; /* its address is the model's host */
  kairos_model *model;
  bool loaded;
  const kairos_schema *inputs, *outputs;
  struct plugin_field *input_fields, *output_fields;
  struct str fields; /* packed, in the arena */
  unsigned char schema[HASH_SHA256];
  struct arena arena;
};

/* Bytes for a plugin to read (`left` moves on as it does), and a place for it to write. */
kairos_reader model_reader(struct str *left);
kairos_writer model_writer(struct buf *out);
/* The body of a state into the model; a refusal leaves it as it was. */
bool model_take_body(struct trained *m, struct str body, uint32_t state_version, struct err *e);
bool model_seal(const struct trained *m, struct str metrics_json, struct str body, struct buf *envelope, struct err *e);
