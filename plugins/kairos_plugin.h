/* kairos_plugin.h: the contract between Kairos and a model plugin, version 1.
 *
 * A plugin is one shared object that exports one function, kairos_plugin_v1. It turns columns of numbers into columns of numbers: the
 * engine asks for beliefs about people in batches, in the middle of a turn, and everything here follows from that.
 *
 *   library   const kairos_plugin *   static in the .so; describes itself; holds nothing
 *   model     kairos_model            weights; built on one thread, then frozen: every later call takes it const
 *   session   kairos_session          scratch of one lane; plugins that need none leave open and close NULL
 *
 * Learning never edits a model that is served: it makes a new one. So a prediction needs no lock.
 *
 * Versions. The major version is in the symbol's name. The minor version is the `size` that opens each struct: fields are appended,
 * never moved, removed or given another meaning, and KAIROS_HAS asks whether the other side knows one. Structs that would come in arrays
 * come in arrays of pointers, so that they can grow. What does not match is refused with a sentence, never guessed.
 *
 * Threads. Each function carries a tag:
 *   [build]    one thread at a time for one model, never a lane; may take its time
 *   [train]    in a process of its own, alone, which may be ended at any moment
 *   [predict]  many at once on one model, each with its own session
 *   [any]      whenever, wherever
 *
 * A plugin is deterministic: it has no clock, no chance (it is given a seed with each row), no files, no sockets, no threads. The engine
 * reads the .so's undefined symbols before it runs anything and refuses what could do otherwise; docs/PLUGINS.md has the list.
 *
 * Text is UTF-8 and ends in NUL. Strings and structs that a plugin hands out live as long as what they describe: the library's for
 * ever, a model's until destroy. Booleans of the ABI are C's bool. Bits are numbered from the least significant of the first word.
 */
#ifndef KAIROS_PLUGIN_H
#define KAIROS_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KAIROS_ABI_MAJOR 1
#define KAIROS_ABI_MINOR 0
#define KAIROS_ENTRY     "kairos_plugin_v1"

/* Does the struct that `s` points to reach as far as `field`? Ask before reading any field that version 1.0 did not have. */
#define KAIROS_HAS(type, s, field) ((s)->size >= offsetof(type, field) + sizeof((s)->field))

#if defined(__GNUC__)
#define KAIROS_EXPORT __attribute__((visibility("default")))
#else
#define KAIROS_EXPORT
#endif

/* ---- outcomes ---- */

/* What every call that can fail returns. 0 is success; an unknown other value counts as KAIROS_FAILED. */
typedef int32_t kairos_status;
enum {
  KAIROS_OK = 0,
  KAIROS_BAD_CONFIG = 1,  /* config_json is not what this plugin takes */
  KAIROS_BAD_STATE = 2,   /* bytes given to load are not a state of this model */
  KAIROS_BAD_INPUT = 3,   /* a batch has other columns than declared, or more rows than the session was opened for */
  KAIROS_NO_MEMORY = 4,   /* host->realloc said NULL */
  KAIROS_CANCELLED = 5,   /* host->cancelled said so */
  KAIROS_UNSUPPORTED = 6, /* this plugin cannot do that at all */
  KAIROS_FAILED = 7       /* anything else */
};

/* On the caller's stack; nobody frees it. `message` is a sentence for a person: what was expected, what came, where. */
typedef struct kairos_error {
  uint32_t size;
  kairos_status status;
  char message[248];
} kairos_error;

/* ---- what the engine offers ---- */

typedef enum kairos_log_level { KAIROS_LOG_DEBUG = 0, KAIROS_LOG_INFO = 1, KAIROS_LOG_WARN = 2, KAIROS_LOG_ERROR = 3 } kairos_log_level;

/* Given to kairos_plugin_v1, and to create: the second is the model's own, valid until its destroy returned. */
typedef struct kairos_host kairos_host;
struct kairos_host {
  uint32_t size;
  uint32_t abi_minor;
  void *context; /* the engine's */
  /* One line into the engine's log; never values about a person. [any] */
  void (*log)(const kairos_host *host, kairos_log_level level, const char *text);
  /* All memory of a model and its sessions. As realloc, but it is told the old size (0 with a NULL pointer); new_size 0 frees and
   * gives NULL. Counted and capped for each model: NULL means that there is no more. 16-byte aligned. [any] */
  void *(*realloc)(const kairos_host *host, void *old, size_t old_size, size_t new_size);
  /* UTC milliseconds since 1970, for notes in a log. What a model says may not depend on it. [build] [train] */
  int64_t (*now_ms)(const kairos_host *host);
  /* Should this work be given up? Asked at least every 50 ms by whatever takes longer; then return KAIROS_CANCELLED. [any] */
  bool (*cancelled)(const kairos_host *host);
  /* A further service by its name, a struct that begins with its size; NULL when this engine has none such. [any] */
  const void *(*service)(const kairos_host *host, const char *id);
};

/* Service "kairos.progress/1": how far a training is, 0 to 1, and a short note with figures. */
#define KAIROS_SERVICE_PROGRESS "kairos.progress/1"
typedef struct kairos_progress {
  uint32_t size;
  void (*report)(const kairos_host *host, double share, const char *note); /* [train] */
} kairos_progress;

/* ---- columns ---- */

/* Types of values. A later minor version may add some; a side that does not know one refuses the field. */
typedef enum kairos_type { KAIROS_F64 = 1 } kairos_type;

/* One input or output as declared. Its name, then its place in the order, are a contract: the engine stores a digest of all names,
 * types, widths and units with each state and never pairs a state with another one. */
typedef struct kairos_field {
  uint32_t size;
  uint32_t type;    /* kairos_type */
  uint32_t width;   /* values a row: 1, or a window such as 30 days of one feature, oldest first */
  uint32_t flags;   /* 0 */
  const char *name; /* unique among its side; letters, digits, _ and . */
  const char *unit; /* "" when it has none */
  const char *doc;  /* one sentence, or "" */
  double lo, hi;    /* outputs: a value outside makes its row absent; inputs: what the model has seen, -inf and inf when unknown */
} kairos_field;

typedef struct kairos_schema {
  uint32_t size;
  uint32_t count;
  const kairos_field *const *fields;
} kairos_schema;

/* The values of one field for all rows of a batch: value j of row r is number r * width + j, and so is its validity bit. */
typedef struct kairos_column {
  uint32_t size;
  uint32_t type;
  uint32_t width;
  uint32_t flags;  /* 0 */
  void *data;      /* of an input: read only */
  uint64_t *valid; /* bit 1 = there is a value; NULL = all are there (inputs only). Of an input: read only */
} kairos_column;

/* Missing values are validity bits, never magic numbers; what stands in `data` under a 0 bit means nothing. An output's bits are given
 * set: a plugin clears those of a row for which it has no answer. Columns stand in declared order. */
typedef struct kairos_batch {
  uint32_t size;
  uint32_t rows;
  uint32_t column_count;
  uint32_t flags; /* 0 */
  kairos_column *const *columns;
  const uint64_t *seeds; /* one a row, the only chance there is; NULL in output batches */
} kairos_batch;

/* ---- states ---- */

/* The engine writes the envelope round a state (plugin, versions, schema, checksum); these carry the plugin's own bytes: little-endian,
 * and the same bytes again for save, load, save. */
typedef struct kairos_reader kairos_reader;
struct kairos_reader {
  uint32_t size;
  uint32_t flags; /* 0 */
  void *context;
  uint64_t length; /* of the whole state: no count inside may promise more */
  /* Gives up to n bytes and says how many; fewer than asked is no end, 0 is. [build] */
  size_t (*read)(const kairos_reader *reader, void *to, size_t n);
};

typedef struct kairos_writer kairos_writer;
struct kairos_writer {
  uint32_t size;
  uint32_t flags; /* 0 */
  void *context;
  bool (*write)(const kairos_writer *writer, const void *from, size_t n); /* false: no room; give up. [build] [train] */
};

/* ---- the plugin ---- */

typedef struct kairos_model kairos_model;     /* the plugin's own */
typedef struct kairos_session kairos_session; /* the plugin's own */

/* Capabilities. The low half is advice; an engine that does not know a bit of the high half refuses the plugin. */
#define KAIROS_CAP_EXACT  (UINT64_C(1) << 0)  /* a batch gives the same bits as its rows one by one */
#define KAIROS_CAP_POLICY (UINT64_C(1) << 32) /* chooses: outputs `action` and `propensity`, and uses the seeds */

typedef struct kairos_plugin {
  uint32_t size;
  uint32_t abi_minor;
  uint64_t caps;
  uint32_t state_version;      /* of what save writes; load is given the version that a state was written with */
  uint32_t flags;              /* 0 */
  const char *id;              /* a–z, 0–9 and _; the file is called <id>.so */
  const char *version;         /* of the plugin, for people: "1.2.0" */
  const char *summary;         /* one sentence */
  const char *licence;         /* SPDX */
  const kairos_schema *inputs; /* NULL, one or both: of general shape, config_json says; then "kairos.schema/1" tells each model's */
  const kairos_schema *outputs;

  /* A model without weights from its configuration: a JSON object, syntax already checked by the engine but nothing else; "{}" must
   * be answered, not crash. On failure *model stays untouched and nothing is held. [build] [train] */
  kairos_status (*create)(const kairos_host *host, const char *config_json, kairos_model **model, kairos_error *error);
  /* Gives back all of it. Its sessions are closed. [build] [train] */
  void (*destroy)(kairos_model *model);

  /* Weights from bytes, which are hostile until shown otherwise: every count, index and number is checked before use. A failed load
   * leaves the model as create made it. Both or neither are NULL. [build] */
  kairos_status (*load)(kairos_model *model, const kairos_reader *reader, uint32_t state_version, kairos_error *error);
  kairos_status (*save)(const kairos_model *model, const kairos_writer *writer, kairos_error *error); /* [build] [train] */

  /* Learns weights from rows x (columns as inputs) and targets y (one column, width 1). One seed, one result. NULL: cannot. [train] */
  kairos_status (*train)(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error);

  /* Scratch for batches of up to max_rows. Both or neither are NULL; then predict is given NULL. [predict] */
  kairos_status (*open)(const kairos_model *model, uint32_t max_rows, kairos_session **session, kairos_error *error);
  void (*close)(kairos_session *session);

  /* Fills `out` for every row of `in`; any number of rows from 0. Changing nothing but `out` and the session. A failure makes the
   * whole batch absent; a single row without an answer is cleared validity bits. No allocation is expected here. [predict] */
  kairos_status (*predict)(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                           kairos_error *error);

  /* A further ability by its name, a static struct that begins with its size; NULL for a name that is not known. May be NULL. [any] */
  const void *(*extension)(const char *id);
} kairos_plugin;

/* The one export. `host` serves during this call only. A plugin that cannot work with this engine returns NULL; the engine asks the
 * returned size and minor version itself. Called once a process, before anything else. [build] */
typedef const kairos_plugin *kairos_entry(const kairos_host *host);
KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host);

/* ---- extensions ---- */

/* "kairos.schema/1": what a model of general shape takes and gives. Owned by the model. Required where inputs or outputs is NULL. */
#define KAIROS_EXTENSION_SCHEMA "kairos.schema/1"
typedef struct kairos_schema_of {
  uint32_t size;
  const kairos_schema *(*inputs)(const kairos_model *model);  /* [any] after create */
  const kairos_schema *(*outputs)(const kairos_model *model); /* [any] after create */
} kairos_schema_of;

/* "kairos.import/1": weights from a file of the field instead of a state, such as libsvm's model text; as hostile as any state. */
#define KAIROS_EXTENSION_IMPORT "kairos.import/1"
typedef struct kairos_import kairos_import;
struct kairos_import {
  uint32_t size;
  const char *format;                                                                                   /* "libsvm" */
  kairos_status (*import_state)(kairos_model *model, const kairos_reader *reader, kairos_error *error); /* [build] */
  const kairos_import *next; /* a further format of the same plugin, or NULL; ask KAIROS_HAS */
};

/* "kairos.export/1": the same the other way: a model's weights as a file of the field. */
#define KAIROS_EXTENSION_EXPORT "kairos.export/1"
typedef struct kairos_export kairos_export;
struct kairos_export {
  uint32_t size;
  const char *format;
  kairos_status (*export_state)(const kairos_model *model, const kairos_writer *writer, kairos_error *error); /* [build] */
  const kairos_export *next;                                                                                  /* or NULL */
};

/* "kairos.explain/1": how far each input moved an output from a base: what the model expects when nothing is known, unless `method` names
 * another one. For each row the base and its contributions add up to the model's own scale: what the output was before link and clamping
 * (log odds where `scale` says so). */
#define KAIROS_EXTENSION_EXPLAIN "kairos.explain/1"
typedef struct kairos_explain {
  uint32_t size;
  const char *method;                              /* for people: "TreeSHAP, path-dependent" */
  const char *(*scale)(const kairos_model *model); /* of base and contributions: "log odds", "the output's" [any] */
  /* Row r's contribution of input i (inputs in order, a window's values together) into contributions[r × inputs + i], its base into
   * base[r]. A row that predict would not answer gets NaN everywhere. The session is one of the same model. [predict] */
  kairos_status (*explain)(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                           double *contributions, double *base, kairos_error *error);
} kairos_explain;

#ifdef __cplusplus
}
#endif

#endif
