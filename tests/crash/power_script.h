/* A script of turns over the toy, what it was told is durable, and the check that a directory holds all of it. */
#pragma once
#include "crash/power_vfs.h"
#include "directory.h"
#include "volume.h"

#define SCRIPT_MOST 4000
struct told {
  int n;       /* which event */
  int64_t seq; /* its row, as answered */
  uint64_t decision;
  size_t after; /* operations logged when the commit returned true */
};
static struct {
  struct told told[SCRIPT_MOST];
  size_t told_count;
  int next, gone_after;              /* event numbers; no event of "erased" follows gone_after */
  size_t erasing_from, erased_after; /* operations: the user "erased" is certainly there before, certainly gone after */
  int64_t refused, recovered;
} script;

static void script_user(int n, char name[32]) {
  snprintf(name, 32, n % 11 == 3 && n < script.gone_after ? "erased" : "user-%d", n % 6);
}

/* One turn of some events; true when it was told to be durable. */
static bool script_turn(struct volume *v, int events, struct err *e) {
  struct told fresh[16];
  char name[32];
  for (int i = 0; i < events; i++) {
    const int n = script.next++;
    script_user(n, name);
    struct user *u;
    if (!toy_event(v, name, n, n % 3 == 0, e) || !(u = volume_user(v, str_from(name), false, e))) return false;
    fresh[i] = (struct told){.n = n, .seq = u->head};
    if (n % 3 == 0) fresh[i].decision = (uint64_t)u->partition << 48 | v->decisions[u->partition];
  }
  if (!volume_commit(v, e)) return false;
  for (int i = 0; i < events; i++) {
    fresh[i].after = power.count;
    must(script.told_count < SCRIPT_MOST);
    script.told[script.told_count++] = fresh[i];
  }
  return true;
}

static void script_forget(void) {
  memset(&script, 0, sizeof script);
  script.gone_after = INT32_MAX;
  script.erasing_from = script.erased_after = SIZE_MAX;
}

/* The directory's quiet files, which are not written while the engine runs. */
static void copy_quiet_files(const char *from, const char *to) {
  static const char *const names[] = {"layout", "master.key"};
  struct err e = {0};
  struct buf bytes = {0};
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  char path[700];
  snprintf(path, sizeof path, "%s/store", to);
  fine(&e, file_make_directory(path, 0700, &e));
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", from, names[i]);
    fine(&e, file_read(path, &bytes, 1 << 20, &e));
    snprintf(path, sizeof path, "%s/%s", to, names[i]);
    fine(&e, file_write_atomic(path, buf_view(&bytes), 0600, &e));
  }
  snprintf(path, sizeof path, "%s/store", from);
  fine(&e, file_list(path, &a, &entries, &count, &e));
  for (size_t i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/store/%s", from, entries[i].name);
    fine(&e, file_read(path, &bytes, 1 << 20, &e));
    snprintf(path, sizeof path, "%s/store/%s", to, entries[i].name);
    fine(&e, file_write_atomic(path, buf_view(&bytes), 0400, &e));
  }
  arena_free(&a);
  buf_free(&bytes);
}

struct verdict {
  int64_t lost, corrupt, torn;
};

/* Rows, decisions and outbox rows belong together; a user's state is that of the user's rows. */
static void check_torn(struct volume *v, struct verdict *out) {
  struct err e = {0};
  int64_t alone = 0;
  const char *text =
      "SELECT (SELECT count(*) FROM decisions d WHERE NOT EXISTS(SELECT 1 FROM journal j WHERE j.seq=d.seq))"
      "+(SELECT count(*) FROM outbox o WHERE NOT EXISTS(SELECT 1 FROM decisions d WHERE d.id=o.id))"
      "+(SELECT count(*) FROM decisions d WHERE NOT EXISTS(SELECT 1 FROM outbox o WHERE o.id=d.id))"
      "+(SELECT count(*) FROM journal j WHERE j.decisions NOT NULL AND NOT EXISTS(SELECT 1 FROM decisions d WHERE d.seq=j.seq))";
  if (!sql_int(v->db, text, 0, &alone, &e)) out->corrupt++;
  out->torn += alone;
  if (v->next_user > 1000) out->corrupt++; /* numbers that nobody gave */
  for (int64_t number = 1; number < v->next_user && number < 1000; number++) {
    struct user *u = volume_user_number(v, number, &e);
    int64_t rows;
    char count[96];
    if (!u) continue;
    snprintf(count, sizeof count, "SELECT count(*) FROM journal WHERE user=%lld", (long long)number);
    if (!sql_int(v->db, count, 0, &rows, &e)) out->corrupt++;
    else if (rows != (int64_t)u->events || u->mark_count != u->events) out->torn++;
  }
}

static void check_told(struct volume *v, size_t point, struct verdict *out) {
  struct arena a = {0};
  for (size_t i = 0; i < script.told_count; i++) {
    const struct told *t = &script.told[i];
    char name[32], body[128];
    struct entry row;
    struct str record;
    struct user *u;
    struct err e = {0};
    if (t->after > point) break;
    script_user(t->n, name);
    if (strcmp(name, "erased") == 0 && point >= script.erasing_from) continue;
    snprintf(body, sizeof body, "{\"userId\":\"%s\",\"n\":%d}", name, t->n);
    const bool there = volume_entry(v, t->seq, &a, &row, &u, &e) && str_is(row.body, body) && str_is(u->id, name) &&
                       (!t->decision || volume_decision(v, t->decision, &a, &record, NULL, &e));
    if (!there && out->lost++ < 3)
      print_message("event %d, row %lld, told at %zu of %zu: %s\n", t->n, (long long)t->seq, t->after, point, e.text);
    arena_reset(&a);
  }
  if (point >= script.erased_after && volume_user(v, STR("erased"), false, NULL)) out->lost++;
  arena_free(&a);
}

/* Opens the directory as the next start would and looks. */
static void check_directory(const char *directory, size_t point, struct verdict *out) {
  struct err e = {0};
  const struct volume_replay replay = {.row = toy_replay};
  struct book *b = book_open(directory, true, &e);
  struct volume *v = b ? volume_open(b, 0, &replay, &e) : NULL;
  struct verdict before = *out;
  if (!v) out->corrupt++;
  else {
    int64_t fine_pages = 0;
    if (!sql_int(v->db, "SELECT integrity_check='ok' FROM pragma_integrity_check(1)", 0, &fine_pages, &e) || !fine_pages) out->corrupt++;
    check_told(v, point, out);
    check_torn(v, out);
    /* And it goes on from there. */
    if (!toy_event(v, "later", 1, true, &e) || !volume_commit(v, &e)) out->corrupt++;
  }
  if (out->corrupt != before.corrupt) print_message("at operation %zu: %s\n", point, e.text);
  volume_close(v);
  book_close(b);
}
