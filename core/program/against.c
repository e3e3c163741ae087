/* against: an experiment that runs keeps its arms for as long as its revision stays, and a rollout that runs keeps its stages in their
 * places: operators move by one stage at a time, and a file must not move further than they may. What is live is noted as text, so that
 * nobody has to hold a program for it. Undoing asks nothing: it returns to what was agreed upon before. [builder] */
#include "against.h"
#include "inside.h"
#include <string.h>

/* ---- the note: one line each, "experiment NAME REVISION TAB what it is", "rollout NAME TAB stage TAB share TAB stage …" ---- */
static void put_experiment(const struct noun_experiment *x, struct buf *out) {
  buf_printf(out, "at " STR_FORMAT ", randomised by " STR_FORMAT ", arms", STR_ARG(x->at_point), STR_ARG(x->randomise));
  for (size_t i = 0; i < x->arm_count; i++) {
    const struct noun_arm *arm = &x->arms[i];
    struct str sends = arm->silence ? STR("nothing") : arm->send.len ? arm->send : STR("what is offered");
    buf_printf(out, "%s " STR_FORMAT " %.9g " STR_FORMAT, i ? "," : "", STR_ARG(arm->name), arm->weight, STR_ARG(sends));
  }
  for (size_t i = 0; i < x->strata_count; i++) buf_printf(out, "%s " STR_FORMAT, i ? "," : "; strata", STR_ARG(x->strata[i]));
  buf_printf(out, "; outcome " STR_FORMAT " within %.9g s", STR_ARG(x->outcome_metric), x->outcome_within);
}

bool against_note(const struct program *p, struct buf *out) {
  const struct nouns *n = &p->nouns;
  for (size_t i = 0; i < n->experiment_count; i++) {
    buf_printf(out, "experiment " STR_FORMAT " %.0f\t", STR_ARG(n->experiments[i].at.name), n->experiments[i].revision);
    put_experiment(&n->experiments[i], out);
    buf_char(out, '\n');
  }
  for (size_t i = 0; i < n->rollout_count; i++) {
    buf_printf(out, "rollout " STR_FORMAT, STR_ARG(n->rollouts[i].at.name));
    for (size_t k = 0; k < n->rollouts[i].stage_count; k++)
      buf_printf(out, "\t" STR_FORMAT "\t%.17g", STR_ARG(n->rollouts[i].stages[k].name), n->rollouts[i].stages[k].share);
    buf_char(out, '\n');
  }
  return !out->failed;
}

/* What stands behind the line's first word or words. False: there is no such line. */
static bool note_line(struct str note, const char *head, struct str *rest) {
  struct str line;
  while (note.len && str_split(&note, '\n', &line)) {
    struct str first = line;
    if (!str_split(&line, '\t', &first) || !str_is(first, head)) continue;
    *rest = line;
    return true;
  }
  return false;
}

static void check_experiment(struct program *p, const struct noun_experiment *x, struct str note) {
  struct buf now = {0};
  struct str was;
  const char *head = arena_printf(&p->arena, "experiment " STR_FORMAT " %.0f", STR_ARG(x->at.name), x->revision);
  put_experiment(x, &now);
  if (now.failed || !head) findings_add(&p->findings, FINDING_ERROR, x->at.file, x->at.line, "memory failed");
  else if (note_line(note, head, &was) && !str_eq(was, buf_view(&now)))
    findings_add(&p->findings, FINDING_ERROR, x->at.file, x->at.line,
                 "experiment \"" STR_FORMAT "\" runs with revision %.0f and is otherwise here: raise its revision (live: " STR_FORMAT
                 "; here: " STR_FORMAT ")",
                 STR_ARG(x->at.name), x->revision, STR_ARG(was), STR_ARG(buf_view(&now)));
  buf_free(&now);
}

static bool next_stage(struct str *rest, struct str *name, double *share) {
  struct str digits;
  return rest->len && str_split(rest, '\t', name) && str_split(rest, '\t', &digits) && str_to_double(digits, share);
}

static void check_rollout(struct program *p, const struct noun_rollout *r, struct str note) {
  struct str rest, name, next;
  double share, next_share;
  const char *head = arena_printf(&p->arena, "rollout " STR_FORMAT, STR_ARG(r->at.name));
  if (!head || !note_line(note, head, &rest)) return;
  for (size_t i = 0; next_stage(&rest, &name, &share); i++) {
    struct str after = rest;
    if (i >= r->stage_count || !str_eq(r->stages[i].name, name)) {
      findings_add(&p->findings, FINDING_ERROR, r->at.file, r->at.line,
                   "rollout \"" STR_FORMAT "\": stage %zu is \"" STR_FORMAT "\" in the live program and %s" STR_FORMAT
                   "%s here: who stands before it would skip it (add stages at the end, or begin a rollout of another name)",
                   STR_ARG(r->at.name), i + 1, STR_ARG(name), i < r->stage_count ? "\"" : "gone",
                   STR_ARG(i < r->stage_count ? r->stages[i].name : STR("")), i < r->stage_count ? "\"" : "");
      return;
    }
    if (next_stage(&after, &next, &next_share) && next_share > share && r->stages[i].share >= next_share)
      findings_add(&p->findings, FINDING_ERROR, r->at.file, r->at.line,
                   "rollout \"" STR_FORMAT "\": stage \"" STR_FORMAT
                   "\" has a share of %g here, which the live program reaches only in stage \"" STR_FORMAT "\" (%g): that skips a stage",
                   STR_ARG(r->at.name), STR_ARG(name), r->stages[i].share, STR_ARG(next), next_share);
  }
}

void against_check(struct program *p, struct str note) {
  for (size_t i = 0; i < p->nouns.experiment_count; i++) check_experiment(p, &p->nouns.experiments[i], note);
  for (size_t i = 0; i < p->nouns.rollout_count; i++) check_rollout(p, &p->nouns.rollouts[i], note);
  findings_sort(&p->findings);
}

void program_hold_to(struct program *p, const struct program *live) {
  struct buf note = {0};
  if (against_note(live, &note)) against_check(p, buf_view(&note));
  else findings_add(&p->findings, FINDING_ERROR, "", 0, "memory failed");
  buf_free(&note);
}
