/* The peer for what a socket costs on this machine: libuv and nothing else. Each request with its whole body in what one read brings gets
 * the same short answer; nothing is parsed but the place where a body ends, nothing is kept, and with --sync nothing is answered before one
 * fdatasync has followed. What the engine does beside it is the ratio that run.sh prints. One thread, loopback, until it is killed.
 *
 *     echo                       prints "listens on port N" and answers
 *     echo --sync FILE           every pass of the loop writes a page a request to FILE and syncs it, then answers: durable, nothing else
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define ROOM         65536u
#define PAGE         4096u
#define FILE_PAGES   2048u /* written round and round, as a log is */
#define CLIENTS_MOST 4096u

static const char answer[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"accepted\":1}\n";

struct client {
  uv_tcp_t tcp;
  size_t have, owed; /* bytes of a request that is not whole yet; answers that wait for the sync */
  bool listed;
  char in[ROOM];
};
static struct {
  int file;
  uint64_t pages;
  struct client *waiting[CLIENTS_MOST];
  size_t waiting_count;
} synced = {.file = -1};

static void on_closed(uv_handle_t *h) {
  free(h);
}

static void drop(struct client *c) {
  for (size_t i = 0; i < synced.waiting_count; i++)
    if (synced.waiting[i] == c) synced.waiting[i] = synced.waiting[--synced.waiting_count];
  if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void send_answers(struct client *c, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uv_buf_t b = uv_buf_init((char *)(uintptr_t)answer, sizeof answer - 1);
    if (uv_try_write((uv_stream_t *)&c->tcp, &b, 1) != (int)sizeof answer - 1) {
      drop(c);
      return;
    }
  }
}

/* The length of the first whole request, 0 when it is not whole yet. */
static size_t whole(const struct client *c) {
  const char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
  if (!end) return 0;
  const char *length = memmem(c->in, (size_t)(end - c->in), "Content-Length: ", 16);
  const size_t size = (size_t)(end - c->in) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
  return size <= c->have ? size : 0;
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *b) {
  (void)suggested;
  struct client *c = (struct client *)h;
  *b = uv_buf_init(c->in + c->have, (unsigned)(ROOM - c->have));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  (void)b;
  struct client *c = (struct client *)s;
  if (n < 0) {
    drop(c);
    return;
  }
  c->have += (size_t)n;
  size_t count = 0;
  for (size_t size; (size = whole(c)); count++) {
    memmove(c->in, c->in + size, c->have - size);
    c->have -= size;
  }
  if (synced.file < 0) send_answers(c, count);
  else c->owed += count;
  if (c->owed && !c->listed && synced.waiting_count < CLIENTS_MOST) {
    c->listed = true;
    synced.waiting[synced.waiting_count++] = c;
  }
}

/* Once a pass of the loop, when everything that was readable has been read. */
static void on_pass(uv_check_t *check) {
  (void)check;
  static char page[PAGE];
  if (!synced.waiting_count) return;
  bool good = true;
  for (size_t i = 0; i < synced.waiting_count; i++)
    for (size_t k = 0; k < synced.waiting[i]->owed; k++)
      good = good && pwrite(synced.file, page, PAGE, (off_t)(synced.pages++ % FILE_PAGES) * PAGE) == PAGE;
  if (!good || fdatasync(synced.file) != 0) {
    perror("echo");
    exit(1);
  }
  while (synced.waiting_count) {
    struct client *c = synced.waiting[--synced.waiting_count];
    const size_t owed = c->owed;
    c->owed = 0;
    c->listed = false;
    send_answers(c, owed);
  }
}

static void on_client(uv_stream_t *server, int status) {
  struct client *c = status == 0 ? calloc(1, sizeof *c) : NULL;
  if (!c) return;
  uv_tcp_init(server->loop, &c->tcp);
  if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0) {
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
}

static bool open_file(const char *path) {
  synced.file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  return synced.file >= 0 && posix_fallocate(synced.file, 0, (off_t)FILE_PAGES * PAGE) == 0;
}

int main(int count, char **arguments) {
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t server;
  uv_check_t check;
  struct sockaddr_in any, bound;
  int size = sizeof bound;
  const bool sync = count == 3 && strcmp(arguments[1], "--sync") == 0;
  if (count != 1 && !sync) {
    fprintf(stderr, "usage: echo [--sync FILE]\n");
    return 2;
  }
  if (sync && !open_file(arguments[2])) {
    perror(arguments[2]);
    return 1;
  }
  uv_ip4_addr("127.0.0.1", 0, &any);
  uv_tcp_init(loop, &server);
  if (uv_tcp_bind(&server, (struct sockaddr *)&any, 0) != 0 || uv_listen((uv_stream_t *)&server, 512, on_client) != 0 ||
      uv_tcp_getsockname(&server, (struct sockaddr *)&bound, &size) != 0) {
    fprintf(stderr, "echo: no port of 127.0.0.1 can be had\n");
    return 1;
  }
  uv_check_init(loop, &check);
  uv_check_start(&check, on_pass);
  printf("listens on port %d\n", ntohs(bound.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
