/* boot: in a child, a library is loaded and a model made of it, behind bars. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include "kit/err.h"
#include "kit/str.h"
#include "meter.h"

/* How a plugin is confined; NULL: without threads, and jail_for_running. */
struct boot_jail {
  bool threads;           /* as jail_for_loading and jail_for_running take it; nothing else is looked at then */
  int bell, first, count; /* jail_for_answering's */
};
/* Loads `path` (constructors run under the first filter), then, under the second, asks it to describe itself and checks that. Sentences
 * have no subject: who listens knows whom it asked. */
const kairos_plugin *boot_library(const char *path, void (*tell)(struct str words), const struct boot_jail *jail, struct meter *meter,
                                  struct err *e);
struct boot_model {
  const char *config; /* JSON */
  struct str body;    /* of a state; at NULL: none */
  uint32_t state_version;
  bool import;  /* body is a file of another program instead, */
  size_t place; /* of this format */
};
/* A model with its weights, and what it takes and gives. */
bool boot_model(const kairos_plugin *t, struct meter *meter, const struct boot_model *from, kairos_model **model,
                const kairos_schema **inputs, const kairos_schema **outputs, struct err *e);

/* The one symbol of an opened library; NULL when it has none. Also used in the engine. */
kairos_entry *boot_entry(void *handle, const char *who, struct err *e);
