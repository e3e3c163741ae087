/* lifecycle_kept: what was counted of drift, in a file of the data directory, so that a start goes on where the engine ended. Promises that
 * the file is written every few seconds while there is something new, and at the end; that it is whole or the one before; and that nothing
 * but what was counted since the last time is lost with a kill. Only counts lie in it, nobody's values. A file that is broken, or of
 * another state, is not used: counting begins anew. Main thread; while the engine runs, the builder's thread writes. */
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/log.h"
#include "lifecycle.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEEP_NS    INT64_C(5000000000)
#define BYTES_MOST ((size_t)64 << 20)

struct keeping {
  struct errand errand; /* first */
  struct lifecycle *lifecycle;
  char path[4200];
  struct buf text;
  struct err err;
};

static void name_file(const struct lifecycle *l, char *path, size_t size) {
  snprintf(path, size, "%s/" LIFECYCLE_KEPT, book_directory(l->api->book));
}

/* ---- writing ---- */

static uint64_t seen_by_all(const struct lifecycle *l) {
  uint64_t seen = 0;
  for (uint32_t i = 0; i < l->episode_count; i++) {
    const struct episode *e = l->episodes[i];
    if (e->drift) seen += drift_seen(e->drift, l->of, model_of_name(l->of->models, str_from(e->name)));
  }
  return seen;
}

static void write_all(const struct lifecycle *l, struct buf *out) {
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_key(&w, "models");
  json_open_array(&w);
  for (uint32_t i = 0; i < l->episode_count; i++) {
    const struct episode *e = l->episodes[i];
    if (!e->drift) continue;
    json_open_object(&w);
    json_pair_text(&w, "model", e->name);
    json_pair_text(&w, "version", e->served);
    drift_write(e->drift, l->of, model_of_name(l->of->models, str_from(e->name)), &w);
    json_close_object(&w);
  }
  json_close_array(&w);
  json_close_object(&w);
  buf_text(out, "\n");
}

static bool put_file(struct keeping *k) {
  return k->text.failed ? err_set(&k->err, ERR_INTERNAL, "no memory for it")
                        : file_write_atomic(k->path, buf_view(&k->text), 0600, &k->err);
}

static void work(struct errand *errand) {
  put_file((struct keeping *)errand);
}

static void done(struct errand *errand) {
  struct keeping *k = (struct keeping *)errand;
  struct lifecycle *l = k->lifecycle;
  l->kept.running = false;
  if (!errand->worked) l->kept.seen = UINT64_MAX; /* the end writes it */
  if (k->err.kind != ERR_NONE && !l->kept.failed) log_warn("models", "drift is not kept over a restart: %s", k->err.text);
  l->kept.failed = k->err.kind != ERR_NONE;
  buf_free(&k->text);
  kit_free(k);
}

void kept_tick(struct lifecycle *l) {
  const int64_t now = clock_monotonic();
  if (l->kept.running || now - l->kept.at < KEEP_NS || !l->programs->builder) return;
  const uint64_t seen = seen_by_all(l);
  l->kept.at = now;
  struct keeping *k = seen == l->kept.seen ? NULL : kit_alloc(sizeof *k);
  if (!k) return;
  *k = (struct keeping){.errand = {.work = work, .done = done}, .lifecycle = l};
  name_file(l, k->path, sizeof k->path);
  write_all(l, &k->text);
  l->kept.seen = seen;
  l->kept.running = true;
  builder_ask(l->programs->builder, &k->errand);
}

void kept_end(struct lifecycle *l) {
  struct keeping k = {.lifecycle = l};
  if (seen_by_all(l) == l->kept.seen) return;
  name_file(l, k.path, sizeof k.path);
  write_all(l, &k.text);
  if (!put_file(&k)) log_warn("models", "drift is not kept over a restart: %s", k.err.text);
  buf_free(&k.text);
}

/* ---- reading ---- */

static void read_model(struct lifecycle *l, const struct json *j, uint32_t at, struct arena *a) {
  struct episode *e = episode_of(l, json_text(j, json_get(j, at, "model"), a));
  if (!e || !e->drift || !json_text_is(j, json_get(j, at, "version"), e->served)) return;
  const uint32_t model = model_of_name(l->of->models, str_from(e->name));
  if (drift_read(e->drift, l->of, model, j, at)) drift_figures(e->drift, l->of, model, &e->drifting);
  else log_warn("models", "%s: what was kept of its drift does not fit it: counted anew", e->name);
}

void kept_read(struct lifecycle *l) {
  struct buf text = {0};
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  char path[4200];
  static const struct json_limits limits = {.depth = 8, .tokens = 4000000};
  name_file(l, path, sizeof path);
  if (file_exists(path)) {
    const bool fine = file_read(path, &text, BYTES_MOST, &e) && json_parse(&j, &a, buf_view(&text), &limits, &e);
    const uint32_t models = fine ? json_get(&j, 0, "models") : JSON_NONE;
    for (uint32_t i = 0; json_type(&j, models) == JSON_ARRAY && i < j.tokens[models].count; i++)
      read_model(l, &j, json_child(&j, models, i), &a);
    if (!fine) log_warn("models", "what was kept of drift cannot be read, so it is counted anew: %s", e.text);
  }
  l->kept.seen = seen_by_all(l);
  buf_free(&text);
  arena_free(&a);
}
