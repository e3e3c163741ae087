/* routes: the one table of what the engine answers. The door checks scope, method and size by it; docs/API.md is held to
 * it. Main thread. */
#include "inside.h"

#define OPEN        SCOPE_NONE
#define UPLOAD_MOST (24u << 20) /* 10 MiB of sources as JSON */
static const struct route routes[] = {
    {METHOD_POST, "/v1/events", SCOPE_TRACK, false, 0, api_events,
     "one event, an array (at most 2 500), or NDJSON; ?clock=event decides on the events' own time (operate)"},
    {METHOD_POST, "/v1/decide", SCOPE_DECIDE, false, 0, api_decide,
     "a decision now, asked for instead of triggered: {userId, trigger?, context?, dryRun?}"},
    {METHOD_GET, "/v1/decisions/{id}", SCOPE_READ, false, 0, api_decision, "the record of a decision with its terms and delivery attempts"},
    {METHOD_GET, "/v1/decisions/{id}/why", SCOPE_READ, false, 0, api_decision_why, "the same in words; ?lang=en or ru"},
    {METHOD_GET, "/v1/users/{id}", SCOPE_READ, false, 0, api_user_get, "profile, features, patterns, beliefs, habit strength"},
    {METHOD_GET, "/v1/users/{id}/insights", SCOPE_READ, false, 0, api_user_insights,
     "best hours, context, forecasts and an assessment; ?weather=rain"},
    {METHOD_PUT, "/v1/users/{id}", SCOPE_INGEST, false, 0, api_user_put, "merges into the profile; top-level null removes"},
    {METHOD_DELETE, "/v1/users/{id}", SCOPE_OPERATE, false, 0, api_user_delete,
     "erasure: the user's key is destroyed, the rows are deleted"},
    {METHOD_POST, "/v1/users/{id}/opt-in", SCOPE_INGEST, false, 0, api_user_opt_in, "consent given"},
    {METHOD_POST, "/v1/users/{id}/opt-out", SCOPE_INGEST, true, 0, api_user_opt_out,
     "consent withdrawn; answered once no message can start any more"},
    {METHOD_POST, "/v1/users/{id}/merge", SCOPE_OPERATE, false, 0, api_user_merge,
     "{into}: from now on both ids are one person, the one of `into`; cannot be taken back"},
    {METHOD_GET, "/v1/users/{id}/why", SCOPE_READ, false, 0, api_user_why,
     "why a trigger does not fire for this user: ?trigger=NAME&at=TIME&lang=en, without a time now"},
    {METHOD_GET, "/v1/users/{id}/timeline", SCOPE_READ, false, 0, api_user_timeline, "events and decisions, newest first; ?limit=50"},
    {METHOD_GET, "/v1/users/{id}/export", SCOPE_OPERATE, false, 0, api_user_export, "everything about the user, as NDJSON"},
    {METHOD_GET, "/v1/kill", SCOPE_READ, false, 0, api_kill_list, "what is killed now"},
    {METHOD_PUT, "/v1/kill/all", SCOPE_OPERATE, true, 0, api_kill_all, "stops every send"},
    {METHOD_DELETE, "/v1/kill/all", SCOPE_OPERATE, true, 0, api_unkill_all, "lifts the global stop"},
    {METHOD_PUT, "/v1/kill/{kind}/{name}", SCOPE_OPERATE, true, 0, api_kill, "stops a trigger, intervention, experiment, rollout or model"},
    {METHOD_DELETE, "/v1/kill/{kind}/{name}", SCOPE_OPERATE, true, 0, api_unkill, "lifts that stop"},
    {METHOD_GET, "/v1/rollouts", SCOPE_READ, false, 0, api_rollouts, "stages, and where each rollout stands"},
    {METHOD_POST, "/v1/rollouts/{name}/{verb}", SCOPE_OPERATE, true, 0, api_rollout_move, "advance, approve, back, hold, resume or halt"},
    {METHOD_GET, "/v1/experiments", SCOPE_READ, false, 0, api_experiments, "what came of each experiment's arms, and which have ended"},
    {METHOD_GET, "/v1/experiments/{name}", SCOPE_READ, false, 0, api_experiment, "one experiment"},
    {METHOD_GET, "/v1/programs", SCOPE_READ, false, 0, api_programs,
     "programs: live, previous, refused and gone ones, with their findings"},
    {METHOD_POST, "/v1/programs", SCOPE_OPERATE, false, UPLOAD_MOST, api_program_post,
     "an upload, {files: {path: text}} or {digest}: built, checked, tested and kept, not live yet"},
    {METHOD_GET, "/v1/programs/{id}", SCOPE_READ, false, 0, api_program, "one program, with its sources as they run or ran"},
    {METHOD_POST, "/v1/programs/undo", SCOPE_OPERATE, true, 0, api_program_undo, "the program before is live again"},
    {METHOD_POST, "/v1/programs/{id}/{verb}", SCOPE_OPERATE, true, 0, api_program_verb,
     "publish, shadow (decides beside the live one; id off: nobody) or discard"},
    {METHOD_GET, "/v1/models", SCOPE_READ, false, 0, api_models, "which state of each model is served, what lies beside it, how they fare"},
    {METHOD_GET, "/v1/models/{name}", SCOPE_READ, false, 0, api_model, "one model, with what drifts"},
    {METHOD_GET, "/v1/models/{name}/history", SCOPE_READ, false, 0, api_model_history, "which state served when, and what was trained"},
    {METHOD_POST, "/v1/models/{name}/{verb}", SCOPE_OPERATE, false, UPLOAD_MOST, api_model_verb,
     "retrain, deploy, return, drop, or add {state: base64}; {version}"},
    {METHOD_GET, "/v1/nouns", SCOPE_READ, false, 0, api_nouns, "the language: every noun with its fields, their types and what they mean"},
    {METHOD_GET, "/v1/webhooks", SCOPE_READ, false, 0, api_webhooks, "endpoints and their breakers; what waits, what ended and how"},
    {METHOD_POST, "/v1/webhooks/replay", SCOPE_OPERATE, false, 0, api_webhooks_replay,
     "dead letters that ended in {from, to} are sent again, but for what is too late or opted out"},
    {METHOD_POST, "/v1/webhooks/enable", SCOPE_OPERATE, true, 0, api_webhooks_enable, "disabled endpoints are taken back into service"},
    {METHOD_GET, "/metrics", OPEN, false, 0, api_metrics, "Prometheus text"},
    {METHOD_GET, "/livez", OPEN, false, 0, api_livez, "the process is alive"},
    {METHOD_GET, "/readyz", OPEN, false, 0, api_readyz, "the program is live and the volumes are open"},
};

const struct route *api_routes(size_t *count) {
  *count = sizeof routes / sizeof *routes;
  return routes;
}
