/* health: what machines ask: metrics as Prometheus text, liveness, readiness. Never labelled by user. Main
 * thread. */
#include "inside.h"
#include "kit/clock.h"
#include <inttypes.h>

struct metric {
  const char *name, *type, *help;
  uint64_t value;
};

static void put_metric(struct buf *out, const struct metric *m) {
  buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", m->name, m->help, m->name, m->type, m->name, m->value);
}

static void put_seconds(struct buf *out, const char *name, const char *help, double seconds) {
  buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.6f\n", name, help, name, name, seconds);
}

/* A family that always has the one sample, whose label says what is true now. */
static void put_fact(struct buf *out, const char *name, const char *help, const char *label, const char *value) {
  buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s{%s=\"%s\"} 1\n", name, help, name, name, label, value);
}

static void put_decisions(struct buf *out, const struct flow_figures *f) {
  buf_text(out, "# HELP kairos_decisions_total Decisions by outcome.\n# TYPE kairos_decisions_total counter\n");
  for (int o = 0; o < 5; o++)
    buf_printf(out, "kairos_decisions_total{outcome=\"%s\"} %" PRIu64 "\n", outcome_word((enum outcome)o), f->decisions[o]);
}

static void put_deliveries(struct buf *out, const struct courier_figures *c) {
  const struct {
    const char *end;
    uint64_t value;
  } ends[] = {{"delivered", c->delivered}, {"failed", c->failed}, {"expired", c->expired}, {"withdrawn", c->withdrawn}};
  buf_text(out, "# HELP kairos_webhooks_total Webhooks that have ended, by how.\n# TYPE kairos_webhooks_total counter\n");
  for (int i = 0; i < 4; i++) buf_printf(out, "kairos_webhooks_total{end=\"%s\"} %" PRIu64 "\n", ends[i].end, ends[i].value);
}

static void put_refusals(struct buf *out, const struct door_figures *d) {
  uint64_t count = 0;
  buf_text(out, "# HELP kairos_http_busy_seconds From reading a request that is refused with 429 to writing the answer.\n"
                "# TYPE kairos_http_busy_seconds histogram\n");
  for (int i = 0; i <= DOOR_REFUSAL_STEPS; i++) {
    count += d->busy[i];
    if (i == DOOR_REFUSAL_STEPS) buf_text(out, "kairos_http_busy_seconds_bucket{le=\"+Inf\"}");
    else buf_printf(out, "kairos_http_busy_seconds_bucket{le=\"%g\"}", door_refusal_us[i] / 1e6);
    buf_printf(out, " %" PRIu64 "\n", count);
  }
  buf_printf(out, "kairos_http_busy_seconds_sum %.6f\nkairos_http_busy_seconds_count %" PRIu64 "\n", (double)d->busy_us / 1e6, count);
}

void api_metrics(struct request *r, void *context) {
  struct api *a = context;
  struct lanes_figures f;
  struct door_figures d = door_figures(a->door);
  struct programs_figures p = programs_figures(a);
  struct models_figures m;
  lanes_figures(a->lanes, &f);
  models_figures(a->program->models, &m);
  const struct metric metrics[] = {
      {"kairos_events_total", "counter", "Events taken.", f.flow.events},
      {"kairos_events_duplicate_total", "counter", "Events seen before.", f.flow.duplicates},
      {"kairos_events_refused_total", "counter", "Events refused by the vocabulary or as conflicts.", f.flow.refused},
      {"kairos_events_undeclared_total", "counter", "Events of types that the program does not declare: stored, they decide nothing.",
       f.flow.undeclared},
      {"kairos_events_late_total", "counter", "Events that moved state but came too late to decide.", f.flow.late},
      {"kairos_answers_lost_total", "counter",
       "Answers to messages that are not among the newest sends of their user: nothing was learned.", f.flow.answers_lost},
      {"kairos_ticks_total", "counter", "Ticks journaled.", f.flow.ticks},
      {"kairos_features_filled_total", "counter", "Users whose new feature definitions were filled from their chains.", f.flow.filled},
      {"kairos_features_warming", "gauge", "Volumes that still fill new feature definitions.", f.flow.warming},
      {"kairos_features_warming_users", "gauge", "Users of these volumes.", f.flow.warm_users},
      {"kairos_features_warming_looked", "gauge", "Users of these volumes that were looked at.", f.flow.warm_looked},
      {"kairos_turns_total", "counter", "Lane turns.", f.turns},
      {"kairos_commits_total", "counter", "Commits, each with one fsync.", f.book.commits},
      {"kairos_checkpoints_total", "counter", "WAL checkpoints.", f.book.checkpoints},
      {"kairos_volumes_failed", "gauge", "Files that are out of service.", f.book.failed},
      {"kairos_volumes_recovered_total", "counter", "Files reopened and verified after a failure.", f.book.recoveries},
      {"kairos_wal_bytes", "gauge", "Bytes in write-ahead logs.", f.book.wal_bytes},
      {"kairos_users", "gauge", "Users stored.", f.book.users_all},
      {"kairos_users_hot", "gauge", "Users in memory.", f.book.users_hot},
      {"kairos_users_dirty", "gauge", "Users whose stored state is behind.", f.book.dirty},
      {"kairos_lane_queue", "gauge", "Jobs waiting for lanes.", f.waiting},
      {"kairos_ticks_due", "gauge", "Users in the tick heaps.", f.ticks_due},
      {"kairos_webhook_attempts_total", "counter", "Webhook attempts.", f.courier.attempts},
      {"kairos_webhooks_waiting", "gauge", "Webhooks at the courier.", f.courier.waiting},
      {"kairos_webhooks_in_flight", "gauge", "Webhook requests running.", f.courier.in_flight},
      {"kairos_webhooks_unreadable_total", "counter", "Messages that are damaged in their file and ended as failed.", f.unreadable},
      {"kairos_webhook_breakers_open", "gauge", "Endpoints whose breaker is open.", f.courier.breaker_open},
      {"kairos_program_activations_total", "counter", "Programs made live since the start.", p.activations},
      {"kairos_program_refused_total", "counter", "Drafts of the directory that were refused.", p.refused},
      {"kairos_program_directory_refused", "gauge", "1 while what lies in the directory is refused.", p.directory_refused},
      {"kairos_program_returned_total", "counter", "Returns to the program before, by the watch.", p.returned},
      {"kairos_programs_held", "gauge", "Programs in memory.", p.held},
      {"kairos_plugin_hosts", "gauge", "Processes of the live program's plugins.", m.running},
      {"kairos_plugin_host_crashes", "gauge", "How often they ended and had to be started again, since the program is live.", m.crashes},
      {"kairos_models_suspended", "gauge", "Models of the live program that are out of service.", m.suspended},
      {"kairos_http_requests_total", "counter", "HTTP requests.", d.requests},
      {"kairos_http_requests_refused_total", "counter", "HTTP requests answered with 400 or above.", d.refused},
      {"kairos_http_connections", "gauge", "Open connections.", d.open},
  };
  struct buf out = {0};
  for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) put_metric(&out, &metrics[i]);
  put_decisions(&out, &f.flow);
  put_deliveries(&out, &f.courier);
  put_refusals(&out, &d);
  put_functions(&out, a->program);
  put_models(&out, a);
  put_seconds(&out, "kairos_program_build_seconds", "What the last build of the directory took.", (double)p.build_us / 1e6);
  put_seconds(&out, "kairos_program_live_seconds", "The last change, from the settled files to the last volume.", (double)p.live_us / 1e6);
  put_fact(&out, "kairos_build_info", "The engine's version.", "version", KAIROS_VERSION);
  put_fact(&out, "kairos_program_info", "The live program.", "digest", a->program->digest);
  put_seconds(&out, "kairos_uptime_seconds", "Seconds since the start.", (double)(clock_monotonic() - a->started_monotonic) / 1e9);
  request_answer_take(r, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

void api_livez(struct request *r, void *context) {
  (void)context;
  request_answer(r, 200, "text/plain; charset=utf-8", STR("ok\n"));
}

void api_readyz(struct request *r, void *context) {
  const struct api *a = context;
  struct lanes_figures f;
  lanes_figures(a->lanes, &f);
  if (a->draining) request_answer(r, 503, "text/plain; charset=utf-8", STR("[-]draining\n"));
  else if (f.book.failed) request_answer(r, 503, "text/plain; charset=utf-8", STR("[+]program live\n[-]a volume is out of service\n"));
  else request_answer(r, 200, "text/plain; charset=utf-8", STR("[+]program live\n[+]volumes open\nok\n"));
}
