/* Plugin hosts, started and stopped by the engine. Promises that a host which is handed out has made its model and answers; that one which
 * crashes, hangs or refuses on the way is a sentence and nothing stays behind; and that stopping gives back every descriptor and page here,
 * while the zygote ends the process. Restarts are not made here: the zygote does that without asking (nursery.c). Builder and tool threads.
 */
#include "hosted.h"
#include "child.h"
#include "describe.h"
#include "keeper.h"
#include "kit/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOOT_LIMIT_MS 5000
#define BOOT_TICK_MS  20
#define LINES_MOST    1000

/* As many as can ask at once and be served before they lose patience. */
static uint32_t places_wanted(void) {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return processors < 2 ? 2 : processors + 1 > RING_PLACES_MOST ? RING_PLACES_MOST : (uint32_t)processors + 1;
}

static void clean(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < ' ' || (unsigned char)*text == 127) *text = ' ';
}

void hosted_tell(const struct hosted *h, char *text, size_t size) {
  char words[RING_WORDS];
  memcpy(words, h->status->words, sizeof words); /* the zygote may be writing them */
  words[sizeof words - 1] = 0;
  clean(words);
  if (!str_utf8(str_from(words))) snprintf(words, sizeof words, "do something that it could not name");
  const struct child_end end = {.status = atomic_load(&h->status->ended), .late = atomic_load(&h->status->late), .words = words};
  child_tell_end(&end, text, size);
}

void hosted_lose(struct hosted *h, uint64_t life) {
  uint64_t lost = atomic_load(&h->lost);
  while (lost < life && !atomic_compare_exchange_weak(&h->lost, &lost, life)) continue;
}

void hosted_log(struct hosted *h) {
  const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
  const uint32_t now = atomic_load_explicit(&h->ring.told->logged, memory_order_acquire);
  uint32_t from = atomic_exchange(&h->logged, now);
  if (now - from > RING_LINES) from = now - RING_LINES; /* it began anew, or was quicker than we */
  for (; from != now && atomic_fetch_sub(&h->lines_left, 1) > 0; from++) {
    struct told_line line = h->ring.told->lines[from % RING_LINES];
    line.text[sizeof line.text - 1] = 0;
    clean(line.text);
    log_say(levels[line.level < 4 ? line.level : 3], "plugin", "%s: %s", h->who, line.text);
  }
}

/* ---- starting ---- */

static void close_memories(const struct hosted_memories *m) {
  const int list[] = {m->given, m->asked, m->told, m->status};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (list[i] >= 0) close(list[i]);
}

static bool make_memories(struct hosted *h, const struct resident_birth *birth, struct err *e) {
  struct hosted_memories *m = &h->memories;
  struct buf packed = {0};
  resident_pack(birth, &packed);
  m->given_size = packed.len;
  if (packed.failed) err_set(e, ERR_BUSY, "no memory for what a plugin host is given");
  else m->given = ring_message("kairos-birth", packed.at, packed.len, e);
  buf_free(&packed);
  if (m->given < 0 || (m->asked = ring_memory("kairos-asked", h->shape.asked.size, e)) < 0 ||
      (m->told = ring_memory("kairos-told", h->shape.told.size, e)) < 0 ||
      (m->status = ring_memory("kairos-status", sizeof *h->status, e)) < 0)
    return false;
  h->ring = (struct ring){&h->shape, ring_map(m->asked, h->shape.asked.size, true), ring_map(m->told, h->shape.told.size, true)};
  h->status = ring_map(m->status, sizeof *h->status, false);
  if (!h->ring.asked || !h->ring.told || !h->status) return err_set(e, ERR_BUSY, "no room for the memory of a plugin host");
  return ring_seal(m->asked, e);
}

static bool make_bells(struct hosted *h, struct err *e) {
  h->bell = eventfd(0, EFD_CLOEXEC); /* the host sleeps in reading it; nobody else may write to it, so ringing never waits */
  bool fine = h->bell >= 0;
  for (uint32_t i = 0; i < h->shape.places; i++) {
    h->answers[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fine &= h->answers[i] >= 0;
  }
  return fine || err_set(e, ERR_STORAGE, "no eventfds for a plugin host: %s", strerrordesc_np(errno));
}

static bool is_ready(const struct hosted *h) {
  const uint64_t where = atomic_load(&h->status->where);
  return (where & 0xff) == WARD_UP && atomic_load(&h->ring.told->ready) == where >> 8;
}

static bool wait_until_ready(struct hosted *h, struct err *e) {
  char why[600];
  for (int ticks = BOOT_LIMIT_MS / BOOT_TICK_MS; ticks > 0;) {
    uint64_t rung;
    const uint64_t where = atomic_load(&h->status->where);
    if (is_ready(h)) return true;
    if ((where & 0xff) > WARD_DOWN) {
      hosted_tell(h, why, sizeof why);
      return err_set(e, ERR_INPUT, "%s", why);
    }
    struct pollfd watched[] = {{.fd = h->answers[0], .events = POLLIN}, {.fd = h->leash, .events = POLLIN}};
    if (poll(watched, 2, BOOT_TICK_MS) == 0) ticks--;
    if (watched[1].revents) return err_set(e, ERR_BUSY, "there are too many plugin hosts, or the process that starts them is gone");
    if (watched[0].revents && read(h->answers[0], &rung, sizeof rung) < 0 && errno != EAGAIN) ticks--;
  }
  return err_set(e, ERR_INPUT, "its model was not made within %d ms, it hangs or is far too slow", BOOT_LIMIT_MS);
}

struct zygote_host hosted_order(const struct hosted *h) {
  const struct hosted_memories *m = &h->memories;
  struct zygote_host order = {.given = m->given,
                              .asked = m->asked,
                              .told = m->told,
                              .status = m->status,
                              .bell = h->bell,
                              .places = h->shape.places,
                              .given_size = m->given_size};
  memcpy(order.answers, h->answers, sizeof order.answers);
  return order;
}

static bool start(struct hosted *h, const struct resident_birth *birth, struct err *e) {
  bool fine = make_memories(h, birth, e) && make_bells(h, e);
  if (fine) {
    struct zygote_host order = hosted_order(h);
    h->leash = zygote_host(&order, e);
    h->generation = order.generation;
    fine = h->leash >= 0;
  }
  if (fine) ring_pauses();
  fine = fine && wait_until_ready(h, e);
  if (h->ring.told) hosted_log(h);
  if (fine) keeper_add(h);
  return fine;
}

bool hosted_start(const char *who, struct resident_birth birth, const kairos_schema *inputs, const kairos_schema *outputs,
                  struct hosted **out, struct err *e) {
  struct hosted *h = kit_alloc(sizeof *h);
  if (!h) return err_set(e, ERR_BUSY, "%s: no memory for its process", who);
  memset(h, 0, sizeof *h);
  h->who = who;
  h->leash = h->bell = -1;
  h->memories = (struct hosted_memories){-1, -1, -1, -1, 0};
  for (int i = 0; i < RING_PLACES_MOST; i++) h->answers[i] = -1;
  atomic_store(&h->lines_left, LINES_MOST);
  struct buf fields = {0};
  describe_schemas(inputs, outputs, &fields);
  birth.fields = buf_view(&fields);
  const bool fine = (!fields.failed || err_set(e, ERR_BUSY, "no memory for its fields")) &&
                    ring_shape(&h->arena, inputs, outputs, places_wanted(), &h->shape, e) && start(h, &birth, e);
  buf_free(&fields);
  if (fine) *out = h;
  else hosted_stop(h);
  return fine || err_wrap(e, "%s", who);
}

void hosted_stop(struct hosted *h) {
  if (!h) return;
  keeper_drop(h);
  if (h->leash >= 0) close(h->leash);
  close_memories(&h->memories);
  if (h->bell >= 0) close(h->bell);
  for (int i = 0; i < RING_PLACES_MOST; i++)
    if (h->answers[i] >= 0) close(h->answers[i]);
  if (h->ring.asked) ring_unmap(h->ring.asked, h->shape.asked.size);
  if (h->ring.told) ring_unmap(h->ring.told, h->shape.told.size);
  if (h->status) ring_unmap(h->status, sizeof *h->status);
  arena_free(&h->arena);
  kit_free(h);
}
