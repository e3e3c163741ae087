/* Field tables at work, private to language/: fields.c has the table and the setter, field_kinds.c one reader per kind, field_lists.c the
 * kinds that hold further tables, noun_checks.c what a single field cannot say. */
#pragma once
#include "kit/arena.h"
#include "language/language.h"

enum field_kind {
  KIND_TEXT,
  KIND_NAME,
  KIND_EVENT_NAME,
  KIND_WORD,
  KIND_CONDITION,
  KIND_EXPRESSION,
  KIND_RULE,
  KIND_FIGURE,
  KIND_NUMBER,
  KIND_COUNT,
  KIND_BOOL,
  KIND_DURATION,
  KIND_SHARE,
  KIND_TIME,
  KIND_CHOICE,
  KIND_FIELD_TYPE,
  KIND_VALUE,
  KIND_TABLE,
  KIND_SEND,
  KIND_NAMES,
  KIND_TEXTS,
  KIND_MOMENTS,
  KIND_MESSAGES,
  KIND_EXPRESSIONS,
  KIND_EVENT_FIELDS,
  KIND_OUTPUTS,
  KIND_ARMS,
  KIND_STAGES,
  KIND_OUTCOME,
  KIND_QUIET,
  KIND_COUNT_OF_KINDS,
};

/* What each kind looks like: in the documents, and in an editor. */
#define TEXT_KIND_TEXT           "text"
#define TEXT_KIND_NAME           "name"
#define TEXT_KIND_EVENT_NAME     "event type"
#define TEXT_KIND_WORD           "word"
#define TEXT_KIND_CONDITION      "condition"
#define TEXT_KIND_EXPRESSION     "expression"
#define TEXT_KIND_RULE           "condition or function"
#define TEXT_KIND_FIGURE         "expression or function"
#define TEXT_KIND_NUMBER         "number"
#define TEXT_KIND_COUNT          "whole number"
#define TEXT_KIND_BOOL           "true or false"
#define TEXT_KIND_DURATION       "duration"
#define TEXT_KIND_SHARE          "share"
#define TEXT_KIND_TIME           "time of day"
#define TEXT_KIND_VALUE          "number, text, true or false"
#define TEXT_KIND_TABLE          "table"
#define TEXT_KIND_SEND           "name or nothing"
#define TEXT_KIND_NAMES          "list of names"
#define TEXT_KIND_TEXTS          "list of texts"
#define TEXT_KIND_MOMENTS        "list of event types and moments"
#define TEXT_KIND_MESSAGES       "table of texts by language"
#define TEXT_KIND_EXPRESSIONS    "table of expressions or functions by placeholder"
#define TEXT_KIND_EVENT_FIELDS   "table of event.fields"
#define TEXT_KIND_OUTPUTS        "list of names, or table of model.outputs"
#define TEXT_KIND_ARMS           "table of experiment.arms"
#define TEXT_KIND_STAGES         "list of rollout.stages"
#define TEXT_KIND_OUTCOME        "table experiment.outcome"
#define TEXT_KIND_QUIET          "table policy.quiet"
#define EDITOR_KIND_TEXT         "string"
#define EDITOR_KIND_NAME         "string"
#define EDITOR_KIND_EVENT_NAME   "string"
#define EDITOR_KIND_WORD         "string"
#define EDITOR_KIND_CONDITION    "string"
#define EDITOR_KIND_EXPRESSION   "string|number"
#define EDITOR_KIND_RULE         "string|kairos.condition"
#define EDITOR_KIND_FIGURE       "string|number|kairos.figure"
#define EDITOR_KIND_NUMBER       "number"
#define EDITOR_KIND_COUNT        "integer"
#define EDITOR_KIND_BOOL         "boolean"
#define EDITOR_KIND_DURATION     "number"
#define EDITOR_KIND_SHARE        "number|string"
#define EDITOR_KIND_TIME         "string"
#define EDITOR_KIND_VALUE        "number|string|boolean"
#define EDITOR_KIND_TABLE        "table"
#define EDITOR_KIND_SEND         "string|kairos.nothing"
#define EDITOR_KIND_NAMES        "string|string[]"
#define EDITOR_KIND_TEXTS        "string|string[]"
#define EDITOR_KIND_MOMENTS      "string|kairos.moment|(string|kairos.moment)[]"
#define EDITOR_KIND_MESSAGES     "table<string, string>"
#define EDITOR_KIND_EXPRESSIONS  "table<string, string|number|kairos.value>"
#define EDITOR_KIND_EVENT_FIELDS "table<string, string|kairos.event.fields>"
#define EDITOR_KIND_OUTPUTS      "string|string[]|table<string, string|kairos.model.outputs>"
#define EDITOR_KIND_ARMS         "table<string, kairos.experiment.arms>"
#define EDITOR_KIND_STAGES       "kairos.rollout.stages[]"
#define EDITOR_KIND_OUTCOME      "kairos.experiment.outcome"
#define EDITOR_KIND_QUIET        "kairos.policy.quiet"

struct field {
  enum field_kind kind;
  size_t offset, count_offset;
  const char *choices; /* "a|b|c" */
};

struct setting { /* one noun being set */
  struct arena *arena;
  struct findings *findings;
  const struct declared *at;
  const char *word;
  char path[120]; /* "arms.walk", empty at the top */
  bool failed;    /* memory */
  struct function_list *functions;
};

struct function_list { /* the functions of all nouns, in the order in which their fields were set */
  struct noun_function *at;
  size_t count, cap;
};

/* `trigger "x": ` and, within a table, `arms.walk: ` go in front of the sentence. */
void setting_problem(struct setting *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void setting_warning(struct setting *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t setting_enter(struct setting *s, struct str key); /* returns what setting_leave needs */
void setting_leave(struct setting *s, size_t was);

/* Sets every field of `noun` from the named part of `table` into `target`; unknown and missing fields become findings. */
void fields_set(struct setting *s, const char *noun, const struct node *table, void *target);

/* A reader puts the node's value at `to` (and its count at `count`); false after setting_problem. */
typedef bool field_reader(struct setting *s, const struct field *f, const struct node *n, const char *name, void *to, size_t *count);
field_reader *field_reader_of(enum field_kind kind);

/* Sets the field to the function's name and puts the function on the list; its needs come once the noun is whole. */
bool read_function(struct setting *s, const struct node *n, const char *name, enum function_gives gives, struct str *to);
void needs_check(struct setting *s, size_t first, const struct str *needs, size_t count, bool said);

field_reader read_event_fields, read_field_type, read_outputs, read_arms, read_send, read_stages, read_outcome, read_quiet, read_moments,
    read_text, read_choice;
bool wrong_type(struct setting *s, const char *name, const char *wanted, const struct node *n); /* always false */
void *setting_array(struct setting *s, size_t count, size_t size); /* never NULL for the caller to check: sets failed */

bool name_good(struct str name);       /* letters, digits, _ . - */
bool event_name_good(struct str name); /* also $ and inner spaces */
bool word_good(struct str name);       /* a name that conditions can read, and no reserved word */

void noun_prepare(int noun, void *target); /* the values of fields left out */
void noun_check(struct setting *s, int noun, void *target, const struct node *table, size_t first_function);
