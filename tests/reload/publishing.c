/* helper: program kit; libraries: lib_uv */
/* Makes one program after another live, as fast as the engine takes them: a directory is sent with another last line each time, and every
 * third time the one before comes back by undo. What `kairos programs publish` does, without a process for each. Leaves with 1 when
 * anything is refused, or when something else is live than what was published last.
 *
 *     publishing PORT DIR FROM COUNT                  numbers FROM + 1 … FROM + COUNT, in DIR/rules/number.lua
 *     publishing PORT DIR FROM COUNT STATE PLUGIN     rules, weights and code in turn: the last weight of the state, whose file ends with
 *                                                     it, and the plugin's file, which another takes the place of */
#include "engine_client.h"
#include "kit/hash.h"
#include "program/program.h"

#define STATE_MOST  (16u << 20)
#define PLUGIN_MOST (64u << 20)
#define STATE_HEAD  40 /* 8 bytes of magic, and the SHA-256 of all after it */

struct publishing {
  int port;
  const char *directory, *state, *plugin; /* the last two NULL: rules only */
  struct buf weights, code;               /* of these two files as they were */
  char live[65];                          /* digest; empty: unknown yet */
};

/* The answer's body, in `a`. */
static struct str ask(const struct publishing *p, const char *method, const char *path, struct str body, struct arena *a) {
  struct reply r = client_ask(p->port, method, path, NULL, "application/json", body);
  if (r.status != 200 && r.status != 201)
    client_fail("%s: %d %.*s", path, r.status, (int)(r.body.len < 2000 ? r.body.len : 2000), r.body.at);
  const struct str kept = {arena_text(a, r.body.at, r.body.len), r.body.len};
  buf_free(&r.text);
  return kept;
}

/* Of a program, or of the first of a list. */
static void digest_of(struct str answer, char digest[65], struct arena *a) {
  struct json j;
  struct err e = {0};
  if (!json_parse(&j, a, answer, &json_limits_default, &e)) client_fail("%s", e.text);
  const struct str text = json_text(&j, json_get(&j, json_type(&j, 0) == JSON_ARRAY, "digest"), a);
  if (text.len != 64) client_fail("expected a digest in %.*s", (int)(answer.len < 500 ? answer.len : 500), answer.at);
  memcpy(digest, text.at, 64);
  digest[64] = 0;
}

/* Whole or not at all, as the engine looks at plugins all the while; the disk may take its time. */
static void write_file(const char *path, struct str bytes) {
  char beside[500];
  snprintf(beside, sizeof beside, "%s.new", path);
  FILE *file = fopen(beside, "w");
  if (!file || fwrite(bytes.at, 1, bytes.len, file) != bytes.len || fclose(file) != 0 || rename(beside, path) != 0)
    client_fail("%s: %s", path, strerror(errno));
}

static void other_rules(const struct publishing *p, long number) {
  char line[64], path[400];
  snprintf(path, sizeof path, "%s/rules/number.lua", p->directory);
  write_file(path, (struct str){line, (size_t)snprintf(line, sizeof line, "-- %ld\n", number)});
}

/* By less than the golden rows' tolerance. */
static void other_weights(const struct publishing *p, long number) {
  struct buf now = {0};
  double weight;
  unsigned char sha256[HASH_SHA256];
  buf_put(&now, p->weights.at, p->weights.len);
  if (now.failed || now.len < STATE_HEAD + sizeof weight) client_fail("%s: it is no state", p->state);
  memcpy(&weight, now.at + now.len - sizeof weight, sizeof weight);
  weight *= 1 + 1e-12 * (double)number;
  memcpy(now.at + now.len - sizeof weight, &weight, sizeof weight);
  hash_sha256((struct str){now.at + STATE_HEAD, now.len - STATE_HEAD}, sha256);
  memcpy(now.at + STATE_HEAD - sizeof sha256, sha256, sizeof sha256);
  write_file(p->state, buf_view(&now));
  buf_free(&now);
}

/* Other bytes are other code: what they do does not matter to a reload. */
static void other_code(const struct publishing *p, long number) {
  struct buf now = {0};
  buf_put(&now, p->code.at, p->code.len);
  buf_printf(&now, "%020ld", number);
  write_file(p->plugin, buf_view(&now));
  buf_free(&now);
}

static void publish(struct publishing *p, long number) {
  struct arena a = {0};
  struct buf body = {0};
  struct err e = {0};
  char path[400], digest[65];
  if (!p->state || number % 3 == 0) other_rules(p, number);
  else if (number % 3 == 1) other_weights(p, number);
  else other_code(p, number);
  digest_of(ask(p, "GET", "/v1/programs", (struct str){0}, &a), digest, &a);
  if (p->live[0] && strcmp(digest, p->live) != 0)
    client_fail("before %ld: %.16s is live, %.16s was made live last", number, digest, p->live);
  if (!program_upload(p->directory, &body, &e)) client_fail("%s", e.text);
  digest_of(ask(p, "POST", "/v1/programs", buf_view(&body), &a), p->live, &a);
  snprintf(path, sizeof path, "/v1/programs/%s/publish", p->live);
  ask(p, "POST", path, STR("{}"), &a);
  if (number % 3 == 0) digest_of(ask(p, "POST", "/v1/programs/undo", STR("{}"), &a), p->live, &a);
  buf_free(&body);
  arena_free(&a);
}

static void read_file(const char *path, struct buf *bytes, size_t most) {
  struct err e = {0};
  if (!file_read(path, bytes, most, &e)) client_fail("%s", e.text);
}

int main(int argc, char **argv) {
  if (argc != 5 && argc != 7) return 2;
  signal(SIGPIPE, SIG_IGN);
  struct publishing p = {.port = atoi(argv[1]), .directory = argv[2]};
  const long from = atol(argv[3]), count = atol(argv[4]);
  if (argc == 7) {
    p.state = argv[5];
    p.plugin = argv[6];
    read_file(p.state, &p.weights, STATE_MOST);
    read_file(p.plugin, &p.code, PLUGIN_MOST);
    /* a state or plugin that an earlier run left is as good as the first: it grows by some digits a run */
  }
  for (long i = 1; i <= count; i++) publish(&p, from + i);
  buf_free(&p.weights);
  buf_free(&p.code);
  return 0;
}
