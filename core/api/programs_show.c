/* programs_show: programs as JSON: what each is called, where it came from, what was found in it, and who is waited for. The same for a
 * list, one program, and the answer to a change. Main thread. */
#include "kit/clock.h"
#include "kit/hash.h"
#include "programs.h"
#include <string.h>

static const char *const state_words[] = {"ready", "live", "draining", "gone", "refused"};

void put_findings(struct json_writer *w, const struct finding *findings, size_t count) {
  static const char *const levels[] = {"note", "warning", "error"};
  json_open_array(w);
  for (size_t i = 0; i < count; i++) {
    json_open_object(w);
    json_pair_text(w, "level", levels[findings[i].level]);
    json_pair_text(w, "file", findings[i].file);
    json_pair_int(w, "line", findings[i].line);
    json_pair_text(w, "text", findings[i].text);
    json_close_object(w);
  }
  json_close_array(w);
}

static void put_labels(struct json_writer *w, const struct programs *s, const struct edition *e) {
  json_key(w, "labels");
  json_open_array(w);
  if (e == s->live) json_put_text(w, "live");
  if (e == s->shadow) json_put_text(w, "shadow");
  if (e == s->previous) json_put_text(w, "previous");
  json_close_array(w);
}

static void put_files(struct json_writer *w, const struct edition *e) {
  const struct draft *d = e->draft;
  json_key(w, "files");
  json_open_array(w);
  for (size_t i = 0; i < d->file_count; i++) json_put_text(w, d->files[i].path);
  json_close_array(w);
  json_key(w, "changed");
  json_open_array(w);
  for (size_t i = 0; i < e->changed_count; i++) json_put_text(w, e->changed[i]);
  json_close_array(w);
}

/* Sentences that anyone can read. */
static void put_waits(struct json_writer *w, const struct programs *s, const struct edition *e) {
  char text[640];
  json_key(w, "waits");
  json_open_array(w);
  const struct activation *c = activation_to(s, e);
  if (c && c != s->activations) json_put_text(w, "for the change before it");
  if (c && c == s->activations && !s->announced) json_put_text(w, "for control.db");
  for (uint32_t v = 0; c && c == s->activations && v < BOOK_VOLUMES_MOST; v++)
    if (c->volumes >> v & 1) {
      snprintf(text, sizeof text, "for volume %u to take it%s%s", v, c->stuck ? ": " : "", c->stuck ? refusal_detail(&c->err) : "");
      json_put_text(w, text);
    }
  const uint32_t holders = e->state == EDITION_DRAINING ? library_holders(s->library, e->draft->program) : 0;
  if (holders > 1) {
    snprintf(text, sizeof text, "for %u that still hold it: partitions, model sessions, or a question about a past decision", holders - 1);
    json_put_text(w, text);
  }
  json_close_array(w);
}

/* How far the filling of its new features has come; only of the live one, and only while it goes on. */
static void put_warming(struct json_writer *w, const struct programs *s, const struct edition *e) {
  struct lanes_figures f;
  if (e != s->live) return;
  lanes_figures(s->api->lanes, &f);
  if (!f.flow.warming || !f.flow.warm_users) return;
  json_key(w, "warming");
  json_open_object(w);
  json_pair_int(w, "users", (int64_t)f.flow.warm_users);
  json_pair_int(w, "looked", (int64_t)f.flow.warm_looked);
  json_pair_int(w, "filled", (int64_t)f.flow.filled);
  json_close_object(w);
}

static void put_plugins(struct json_writer *w, const struct draft *d) {
  const char *plugins = d->identity ? strchr(d->identity, '/') : NULL;
  json_key(w, "plugins");
  json_open_object(w);
  struct str rest = str_from(plugins ? plugins + 1 : ""), pin, name;
  while (str_split(&rest, ',', &pin))
    if (str_split(&pin, '=', &name) && name.len) {
      json_key_str(w, name);
      json_put_str(w, pin);
    }
  json_close_object(w);
}

void put_edition(struct json_writer *w, const struct programs *s, const struct edition *e) {
  char at[32];
  const struct draft *d = e->draft;
  json_open_object(w);
  json_pair_text(w, "digest", d->digest);
  json_pair_text(w, "state", state_words[e->state]);
  put_labels(w, s, e);
  json_pair_text(w, "from", e->from);
  json_pair_text(w, "author", e->author);
  json_pair_text(w, "why", e->why);
  json_pair_text(w, "ended", e->ended);
  json_pair_str(w, "since", (struct str){at, clock_format(e->since, at)});
  json_pair_double(w, "build_ms", (double)(d->took / 1000) / 1000);
  json_pair_int(w, "errors", (int64_t)d->errors);
  put_plugins(w, d);
  put_files(w, e);
  json_key(w, "findings");
  put_findings(w, d->findings, d->finding_count);
  put_waits(w, s, e);
  put_warming(w, s, e);
  put_shadow(w, s, e);
  json_close_object(w);
}
