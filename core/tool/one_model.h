/* One model of a program, opened by itself: for tools that make, move or ask it. */
#pragma once
#include "program/program.h"

struct usage;
struct one_model {
  struct program *program;
  const struct noun_model *noun;
  uint32_t index; /* among the program's models */
  struct model_spec spec;
  struct plugin *plugin;
  struct trained *model; /* created, without weights until loaded, imported or given */
  struct arena arena;
  bool told_constant; /* which inputs never vary was said */
  char store[4096];
  char state[4096]; /* where the model's file says that its state lies; "" when it says nothing */
};
/* `plugins` NULL: the engine's. The program's own states are not loaded and may be missing. False: call one_model_close all the same. */
/* The program and which of its models it is; no plugin. */
bool one_model_find(struct one_model *m, const char *program, const char *name, struct err *e);
/* MODEL was left out: says which of the program's models can be trained, or why none can be named; gives EXIT_USAGE. [main] */
int one_model_missing(const struct usage *u, const char *program);
bool one_model_open(struct one_model *m, const char *program, const char *name, const char *plugins, struct err *e);
bool one_model_fits(const struct one_model *m, struct err *e);             /* has the plugin the outputs that the model's file names? */
bool one_model_load(struct one_model *m, const char *path, struct err *e); /* the state; NULL: where the model's file says */
/* The weights as a state with these figures, into `path` or where the model's file says. Says on stderr what was written. */
bool one_model_write(struct one_model *m, const struct buf *metrics_json, const char *path, struct err *e);
bool one_model_renew(struct one_model *m, struct err *e); /* without weights and calibration again */
void one_model_close(struct one_model *m);
