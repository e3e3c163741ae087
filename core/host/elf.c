/* Reading ELF by hand. Promises never to leave the file's bytes whatever its headers say, to find every symbol that the loader could bind
 * (those the hash tables reach and those any relocation names), and to notice a file that was cut off anywhere. Runs and maps nothing. Does
 * not judge what a plugin may contain: lint.c does. Called by lint.c, on builder and tool threads. */
#include "elf.h"
#include <string.h>

#if defined(__x86_64__)
#define MACHINE      EM_X86_64
#define MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
#define MACHINE      EM_AARCH64
#define MACHINE_NAME "AArch64"
#else
#error "host/elf.c: name this machine's ELF number"
#endif

bool elf_at(const struct elf *f, uint64_t offset, void *to, size_t n) {
  if (offset > f->file.len || n > f->file.len - offset) return false;
  memcpy(to, f->file.at + offset, n);
  return true;
}

bool elf_segment(const struct elf *f, unsigned index, Elf64_Phdr *out) {
  return index < f->head.e_phnum && elf_at(f, f->head.e_phoff + (uint64_t)index * sizeof *out, out, sizeof *out);
}

bool elf_offset(const struct elf *f, uint64_t address, uint64_t *offset) {
  Elf64_Phdr s;
  for (unsigned i = 0; elf_segment(f, i, &s); i++) {
    if (s.p_type != PT_LOAD || address < s.p_vaddr || address - s.p_vaddr >= s.p_filesz) continue;
    *offset = s.p_offset + (address - s.p_vaddr);
    return true;
  }
  return false;
}

static bool refuse_head(const struct elf *f, struct err *e) {
  char start[17] = "";
  const size_t n = f->file.len < 16 ? f->file.len : 16;
  for (size_t i = 0; i < n; i++) start[i] = (f->file.at[i] >= ' ' && f->file.at[i] <= '~') ? f->file.at[i] : '.';
  return err_set(e, ERR_INPUT, "%s: expected a shared object (ELF), got %zu bytes that begin with '%s'", f->name, f->file.len, start);
}

static bool check_kind(const struct elf *f, struct err *e) {
  const Elf64_Ehdr *h = &f->head;
  if (h->e_ident[EI_CLASS] != ELFCLASS64)
    return err_set(e, ERR_INPUT, "%s: expected a 64-bit object, its class is %d", f->name, h->e_ident[EI_CLASS]);
  if (h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != MACHINE)
    return err_set(e, ERR_INPUT, "%s: expected an object for " MACHINE_NAME ", its machine number is %d", f->name, h->e_machine);
  if (h->e_type != ET_DYN) return err_set(e, ERR_INPUT, "%s: expected a shared object, its ELF type is %d", f->name, h->e_type);
  if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > 64)
    return err_set(e, ERR_INPUT, "%s: expected 1 to 64 program headers, got %d of %d bytes", f->name, h->e_phnum, h->e_phentsize);
  return true;
}

/* Does anything reach beyond the end? The section headers stand last in what linkers write. */
static bool check_whole(const struct elf *f, struct err *e) {
  const uint64_t size = f->file.len;
  const Elf64_Ehdr *h = &f->head;
  uint64_t needed = h->e_phoff + (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);
  if (h->e_phoff > size) needed = h->e_phoff;
  if (h->e_shoff) {
    const uint64_t sections = h->e_shoff > size ? h->e_shoff : h->e_shoff + (uint64_t)h->e_shnum * h->e_shentsize;
    if (sections > needed) needed = sections;
  }
  Elf64_Phdr s;
  for (unsigned i = 0; needed <= size && elf_segment(f, i, &s); i++) {
    if (s.p_type != PT_LOAD && s.p_type != PT_DYNAMIC) continue;
    const uint64_t end = s.p_offset > size || s.p_filesz > size ? UINT64_MAX : s.p_offset + s.p_filesz;
    if (end > size) needed = end;
  }
  if (needed <= size) return true;
  return err_set(e, ERR_INPUT, "%s: it is cut off: its headers reach to byte %llu, the file has %zu", f->name, (unsigned long long)needed,
                 f->file.len);
}

bool elf_open(struct elf *f, const char *name, struct str file, struct err *e) {
  *f = (struct elf){.file = file, .name = name};
  if (file.len < SELFMAG || memcmp(file.at, ELFMAG, SELFMAG) != 0) return refuse_head(f, e);
  if (!elf_at(f, 0, &f->head, sizeof f->head)) return err_set(e, ERR_INPUT, "%s: it is cut off inside its ELF header", name);
  return check_kind(f, e) && check_whole(f, e);
}

bool elf_dynamic(const struct elf *f, uint64_t *cursor, Elf64_Dyn *out) {
  Elf64_Phdr s;
  for (unsigned i = 0; elf_segment(f, i, &s); i++) {
    if (s.p_type != PT_DYNAMIC) continue;
    if ((*cursor + 1) * sizeof *out > s.p_filesz || !elf_at(f, s.p_offset + *cursor * sizeof *out, out, sizeof *out)) return false;
    ++*cursor;
    return out->d_tag != DT_NULL;
  }
  return false;
}

static uint64_t dynamic_value(const struct elf *f, int64_t tag) {
  Elf64_Dyn d;
  for (uint64_t at = 0; elf_dynamic(f, &at, &d);)
    if (d.d_tag == tag) return d.d_un.d_val;
  return 0;
}

bool elf_string(const struct elf *f, uint64_t offset, struct str *text) {
  if (offset >= f->strings.len) return false;
  const char *at = f->strings.at + offset, *end = memchr(at, 0, f->strings.len - offset);
  if (end) *text = (struct str){at, (size_t)(end - at)};
  return end != NULL;
}

static bool u32_at(const struct elf *f, uint64_t offset, uint32_t *out) {
  return elf_at(f, offset, out, sizeof *out);
}

/* The GNU hash table does not say how many symbols there are: the highest bucket's chain ends with the last one. */
static bool count_by_gnu_hash(struct elf *f, uint64_t address) {
  uint64_t at;
  uint32_t head[4], last = 0, bucket, link;
  if (!elf_offset(f, address, &at) || !elf_at(f, at, head, sizeof head)) return false;
  const uint64_t buckets = at + 16 + (uint64_t)head[2] * 8, chains = buckets + (uint64_t)head[0] * 4;
  for (uint32_t i = 0; i < head[0]; i++) {
    if (!u32_at(f, buckets + (uint64_t)i * 4, &bucket)) return false;
    if (bucket > last) last = bucket;
  }
  uint64_t count = head[1];
  for (bool more = last >= head[1] && last > 0; more; more = !(link & 1)) {
    if (count < last) count = last;
    if (!u32_at(f, chains + (count - head[1]) * 4, &link)) return false;
    count++;
  }
  if (count > f->symbol_count) f->symbol_count = count;
  return true;
}

static bool count_by_relocations(struct elf *f, int64_t table, int64_t size) {
  const uint64_t bytes = dynamic_value(f, size);
  uint64_t at;
  if (bytes == 0) return true;
  if (!elf_offset(f, dynamic_value(f, table), &at)) return false;
  Elf64_Rela r;
  for (uint64_t i = 0; i < bytes / sizeof r; i++) {
    if (!elf_at(f, at + i * sizeof r, &r, sizeof r)) return false;
    if (ELF64_R_SYM(r.r_info) + 1 > f->symbol_count) f->symbol_count = ELF64_R_SYM(r.r_info) + 1;
  }
  return true;
}

static bool count_symbols(struct elf *f) {
  const uint64_t gnu = dynamic_value(f, DT_GNU_HASH), old = dynamic_value(f, DT_HASH);
  uint32_t count;
  uint64_t at;
  if (gnu && !count_by_gnu_hash(f, gnu)) return false;
  if (old) {
    if (!elf_offset(f, old, &at) || !u32_at(f, at + 4, &count)) return false;
    if (count > f->symbol_count) f->symbol_count = count;
  }
  return (gnu || old) && count_by_relocations(f, DT_RELA, DT_RELASZ) && count_by_relocations(f, DT_JMPREL, DT_PLTRELSZ);
}

bool elf_index(struct elf *f, struct err *e) {
  const uint64_t strings = dynamic_value(f, DT_STRTAB), size = dynamic_value(f, DT_STRSZ), symbols = dynamic_value(f, DT_SYMTAB);
  uint64_t at;
  if (dynamic_value(f, DT_REL) || (dynamic_value(f, DT_PLTREL) && dynamic_value(f, DT_PLTREL) != DT_RELA))
    return err_set(e, ERR_INPUT, "%s: relocations without addends, which no linker for " MACHINE_NAME " writes", f->name);
  if (!elf_offset(f, strings, &at) || size > f->file.len - at || !elf_offset(f, symbols, &f->symbols))
    return err_set(e, ERR_INPUT, "%s: its dynamic section names no usable strings and symbols", f->name);
  f->strings = (struct str){f->file.at + at, (size_t)size};
  if (!count_symbols(f) || f->symbol_count > (f->file.len - f->symbols) / sizeof(Elf64_Sym))
    return err_set(e, ERR_INPUT, "%s: its symbol tables reach outside the file", f->name);
  return true;
}

bool elf_symbol(const struct elf *f, uint64_t index, Elf64_Sym *symbol, struct str *name, struct err *e) {
  if (elf_at(f, f->symbols + index * sizeof *symbol, symbol, sizeof *symbol) && elf_string(f, symbol->st_name, name)) return true;
  return err_set(e, ERR_INPUT, "%s: symbol %llu reaches outside the file", f->name, (unsigned long long)index);
}
