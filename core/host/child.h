/* child: work that may crash, hang or lie, done in a forked process under limits and told in frames over a pipe. Private to host. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

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
  const char *who;                     /* begins the sentences: "svr.so" */
  int64_t limit_ms;                    /* of real time */
  size_t memory;                       /* bytes beyond what the process has at its start; not limited in sanitized builds */
  size_t answer_most;                  /* bytes of FRAME_BODY in all */
  void (*work)(void *context, int to); /* in the child; frames go to `to`; returning without DONE is a fault */
  bool (*frame)(void *context, enum frame kind, struct str payload); /* in the parent: PROGRESS, LOG, BODY; false cancels; may be NULL */
  bool (*tick)(void *context);                                       /* in the parent, every 25 ms; false cancels; may be NULL */
  void *context;
};
/* Forks, runs, listens, reaps. True: the child said DONE. Otherwise the sentence is the child's own refusal, or says how it ended: crashed
 * (signal), was over its time, left by exit, tried what is not allowed, or was cancelled (ERR_CONFLICT). [any] */
bool child_run(const struct child_task *task, struct err *e);

/* In the child: one frame. Never returns a fault: a parent that is gone takes the child with it. */
void child_say(int to, enum frame kind, struct str payload);
