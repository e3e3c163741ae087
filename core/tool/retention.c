/* retention: trims a data directory now, or says what would go. The engine does the same by itself, a little at quiet moments; this is for
 * directories that no engine runs on, and for whoever wants to see. Main thread. */
#include "book/retention.h"
#include "arguments.h"
#include "kit/json.h"
#include "tools_list.h"
#include <stdio.h>

static void progress(void *context, double share) {
  tool_progress(context, share);
}

static const char *plural(uint64_t n) {
  return n == 1 ? "" : "s";
}

static void print(const struct trimmed *t, bool dry, bool json) {
  if (json) {
    struct buf out = {0};
    struct json_writer w = json_to(&out);
    json_open_object(&w);
    json_pair_bool(&w, "dryRun", dry);
    json_pair_int(&w, "users", (int64_t)t->users);
    json_pair_int(&w, "rows", (int64_t)t->rows);
    json_pair_int(&w, "decisions", (int64_t)t->decisions);
    json_pair_int(&w, "messages", (int64_t)t->letters);
    json_pair_int(&w, "checkpoints", (int64_t)t->checkpoints);
    json_close_object(&w);
    tool_print(&out);
    return;
  }
  printf("%s%llu event%s of %llu user%s, %llu decision%s, the text of %llu message%s%s\n",
         dry ? "Would be trimmed: " : "Trimmed: ", (unsigned long long)t->rows, plural(t->rows), (unsigned long long)t->users,
         plural(t->users), (unsigned long long)t->decisions, plural(t->decisions), (unsigned long long)t->letters, plural(t->letters),
         t->rows + t->decisions + t->letters ? "." : ": nothing is old enough.");
}

int tool_retention(int argc, char **argv) {
  const char *data = "data";
  int64_t events = 400, decisions = 1095, messages = 30;
  bool dry = false, json = false;
  const struct argument list[] = {
      {"--data", ARGUMENT_TEXT, &data, "DIR", "data directory (default: data)", "KAIROS_DATA"},
      {"--dry-run", ARGUMENT_FLAG, &dry, NULL, "only say what would go; works beside a running engine", NULL},
      {"--keep-events", ARGUMENT_NUMBER, &events, "DAYS", "since their arrival; 0: for ever (default: 400)", "KAIROS_KEEP_EVENTS"},
      {"--keep-decisions", ARGUMENT_NUMBER, &decisions, "DAYS", "no shorter than events; 0: for ever (default: 1095)",
       "KAIROS_KEEP_DECISIONS"},
      {"--keep-messages", ARGUMENT_NUMBER, &messages, "DAYS", "their text, after their end; 0: for ever (default: 30)",
       "KAIROS_KEEP_MESSAGES"},
      {"--json", ARGUMENT_FLAG, &json, NULL, "the figures as JSON", NULL}};
  const struct usage usage = {
      "retention", "Removes events, decisions and messages whose time to be kept is over. A running engine does so by itself.",
      "  kairos retention --dry-run --data data\n  kairos retention --keep-events 180 --data data\n", ARGUMENTS(list)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  struct retention keep;
  struct trimmed out;
  if (!retention_from_days(&keep, events, decisions, messages, &e)) return arguments_refuse(&usage, &e);
  const bool ok = book_retain(data, &keep, dry, progress, "trimming", &out, &e);
  tool_progress_end();
  if (!ok && e.kind == ERR_CONFLICT) err_wrap(&e, "a running engine trims by itself; --dry-run works beside it");
  if (!ok) return tool_fail(&e);
  print(&out, dry, json);
  return EXIT_OK;
}
