/* helper: kit emit; libraries: pthread */
/* A webhook receiver that misbehaves, for the tests of delivery: drops connections before and after it has taken a message, answers 500,
 * half an answer, late, or twice in one go. Prints one line a message: when it came (UTC ms), its webhook-id, whether its signature is
 * good, a hash of its body, and what was done with it. What it does depends on how often that id has come, so that every message is taken
 * in the end; only the option named by --never is refused for ever. A thread a connection. Prints its port on the first line.
 *
 * With --hole nobody is ever answered, with --drip with a byte every tenth of a second, with --gone the first one with a 410.
 *
 * usage: test_delivery_receiver SECRET [--good | --hole | --drip | --gone] [--never OPTION] [--port P] */
#include "emit/emit.h"
#include "kit/clock.h"
#include "kit/hash.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MOST 65536
#define IDS_MOST     65536 /* a partition */

static const char *secret, *never;
static bool good, hole, drips, gone;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char times[16][IDS_MOST];
static size_t messages;

static const char *const words[] = {"taken", "late", "twice", "kept", "refused", "dropped", "half", "nothing", "dripped", "gone"};
enum act { TAKE, TAKE_LATE, TAKE_TWICE, TAKE_AND_DROP, REFUSE, DROP, HALF, NOTHING, DRIP, GONE };

static struct str header(const char *head, const char *name) {
  const char *at = strcasestr(head, name);
  if (!at) return (struct str){"", 0};
  at += strlen(name);
  return str_trim((struct str){at, (size_t)(strstr(at, "\r\n") - at)});
}

static bool send_all(int connection, const char *text) {
  for (size_t length = strlen(text); length > 0;) {
    const ssize_t n = send(connection, text, length, MSG_NOSIGNAL);
    if (n <= 0) return false;
    text += n, length -= (size_t)n;
  }
  return true;
}

/* A third of the first, an eighth of the second; the third time everybody is taken. */
static enum act choose(struct str id, struct str body) {
  static const enum act bad[] = {REFUSE, DROP, TAKE_LATE, TAKE_AND_DROP, HALF, TAKE_TWICE};
  unsigned partition, count;
  char text[96], option[96];
  snprintf(text, sizeof text, STR_FORMAT, STR_ARG(id));
  if (hole || drips) return hole ? NOTHING : DRIP;
  if (gone) return messages++ ? TAKE : GONE;
  if (good || sscanf(text, "msg_%*[0-9a-f]_d%u-%u", &partition, &count) != 2 || partition >= 16 || count >= IDS_MOST) return TAKE;
  snprintf(option, sizeof option, "\"intervention\":\"%.80s\"", never ? never : "");
  if (never && memmem(body.at, body.len, option, strlen(option))) return REFUSE;
  const size_t n = messages++;
  const unsigned before = times[partition][count];
  times[partition][count] = before < 255 ? (unsigned char)(before + 1) : 255;
  const bool misbehaves = before == 0 ? n % 3 == 0 : before == 1 && n % 8 == 0;
  return misbehaves ? bad[n / 3 % (sizeof bad / sizeof *bad)] : TAKE;
}

/* Done before it is answered: what was said is known to the test even when the sender dies meanwhile. */
static enum act note(const char *head, struct str body) {
  struct err why;
  struct str id = header(head, "\r\nwebhook-id:");
  const bool verified =
      webhook_verify(secret, id, header(head, "\r\nwebhook-timestamp:"), header(head, "\r\nwebhook-signature:"), body, clock_now(), &why);
  pthread_mutex_lock(&lock);
  const enum act act = choose(id, body);
  printf("%lld " STR_FORMAT " %s %016llx %s\n", (long long)clock_now(), STR_ARG(id), verified ? "verified" : "forged",
         (unsigned long long)hash_64(body), words[act]);
  pthread_mutex_unlock(&lock);
  return act;
}

/* False: the connection is closed now. */
static bool perform(int connection, enum act act) {
  static const char ok[] = "HTTP/1.1 204 No Content\r\n\r\n", oops[] = "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops";
  switch (act) {
  case TAKE: return send_all(connection, ok);
  case TAKE_LATE: usleep(300000); return send_all(connection, ok);
  case TAKE_TWICE:
    send_all(connection, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    return true; /* the second is nobody's answer: not the next message's either */
  case REFUSE: return send_all(connection, oops);
  case GONE: return send_all(connection, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
  case HALF: send_all(connection, "HTTP/1.1 204 No Con"); return false;
  case NOTHING:
    for (;;) pause();
  case DRIP: /* a header without an end */
    for (const char *at = "HTTP/1.1 200 OK\r\nX-Slow: x"; send(connection, at, 1, MSG_NOSIGNAL) == 1; usleep(100000)) at += at[1] != 0;
    return false;
  case TAKE_AND_DROP:
  case DROP: return false;
  }
  return false;
}

static void *serve(void *context) {
  const int connection = (int)(intptr_t)context;
  char *text = malloc(MESSAGE_MOST + 1);
  size_t have = 0;
  for (bool goes_on = text != NULL; goes_on;) {
    const ssize_t n = recv(connection, text + have, MESSAGE_MOST - have, 0);
    if (n <= 0) break;
    have += (size_t)n;
    text[have] = 0;
    char *end = strstr(text, "\r\n\r\n");
    int64_t length = 0;
    if (!end) continue;
    if (!str_to_int(header(text, "\r\ncontent-length:"), &length) || length < 0 || length > 30000) break;
    const size_t whole = (size_t)(end + 4 - text) + (size_t)length;
    if (have < whole) continue;
    goes_on = perform(connection, note(text, (struct str){end + 4, (size_t)length}));
    memmove(text, text + whole, have - whole);
    have -= whole;
  }
  free(text);
  close(connection);
  return NULL;
}

int main(int argc, char **argv) {
  int port = 0;
  if (argc < 2) return 2;
  secret = argv[1];
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--good") == 0) good = true;
    else if (strcmp(argv[i], "--hole") == 0) hole = true;
    else if (strcmp(argv[i], "--drip") == 0) drips = true;
    else if (strcmp(argv[i], "--gone") == 0) gone = true;
    else if (strcmp(argv[i], "--never") == 0 && i + 1 < argc) never = argv[++i];
    else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) port = atoi(argv[++i]);
    else return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 511) != 0) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("port %d\n", ntohs(address.sin_port));
  for (int connection; (connection = accept(listener, NULL, NULL)) >= 0;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) != 0) return 1;
    pthread_detach(thread);
  }
  return 1;
}
