/* What a session remembers of windows: what the layers held before the last step. Who is asked about again and again on one day has the
 * same days behind them, and only today's step is new. Promises the bits that working out the whole window gives, since a row's arithmetic
 * does not depend on the rows beside it (product.h) and an entry is taken only when every number of the window before its last step is the
 * same, compared one by one; a bounded room, in which newer windows take the places of older ones; and that without memory for it
 * everything works as before. One session's, so one lane's. Called by predict. */
#include "lstm.h"
#include <string.h>

#define WAYS       4u                /* entries that a window may be in */
#define BYTES_MOST ((size_t)6 << 20) /* of a session */
#define MIX        UINT64_C(0x9E3779B97F4A7C15)

/* ---- room ---- */

static size_t layers_size(const kairos_model *model) {
  size_t units = 0;
  for (uint32_t n = 0; n < model->plan.lstm_count; n++) units += model->plan.lstm[n].hidden16;
  return 2 * units * model->kernels->real_size;
}

static size_t window_size(const kairos_model *model) {
  const size_t step = (size_t)model->plan.features * model->kernels->real_size + 1;
  return ((model->plan.steps - 1) * step + 15) / 16 * 16;
}

static size_t block_size(const struct recall *r) {
  return r->places * (sizeof *r->keys + r->entry) + r->prefix;
}

/* Nothing but the keys is written before it is needed: a session that asks little touches little. */
void recall_open(struct recall *r, const kairos_host *host, const kairos_model *model) {
  *r = (struct recall){.places = WAYS};
  if (model->settings.recall < WAYS || model->plan.steps < 2) return;
  r->prefix = window_size(model);
  r->entry = r->prefix + layers_size(model);
  while (2 * r->places <= model->settings.recall && 2 * r->places * r->entry <= BYTES_MOST) r->places *= 2;
  unsigned char *block = host->realloc(host, NULL, 0, block_size(r));
  if (!block) return;
  r->keys = (uint64_t *)(void *)block;
  memset(r->keys, 0, r->places * sizeof *r->keys);
  r->window = block + r->places * sizeof *r->keys;
  r->block = r->window + r->prefix;
}

void recall_close(struct recall *r, const kairos_host *host) {
  if (r->block) host->realloc(host, r->keys, block_size(r), 0);
  *r = (struct recall){0};
}

void recall_check(struct recall *r, const kairos_model *model) {
  if (r->adopted == model->adopted) return;
  memset(r->keys, 0, r->places * sizeof *r->keys);
  r->adopted = model->adopted;
}

/* ---- windows ---- */

/* The row's steps before the last, one after the other, and of each whether anything is known. */
static void take_window(struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count) {
  const size_t step = (size_t)model->plan.features * model->kernels->real_size, before = model->plan.steps - 1;
  const unsigned char *x = (const unsigned char *)w->x + row * step, *present = w->present + row;
  unsigned char *to = r->window, *known = r->window + before * step;
  for (size_t t = 0; t < before; t++, x += count * step, to += step) {
    memcpy(to, x, step);
    known[t] = present[t * count];
  }
  memset(known + before, 0, r->prefix - before * (step + 1));
}

static uint64_t key_of(const struct recall *r) {
  uint64_t a = MIX, b = 0;
  for (size_t i = 0; i < r->prefix; i += 16) {
    uint64_t words[2];
    memcpy(words, r->window + i, sizeof words);
    a = (a ^ words[0]) * MIX;
    b = (b + words[1]) * UINT64_C(0xC2B2AE3D27D4EB4F);
    a ^= a >> 29;
    b ^= b >> 31;
  }
  a ^= b * MIX;
  a ^= a >> 32;
  return a ? a : 1;
}

static unsigned char *entry_at(const struct recall *r, uint64_t key, uint32_t way) {
  return r->block + ((key % (r->places / WAYS)) * WAYS + way) * r->entry;
}

const unsigned char *recall_find(struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count) {
  take_window(r, model, w, row, count);
  const uint64_t key = key_of(r), *keys = r->keys + key % (r->places / WAYS) * WAYS;
  for (uint32_t way = 0; way < WAYS; way++)
    if (keys[way] == key && memcmp(entry_at(r, key, way), r->window, r->prefix) == 0) return entry_at(r, key, way);
  return NULL;
}

/* ---- what the layers hold: of each layer h, then c ---- */

/* Of one layer and row: h of the step before the last, and c. Layers that another one reads keep h of every step. */
static size_t places_of(const kairos_model *model, const struct workspace *w, uint32_t n, uint32_t row, uint32_t count, unsigned char **h,
                        unsigned char **c) {
  const size_t units = model->plan.lstm[n].hidden16 * model->kernels->real_size;
  const size_t kept = n + 1 < model->plan.lstm_count ? (size_t)(model->plan.steps - 2) * count * units : 0;
  *h = (unsigned char *)w->lstm[n].h + kept + row * units;
  *c = (unsigned char *)w->lstm[n].c + row * units;
  return units;
}

void recall_restore(const struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count,
                    const unsigned char *entry) {
  entry += r->prefix;
  for (uint32_t n = 0; n < model->plan.lstm_count; n++) {
    unsigned char *h, *c;
    const size_t units = places_of(model, w, n, row, count, &h, &c);
    memcpy(h, entry, units);
    memcpy(c, entry + units, units);
    entry += 2 * units;
  }
}

void recall_keep(struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count) {
  take_window(r, model, w, row, count);
  const uint64_t key = key_of(r);
  uint64_t *keys = r->keys + key % (r->places / WAYS) * WAYS;
  uint32_t way = 0;
  while (way < WAYS && keys[way]) way++;
  if (way == WAYS) way = r->turn++ % WAYS;
  unsigned char *entry = entry_at(r, key, way);
  keys[way] = key;
  memcpy(entry, r->window, r->prefix);
  entry += r->prefix;
  for (uint32_t n = 0; n < model->plan.lstm_count; n++) {
    unsigned char *h, *c;
    const size_t units = places_of(model, w, n, row, count, &h, &c);
    memcpy(entry, h, units);
    memcpy(entry + units, c, units);
    entry += 2 * units;
  }
}
