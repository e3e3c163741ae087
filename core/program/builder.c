/* builder: the thread on which programs come to be. It watches the directory, builds what has settled, and runs the main thread's errands
 * in their order. Promises that neither lanes nor the main loop ever wait for a build, that a change which went on while it was read is
 * built again and not reported, as is one for which memory was missing, and that what was refused is forgotten but for its findings.
 * Started and asked by the main thread; has a loop of its own. */
#include "program/builder.h"
#include "kit/log.h"
#include "watch.h"
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICER     10 /* while it builds, a lane and the main thread have nine tenths of a processor that they share with it */
#define SETTLE_MS 200
#define RESCAN_MS 2000

struct line { /* first in, first out */
  struct errand *first, **last;
};
struct finding_news {   /* a found, as an errand that is done */
  struct errand errand; /* first */
  struct builder *builder;
  struct found found;
};
struct builder {
  struct builder_options options;
  pthread_t thread;
  pthread_mutex_t lock;
  struct line asked, done; /* under the lock */
  bool stopping;           /* under the lock */
  uv_loop_t loop;
  uv_async_t async;
  struct watch *watch;
  struct state_of_files known;
  struct plugin_memory plugins; /* the thread's */
};

static void line_put(struct line *l, struct errand *e) {
  e->next = NULL;
  if (!l->first) l->last = &l->first;
  *l->last = e;
  l->last = &e->next;
}

static struct errand *line_take(struct line *l) {
  struct errand *e = l->first;
  if (e) l->first = e->next;
  return e;
}

static void give(struct builder *b, struct errand *e) {
  pthread_mutex_lock(&b->lock);
  line_put(&b->done, e);
  pthread_mutex_unlock(&b->lock);
  b->options.wake(b->options.context);
}

/* ---- the directory ---- */

static void tell_found(struct errand *e) {
  struct finding_news *news = (struct finding_news *)e;
  news->builder->options.found(news->builder->options.context, &news->found);
  draft_free(news->found.draft);
  kit_free(news);
}

static struct draft *build_directory(struct builder *b) {
  struct draft *c = draft_new(DRAFT_DIRECTORY, b->options.library, &b->options.from);
  if (!c) return NULL;
  c->directory = b->options.directory;
  draft_build(c);
  return c;
}

/* What could not be read is in no program's digest: a refused draft goes by the digest of all that lay there. */
static void name_refused(struct draft *c, const struct state_of_files *files) {
  if (c && !c->program && c->digest[0]) memcpy(c->digest, files->sources, sizeof c->digest);
}

static void build_again(struct builder *b) {
  log_warn("program", "no memory to look at what changed in %s: it is looked at again",
           b->options.directory ? b->options.directory : "the plugins' directories");
  watch_again(b->watch);
}

/* The files lie still. They are read twice, first for their digests: what only looks new costs no build. Without memory neither a digest
 * nor a refusal says anything of them. */
static void on_settled(void *context) {
  struct builder *b = context;
  struct state_of_files now;
  const uint64_t failures = kit_failed_allocations();
  files_now(b->options.directory, b->options.from.plugin_directory, &b->plugins, &now);
  const bool plugins = strcmp(now.plugins, b->known.plugins) != 0, sources = strcmp(now.sources, b->known.sources) != 0;
  struct finding_news *news = plugins || sources ? kit_alloc(sizeof *news) : NULL;
  struct draft *c = news && b->options.directory ? build_directory(b) : NULL;
  const bool lacking = kit_failed_allocations() != failures;
  if (lacking) build_again(b);
  if (lacking || !news || !watch_unchanged(b->watch)) { /* there is none, or it will be said again */
    draft_free(c);
    kit_free(news);
    return;
  }
  b->known = now;
  name_refused(c, &now);
  *news = (struct finding_news){.errand = {.done = tell_found}, .builder = b, .found = {c, sources, plugins, now}};
  give(b, &news->errand);
}

/* ---- the thread ---- */

static void on_asked(uv_async_t *async) {
  struct builder *b = async->data;
  for (;;) {
    pthread_mutex_lock(&b->lock);
    const bool stopping = b->stopping;
    struct errand *e = stopping ? NULL : line_take(&b->asked);
    pthread_mutex_unlock(&b->lock);
    if (stopping) uv_stop(&b->loop);
    if (!e) break;
    e->work(e);
    e->worked = true;
    give(b, e);
  }
  library_tidy(b->options.library);
}

/* Requests go first: of this thread alone, as Linux counts niceness. */
static void step_back(void) {
  const pid_t self = (pid_t)syscall(SYS_gettid);
  setpriority(PRIO_PROCESS, (id_t)self, getpriority(PRIO_PROCESS, (id_t)self) + NICER);
}

static void *builder_main(void *argument) {
  struct builder *b = argument;
  step_back();
  struct watch_options o = {.directory = b->options.directory,
                            .plugins = b->options.from.plugin_directory,
                            .settle_ms = b->options.settle_ms,
                            .rescan_ms = b->options.rescan_ms,
                            .settled = on_settled,
                            .context = b};
  if (!(b->watch = watch_open(&b->loop, &o))) log_error("program", "no memory to watch the program's directory");
  uv_run(&b->loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&b->async, NULL);
  if (b->watch) watch_close(b->watch);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  watch_free(b->watch);
  plugin_memory_free(&b->plugins);
  uv_loop_close(&b->loop);
  return NULL;
}

/* ---- the main thread ---- */

static bool open_loop(struct builder *b) {
  if (uv_loop_init(&b->loop) != 0) return false;
  if (uv_async_init(&b->loop, &b->async, on_asked) == 0) return true;
  uv_loop_close(&b->loop);
  return false;
}

struct builder *builder_start(const struct builder_options *options, struct err *e) {
  struct builder *b = kit_alloc(sizeof *b);
  if (!b) {
    err_set(e, ERR_INTERNAL, "no memory for the builder");
    return NULL;
  }
  *b = (struct builder){.options = *options, .known = options->known};
  if (!b->options.settle_ms) b->options.settle_ms = SETTLE_MS;
  if (!b->options.rescan_ms) b->options.rescan_ms = RESCAN_MS;
  if (!open_loop(b)) {
    err_set(e, ERR_INTERNAL, "the builder could not start: no event loop");
    kit_free(b);
    return NULL;
  }
  pthread_mutex_init(&b->lock, NULL);
  b->async.data = b;
  if (pthread_create(&b->thread, NULL, builder_main, b) == 0) return b;
  err_set(e, ERR_INTERNAL, "cannot start the builder's thread");
  uv_close((uv_handle_t *)&b->async, NULL);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  uv_loop_close(&b->loop);
  pthread_mutex_destroy(&b->lock);
  kit_free(b);
  return NULL;
}

void builder_ask(struct builder *b, struct errand *e) {
  pthread_mutex_lock(&b->lock);
  line_put(&b->asked, e);
  pthread_mutex_unlock(&b->lock);
  uv_async_send(&b->async);
}

void builder_tidy(struct builder *b) {
  uv_async_send(&b->async);
}

void builder_done(struct builder *b) {
  for (;;) {
    pthread_mutex_lock(&b->lock);
    struct errand *e = line_take(&b->done);
    pthread_mutex_unlock(&b->lock);
    if (!e) return;
    e->done(e);
  }
}

void builder_stop(struct builder *b) {
  if (!b) return;
  pthread_mutex_lock(&b->lock);
  b->stopping = true;
  pthread_mutex_unlock(&b->lock);
  uv_async_send(&b->async);
  pthread_join(b->thread, NULL);
  while (b->asked.first) line_put(&b->done, line_take(&b->asked));
  builder_done(b);
  pthread_mutex_destroy(&b->lock);
  kit_free(b);
}
