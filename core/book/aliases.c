/* Aliases. Promises that a merge is durable with its author before anything acts on it, that ids lie in control.db sealed only, that the
 * chain of facts names digests and nobody, and that a person's ids are found in bounded steps: nobody is merged into themselves, round in a
 * circle, or into two people. Does not touch volumes; flow/merge.c and the API do, and tell here how far they are. One thread, but for
 * alias_change_write. */
#include "book/aliases.h"
#include "directory.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "kit/map.h"
#include "sql.h"
#include <stdlib.h>
#include <string.h>

struct aliases {
  struct book *book;
  struct sealer sealer;
  struct alias *at; /* in order of their facts, until a forgotten one's place is taken again; forgotten ones have no ids */
  size_t count, cap, known;
  size_t spare;          /* the place + 1 of a forgotten one, the next by `same`; 0: none */
  struct map from, into; /* hash_64 of the id → place + 1 of the newest */
};

/* ---- in memory ---- */

static size_t place_of(const struct map *m, struct str id) {
  uint64_t place;
  return map_get(m, hash_64(id), &place) ? (size_t)place : 0;
}

static struct alias *find(const struct aliases *a, struct str id) {
  for (size_t p = place_of(&a->from, id); p; p = a->at[p - 1].same)
    if (str_eq(a->at[p - 1].from, id)) return &a->at[p - 1];
  return NULL;
}

const struct alias *aliases_from(const struct aliases *a, struct str id) {
  return a ? find(a, id) : NULL;
}

static bool link_in(struct aliases *a, size_t place) {
  struct alias *x = &a->at[place - 1];
  x->same = place_of(&a->from, x->from);
  x->siblings = place_of(&a->into, x->into);
  if (!map_set(&a->from, hash_64(x->from), place)) return false;
  if (map_set(&a->into, hash_64(x->into), place)) return true;
  if (x->same) map_set(&a->from, hash_64(x->from), x->same); /* the key is there: no memory is needed */
  else map_remove(&a->from, hash_64(x->from));
  return false;
}

/* Takes copies of the ids. */
static struct alias *add(struct aliases *a, const struct alias *x, struct err *e) {
  if (!a->spare && a->count == a->cap) {
    const size_t cap = a->cap ? a->cap * 2 : 16;
    struct alias *grown = kit_realloc(a->at, cap * sizeof *grown);
    if (!grown) {
      err_set(e, ERR_BUSY, "memory for a merge is missing");
      return NULL;
    }
    a->at = grown;
    a->cap = cap;
  }
  char *text = kit_alloc(x->from.len + x->into.len + 1);
  if (text) {
    const size_t place = a->spare ? a->spare : a->count + 1, spare = a->spare ? a->at[place - 1].same : 0;
    struct alias *fresh = &a->at[place - 1];
    memcpy(text, x->from.at, x->from.len);
    memcpy(text + x->from.len, x->into.at, x->into.len);
    *fresh = *x;
    fresh->from = (struct str){text, x->from.len};
    fresh->into = (struct str){text + x->from.len, x->into.len};
    if (link_in(a, place)) {
      if (a->spare) a->spare = spare;
      else a->count++;
      a->known++;
      return fresh;
    }
    *fresh = (struct alias){.same = spare}; /* still spare, or still beyond the last */
  }
  kit_free(text);
  err_set(e, ERR_BUSY, "memory for a merge is missing");
  return NULL;
}

static void unlink_from(struct aliases *a, size_t place) {
  const struct alias *x = &a->at[place - 1];
  size_t p = place_of(&a->from, x->from);
  if (p == place) {
    if (x->same) map_set(&a->from, hash_64(x->from), x->same);
    else map_remove(&a->from, hash_64(x->from));
    return;
  }
  while (p && a->at[p - 1].same != place) p = a->at[p - 1].same;
  if (p) a->at[p - 1].same = x->same;
}

static void unlink_into(struct aliases *a, size_t place) {
  const struct alias *x = &a->at[place - 1];
  size_t p = place_of(&a->into, x->into);
  if (p == place) {
    if (x->siblings) map_set(&a->into, hash_64(x->into), x->siblings);
    else map_remove(&a->into, hash_64(x->into));
    return;
  }
  while (p && a->at[p - 1].siblings != place) p = a->at[p - 1].siblings;
  if (p) a->at[p - 1].siblings = x->siblings;
}

static void drop(struct aliases *a, size_t place) {
  struct alias *x = &a->at[place - 1];
  unlink_from(a, place);
  unlink_into(a, place);
  kit_free((void *)(uintptr_t)x->from.at);
  *x = (struct alias){.same = a->spare};
  a->spare = place;
  a->known--;
}

size_t aliases_count(const struct aliases *a) {
  return a ? a->known : 0;
}

const struct alias *aliases_next(const struct aliases *a, size_t *cursor) {
  while (*cursor < a->count)
    if (a->at[(*cursor)++].from.len) return &a->at[*cursor - 1];
  return NULL;
}

/* ---- whom an id means ---- */

struct str aliases_whom(const struct aliases *a, struct str id) {
  return aliases_whom_then(a, id, INT64_MAX);
}

struct str aliases_whom_then(const struct aliases *a, struct str id, int64_t at) {
  if (!aliases_count(a)) return id;
  for (const struct alias *x; (x = find(a, id)) && x->state == ALIAS_DONE && x->at <= at;) id = x->into;
  return id;
}

/* One that is being written is not said to be there. */
static struct str one_who_stays(const struct aliases *a, struct str id) {
  for (const struct alias *x; (x = find(a, id)) && x->state;) id = x->into;
  return id;
}

static int by_number(const void *left, const void *right) {
  const struct alias *const *x = left, *const *y = right;
  return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

/* Everybody who was merged into `id`, by whatever way. */
static bool collect(const struct aliases *a, struct str id, struct arena *arena, const struct alias ***found, size_t *count) {
  size_t cap = 0, looked = 0;
  for (struct str into = id;; into = (*found)[looked++]->from) {
    for (size_t p = place_of(&a->into, into); p; p = a->at[p - 1].siblings) {
      if (!a->at[p - 1].state || !str_eq(a->at[p - 1].into, into)) continue;
      if (*count == cap) {
        const size_t more = cap ? cap * 2 : 8;
        const struct alias **grown = ARENA_ARRAY(arena, const struct alias *, more);
        if (!grown) return false;
        if (*count) memcpy(grown, *found, *count * sizeof *grown);
        *found = grown;
        cap = more;
      }
      (*found)[(*count)++] = &a->at[p - 1];
    }
    if (looked == *count) return true;
  }
}

/* Costs what the person has of ids, not what everybody has. */
struct str *aliases_person(const struct aliases *a, struct str id, struct arena *arena, size_t *count) {
  const struct alias **found = NULL;
  const struct str stays = aliases_count(a) ? one_who_stays(a, id) : id;
  size_t n = 0;
  *count = 1;
  if (aliases_count(a) && !collect(a, stays, arena, &found, &n)) return NULL;
  struct str *ids = ARENA_ARRAY(arena, struct str, n + 1);
  if (!ids) return NULL;
  if (n) qsort(found, n, sizeof(const struct alias *), by_number);
  ids[0] = stays;
  for (size_t i = 0; i < n; i++) ids[i + 1] = found[i]->from;
  *count = n + 1;
  for (size_t i = 0; i <= n; i++) { /* views would end with the alias */
    ids[i].at = arena_text(arena, ids[i].at, ids[i].len);
    if (!ids[i].at) return NULL;
  }
  return ids;
}

/* An older merge is not followed further: whoever was merged into that id was so before it. */
size_t aliases_recent(const struct aliases *a, struct str id, int64_t since, const struct alias **out, size_t most) {
  size_t count = 0, looked = 0;
  if (!aliases_count(a)) return 0;
  for (struct str into = id;; into = out[looked++]->from) {
    for (size_t p = place_of(&a->into, into); p && count < most; p = a->at[p - 1].siblings) {
      const struct alias *x = &a->at[p - 1];
      if (x->state == ALIAS_DONE && x->at >= since && str_eq(x->into, into)) out[count++] = x;
    }
    if (looked == count) return count;
  }
}

const struct alias *aliases_begun_into(const struct aliases *a, struct str id) {
  for (size_t p = a ? place_of(&a->into, id) : 0; p; p = a->at[p - 1].siblings)
    if (a->at[p - 1].state == ALIAS_BEGUN && str_eq(a->at[p - 1].into, id)) return &a->at[p - 1];
  return NULL;
}

bool aliases_may(const struct aliases *a, struct str from, struct str into, const struct alias **same, struct err *e) {
  *same = NULL;
  if (str_eq(from, into)) return err_set(e, ERR_INPUT, "a user cannot be merged into itself");
  if (!aliases_count(a)) return true;
  const struct alias *x = find(a, from);
  const struct str stays = one_who_stays(a, into);
  if (str_eq(stays, from))
    return err_set(e, ERR_CONFLICT, "\"" STR_FORMAT "\" is merged into \"" STR_FORMAT "\" already: the other way round would be a circle",
                   STR_ARG(into), STR_ARG(from));
  const struct alias *ending = find(a, into);
  if ((x && x->state == ALIAS_ENDING) || (ending && ending->state == ALIAS_ENDING))
    return err_set(e, ERR_BUSY, "this person is being erased: send again in a second");
  /* What binds the other would end in a chain that is closed, and never reach the one who stays. */
  const struct alias *half = x ? NULL : aliases_begun_into(a, from);
  if (half)
    return err_set(e, ERR_BUSY, "the merge of \"" STR_FORMAT "\" into \"" STR_FORMAT "\" is not done: merge that one again first",
                   STR_ARG(half->from), STR_ARG(from));
  if (!x) return true;
  if (str_eq(one_who_stays(a, from), stays)) {
    *same = x;
    return true;
  }
  return err_set(e, ERR_CONFLICT, "\"" STR_FORMAT "\" is merged into \"" STR_FORMAT "\" already, and nobody is two people", STR_ARG(from),
                 STR_ARG(x->into));
}

/* ---- in control.db ---- */

static struct seal_place place_for(int64_t number) {
  return (struct seal_place){.what = 'm', .count = (uint64_t)number};
}

bool control_forget_merge(struct book *b, const unsigned char mark[16], struct err *e) {
  sqlite3_stmt *gone = sql_prepare(b->control, "DELETE FROM merges WHERE mark=?", e);
  if (!gone) return false;
  sqlite3_bind_blob(gone, 1, mark, 16, SQLITE_STATIC);
  const bool done = sql_run(gone, "forgetting a merge", e);
  b->merge_forgotten |= done && sqlite3_changes(b->control) > 0;
  sql_finalize(&gone);
  return done;
}

/* With a reader in the way the log is emptied when the next start opens it. */
void control_empty_log(struct book *b) {
  pthread_mutex_lock(&b->control_lock);
  if (b->merge_forgotten) {
    sqlite3_busy_timeout(b->control, 100);
    if (sqlite3_wal_checkpoint_v2(b->control, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK) b->merge_forgotten = false;
    sqlite3_busy_timeout(b->control, 2000);
  }
  pthread_mutex_unlock(&b->control_lock);
}

static bool doubt(struct book *b, void *context, struct err *e) {
  (void)context;
  return sql_exec(b->control, "UPDATE merges SET state=1 WHERE state=2", e);
}

bool control_doubt_merges(struct book *b, struct err *e) {
  return control_transaction(b, doubt, NULL, e);
}

static void put_digest(const struct book *b, struct str id, char hex[33]) {
  const struct hash_128 digest = seal_digest(b->secret, id);
  hash_hex((const unsigned char *)&digest, sizeof digest, hex);
}

static bool begin_work(struct book *b, void *context, struct err *e) {
  struct alias_change *c = context;
  if (!control_insert_fact(b, &c->fact, e)) return false;
  struct buf plain = {0}, sealed = {0};
  const struct seal_place place = place_for(c->fact.number);
  pack_str(&plain, c->alias->from);
  pack_str(&plain, c->alias->into);
  bool done = (!plain.failed && seal(&c->all->sealer, b->control_key, NULL, &place, buf_view(&plain), &sealed)) ||
              err_set(e, ERR_STORAGE, "memory for a merge is missing");
  sqlite3_stmt *insert = done ? sql_prepare(b->control, "INSERT INTO merges VALUES(?,?,?,?,?)", e) : NULL;
  if (insert) {
    sqlite3_bind_blob(insert, 1, c->alias->mark, sizeof c->alias->mark, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, c->fact.number);
    sqlite3_bind_int64(insert, 3, c->fact.at);
    sqlite3_bind_int64(insert, 4, ALIAS_BEGUN);
    sql_bind_str(insert, 5, buf_view(&sealed));
  }
  done = insert && sql_run(insert, "writing a merge", e);
  sql_finalize(&insert);
  buf_free(&plain);
  buf_free(&sealed);
  return done;
}

/* What the chain of facts keeps for ever: who did it, when, and two digests that name nobody. */
static bool fact_body(const struct book *b, const struct alias *x, char name[33], struct buf *body) {
  char into[33], at[32];
  put_digest(b, x->from, name);
  put_digest(b, x->into, into);
  struct json_writer w = json_to(body);
  json_open_object(&w);
  json_pair_text(&w, "kind", "merge");
  json_pair_text(&w, "name", name);
  json_pair_text(&w, "into", into);
  json_pair_str(&w, "at", (struct str){at, clock_format(x->at, at)});
  json_close_object(&w);
  return !body->failed;
}

static bool set_one(struct book *b, const struct alias *x, enum alias_state state, struct err *e) {
  if (!state) return control_forget_merge(b, x->mark, e);
  sqlite3_stmt *update = sql_prepare(b->control, "UPDATE merges SET state=? WHERE mark=?", e);
  if (!update) return false;
  sqlite3_bind_int64(update, 1, state);
  sqlite3_bind_blob(update, 2, x->mark, sizeof x->mark, SQLITE_STATIC);
  const bool done = sql_run(update, "writing how far a merge is", e);
  sql_finalize(&update);
  return done;
}

static bool set_work(struct book *b, void *context, struct err *e) {
  const struct alias_change *c = context;
  if (c->alias) return set_one(b, c->alias, c->state, e);
  for (size_t i = 0; i < c->count; i++) {
    const struct alias *x = find(c->all, c->ids[i]);
    if (x && !set_one(b, x, c->state, e)) return false;
  }
  return true;
}

/* ---- changes, in their three steps ---- */

bool aliases_begin_new(struct alias_change *c, struct aliases *a, const char *author, struct str from, struct str into,
                       const unsigned char mark[16], struct err *e) {
  struct alias fresh = {.from = from, .into = one_who_stays(a, into), .at = clock_now()};
  memcpy(fresh.mark, mark, sizeof fresh.mark);
  *c = (struct alias_change){
      .all = a, .is_new = true, .state = ALIAS_BEGUN, .alias = add(a, &fresh, e)}; /* memory first: what is on record must be known */
  if (!c->alias) return false;
  c->fact = (struct control_fact){.at = fresh.at, .author = author, .kind = "merge", .name = c->name};
  if (fact_body(a->book, c->alias, c->name, &c->body)) {
    c->fact.body = buf_view(&c->body);
    return true;
  }
  err_set(e, ERR_BUSY, "memory for a merge is missing");
  alias_change_end(c, false);
  return false;
}

bool aliases_begin_done(struct alias_change *c, struct aliases *a, struct str from, struct err *e) {
  *c = (struct alias_change){.all = a, .alias = find(a, from), .state = ALIAS_DONE};
  if (!c->alias) return err_set(e, ERR_INTERNAL, "a merge that nobody began is said to be done");
  c->is_written = c->alias->state != ALIAS_BEGUN;
  return true;
}

static bool begin_person(struct alias_change *c, struct aliases *a, struct str id, enum alias_state state, struct err *e) {
  *c = (struct alias_change){.all = a, .state = state};
  c->ids = aliases_person(a, id, &c->arena, &c->count);
  if (c->ids) return true;
  arena_free(&c->arena);
  return err_set(e, ERR_BUSY, "memory for a person's ids is missing");
}

bool aliases_begin_ending(struct alias_change *c, struct aliases *a, struct str id, struct err *e) {
  return begin_person(c, a, id, ALIAS_ENDING, e);
}

bool aliases_begin_forget(struct alias_change *c, struct aliases *a, struct str id, struct err *e) {
  return begin_person(c, a, id, (enum alias_state)0, e);
}

bool alias_change_write(struct alias_change *c, struct err *e) {
  struct book *b = c->all->book;
  if (c->is_written) return true;
  if (!control_transaction(b, c->is_new ? begin_work : set_work, c, e)) return false;
  if (!c->state) control_empty_log(b);
  return true;
}

const struct alias *alias_change_end(struct alias_change *c, bool is_written) {
  struct aliases *a = c->all;
  struct alias *x = c->alias;
  if (x && c->is_new) x->number = c->fact.number;
  if (x && is_written && c->state) x->state = c->state;
  if (x && (c->is_new ? !is_written : is_written && !c->state)) {
    drop(a, (size_t)(x - a->at) + 1);
    x = NULL;
  }
  for (size_t i = 0; is_written && i < c->count; i++) {
    struct alias *one = find(a, c->ids[i]);
    if (one && c->state) one->state = c->state;
    else if (one) drop(a, (size_t)(one - a->at) + 1);
  }
  buf_free(&c->body);
  arena_free(&c->arena);
  return x;
}

/* ---- … and at once ---- */

static const struct alias *at_once(struct alias_change *c, struct err *e, bool *done) {
  *done = alias_change_write(c, e);
  return alias_change_end(c, *done);
}

const struct alias *aliases_begin(struct aliases *a, const char *author, struct str from, struct str into, const unsigned char mark[16],
                                  struct err *e) {
  struct alias_change c;
  bool done;
  return aliases_begin_new(&c, a, author, from, into, mark, e) ? at_once(&c, e, &done) : NULL;
}

bool aliases_done(struct aliases *a, struct str from, struct err *e) {
  struct alias_change c;
  bool done = false;
  if (aliases_begin_done(&c, a, from, e)) at_once(&c, e, &done);
  return done;
}

bool aliases_ending(struct aliases *a, struct str id, struct err *e) {
  struct alias_change c;
  bool done = false;
  if (aliases_begin_ending(&c, a, id, e)) at_once(&c, e, &done);
  return done;
}

bool aliases_drop(struct aliases *a, struct str from, struct err *e) {
  struct alias_change c = {.all = a, .alias = find(a, from)};
  bool done = true;
  if (c.alias) at_once(&c, e, &done);
  return done;
}

bool aliases_forget(struct aliases *a, struct str id, struct err *e) {
  struct alias_change c;
  bool done = false;
  if (aliases_begin_forget(&c, a, id, e)) at_once(&c, e, &done);
  return done;
}

/* ---- life ---- */

static bool read_one(struct aliases *a, sqlite3_stmt *row, struct buf *plain, struct err *e) {
  struct alias x = {
      .number = sqlite3_column_int64(row, 1), .at = sqlite3_column_int64(row, 2), .state = (enum alias_state)sqlite3_column_int(row, 3)};
  const struct str mark = sql_column_str(row, 0);
  const struct seal_place place = place_for(x.number);
  buf_clear(plain);
  bool whole = mark.len == sizeof x.mark && x.state >= ALIAS_BEGUN && x.state <= ALIAS_ENDING;
  whole = whole && unseal(a->book->control_key, NULL, &place, sql_column_str(row, 4), plain);
  struct unpack in = unpack_from(buf_view(plain));
  if (whole) {
    memcpy(x.mark, mark.at, sizeof x.mark);
    x.from = unpack_str(&in);
    x.into = unpack_str(&in);
  }
  if (!whole || in.failed || !x.from.len || !x.into.len || str_eq(x.from, x.into))
    return err_set(e, ERR_STORAGE, "merge %lld of control.db does not open: damaged", (long long)x.number);
  if (find(a, x.from) || str_eq(one_who_stays(a, x.into), x.from))
    return err_set(e, ERR_STORAGE, "merge %lld of control.db contradicts an earlier one", (long long)x.number);
  return add(a, &x, e) != NULL;
}

struct aliases *aliases_open(struct book *b, struct err *e) {
  struct aliases *a = kit_alloc(sizeof *a);
  if (!a) {
    err_set(e, ERR_STORAGE, "memory for merges is missing");
    return NULL;
  }
  *a = (struct aliases){.book = b};
  sealer_init(&a->sealer);
  int64_t there = 0;
  bool done = !b->control ||
              sql_int(b->control, "SELECT count(*) FROM sqlite_master WHERE name='merges'", 0, &there, e); /* readers migrate nothing */
  sqlite3_stmt *rows = done && there ? sql_prepare(b->control, "SELECT mark, number, at, state, ids FROM merges ORDER BY number", e) : NULL;
  struct buf plain = {0};
  int got = 0;
  while (rows && done && (got = sql_row(rows, "reading merges", e)) == 1) done = read_one(a, rows, &plain, e);
  done = done && got >= 0 && (!there || rows);
  sql_finalize(&rows);
  buf_free(&plain);
  if (done) return a;
  aliases_close(a);
  return NULL;
}

void aliases_close(struct aliases *a) {
  if (!a) return;
  for (size_t i = 0; i < a->count; i++) kit_free((void *)(uintptr_t)a->at[i].from.at);
  kit_free(a->at);
  map_free(&a->from);
  map_free(&a->into);
  kit_free(a);
}
