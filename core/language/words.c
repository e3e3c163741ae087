/* The words of the language as data: every global, the members of the libraries, the nouns with a line each, and the field tables as JSON.
 * Editors, the manual and the API are made from them; tests hold them to what the sandbox really has. [any] */
#include "kit/json.h"
#include "sandbox.h"
#include <string.h>

/* Sorted by bytes. */
const char *const *language_words(size_t *count) {
  static const char *const words[] = {"assert",  "choose",    "day",      "days",    "error",        "event",  "every",   "experiment",
                                      "feature", "follow_up", "hour",     "hours",   "intervention", "ipairs", "math",    "metric",
                                      "minute",  "minutes",   "model",    "nothing", "pairs",        "pcall",  "percent", "policy",
                                      "rollout", "scenario",  "second",   "seconds", "segment",      "select", "silence", "string",
                                      "table",   "tonumber",  "tostring", "trigger", "type",         "utf8",   "week",    "weeks"};
  *count = sizeof words / sizeof *words;
  return words;
}

#define MEMBERS_MOST 24
const char *const *language_members(const char *library, size_t *count) {
  static const struct {
    const char *library, *members[MEMBERS_MOST];
  } lists[] = {
      {"math", {"abs", "ceil", "exp", "floor", "huge", "log", "max", "min", "pi", "pow", "sqrt", "tointeger", "type"}},
      {"string", {"byte", "find", "format", "len", "lower", "rep", "sub", "upper"}},
      {"table", {"concat", "insert", "remove", "sort", "unpack"}},
      {"utf8", {"char", "codepoint", "len"}},
  };
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    if (strcmp(lists[i].library, library) != 0) continue;
    *count = 0;
    while (*count < MEMBERS_MOST && lists[i].members[*count]) ++*count;
    return lists[i].members;
  }
  return NULL;
}

const struct noun_doc *language_nouns(size_t *count) {
  static const struct noun_doc nouns[] = {
      {"event", "the vocabulary: what an application tells, and what its fields hold"},
      {"feature", "a figure about a user: a window over events, or an expression over other figures"},
      {"model", "a plugin that turns features into predictions"},
      {"segment", "a named group of users"},
      {"trigger", "a decision point and its rule: when it is asked, and what must be true"},
      {"intervention", "an option: a message, and when it may be sent"},
      {"choose", "how one of several options is picked"},
      {"experiment", "a question, and the arms that answer it"},
      {"rollout", "how something new reaches more and more users"},
      {"policy", "safeguards, inside what the engine allows anybody"},
      {"metric", "how an outcome is measured"},
      {"scenario", "a test: what is given, what happens, what must come out"},
  };
  *count = sizeof nouns / sizeof *nouns;
  return nouns;
}

static void describe_fields(struct json_writer *w, const char *noun) {
  size_t count;
  const struct field_doc *docs = language_fields(&count);
  json_key(w, "fields");
  json_open_array(w);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(docs[i].noun, noun) != 0) continue;
    json_open_object(w);
    json_pair_text(w, "field", docs[i].field);
    json_pair_text(w, "type", docs[i].type);
    json_pair_bool(w, "required", docs[i].required);
    json_pair_text(w, "doc", docs[i].doc);
    json_close_object(w);
  }
  json_close_array(w);
}

static void describe_shapes(struct json_writer *w, const char *noun) {
  size_t count, length = strlen(noun);
  const struct field_doc *docs = language_fields(&count);
  json_key(w, "shapes");
  json_open_array(w);
  for (size_t i = 0; i < count; i++) {
    bool within = strncmp(docs[i].noun, noun, length) == 0 && docs[i].noun[length] == '.';
    if (!within || (i > 0 && strcmp(docs[i].noun, docs[i - 1].noun) == 0)) continue;
    json_open_object(w);
    json_pair_text(w, "shape", docs[i].noun);
    describe_fields(w, docs[i].noun);
    json_close_object(w);
  }
  json_close_array(w);
}

void language_describe(struct json_writer *w) {
  size_t count;
  const struct noun_doc *nouns = language_nouns(&count);
  json_open_array(w);
  for (size_t i = 0; i < count; i++) {
    json_open_object(w);
    json_pair_text(w, "noun", nouns[i].word);
    json_pair_text(w, "doc", nouns[i].doc);
    describe_fields(w, nouns[i].word);
    describe_shapes(w, nouns[i].word);
    json_close_object(w);
  }
  json_close_array(w);
}
