/* Curl says which descriptors to watch and for what; this file does it with one uv_poll each. When curl says that it no longer watches one
 * of our sockets, which it does after every answer although the connection is kept, the uv_poll stays armed until something comes: that
 * saves two epoll_ctl a request. Descriptors of curl's own (the resolver's pipe) are let go at once, since curl closes them right after. A
 * uv_poll is always closed before its descriptor. Called by http.c, by curl, and by the loop, all on the courier's thread. */
#include "watch.h"
#include "kit/arena.h"
#include "kit/err.h"

#include <string.h>

struct watch { /* one descriptor that curl has told us of */
  uv_poll_t poll;
  struct watches *all;
  curl_socket_t descriptor;
  int mask;  /* what uv_poll is armed for */
  bool ours; /* opened through watches_open */
  bool idle; /* curl does not watch it now */
};
static void watch_closed(uv_handle_t *handle) {
  kit_free(handle->data);
}

static void watch_close(struct watches *all, struct watch *w) {
  all->at[w->descriptor] = NULL;
  uv_poll_stop(&w->poll);
  uv_close((uv_handle_t *)&w->poll, watch_closed);
}

static struct watch *watch_open(struct watches *all, curl_socket_t descriptor, bool ours) {
  size_t at = (size_t)descriptor;
  if (at >= all->count) {
    size_t count = at + 64;
    struct watch **grown = kit_realloc(all->at, count * sizeof *grown);
    if (!grown) return NULL;
    memset(grown + all->count, 0, (count - all->count) * sizeof *grown);
    all->at = grown, all->count = count;
  }
  must(!all->at[at]);
  struct watch *w = kit_alloc(sizeof *w);
  if (!w) return NULL;
  *w = (struct watch){.all = all, .descriptor = descriptor, .ours = ours};
  if (uv_poll_init_socket(all->loop, &w->poll, descriptor) != 0) {
    kit_free(w);
    return NULL;
  }
  w->poll.data = w;
  all->at[at] = w;
  return w;
}

static void watch_ready(uv_poll_t *poll, int status, int events) {
  struct watch *w = poll->data;
  if (w->idle) { /* the receiver closed a kept connection; curl finds out when it wants to use it */
    uv_poll_stop(&w->poll);
    w->mask = 0;
    return;
  }
  int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(w->all->multi, w->descriptor, flags, &running);
}

int watches_on_socket(CURL *easy, curl_socket_t descriptor, int what, void *watches, void *unused) {
  (void)easy, (void)unused;
  struct watches *all = watches;
  struct watch *w = (size_t)descriptor < all->count ? all->at[descriptor] : NULL;
  if (what == CURL_POLL_REMOVE) {
    if (w && w->ours) w->idle = true;
    else if (w) watch_close(all, w); /* the resolver's pipe: curl closes it right after this call */
    return 0;
  }
  if (!w) w = watch_open(all, descriptor, false);
  if (!w) return 0; /* out of memory: nobody looks, the transfer runs into its time-out */
  int mask = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  w->idle = false;
  if (mask == w->mask) return 0;
  w->mask = mask;
  return mask == 0 ? uv_poll_stop(&w->poll) : uv_poll_start(&w->poll, mask, watch_ready);
}

bool watches_open(struct watches *all, curl_socket_t descriptor) {
  return watch_open(all, descriptor, true) != NULL;
}

void watches_close(struct watches *all, curl_socket_t descriptor) {
  if ((size_t)descriptor < all->count && all->at[descriptor]) watch_close(all, all->at[descriptor]);
}

void watches_free(struct watches *all) {
  for (size_t i = 0; i < all->count; i++)
    if (all->at[i]) watch_close(all, all->at[i]);
  kit_free(all->at);
  all->at = NULL;
  all->count = 0;
}
