/* Boot: how a plugin comes to life in a child: the probe, the descriptions, the training of what is not shipped, and every plugin host. One
 * order for all of them: bars for loading, the library, its entry, bars for running, a model from its configuration, its weights. Promises
 * that no code of the plugin runs before the first bars, and none but its constructors and its entry before the second. In children only,
 * but for boot_entry. */
#include "boot.h"
#include "contract.h"
#include "formats.h"
#include "jail.h"
#include "model.h"
#include <dlfcn.h>
#include <string.h>
#include <sys/resource.h>

kairos_entry *boot_entry(void *handle, const char *who, struct err *e) {
  void *symbol = dlsym(handle, KAIROS_ENTRY);
  kairos_entry *entry = NULL;
  if (symbol) memcpy(&entry, &symbol, sizeof entry); /* as POSIX wants it done */
  else err_set(e, ERR_INPUT, "%s: it does not export the function " KAIROS_ENTRY, who);
  return entry;
}

const kairos_plugin *boot_library(const char *path, void (*tell)(struct str words), const struct boot_jail *jail, struct meter *meter,
                                  struct err *e) {
  const bool threads = jail && jail->threads;
  if (!jail_for_loading(threads, tell, e)) return NULL;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    err_set(e, ERR_INPUT, "it cannot be loaded: %.400s", dlerror());
    return NULL;
  }
  kairos_entry *entry = boot_entry(handle, "the file", e);
  if (!entry) return NULL;
#ifndef KAIROS_SANITIZED
  const struct rlimit nothing = {0, 0}; /* the descriptors that are there stay */
  setrlimit(RLIMIT_NOFILE, &nothing);
#endif
  if (jail && !threads ? !jail_for_answering(jail->bell, jail->first, jail->count, e) : !jail_for_running(threads, e)) return NULL;
  const kairos_plugin *t = entry(&meter->host);
  return contract_check("the plugin", t, e) ? t : NULL;
}

static bool load_body(const kairos_plugin *t, kairos_model *model, const struct boot_model *from, struct err *e) {
  const kairos_import *import = from->import ? formats_import(t, from->place) : NULL;
  struct str left = from->body;
  const kairos_reader reader = model_reader(&left);
  kairos_error said = contract_error();
  if (from->import ? !import : !t->load) return err_set(e, ERR_INPUT, "it cannot do any more what it could when it was opened");
  const kairos_status status = import ? import->import_state(model, &reader, &said) : t->load(model, &reader, from->state_version, &said);
  if (status != KAIROS_OK) return contract_status("the plugin", from->import ? "import" : "load", status, &said, e);
  if (!import && left.len) return err_set(e, ERR_INPUT, "the plugin left %zu bytes of the state unread", left.len);
  return true;
}

bool boot_model(const kairos_plugin *t, struct meter *meter, const struct boot_model *from, kairos_model **model,
                const kairos_schema **inputs, const kairos_schema **outputs, struct err *e) {
  kairos_error said = contract_error();
  *model = NULL;
  const kairos_status status = t->create(&meter->host, from->config, model, &said);
  if (status != KAIROS_OK) return contract_status("the plugin", "create", status, &said, e);
  if (!*model) return err_set(e, ERR_INTERNAL, "the plugin said that all is well and gave no model");
  return contract_of_model("the plugin", t, *model, inputs, outputs, e) && (!from->body.at || load_body(t, *model, from, e));
}
