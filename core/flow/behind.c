/* behind: is any file an older copy of itself? Does control.db know what the journals were told? Each fact of a partition carries its
 * number of control.db; where a number is higher than control.db's last, an older copy of it was put in place of the newest. Then lifted
 * kills of before would count and later ones be lifted, so all is killed until somebody has looked: as after a restore. Promises that this
 * is said once for each such copy, and done before any partition is told anything. A volume that ends before the row that it was known to
 * have (rows.json) lacks what was acknowledged since, opt-outs among it, and nobody can say whose: the same follows. While the volumes are
 * the caller's: at a start. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>

struct known {
  int64_t last, looked; /* the newest fact; up to which number of the journals somebody was told that facts are missing */
};

static bool note(void *context, const struct control_fact *fact) {
  struct known *k = context;
  k->last = fact->number;
  if (strcmp(fact->kind, "behind") != 0) return true;
  struct arena a = {0};
  struct json j;
  int64_t journals;
  if (json_parse(&j, &a, fact->body, &json_limits_default, NULL) && json_int(&j, json_get(&j, 0, "journals"), &journals) &&
      journals > k->looked)
    k->looked = journals;
  arena_free(&a);
  return true;
}

/* The partition's newest fact that has a number: what time-zone data says has none. */
static bool newest(struct volume *v, uint32_t partition, int64_t *number, struct err *e) {
  struct arena a = {0};
  bool done = true, found = false;
  for (int64_t seq = volume_last_fact(v, partition); done && seq > 0 && !found;) {
    struct entry row;
    struct json j;
    int64_t here;
    done = volume_entry(v, seq, &a, &row, NULL, e) && json_parse(&j, &a, row.body, &json_limits_default, e);
    found = done && json_int(&j, json_get(&j, 0, "number"), &here);
    if (found && here > *number) *number = here;
    seq = done ? row.previous : 0;
    arena_reset(&a);
  }
  arena_free(&a);
  return done;
}

static bool say(struct book *b, const char *kind, const char *name, int64_t journals, struct err *e) {
  char at[32];
  struct buf body = {0};
  struct json_writer w = json_to(&body);
  json_open_object(&w);
  json_pair_text(&w, "kind", kind);
  json_pair_text(&w, "name", name);
  json_pair_str(&w, "at", (struct str){at, clock_format(clock_now(), at)});
  json_pair_int(&w, "journals", journals);
  json_close_object(&w);
  const bool done = (!body.failed || err_set(e, ERR_INTERNAL, "no memory for a control fact")) &&
                    control_append(b, "serve", kind, name, buf_view(&body), NULL, e);
  buf_free(&body);
  return done;
}

bool facts_behind(struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context, struct err *e) {
  struct known known = {0};
  int64_t journals = 0;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    if (!newest(flow_of(context, book_volume_of(b, p))->volume, p, &journals, e)) return err_wrap(e, "partition %u", p);
  if (!control_each(b, 0, note, &known, e)) return false;
  if (journals <= known.last || journals <= known.looked) return true;
  log_error("control",
            "control.db ends with fact %lld and the journals know fact %lld: an older copy was put in its place. Kills, halted rollouts, "
            "revoked keys and erasures since are missing in it. Nothing is sent until kairos kill all --lift: say them again first",
            (long long)known.last, (long long)journals);
  return say(b, "kill", "all", journals, e) && say(b, "behind", "", journals, e);
}

/* What the volumes have is what is known from here on, so this is said once for each copy, too. */
bool rows_behind(struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context, struct err *e) {
  int64_t known[BOOK_VOLUMES_MOST], have[BOOK_VOLUMES_MOST] = {0};
  bool behind = false;
  book_rows_known(b, known);
  for (uint32_t n = 0; n < book_volumes(b); n++) {
    have[n] = volume_newest_row(flow_of(context, n)->volume);
    if (have[n] >= known[n]) continue;
    behind = true;
    log_error(
        "book",
        "volume %u ends with row %lld and had row %lld: an older copy was put in its place. What was acknowledged since is missing in "
        "it, opt-outs among it. Nothing is sent until kairos kill all --lift: put the newer file back, or enter those opt-outs first",
        n, (long long)have[n], (long long)known[n]);
  }
  if (behind && !say(b, "kill", "all", 0, e)) return false;
  struct err unkept = {0};
  if (!book_rows_keep(b, have, &unkept)) log_warn("book", "how far the journals are is not noted: %s", unkept.text); /* a full disk */
  return true;
}
