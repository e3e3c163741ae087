/* whole: what a user's whole chain makes of a program's windows, for a definition that came after the chain began. Walks the chain back
 * without opening rows, then forward through the very features_update that events go through, with a person of its own; rows that come
 * meanwhile are walked in the next step. In pieces, so that somebody with a hundred thousand events keeps nobody waiting. Promises the
 * rings and marks of somebody for whom the definition was always there. Nothing of the live user changes. In the user's lane. */
#include "accept/accept.h"
#include "book/retention.h"
#include "kit/clock.h"
#include "program/moving.h"
#include <string.h>

struct whole {
  const struct program *program;
  bool based; /* what retention trimmed has been asked */
  int64_t number, reached, target,
      seq;         /* reached: the last row walked; target: up to which the rows are listed; seq: next on the way back */
  struct buf seqs; /* rows that are to be walked, newest first */
  struct user *user;
  struct arena scratch;
};

struct whole *whole_begin(const struct program *p, const struct user *now) {
  struct whole *w = kit_alloc(sizeof *w);
  if (!w) return NULL;
  *w = (struct whole){.program = p, .number = now->number, .user = user_new()};
  if (!w->user) {
    whole_free(w);
    return NULL;
  }
  w->user->partition = now->partition;
  return w;
}

int64_t whole_number(const struct whole *w) {
  return w->number;
}

static bool moves_features(enum entry_kind kind) {
  return kind == ENTRY_EVENT || kind == ENTRY_PROFILE || kind == ENTRY_IMPORTED;
}

/* Where retention has cut the old end off, the chain begins later. */
static bool go_back(struct whole *w, struct volume *v, struct err *e) {
  struct err why = {0};
  int64_t previous;
  enum entry_kind kind;
  if (!volume_step_back(v, w->seq, &previous, &kind, &why)) {
    if (why.kind != ERR_MISSING || w->seq == w->target) return err_set(e, why.kind, "%s", why.text);
    previous = 0;
    kind = ENTRY_CONTROL;
  }
  if (moves_features(kind)) buf_put(&w->seqs, &w->seq, sizeof w->seq);
  w->seq = previous > w->reached ? previous : 0;
  if (w->seq == 0) w->reached = w->target;
  return !w->seqs.failed || err_set(e, ERR_INTERNAL, "no memory for a user's chain");
}

/* Where older rows were trimmed it begins at their checkpoint, with the zone and profile of then. What went is not in any window; those of
 * days are long past it. */
static bool begin(struct whole *w, struct volume *v, struct err *e) {
  int64_t base;
  w->based = true;
  if (!volume_base(v, w->number, w->user, &base, e)) return false;
  if (base == 0) return true;
  w->user->series_count = w->user->attempt_count = w->user->mark_count = w->user->send_count = 0;
  w->reached = base;
  return true;
}

static bool go_forward(struct whole *w, struct volume *v, struct err *e) {
  struct entry row;
  struct recorded r;
  struct event ev;
  int64_t seq;
  w->seqs.len -= sizeof seq;
  memcpy(&seq, w->seqs.at + w->seqs.len, sizeof seq);
  if (!volume_entry(v, seq, &w->scratch, &row, NULL, e) || !recorded_unpack(row.record, &w->scratch, &r, e)) return false;
  if (!event_parse(&w->scratch, row.body, r.received, r.source, r.history, &ev, e)) return err_wrap(e, "stored event");
  return features_update(w->program->features, w->user, &ev, w->program->vocabulary, r.may_identify, e);
}

bool whole_step(struct whole *w, struct volume *v, const struct user *now, bool (*spent)(const void *context), const void *context,
                bool *done, struct err *e) {
  bool ok = w->based || begin(w, v, e);
  *done = false;
  if (!ok) return false;
  do {
    if (w->seq == 0 && w->seqs.len == 0 && w->reached < now->head) w->seq = w->target = now->head;
    if (w->seq > 0) ok = go_back(w, v, e);
    else if (w->seqs.len > 0) ok = go_forward(w, v, e);
    arena_reset(&w->scratch);
    *done = ok && w->seq == 0 && w->seqs.len == 0 && w->reached >= now->head;
  } while (ok && !*done && !(spent && spent(context)));
  return ok;
}

/* The clock is the person's own where they live in history: a row of now would end it. */
bool whole_item(const struct whole *w, const struct user *now, struct arena *a, struct event *event, struct str *filled, struct err *e) {
  const struct features *f = w->program->features;
  const bool history = user_mark(now, mark_key("user", STR("history"))) != NULL;
  const int64_t clock = history || now->clock > clock_now() ? now->clock : clock_now();
  struct buf body = {0}, packed = {0};
  struct json_writer out = json_to(&body);
  event_begin(&out, now->id, EVENT_FILLED, clock);
  json_key(&out, "data");
  json_open_object(&out);
  json_key(&out, "features");
  features_lacking_names(f, now, &out);
  json_close_object(&out);
  json_close_object(&out);
  features_pack(f, now, w->user, &packed);
  const char *text = arena_text(a, body.at, body.len), *bytes = arena_text(a, packed.at, packed.len);
  bool ok = !body.failed && !packed.failed && text && bytes;
  if (ok) *filled = (struct str){bytes, packed.len};
  ok = ok ? event_parse(a, (struct str){text, body.len}, clock, STR("engine"), false, event, e)
          : err_set(e, ERR_INTERNAL, "no memory for filled features");
  buf_free(&body);
  buf_free(&packed);
  return ok;
}

void whole_free(struct whole *w) {
  if (!w) return;
  if (w->user) user_free(w->user);
  buf_free(&w->seqs);
  arena_free(&w->scratch);
  kit_free(w);
}
