/* What the engine offers a model: log, counted memory, and the services by name. Promises that a model never holds more than its cap, that
 * the count follows the sizes that the plugin tells, and that nothing here blocks or takes a lock; a refused allocation is NULL. Cancelling
 * is not asked for in the engine's own process, where no long work is done; in the training child the parent ends the process instead.
 * Called by plugins through kairos_host, on any thread. */
#include "meter.h"
#include "child.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>

static struct meter *meter_of(const kairos_host *host) {
  return host->context;
}

static void meter_log(const kairos_host *host, kairos_log_level level, const char *text) {
  const struct meter *m = meter_of(host);
  const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
  const unsigned index = (unsigned)level > KAIROS_LOG_ERROR ? KAIROS_LOG_ERROR : (unsigned)level;
  if (m->line) {
    m->line((kairos_log_level)index, text);
  } else if (m->report >= 0) {
    const struct str line = str_from(text);
    child_say(m->report, FRAME_LOG, (struct str){line.at, line.len < 400 ? line.len : 400});
  } else {
    log_say(levels[index], "plugin", "%s: %.400s", m->name, text);
  }
}

static bool meter_strikes(struct meter *m) {
  if (atomic_load_explicit(&m->fail_in, memory_order_relaxed) == 0) return false;
  return atomic_fetch_sub(&m->fail_in, 1) == 1;
}

/* Books `more` bytes, or says that the cap is reached. */
static bool meter_book(struct meter *m, size_t more) {
  size_t used = atomic_load(&m->used);
  do {
    if (more > m->most || used > m->most - more) return false;
  } while (!atomic_compare_exchange_weak(&m->used, &used, used + more));
  size_t peak = atomic_load(&m->peak);
  while (used + more > peak && !atomic_compare_exchange_weak(&m->peak, &peak, used + more)) continue;
  return true;
}

static void *meter_realloc(const kairos_host *host, void *old, size_t old_size, size_t new_size) {
  struct meter *m = meter_of(host);
  if (!old) old_size = 0;
  if (new_size == 0) {
    kit_free(old);
    atomic_fetch_sub(&m->used, old_size);
    return NULL;
  }
  if (meter_strikes(m) || (new_size > old_size && !meter_book(m, new_size - old_size))) return NULL;
  void *block = kit_realloc(old, new_size);
  if (!block && new_size > old_size) atomic_fetch_sub(&m->used, new_size - old_size);
  if (block && new_size < old_size) atomic_fetch_sub(&m->used, old_size - new_size);
  return block;
}

static int64_t meter_now(const kairos_host *host) {
  (void)host;
  return clock_now();
}

static bool meter_cancelled(const kairos_host *host) {
  (void)host;
  return false;
}

static void meter_progress(const kairos_host *host, double share, const char *note) {
  const struct meter *m = meter_of(host);
  char bytes[8 + 200];
  const size_t length = note ? strnlen(note, 200) : 0;
  memcpy(bytes, &share, 8); /* to a process on the same machine */
  if (length) memcpy(bytes + 8, note, length);
  if (m->report >= 0) child_say(m->report, FRAME_PROGRESS, (struct str){bytes, 8 + length});
}

static const void *meter_service(const kairos_host *host, const char *id) {
  static const kairos_progress progress = {sizeof progress, meter_progress};
  return meter_of(host)->report >= 0 && id && strcmp(id, KAIROS_SERVICE_PROGRESS) == 0 ? &progress : NULL;
}

void meter_begin(struct meter *m, const char *name, size_t most) {
  *m = (struct meter){.name = name, .most = most, .report = -1};
  m->host = (kairos_host){.size = sizeof m->host,
                          .abi_minor = KAIROS_ABI_MINOR,
                          .context = m,
                          .log = meter_log,
                          .realloc = meter_realloc,
                          .now_ms = meter_now,
                          .cancelled = meter_cancelled,
                          .service = meter_service};
}

void meter_fail(struct meter *m, int64_t nth) {
  atomic_store(&m->fail_in, nth);
}
