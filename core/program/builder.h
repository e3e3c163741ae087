/* The builder: one thread on which programs are read, built, tested and stored, and which watches a program's directory. Whatever takes
 * longer than a request may wait is an errand that is given to it; what comes of it is fetched by the main thread. */
#pragma once
#include "program/program.h"

/* ---- a draft: sources on their way to being a program ---- */
enum draft_kind { DRAFT_DIRECTORY, DRAFT_UPLOAD, DRAFT_STORED };
struct draft {
  enum draft_kind kind;
  struct arena arena;    /* of everything here but what was sent; freed by draft_free */
  struct arena sent;     /* what was sent, and `given`: megabytes, which the program has copied once it is built: freed by draft_build */
  const char *directory; /* DIRECTORY */
  const struct source *given; /* UPLOAD; gone once it is built */
  size_t given_count;
  const char *identity_wanted; /* STORED: what the store holds, by identity; or by digest: then with the plugins that are there now */
  struct library *library;
  struct program_from from;
  /* out */
  const struct program *program; /* held: read, built, tested and stored. NULL: refused */
  char digest[65];               /* empty: there was nothing to read */
  const char *identity;
  struct err unread;        /* why there is nothing to find anything in; ERR_NONE: there was */
  struct finding *findings; /* in the arena, also of a refused one */
  size_t finding_count, errors;
  struct source *files; /* in order of path; `text` has its length and no bytes */
  size_t file_count;
  int64_t took; /* ns */
};
struct draft *draft_new(enum draft_kind kind, struct library *library, const struct program_from *from);
/* Reads, builds, checks, runs the scenarios, stores, adds to the library. Never fails otherwise than by findings. [builder] */
void draft_build(struct draft *c);
/* Of a stored one, its name and what its files are: not built, and it holds no program. [main, before there is a builder] */
void draft_name(struct draft *c, const char *identity);
struct errand;
void draft_errand(struct errand *e);                      /* draft_build of its owner, as an errand's work [builder] */
void draft_free(struct draft *c);                         /* lets go of the program */
void draft_print(const struct draft *c, struct buf *out); /* file:line: level: text */
/* The paths that are in one of two lists only, or in both with other bytes; how many, at most `most`. [any] */
size_t files_changed(const struct source *a, size_t a_count, const struct source *b, size_t b_count, const char **paths, size_t most);
/* What a build of the directory would be made of: the digest of its sources (of a readable directory, the program's digest), and one of the
 * plugins' files. [builder] */
struct state_of_files {
  char sources[65], plugins[65];
};
/* A plugin is read again only when its file is otherwise than it was: megabytes for each saved rule would be. Starts as zero. */
struct plugin_memory {
  struct remembered *at;
  size_t count, cap;
};
void plugin_memory_free(struct plugin_memory *m);
void files_now(const char *directory, const char *plugin_directory, struct plugin_memory *m,
               struct state_of_files *out); /* m may be NULL */

/* ---- the thread ---- */
struct errand {
  void (*work)(struct errand *e); /* [builder] */
  void (*done)(struct errand *e); /* [main], in builder_done or builder_stop; frees it */
  void *owner, *context;
  bool worked;         /* false in `done`: the builder was stopped before its turn came */
  struct errand *next; /* the builder's own */
};
struct found {           /* the directory, or the plugins, are otherwise */
  struct draft *draft;   /* the directory's, built; whoever takes it puts NULL here. NULL: no directory is watched, or no memory */
  bool sources, plugins; /* what is otherwise */
  struct state_of_files files;
};
struct builder_options {
  struct library *library;
  struct program_from from;
  const char *directory;                         /* watched; NULL: none */
  struct state_of_files known;                   /* what the start has seen already */
  uint64_t settle_ms, rescan_ms;                 /* 0: 200, 2000 */
  void (*found)(void *context, struct found *f); /* [main], in builder_done */
  void (*wake)(void *context);                   /* [builder]: there is something for builder_done */
  void *context;
};
struct builder;
struct builder *builder_start(const struct builder_options *options, struct err *e); /* [main] */
void builder_ask(struct builder *b, struct errand *e);                               /* in order [main] */
void builder_tidy(struct builder *b);                                                /* soon: library_tidy, on its thread [main] */
void builder_done(struct builder *b);                                                /* fetches what is done [main] */
void builder_stop(struct builder *b); /* after the errand that runs now; the others' `done` is called all the same [main] */
