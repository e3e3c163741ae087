/* functions: how the live program's Lua functions fare, as Prometheus text: by function, how many calls ended badly and how, and which were
 * stopped. Functions that never failed are not listed. Main thread; the counters are the lanes'. */
#include "inside.h"
#include <inttypes.h>
#include <string.h>

static void put_label(struct buf *out, struct str name) {
  for (size_t i = strlen(FUNCTION_WORD); i < name.len; i++) {
    if (name.at[i] == '"' || name.at[i] == '\\') buf_char(out, '\\');
    buf_char(out, name.at[i]);
  }
}

static void put_failures(struct buf *out, const struct function_figures *f) {
  const struct {
    const char *end;
    uint64_t value;
  } ends[] = {{"raised", f->raised}, {"fuel", f->spent}, {"memory", f->memory}, {"time", f->late}};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (!ends[i].value) continue;
    buf_text(out, "kairos_function_failures_total{function=\"");
    put_label(out, f->name);
    buf_printf(out, "\",end=\"%s\"} %" PRIu64 "\n", ends[i].end, ends[i].value);
  }
}

void put_functions(struct buf *out, const struct program *p) {
  struct function_figures f;
  buf_text(out, "# HELP kairos_function_failures_total Calls of a rule's function that failed, by how.\n"
                "# TYPE kairos_function_failures_total counter\n");
  for (uint32_t i = 0; i < functions_count(p->functions); i++) {
    functions_figures(p->functions, i, &f);
    put_failures(out, &f);
  }
  buf_text(out, "# HELP kairos_function_stopped Functions stopped after repeated failures.\n# TYPE kairos_function_stopped gauge\n");
  for (uint32_t i = 0; i < functions_count(p->functions); i++) {
    functions_figures(p->functions, i, &f);
    if (!f.stopped) continue;
    buf_text(out, "kairos_function_stopped{function=\"");
    put_label(out, f.name);
    buf_text(out, "\"} 1\n");
  }
}
