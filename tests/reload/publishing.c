/* helper: program kit; libraries: lib_uv */
/* Makes one program after another live, as fast as the engine takes them: a directory is sent with another last line each time, and every
 * third time the one before comes back by undo. What `kairos programs publish` does, without a process for each. Leaves with 1 when
 * anything is refused.
 *
 *     publishing PORT DIR FROM COUNT     numbers FROM + 1 … FROM + COUNT, in DIR/rules/number.lua */
#include "engine_client.h"
#include "program/program.h"

/* The answer's body, in `a`. */
static struct str ask(int port, const char *path, struct str body, struct arena *a) {
  struct reply r = client_ask(port, "POST", path, NULL, "application/json", body);
  if (r.status != 200 && r.status != 201)
    client_fail("%s: %d %.*s", path, r.status, (int)(r.body.len < 2000 ? r.body.len : 2000), r.body.at);
  const struct str kept = {arena_text(a, r.body.at, r.body.len), r.body.len};
  buf_free(&r.text);
  return kept;
}

static void publish(int port, const char *directory, long number) {
  struct arena a = {0};
  struct buf body = {0};
  struct err e = {0};
  struct json j;
  char line[64], path[400];
  snprintf(line, sizeof line, "-- %ld\n", number);
  snprintf(path, sizeof path, "%s/rules/number.lua", directory);
  FILE *file = fopen(path, "w");
  if (!file || fputs(line, file) < 0 || fclose(file) != 0) client_fail("%s: %s", path, strerror(errno));
  if (!program_upload(directory, &body, &e)) client_fail("%s", e.text);
  const struct str answer = ask(port, "/v1/programs", buf_view(&body), &a);
  if (!json_parse(&j, &a, answer, &json_limits_default, &e)) client_fail("%s", e.text);
  const struct str digest = json_text(&j, json_get(&j, 0, "digest"), &a);
  snprintf(path, sizeof path, "/v1/programs/%.*s/publish", (int)digest.len, digest.at);
  ask(port, path, STR("{}"), &a);
  if (number % 3 == 0) ask(port, "/v1/programs/undo", STR("{}"), &a);
  buf_free(&body);
  arena_free(&a);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  signal(SIGPIPE, SIG_IGN);
  const long from = atol(argv[3]), count = atol(argv[4]);
  for (long i = 1; i <= count; i++) publish(atoi(argv[1]), argv[2], from + i);
  return 0;
}
