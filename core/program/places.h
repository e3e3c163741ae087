/* Places: what stands in each partition: the pinned program, what operators said, which time-zone data is in force. Folded from control
 * facts in journal order, so that a lane, a recovery and a replay have the same. Owned by one thread. */
#pragma once
#include "program/program.h"

struct zone_fact { /* a zone in force in a partition, by the content of its file */
  char name[65];
  unsigned char sha256[32];
};
struct place {
  char *identity;                /* of the program that a fact named; NULL before the first activation */
  const struct program *program; /* held; NULL until it is needed: most programs of a long journal decide nothing that is read again */
  bool complete;                 /* `program` may decide; else it may only apply rows */
  uint64_t programs;             /* facts that named one, so far */
  struct controls controls;
  struct zone_fact *zones;
  size_t zone_count, zone_cap;
};
struct places {
  struct place at[BOOK_PARTITIONS];
  struct library *library;
  struct arena scratch;
};
/* Applies a fact to a partition: kinds program, zone, and those of controls_apply. Zone data comes from the store and replaces the
 * process's zone of that name, unless threads that run hold the zones: then what is in force stays. */
bool places_fact(struct places *p, uint32_t partition, struct str fact_json, struct err *e);
/* The partition's program, its models open unless the library opens none. NULL with e empty: none was ever active. */
const struct program *places_program(struct places *p, uint32_t partition, struct err *e);
/* The partition's program for applying rows and reading features, its models open or not; NULL with true: none was ever active. */
bool places_plain(struct places *p, uint32_t partition, const struct program **program, struct err *e);
/* What a walk over everybody brings about under the partition's program, as one number: windows that are filled (features_set), next
 * moments that are known (rules_moments). Whether its models are open or not; 0: nothing, or none was ever active. */
bool places_whole(struct places *p, uint32_t partition, uint64_t *set, struct err *e);
/* Moves a user by a stored row and its stored decisions, without deciding. */
bool places_row(struct places *p, struct user *u, const struct entry *row, const struct str *stored, size_t stored_count, struct err *e);
bool place_model_killed(const struct place *p, const char *model);
bool place_knows_zone(const struct place *p, struct str name);
/* The fact that puts a zone's data in force in the partition: its bytes go into the store. At a start those of this machine; later only
 * what the process uses already, or an upgrade of the machine's files would change it for partitions that are not told. `fact` is empty
 * when this very content is in force in the partition already. */
enum zone_from { ZONE_OF_SYSTEM, ZONE_IN_FORCE };
bool place_zone_fact(const struct place *p, struct book *b, struct str name, enum zone_from from, struct buf *fact, struct err *e);
void places_clear(struct places *p); /* as before the first fact, the library kept */
