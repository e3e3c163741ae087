/* Inside accept: HTTP/1.1 as bytes, without sockets. A stream cuts what arrives into heads and pieces of bodies; a head is read by llhttp
 * only after a scan of its lines has refused what llhttp 8.1 would let through. */
#pragma once
#include "accept.h"

#define HTTP_LINE_MOST    4096  /* the request line */
#define HTTP_HEADERS_MOST 16384 /* all header lines together */
#define HTTP_HEADER_COUNT 100

/* Why bytes are not HTTP for us: the connection is closed after this answer, for nobody knows where the next request would start. */
struct http_fault {
  int status;
  const char *word, *detail; /* static texts: nothing that came in is sent back */
};

struct http_stream {
  enum { HTTP_PHASE_HEAD, HTTP_PHASE_LENGTH, HTTP_PHASE_CHUNKS } phase;
  /* head */
  size_t scanned, line; /* bytes looked at; start of the line that is not complete yet */
  size_t first;         /* where the headers start, behind the request line; 0 = not there yet */
  uint32_t lines;
  /* body */
  uint64_t left; /* bytes of the body, or of this chunk */
  enum {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LINE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF
  } chunk;
  uint32_t digits, extra; /* of the chunk's size; bytes of extensions and trailers in this message */
};
enum http_news { NEWS_MORE, NEWS_HEAD, NEWS_BODY, NEWS_END, NEWS_BAD };

/* A zeroed stream waits for a head. Takes the next thing off the front of `in`:
 *   NEWS_MORE  nothing (more) to be had; an unfinished head stays in `in` and must be there again, unmoved, when more bytes follow it
 *   NEWS_HEAD  `piece` is a whole scanned head with its empty line; then call http_head_read and http_stream_body
 *   NEWS_BODY  `piece` is a part of the body, as it lies in `in`
 *   NEWS_END   the message is complete; the stream waits for the next head
 *   NEWS_BAD   `fault` says why; the stream is of no further use */
enum http_news http_stream_next(struct http_stream *s, struct str *in, struct str *piece, struct http_fault *fault);

struct http_head {
  enum method method;
  const char *method_name;
  struct str target, path, query; /* raw: nothing decoded yet; path of `*` is "*" */
  struct str host, content_type, content_encoding, authorization, expect, traceparent, origin;
  bool has_length, chunked, keep_alive, old; /* old: HTTP/1.0 */
  uint64_t length;
  /* while reading */
  struct str length_text, transfer_encoding;
};
/* Reads a head that the scan has let through; all texts are views into `block`. */
bool http_head_read(struct http_head *out, struct str block, struct http_fault *fault);
void http_stream_body(struct http_stream *s, const struct http_head *head);
/* The value of header `name` (lower case) in a scanned head; empty when absent; the first when there are several. */
struct str http_head_find(struct str block, const char *name);
