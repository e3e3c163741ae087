/* programs_live: how a program becomes live. First control.db (who, why, on the builder's thread: it waits for the disk), then the same
 * fact in every partition's journal, taken by each lane between two turns, and when the last volume has it, the labels. Promises one change
 * at a time, so that partitions never miss one; that a volume which cannot write is asked again until it can; and that an answer is given
 * only when the program decides everywhere. After a crash in between the next start finishes it: control.db is ahead. Main thread. */
#include "kit/clock.h"
#include "kit/log.h"
#include "program/choose.h"
#include "programs.h"
#include <string.h>

#define RETRY_MS          100
#define ANNOUNCE_AGAIN_MS 1000

static void begin(struct programs *s);

/* ---- the end of a change ---- */

static void end(struct programs *s, struct activation *c) {
  s->activations = c->next;
  s->announced = false;
  arena_free(&c->arena);
  kit_free(c);
  begin(s);
}

static void fail(struct programs *s, struct activation *c) {
  log_error("program", "%s did not become live: %s", c->to->draft->program->brief, c->err.text);
  if (c->request) request_refuse(c->request, &c->err);
  end(s, c);
}

static void answer(struct programs *s, struct activation *c) {
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  if (!c->request) return;
  put_edition(&w, s, c->to);
  request_answer_take(c->request, 200, "application/json", &out);
}

static void say(const struct activation *c) {
  const struct edition *e = c->to;
  struct buf files = {0};
  for (size_t i = 0; i < e->changed_count && i < 3; i++) buf_printf(&files, "%s%s", i ? ", " : ": ", e->changed[i]);
  if (e->changed_count > 3) buf_text(&files, ", …");
  log_info("program", "%s is live (%s): %zu %s changed" STR_FORMAT "; built in %.0f ms, live after %.0f ms", e->draft->program->brief,
           c->why, e->changed_count, e->changed_count == 1 ? "file" : "files", STR_ARG(buf_view(&files)), (double)e->draft->took / 1e6,
           e->live_ms);
  buf_free(&files);
}

/* The one before is kept for an undo; the one before that may go. */
static void move_labels(struct programs *s, struct activation *c) {
  struct edition *before = s->live, *dropped = s->previous;
  edition_compare(c->to, before); /* it may have come to be beside another one */
  s->live = c->to;
  s->previous = before;
  s->api->program = s->live->draft->program;
  if (!library_live(s->library, s->api->program)) log_error("program", "no memory to note the live program");
  edition_state(s->live, EDITION_LIVE);
  s->live->why = arena_text(&s->live->arena, c->why, strlen(c->why));
  s->live->author = arena_text(&s->live->arena, c->author, strlen(c->author));
  s->live->from = c->from;
  s->live->ended = NULL;
  s->live->live_ms = (double)(clock_monotonic() - c->begun + s->live->draft->took) / 1e6;
  edition_state(before, EDITION_READY);
  before->ended = strcmp(c->author, "directory") == 0 ? arena_text(&before->arena, c->why, strlen(c->why)) /* which names it itself */
                                                      : arena_printf(&before->arena, "%s: %s", c->author, c->why);
  if (dropped && dropped != s->live && dropped != before) edition_state(dropped, EDITION_DRAINING);
  if (s->shadow == s->live) shadow_end(s);
  if (strcmp(c->from, "watch") != 0) watch_begin(s, s->live->since, c->number);
}

static void finish(struct programs *s, struct activation *c) {
  if (c->to != s->live) move_labels(s, c);
  s->figures.activations++;
  s->figures.live_us = (uint64_t)(s->live->live_ms * 1000);
  say(c);
  answer(s, c);
  end(s, c);
  programs_drain(s);
}

/* ---- the volumes ---- */

static void try_volumes(struct activation *c);

static void tried(struct activation *c) {
  struct programs *s = c->programs;
  if (--c->waiting > 0) return;
  if (c->volumes == 0) {
    finish(s, c);
    return;
  }
  if (!c->stuck)
    log_error("program", "%s: a volume does not take it yet, and is asked again: %s", c->to->draft->program->brief, c->err.text);
  c->stuck = true;
  if (!s->closing) uv_timer_start(&s->retry, activations_retry, RETRY_MS, 0);
}

static void volume_done(struct job *j) {
  struct activation *c = j->owner;
  if (j->err.kind == ERR_NONE) c->volumes &= ~(UINT64_C(1) << j->volume);
  else c->err = j->err;
  job_free(j);
  tried(c);
}

static void try_volume(struct activation *c, uint32_t volume) {
  struct job *j = job_new(volume);
  if (j) {
    j->fact = (struct str){arena_text(&j->arena, c->fact.at, c->fact.len), c->fact.len};
    j->owner = c;
    j->done = volume_done;
    j->urgent = true;
    c->waiting++;
    if (j->fact.at && lanes_submit(c->programs->api->lanes, j)) return;
    c->waiting--;
    job_free(j);
  }
  err_set(&c->err, ERR_BUSY, "volume %u has no room", volume);
}

/* control.db has it: what memory is missing for now is made when it is tried again. */
static bool make_fact(struct activation *c) {
  struct buf fact = {0};
  if (!c->fact.len && program_fact(c->to->draft->program, c->number, &fact)) {
    const char *copy = arena_text(&c->arena, fact.at, fact.len);
    c->fact = (struct str){copy, copy ? fact.len : 0};
  }
  buf_free(&fact);
  return c->fact.len || err_set(&c->err, ERR_BUSY, "no memory for a control fact");
}

static void try_volumes(struct activation *c) {
  c->waiting = 1;
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST && make_fact(c); v++)
    if (c->volumes >> v & 1) try_volume(c, v);
  tried(c);
}

void activations_retry(uv_timer_t *timer) {
  struct programs *s = timer->data;
  if (s->activations && s->announced) try_volumes(s->activations);
  else begin(s);
}

/* ---- control.db ---- */

static void announce(struct errand *e) {
  struct activation *c = (struct activation *)e;
  struct announcement a = {.program = c->to->draft->program,
                           .author = c->author,
                           .from = c->from,
                           .why = c->why,
                           .acted = c->acted,
                           .plugins = c->plugins,
                           .before = c->before};
  program_announce(library_book(c->to->draft->library), &a, &c->number, &c->err);
}

/* What the directory wants is wanted still when the disk takes it again; whoever asked for it is told and asks again. */
static bool try_again(struct programs *s, struct activation *c) {
  if (c->request) return false;
  for (const struct activation *next = c->next; next; next = next->next)
    if (strcmp(next->from, "directory") == 0) return false;
  if (!c->stuck) log_error("program", "%s is not live yet: %s", c->to->draft->program->brief, c->err.text);
  c->stuck = true;
  c->err = (struct err){0};
  uv_timer_start(&s->retry, activations_retry, ANNOUNCE_AGAIN_MS, 0);
  return true;
}

static void announced(struct errand *e) {
  struct activation *c = (struct activation *)e;
  struct programs *s = c->programs;
  if (s->closing) return; /* activations_end frees it */
  if (!e->worked || c->err.kind != ERR_NONE) {
    if (!try_again(s, c)) fail(s, c);
    return;
  }
  s->announced = true;
  for (uint32_t v = 0; v < book_volumes(s->api->book); v++) c->volumes |= UINT64_C(1) << v;
  try_volumes(c);
}

static void begin(struct programs *s) {
  struct activation *c = s->activations;
  if (!c || s->closing) return;
  c->begun = c->begun ? c->begun : clock_monotonic();
  memcpy(c->acted, s->acted, sizeof c->acted); /* the builder writes it down while we go on */
  memcpy(c->plugins, s->files.plugins, sizeof c->plugins);
  c->before = program_health(s->live->draft->program);
  c->errand = (struct errand){.work = announce, .done = announced};
  builder_ask(s->builder, &c->errand);
}

/* ---- asking for one ---- */

static const char *keep(struct arena *a, const char *text) {
  const char *copy = arena_text(a, text, strlen(text));
  return copy ? copy : "";
}

struct activation *activation_new(struct programs *s, struct edition *to, const char *from, const char *author, const char *why) {
  struct activation *c = kit_alloc(sizeof *c);
  if (!c) return NULL;
  *c = (struct activation){.programs = s, .to = to, .from = from};
  c->author = keep(&c->arena, author);
  c->why = keep(&c->arena, why);
  return c;
}

/* A change of the directory that waits behind another one is overtaken by the next: only the newest is of interest. */
static void overtake(struct programs *s, const struct activation *c) {
  if (!s->activations || strcmp(c->from, "directory") != 0) return;
  for (struct activation **at = &s->activations->next; *at;) {
    struct activation *old = *at;
    if (strcmp(old->from, "directory") != 0) {
      at = &old->next;
      continue;
    }
    *at = old->next;
    old->to->ended = "overtaken by the next change before it was live";
    edition_state(old->to, EDITION_DRAINING);
    arena_free(&old->arena);
    kit_free(old);
  }
}

void activation_submit(struct activation *c) {
  struct programs *s = c->programs;
  overtake(s, c);
  struct activation **last = &s->activations;
  while (*last) last = &(*last)->next;
  *last = c;
  if (s->activations == c) begin(s);
}

bool activations_hold(const struct programs *s, const struct edition *e) {
  return activation_to(s, e) != NULL;
}

const struct activation *activation_to(const struct programs *s, const struct edition *e) {
  for (const struct activation *c = s->activations; c; c = c->next)
    if (c->to == e) return c;
  return NULL;
}

void activations_end(struct programs *s) {
  struct err ending = {0};
  err_set(&ending, ERR_BUSY, "the engine is stopping");
  for (struct activation *c = s->activations, *next; c; c = next) {
    next = c->next;
    if (c->request) request_refuse(c->request, &ending);
    arena_free(&c->arena);
    kit_free(c);
  }
  s->activations = NULL;
}
