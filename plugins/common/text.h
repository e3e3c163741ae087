/* Files of the field that are text: read whole, then cut into lines and words. As hostile as any state. */
#ifndef KAIROS_COMMON_TEXT_H
#define KAIROS_COMMON_TEXT_H
#include "kairos_plugin.h"

#define TEXT_MOST (UINT64_C(64) << 20)

struct text { /* closed by a NUL; cut as it is read */
  char *bytes;
  size_t size;
  char *at, *end;
  unsigned line; /* number of the last one cut */
};

/* The whole file; `what` begins the sentences. It has no NUL, and 1 to TEXT_MOST bytes. text_free in any case. [build] */
kairos_status text_read(struct text *t, const kairos_host *host, const kairos_reader *reader, const char *what, kairos_error *error);
void text_free(struct text *t, const kairos_host *host);

char *text_line(struct text *t); /* the next line without its end; NULL at the end of the text */
char *text_word(char **rest);    /* cuts the next word off the front; NULL when there is none */
/* Plain decimal numbers within ±1e308 and counts of up to `most`; false for anything else, NULL too. No hexadecimal, nan or inf. */
bool text_number(const char *word, double *value);
bool text_count(const char *word, uint32_t most, uint32_t *value);

#endif
