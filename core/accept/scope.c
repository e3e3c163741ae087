/* Scopes: what a key may do. One list of words, used for reading, printing and asking. Default deny: no bit, no right. Called by the door
 * on the loop thread and by whoever makes keys. */
#include "accept.h"
#include "kit/str.h"
#include <stddef.h>

static const struct {
  const char *word;
  enum scope scope;
} scopes_known[] = {{"track", SCOPE_TRACK}, {"ingest", SCOPE_INGEST},   {"decide", SCOPE_DECIDE},
                    {"read", SCOPE_READ},   {"operate", SCOPE_OPERATE}, {"admin", SCOPE_ADMIN}};
#define SCOPE_COUNT (sizeof scopes_known / sizeof *scopes_known)

bool scope_allows(uint32_t held, enum scope wanted) {
  if (wanted == SCOPE_NONE || (held & SCOPE_ADMIN)) return true;
  if (wanted == SCOPE_TRACK) return (held & (SCOPE_TRACK | SCOPE_INGEST)) != 0;
  return (held & (uint32_t)wanted) == (uint32_t)wanted;
}

static bool scope_unknown(struct str word, struct err *e) {
  const char *words[SCOPE_COUNT];
  for (size_t i = 0; i < SCOPE_COUNT; i++) words[i] = scopes_known[i].word;
  const char *near = str_nearest(word, words, SCOPE_COUNT);
  const int shown = (int)(word.len < 40 ? word.len : 40);
  return err_set(e, ERR_INPUT, "expected scopes out of track, ingest, decide, read, operate, admin, came \"%.*s\"%s%s%s", shown, word.at,
                 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

bool scope_parse(struct str words, uint32_t *scopes, struct err *e) {
  *scopes = 0;
  if (str_trim(words).len == 0) return err_set(e, ERR_INPUT, "expected at least one scope, like \"ingest,read\"");
  for (struct str word; str_split(&words, ',', &word);) {
    word = str_trim(word);
    size_t i = 0;
    while (i < SCOPE_COUNT && !str_is(word, scopes_known[i].word)) i++;
    if (i == SCOPE_COUNT) return scope_unknown(word, e);
    *scopes |= (uint32_t)scopes_known[i].scope;
  }
  return true;
}

void scope_print(uint32_t scopes, struct buf *out) {
  bool any = false;
  for (size_t i = 0; i < SCOPE_COUNT; i++) {
    if (!(scopes & (uint32_t)scopes_known[i].scope)) continue;
    if (any) buf_char(out, ',');
    buf_text(out, scopes_known[i].word);
    any = true;
  }
}
