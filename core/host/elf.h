/* elf: a shared object's bytes, read without trusting one of them. Private to host. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <elf.h>

struct elf {
  struct str file;
  const char *name; /* for sentences */
  Elf64_Ehdr head;
  struct str strings;    /* of the dynamic section */
  uint64_t symbols;      /* file offset of the dynamic symbols */
  uint64_t symbol_count; /* as far as a hash table or a relocation reaches */
};
/* A slice of the file at an offset, or at an address of the loaded image. False when it reaches outside. [any] */
bool elf_at(const struct elf *f, uint64_t offset, void *to, size_t n);
bool elf_offset(const struct elf *f, uint64_t address, uint64_t *offset);
bool elf_segment(const struct elf *f, unsigned index, Elf64_Phdr *out);
/* Header and size: kind, machine, nothing cut off. */
bool elf_open(struct elf *f, const char *name, struct str file, struct err *e);
/* Walks the dynamic entries: *cursor starts at 0; false at the end. */
bool elf_dynamic(const struct elf *f, uint64_t *cursor, Elf64_Dyn *out);
/* Finds strings and symbols; every relocation's symbol is counted in. */
bool elf_index(struct elf *f, struct err *e);
bool elf_symbol(const struct elf *f, uint64_t index, Elf64_Sym *symbol, struct str *name, struct err *e);
bool elf_string(const struct elf *f, uint64_t offset, struct str *text); /* false when it does not end inside the table */
