/* The probe: a plugin's first steps, taken by a child. Promises that a file which crashes, hangs, ends its process, forks, opens sockets or
 * describes itself wrongly does so there, and comes back as a sentence; the engine's own process never maps it here. What it does: load,
 * describe, a model from an empty configuration (a refusal is fine), and away with it. Builder and tool threads. */
#include "probe.h"
#include "boot.h"
#include "child.h"
#include "contract.h"
#include "describe.h"
#include "host.h"
#include "kit/arena.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* In the child; given the path with its closing NUL. */
static void probe_job(struct str given, int to) {
  struct err e = {0};
  struct meter meter;
  struct buf description = {0};
  meter_begin(&meter, "probe", METER_MODEL_MOST);
  meter.report = to;
  const kairos_plugin *t = boot_library(given.at, child_trapped, NULL, &meter, &e);
  if (t && try_empty_config(t, &meter, &e)) {
    describe_plugin(t, &description);
    child_say(to, FRAME_BODY, buf_view(&description));
    child_say(to, FRAME_DONE, STR(""));
  } else {
    child_say(to, FRAME_REFUSED, str_from(e.text));
  }
  _exit(0);
}

static bool take_body(void *context, enum frame kind, struct str payload) {
  struct buf *description = context;
  if (description && kind == FRAME_BODY) buf_put(description, payload.at, payload.len);
  return true;
}

bool plugin_probe(const char *path, int64_t limit_ms, struct err *e) {
  return probe_file(path, path, limit_ms, NULL, e);
}

bool probe_file(const char *path, const char *who, int64_t limit_ms, struct buf *description, struct err *e) {
  char *whole = realpath(path, NULL); /* a name without a slash would be looked for in the system's directories */
  if (!whole) return err_set(e, ERR_MISSING, "%s: there is no such file", who);
  const struct child_task task = {.who = who,
                                  .limit_ms = limit_ms,
                                  .memory = PROBE_MEMORY,
                                  .answer_most = DESCRIBE_MOST,
                                  .job = probe_job,
                                  .given = {whole, strlen(whole) + 1},
                                  .frame = take_body,
                                  .context = description};
  const bool fine = child_run(&task, e);
  free(whole);
  return fine && (!description || !description->failed || err_set(e, ERR_BUSY, "%s: no memory for its description", who));
}
