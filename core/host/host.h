/* host: everything dangerous about plugins. Copies, lints, probes and opens a .so; speaks kairos_plugin.h and nobody else in core does, but
 * for compute's calls through here. A model that is loaded is frozen; a session is a lane's scratch. Runs in process only for files whose
 * SHA-256 is in the list compiled into the engine (the shipped plugins); every other file runs in plugin hosts, a process for each model,
 * unless the operator allows it by name (isolate = "none"), see docs/PLUGINS.md. Callers see no difference but two: a hosted model is
 * started when it has its state, and a session says when its process is away. */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/str.h"

/* ---- hosts ---- */
/* Forks the small process that later forks probes and plugin hosts. To be called before there are threads; where nobody did, the first
 * hosted plugin does. argc and argv are the process's own: secrets in them are wiped there. [main] */
bool host_begin(int argc, char **argv, struct err *e);
void host_end(void); /* it leaves, and with it all hosts; models must be freed. [main] */
/* First thing in main: a process that was started to replace a lost zygote becomes it here, and never returns. Where nobody calls this, and
 * where there is no /proc, a lost zygote is replaced by forking the process that has threads by then. [main] */
void host_reborn(int argc, char **argv);

/* ---- plugins ---- */
struct plugin;  /* an opened library; in process it is kept until exit (never dlclose'd) */
struct trained; /* a model with its weights, frozen; immutable, any thread */
struct session; /* one lane's scratch for one model */

struct plugin_field {
  const char *name, *unit, *doc;
  uint32_t width;
  double low, high;
};
/* Copies `path` to `store_directory`/<sha256>.so while hashing, lints the ELF without running it, probes it in a child under limits (load,
 * describe), and opens it: in this process when it was built with this engine, else for plugin hosts. [builder] */
bool plugin_open(const char *path, const char *store_directory, struct plugin **out, struct err *e);
/* Whoever built it: in hosts (isolate = "process"), or inside the engine's process with all that this means (isolate = "none": only an
 * operator's explicit word, tools and tests). [builder] */
bool plugin_open_hosted(const char *path, const char *store_directory, struct plugin **out, struct err *e);
bool plugin_open_unlisted(const char *path, const char *store_directory, struct plugin **out, struct err *e);
void plugin_close(struct plugin *p); /* models made from it keep what they need. [builder] */
bool plugin_is_hosted(const struct plugin *p);
const char *plugin_id(const struct plugin *p);
const char *plugin_version(const struct plugin *p);
const unsigned char *plugin_sha256(const struct plugin *p);
bool plugin_lint(
    const char *path,
    struct err *e); /* ELF class, machine, one export, no executable stack, no text relocations, allowed imports; runs nothing */
bool plugin_probe(const char *path, int64_t limit_ms,
                  struct err *e); /* in a child: loads and describes itself; a crash, hang, exit or fork is a sentence */

/* A model: created from its configuration (JSON text, with the inputs), state loaded from an envelope. [builder] */
struct model_spec {
  const char *name;          /* for sentences */
  const char *const *inputs; /* in order */
  size_t input_count;
  struct str config; /* JSON object */
};
bool model_create(const struct plugin *p, const struct model_spec *spec, struct trained **out, struct err *e);
/* The envelope (magic, plugin id, version, state_version, schema digest, metrics JSON, body length, SHA-256) is checked before the plugin
 * sees a byte. */
bool model_load(struct trained *m, struct str envelope, struct err *e);
/* The model is complete: a hosted one's process is started now, if its state has not done so already. [builder] */
bool model_start(struct trained *m, struct err *e);
bool model_save(const struct trained *m, struct str metrics_json, struct buf *envelope, struct err *e);
bool model_outputs(const struct trained *m, const struct plugin_field **fields, size_t *count);
bool model_inputs(const struct trained *m, const struct plugin_field **fields, size_t *count);
/* Weights from a file of the field that the plugin reads (svr: "libsvm") instead of an envelope; then model_save. `format` NULL: the only
 * one that the plugin reads. And back, into such a file. What the plugin cannot do is refused with what it can. [builder] */
bool model_import(struct trained *m, const char *format, struct str file, struct err *e);
bool model_export(const struct trained *m, const char *format, struct buf *file, struct err *e);
size_t model_formats(const struct trained *m, bool reading, struct buf *names); /* how many it reads, or writes; "a, b" [builder] */
size_t model_memory(const struct trained *m);                                   /* bytes held now, sessions included [any] */
void model_free(struct trained *m);
/* How a hosted model's process fares. False: it runs in this process. [any] */
struct model_host {
  uint32_t starts, crashes; /* of its processes so far */
  int32_t pid;              /* 0: none now */
  bool suspended;           /* it crashed or hung three times in a minute, and is not started again */
  char why[500];            /* of the last crash; "" when there was none */
};
bool model_hosted(const struct trained *m, struct model_host *out);
/* What an envelope says of itself, without a plugin. */
struct envelope {
  struct str plugin, version, metrics;
  uint32_t state_version;
  struct str fields;        /* packed: name, type, width, unit of inputs, then outputs */
  unsigned char schema[32]; /* SHA-256 of `fields` */
  struct str body;
};
bool envelope_read(struct str bytes, struct envelope *out, struct err *e);

/* A lane waits no longer for a plugin host, from the call on: the fallback stands within 5 ms, being woken included. */
#define SESSION_PATIENCE_MS 4
bool session_open(const struct trained *m, uint32_t rows_most, struct session **out, struct err *e); /* [lane] */
void session_close(struct session *s);
void session_patience(struct session *s, int64_t ns); /* less than a lane's: a budget; more: for who is no lane */
/* Columns in declared order: inputs[c][r] with valid[c] bit r (NULL = all valid); outputs likewise. Rows whose output is not finite or
 * leaves [low, high] come back invalid. seeds: one a row. False: the whole batch failed. [lane] */
bool session_predict(struct session *s, uint32_t rows, const double *const *inputs, const uint64_t *const *valid, const uint64_t *seeds,
                     double *const *outputs, uint64_t *const *output_valid, struct err *e);
/* Was it the plugin that failed in the last prediction, or was its process not there? */
enum session_absence {
  SESSION_THERE,     /* the plugin answered, well or not */
  SESSION_AWAY,      /* its process ended and is starting again: nobody waited */
  SESSION_BUSY,      /* it has not done with an earlier question (nobody waited), or had no processor: this machine is busy */
  SESSION_LATE,      /* no answer in time, and it is at fault */
  SESSION_SUSPENDED, /* its process is not started again */
};
enum session_absence session_absence(const struct session *s);

/* Training in a child process with limits; rows are columns again, y is one target. `progress` gets 0–1 and a word with figures; returning
 * false cancels. [tool] */
struct training {
  uint32_t rows;
  const double *const *inputs;
  const uint64_t *const *valid;
  const double *target;
  const uint64_t *seeds;
  int64_t limit_ms;
  size_t memory_limit;
  bool (*progress)(void *context, double share, const char *note);
  void *context;
};
bool model_train(const struct plugin *p, const struct model_spec *spec, const struct training *t, struct str metrics_json,
                 struct buf *envelope, struct err *e);

/* ---- conform [tool] ---- */
/* Holds a plugin against the contract, each check in a child under limits. */
struct conform_options {
  const char *only;   /* "group" or "group/check"; NULL: all */
  const char *config; /* JSON; NULL: {} when it takes that, else two inputs called a and b */
  struct str state;   /* an envelope; empty: trained here, or none */
  uint64_t seed;
  int64_t limit_ms; /* of one check */
  bool in_process;  /* without child and jail, for a debugger */
  bool named;       /* its file's name is the one that it is to be found by */
};
struct conform_result {
  const char *group, *check;
  enum { CONFORM_HOLDS, CONFORM_FAILS, CONFORM_SKIPPED } end;
  const char *words; /* why it failed or was skipped, else "" */
  int64_t ms;
};
/* Reports every check in order; `*failed` counts. False: nothing could be tried at all. */
bool plugin_conform(const char *path, const struct conform_options *options, void (*report)(void *context, const struct conform_result *r),
                    void *context, size_t *failed, struct err *e);
/* How far each input moved one row's output from what the model expects of nobody in particular, as the plugin works it out
 * ("kairos.explain/1"); one number an input, in order. False, ERR_MISSING: the plugin does not, or runs in a process of its own. [lane] */
struct explanation {
  const char *method, *scale; /* the plugin's words */
  double base;
};
bool session_explain(struct session *s, uint32_t output, const double *const *inputs, const uint64_t *const *valid, double *contributions,
                     struct explanation *out, struct err *e);
