/* reasons: the one list of why nobody was disturbed (reasons.h), as constants, sentences and a look-up. Any thread. */
#include "decide/decide.h"
#include "reasons_words.h"
#include <stdbool.h>
#include <string.h>

#define REASON(name, word, english, russian) const char REASON_##name[] = word;
#include "reasons.h"
#undef REASON

static const struct {
  const char *word, *english, *russian;
} reasons[] = {
#define REASON(name, word, english, russian) {REASON_##name, english, russian},
#include "reasons.h"
#undef REASON
};

static const size_t reason_count = sizeof reasons / sizeof *reasons;

static bool same(const char *constant, const char *word, size_t length) {
  return strlen(constant) == length && memcmp(constant, word, length) == 0;
}

const char *reason_sentence(const char *word, size_t length, const char *language) {
  for (size_t i = 0; i < reason_count; i++)
    if (same(reasons[i].word, word, length)) return strcmp(language, "ru") == 0 ? reasons[i].russian : reasons[i].english;
  return word;
}

size_t reason_words(const char **words, size_t most) {
  const size_t count = reason_count < most ? reason_count : most;
  for (size_t i = 0; i < count; i++) words[i] = reasons[i].word;
  return count;
}

const char *reason_constant(const char *word, size_t length) {
  for (size_t i = 0; i < reason_count; i++)
    if (same(reasons[i].word, word, length)) return reasons[i].word;
  return NULL;
}
