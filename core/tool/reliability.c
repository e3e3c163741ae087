/* reliability: what came of predictions, by tenths of what was predicted, with Wilson's intervals, and the mean distance between the two
 * (METHODS 3.2). Promises no row for a tenth that nothing was predicted in. The intervals take rows for independent, and those of one
 * person are not: they are too narrow, and say so. Main thread. */
#include "report.h"

#define NINETEEN_IN_TWENTY 1.959963984540054

static void interval_of(const struct reliability *b, double *low, double *high) {
  wilson_interval(b->observed * (double)b->n, (double)b->n, NINETEEN_IN_TWENTY, low, high);
}

void report_reliability(const struct report *r, struct buf *out) {
  double low, high;
  buf_printf(out,
             "\n## Taken at its word\n\n"
             "What came of its predictions for other people: %.4f apart on average (ECE, ten bins). The intervals take each row for\n"
             "itself; a person's rows are alike, so they are too narrow.\n\n"
             "| predicted | rows | mean | came | 95 %% interval |\n|---|---|---|---|---|\n",
             r->calibration_error);
  for (int b = 0; b < RELIABILITY_BINS; b++) {
    if (!r->bins[b].n) continue;
    interval_of(&r->bins[b], &low, &high);
    buf_printf(out, "| %.1f to %.1f | %zu | %.3f | %.3f | %.3f to %.3f |\n", b / 10., (b + 1) / 10., r->bins[b].n, r->bins[b].predicted,
               r->bins[b].observed, low, high);
  }
}

void report_reliability_write(const struct report *r, struct json_writer *w) {
  double low, high;
  json_pair_figure(w, "calibration_error", r->calibration_error);
  json_key(w, "reliability");
  json_open_array(w);
  for (int b = 0; b < RELIABILITY_BINS; b++) {
    if (!r->bins[b].n) continue;
    interval_of(&r->bins[b], &low, &high);
    json_open_object(w);
    json_pair_figure(w, "from", b / 10.);
    json_pair_int(w, "rows", (int64_t)r->bins[b].n);
    json_pair_figure(w, "predicted", r->bins[b].predicted);
    json_pair_figure(w, "observed", r->bins[b].observed);
    json_pair_figure(w, "low", low);
    json_pair_figure(w, "high", high);
    json_close_object(w);
  }
  json_close_array(w);
}
