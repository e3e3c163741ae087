/* why_not: why a trigger, or each of them, does not fire for a user, now or as of a time in the past: the condition term by term, then
 * every safeguard and option that would stand in the way. For the past the user is rebuilt from their own chain, a piece a turn (walk.c).
 * The handler runs on the main thread, the rest in the user's lane; nothing is changed or drawn. */
#include "inside.h"
#include "kit/clock.h"
#include "program/moving.h"

struct question {
  struct str trigger; /* empty: all of them */
  const char *language;
  int64_t at;              /* UTC ms; 0: now */
  struct ratios_held held; /* now */
  bool json;
  struct rebuild *rebuild; /* of the past */
  const struct program *program;
};

#define ROWS_BACK 64

/* The newest row in which the user did something, or the newest of all: a profile or consent that came since is no event. */
static int64_t last_row(struct job *j, struct flow *f, const struct user *u) {
  enum entry_kind kind = ENTRY_EVENT;
  int64_t seq = u->head, previous = 0;
  for (int i = 0; seq && i < ROWS_BACK; i++, seq = previous) {
    struct err e = {0};
    if (!volume_step_back(flow_volume(f), seq, &previous, &kind, &e)) {
      if (e.kind != ERR_MISSING) j->err = e;
      return u->head; /* trimmed */
    }
    if (kind == ENTRY_EVENT) return seq;
  }
  return u->head;
}

/* With the user's last event, so that event.* has the values that a trigger would have seen. */
static bool last_event(struct job *j, struct flow *f, const struct user *u, struct event *last, bool *known) {
  struct entry row;
  struct recorded rec;
  const int64_t at = last_row(j, f, u);
  if (j->err.kind != ERR_NONE) return false;
  *known = at && volume_entry(flow_volume(f), at, &j->arena, &row, NULL, &j->err) &&
           recorded_unpack(row.record, &j->arena, &rec, &j->err) &&
           event_parse(&j->arena, row.body, rec.received, rec.source, rec.history, last, &j->err);
  if (!*known && j->err.kind == ERR_MISSING) j->err = (struct err){0}; /* trimmed: nothing is known of it any more */
  return j->err.kind == ERR_NONE;
}

struct looking {
  const struct question *question;
  const struct program *program;
  struct user *user;
  const struct event *last; /* NULL: none */
  int64_t at;
  struct buf out;
};

static bool explain_one(struct looking *l, struct job *j, struct flow *f, uint32_t trigger) {
  struct value *slots;
  if (!program_look(l->program, flow_controls(f, l->user->partition), l->user, trigger, l->last, l->at, &j->arena, &slots, &j->err))
    return false;
  struct speech speech = {.program = l->program, .user = l->user, .slots = slots, .scratch = &j->arena};
  struct why_not_input in = {
      .trigger = trigger, .language = l->question->language, .held = l->question->held, .behind = program_behind, .names = l->program};
  in.moment = (struct moment_input){.rules = l->program->rules,
                                    .controls = flow_controls(f, l->user->partition),
                                    .user = l->user,
                                    .slots = slots,
                                    .clock = l->at,
                                    .asked = NO_ONE,
                                    .sayable = speech_sayable,
                                    .context = &speech};
  return (l->question->json ? why_not_json(&in, &j->arena, &l->out) : why_not_text(&in, &j->arena, &l->out)) ||
         err_set(&j->err, ERR_INTERNAL, "no memory for an explanation");
}

static bool explain_all(struct looking *l, struct job *j, struct flow *f) {
  size_t count = rules_triggers(l->program->rules);
  if (l->question->json) buf_char(&l->out, '[');
  for (uint32_t i = 0; i < count; i++) {
    if (i) buf_text(&l->out, l->question->json ? "," : "\n");
    if (!explain_one(l, j, f, i)) return false;
  }
  if (l->question->json) buf_char(&l->out, ']');
  return true;
}

/* The explanation into `out`, or j->err. */
static void explain(const struct question *q, struct job *j, struct flow *f, const struct program *p, struct user *u, int64_t at,
                    struct buf *out) {
  struct event last;
  bool known;
  if (!last_event(j, f, u, &last, &known)) return;
  struct looking l = {.question = q, .program = p, .user = u, .last = known ? &last : NULL, .at = at};
  bool ok = q->trigger.len ? explain_one(&l, j, f, rules_trigger(p->rules, q->trigger)) : explain_all(&l, j, f);
  if (ok && l.out.failed) err_set(&j->err, ERR_INTERNAL, "no memory for an explanation");
  *out = l.out;
}

/* The live user and program, with the trigger that is asked about. NULL: j->err says why. */
static struct user *asked_about(const struct question *q, struct job *j, struct flow *f, const struct program **p) {
  struct user *u = known_user(j, f);
  *p = u ? flow_program(f, u->partition) : NULL;
  if (!u) return NULL;
  if (*p && (q->trigger.len == 0 || rules_trigger((*p)->rules, q->trigger) != NO_ONE)) return u;
  const char *meant = *p ? name_meant(&j->arena, *p, STR("trigger"), q->trigger) : NULL;
  err_set(&j->err, ERR_MISSING, "no trigger is named \"" STR_FORMAT "\"%s", STR_ARG(q->trigger), meant ? meant : "");
  return NULL;
}

/* ---- a piece of the walk: now needs one, the past as many as its rows take ---- */

static bool spent(const void *walk) {
  return walk_spent(walk);
}

static void step_past(struct walk *w, struct job *j, struct flow *f) {
  struct question *q = w->own;
  const struct program *p;
  bool whole = false;
  if (!q->rebuild) {
    struct user *u = asked_about(q, j, f, &p);
    if (!u) return;
    q->program = library_hold(w->api->library, p); /* a reload must not take it away between two pieces */
    if (!(q->rebuild = rebuild_begin(p, flow_controls(f, u->partition), u, q->at)))
      err_set(&j->err, ERR_INTERNAL, "no memory to rebuild a user");
    if (!q->rebuild) return;
  }
  if (!rebuild_step(q->rebuild, flow_volume(f), spent, w, &whole, &j->err) || !whole) return;
  explain(q, j, f, q->program, rebuild_user(q->rebuild), q->at, &w->out);
  w->done = true;
}

static void step_now(struct walk *w, struct job *j, struct flow *f) {
  const struct question *q = w->own;
  const struct program *p;
  struct user *u = asked_about(q, j, f, &p);
  if (u) explain(q, j, f, p, u, clock_now(), &w->out);
  w->done = true;
}

static void answer(struct walk *w) {
  struct question *q = w->own;
  struct buf out = w->out; /* the walk lies in the request, which is gone after the answer */
  rebuild_free(q->rebuild);
  library_release(w->api->library, q->program);
  if (w->err.kind != ERR_NONE) request_refuse(w->request, &w->err);
  else request_answer_take(w->request, 200, q->json ? "application/json" : "text/plain; charset=utf-8", &out);
  buf_free(&out);
}

static bool read_question(struct request *r, struct question *q) {
  struct str at = request_query(r, "at"), format = request_query(r, "format");
  *q = (struct question){.trigger = request_query(r, "trigger"), .json = str_is(format, "json")};
  if (!asked_language(r, &q->language)) return false;
  if (format.len && !q->json && !str_is(format, "text")) {
    request_problem(r, 400, "query-invalid", NULL, "format: expected text or json, got \"" STR_FORMAT "\"", STR_ARG(format));
    return false;
  }
  if (at.len == 0 || clock_parse(at, &q->at)) return true;
  const char *hint = memchr(at.at, ' ', at.len) ? " (in a query + is a space: write %2B)" : "";
  request_problem(r, 400, "query-invalid", NULL, "at: expected a time like 2025-01-15T22:40:00Z, got \"" STR_FORMAT "\"%s", STR_ARG(at),
                  hint);
  return false;
}

void api_user_why(struct request *r, void *context) {
  struct question *q = ARENA_NEW(&r->arena, struct question);
  if (!q) {
    request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
    return;
  }
  if (!read_question(r, q)) return;
  struct walk *w = walk_new(r, context);
  if (!w) return;
  if (q->at) { /* before a merge each id answers for itself */
    const struct str then = aliases_whom_then(w->api->aliases, r->params[0], q->at);
    w->user = (struct str){arena_text(&r->arena, then.at, then.len), then.len};
    w->volume = volume_for(w->api, w->user);
  }
  if (!q->at) q->held = ratios_held(context, &r->arena);
  w->own = q;
  w->step = q->at ? step_past : step_now;
  w->answer = answer;
  walk_start(w);
}
