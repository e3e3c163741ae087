/* stored: prints the decisions of a data directory in an order that does not depend on files and lanes, so that two directories can be
 * compared byte for byte. Reads with a reader of its own, beside a running engine or offline; holds one volume's records at a time. Main
 * thread. */
#include "stored.h"
#include "book/retention.h"
#include <stdio.h>
#include <stdlib.h>

struct stored {
  uint64_t id; /* its partition is in the upper bits */
  struct str record;
};
struct gathering {
  struct arena arena, row;
  struct stored *list;
  size_t count, cap;
};

static bool add(struct gathering *g, uint64_t id, struct str record) {
  if (g->count == g->cap) {
    size_t cap = g->cap ? g->cap * 2 : 1024;
    struct stored *grown = kit_realloc(g->list, cap * sizeof *grown);
    if (!grown) return false;
    g->list = grown;
    g->cap = cap;
  }
  const char *copy = arena_text(&g->arena, record.at, record.len);
  if (copy) g->list[g->count++] = (struct stored){id, {copy, record.len}};
  return copy != NULL;
}

static int by_id(const void *a, const void *b) {
  uint64_t x = ((const struct stored *)a)->id, y = ((const struct stored *)b)->id;
  return x < y ? -1 : x > y;
}

static bool gather(struct gathering *g, struct volume *reader, struct err *e) {
  struct entry row;
  struct user *user;
  e->kind = ERR_NONE;
  volume_scan_everything(reader);
  while (volume_scan(reader, 0, &row, &user, e)) {
    struct str *records;
    uint64_t *ids;
    size_t count = 0;
    if (row.kind != ENTRY_CONTROL && !volume_scan_decisions(reader, row.seq, &g->row, &records, &ids, &count, e)) return false;
    for (size_t i = 0; i < count; i++)
      if (!add(g, ids[i], records[i])) return err_set(e, ERR_INTERNAL, "no memory for %zu decisions", g->count);
    arena_reset(&g->row);
  }
  return e->kind == ERR_NONE;
}

bool stored_print(struct book *b, struct err *e) {
  bool ok = true;
  for (uint32_t v = 0; ok && v < book_volumes(b); v++) { /* volumes hold partitions in order */
    struct gathering g = {0};
    struct volume *reader = volume_reader(b, v, e);
    ok = reader && gather(&g, reader, e);
    volume_close(reader);
    if (g.count) qsort(g.list, g.count, sizeof *g.list, by_id);
    for (size_t i = 0; ok && i < g.count; i++) printf(STR_FORMAT "\n", STR_ARG(g.list[i].record));
    kit_free(g.list);
    arena_free(&g.arena);
    arena_free(&g.row);
  }
  return ok;
}
