/* rooms: kit book; inside: book */
/* parser: core/book/rows.c core/book/packer.c */
/* What must hold for any bytes lying where a stored journal row should be: as they are they never open; sealed with the right key but
 * packed by nobody, they are refused with a sentence or give views inside what was unpacked; and packed by ourselves they read back the
 * same. Never crashes, never reads beyond, never unpacks more than the bound. The input's first byte picks which. */
#include "kit/arena.h"
#include "volume.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A volume without a file: rows need its packer and its keys only. */
static struct volume *bare_volume(void) {
  static struct book book;
  static struct volume volume;
  if (volume.book) return &volume;
  struct buf dictionary = {0};
  struct err e = {0};
  must(sodium_init() >= 0 && dictionary_train(&dictionary, &e) && dictionary_load(&book.dictionary, buf_view(&dictionary), &e));
  buf_free(&dictionary);
  must(packer_init(&volume.packer, &book.dictionary, &e));
  sealer_init(&volume.sealer);
  volume.book = &book;
  return &volume;
}

static void as_it_lies(struct volume *v, struct user *u, struct str stored) {
  struct entry entry = {.kind = ENTRY_EVENT};
  struct buf plain = {0};
  struct err e = {0};
  must(!row_open(v, u, stored, &entry, &plain, &e) && e.text[0]);
  must(!piece_open(v, u, 'd', 1, stored, &plain, &e) && e.text[0]);
  buf_free(&plain);
}

static bool inside(struct str view, const struct buf *plain) {
  return view.len == 0 || (view.at >= plain->at && view.at + view.len <= plain->at + plain->len);
}

/* `packed` under a good seal: only a thief of the key, or a fault of ours, writes this. */
static void under_a_good_seal(struct volume *v, struct user *u, struct str packed) {
  struct entry entry = {.kind = ENTRY_EVENT, .count = 7};
  const struct seal_place place = {.what = 'j', .kind = ENTRY_EVENT, .count = 7, .digest = u->digest};
  struct buf stored = {0}, plain = {0};
  struct err e = {0};
  pack_u64(&stored, entry.count);
  must(seal(&v->sealer, u->key, NULL, &place, packed, &stored));
  if (row_open(v, u, buf_view(&stored), &entry, &plain, &e)) must(inside(entry.body, &plain) && inside(entry.record, &plain));
  else must(e.text[0]);
  must(plain.len <= PACKED_MOST);
  buf_free(&stored);
  buf_free(&plain);
}

static void there_and_back(struct volume *v, struct user *u, struct str text) {
  const size_t half = text.len / 2;
  struct entry entry = {
      .kind = ENTRY_EVENT, .count = 3, .arrived = -5, .body = {text.at, half}, .record = {text.at + half, text.len - half}};
  struct entry again = {.kind = ENTRY_EVENT};
  struct buf stored = {0}, plain = {0};
  struct err e = {0};
  const struct seal_place place = row_place(u, &entry);
  must(row_plain(&entry, &v->plain, &e) && packer_pack(&v->packer, buf_view(&v->plain), &v->sealed));
  pack_u64(&stored, entry.count);
  must(seal(&v->sealer, u->key, NULL, &place, buf_view(&v->sealed), &stored));
  buf_clear(&v->plain);
  buf_clear(&v->sealed);
  must(row_open(v, u, buf_view(&stored), &again, &plain, &e));
  must(str_eq(entry.body, again.body) && str_eq(entry.record, again.record) && again.count == 3 && again.arrived == -5);
  /* One bit changed anywhere, or another kind of row, and it does not open. */
  again.kind = ENTRY_TICK;
  must(!row_open(v, u, buf_view(&stored), &again, &plain, &e));
  again.kind = ENTRY_EVENT;
  stored.at[text.len % stored.len] ^= 1;
  must(!row_open(v, u, buf_view(&stored), &again, &plain, &e));
  buf_clear(&stored);
  buf_clear(&plain);
  must(piece_seal(v, u, 'd', 9, text, &stored, &e) && piece_open(v, u, 'd', 9, buf_view(&stored), &plain, &e));
  must(str_eq(text, buf_view(&plain)) && !piece_open(v, u, 'd', 10, buf_view(&stored), &plain, &e));
  buf_free(&stored);
  buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct user u = {.digest = {1, 2}, .number = 1, .key = {3}};
  if (!size) return 0;
  char *copy = malloc(size); /* no byte to spare behind it */
  if (!copy) return 0;
  memcpy(copy, bytes + 1, size - 1);
  const struct str rest = {copy, size - 1};
  struct volume *v = bare_volume();
  switch (bytes[0] % 3) {
  case 0: as_it_lies(v, &u, rest); break;
  case 1: under_a_good_seal(v, &u, rest); break;
  default: there_and_back(v, &u, rest); break;
  }
  free(copy);
  return 0;
}
