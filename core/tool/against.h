/* What would have been decided otherwise: one program against another, or against what is stored, over a journal or a file of events. */
#pragma once
#include "side.h"

enum change_kind { CHANGE_SAME, CHANGE_GAINED, CHANGE_LOST, CHANGE_CHANGED };
struct tally { /* of a rule, a segment, or all */
  const char *name;
  uint64_t changes[4]; /* by change_kind */
  uint64_t sends_before, sends_after;
};
struct tallies { /* sorted by name once done */
  struct tally *at;
  size_t count, cap;
};
struct changed { /* one decision that came out otherwise */
  enum change_kind kind;
  struct str user, trigger, before, after; /* before, after: "sent breathe", "unavailable day_cap"; empty: no decision */
  int64_t at;
};
struct against {
  struct side base, candidate;
  bool stored;         /* the base is what the journal holds, not a program */
  const char *by;      /* "profile.tier" or a feature: what segments are; NULL: none */
  int64_t since, most; /* decisions before `since` are not compared; so many changes are kept */
  uint64_t events, people, refused_lines;
  uint64_t trimmed; /* people whose older events were trimmed; whole_since: all that arrived later is there */
  int64_t whole_since;
  char first_refusal[300];
  struct tally all;
  struct tallies rules, segments;
  struct changed *changes;
  size_t change_count, change_room;
  struct arena kept, step;
};
/* Opens the sides; `base` NULL: what is stored. */
bool against_open(struct against *a, struct library *library, const struct program *candidate, const struct program *base, struct err *e);
bool against_journal(struct against *a, struct book *b, struct err *e);
bool against_file(struct against *a, const char *path, struct err *e); /* NDJSON; "-": standard input */
void against_print(const struct against *a, bool json);
uint64_t against_differences(const struct against *a);
void against_close(struct against *a);

struct against_options {
  const char *file, *data; /* file NULL: the journal of `data`, which also holds "live", "stored" and the programs that a digest names */
  const char *program;     /* the candidate's directory */
  const char *against;     /* "live", "stored", a digest or its first 16 digits, or a directory */
  const char *by, *since;
  int64_t most;
  bool json, verify;
};
bool against_is_directory(const char *against);   /* neither a word nor a digest: beside a file it needs no data directory */
int against_run(const struct against_options *o); /* the whole of `kairos replay --program`; gives the exit code */
