/* describe: what a plugin and a model say of themselves, as bytes from a child to the engine. Written where the plugin runs, believed by
 * nobody: reading checks every count and name again. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/str.h"

#define DESCRIBE_MOST ((size_t)1 << 20) /* bytes */

/* A table with the same words and numbers whose functions refuse: in this process nothing of the plugin runs. What it can do shows in which
 * functions are there. */
struct description {
  kairos_plugin table;
  const char **imports, **exports; /* names of formats, as formats_list gives them */
  size_t import_count, export_count;
};
void describe_plugin(const kairos_plugin *t, struct buf *out);
bool describe_plugin_read(const char *who, struct str bytes, struct arena *a, struct description *out, struct err *e);

void describe_schemas(const kairos_schema *inputs, const kairos_schema *outputs, struct buf *out);
bool describe_schemas_read(const char *who, const kairos_plugin *t, struct str bytes, struct arena *a, const kairos_schema **inputs,
                           const kairos_schema **outputs, struct err *e);
