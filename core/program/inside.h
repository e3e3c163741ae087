/* Inside program: sources in, sources out. */
#pragma once
#include "program/program.h"

bool sources_from_directory(struct program *p, const char *directory, struct err *e);
void sources_from_upload(struct program *p, const struct source *given, size_t count);
bool sources_from_store(struct program *p, struct book *b, const unsigned char sha256[32], struct err *e);
void sources_sort(struct program *p);
void sources_manifest(const struct program *p, struct buf *out);
/* Names what lies in a directory now: the digest that a program of it would have, or of what is wrong with it. */
void sources_digest(const char *directory, char digest[65]);
/* The pairs of the fact that makes a program live, into an object that is open. */
void fact_pairs(const struct program *p, struct json_writer *w);
