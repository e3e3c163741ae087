/* places: control facts folded into what is in force in each partition. The same code in a lane, in recovery and in replay; whoever calls
 * owns it. */
#include "program/places.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "program/moving.h"
#include <stdio.h>
#include <string.h>

/* ---- zones ---- */

static struct zone_fact *find_zone(const struct place *p, struct str name) {
  for (size_t i = 0; i < p->zone_count; i++)
    if (str_is(name, p->zones[i].name)) return &p->zones[i];
  return NULL;
}

bool place_knows_zone(const struct place *p, struct str name) {
  return find_zone(p, name) != NULL;
}

static bool keep_zone(struct place *p, struct str name, const unsigned char sha256[HASH_SHA256]) {
  struct zone_fact *z = find_zone(p, name);
  if (!z) {
    if (p->zone_count == p->zone_cap) {
      size_t cap = p->zone_cap ? p->zone_cap * 2 : 8;
      struct zone_fact *grown = kit_realloc(p->zones, cap * sizeof *grown);
      if (!grown) return false;
      p->zones = grown;
      p->zone_cap = cap;
    }
    z = &p->zones[p->zone_count++];
  }
  snprintf(z->name, sizeof z->name, STR_FORMAT, STR_ARG(name));
  memcpy(z->sha256, sha256, HASH_SHA256);
  return true;
}

static bool apply_zone(struct places *p, struct place *place, const struct json *fact, struct err *e) {
  struct str name = json_text(fact, json_get(fact, 0, "name"), &p->scratch),
             hex = json_text(fact, json_get(fact, 0, "sha256"), &p->scratch);
  unsigned char sha256[HASH_SHA256];
  struct buf bytes = {0};
  if (!hash_unhex(hex, sha256, HASH_SHA256)) return err_set(e, ERR_STORAGE, "zone fact: expected 64 hex digits in \"sha256\"");
  bool ok = store_get(library_book(p->library), sha256, &bytes, e) && tz_provide(name, buf_view(&bytes), e);
  buf_free(&bytes);
  if (!ok) return err_wrap(e, "time zone " STR_FORMAT, STR_ARG(name));
  return keep_zone(place, name, sha256) || err_set(e, ERR_INTERNAL, "no memory for a zone");
}

static bool zone_bytes(struct str name, enum zone_from from, struct buf *bytes, struct err *e) {
  struct str used;
  if (from == ZONE_OF_SYSTEM) return tz_load(name, bytes, e);
  if (!tz_file(name, &used, e)) return false;
  buf_str(bytes, used);
  return !bytes->failed || err_set(e, ERR_INTERNAL, "no memory for a zone");
}

bool place_zone_fact(const struct place *p, struct book *b, struct str name, enum zone_from from, struct buf *fact, struct err *e) {
  struct buf bytes = {0};
  unsigned char sha256[HASH_SHA256];
  bool ok = zone_bytes(name, from, &bytes, e);
  if (ok) hash_sha256(buf_view(&bytes), sha256);
  const struct zone_fact *known = ok ? find_zone(p, name) : NULL;
  buf_clear(fact);
  if (ok && !(known && memcmp(known->sha256, sha256, HASH_SHA256) == 0)) {
    char at[32], hex[2 * HASH_SHA256 + 1];
    ok = store_put(b, buf_view(&bytes), sha256, e);
    hash_hex(sha256, HASH_SHA256, hex);
    struct json_writer w = json_to(fact);
    json_open_object(&w);
    json_pair_text(&w, "kind", "zone");
    json_pair_str(&w, "name", name);
    json_pair_text(&w, "sha256", hex);
    json_pair_str(&w, "at", (struct str){at, clock_format(clock_now(), at)});
    json_close_object(&w);
  }
  buf_free(&bytes);
  return ok;
}

/* ---- the program ---- */

/* "plugins" says with which code the models of this name were built; facts without models have none. */
static bool name_program(struct places *p, struct place *place, const struct json *fact, struct err *e) {
  struct str digest = json_text(fact, json_get(fact, 0, "name"), &p->scratch);
  struct str plugins = json_text(fact, json_get(fact, 0, "plugins"), &p->scratch);
  unsigned char sha256[HASH_SHA256];
  if (!hash_unhex(digest, sha256, HASH_SHA256)) return err_set(e, ERR_STORAGE, "program fact: expected 64 hex digits in \"name\"");
  char *identity = kit_alloc(digest.len + plugins.len + 2);
  if (!identity) return err_set(e, ERR_INTERNAL, "no memory for a program's name");
  snprintf(identity, digest.len + plugins.len + 2, STR_FORMAT "%s" STR_FORMAT, STR_ARG(digest), plugins.len ? "/" : "", STR_ARG(plugins));
  library_release(p->library, place->program);
  kit_free(place->identity);
  place->identity = identity;
  place->program = NULL;
  place->complete = false;
  place->programs++;
  return true;
}

const struct program *places_program(struct places *p, uint32_t partition, struct err *e) {
  struct place *place = &p->at[partition];
  if (!place->identity || (place->program && place->complete)) return place->program;
  const struct program *program = library_get(p->library, str_from(place->identity), e);
  if (!program) return NULL;
  library_release(p->library, place->program);
  place->complete = true;
  return place->program = program;
}

bool places_plain(struct places *p, uint32_t partition, const struct program **program, struct err *e) {
  struct place *place = &p->at[partition];
  if (!place->program && place->identity) place->program = library_plain(p->library, str_from(place->identity), e);
  *program = place->program;
  return place->program || !place->identity;
}

bool places_whole(struct places *p, uint32_t partition, uint64_t *set, struct err *e) {
  const struct program *program;
  const bool ok = places_plain(p, partition, &program, e);
  const uint64_t moments = program ? rules_moments(program->rules) : 0;
  *set = program ? features_set(program->features) : 0;
  if (moments) *set = hash_64_seed((struct str){(const char *)&moments, sizeof moments}, *set) | 1;
  return ok;
}

/* ---- facts ---- */

static bool apply(struct places *p, struct place *place, struct str fact_json, struct err *e) {
  struct json j;
  if (!json_parse(&j, &p->scratch, fact_json, &json_limits_default, e)) return err_wrap(e, "control fact");
  uint32_t kind = json_get(&j, 0, "kind");
  if (json_text_is(&j, kind, "zone")) return apply_zone(p, place, &j, e);
  if (json_text_is(&j, kind, "program")) return name_program(p, place, &j, e);
  return controls_apply(&place->controls, fact_json, &p->scratch, e);
}

bool places_fact(struct places *p, uint32_t partition, struct str fact_json, struct err *e) {
  struct arena_mark mark = arena_mark(&p->scratch);
  bool ok = apply(p, &p->at[partition], fact_json, e);
  arena_rewind(&p->scratch, mark);
  return ok || err_wrap(e, "partition %u", partition);
}

bool places_row(struct places *p, struct user *u, const struct entry *row, const struct str *stored, size_t stored_count, struct err *e) {
  struct arena_mark mark = arena_mark(&p->scratch);
  const struct program *program;
  bool ok = places_plain(p, row->partition, &program, e);
  ok = ok && program_apply(program, &p->at[row->partition].controls, u, row, stored, stored_count, &p->scratch, e);
  arena_rewind(&p->scratch, mark);
  return ok || err_wrap(e, "journal row %lld", (long long)row->seq);
}

bool place_model_killed(const struct place *p, const char *model) {
  struct buf name = {0};
  if (p->controls.killed_count == 0 && !p->controls.kill_all) return false;
  buf_printf(&name, "model:%s", model);
  bool killed = name.failed || controls_killed(&p->controls, hash_64(buf_view(&name)));
  buf_free(&name);
  return killed;
}

void places_clear(struct places *p) {
  for (size_t i = 0; i < BOOK_PARTITIONS; i++) {
    library_release(p->library, p->at[i].program);
    kit_free(p->at[i].identity);
    controls_free(&p->at[i].controls);
    kit_free(p->at[i].zones);
    p->at[i] = (struct place){0};
  }
  arena_free(&p->scratch);
}
