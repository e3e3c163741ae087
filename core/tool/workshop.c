/* workshop: builds a program without a data directory, for check and test. Plugins are copied to a temporary store, which is removed with
 * the program. Main thread. */
#include "workshop.h"
#include "arguments.h"
#include "kit/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool workshop_store(char path[64], struct err *e) {
  const char *base = getenv("TMPDIR");
  snprintf(path, 64, "%s/kairos-XXXXXX", base && strlen(base) < 30 ? base : "/tmp");
  if (mkdtemp(path)) return true;
  path[0] = 0;
  return err_set(e, ERR_STORAGE, "no temporary directory can be made");
}

bool workshop_open(struct workshop *s, const char *directory, struct err *e) {
  *s = (struct workshop){0};
  if (!workshop_store(s->store, e)) return false;
  const struct program_from from = {.plugin_directory = tool_plugin_directory(), .store_directory = s->store};
  return (s->program = program_from_directory(directory, &from, e)) != NULL;
}

void workshop_close(struct workshop *s) {
  program_free(s->program);
  if (s->store[0]) file_remove_tree(s->store, NULL);
  *s = (struct workshop){0};
}
