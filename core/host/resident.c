/* The resident of a plugin host: one model, made from what it was given at birth, answering batches out of shared memory until it is ended.
 * Promises the engine nothing, since the plugin's code can do to this process what it likes; for honest plugins it promises the same calls
 * on the same bytes as in the engine's process, outputs in memory of its own with canaries round them (a step beyond is told and ends the
 * host), and no system call while batches follow closely. Behind the second bars it can read its bell, ring the answers' eventfds, get
 * memory and end. Single-threaded; forked from the zygote, which starts the next one. */
#include "resident.h"
#include "boot.h"
#include "child.h"
#include "contract.h"
#include "describe.h"
#include "kit/clock.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MEMORY      ((size_t)512 << 20) /* of address space: the model's cap, libraries, and what a library takes for itself */
#define CANARY      64                  /* bytes before and after every output */
#define CANARY_BYTE 0xC5
#define BELL        3 /* descriptors: standard streams, the bell, the answers */
#define ANSWERS     4

struct answering {
  struct ring ring;
  struct ring_shape shape;
  const kairos_plugin *table;
  kairos_model *model;
  kairos_session *session;
  const kairos_schema *inputs, *outputs;
  kairos_column *columns; /* inputs, then outputs */
  kairos_column **pointers;
  struct meter meter;
  struct arena arena;
  uint64_t done[RING_PLACES_MOST];
  uint32_t life;
  struct ring_habit habit;
  int32_t asker; /* the processor of who asked last */
};

static struct told_head *told; /* for the handlers below, which are given no context */

/* ---- birth ---- */

void resident_pack(const struct resident_birth *birth, struct buf *out) {
  pack_str(out, birth->path);
  pack_str(out, birth->config);
  pack_str(out, birth->fields);
  pack_u64(out, birth->loaded);
  pack_u64(out, birth->state_version);
  pack_str(out, birth->body);
}

static bool read_birth(struct str bytes, struct resident_birth *out) { /* the engine wrote it, and nobody could since */
  struct unpack u = unpack_from(bytes);
  out->path = unpack_str(&u);
  out->config = unpack_str(&u);
  out->fields = unpack_str(&u);
  out->loaded = unpack_u64(&u) != 0;
  out->state_version = (uint32_t)unpack_u64(&u);
  out->body = unpack_str(&u);
  return !u.failed;
}

static void tell(struct str words) {
  const size_t length = words.len < RING_WORDS - 1 ? words.len : RING_WORDS - 1;
  memcpy(told->words, words.at, length);
  told->words[length] = 0;
}

_Noreturn static void refuse(const char *words) {
  tell(str_from(words));
  _exit(CHILD_REFUSED);
}

static void tell_line(kairos_log_level level, const char *text) {
  const uint32_t n = atomic_load_explicit(&told->logged, memory_order_relaxed);
  struct told_line *line = &told->lines[n % RING_LINES];
  line->level = (uint32_t)level;
  snprintf(line->text, sizeof line->text, "%s", text);
  atomic_store_explicit(&told->logged, n + 1, memory_order_release);
}

/* Standard streams lead nowhere; then the bell and the answers; the memories stand behind them until they are mapped. */
static void place_descriptors(struct resident *r) {
  int *list[4 + RING_PLACES_MOST] = {&r->bell};
  int count = 1;
  for (uint32_t i = 0; i < r->places; i++) list[count++] = &r->answers[i];
  list[count++] = &r->given;
  list[count++] = &r->asked;
  list[count++] = &r->told;
  for (int i = 0; i < count; i++) *list[i] = fcntl(*list[i], F_DUPFD, BELL + count); /* out of the way first */
  for (int i = 0; i < count; i++)
    if (dup2(*list[i], BELL + i) < 0) _exit(CHILD_ENDED);
    else *list[i] = BELL + i;
  close_range(BELL + (unsigned)count, ~0U, 0);
  const int null = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++)
    if (null >= 0 && null != i) dup2(null, i);
  if (null > 2) close(null);
}

/* The kernel takes a host first when memory is short. */
static void offer_self(void) {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, "500", 3) < 0) tell_line(KAIROS_LOG_DEBUG, "oom_score_adj could not be written");
  close(file);
}

/* ---- outputs between canaries ---- */

static size_t values_size(uint32_t width) { /* a multiple of CANARY, and with it of any alignment that a plugin may hope for */
  return (size_t)width * RING_ROWS * sizeof(double);
}
static size_t bits_size(uint32_t width) {
  return ((size_t)width * sizeof(uint64_t) + CANARY - 1) / CANARY * CANARY;
}

static void make_column(kairos_column *column, const kairos_field *f, unsigned char **at) {
  *column = (kairos_column){.size = sizeof *column, .type = f->type, .width = f->width};
  if (!at) return; /* an input stands in the ring */
  column->data = *at + CANARY;
  column->valid = (void *)(*at + values_size(f->width) + 2 * CANARY);
  *at += values_size(f->width) + bits_size(f->width) + 2 * CANARY;
}

static bool make_columns(struct answering *a) {
  const uint32_t inputs = a->inputs->count, outputs = a->outputs->count;
  size_t size = 2 * CANARY; /* one to begin at a multiple of it, one at the end */
  for (uint32_t c = 0; c < outputs; c++)
    size += values_size(a->outputs->fields[c]->width) + bits_size(a->outputs->fields[c]->width) + 2 * CANARY;
  a->columns = ARENA_ARRAY(&a->arena, kairos_column, (size_t)inputs + outputs);
  a->pointers = ARENA_ARRAY(&a->arena, kairos_column *, (size_t)inputs + outputs);
  unsigned char *room = arena_alloc(&a->arena, size);
  if (!a->columns || !a->pointers || !room) return false;
  memset(room, CANARY_BYTE, size);
  room += (CANARY - (uintptr_t)room % CANARY) % CANARY;
  for (uint32_t i = 0; i < inputs + outputs; i++) {
    a->pointers[i] = &a->columns[i];
    make_column(&a->columns[i], i < inputs ? a->inputs->fields[i] : a->outputs->fields[i - inputs], i < inputs ? NULL : &room);
  }
  return true;
}

static bool is_whole(const unsigned char *canary) {
  for (int i = 0; i < CANARY; i++)
    if (canary[i] != CANARY_BYTE) return false;
  return true;
}

static void check_canaries(const struct answering *a) {
  for (uint32_t c = 0; c < a->outputs->count; c++) {
    const kairos_column *column = &a->columns[a->inputs->count + c];
    const unsigned char *values = column->data, *bits = (const void *)column->valid;
    if (!is_whole(values - CANARY) || !is_whole(bits - CANARY) || !is_whole(bits + bits_size(column->width)))
      refuse("it wrote beyond the rows of an output");
  }
}

/* ---- answering ---- */

static void begin_outputs(struct answering *a, uint32_t rows) {
  for (uint32_t c = 0; c < a->outputs->count; c++) {
    kairos_column *column = &a->columns[a->inputs->count + c];
    double *data = column->data;
    for (size_t i = 0; i < (size_t)rows * column->width; i++) data[i] = __builtin_nan("");
    memset(column->valid, 0xFF, (size_t)column->width * sizeof(uint64_t));
  }
}

static void give_outputs(struct answering *a, uint32_t place, uint32_t rows) {
  for (uint32_t c = 0; c < a->outputs->count; c++) {
    const kairos_column *column = &a->columns[a->inputs->count + c];
    memcpy(ring_output(&a->ring, place, c), column->data, (size_t)rows * column->width * sizeof(double));
    memcpy(ring_output_valid(&a->ring, place, c), column->valid, (size_t)column->width * sizeof(uint64_t));
  }
}

static void answer(struct answering *a, uint32_t place, uint64_t posted) {
  struct asked_place *asked = &a->ring.asked->places[place];
  struct told_place *answered = &a->ring.told->places[place];
  const uint32_t rows = asked->rows < RING_ROWS ? asked->rows : RING_ROWS, inputs = a->inputs->count;
  for (uint32_t c = 0; c < inputs; c++) {
    a->columns[c].data = ring_input(&a->ring, place, c);
    a->columns[c].valid = ring_input_valid(&a->ring, place, c);
  }
  begin_outputs(a, rows);
  const kairos_batch in = {
      .size = sizeof in, .rows = rows, .column_count = inputs, .columns = a->pointers, .seeds = ring_seeds(&a->ring, place)};
  const kairos_batch out = {.size = sizeof out, .rows = rows, .column_count = a->outputs->count, .columns = a->pointers + inputs};
  kairos_error said = contract_error();
  answered->status = a->table->predict(a->model, a->session, &in, &out, &said);
  check_canaries(a);
  if (answered->status == KAIROS_OK) give_outputs(a, place, rows);
  else memcpy(answered->message, said.message, sizeof answered->message);
  answered->rows = rows;
  a->asker = atomic_load_explicit(&asked->cpu, memory_order_relaxed);
  atomic_store_explicit(&a->ring.told->cpu, ring_cpu(), memory_order_relaxed);
  atomic_store_explicit(&a->ring.told->memory, atomic_load(&a->meter.used), memory_order_relaxed);
  atomic_store(&answered->answered, posted);
  const uint64_t one = 1;
  if (atomic_load(&asked->asleep) && write(ANSWERS + (int)place, &one, sizeof one) < 0) return; /* it is rung already */
}

/* Goes round once; true when there was something to do. */
static bool go_round(struct answering *a) {
  bool any = false;
  for (uint32_t i = 0; i < a->shape.places; i++) {
    const uint64_t posted = atomic_load(&a->ring.asked->places[i].posted);
    if (posted >> 32 != a->life || posted == a->done[i]) continue;
    answer(a, i, posted);
    a->done[i] = posted;
    any = true;
  }
  return any;
}

static bool look_round(struct answering *a) {
  if (!ring_looks(&a->habit, a->asker)) return false;
  bool paid = false;
  for (uint32_t left = ring_pauses(); left > 0 && !paid; left--) {
    ring_pause();
    paid = go_round(a);
  }
  ring_looked(&a->habit, paid);
  return paid;
}

static void sleep_until_rung(struct answering *a) {
  uint64_t rung;
  atomic_store(&a->ring.told->asleep, 1);
  if (!go_round(a) && read(BELL, &rung, sizeof rung) < 0) refuse("it could not sleep");
  atomic_store(&a->ring.told->asleep, 0);
}

/* ---- life ---- */

static bool open_session(struct answering *a, struct err *e) {
  kairos_error said = contract_error();
  if (!a->table->open) return true;
  const kairos_status status = a->table->open(a->model, RING_ROWS, &a->session, &said);
  return status == KAIROS_OK || contract_status("the plugin", "open", status, &said, e);
}

/* What was told to the engine must be what is here: the ring was shaped by it. */
static bool same_fields(const struct answering *a, const kairos_schema *inputs, const kairos_schema *outputs, struct err *e) {
  struct buf was = {0}, is = {0};
  contract_pack(a->inputs, a->outputs, &was);
  contract_pack(inputs, outputs, &is);
  const bool same = !was.failed && !is.failed && str_eq(buf_view(&was), buf_view(&is));
  buf_free(&was);
  buf_free(&is);
  return same || err_set(e, ERR_INPUT, "its inputs or outputs are others than it said before");
}

/* Everything that needs a descriptor is done, and they are closed, before a line of the plugin runs. */
static bool prepare(struct answering *a, struct resident *r, struct resident_birth *birth, struct err *e) {
  static const kairos_plugin no_policy = {.size = sizeof no_policy};
  const void *given = mmap(NULL, r->given_size, PROT_READ, MAP_SHARED, r->given, 0);
  if (given == MAP_FAILED) return err_set(e, ERR_BUSY, "what it was given at birth cannot be mapped");
  a->life = r->life;
  offer_self();
  if (!read_birth((struct str){given, r->given_size}, birth) ||
      !describe_schemas_read("its birth", &no_policy, birth->fields, &a->arena, &a->inputs, &a->outputs, e) ||
      !ring_shape(&a->arena, a->inputs, a->outputs, r->places, &a->shape, e) || !make_columns(a))
    return err_set(e, ERR_INTERNAL, "what it was given at birth cannot be used");
  a->ring = (struct ring){&a->shape, ring_map(r->asked, a->shape.asked.size, false), ring_map(r->told, a->shape.told.size, true)};
  if (!a->ring.asked || !a->ring.told) return err_set(e, ERR_BUSY, "the shared memory cannot be mapped");
  close(r->given);
  close(r->asked);
  close(r->told);
  return true;
}

static bool come_to_life(struct answering *a, struct resident *r, struct err *e) {
  const struct boot_jail jail = {.bell = BELL, .first = ANSWERS, .count = (int)r->places};
  struct resident_birth birth = {.loaded = false};
  const kairos_schema *inputs, *outputs;
  if (!prepare(a, r, &birth, e)) return false;
  const struct boot_model from = {
      .config = birth.config.at, .body = birth.loaded ? birth.body : (struct str){0}, .state_version = birth.state_version};
  child_limit(MEMORY, false);
  ring_pauses();
  meter_begin(&a->meter, "", METER_MODEL_MOST);
  a->meter.line = tell_line;
  a->table = boot_library(birth.path.at, tell, &jail, &a->meter, e);
  return a->table && boot_model(a->table, &a->meter, &from, &a->model, &inputs, &outputs, e) && same_fields(a, inputs, outputs, e) &&
         open_session(a, e);
}

void resident_run(const struct resident *r, pid_t parent) {
  static struct answering a;
  struct resident own = *r;
  struct err e = {0};
  child_settle(parent);
  const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT}; /* of a terminal or a service manager: the engine says when it ends */
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  prctl(PR_SET_NAME, "kairos-host");
  place_descriptors(&own);
  if (!(told = ring_map(own.told, sizeof *told, true))) _exit(CHILD_ENDED); /* before all else, so that a refusal can be told */
  told->words[0] = 0;
  if (!come_to_life(&a, &own, &e)) refuse(e.text);
  atomic_store(&told->memory, atomic_load(&a.meter.used));
  atomic_store(&told->ready, a.life);
  const uint64_t one = 1;
  if (write(ANSWERS, &one, sizeof one) < 0) refuse("it could not say that it is ready");
  for (;;) {
    while (go_round(&a) || look_round(&a)) continue;
    sleep_until_rung(&a);
  }
}
