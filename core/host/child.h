/* child: work that may crash, hang or lie, done in a forked process under limits and told in frames over a pipe. Private to host. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <sys/types.h>

/* Sanitized builds, plugins included, need a little more of everything: their runtime's imports, address space, files. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KAIROS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KAIROS_SANITIZED 1
#endif
#endif

enum frame {
  FRAME_DONE = 1, /* the work is finished; nothing follows */
  FRAME_REFUSED,  /* the same, with a sentence why it came to nothing */
  FRAME_PROGRESS, /* a double, a note */
  FRAME_LOG,      /* a line */
  FRAME_BODY,     /* a piece of the result */
  FRAME_TRAPPED,  /* what the process tried, as words; it ends then */
};

struct child_task {
  const char *who;    /* begins the sentences: "svr.so" */
  int64_t limit_ms;   /* of real time */
  size_t memory;      /* bytes beyond what the process has at its start; sanitized builds add theirs */
  size_t answer_most; /* bytes of FRAME_BODY in all */
  bool threads;       /* it may start some: of one user's processes, whose number is limited, they are ones */
  /* In the child; frames go to `to`; returning without DONE is a fault. A job needs nothing but the bytes it is given: it is forked from
   * the zygote where there is one, so that the engine, which is large and has threads, never forks. */
  void (*job)(struct str given, int to);
  struct str given;
  void (*work)(void *context, int to);                               /* instead of a job: sees everything that the caller sees */
  bool (*frame)(void *context, enum frame kind, struct str payload); /* in the parent: PROGRESS, LOG, BODY; false cancels; may be NULL */
  bool (*tick)(void *context);                                       /* in the parent, every 25 ms; false cancels; may be NULL */
  void *context;
};
/* Forks, runs, listens, reaps. True: the child said DONE. Otherwise the sentence is the child's own refusal, or says how it ended: crashed
 * (signal), was over its time, left by exit, tried what is not allowed, or was cancelled (ERR_CONFLICT). [any] */
bool child_run(const struct child_task *task, struct err *e);

/* How a child ends: these two codes beside what its code does. */
#define CHILD_REFUSED 122 /* it gave its reason */
#define CHILD_TRAPPED 123 /* it tried what it may not, and what was told */
#define CHILD_ENDED   125 /* its parent is gone, or the system refused something at its start */
struct child_end {
  int status;        /* as waitpid gives it */
  bool late;         /* it was ended for being late */
  const char *words; /* what it told */
};
/* "it crashed with signal 11 (SEGV)": the sentence without its subject. */
void child_tell_end(const struct child_end *end, char *text, size_t size);

/* In the child: one frame. Never returns a fault: a parent that is gone takes the child with it. */
void child_say(int to, enum frame kind, struct str payload);
/* In the child: what the jail tells, as FRAME_TRAPPED. */
void child_trapped(struct str words);
/* In a forked process, first thing: it dies with its parent and has the default signal handlers. */
void child_settle(pid_t parent);
/* Bytes beyond what is mapped now; no core file, no new process, no new thread without `threads`, no file. */
void child_limit(size_t memory, bool threads);
/* In a forked process: does the task's work and ends. `to` is the only descriptor that stays. */
_Noreturn void child_become(const struct child_task *task, pid_t parent, int to);
