/* Which program a start runs, and what is written down when one becomes live. */
#pragma once
#include "program/builder.h"

/* What control.db says of the program that was made live last. */
struct last_program {
  char *identity;                /* NULL: none ever was; freed by chosen_free */
  char *before;                  /* what was live before that one: what an undo returns to; or NULL */
  char directory[65];            /* the sources that lay in the directory then: they have been acted on, whatever is live */
  char plugins[65];              /* of state_of_files */
  int64_t number;                /* of the fact */
  int64_t since, change;         /* UTC ms and number: of the fact that made it live in the place of another one */
  bool returned;                 /* the watch went back to it */
  struct program_health earlier; /* how the one before had fared until then */
};
struct chosen {
  struct draft *live;    /* holds the program to be made live */
  struct draft *refused; /* the directory's, when something is wrong with it; else NULL */
  struct state_of_files files;
  struct last_program last;
  char acted[65]; /* the directory's sources that stand decided: the same again change nothing */
  int64_t
      announced; /* number of the fact that makes `live` live in the place of another one; 0: it was live already. By whoever starts it */
};
/* Every program that control.db names becomes known to the library. Then: the directory's, if it is good and other than what was acted on;
 * else the last one, with the code that it ran with. What is wrong with the directory is in refused->findings and does not keep an
 * engine from starting once one has run. False: there is nothing to run. [builder, or main before there is one] */
bool program_choose(struct library *l, const struct program_from *from, const char *directory, struct chosen *out, struct err *e);
void chosen_free(struct chosen *c);

/* Writes into control.db that `p` becomes live: by whom, why, and what lies in the directory at this time. [builder, or main before there
 * is one] */
struct announcement {
  const struct program *program;
  const char *author, *from, *why; /* from: "directory", "upload", "undo", … */
  const char *acted, *plugins;     /* as in struct chosen and struct state_of_files */
  struct program_health before;    /* how the program that it follows has fared */
};
bool program_announce(struct book *b, const struct announcement *a, int64_t *number, struct err *e); /* number: the fact's */
