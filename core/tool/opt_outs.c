/* opt_outs: consent withdrawn for everybody in a file, as after a restore, whose backup does not know who opted out since. Promises that
 * each line stands for itself: one that fails is told with its number and the engine's words, and the others hold; that who is opted out
 * already stays so, hence the same file may come again; and that it ends at once where every further line would fail alike (no engine, no
 * right). Main thread. */
#include "opt_outs.h"
#include "kit/json.h"
#include "lines.h"
#include <stdio.h>

#define ID_MOST 128

struct opting {
  const struct live *live;
  uint64_t done, failed;
  int code; /* of a failure that ends it */
};

static void tell(struct opting *o, const struct lines *l, struct str id, const struct err *e) {
  const bool cut = id.len > 40;
  tool_progress_end();
  fprintf(stderr, "line %llu: %.*s%s: %s\n", (unsigned long long)l->number, cut ? 40 : (int)id.len, id.at, cut ? "…" : "", e->text);
  o->failed++;
}

static bool ask(const struct opting *o, struct str id, int *status, struct err *e) {
  struct buf path = {0}, answer = {0};
  if (str_trim(id).len != id.len) return err_set(e, ERR_INPUT, "expected an id without white space at its ends");
  if (id.len > ID_MOST) return err_set(e, ERR_INPUT, "expected an id of 1 to %d bytes, got %zu", ID_MOST, id.len);
  live_path(&path, "/v1/users/", id, "/opt-out");
  const bool ok = client_call(&o->live->client, "POST", path.at, "application/json", STR("{}"), &answer, status, e);
  buf_free(&path);
  buf_free(&answer);
  return ok;
}

/* The kinds that no other id mends: who may not, or an engine that is not there. */
static int code_ending(const struct err *e, int status) {
  if (e->kind == ERR_DENIED) return EXIT_DENIED;
  return e->kind == ERR_BUSY && status == 0 ? EXIT_UNREACHABLE : 0;
}

static void opt_out(struct opting *o, const struct lines *l, struct str id) {
  struct err e = {0};
  int status = 0;
  if (id.len == 0) return;
  if (ask(o, id, &status, &e)) o->done++;
  else {
    tell(o, l, id, &e);
    o->code = code_ending(&e, status);
  }
}

/* Other programs write other ends, and some a mark before the first line. Neither may become part of an id: that would be somebody else. */
static struct str id_of(const struct lines *l, struct str line) {
  static const char mark[] = "\xEF\xBB\xBF";
  if (l->number == 1 && str_starts(line, mark)) line = (struct str){line.at + 3, line.len - 3};
  if (line.len && line.at[line.len - 1] == '\r') line.len--;
  return line;
}

static void say_figures(const struct opting *o) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_int(&w, "opted_out", (int64_t)o->done);
  json_pair_int(&w, "failed", (int64_t)o->failed);
  json_close_object(&w);
  if (o->live->json) tool_print(&out);
  else printf("%llu opted out, %llu failed\n", (unsigned long long)o->done, (unsigned long long)o->failed);
  buf_free(&out);
}

int opt_outs(const struct live *live, const char *path) {
  struct opting o = {.live = live};
  struct lines l;
  struct str line;
  struct err e = {0};
  if (!lines_open(&l, path, &e)) return tool_fail(&e);
  while (!o.code && lines_next(&l, &line, &e)) {
    opt_out(&o, &l, id_of(&l, line));
    if (l.size > 0) tool_progress("opting out", (double)l.bytes / l.size);
  }
  tool_progress_end();
  if (o.code)
    fprintf(stderr, "ended at line %llu: from there on nobody was opted out; the whole file may come again\n",
            (unsigned long long)l.number);
  say_figures(&o);
  lines_close(&l);
  if (e.kind != ERR_NONE) return tool_fail(&e);
  return o.code ? o.code : o.failed ? EXIT_FAILED : EXIT_OK;
}
