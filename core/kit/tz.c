/* Time zones: reads TZif version 2 and later by its 64-bit block and its footer. Promises that a damaged or forged file is refused and
 * never read beyond its end, that a zone once opened never changes, and that the answers do not depend on TZ, TZDIR or the locale. Does not
 * serve files that count leap seconds ("right/…"). Called by every room on every thread; tz_named's cache is lock-free. */
#include "kit/tz.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "tz_zone.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ZONEINFO     "/usr/share/zoneinfo/"
#define NAME_LONGEST 64
#define FILE_MOST    ((size_t)1 << 20)
#define HEADER_SIZE  44
#define DAY_SECONDS  86400
#define OFFSET_MOST  (26 * 3600) /* RFC 8536 asks for -25 to 26 hours */

/* --- the file --- */

static bool name_fine(struct str name) {
  if (name.len == 0 || name.len > NAME_LONGEST || name.at[0] == '/') return false;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '_' && c != '+' && c != '-' && c != '/') return false; /* no dot, so no ".." */
  }
  return true;
}

bool tz_is_place(struct str name) {
  static const char *const machine[] = {"localtime", "posixrules", "Factory", "posix", "right"};
  struct str rest = name, part;
  if (!name_fine(name)) return false;
  for (bool first = true; str_split(&rest, '/', &part); first = false) {
    if (part.len == 0) return false; /* two spellings of one place */
    for (size_t i = 0; first && i < sizeof machine / sizeof *machine; i++)
      if (str_is(part, machine[i])) return false;
  }
  return name.at[name.len - 1] != '/';
}

bool tz_load(struct str name, struct buf *bytes, struct err *e) {
  int shown = name.len > NAME_LONGEST ? NAME_LONGEST : (int)name.len;
  if (!name_fine(name))
    return err_set(e, ERR_INPUT, "expected a time zone such as Europe/Berlin, got \"%.*s\"", shown, name.at ? name.at : "");
  char path[sizeof ZONEINFO + NAME_LONGEST];
  snprintf(path, sizeof path, ZONEINFO "%.*s", shown, name.at);
  if (file_read(path, bytes, FILE_MOST, e)) return true;
  if (e && e->kind != ERR_MISSING && e->kind != ERR_INPUT) return err_wrap(e, "time zone %.*s", shown, name.at);
  if (!file_exists(ZONEINFO "UTC"))
    return err_set(e, ERR_MISSING, "no time zones are installed here: there is no " ZONEINFO "UTC (Debian has them in the package tzdata)");
  return err_set(e, ERR_MISSING, "no time zone is called \"%.*s\" (expected a name such as Europe/Berlin)", shown, name.at);
}

struct block {
  const unsigned char *at; /* behind the header */
  uint32_t utc_flags, standard_flags, leaps, times, types, letters;
  unsigned char version;
};

static uint64_t big_endian(const unsigned char *at, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v = v << 8 | at[i];
  return v;
}

static int32_t signed_32(const unsigned char *at) {
  uint32_t bits = (uint32_t)big_endian(at, 4);
  int32_t v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static int64_t signed_64(const unsigned char *at) {
  uint64_t bits = big_endian(at, 8);
  int64_t v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static bool block_open(struct block *b, const unsigned char *at, const unsigned char *end) {
  if (end - at < HEADER_SIZE || memcmp(at, "TZif", 4) != 0) return false;
  b->version = at[4];
  uint32_t *counts[] = {&b->utc_flags, &b->standard_flags, &b->leaps, &b->times, &b->types, &b->letters};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    *counts[i] = (uint32_t)big_endian(at + 20 + 4 * i, 4);
    if (*counts[i] > FILE_MOST) return false; /* so that no sum below can overflow */
  }
  b->at = at + HEADER_SIZE;
  return true;
}

static const unsigned char *block_end(const struct block *b, size_t time_size, const unsigned char *end) {
  size_t size =
      b->times * (time_size + 1) + (size_t)b->types * 6 + b->letters + b->leaps * (time_size + 4) + b->standard_flags + b->utc_flags;
  return (size_t)(end - b->at) < size ? NULL : b->at + size;
}

static bool type_offset(const struct block *b, unsigned char type, int32_t *offset) {
  if (type >= b->types) return false;
  *offset = signed_32(b->at + (size_t)b->times * 9 + (size_t)type * 6);
  return *offset >= -OFFSET_MOST && *offset <= OFFSET_MOST;
}

static const char *fill_transitions(struct tz *z, const struct block *b) {
  if (!type_offset(b, 0, &z->first_offset)) return "has no usable first type";
  for (uint32_t i = 0; i < b->times; i++) {
    z->times[i] = signed_64(b->at + (size_t)i * 8);
    if (i > 0 && z->times[i] <= z->times[i - 1]) return "has transitions out of order";
    if (!type_offset(b, b->at[(size_t)b->times * 8 + i], &z->offsets[i])) return "has a transition to an unknown type";
  }
  z->count = b->times;
  return NULL;
}

static const char *fill_footer(struct tz *z, const unsigned char *at, const unsigned char *end) {
  if (at == end || *at != '\n') return "has no footer";
  at++;
  const unsigned char *close = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  if (!close) return "has no footer";
  struct str rule = {(const char *)at, (size_t)(close - at)};
  return tz_footer_parse(rule, &z->footer) ? NULL : "has a rule in its footer that is not POSIX";
}

static struct tz *zone_new(uint32_t times) {
  char *block = kit_alloc(sizeof(struct tz) + times * (sizeof(int64_t) + sizeof(int32_t)));
  if (!block) return NULL;
  struct tz *z = (struct tz *)(void *)block;
  memset(z, 0, sizeof *z);
  z->times = (int64_t *)(void *)(block + sizeof *z);
  z->offsets = (int32_t *)(z->times + times);
  return z;
}

static struct tz *refuse(struct err *e, const char *why) {
  err_set(e, ERR_INPUT, "the time zone file %s", why);
  return NULL;
}

struct tz *tz_parse(struct str bytes, struct err *e) {
  const unsigned char *at = (const unsigned char *)bytes.at;
  const unsigned char *end = at + bytes.len;
  struct block b;
  if (!block_open(&b, at, end)) return refuse(e, "does not begin as TZif");
  if (b.version < '2') return refuse(e, "is of version 1 (expected 2 or later)");
  at = block_end(&b, 4, end);
  if (!at || !block_open(&b, at, end)) return refuse(e, "is cut off before its 64-bit block");
  at = block_end(&b, 8, end);
  if (!at) return refuse(e, "is cut off in its 64-bit block");
  if (b.leaps > 0) return refuse(e, "counts leap seconds, which UTC milliseconds do not");
  struct tz *z = zone_new(b.times);
  if (!z) {
    err_set(e, ERR_BUSY, "no memory for a time zone of %u transitions", b.times);
    return NULL;
  }
  const char *why = fill_transitions(z, &b);
  if (!why) why = fill_footer(z, at, end);
  if (!why) return z;
  tz_free(z);
  return refuse(e, why);
}

void tz_free(struct tz *z) {
  kit_free(z);
}

/* --- asking --- */

/* Zones turn twice a year at most for long, and what is asked about is mostly of these years: counted back from the end, the place is
 * nearly known, and a search over all of a century's transitions mostly waits for its own guesses. */
#define HALF_YEAR   INT64_C(15724800) /* seconds: 182 days, so that the guess is never behind by a drift of years */
#define GUESS_AHEAD 4u

static void guess(const struct tz *z, int64_t utc, uint32_t *low, uint32_t *high) {
  const int64_t turns = (z->times[z->count - 1] - utc) / HALF_YEAR;
  const uint32_t back = turns + 2 < z->count ? (uint32_t)turns + 2 : z->count;
  const uint32_t from = z->count - back, until = from + 2 * GUESS_AHEAD;
  if (z->times[from] > utc) return;
  *low = from;
  if (until < z->count && z->times[until] > utc) *high = until;
}

static struct tz_stretch stretch_at(const struct tz *z, int64_t utc) {
  if (z->count == 0 || utc < z->times[0]) {
    /* Without any transition the footer is the whole zone (Etc/GMT+4); before the first one it says nothing. */
    if (z->count == 0 && z->footer.given) return tz_footer_stretch(&z->footer, utc);
    return (struct tz_stretch){.offset = z->first_offset, .end = z->count ? z->times[0] : INT64_MAX};
  }
  if (utc >= z->times[z->count - 1]) {
    if (z->footer.given) return tz_footer_stretch(&z->footer, utc);
    return (struct tz_stretch){.offset = z->offsets[z->count - 1], .end = INT64_MAX};
  }
  uint32_t low = 0;
  uint32_t high = z->count - 1; /* times[low] <= utc < times[high] */
  guess(z, utc, &low, &high);
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (z->times[middle] <= utc) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (struct tz_stretch){.offset = z->offsets[low], .end = z->times[high]};
}

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

struct tz_local tz_local(const struct tz *z, int64_t utc_ms) {
  const int64_t far = INT64_C(100000000000000000); /* three million years: day numbers stay in 32 bits */
  if (utc_ms > far) utc_ms = far;
  if (utc_ms < -far) utc_ms = -far;
  int64_t utc = floor_div(utc_ms, CLOCK_SECOND);
  int32_t offset = stretch_at(z, utc).offset;
  int64_t local = utc + offset;
  int64_t day = floor_div(local, DAY_SECONDS);
  int32_t of_day = (int32_t)(local - day * DAY_SECONDS);
  int64_t weekday = (day + 3) % 7; /* day 0 was a Thursday, 3 from Monday */
  return (struct tz_local){.day = (int32_t)day,
                           .minute = of_day / 60,
                           .second = of_day % 60,
                           .offset = offset,
                           .weekday = (int32_t)(weekday < 0 ? weekday + 7 : weekday)};
}

/* Walks the stretches around the wall time in order. The first that contains it answers; when one begins after it, the wall time fell into
 * the gap between, and the offset before the gap moves it forward by the gap's length. */
int64_t tz_utc(const struct tz *z, int32_t day, int32_t minute) {
  int64_t local = (int64_t)day * DAY_SECONDS + (int64_t)minute * 60;
  int64_t start = local - OFFSET_MOST;
  struct tz_stretch stretch = stretch_at(z, start);
  int64_t utc = local - stretch.offset;
  while (utc >= stretch.end) {
    start = stretch.end;
    stretch = stretch_at(z, start);
    if (local - stretch.offset < start) break;
    utc = local - stretch.offset;
  }
  return utc * CLOCK_SECOND;
}

/* --- the cache --- */

struct zone_entry {
  struct zone_entry *next;
  struct zone_entry *before; /* whose data was in force earlier; a zone points into its own block, so none is given back */
  struct tz *zone;
  struct buf file; /* the bytes in force */
  size_t length;
  char name[];
};

#define BUCKETS 256
static _Atomic(struct zone_entry *) buckets[BUCKETS];

static struct zone_entry *entry_find(struct zone_entry *from, struct str name) {
  for (struct zone_entry *entry = from; entry; entry = entry->next) {
    if (str_eq((struct str){entry->name, entry->length}, name)) return entry;
  }
  return NULL;
}

/* `bytes` are the zone's file; an empty view reads the system's. */
static struct zone_entry *entry_new(struct str name, struct str bytes, struct err *e) {
  struct buf file = {0};
  bool ok = bytes.len || tz_load(name, &file, e);
  if (bytes.len) buf_str(&file, bytes);
  if (file.failed) ok = err_set(e, ERR_BUSY, "no memory for a time zone");
  struct tz *zone = ok ? tz_parse(buf_view(&file), e) : NULL;
  struct zone_entry *entry = zone ? kit_alloc(sizeof *entry + name.len) : NULL;
  if (entry) {
    *entry = (struct zone_entry){.zone = zone, .file = file, .length = name.len};
    memcpy(entry->name, name.at, name.len);
    return entry;
  }
  if (zone) err_set(e, ERR_BUSY, "no memory for a time zone");
  tz_free(zone);
  buf_free(&file);
  return NULL;
}

static void entry_free(struct zone_entry *entry) {
  tz_free(entry->zone);
  buf_free(&entry->file);
  kit_free(entry);
}

/* Puts the entry in front of its bucket, or gives the one that another thread put there first. */
static struct zone_entry *entry_join(struct zone_entry *mine, struct str name) {
  _Atomic(struct zone_entry *) *bucket = &buckets[hash_64(name) % BUCKETS];
  struct zone_entry *head = atomic_load(bucket);
  do {
    struct zone_entry *found = entry_find(head, name);
    if (found) return found;
    mine->next = head;
  } while (!atomic_compare_exchange_weak(bucket, &head, mine));
  return mine;
}

/* Entries are only ever added, in front: readers need no lock. */
static struct zone_entry *entry_named(struct str name, struct err *e) {
  struct zone_entry *found = entry_find(atomic_load(&buckets[hash_64(name) % BUCKETS]), name);
  if (found) return found;
  struct zone_entry *mine = entry_new(name, (struct str){0}, e);
  if (!mine) return NULL;
  found = entry_join(mine, name);
  if (found != mine) entry_free(mine);
  return found;
}

const struct tz *tz_named(struct str name, struct err *e) {
  const struct zone_entry *entry = entry_named(name, e);
  return entry ? entry->zone : NULL;
}

bool tz_file(struct str name, struct str *bytes, struct err *e) {
  const struct zone_entry *entry = entry_named(name, e);
  if (entry) *bytes = buf_view(&entry->file);
  return entry != NULL;
}

static atomic_int holders;

void tz_hold(void) {
  atomic_fetch_add(&holders, 1);
}

void tz_let(void) {
  atomic_fetch_sub(&holders, 1);
}

bool tz_provide(struct str name, struct str bytes, struct err *e) {
  if (!name_fine(name) || bytes.len == 0) return err_set(e, ERR_INPUT, "expected a time zone's name and file");
  struct zone_entry *mine = entry_new(name, bytes, e);
  if (!mine) return false;
  struct zone_entry *found = entry_join(mine, name);
  if (found == mine) return true;
  if (atomic_load(&holders) > 0 || str_eq(buf_view(&found->file), bytes)) { /* other threads may be reading it */
    entry_free(mine);
    return true;
  }
  struct tz old = *found->zone; /* pointers to the zone stay good: its content is what changes */
  *found->zone = *mine->zone;
  *mine->zone = old;
  struct buf file = found->file;
  found->file = mine->file;
  mine->file = file;
  mine->before = found->before;
  found->before = mine;
  return true;
}
