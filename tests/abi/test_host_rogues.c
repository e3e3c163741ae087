/* rooms: host kit; inside: host */
/* Promise: a plugin that is wrong is refused with a sentence of its own that names the fault, nothing of it runs in this process, and this
 * process goes on: after every rogue the honest plugin still opens and answers. */
#include "abi.h"
#include "jail.h"
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

struct fault {
  const char *name, *words;
};

/* Refused by reading the file. */
static const struct fault seen_faults[] = {
    {"exit_import", "it imports 'exit': a plugin never ends the process"},
    {"fork_import", "it imports 'fork': a plugin starts no process"},
    {"clock_import", "it imports 'clock_gettime': a plugin has no clock"},
    {"rand_import", "it imports 'rand': a plugin has no chance"},
    {"odd_import", "it imports 'get_nprocs': it is not among the functions"},
    {"thread_local", "thread-local storage"},
    {"two_symbols", "it exports 'helper_function', expected kairos_plugin_v1 and nothing else"},
    {"wrong_major", "it exports 'kairos_plugin_v2', this engine speaks major version 1"},
    {"no_entry", "it does not export the function kairos_plugin_v1"},
    {"exec_stack", "executable stack"},
    {"text_relocation", "text relocations"},
    {"other_library", "it needs the library 'libz.so.1'"},
    {"search_path", "it changes where libraries are found ('/tmp'"},
};

/* Refused by what they do in a child. */
static const struct fault done_faults[] = {
    {"crash_constructor", "it crashed with signal 11 (SEGV)"},
    {"crash_entry", "it crashed with signal 11 (SEGV)"},
    {"crash_create", "it crashed with signal 11 (SEGV)"},
    {"exit_raw", "it ended its process with exit code 0 instead of returning"},
    {"fork_raw", "it tried to start a process"},
    {"socket_raw", "it tried to open a socket"},
    {"write_raw", "it tried to open a file"},
    {"kill_raw", "it tried to signal a process"},
    {"escape_openat2_cut", "it tried to open a file"},
    {"escape_open_create", "it tried to open a file"},
    {"escape_open_cut", "it tried to open a file"},
    {"escape_open_three", "it tried to open a file"},
    {"escape_mode", "it tried to change a file's mode"},
    {"escape_mode_open", "it tried to change a file's mode"},
    {"escape_node", "it tried to create a file"},
    {"escape_attribute", "it tried to change a file's attributes"},
    {"escape_times", "it tried to change a file's times"},
    {"escape_signals", "it tried to signal a process"},
    {"escape_limits", "it tried to change the limits of a process"},
    {"escape_lanes", "it tried to change how a process is scheduled"},
    {"escape_memory_file", "it tried to create a file"},
    {"escape_uring", "it tried to open an io_uring"},
    {"escape_handler", "it tried to take a signal that is not its own"},
    {"escape_handler_high", "it tried to take a signal that is not its own"},
    {"escape_hole_high", "it tried to cut a hole into shared memory"},
    {"escape_unknown", "it tried to make system call 0900"},
    {"escape_x32", "system call"},
    {"short_table", "it describes itself in 24 bytes, version 1.0 of the contract has"},
    {"long_table", "it describes itself in 1879048192 bytes"},
    {"later_minor", "it says minor version 7 of the contract, but its size is that of 0"},
    {"refuses", "it refuses this engine"},
    {"unknown_cap", "capabilities that this engine does not know"},
    {"no_predict", "its function predict is missing"},
    {"only_load", "both load and save or neither"},
    {"bad_id", "expected an id of"},
    {"twin_fields", "two of its inputs are called 'x'"},
    {"empty_range", "output 'y': its low 1 is not below its high 1"},
    {"half_policy", "expected the outputs 'action' and 'propensity'"},
    {"no_schema", "no kairos.schema/1 to tell them"},
    {"claims_all", "it claims an extension that does not exist"},
    {"leaks", "bytes of it are still held"},
};

static void honest_still_answers(void) {
  struct err e = {0};
  struct plugin *p;
  struct trained *m;
  struct session *s;
  const char *const inputs[] = {"x"};
  const struct model_spec spec = {.name = "honest", .inputs = inputs, .input_count = 1, .config = STR("{}")};
  assert_fine(plugin_open_unlisted(rogue("honest"), store, &p, &e), &e);
  assert_fine(model_create(p, &spec, &m, &e), &e);
  assert_fine(session_open(m, 2, &s, &e), &e);
  const double x[] = {1, 21}, *columns[] = {x};
  double y[2], *outputs[] = {y};
  uint64_t valid, *bits[] = {&valid};
  const uint64_t seeds[] = {1, 2};
  assert_fine(session_predict(s, 2, columns, NULL, seeds, outputs, bits, &e), &e);
  assert_true(y[0] == 2 && y[1] == 42 && valid == 3);
  session_close(s);
  model_free(m);
}

static void lint_names_the_fault(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof seen_faults / sizeof *seen_faults; i++) {
    struct err e = {0};
    const char *path = rogue(seen_faults[i].name);
    assert_refused(seen_faults[i].name, plugin_lint(path, &e), &e, seen_faults[i].words);
    assert_non_null(strstr(e.text, path));
    struct plugin *p;
    assert_refused(seen_faults[i].name, plugin_open_unlisted(path, store, &p, &e), &e, seen_faults[i].words);
  }
  honest_still_answers();
}

static void probe_names_the_fault(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof done_faults / sizeof *done_faults; i++) {
    struct err e = {0};
    const char *path = rogue(done_faults[i].name);
    assert_fine(plugin_lint(path, &e), &e); /* the file alone does not betray it */
    assert_refused(done_faults[i].name, plugin_probe(path, 20000, &e), &e, done_faults[i].words);
    struct plugin *p;
    assert_refused(done_faults[i].name, plugin_open_unlisted(path, store, &p, &e), &e, done_faults[i].words);
  }
  honest_still_answers();
}

/* Even past the lint, the jail holds. (Sanitizers stand between these calls and the system with locks of their own.) */
static void jail_holds_without_the_lint(void **state) {
  (void)state;
  struct err e = {0};
  assert_refused("no file", plugin_probe("/nonexistent.so", 20000, &e), &e, "there is no such file");
  if (SANITIZED) skip();
  assert_refused("fork_import", plugin_probe(rogue("fork_import"), 20000, &e), &e, "it tried to start a process");
  assert_refused("exit_import", plugin_probe(rogue("exit_import"), 20000, &e), &e, "exit code 0 instead of returning");
  assert_refused("read_raw", plugin_probe(rogue("read_raw"), 20000, &e), &e, "it tried to open a file");
  honest_still_answers();
}

static void say_nothing(struct str words) {
  (void)words;
}

/* What the engine knows is not read through its memory, though reading files is allowed. */
static void the_memory_of_others_stays_closed(void **state) {
  (void)state;
  char path[64];
  int status = -1;
  if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) skip();
  snprintf(path, sizeof path, "/proc/%d/mem", (int)getpid());
  const pid_t child = fork();
  if (child == 0) {
    struct err e = {0};
    if (!jail_for_loading(false, say_nothing, &e)) _exit(2);
    const bool reads = open("/proc/self/maps", O_RDONLY) >= 0;
    _exit(!reads ? 3 : open(path, O_RDONLY) >= 0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void a_hang_ends_at_the_limit(void **state) {
  (void)state;
  struct err e = {0};
  assert_refused("hang_entry", plugin_probe(rogue("hang_entry"), 300, &e), &e, "no answer within 300 ms");
  honest_still_answers();
}

static void shipped_plugins_pass(void **state) {
  (void)state;
  struct err e = {0};
  assert_fine(plugin_lint(SVR_PATH, &e), &e);
  assert_fine(plugin_probe(SVR_PATH, 20000, &e), &e);
  assert_fine(plugin_lint(rogue("honest"), &e), &e);
  assert_fine(plugin_lint(rogue("moody"), &e), &e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lint_names_the_fault),        cmocka_unit_test(probe_names_the_fault),
      cmocka_unit_test(jail_holds_without_the_lint), cmocka_unit_test(the_memory_of_others_stays_closed),
      cmocka_unit_test(a_hang_ends_at_the_limit),    cmocka_unit_test(shipped_plugins_pass),
  };
  return cmocka_run_group_tests(tests, store_make, store_drop);
}
