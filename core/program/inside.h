/* Inside program: sources in, sources out. */
#pragma once
#include "program/program.h"

bool sources_from_directory(struct program *p, const char *directory, struct err *e);
bool sources_from_store(struct program *p, struct book *b, const unsigned char sha256[32], struct err *e);
void sources_manifest(const struct program *p, struct buf *out);
