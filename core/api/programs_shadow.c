/* programs_shadow: a candidate that decides beside the live program: who it is, and what it would have done otherwise. Every volume is told
 * between two turns; what it counts lies here and stays until the engine ends, since lanes write to it. Promises that a shadow ends when it
 * becomes live, is discarded or another takes its place. Main thread. */
#include "inside.h"
#include "programs.h"
#include <string.h>

struct shadow_run {
  struct shadow_counts counts;
  struct arena arena;
  const struct program *program; /* NULL: this run tells everybody to stop */
  struct edition *edition;
  struct programs *programs;
  struct request *request; /* to be answered when all have heard of it; or NULL */
  uint32_t waiting;
  bool failed;
  struct shadow_run *next; /* older */
};

static void add_rules(struct shadow_run *r, const struct rules *rules) {
  for (uint32_t i = 0; i < rules_triggers(rules); i++) {
    struct str name = trigger_name(rules, i);
    bool there = false;
    for (size_t k = 0; k < r->counts.rule_count && !there; k++) there = str_eq(r->counts.rules[k].name, name);
    if (!there) r->counts.rules[r->counts.rule_count++].name = (struct str){arena_text(&r->arena, name.at, name.len), name.len};
  }
}

static struct shadow_run *run_new(struct programs *s, struct edition *e, struct request *request) {
  struct shadow_run *r = kit_alloc(sizeof *r);
  if (!r) return NULL;
  *r = (struct shadow_run){.program = e ? e->draft->program : NULL, .edition = e, .programs = s, .request = request, .waiting = 1};
  if (e) {
    const struct rules *mine = r->program->rules, *live = s->live->draft->program->rules;
    r->counts.rules = ARENA_ARRAY(&r->arena, struct shadow_rule, rules_triggers(mine) + rules_triggers(live) + 1);
    if (r->counts.rules) {
      add_rules(r, live);
      add_rules(r, mine);
    }
  }
  if (!e || r->counts.rules) {
    r->next = s->shadow_runs;
    return s->shadow_runs = r;
  }
  arena_free(&r->arena);
  kit_free(r);
  return NULL;
}

static void heard(struct shadow_run *r) {
  if (--r->waiting > 0 || !r->request) return;
  struct programs *s = r->programs;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  if (r->failed) request_problem(r->request, 503, "busy", NULL, "a volume has no room to hear of it: ask again");
  else if (r->edition && r->edition == s->shadow) {
    put_edition(&w, s, r->edition);
    request_answer_take(r->request, 200, "application/json", &out);
  } else request_answer(r->request, 200, "application/json", STR("{\"shadow\":null}"));
  buf_free(&out);
  r->request = NULL;
}

static void tell_flow(struct job *j, struct flow *f) {
  struct shadow_run *r = j->owner;
  flow_shadow(f, r->program, &r->counts);
}

static void volume_heard(struct job *j) {
  struct shadow_run *r = j->owner;
  r->failed |= j->err.kind != ERR_NONE;
  job_free(j);
  heard(r);
}

static void tell_volumes(struct shadow_run *r) {
  struct api *a = r->programs->api;
  for (uint32_t v = 0; v < book_volumes(a->book); v++) {
    struct job *j = job_new(v);
    if (!j) {
      r->failed = true;
      continue;
    }
    j->call = tell_flow;
    j->done = volume_heard;
    j->owner = r;
    j->urgent = true;
    r->waiting++;
    if (lanes_submit(a->lanes, j)) continue;
    r->waiting--;
    r->failed = true;
    job_free(j);
  }
  heard(r);
}

void shadow_set(struct programs *s, struct edition *e, struct request *request) {
  struct shadow_run *r = s->closing ? NULL : run_new(s, e, request);
  if (r) {
    s->shadow = e;
    tell_volumes(r);
  } else if (request) request_problem(request, 503, "memory", NULL, "no memory for a shadow");
}

void shadow_end(struct programs *s) {
  if (s->shadow) shadow_set(s, NULL, NULL);
}

void shadows_free(struct programs *s) {
  for (struct shadow_run *r = s->shadow_runs, *next; r; r = next) {
    next = r->next;
    arena_free(&r->arena);
    kit_free(r);
  }
  s->shadow_runs = NULL;
}

/* ---- as JSON ---- */

static uint64_t now(const uint64_t *count) {
  return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static void put_rule(struct json_writer *w, const struct shadow_rule *r) {
  json_pair_int(w, "same", (int64_t)now(&r->same));
  json_pair_int(w, "gained", (int64_t)now(&r->gained));
  json_pair_int(w, "lost", (int64_t)now(&r->lost));
  json_pair_int(w, "changed", (int64_t)now(&r->changed));
}

static void put_rules(struct json_writer *w, const struct shadow_counts *c) {
  json_key(w, "rules");
  json_open_object(w);
  for (size_t i = 0; i < c->rule_count; i++) {
    const struct shadow_rule *r = &c->rules[i];
    if (now(&r->same) + now(&r->gained) + now(&r->lost) + now(&r->changed) == 0) continue;
    json_key_str(w, r->name);
    json_open_object(w);
    put_rule(w, r);
    json_close_object(w);
  }
  json_close_object(w);
}

void put_shadow(struct json_writer *w, const struct programs *s, const struct edition *e) {
  json_key(w, "shadowed");
  if (e != s->shadow || !s->shadow_runs) {
    json_put_null(w);
    return;
  }
  const struct shadow_counts *c = &s->shadow_runs->counts;
  json_open_object(w);
  json_pair_int(w, "moments", (int64_t)now(&c->moments));
  put_rule(w, &c->all);
  put_rules(w, c);
  json_close_object(w);
}
