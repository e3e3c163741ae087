/* A model's configuration: a strict reader of small JSON texts that copies nothing and needs no memory. A value is a view of the text. */
#ifndef KAIROS_COMMON_CONFIG_H
#define KAIROS_COMMON_CONFIG_H
#include "kairos_plugin.h"

#define CONFIG_DEPTH 16 /* deeper texts are refused */

struct config_value {
  const char *at, *end;
};
/* The whole text must be one JSON object, by the grammar. False with the place of the fault. [build] */
bool config_parse(const char *json, struct config_value *root, kairos_error *error);

/* Walks an object's members (key and value) or an array's elements (key is set empty): start with *cursor = NULL. */
bool config_each(struct config_value container, const char **cursor, struct config_value *key, struct config_value *value);
bool config_member(struct config_value object, const char *name, struct config_value *value); /* the first of that name */
bool config_key_is(struct config_value key, const char *name);

/* Each is false when the value is of another type. */
bool config_number(struct config_value v, double *out); /* finite */
bool config_bool(struct config_value v, bool *out);
bool config_text(struct config_value v, const char **text, size_t *length); /* a string without escapes, as a view */
bool config_is_object(struct config_value v);
bool config_is_array(struct config_value v);

#endif
