/* merge: two ids become one person, step by step. The old id's chain is closed by a row of its own, after which nothing but an opt-out
 * happens to it; what binds it is written into one row of the person who stays; if either had opted out, every waiting message of both is
 * withdrawn. Promises that each step is a row like any other (replay and recovery need nothing else), that it is done once however often
 * it is begun, and that a start ends what a crash left; or says of a merge that it cannot, leaves it begun and starts all the same. Live,
 * the API takes the same steps through the lanes (api/merge.c). On the thread that owns the volumes. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"

struct merge_clock merge_clock_of(const struct user *u) {
  const bool history = user_mark(u, mark_key("user", STR("history"))) != NULL;
  return (struct merge_clock){history ? u->clock : clock_now(), history};
}

static struct item *make_item(struct arena *a, enum entry_kind kind, struct str user, const char *type, struct str data,
                              const struct merge_clock *clock, struct err *e) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  event_begin(&w, user, type, clock->at);
  json_key(&w, "data");
  json_put_raw(&w, data);
  json_close_object(&w);
  struct item *item = ARENA_NEW(a, struct item);
  const struct str text = buf_into(&out, a);
  if (!item || !text.at) {
    err_set(e, ERR_BUSY, "no memory for a merge");
    return NULL;
  }
  if (!event_parse(a, text, clock->history ? clock->at : clock_now(), STR("merge"), clock->history, &item->event, e)) return NULL;
  item->kind = kind;
  item->may_identify = true;
  item->asked = NO_ONE;
  return item;
}

struct item *opt_out_item(struct arena *a, struct str user, const struct merge_clock *clock, struct err *e) {
  return make_item(a, ENTRY_CONSENT, user, "opt_out", STR("{}"), clock, e);
}

struct item *merge_item(struct arena *a, const struct alias *x, bool closes, struct str carried, const struct merge_clock *clock,
                        struct err *e) {
  if (!closes) return make_item(a, ENTRY_MERGE, x->into, "merged_from", carried, clock, e);
  struct buf data = {0};
  struct json_writer w = json_to(&data);
  json_open_object(&w);
  json_pair_str(&w, "into", x->into);
  json_pair_int(&w, "number", x->number);
  json_close_object(&w);
  struct item *item = make_item(a, ENTRY_MERGE, x->from, "merged_into", buf_view(&data), clock, e);
  buf_free(&data);
  return item;
}

bool merge_carried(struct flow *f, const struct user *u, const struct alias *x, struct arena *a, struct buf *out, struct err *e) {
  const struct program *p = flow_program(f, u->partition);
  struct json_writer w = json_to(out);
  json_open_object(&w);
  json_pair_str(&w, "from", x->from);
  json_pair_int(&w, "number", x->number);
  merge_carry(p ? p->rules : NULL, u, a, &w);
  json_close_object(&w);
  return !out->failed || err_set(e, ERR_BUSY, "no memory for a merge");
}

/* What still happens to somebody who was merged: the row that does it, an opt-out (old messages must obey it), features that were being
 * filled, and what was recorded. */
bool merge_lets(const struct step *s, struct err *why) {
  const struct item *i = s->item;
  if (!s->user || !s->user->closed || i->recorded || i->kind == ENTRY_MERGE || i->kind == ENTRY_FILLED) return true;
  if (i->kind == ENTRY_CONSENT && str_is(i->event.type, "opt_out")) return true;
  return err_set(why, ERR_BUSY, "/userId: \"" STR_FORMAT "\" is being merged into another user: send again in a second",
                 STR_ARG(i->event.user));
}

/* ---- at a start ---- */

struct resuming {
  struct aliases *all;
  struct book *book;
  struct flow *(*flow_of)(void *context, uint32_t volume);
  void *context;
  struct arena arena;
};

static struct flow *flow_with(const struct resuming *r, struct str id) {
  return r->flow_of(r->context, book_volume_of(r->book, book_partition_of(r->book, id)));
}

static bool walk_item(struct resuming *r, struct flow *f, struct item *item, struct err *e) {
  if (!item || !flow_walk(f, &item, 1, &r->arena, e)) return false;
  if (item->state == ITEM_REFUSED) {
    *e = item->err;
    return false;
  }
  return true;
}

static void withdrawn(void *context, uint64_t id) {
  (void)context;
  (void)id; /* no courier runs yet */
}

/* Does the same with each of a person's ids, the one who stays first; ids that no volume knows are passed. */
static bool each_id(struct resuming *r, struct str id,
                    bool (*act)(struct resuming *, struct flow *, struct user *, struct str, struct err *), struct err *e) {
  size_t count = 0;
  const struct str *ids = aliases_person(r->all, id, &r->arena, &count);
  bool ok = ids || err_set(e, ERR_BUSY, "no memory for a person's ids");
  for (size_t i = 0; ok && i < count; i++) {
    struct flow *f = flow_with(r, ids[i]);
    struct err why = {0};
    struct user *u = volume_user(flow_volume(f), ids[i], false, &why);
    if (why.kind != ERR_NONE) *e = why;
    ok = u ? act(r, f, u, ids[i], e) : why.kind == ERR_NONE;
  }
  return ok;
}

static bool opt_out_one(struct resuming *r, struct flow *f, struct user *u, struct str id, struct err *e) {
  const struct merge_clock clock = merge_clock_of(u);
  if (u->consent != CONSENT_WITHDRAWN && !walk_item(r, f, opt_out_item(&r->arena, id, &clock, e), e)) return false;
  return volume_withdraw(flow_volume(f), u, withdrawn, NULL, e) && flow_commit(f, e);
}

static bool opt_out_all(struct resuming *r, struct str id, struct err *e) {
  return each_id(r, id, opt_out_one, e);
}

/* `x` is a copy. The one who stays may be missing only when the volumes are older than control.db; then the merge's row makes them. */
static bool bind_other(struct resuming *r, const struct alias *x, struct str carried, struct err *e) {
  struct flow *f = flow_with(r, x->into);
  struct err why = {0};
  struct user *u = volume_user(flow_volume(f), x->into, false, &why);
  if (why.kind != ERR_NONE) return err_set(e, why.kind, "%s", why.text);
  const struct merge_clock clock = u ? merge_clock_of(u) : (struct merge_clock){clock_now(), false};
  if (!u || !user_mark(u, merge_mark(x->from)))
    if (!walk_item(r, f, merge_item(&r->arena, x, false, carried, &clock, e), e) || !flow_commit(f, e)) return false;
  u = volume_user(flow_volume(f), x->into, false, e);
  return u && (u->consent != CONSENT_WITHDRAWN || opt_out_all(r, x->into, e));
}

static bool resume_merge(struct resuming *r, const struct alias *x, struct err *e) {
  struct flow *f = flow_with(r, x->from);
  struct err why = {0};
  struct user *u = volume_user(flow_volume(f), x->from, false, &why);
  if (why.kind != ERR_NONE) return err_set(e, why.kind, "%s", why.text);
  if (!u) {
    log_warn("flow", "merge %lld: the id that was merged is not known here any more; the merge is forgotten", (long long)x->number);
    return aliases_drop(r->all, x->from, e);
  }
  const struct merge_clock clock = merge_clock_of(u);
  if (!u->closed && (!walk_item(r, f, merge_item(&r->arena, x, true, STR(""), &clock, e), e) || !flow_commit(f, e))) return false;
  struct buf carried = {0};
  const bool ok =
      merge_carried(f, u, x, &r->arena, &carried, e) && bind_other(r, x, buf_view(&carried), e) && aliases_done(r->all, x->from, e);
  buf_free(&carried);
  return ok;
}

static bool recover_all(struct resuming *r, struct str id, struct err *e) {
  size_t count = 0;
  const struct str *ids = aliases_person(r->all, id, &r->arena, &count);
  bool ok = ids || err_set(e, ERR_BUSY, "no memory for a person's ids");
  for (size_t i = 0; ok && i < count; i++) ok = flow_recover(flow_with(r, ids[i]), e);
  return ok;
}

/* The opt-out of either needs no row of the merge: it holds for all of the person's ids even so. */
static bool obey_opt_outs(struct resuming *r, const struct alias *x, struct err *e) {
  const struct str ids[] = {x->from, x->into};
  bool withdrawn_by_one = false;
  for (size_t i = 0; i < 2; i++) {
    struct err why = {0};
    const struct user *u = volume_user(flow_volume(flow_with(r, ids[i])), ids[i], false, &why);
    if (why.kind != ERR_NONE) return err_set(e, why.kind, "%s", why.text);
    withdrawn_by_one |= u && u->consent == CONSENT_WITHDRAWN;
  }
  return !withdrawn_by_one || opt_out_all(r, x->from, e);
}

/* A merge that cannot be ended stays begun, and its old id is no other's: whoever asks for it again ends it. One person's trouble does not
 * keep everybody's engine from starting; volumes that cannot be recovered do. */
static bool leave_begun(struct resuming *r, const struct alias *x, const struct err *why, struct err *e) {
  log_error("flow", "merge %lld cannot be ended and stays begun (merge again to end it): %s", (long long)x->number, why->text);
  if (!recover_all(r, x->from, e)) return false;
  struct err opt_out = {0};
  if (obey_opt_outs(r, x, &opt_out)) return true;
  log_error("flow", "merge %lld: an opt-out is not under every id yet: %s", (long long)x->number, opt_out.text);
  return recover_all(r, x->from, e);
}

static bool end_or_leave(struct resuming *r, const struct alias *x, struct err *e) {
  struct err why = {0};
  if (aliases_begun_into(r->all, x->from)) err_set(&why, ERR_BUSY, "an earlier one into its old id is not done");
  else if (resume_merge(r, x, &why)) return true;
  return leave_begun(r, x, &why, e);
}

static bool erase_one(struct resuming *r, struct flow *f, struct user *u, struct str id, struct err *e) {
  (void)r;
  (void)id;
  return flow_erase(f, u, e);
}

/* The one who stays goes first: as long as an old id is there, its merge says that the erasure is not over. */
static bool resume_erasure(struct resuming *r, struct str id, struct err *e) {
  return each_id(r, id, erase_one, e) && aliases_forget(r->all, id, e);
}

bool merges_resume(struct aliases *all, struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context,
                   struct err *e) {
  struct resuming r = {.all = all, .book = b, .flow_of = flow_of, .context = context};
  bool ok = true;
  size_t cursor = 0;
  for (const struct alias *next; ok && (next = aliases_next(all, &cursor));) {
    struct alias x = *next; /* its words live as long as it is not forgotten */
    if (x.state == ALIAS_BEGUN) ok = end_or_leave(&r, &x, e) || err_wrap(e, "merge %lld", (long long)x.number);
    else if (x.state == ALIAS_ENDING) ok = resume_erasure(&r, x.from, e) || err_wrap(e, "erasing a merged person");
    arena_reset(&r.arena);
  }
  arena_free(&r.arena);
  return ok;
}
