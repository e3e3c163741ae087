/* How many webhooks a second leave, signed and with each attempt recorded: a volume is filled with outbox rows, then the clock starts, the
 * courier sends them to a receiver in this process, and the main thread, as a lane does, writes each attempt to the volume and commits.
 * The clock stops when the last result is durable. So the figure holds sender, receiver and recorder on one machine; what each of the
 * three used of the processor is said too, since that does not depend on who else is using the machine.
 * usage: webhooks [--json] DIRECTORY [COUNT]      DIRECTORY must not exist */
#include "book/book.h"
#include "emit/emit.h"
#include "emit/outbox.h"
#include "kit/clock.h"
#include "sink.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define USERS  1000

struct bench {
  uint64_t count;
  struct book *book;
  struct volume *volume;
  struct courier *courier;
  struct outbox outbox; /* as a lane has one: what it records */
  uint64_t *ids;
  int64_t *users;
  pthread_mutex_t lock;
  pthread_cond_t news;
  struct attempt_result *results; /* from the courier's thread, taken whole by the recorder */
  size_t result_count, result_cap;
  bool hungry;
  uint64_t pushed, ended, failed, commits;
};

static struct str body_of(const struct bench *b, uint64_t n, char *to, size_t room) {
  const int length =
      snprintf(to, room,
               "{\"type\":\"intervention.sent\",\"timestamp\":\"2025-01-15T07:45:00Z\",\"data\":{\"decisionId\":\"d0-%lu\",\"userId\":"
               "\"user-%07lu\",\"trigger\":\"high_skip_risk\",\"intervention\":\"two_minute_walk\",\"channel\":\"push\",\"action\":"
               "\"walk\",\"message\":\"A two-minute walk counts. 3 sessions this week already.\",\"expiresAt\":"
               "\"2025-01-15T09:45:00Z\",\"program\":\"8f3a\",\"of\":%lu}}",
               n, n % USERS, b->count);
  return (struct str){to, (size_t)length};
}

static bool no_rows(void *context, struct volume *v, struct user *user, const struct entry *row, struct err *e) {
  (void)context, (void)v, (void)user, (void)row;
  return err_set(e, ERR_INTERNAL, "a new directory has no journal rows");
}

static bool fill(struct bench *b, struct err *e) {
  char text[1024], name[32];
  const int64_t now = clock_now();
  for (uint64_t n = 0; n < b->count; n++) {
    const int length = snprintf(name, sizeof name, "user-%07lu", n % USERS);
    struct user *u = volume_user(b->volume, (struct str){name, (size_t)length}, true, e);
    if (!u) return false;
    struct outbox_row row = {.id = (uint64_t)u->partition << 48 | (n + 1),
                             .user = u->number,
                             .due = now - (int64_t)((b->count - n) / 16), /* as decisions come: some in a millisecond */
                             .send_before = now + CLOCK_DAY,
                             .body = body_of(b, n, text, sizeof text)};
    b->ids[n] = row.id;
    b->users[n] = u->number;
    if (!volume_add_outbox(b->volume, u, &row, e)) return false;
    if (n % 5000 == 4999 && !(volume_commit(b->volume, e) && volume_settle(b->volume, true, e))) return false;
  }
  return volume_commit(b->volume, e) && volume_settle(b->volume, true, e);
}

/* [courier] */
static size_t take_results(void *context, const struct attempt_result *results, size_t count) {
  struct bench *b = context;
  pthread_mutex_lock(&b->lock);
  if (b->result_count + count > b->result_cap) {
    b->result_cap = (b->result_count + count) * 2;
    b->results = realloc(b->results, b->result_cap * sizeof *results);
    if (!b->results) abort();
  }
  memcpy(b->results + b->result_count, results, count * sizeof *results);
  b->result_count += count;
  pthread_cond_signal(&b->news);
  pthread_mutex_unlock(&b->lock);
  return count;
}

static bool be_hungry(void *context, uint32_t volume) {
  struct bench *b = context;
  (void)volume;
  pthread_mutex_lock(&b->lock);
  b->hungry = true;
  pthread_cond_signal(&b->news);
  pthread_mutex_unlock(&b->lock);
  return true;
}

static void withdrawn(void *context, void *token) {
  (void)context, (void)token;
}

static void push_letters(struct bench *b) {
  char text[1024];
  const int64_t now = clock_now();
  while (b->pushed < b->count) {
    struct letter *l = letter_new(body_of(b, b->pushed, text, sizeof text));
    if (!l) abort();
    l->id = b->ids[b->pushed];
    l->user = b->users[b->pushed];
    l->created = l->due = now;
    l->send_before = now + CLOCK_DAY;
    if (!courier_push(b->courier, l)) {
      letter_free(l);
      return; /* full: hungry will call */
    }
    b->pushed++;
  }
}

static bool record(struct bench *b, const struct attempt_result *results, size_t count, struct err *e) {
  for (size_t i = 0; i < count; i++) {
    if (results[i].end != LETTER_AGAIN) b->ended++;
    if (results[i].end != LETTER_DELIVERED && b->failed++ == 0)
      fprintf(stderr, "first failure: %s, status %d\n", results[i].reason, results[i].status);
  }
  b->commits++;
  return outbox_results(&b->outbox, results, count, e) && volume_commit(b->volume, e) && volume_settle(b->volume, false, e);
}

static bool deliver(struct bench *b, struct err *e) {
  pthread_setname_np(pthread_self(), "recorder");
  push_letters(b);
  while (b->ended < b->count) {
    pthread_mutex_lock(&b->lock);
    while (!b->result_count && !b->hungry) pthread_cond_wait(&b->news, &b->lock);
    struct attempt_result *results = b->results;
    const size_t count = b->result_count;
    b->results = NULL;
    b->result_count = b->result_cap = 0;
    b->hungry = false;
    pthread_mutex_unlock(&b->lock);
    push_letters(b);
    const bool fine = !count || record(b, results, count, e);
    free(results);
    if (!fine) return false;
  }
  return true;
}

static int64_t used(clockid_t clock) { /* ns of processor time */
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double each(const struct bench *b, int64_t ns) { /* us a webhook */
  return (double)ns / 1e3 / (double)b->count;
}

static bool measure(struct bench *b, const char *directory, bool json, struct err *e) {
  const struct volume_replay replay = {.row = no_rows};
  int port;
  if (!book_create(directory, 1, e) || !(b->book = book_open(directory, true, e))) return false;
  if (!(b->volume = volume_open(b->book, 0, &replay, e)) || !fill(b, e) || !sink_start(&port, SECRET, e)) return false;
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
  const struct endpoint endpoint = {.name = "bench", .url = url, .secrets = {SECRET}, .allow_http = true, .allow_private = true};
  const struct courier_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .results = take_results, .hungry = be_hungry, .withdrawn = withdrawn, .context = b};
  if (!(b->courier = courier_start(&options, e))) return false;
  b->outbox = (struct outbox){.volume = b->volume, .courier = b->courier};
  const int64_t start = clock_monotonic(), began[2] = {used(CLOCK_PROCESS_CPUTIME_ID), used(CLOCK_THREAD_CPUTIME_ID)};
  if (!deliver(b, e)) return false;
  const double seconds = (double)(clock_monotonic() - start) / 1e9;
  const int64_t all = used(CLOCK_PROCESS_CPUTIME_ID) - began[0], recorder = used(CLOCK_THREAD_CPUTIME_ID) - began[1];
  courier_stop(b->courier);
  volume_close(b->volume);
  book_close(b->book);
  const struct sink_figures seen = sink_stop();
  printf(json
             ? "{\"count\":%lu,\"seconds\":%.3f,\"per_second\":%.0f,\"not_delivered\":%lu,\"received\":%lu,\"verified\":%lu,\"forged\":%lu,"
               "\"commits\":%lu,\"courier_cpu_us\":%.1f,\"recorder_cpu_us\":%.1f,\"receiver_cpu_us\":%.1f}\n"
             : "%lu webhooks in %.3f s: %.0f/s; %lu not delivered; receiver: %lu, %lu verified, %lu refused; %lu commits; CPU us each: "
               "courier %.1f, "
               "recorder %.1f, receiver %.1f\n",
         b->count, seconds, (double)b->count / seconds, b->failed, seen.received, seen.verified, seen.refused, b->commits,
         each(b, all - recorder - seen.cpu), each(b, recorder), each(b, seen.cpu));
  return (b->failed == 0 && seen.refused == 0) || err_set(e, ERR_INTERNAL, "not every webhook was delivered and good");
}

int main(int count, char **arguments) {
  static struct bench b = {.count = 100000, .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
  const bool json = count > 1 && strcmp(arguments[1], "--json") == 0;
  arguments += json;
  count -= json;
  if (count < 2) {
    fputs("usage: webhooks [--json] DIRECTORY [COUNT]\n", stderr);
    return 2;
  }
  if (count > 2) b.count = strtoull(arguments[2], NULL, 10);
  b.ids = calloc(b.count, sizeof *b.ids);
  b.users = calloc(b.count, sizeof *b.users);
  struct err e = {0};
  if (!b.ids || !b.users || !measure(&b, arguments[1], json, &e)) {
    fprintf(stderr, "webhooks: %s\n", e.text);
    return 1;
  }
  free(b.ids);
  free(b.users);
  return 0;
}
