/* The probe: a plugin's first steps, taken by a child. Promises that a file which crashes, hangs, ends its process, forks, opens sockets or
 * describes itself wrongly does so there, and comes back as a sentence; the engine's own process never maps it here. What it does: load,
 * describe, a model from an empty configuration (a refusal is fine), and away with it. Builder and tool threads. */
#include "probe.h"
#include "child.h"
#include "contract.h"
#include "host.h"
#include "jail.h"
#include "meter.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_MEMORY ((size_t)1 << 30)

struct probe {
  const char *path, *who;
};

kairos_entry *probe_entry(void *handle, const char *who, struct err *e) {
  void *symbol = dlsym(handle, KAIROS_ENTRY);
  kairos_entry *entry = NULL;
  if (symbol) memcpy(&entry, &symbol, sizeof entry); /* as POSIX wants it done */
  else err_set(e, ERR_INPUT, "%s: it does not export the function " KAIROS_ENTRY, who);
  return entry;
}

/* Under the first filter: constructors run here. */
static kairos_entry *load(const struct probe *p, int to, struct err *e) {
  if (!jail_for_loading(to, e)) return NULL;
  void *handle = dlopen(p->path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    err_set(e, ERR_INPUT, "it cannot be loaded: %.400s", dlerror());
    return NULL;
  }
  kairos_entry *entry = probe_entry(handle, "the file", e);
  return entry && jail_for_running(e) ? entry : NULL;
}

static bool try_empty_config(const kairos_plugin *t, struct meter *meter, struct err *e) {
  kairos_model *model = NULL;
  kairos_error said = contract_error();
  const kairos_status status = t->create(&meter->host, "{}", &model, &said);
  if (status == KAIROS_OK && !model) return err_set(e, ERR_INPUT, "create said that all is well and gave no model");
  if (status == KAIROS_OK) t->destroy(model);
  if (atomic_load(&meter->used) == 0) return true;
  return err_set(e, ERR_INPUT, "a model of an empty configuration was created and destroyed, and %zu bytes of it are still held",
                 atomic_load(&meter->used));
}

static void probe_work(void *context, int to) {
  const struct probe *p = context;
  struct err e = {0};
  struct meter meter;
  meter_begin(&meter, "probe", METER_MODEL_MOST);
  meter.report = to;
  kairos_entry *entry = load(p, to, &e);
  const kairos_plugin *t = entry ? entry(&meter.host) : NULL;
  if (entry && contract_check("the plugin", t, &e) && try_empty_config(t, &meter, &e)) child_say(to, FRAME_DONE, STR(""));
  else child_say(to, FRAME_REFUSED, str_from(e.text));
  _exit(0);
}

bool plugin_probe(const char *path, int64_t limit_ms, struct err *e) {
  return probe_file(path, path, limit_ms, e);
}

bool probe_file(const char *path, const char *who, int64_t limit_ms, struct err *e) {
  char whole[4096]; /* a name without a slash would be looked for in the system's directories */
  char *resolved = realpath(path, NULL);
  if (!resolved || strlen(resolved) >= sizeof whole) {
    free(resolved);
    return err_set(e, ERR_MISSING, "%s: there is no such file", who);
  }
  memcpy(whole, resolved, strlen(resolved) + 1);
  free(resolved);
  struct probe p = {.path = whole, .who = who};
  const struct child_task task = {.who = who, .limit_ms = limit_ms, .memory = PROBE_MEMORY, .work = probe_work, .context = &p};
  return child_run(&task, e);
}
