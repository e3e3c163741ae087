/* model: what plugin.c, model.c, formats.c, session.c and train.c share. Private to host. */
#pragma once
#include "describe.h"
#include "host.h"
#include "hosted.h"
#include "kairos_plugin.h"
#include "kit/hash.h"
#include "meter.h"

struct plugin {
  const kairos_plugin *table;
  unsigned char sha256[HASH_SHA256];
  struct meter meter; /* the library's own host, for kairos_plugin_v1 */
  struct plugin *next;
  /* Of one that runs in hosts; it goes when nobody uses it any more. */
  bool hosted;
  uint32_t users;                /* who opened it, and models */
  struct description *described; /* its table is `table`: words and numbers, functions that refuse; NULL in this process */
  const char *path;              /* in the store */
  struct arena arena;
};
void plugin_hold(const struct plugin *p); /* one user more; plugin_close is one less */

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
  /* Of a hosted one. */
  struct str config; /* as the plugin gets it, with its closing NUL */
  struct buf body;   /* of its state */
  uint32_t state_version;
  struct hosted *host; /* NULL until it is started */
};

/* Bytes for a plugin to read (`left` moves on as it does), and a place for it to write. */
kairos_reader model_reader(struct str *left);
kairos_writer model_writer(struct buf *out);
/* The body of a state into the model; a refusal leaves it as it was. */
bool model_take_body(struct trained *m, struct str body, uint32_t state_version, struct err *e);
bool model_seal(const struct trained *m, struct str metrics_json, struct str body, struct buf *envelope, struct err *e);
/* What a hosted model does in a child of its own instead of here: its fields, from its configuration; the body that it saves, as it is or
 * after reading a file of format `place`; a file of format `place`. */
bool remote_describe(struct trained *m, struct err *e);
bool remote_save(const struct trained *m, struct buf *body, struct err *e);
bool remote_import(const struct trained *m, size_t place, struct str file, struct buf *body, struct err *e);
bool remote_export(const struct trained *m, size_t place, struct buf *file, struct err *e);
