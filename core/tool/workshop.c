/* workshop: builds a program without a data directory, for check and test, and says to machines what was found in it. Plugins are copied to
 * a temporary store, which is removed with the program. Main thread. */
#include "workshop.h"
#include "arguments.h"
#include "kit/file.h"
#include "language/language.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool workshop_store(char *path, size_t size, struct err *e) {
  const char *base = getenv("TMPDIR");
  const bool named = base && base[0];
  if (!named) base = "/tmp";
  const int length = snprintf(path, size, "%s/kairos-XXXXXX", base);
  if (length > 0 && (size_t)length >= size) errno = ENAMETOOLONG;
  else if (mkdtemp(path)) return true;
  path[0] = 0;
  return err_set(e, ERR_STORAGE, "no temporary directory can be made in %.300s%s: %s", base, named ? " (TMPDIR)" : "", strerror(errno));
}

bool workshop_open(struct workshop *s, const char *directory, struct err *e) {
  *s = (struct workshop){0};
  if (!workshop_store(s->store, sizeof s->store, e)) return false;
  const struct program_from from = {.plugin_directory = tool_plugin_directory(), .store_directory = s->store};
  return (s->program = program_from_directory(directory, &from, e)) != NULL;
}

void workshop_close(struct workshop *s) {
  program_free(s->program);
  if (s->store[0]) file_remove_tree(s->store, NULL);
  *s = (struct workshop){0};
}

bool workshop_can_read(const char *directory, struct err *e) {
  struct program *p = program_from_directory(directory, &(struct program_from){0}, e);
  program_free(p);
  return p != NULL;
}

struct str finding_rule(const struct finding *f) {
  size_t count;
  const struct noun_doc *nouns = language_nouns(&count);
  for (size_t i = 0; i < count; i++) {
    const size_t word = strlen(nouns[i].word);
    if (strncmp(f->text, nouns[i].word, word) != 0 || strncmp(f->text + word, " \"", 2) != 0) continue;
    const char *end = strchr(f->text + word + 2, '"');
    return end ? (struct str){f->text, (size_t)(end + 1 - f->text)} : (struct str){0};
  }
  return (struct str){0};
}

void workshop_findings(const struct program *p, struct json_writer *w) {
  static const char *const levels[] = {"note", "warning", "error"};
  json_pair_int(w, "errors", (int64_t)p->findings.errors);
  json_key(w, "findings");
  json_open_array(w);
  for (size_t i = 0; i < p->findings.count; i++) {
    const struct finding *f = &p->findings.at[i];
    const struct str rule = finding_rule(f);
    json_open_object(w);
    json_pair_text(w, "file", f->file);
    json_pair_int(w, "line", f->line);
    json_key(w, "rule");
    if (rule.len) json_put_str(w, rule);
    else json_put_null(w);
    json_pair_text(w, "level", levels[f->level]);
    json_pair_text(w, "text", f->text);
    json_close_object(w);
  }
  json_close_array(w);
}
