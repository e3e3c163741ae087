/* Which letter goes to which endpoint, and when. An endpoint takes a letter when its breaker allows, fewer than eight of its attempts are
 * on their way, it has not asked for a pause, and its bucket holds a token; so an endpoint that never answers holds eight attempts and
 * nobody else's. A letter without an endpoint of its own waits for the first endpoint whose breaker allows: a full endpoint is waited for,
 * a broken one is passed over. Of two queues the older letter goes first. It starts nothing itself. Called by turn.c on its thread;
 * endpoint_check by whoever is told of endpoints. */
#include "outlet.h"
#include "kit/arena.h"
#include <string.h>

static char *text_copy(const char *from) {
  size_t size = strlen(from) + 1;
  char *to = kit_alloc(size);
  if (to) memcpy(to, from, size);
  return to;
}

static bool outlet_open(struct outlet *o, struct http *h, const struct endpoint *endpoint, int64_t now, struct err *e) {
  o->name = text_copy(endpoint->name ? endpoint->name : endpoint->url);
  o->url = text_copy(endpoint->url);
  if (endpoint->ca_file) o->ca_file = text_copy(endpoint->ca_file);
  if (!o->name || !o->url || (endpoint->ca_file && !o->ca_file)) return err_set(e, ERR_INTERNAL, "out of memory");
  for (size_t i = 0; i < SIGNATURES; i++)
    if (endpoint->secrets[i] && !signing_key_read(&o->keys[o->key_count++], endpoint->secrets[i], e))
      return err_wrap(e, "webhook endpoint \"%s\"", o->name);
  if (o->key_count == 0) return err_set(e, ERR_INPUT, "webhook endpoint \"%s\": expected a secret to sign with; none was given", o->name);
  struct http_target_options options = {o->url, endpoint->allow_http, endpoint->allow_private, o->ca_file};
  o->target = http_target_new(h, &options, e);
  if (!o->target) return false;
  breaker_reset(&o->breaker);
  o->bucket = bucket_new(endpoint->rate, endpoint->burst, now);
  return true;
}

bool outlets_open(struct outlets *o, struct http *h, const struct endpoint *endpoints, size_t count, int64_t now, struct err *e) {
  if (count == 0 || count > OUTLETS_MOST) return err_set(e, ERR_INPUT, "expected 1 to %d webhook endpoints, got %zu", OUTLETS_MOST, count);
  o->at = kit_alloc(count * sizeof *o->at);
  if (!o->at) return err_set(e, ERR_INTERNAL, "out of memory");
  memset(o->at, 0, count * sizeof *o->at);
  o->count = count;
  for (size_t i = 0; i < count; i++)
    if (!outlet_open(&o->at[i], h, &endpoints[i], now, e)) return false;
  return true;
}

bool endpoint_check(const struct endpoint *endpoint, struct err *e) {
  const struct http_target_options options = {endpoint->url, endpoint->allow_http, endpoint->allow_private, endpoint->ca_file};
  bool fine = true;
  for (size_t i = 0; fine && i < SIGNATURES; i++) {
    struct signing_key key;
    if (!endpoint->secrets[i]) continue;
    fine = signing_key_read(&key, endpoint->secrets[i], e);
    sodium_memzero(&key, sizeof key);
  }
  return fine && http_url_fine(&options, e);
}

void outlets_close(struct outlets *o) {
  for (size_t i = 0; i < o->count; i++) {
    http_target_free(o->at[i].target);
    sodium_memzero(o->at[i].keys, sizeof o->at[i].keys);
    kit_free(o->at[i].name);
    kit_free(o->at[i].url);
    kit_free(o->at[i].ca_file);
  }
  kit_free(o->at);
  *o = (struct outlets){0};
}

struct parcel_list *outlets_queue_for(struct outlets *o, const struct parcel *parcel) {
  uint32_t number = parcel->letter.endpoint;
  if (number == 0) return &o->any;
  return number <= o->count ? &o->at[number - 1].queue : NULL;
}

static bool outlet_room(const struct outlet *o, int64_t now) {
  return o->in_flight < IN_FLIGHT_MOST && now >= o->paused_until;
}

/* The outlet that letters for any are meant for now. */
static struct outlet *outlet_for_any(struct outlets *o, int64_t now) {
  for (size_t i = 0; i < o->count; i++)
    if (breaker_allows(&o->at[i].breaker, now)) return &o->at[i];
  return NULL;
}

static struct parcel *older(struct parcel *a, struct parcel *b) {
  if (!a || !b) return a ? a : b;
  return a->letter.due <= b->letter.due ? a : b;
}

struct parcel *outlets_next(struct outlets *o, int64_t now, struct outlet **outlet) {
  struct outlet *first = o->any.first ? outlet_for_any(o, now) : NULL;
  for (size_t i = 0; i < o->count; i++) {
    struct outlet *at = &o->at[i];
    struct parcel *parcel = older(at->queue.first, at == first ? o->any.first : NULL);
    if (!parcel || !outlet_room(at, now) || !breaker_allows(&at->breaker, now) || !bucket_take(&at->bucket, now)) continue;
    *outlet = at;
    return parcel;
  }
  return NULL;
}

int64_t outlets_wake(struct outlets *o, int64_t now) {
  int64_t soonest = -1;
  struct outlet *first = o->any.first ? outlet_for_any(o, now) : NULL;
  for (size_t i = 0; i < o->count; i++) {
    struct outlet *at = &o->at[i];
    bool broken = at->breaker.state == BREAKER_OPEN; /* letters for any also wait for a better endpoint to come back */
    if (at->breaker.state == BREAKER_DISABLED || !(at->queue.first || (o->any.first && (at == first || broken)))) continue;
    if (at->in_flight >= IN_FLIGHT_MOST || (at->breaker.state == BREAKER_HALF_OPEN && at->breaker.probing)) continue; /* an end wakes us */
    int64_t wait = bucket_ready(&at->bucket, now);
    if (at->paused_until - now > wait) wait = at->paused_until - now;
    if (broken && at->breaker.open_until - now > wait) wait = at->breaker.open_until - now;
    if (soonest < 0 || wait < soonest) soonest = wait;
  }
  return soonest;
}
