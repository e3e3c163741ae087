/* serve: the engine. Boot order: data directory, library, program (the last good one when the directory is broken), lanes, activation,
 * door. Shutdown order: door, lanes, directory. Promises: nothing listens before every volume has recovered; a signal ends it without
 * losing what was acknowledged. Main thread. */
#include "serve.h"
#include "accept/accept.h"
#include "api/api.h"
#include "arguments.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "kit/rng.h"
#include "shipped.h"
#include "workshop.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS_MOST  4096
#define DESCRIPTORS_LEAST 256
#define DESCRIPTORS_SPARE 256 /* for files, the courier, the connections kept for reserved routes */

/* ---- program ---- */

static void print_findings(const struct draft *d) {
  struct buf out = {0};
  draft_print(d, &out);
  if (out.len) fwrite(out.at, 1, out.len, stderr);
  buf_free(&out);
}

/* The directory's program, or the last good one: a broken file must not keep the engine down. */
static bool choose_program(struct engine *s, struct err *e) {
  struct chosen *c = &s->chosen;
  const bool found = program_choose(s->library, &s->from, s->options.program, c, e);
  if (c->refused) print_findings(c->refused);
  if (!found) return false;
  print_findings(c->live);
  if (c->refused || !s->options.program)
    log_warn("serve", "%s%s; going on with the last good program %s",
             s->options.program ? s->options.program : "no program directory given", c->refused ? ": the program has errors" : "",
             c->live->program->brief);
  else if (strcmp(c->live->digest, c->files.sources) != 0)
    log_warn("serve", "%s is as it was when another program was made live: going on with %s until it changes", s->options.program,
             c->live->program->brief);
  return true;
}

static bool announce_program(struct engine *s, int64_t *number, struct err *e) {
  struct chosen *c = &s->chosen;
  *number = c->last.number;
  if (c->last.identity && strcmp(c->last.identity, c->live->program->identity) == 0) return true;
  const struct announcement a = {.program = c->live->program,
                                 .author = "serve",
                                 .from = "start",
                                 .why = "the engine started",
                                 .acted = c->acted,
                                 .plugins = c->files.plugins};
  if (!program_announce(s->book, &a, number, e)) return false;
  c->announced = *number;
  return true;
}

/* ---- boot ---- */

static bool open_book(struct engine *s, struct err *e) {
  char layout[4096];
  snprintf(layout, sizeof layout, "%s/layout", s->options.data);
  if (!file_exists(layout) && !book_can_begin(s->options.data, e)) return false;
  if (!file_exists(layout) && !s->options.program)
    return err_set(e, ERR_MISSING, "no program to run: %s is new; name one with --program DIR (kairos init DIR makes one)",
                   s->options.data);
  if (!file_exists(layout)) {
    if (!workshop_can_read(s->options.program, e)) return err_wrap(e, "no program to run");
    if (!book_create(s->options.data, 1, e)) return false;
    log_info("serve", "%s is new: nobody is known here yet. Keep a copy of its master.key elsewhere; no backup holds it", s->options.data);
  }
  if (!(s->book = book_open(s->options.data, true, e))) return false;
  book_checkpoint_beside(s->book);
  snprintf(s->store, sizeof s->store, "%s/store", s->options.data);
  s->from = (struct program_from){.plugin_directory = tool_plugin_directory(), .store_directory = s->store};
  s->library = library_new(s->book, &s->from);
  return s->library || err_set(e, ERR_INTERNAL, "no memory for the library");
}

static struct flow *flow_of(void *context, uint32_t volume) {
  return lanes_flow(context, volume);
}

static bool open_lanes(struct engine *s, struct err *e) {
  int64_t number;
  if (!choose_program(s, e)) return err_wrap(e, "no program to run");
  s->api.program = s->chosen.live->program;
  struct lanes_options o = {.book = s->book,
                            .library = s->library,
                            .lanes = (uint32_t)s->options.lanes,
                            .endpoints = s->options.endpoints,
                            .endpoint_count = s->options.endpoint_count,
                            .letters_most = (uint32_t)s->options.letters,
                            .retention = &s->options.retention,
                            .loop = &s->loop};
  if (!(s->lanes = lanes_open(&o, e)) || !facts_behind(s->book, flow_of, s->lanes, e)) return false;
  if (!rows_behind(s->book, flow_of, s->lanes, e)) return false;
  if (!announce_program(s, &number, e) || !lanes_activate(s->lanes, s->api.program, number, e)) return false; /* control.db first */
  s->api.book = s->book;
  s->api.library = s->library;
  s->api.lanes = s->lanes;
  s->api.loop = &s->loop;
  s->api.endpoints = s->options.endpoints;
  s->api.endpoint_count = s->options.endpoint_count;
  s->api.started_at = clock_now();
  s->api.started_monotonic = clock_monotonic();
  if (!api_restore(&s->api, e) || !lanes_run(s->lanes, e)) return false;
  const struct programs_options p = {.from = s->from, .directory = s->options.program, .chosen = &s->chosen, .loop = &s->loop};
  return programs_open(&s->api, &p, e);
}

/* The keys that are valid now. When every key was revoked, one that nobody has stands in: only a directory that never had a key is open to
 * this machine. */
static bool valid_keys(struct engine *s, struct arena *a, struct door_key **list, size_t *valid, struct err *e) {
  struct api_key *keys;
  size_t count;
  *valid = 0;
  if (!control_keys(s->book, a, &keys, &count, e)) return false;
  if (!(*list = ARENA_ARRAY(a, struct door_key, count + 1))) return err_set(e, ERR_INTERNAL, "no memory for %zu keys", count);
  for (size_t i = 0; i < count; i++) {
    if (keys[i].revoked) continue;
    (*list)[*valid] = (struct door_key){.scopes = keys[i].scopes, .name = keys[i].name};
    memcpy((*list)[(*valid)++].sha256, keys[i].sha256, HASH_SHA256);
  }
  if (count == 0 || *valid) return true;
  (*list)[(*valid)++] = (struct door_key){.name = "nobody"};
  rng_secret((*list)[0].sha256, HASH_SHA256);
  return true;
}

/* The usual 1 024 descriptors would be used up by slow clients long before the door's own limit is: what the system allows is asked for. So
 * few that threads, files and plugin hosts do not all find one are refused here, where it can be said what is wrong. */
static bool ask_for_descriptors(struct err *e) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  const rlim_t wanted = CONNECTIONS_MOST + DESCRIPTORS_SPARE;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= DESCRIPTORS_LEAST) return true;
  return err_set(e, ERR_INTERNAL, "only %llu file descriptors are allowed (ulimit -n); an engine needs %d",
                 (unsigned long long)limit.rlim_cur, DESCRIPTORS_LEAST);
}

/* The door opens no further than what is allowed, so that files and webhooks always find a descriptor. */
static uint32_t connections_possible(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= CONNECTIONS_MOST + DESCRIPTORS_SPARE) return CONNECTIONS_MOST;
  const rlim_t spare = limit.rlim_cur > 2 * DESCRIPTORS_SPARE ? DESCRIPTORS_SPARE : limit.rlim_cur / 2;
  const uint32_t possible = (uint32_t)(limit.rlim_cur - spare);
  log_warn("serve", "only %llu file descriptors are allowed (ulimit -n): no more than %u connections at once",
           (unsigned long long)limit.rlim_cur, possible);
  return possible;
}

static bool open_door(struct engine *s, struct err *e) {
  struct door_key *door_keys_list;
  size_t valid;
  if (!valid_keys(s, &s->arena, &door_keys_list, &valid, e)) return false;
  size_t routes;
  struct door_options o = {.listen = s->options.listen,
                           .behind_proxy = s->options.behind_proxy,
                           .routes = api_routes(&routes),
                           .context = &s->api,
                           .room = api_room,
                           .keys = door_keys_list,
                           .key_count = valid,
                           .connections_most = connections_possible()};
  o.route_count = routes;
  s->api.door = s->door = door_open(&s->loop, &o, e);
  return s->door != NULL;
}

/* Keys are added and revoked by the command line in control.db: looked at twice a second, so that a revoked key lives at most one second
 * (S5). */
static void watch_keys(uv_timer_t *timer) {
  struct engine *s = timer->data;
  struct arena a = {0};
  struct door_key *list;
  size_t valid;
  struct err e = {0};
  if (valid_keys(s, &a, &list, &valid, &e)) {
    door_keys(s->door, list, valid);
  } else log_warn("serve", "keys: %s", e.text);
  arena_free(&a);
}

/* A terminal that closes ends what was started in it. Without one SIGHUP is somebody's word for "read again" or "your log was moved": of an
 * engine that ended there, a service manager would think that it was wanted. */
static bool hang_up_ends(void) {
  const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) close(terminal);
  return terminal >= 0;
}

static void on_signal(uv_signal_t *signal, int number) {
  struct engine *s = signal->data;
  if (number == SIGHUP && !s->in_terminal) {
    log_info("serve", "signal 1: going on; programs and keys are read by themselves when they change, other options at a start");
    return;
  }
  log_info("serve", "signal %d: finishing what was taken", number);
  engine_stop(s);
}

void engine_prepare(struct engine *s) {
  if (!s->loop_open) uv_loop_init(&s->loop);
  s->loop_open = true;
}

bool engine_open(struct engine *s, struct err *e) {
  engine_prepare(s);
  kit_give_back(); /* programs and what is sent come and go for months */
  if (!open_book(s, e) || !open_lanes(s, e) || !open_door(s, e)) return false;
  const int signals[ENGINE_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction as_it_was;
  s->in_terminal = hang_up_ends();
  for (int i = 0; i < ENGINE_SIGNALS; i++) {
    if (signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &as_it_was) == 0 && as_it_was.sa_handler == SIG_IGN) continue; /* nohup */
    uv_signal_init(&s->loop, &s->signals[i]);
    s->signals[i].data = s;
    uv_signal_start(&s->signals[i], on_signal, signals[i]);
  }
  uv_timer_init(&s->loop, &s->keys);
  s->keys.data = s;
  uv_timer_start(&s->keys, watch_keys, 500, 500);
  s->running = true;
  return true;
}

void engine_stop(struct engine *s) {
  if (!s->running) return;
  s->running = false;
  s->api.draining = true;
  uv_stop(&s->loop);
}

void engine_close(struct engine *s) {
  for (int i = 0; i < ENGINE_SIGNALS; i++)
    if (s->signals[i].data) uv_close((uv_handle_t *)&s->signals[i], NULL);
  if (s->keys.data) uv_close((uv_handle_t *)&s->keys, NULL);
  if (s->door) door_stop_accepting(s->door);
  programs_stop(&s->api);
  writing_end(&s->api);
  lanes_close(s->lanes); /* answers what was submitted, through the door that is still there */
  programs_answer(&s->api);
  if (s->door) door_close(s->door);
  if (s->loop_open) {
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
  }
  api_close(&s->api);
  programs_close(&s->api);
  chosen_free(&s->chosen);
  library_free(s->library);
  if (s->book) book_close(s->book);
  arena_free(&s->arena);
}

/* ---- the subcommand ---- */

/* One secret, or two while receivers change from one to the other; several may stand in one text, with spaces between them, because the
 * environment has only one. The same one said twice is one. */
static bool read_secrets(struct engine *s, const struct argument_list *texts, const char *secrets[2], size_t *count, struct err *e) {
  *count = 0;
  for (size_t i = 0; i < texts->count; i++) {
    struct str rest = str_from(texts->at[i]), word;
    while (rest.len && str_split(&rest, ' ', &word)) {
      bool known = word.len == 0;
      for (size_t k = 0; k < *count && k < 2; k++) known |= str_is(word, secrets[k]);
      if (known) continue;
      if (*count < 2 && !(secrets[*count] = arena_text(&s->arena, word.at, word.len)))
        return err_set(e, ERR_INTERNAL, "no memory for the webhook secrets");
      ++*count;
    }
  }
  return *count <= 2 ||
         err_set(e, ERR_INPUT, "--webhook-secret: expected one secret, or two while it is rotated, got %zu (the environment's count too)",
                 *count);
}

/* What an endpoint is called in lists, logs and explanations: whoever may read those need not know what stands behind the "?", which is
 * often a secret. NULL: no memory. */
static const char *endpoint_name(struct engine *s, const char *url) {
  const char *query = strchr(url, '?');
  return query ? arena_printf(&s->arena, "%.*s?…", (int)(query - url), url) : url;
}

static bool set_endpoints(struct engine *s, const struct argument_list *urls, const struct argument_list *texts, bool allow_http,
                          bool allow_private, struct err *e) {
  const char *secrets[2] = {NULL, NULL};
  size_t count;
  if (!read_secrets(s, texts, secrets, &count, e)) return false;
  if (urls->count && !count) return err_set(e, ERR_INPUT, "--webhook needs --webhook-secret (whsec_…), so that receivers can verify");
  struct endpoint *list = ARENA_ARRAY(&s->arena, struct endpoint, urls->count + 1);
  if (!list) return err_set(e, ERR_INTERNAL, "no memory for %zu webhook endpoints", urls->count);
  for (size_t i = 0; i < urls->count; i++) {
    list[i] = (struct endpoint){.name = endpoint_name(s, urls->at[i]),
                                .url = urls->at[i],
                                .secrets = {secrets[0], secrets[1]},
                                .allow_http = allow_http,
                                .allow_private = allow_private};
    if (!list[i].name) return err_set(e, ERR_INTERNAL, "no memory for a webhook endpoint");
    if (!endpoint_check(&list[i], e)) return false;
  }
  s->options.endpoints = list;
  s->options.endpoint_count = urls->count;
  return true;
}

#define NOT_SAID INT64_MIN

/* A number that was said is meant: 0 is none of anything here, and not the default. */
static bool count_fine(const char *option, const char *of_what, int64_t most, int64_t *number, struct err *e) {
  if (*number == NOT_SAID) *number = 0;
  else if (*number < 1 || *number > most)
    return err_set(e, ERR_INPUT, "%s: expected 1 to %lld %s, got %lld", option, (long long)most, of_what, (long long)*number);
  return true;
}

/* Before anything is opened or made: what the command line says must make sense by itself. */
static bool options_fine(struct engine *s, struct err *e) {
  return count_fine("--lanes", "threads", 1024, &s->options.lanes, e) &&
         count_fine("--webhook-queue", "messages", 1 << 24, &s->options.letters, e) && door_address_fine(s->options.listen, e);
}

int tool_serve(int argc, char **argv) {
  struct engine s = {.options = {.data = "data", .listen = "127.0.0.1:8080", .lanes = NOT_SAID, .letters = NOT_SAID}};
  struct argument_list urls = {0}, secrets = {0};
  bool allow_http = false, allow_private = false, demo = false, json_log = false;
  int64_t events = 400, decisions = 1095, messages = 30; /* days */
  const struct argument list[] = {
      {"--data", ARGUMENT_TEXT, &s.options.data, "DIR", "data directory, made when it is not there (default: data)", "KAIROS_DATA"},
      {"--program", ARGUMENT_TEXT, &s.options.program, "DIR",
       "rules, interventions and models (default: the last good program); their plugins lie in KAIROS_PLUGINS or with the engine",
       "KAIROS_PROGRAM"},
      {"--listen", ARGUMENT_TEXT, &s.options.listen, "ADDRESS", "where to listen (default: 127.0.0.1:8080)", "KAIROS_LISTEN"},
      {"--behind-proxy", ARGUMENT_FLAG, &s.options.behind_proxy, NULL,
       "TLS is a reverse proxy's: other addresses than loopback are allowed once a key is set", NULL},
      {"--lanes", ARGUMENT_NUMBER, &s.options.lanes, "N", "threads that own users (default: processors - 1)", "KAIROS_LANES"},
      {"--webhook", ARGUMENT_LIST, &urls, "URL", "where interventions are sent; of several each message goes to the first that works",
       "KAIROS_WEBHOOK"},
      {"--webhook-secret", ARGUMENT_LIST, &secrets, "WHSEC", "what they are signed with; given twice while it is rotated: with both",
       "KAIROS_WEBHOOK_SECRET"},
      {"--webhook-queue", ARGUMENT_NUMBER, &s.options.letters, "N", "messages held ready for sending; more wait on disk (default: 65536)",
       NULL},
      {"--keep-events", ARGUMENT_NUMBER, &events, "DAYS", "since their arrival; 0: for ever (default: 400)", "KAIROS_KEEP_EVENTS"},
      {"--keep-decisions", ARGUMENT_NUMBER, &decisions, "DAYS", "no shorter than events; 0: for ever (default: 1095)",
       "KAIROS_KEEP_DECISIONS"},
      {"--keep-messages", ARGUMENT_NUMBER, &messages, "DAYS", "their text, after their end; 0: for ever (default: 30)",
       "KAIROS_KEEP_MESSAGES"},
      {"--allow-http", ARGUMENT_FLAG, &allow_http, NULL, "webhooks without TLS are allowed", NULL},
      {"--allow-private", ARGUMENT_FLAG, &allow_private, NULL, "webhooks to private and loopback addresses are allowed", NULL},
      {"--demo", ARGUMENT_FLAG, &demo, NULL,
       "plays a small population into a fresh engine with the shipped program, or --program; shows what its receiver gets; ends", NULL},
      {"--log-json", ARGUMENT_FLAG, &json_log, NULL, "log lines as JSON", NULL},
  };
  /* The demo plays into a fresh directory that it removes again, with a receiver and a port of its own. Settings may name others for the
   * engine; whoever names one on the command line believes that the demo uses it. */
  static const struct argument_fit fits[] = {{"--demo", "without --data, --listen, --webhook, --webhook-secret, --allow-http, "
                                                        "--allow-private, --keep-events, --keep-decisions, --keep-messages"}};
  const struct usage usage = {"serve", "The engine: takes events, decides, sends, learns.",
                              "  kairos serve --program . --data data\n"
                              "  kairos serve --demo\n"
                              "  kairos serve --program . --webhook https://app.example/hooks --webhook-secret whsec_…\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse_settings(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  log_setup(LOG_INFO, json_log);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is a full disk, and no reason to die */
  struct err e = {0};
  if (!options_fine(&s, &e)) return arguments_refuse(&usage, &e);
  if (!ask_for_descriptors(&e)) return tool_fail(&e);
  char shipped[4096];
  if (demo && !s.options.program) {
    if (!tool_default_program(shipped, sizeof shipped, &e)) return tool_fail(&e);
    s.options.program = shipped;
  }
  if (demo) return tool_demo(&s);
  if (!retention_from_days(&s.options.retention, events, decisions, messages, &e)) return arguments_refuse(&usage, &e);
  if (!set_endpoints(&s, &urls, &secrets, allow_http, allow_private, &e)) {
    arena_free(&s.arena);
    return e.kind == ERR_INPUT ? arguments_refuse(&usage, &e) : tool_fail(&e);
  }
  if (!engine_open(&s, &e)) {
    code = tool_fail(&e);
    if (s.chosen.refused && !s.chosen.live && e.kind == ERR_INPUT) code = EXIT_FINDINGS; /* the program's, as of check */
    engine_close(&s);
    return code;
  }
  tool_say_open(s.options.data);
  fprintf(stderr, "kairos %s listens on port %d, program %.16s, data in %s\n", KAIROS_VERSION, door_port(s.door), s.api.program->digest,
          s.options.data);
  if (!s.options.endpoint_count)
    log_warn(
        "serve",
        "no webhook is set (--webhook, KAIROS_WEBHOOK): what is decided waits for a start with one, and leaves if it is still in time");
  uv_run(&s.loop, UV_RUN_DEFAULT);
  engine_close(&s);
  return EXIT_OK;
}
