/* Text files for importers. Promises that nothing beyond the announced length is asked for, that a file with a NUL is no text, and that
 * every line and word ends in a NUL of its own. Called while a model is built. */
#include "common/text.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <stdlib.h>
#include <string.h>

kairos_status text_read(struct text *t, const kairos_host *host, const kairos_reader *reader, const char *what, kairos_error *error) {
  *t = (struct text){0};
  if (reader->length == 0 || reader->length > TEXT_MOST)
    return refuse(error, KAIROS_BAD_STATE, "%s: expected 1 to %zu bytes, got %zu", what, (size_t)TEXT_MOST, (size_t)reader->length);
  t->size = (size_t)reader->length;
  t->bytes = memory_take(host, t->size + 1, 1);
  if (!t->bytes) return refuse(error, KAIROS_NO_MEMORY, "%s: no memory for its %zu bytes", what, t->size);
  t->at = t->bytes;
  t->end = t->bytes + t->size;
  size_t have = 0;
  for (size_t got; have < t->size && (got = reader->read(reader, t->bytes + have, t->size - have)) > 0;) have += got;
  if (have < t->size) return refuse(error, KAIROS_BAD_STATE, "%s: it ends at byte %zu of %zu", what, have, t->size);
  const char *nul = memchr(t->bytes, 0, t->size);
  if (nul) return refuse(error, KAIROS_BAD_STATE, "%s: a NUL at byte %zu, so it is no text", what, (size_t)(nul - t->bytes));
  return KAIROS_OK;
}

void text_free(struct text *t, const kairos_host *host) {
  memory_give(host, t->bytes, t->size + 1, 1);
}

char *text_line(struct text *t) {
  if (t->at >= t->end) return NULL;
  char *line = t->at, *stop = memchr(line, '\n', (size_t)(t->end - line));
  if (!stop) stop = t->end;
  t->at = stop + 1;
  *stop = 0;
  if (stop > line && stop[-1] == '\r') stop[-1] = 0;
  t->line++;
  return line;
}

char *text_word(char **rest) {
  char *word = *rest + strspn(*rest, " \t");
  if (!*word) return NULL;
  *rest = word + strcspn(word, " \t");
  if (**rest) *(*rest)++ = 0;
  return word;
}

bool text_number(const char *word, double *value) {
  if (!word || !*word || strspn(word, "0123456789+-.eE") != strlen(word)) return false;
  char *end;
  *value = strtod(word, &end);
  return *end == 0 && *value - *value == 0;
}

bool text_count(const char *word, uint32_t most, uint32_t *value) {
  if (!word || !*word || strlen(word) > 9 || strspn(word, "0123456789") != strlen(word)) return false;
  *value = (uint32_t)strtoul(word, NULL, 10);
  return *value <= most;
}
