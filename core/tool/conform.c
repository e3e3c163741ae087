/* conform: holds a model plugin against its contract, check by check, and prints for each that fails what went wrong and the command that
 * shows it again. Exit code 3 when one fails. Main thread. */
#include "arguments.h"
#include "kit/file.h"
#include "kit/json.h"
#include "program/program.h"
#include "tools_list.h"
#include <stdio.h>

#define STATE_MOST ((size_t)256 << 20)

struct printing {
  const char *path, *config, *state;
  int64_t seed;
  bool json, color;
  size_t count, skipped;
  struct buf out;
  struct json_writer w;
};

static void print_again(const struct printing *p, const struct conform_result *r) {
  printf("     kairos conform %s --only %s/%s --seed %lld", p->path, r->group, r->check, (long long)p->seed);
  if (p->config) printf(" --config '%s'", p->config);
  if (p->state) printf(" --state %s", p->state);
  printf(" --in-process\n");
}

static void print_json(struct printing *p, const struct conform_result *r) {
  static const char *const ends[] = {"ok", "failed", "skipped"};
  json_open_object(&p->w);
  json_pair_text(&p->w, "group", r->group);
  json_pair_text(&p->w, "check", r->check);
  json_pair_text(&p->w, "end", ends[r->end]);
  if (r->words[0]) json_pair_text(&p->w, "why", r->words);
  json_pair_int(&p->w, "ms", r->ms);
  json_close_object(&p->w);
}

static void print_result(void *context, const struct conform_result *r) {
  struct printing *p = context;
  static const char *const plain[] = {"ok  ", "FAIL", "skip"}, *const colored[] = {"\033[32mok\033[0m  ", "\033[31mFAIL\033[0m", "skip"};
  p->count++;
  p->skipped += r->end == CONFORM_SKIPPED;
  if (p->json) {
    print_json(p, r);
    return;
  }
  printf("%s %s/%s%s%s\n", p->color ? colored[r->end] : plain[r->end], r->group, r->check, r->words[0] ? ": " : "", r->words);
  if (r->end == CONFORM_FAILS) print_again(p, r);
  fflush(stdout);
}

static int run(const char *path, const struct conform_options *options, struct printing *p) {
  struct err e = {0};
  size_t failed = 0;
  p->w = json_to(&p->out);
  if (p->json) {
    json_open_object(&p->w);
    json_pair_text(&p->w, "plugin", path);
    json_key(&p->w, "checks");
    json_open_array(&p->w);
  }
  if (!plugin_conform(path, options, print_result, p, &failed, &e)) return tool_fail(&e);
  if (p->json) {
    json_close_array(&p->w);
    json_pair_int(&p->w, "failed", (int64_t)failed);
    json_close_object(&p->w);
    tool_print(&p->out);
  } else {
    fprintf(stderr, "%s: %zu checks, %zu failed, %zu skipped\n", path, p->count, failed, p->skipped);
  }
  return failed ? EXIT_FINDINGS : EXIT_OK;
}

/* A plugin may ignore what it is given, so no check would see that this is none. */
static bool is_config(const char *config, struct err *e) {
  struct arena a = {0};
  struct json j;
  bool fine = json_parse(&j, &a, str_from(config), &json_limits_default, e);
  if (!fine) err_wrap(e, "--config");
  else if (json_type(&j, 0) != JSON_OBJECT) fine = err_set(e, ERR_INPUT, "--config: expected a JSON object, got %s", config);
  arena_free(&a);
  return fine;
}

int tool_conform(int argc, char **argv) {
  const char *path = NULL, *state = NULL;
  struct conform_options o = {.named = true};
  int64_t seed = 1, limit = 120;
  bool json = false;
  const struct argument list[] = {
      {"PLUGIN", ARGUMENT_TEXT, &path, NULL, "the plugin's file: x.so", NULL},
      {"--only", ARGUMENT_TEXT, &o.only, "CHECK", "a group, or one check of it: predict, predict/order", NULL},
      {"--config", ARGUMENT_TEXT, &o.config, "JSON", "what the model is created from (default: {}, or two inputs a and b)", NULL},
      {"--state", ARGUMENT_TEXT, &state, "FILE", "a state as kairos train writes it (default: trained here on a synthetic set)", NULL},
      {"--seed", ARGUMENT_NUMBER, &seed, "S", "of everything that is drawn (default: 1)", NULL},
      {"--limit", ARGUMENT_NUMBER, &limit, "SECONDS", "for one check (default: 120)", NULL},
      {"--in-process", ARGUMENT_FLAG, &o.in_process, NULL, "without child process and jail, for a debugger", NULL},
      {"--json", ARGUMENT_FLAG, &json, NULL, "the results as JSON", NULL}};
  static const struct argument_fit fits[] = {{"--limit", "without --in-process"}};
  const struct usage usage = {"conform", "Holds a model plugin against its contract (plugins/kairos_plugin.h), in nine groups of checks.",
                              "  kairos conform ./my_model.so\n  kairos conform ./my_model.so --only predict --seed 7\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (!arguments_given(&usage, "PLUGIN", path)) return EXIT_USAGE;
  struct buf bytes = {0};
  struct err e = {0};
  if (limit < 1 || limit > 86400) err_set(&e, ERR_INPUT, "--limit: expected 1 to 86400, got %lld", (long long)limit);
  if (e.kind != ERR_NONE || (o.config && !is_config(o.config, &e))) return arguments_refuse(&usage, &e);
  if (state && !file_read(state, &bytes, STATE_MOST, &e)) return tool_fail(&e);
  o.state = buf_view(&bytes);
  o.seed = (uint64_t)seed;
  o.limit_ms = limit * 1000;
  struct printing p = {.path = path, .config = o.config, .state = state, .seed = seed, .json = json, .color = tool_color(1)};
  code = run(path, &o, &p);
  buf_free(&p.out);
  buf_free(&bytes);
  return code;
}
