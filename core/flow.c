/* flow: one turn of events through the verbs. The functions follow in the order of the list below; each knows when, the rooms know how.
 *
 *     cut_wave       the next event of each user that has one                      (ticks that are due come first)
 *     meet           user, duplicate?, words of the vocabulary, the pinned program
 *     move           features, profile, responses, consent                        compute, judge
 *     screen         which triggers may be true on what is known so far            decide
 *     believe        models, once a wave; or what was recorded                     compute
 *     decide         the slate, safeguards, gates, arms and draws                  decide
 *     render         the message in the user's language, the webhook's body        emit
 *     keep           event, decisions and outbox rows, one transaction             book
 *
 * Promises: a user's events in their order; the same decisions whatever the waves; nothing acknowledged here (the lane answers after
 * flow_commit). Runs on the lane's thread, or on a replay's; no lock, no clock, no chance of its own. */
#include "flow/inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include <string.h>

/* ---- cut_wave ---- */

static struct user *find_user(struct flow *f, struct str id, bool create, struct err *e) {
  return f->keeper.find ? f->keeper.find(f->keeper.context, id, create, e) : volume_user(f->volume, id, create, e);
}

/* Looking a user up is three places in memory, one after the other; a walk knows whom it will look for. */
static void warm_users(struct flow *f, struct item *const *items, size_t count, size_t i) {
  const size_t until = i + LOOKED_AHEAD + 1;
  for (; f->volume && f->warmed < until; f->warmed++)
    volume_users_warm(f->volume, &f->ahead, f->warmed < count ? items[f->warmed]->event.user : (struct str){0});
}

static int64_t decision_clock(const struct item *item, const struct user *u) {
  if (item->recorded) return item->recorded->clock;
  if (!item->event.history) return item->event.received;
  return u && u->clock > item->event.timestamp ? u->clock : item->event.timestamp;
}

/* In history a user's due ticks come before the event that follows them; live ticks come from the lane's heap. After HISTORY_TICKS_MOST of
 * one event the rest is written off in one, as live: a turn must end, whatever years lie between two events. */
static struct item *due_tick(struct flow *f, const struct program *p, struct user *u, struct item *before) {
  struct str body;
  if (!before->event.history || before->recorded || !p) return NULL;
  if (!ticks_due(p->rules, u, decision_clock(before, u), before->ticks >= HISTORY_TICKS_MOST, f->out, &body)) return NULL;
  before->ticks++;
  struct item *tick = ARENA_NEW(f->out, struct item);
  struct err e;
  if (!tick || !event_parse(f->out, body, decision_clock(before, u), STR("tick"), true, &tick->event, &e)) return NULL;
  tick->event.received = tick->event.timestamp;
  tick->kind = ENTRY_TICK;
  tick->asked = NO_ONE;
  return tick;
}

/* Users that are new have no struct to mark yet: their ids are compared. */
static bool is_in_wave(const struct flow *f, const struct item *item) {
  if (item->user) return item->user->wave == f->wave;
  for (size_t i = 0; i < f->step_count; i++)
    if (!f->steps[i].user && str_eq(f->steps[i].item->event.user, item->event.user)) return true;
  return false;
}

/* False: a tick took the item's place, which waits for a later wave. */
static bool add_step(struct flow *f, struct item *item, uint32_t partition) {
  struct user *u = item->user;
  struct step *s = &f->steps[f->step_count++];
  *s = (struct step){.item = item, .user = u, .partition = partition, .program = f->places.at[partition].program};
  struct item *tick = u ? due_tick(f, s->program, u, item) : NULL;
  if (tick) s->item = tick;
  if (u) u->wave = f->wave;
  return tick == NULL;
}

/* Takes items up to each partition's first that must wait, since its user is in the wave already; `first` moves over what is done. What
 * comes later in that partition waits too: decision ids count in the order of arrival, however turns, waves and files are cut. */
static bool cut_wave(struct flow *f, struct item **items, size_t count, unsigned char *taken, size_t *first, struct err *e) {
  f->wave++;
  f->step_count = 0;
  uint32_t closed = 0; /* bit per partition */
  for (size_t i = *first; i < count && f->step_count < WAVE_MOST; i++) {
    struct err why = {0};
    if (taken[i]) continue;
    warm_users(f, items, count, i);
    if (!items[i]->user) items[i]->user = find_user(f, items[i]->event.user, false, &why);
    if (why.kind != ERR_NONE) return err_set(e, why.kind, "%s", why.text);
    const struct user *u = items[i]->user;
    uint32_t partition = u ? u->partition : book_partition_of(f->book, items[i]->event.user);
    if (closed >> partition & 1) continue;
    if (!f->places.at[partition].complete && !places_program(&f->places, partition, &why) && why.kind != ERR_NONE)
      return err_set(e, why.kind, "%s", why.text);
    taken[i] = !is_in_wave(f, items[i]) && add_step(f, items[i], partition);
    closed |= (taken[i] ? 0u : 1u) << partition;
  }
  while (*first < count && taken[*first]) (*first)++;
  return true;
}

/* ---- meet ---- */

static void refuse(struct flow *f, struct step *s, const struct err *why) {
  s->item->state = ITEM_REFUSED;
  s->item->err = *why;
  s->dropped = true;
  f->figures.refused++;
}

static bool known_words(struct flow *f, struct step *s, struct err *why) {
  const struct program *p = s->program;
  const struct event *ev = &s->item->event;
  if (s->item->recorded) return true; /* it is in the journal: it was in order */
  const enum entry_kind kind = s->item->kind;
  if (kind == ENTRY_TICK || kind == ENTRY_CONSENT || kind == ENTRY_ASKED || kind == ENTRY_FILLED || kind == ENTRY_MERGE || !p) return true;
  if (event_is_own(ev))
    return err_set(why, ERR_INPUT, "/eventType: \"" STR_FORMAT "\" is the engine's own (consent has its routes)", STR_ARG(ev->type));
  const struct event_type *t = vocabulary_type(p->vocabulary, ev->type);
  if (str_is(ev->type, "profile_updated") && s->item->may_identify &&
      !profile_zone_fine(&ev->json, ev->data, "/data/timezone", &f->scratch, why)) {
    struct err more = {0}; /* whoever sent it hears of all of it at once */
    return (!t || vocabulary_check(p->vocabulary, t, ev, NULL, &more)) ? false : err_also(why, &more);
  }
  if (t) return vocabulary_check(p->vocabulary, t, ev, &s->item->fields, why);
  struct err refusal = {0};
  s->item->undeclared = !p->strict && !program_declares(p, ev->type);
  return program_takes(p, ev->type, &refusal) || err_set(why, ERR_INPUT, "/eventType: %s", refusal.text);
}

/* Drops what was seen before. False: storage failed, and nobody knows. */
static bool drop_duplicate(struct flow *f, struct step *s, struct err *e) {
  const struct event *ev = &s->item->event;
  if (!s->user || !f->volume || !ev->id_given || s->item->kind == ENTRY_TICK) return true;
  enum duplicate d = s->item->elsewhere;
  if (d == DUPLICATE_NO) d = volume_duplicate(f->volume, s->user, ev->source, ev->id, ev->body, ev->received, e);
  if (d == DUPLICATE_NO || d == DUPLICATE_FAILED) return d == DUPLICATE_NO;
  s->dropped = true;
  f->figures.duplicates++;
  s->item->state = ITEM_DUPLICATE;
  if (d == DUPLICATE_OTHER) {
    s->item->state = ITEM_REFUSED;
    err_set(&s->item->err, ERR_CONFLICT, "/id: \"" STR_FORMAT "\" was sent before with other content", STR_ARG(ev->id));
  }
  return true;
}

static void set_recorded(struct step *s) {
  const struct item *i = s->item;
  if (i->recorded) {
    s->recorded = *i->recorded;
    return;
  }
  int64_t clock = decision_clock(i, s->user);
  int64_t late = clock - i->event.timestamp;
  bool in_time = i->event.history || late <= (i->kind == ENTRY_TICK ? TICK_DECIDES_WITHIN : EVENT_DECIDES_WITHIN);
  s->recorded = (struct recorded){.clock = clock,
                                  .received = i->event.received,
                                  .history = i->event.history,
                                  .may_identify = i->may_identify,
                                  .decides = in_time && s->program != NULL,
                                  .source = i->event.source,
                                  .filled = i->filled};
  if (!i->event.id_given) s->recorded.given_id = i->event.id;
  if (i->trace) s->recorded.trace = *i->trace;
}

/* POST /v1/decide names its trigger; which one that is, the program of this moment says. */
static bool find_asked(struct flow *f, struct step *s, struct err *why) {
  const struct event *ev = &s->item->event;
  if (s->item->kind != ENTRY_ASKED || s->item->asked != NO_ONE || !s->program) return true;
  struct str name = json_text(&ev->json, json_get(&ev->json, ev->data, "trigger"), &f->scratch);
  if (name.len) s->item->asked = rules_trigger(s->program->rules, name);
  return name.len == 0 || s->item->asked != NO_ONE ||
         err_set(why, ERR_MISSING, "/trigger: no trigger is named \"" STR_FORMAT "\"", STR_ARG(name));
}

/* History is taken at the person's own clock, which never goes back: consent that was given before they opted out must not undo that. */
static bool consent_lets(const struct step *s, struct err *why) {
  const struct item *item = s->item;
  const struct user *u = s->user;
  const bool lifts = item->kind == ENTRY_CONSENT && str_is(item->event.type, "opt_in") && u && u->consent == CONSENT_WITHDRAWN;
  if (!lifts || !item->event.history || item->recorded || u->clock <= item->event.timestamp) return true;
  return err_set(why, ERR_CONFLICT,
                 "/timestamp: this user has opted out, and is known to a later time already: consent of the past lifts no opt-out");
}

static bool meet(struct flow *f, struct step *s, struct err *e) {
  struct err why = {0};
  const struct event *ev = &s->item->event;
  if (!merge_lets(s, &why) || !consent_lets(s, &why)) {
    refuse(f, s, &why);
    return true;
  }
  if (!drop_duplicate(f, s, e)) return false;
  if (s->dropped) return true;
  set_recorded(s);
  const bool known = known_words(f, s, &why);
  /* Every program refuses what is the engine's own: that says nothing of this one. */
  if (!known && !event_is_own(ev)) program_note(s->program, &(struct program_health){.events = 1, .events_refused = 1});
  bool taken = known && find_asked(f, s, &why);
  if (taken && !s->user && s->item->kind == ENTRY_ASKED)
    taken = err_set(&why, ERR_MISSING, "/userId: no user \"" STR_FORMAT "\" is known yet: send an event first", STR_ARG(ev->user));
  /* Nobody comes to be by an event that is refused. */
  if (taken && !s->user) taken = program_try(s->program, s->item->kind, ev, &s->recorded, &f->scratch, &why);
  if (!taken) refuse(f, s, &why);
  else if (!s->user && !(s->user = find_user(f, ev->user, true, e))) return false;
  if (taken) s->user->wave = f->wave;
  if (taken && !s->item->recorded) s->recorded.returned = f->volume && !s->user->head && volume_was_erased(f->volume, s->user);
  return true;
}

/* ---- move ---- */

/* A zone's data acts on days and quiet hours from here on, so it is a fact of the partition before the row that brings it. */
static bool note_zone(struct flow *f, struct step *s, const struct tz *before, struct err *e) {
  const struct place *place = &f->places.at[s->partition];
  if (!s->user->zone || s->user->zone == before || !f->volume || place_knows_zone(place, s->user->zone_name)) return true;
  struct buf fact = {0};
  bool ok = place_zone_fact(place, f->book, s->user->zone_name, ZONE_IN_FORCE, &fact, e);
  if (ok && fact.len) ok = flow_fact(f, s->partition, buf_view(&fact), e);
  buf_free(&fact);
  return ok;
}

static bool move(struct flow *f, struct step *s, struct err *e) {
  struct err why = {0};
  const struct tz *zone = s->user->zone;
  const struct known_person before = recall_before(f, s);
  if (program_move(s->program, s->user, s->item->kind, &s->item->event, &s->recorded, &f->scratch, &s->item->learned, &why))
    return recall_after(f, s, &before, e) && note_zone(f, s, zone, e);
  /* Only what an event says is refused before anything moves. Else it is half applied: the turn is lost, and the rows say what stands; a
   * merge goes on from them. */
  if (s->item->kind == ENTRY_MERGE || why.kind != ERR_INPUT) {
    *e = why;
    return false;
  }
  refuse(f, s, &why);
  return true;
}

/* ---- screen ---- */

static const struct listening *who_listens(struct flow *f, const struct step *s) {
  const struct rules *r = s->program->rules;
  const enum entry_kind kind = s->item->kind;
  if (kind == ENTRY_CONSENT || kind == ENTRY_IMPORTED || kind == ENTRY_FILLED || kind == ENTRY_MERGE) return NULL;
  if (s->item->kind == ENTRY_TICK) return ticks_listening(r, &s->item->event, &f->scratch);
  if (s->item->kind == ENTRY_ASKED)
    return s->item->asked == NO_ONE ? rules_listening_all(r) : rules_listening_to(r, trigger_name(r, s->item->asked));
  return rules_listening(r, s->item->event.type);
}

static void screen(struct flow *f, struct step *s) {
  const struct listening *l = s->recorded.decides ? who_listens(f, s) : NULL;
  const bool happened = s->recorded.decides && s->item->kind == ENTRY_EVENT;
  const uint64_t kept = happened ? models_kept_at(s->program->models, s->item->event.type) : 0;
  if (!l && !kept) return;
  s->listening = l;
  s->slots = ARENA_ARRAY(&f->scratch, struct value, s->program->symbols.count + 1);
  s->models = s->slots ? kept : 0; /* without memory nothing is looked at, and the wave is lost (had_memory) */
  if (!l || !s->slots) return;
  if (!(s->maybe = arena_alloc(&f->scratch, l->count + 1))) return;
  s->working = (struct working){.again = s->item->recorded != NULL, .recorded = s->item->recorded};
  s->any =
      program_screen(s->program, l, &s->item->event, s->user, s->recorded.clock, s->slots, s->maybe, &s->models, &s->working, &f->scratch);
  s->models |= kept;
}

/* ---- believe ---- */

static struct sessions *sessions_for(struct flow *f, const struct program *p) {
  if (f->sessions_of == p) return f->sessions;
  sessions_close(f->sessions);
  library_release(f->places.library, f->sessions_of);
  f->sessions = sessions_open(p->models, WAVE_MOST);
  f->sessions_of = library_hold(f->places.library, p);
  return f->sessions;
}

static struct moment_input input_of(struct flow *f, struct step *s, uint64_t first) {
  return (struct moment_input){.rules = s->program->rules,
                               .controls = &f->places.at[s->partition].controls,
                               .user = s->user,
                               .event = &s->item->event,
                               .listening = s->listening,
                               .slots = s->slots,
                               .clock = s->recorded.clock,
                               .first_decision = first,
                               .program = s->program->brief,
                               .asked = s->item->kind == ENTRY_ASKED ? s->item->asked : NO_ONE,
                               .sayable = speech_sayable,
                               .context = &s->speech};
}

/* A bit for each model that a rollout keeps from the step's user. */
static uint64_t gated_models(struct flow *f, struct step *s) {
  const struct moment_input in = input_of(f, s, 0);
  uint64_t gated = 0;
  for (uint32_t m = 0; m < models_count(s->program->models); m++)
    if (s->models >> m & 1 && model_gated(&in, model_served(s->program->models, m))) gated |= UINT64_C(1) << m;
  return gated;
}

static void ask_model(struct flow *f, const struct program *p, uint32_t model) {
  struct belief_row rows[WAVE_MOST];
  size_t count = 0;
  for (size_t i = 0; i < f->step_count; i++) {
    struct step *s = &f->steps[i];
    if (s->dropped || s->program != p || !(s->models >> model & 1) || s->item->recorded) continue;
    const struct moment_input in = input_of(f, s, 0);
    const uint32_t served = model_served(p->models, model); /* a gate or a kill of it is one of what lies beside it */
    const bool gated = model_gated(&in, served);
    const bool killed = !gated && place_model_killed(&f->places.at[s->partition], model_name(p->models, served));
    for (uint32_t b = 0; b < beliefs_count(p->models); b++)
      if (belief_model(p->models, b) == model)
        s->beliefs[b] = value_missing(gated ? MISSING_GATED : killed ? MISSING_SUSPENDED : MISSING_FAILED);
    if (gated || killed) continue;
    uint64_t seed = hash_64_seed(s->item->event.id, (uint64_t)s->recorded.clock ^ hash_64(s->user->id));
    rows[count++] = (struct belief_row){s->user, s->recorded.clock, seed, s->slots, s->beliefs, false, &s->seen};
  }
  if (!count) return;
  models_predict(p->models, sessions_for(f, p), model, rows, count, p->features, &f->scratch);
  uint64_t failed = 0;
  for (size_t i = 0; i < count; i++) {
    failed += rows[i].failed;
    if (rows[i].failed) program_note_failed(p, rows[i].user->digest.low | 1);
  }
  program_note(p, &(struct program_health){.rows = count - failed});
}

static void record_beliefs(struct flow *f, struct step *s) {
  uint32_t total = beliefs_count(s->program->models);
  s->recorded.beliefs = ARENA_ARRAY(&f->scratch, struct recorded_belief, total + 1);
  for (uint32_t b = 0; s->recorded.beliefs && b < total; b++)
    if (s->models >> belief_model(s->program->models, b) & 1)
      s->recorded.beliefs[s->recorded.belief_count++] = (struct recorded_belief){b, s->beliefs[b]};
}

static void set_beliefs(struct step *s) {
  const struct symbols *symbols = &s->program->symbols;
  for (uint32_t k = 0; k < s->recorded.belief_count; k++)
    for (uint32_t i = 0; i < symbols->count; i++)
      if (symbols->at[i].kind == SYMBOL_BELIEF && symbols->at[i].index == s->recorded.beliefs[k].belief)
        s->slots[i] = s->recorded.beliefs[k].value;
}

static void believe(struct flow *f) {
  for (size_t i = 0; i < f->step_count; i++) {
    struct step *s = &f->steps[i];
    if (!s->dropped && s->models && !s->item->recorded)
      if (!(s->beliefs = ARENA_ARRAY(&f->scratch, struct value, beliefs_count(s->program->models) + 1))) s->models = 0;
  }
  for (size_t i = 0; i < f->step_count; i++) {
    struct step *s = &f->steps[i];
    if (s->dropped || !s->models) continue;
    for (uint32_t n = 0; !s->item->recorded && s->recorded.belief_count == 0 && n < models_count(s->program->models); n++) {
      const uint32_t m = models_in_order(s->program->models, n);
      bool first = s->models >> m & 1;
      for (size_t k = 0; first && k < i; k++)
        first = f->steps[k].dropped || f->steps[k].program != s->program || !(f->steps[k].models >> m & 1);
      if (first) ask_model(f, s->program, m); /* once for all rows of the wave */
    }
    const struct belief_ask ask = {s->program, s->partition, s->user, &s->item->event, s->models, gated_models(f, s)};
    if (!s->item->recorded) record_beliefs(f, s);
    else if (f->keeper.believe) f->keeper.believe(f->keeper.context, &ask, &s->recorded, &f->scratch);
    set_beliefs(s);
  }
}

/* ---- decide and render ---- */

/* The program may be gone before the answer is written. */
static struct str kept_name(struct arena *a, struct str name) {
  const char *copy = arena_text(a, name.at, name.len);
  return (struct str){copy, copy ? name.len : 0};
}

/* Records live until they are kept, unless somebody asked to see them. */
static bool tell(struct flow *f, struct step *s, const struct moment_input *in) {
  struct item *item = s->item;
  struct arena *a = item->results ? item->results : f->out;
  struct arena *records = item->kind == ENTRY_ASKED || f->keeper.keep ? a : &f->scratch;
  item->told_count = s->count;
  item->told = ARENA_ARRAY(a, struct told, s->count + 1);
  item->records = ARENA_ARRAY(records, struct str, s->count + 1);
  if (!item->told || !item->records) return false;
  for (size_t k = 0; k < s->count; k++) {
    const struct decision *d = &s->decisions[k];
    const struct rules *r = s->program->rules;
    struct str option = d->option == NO_ONE ? (struct str){0} : option_name(r, d->option), trigger = trigger_name(r, d->trigger);
    item->told[k] = (struct told){d->id, item->event.user, kept_name(a, trigger), kept_name(a, option), d->outcome, d->reason};
    item->records[k] = speech_record(&s->speech, in, d, records);
    if (!item->records[k].at) return false;
  }
  return true;
}

static struct moment_input weigh(struct flow *f, struct step *s, uint64_t first) {
  program_fill(s->program, s->listening->rest, s->listening->rest_count, &s->item->event, s->user, s->recorded.clock, s->slots,
               &f->scratch);
  const struct listening *l = s->listening;
  program_work(s->program, l->derived, l->derived_screen, WORK_WITH_BELIEFS, s->slots, &s->working, &f->scratch);
  program_work(s->program, l->derived + l->derived_screen, l->derived_count - l->derived_screen, WORK_ALL, s->slots, &s->working,
               &f->scratch);
  s->speech = (struct speech){.program = s->program, .user = s->user, .slots = s->slots, .scratch = &f->scratch};
  struct moment_input in = input_of(f, s, first);
  s->count = decide_event(&in, s->maybe, &f->scratch, &s->decisions);
  return in;
}

void flow_consider(struct flow *f, struct step *s, uint64_t first) {
  screen(f, s);
  believe(f);
  if (s->any) weigh(f, s, first);
}

static bool decide(struct flow *f, struct step *s, struct err *e) {
  if (!s->any) return true;
  const struct recorded *was = s->item->recorded; /* a dry run has no ids, and draws of its own */
  uint64_t first = was ? was->first_decision : s->item->dry_run ? 0 : volume_next_decision(f->volume, s->partition);
  const struct moment_input in = weigh(f, s, first);
  s->recorded.first_decision = first;
  s->recorded.decision_count = (uint32_t)s->count;
  bool kept = tell(f, s, &in);
  for (size_t k = 0; kept && k < s->count && !s->item->dry_run; k++) kept = decision_apply(s->user, s->program->rules, &s->decisions[k]);
  return kept || err_set(e, ERR_INTERNAL, "no memory for a decision");
}

/* ---- keep ---- */

/* An imported decision (logged_decision) is booked as it was made elsewhere: its own propensities, outside caps, changing nobody's state.
 */
static bool imported_record(struct flow *f, struct step *s) {
  s->recorded.first_decision = s->item->recorded ? s->item->recorded->first_decision : volume_next_decision(f->volume, s->partition);
  s->recorded.decision_count = 1;
  s->count = 1;
  s->decisions = ARENA_NEW(&f->scratch, struct decision);
  s->item->records = ARENA_NEW(f->out, struct str);
  if (!s->decisions || !s->item->records) return false;
  s->decisions->id = s->recorded.first_decision;
  struct buf out = {0};
  decision_imported(s->decisions->id, s->user, &s->item->event, s->recorded.clock, &f->scratch, &out);
  s->item->records[0] = buf_into(&out, f->out);
  return s->item->records[0].at != NULL;
}

static void note_due(struct flow *f, struct step *s) {
  int64_t due = s->program ? ticks_next(s->program->rules, s->user) : 0;
  if (due == s->user->due) return;
  s->user->due = due;
  pile_push(&f->due, s->user); /* without memory: the due time is in the state, and the next event or start finds it */
}

static bool keep_in_volume(struct flow *f, struct kept *k, struct err *e) {
  if (!volume_append(f->volume, k->user, k->entry, e)) return false;
  for (size_t i = 0; i < k->count; i++) {
    if (!volume_add_decision(f->volume, k->user, k->decisions[i].id, k->entry->seq, k->records[i], e)) return false;
    struct letter *l = k->letters[i];
    if (!l) continue;
    struct buf names = {0};
    l->trace = k->recorded->trace;
    l->origin = book_origin(f->book);
    letter_pack(l, &names);
    struct outbox_row row = {.id = l->id,
                             .user = l->user,
                             .send_before = l->send_before,
                             .due = l->due,
                             .body = l->body,
                             .names = buf_view(&names),
                             .end = k->recorded->history ? OUTBOX_EXPIRED : OUTBOX_WAITING};
    bool ok = volume_add_outbox(f->volume, k->user, &row, e);
    buf_free(&names);
    if (!ok) return false;
    /* Without memory the letter is dropped: its row is there, and the courier asks again. */
    if (k->recorded->history || !pile_push(&f->letters, l)) letter_free(l);
    k->letters[i] = NULL;
  }
  const struct event *ev = &k->item->event;
  return !ev->id_given || k->item->kind == ENTRY_TICK || volume_remember(f->volume, k->user, ev->source, ev->id, k->entry->seq) ||
         err_set(e, ERR_STORAGE, "no memory to remember an event's id");
}

static bool keep(struct flow *f, struct step *s, struct err *e) {
  struct buf record = {0};
  if (!working_record(&s->working, &s->recorded, &f->scratch)) return err_set(e, ERR_INTERNAL, "no memory for a function's end");
  if (!f->keeper.keep) recorded_pack(&s->recorded, &record);
  struct entry entry = {.partition = s->partition, .kind = s->item->kind, .body = s->item->event.body, .record = buf_view(&record)};
  struct letter **letters = ARENA_ARRAY(&f->scratch, struct letter *, s->count + 1);
  bool ok = !record.failed && letters;
  for (size_t i = 0; ok && i < s->count && s->item->kind != ENTRY_IMPORTED; i++)
    if (s->decisions[i].outcome == OUTCOME_SENT)
      ok = (letters[i] = speech_letter(&s->speech, &s->decisions[i], f->volume ? volume_number(f->volume) : 0)) != NULL;
  if (!ok) err_set(e, ERR_STORAGE, "no memory for a row and its letters");
  struct kept k = {s->user, &entry, &s->recorded, s->decisions, s->item->records, letters, s->count, s->item};
  ok = ok && (f->keeper.keep ? f->keeper.keep(f->keeper.context, &k, e) : keep_in_volume(f, &k, e));
  for (size_t i = 0; letters && i < s->count; i++)
    if (letters[i]) letter_free(letters[i]);
  buf_free(&record);
  if (ok && f->volume) volume_user_changed(f->volume, s->user);
  return ok;
}

static void count_step(struct flow *f, const struct step *s) {
  if (s->item->kind == ENTRY_FILLED) {
    f->figures.filled++;
    return;
  }
  f->figures.events += s->item->kind != ENTRY_TICK;
  f->figures.ticks += s->item->kind == ENTRY_TICK;
  f->figures.late += !s->recorded.decides;
  if (s->program) program_note(s->program, &(struct program_health){.events = 1});
  f->figures.undeclared += s->item->undeclared;
  f->figures.answers_lost += !s->item->learned && s->item->kind == ENTRY_EVENT && str_is(s->item->event.type, "intervention_response");
  for (size_t i = 0; i < s->count && s->item->kind != ENTRY_IMPORTED; i++) f->figures.decisions[s->decisions[i].outcome]++;
}

/* ---- the walk ---- */

/* Users lie anywhere in memory; a wave knows its next ones, so what they hold is asked for while others are worked on, in the order in
 * which one pointer leads to the next. */
static void warm_ahead(const struct flow *f, size_t i) {
  const struct step *s = &f->steps[i];
  if (i + 3 < f->step_count && s[3].user) user_warm(s[3].user);
  if (i + 2 < f->step_count && s[2].user) user_warm_containers(s[2].user);
  if (i + 1 < f->step_count && s[1].user) user_warm_seen(s[1].user);
}

static bool walk_wave(struct flow *f, struct err *e) {
  for (size_t i = 0; i < f->step_count; i++) {
    struct step *s = &f->steps[i];
    warm_ahead(f, i);
    if (!meet(f, s, e)) return false;
    if (!s->dropped && !s->item->dry_run && !move(f, s, e)) return false;
    if (!s->dropped) screen(f, s);
  }
  believe(f);
  for (size_t i = 0; i < f->step_count; i++) {
    struct step *s = &f->steps[i];
    if (s->dropped) continue;
    const struct step *shadow = f->shadow.program ? shadow_decide(f, s) : NULL;
    if (!decide(f, s, e)) return false;
    if (shadow) shadow_compare(f, s, shadow);
    if (s->item->kind == ENTRY_IMPORTED && !imported_record(f, s)) return err_set(e, ERR_INTERNAL, "no memory for an imported decision");
    if (s->item->dry_run) continue;
    if (!program_enter(s->program, &f->places.at[s->partition].controls, s->user, &s->recorded))
      return err_set(e, ERR_INTERNAL, "no memory for a rollout's entry");
    if (!keep(f, s, e)) return false;
    note_due(f, s);
    count_step(f, s);
  }
  return true;
}

/* What memory was missing for may have been decided without: nothing of it may stand, or no replay would find it again. */
static bool had_memory(const struct flow *f, uint64_t failures, struct err *e) {
  return kit_failed_allocations() == failures || err_set(e, ERR_STORAGE, "no memory for a wave of %zu events", f->step_count);
}

bool flow_walk(struct flow *f, struct item **items, size_t count, struct arena *a, struct err *e) {
  f->out = a;
  f->ahead = (struct users_ahead){0};
  f->warmed = 0;
  const uint64_t failures = kit_failed_allocations();
  unsigned char *taken = arena_zero(a, count + 1, 1);
  bool ok = taken || err_set(e, ERR_STORAGE, "no memory for a walk of %zu events", count);
  for (size_t first = 0; ok && first < count;) {
    struct arena_mark mark = arena_mark(&f->scratch);
    ok = cut_wave(f, items, count, taken, &first, e) && walk_wave(f, e) && had_memory(f, failures, e);
    arena_rewind(&f->scratch, mark);
  }
  return ok;
}
