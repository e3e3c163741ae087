/* The descriptors that curl wants watched, on a libuv loop; private to emit, only on the courier's thread. */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct watch;
struct watches {
  uv_loop_t *loop;
  CURLM *multi;
  struct watch **at; /* by descriptor */
  size_t count;
};
bool watches_open(struct watches *all, curl_socket_t descriptor); /* one of ours: watches_close is called before it is closed */
void watches_close(struct watches *all, curl_socket_t descriptor);
void watches_free(struct watches *all);
int watches_on_socket(CURL *easy, curl_socket_t descriptor, int what, void *watches, void *unused); /* CURLMOPT_SOCKETFUNCTION */
