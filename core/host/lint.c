/* The lint of a plugin's file: what can be known without running it. Promises that a file which passes is a whole shared object for this
 * machine, exports kairos_plugin_v1 and nothing else, needs only known libraries, imports only allowed functions, has no writable code, no
 * executable stack, no text relocations, no search paths, no thread-local storage; and that each refusal has its own sentence with the name
 * that is at fault. Runs and maps nothing, so a hostile file is safe here. Does not say what the code does. Builder and tool threads. */
#include "lint.h"
#include "elf.h"
#include "host.h"
#include "imports.h"
#include "kairos_plugin.h"
#include "kit/file.h"

#define IMAGE_MOST ((uint64_t)1 << 30) /* of memory that the segments ask for */

static bool lint_segments(const struct elf *f, struct err *e) {
  bool has_stack = false, has_dynamic = false;
  uint64_t image = 0;
  Elf64_Phdr s;
  for (unsigned i = 0; elf_segment(f, i, &s); i++) {
    has_dynamic |= s.p_type == PT_DYNAMIC;
    has_stack |= s.p_type == PT_GNU_STACK;
    if (s.p_type == PT_INTERP) return err_set(e, ERR_INPUT, "%s: it is a program, expected a shared object", f->name);
    if (s.p_type == PT_TLS)
      return err_set(e, ERR_INPUT, "%s: it has thread-local storage, which a plugin may not (lanes come and go, sessions hold scratch)",
                     f->name);
    if (s.p_type == PT_GNU_STACK && (s.p_flags & PF_X))
      return err_set(e, ERR_INPUT, "%s: it asks for an executable stack (link with -z noexecstack)", f->name);
    if (s.p_type != PT_LOAD) continue;
    if ((s.p_flags & PF_W) && (s.p_flags & PF_X)) return err_set(e, ERR_INPUT, "%s: it has code that is writable", f->name);
    if (s.p_memsz > IMAGE_MOST || (image += s.p_memsz) > IMAGE_MOST)
      return err_set(e, ERR_INPUT, "%s: its segments ask for more than %llu MiB of memory", f->name,
                     (unsigned long long)(IMAGE_MOST >> 20));
  }
  if (!has_dynamic) return err_set(e, ERR_INPUT, "%s: it has no dynamic section, so nothing could be loaded from it", f->name);
  if (!has_stack) return err_set(e, ERR_INPUT, "%s: it does not say that its stack is not executable (link with -z noexecstack)", f->name);
  return true;
}

static bool lint_dynamic(const struct elf *f, struct err *e) {
  Elf64_Dyn d;
  struct str text = {0};
  for (uint64_t at = 0; elf_dynamic(f, &at, &d);) {
    const bool names = d.d_tag == DT_NEEDED || d.d_tag == DT_RPATH || d.d_tag == DT_RUNPATH || d.d_tag == DT_AUDIT ||
                       d.d_tag == DT_DEPAUDIT || d.d_tag == DT_FILTER || d.d_tag == DT_AUXILIARY;
    if (names && !elf_string(f, d.d_un.d_val, &text))
      return err_set(e, ERR_INPUT, "%s: a name in its dynamic section ends outside", f->name);
    if (d.d_tag == DT_NEEDED && !library_allowed(text))
      return err_set(e, ERR_INPUT, "%s: it needs the library '" STR_FORMAT "', allowed are %s", f->name, STR_ARG(text), libraries_allowed);
    if (names && d.d_tag != DT_NEEDED)
      return err_set(e, ERR_INPUT, "%s: it changes where libraries are found ('" STR_FORMAT "'; link without -rpath)", f->name,
                     STR_ARG(text));
    if (d.d_tag == DT_TEXTREL || (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_TEXTREL)))
      return err_set(e, ERR_INPUT, "%s: it has text relocations (compile with -fPIC)", f->name);
    if (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_STATIC_TLS))
      return err_set(e, ERR_INPUT, "%s: it uses static thread-local storage, which a plugin may not", f->name);
  }
  return true;
}

static bool lint_export(const struct elf *f, const Elf64_Sym *s, struct str name, bool *entry, struct err *e) {
  const unsigned seen = ELF64_ST_VISIBILITY(s->st_other);
  if (ELF64_ST_BIND(s->st_info) == STB_LOCAL || seen == STV_HIDDEN || seen == STV_INTERNAL) return true;
  if (str_is(name, KAIROS_ENTRY) && ELF64_ST_TYPE(s->st_info) == STT_FUNC) {
    *entry = true;
    return true;
  }
  if (str_starts(name, "kairos_plugin_v"))
    return err_set(e, ERR_INPUT, "%s: it exports '" STR_FORMAT "', this engine speaks major version %d of the contract (%s)", f->name,
                   STR_ARG(name), KAIROS_ABI_MAJOR, KAIROS_ENTRY);
  return err_set(e, ERR_INPUT, "%s: it exports '" STR_FORMAT "', expected " KAIROS_ENTRY " and nothing else (link with a version script)",
                 f->name, STR_ARG(name));
}

static bool lint_symbols(const struct elf *f, struct err *e) {
  bool entry = false;
  Elf64_Sym s;
  struct str name;
  for (uint64_t i = 1; i < f->symbol_count; i++) {
    if (!elf_symbol(f, i, &s, &name, e)) return false;
    if (s.st_shndx != SHN_UNDEF) {
      if (!lint_export(f, &s, name, &entry, e)) return false;
      continue;
    }
    if (ELF64_ST_TYPE(s.st_info) == STT_TLS)
      return err_set(e, ERR_INPUT, "%s: it imports the thread-local variable '" STR_FORMAT "', which a plugin may not", f->name,
                     STR_ARG(name));
    const char *why = import_refused(name);
    if (why) return err_set(e, ERR_INPUT, "%s: it imports '" STR_FORMAT "': %s", f->name, STR_ARG(name), why);
  }
  return entry || err_set(e, ERR_INPUT, "%s: it does not export the function " KAIROS_ENTRY, f->name);
}

bool lint_bytes(const char *name, struct str bytes, struct err *e) {
  struct elf f;
  return elf_open(&f, name, bytes, e) && lint_segments(&f, e) && elf_index(&f, e) && lint_dynamic(&f, e) && lint_symbols(&f, e);
}

bool plugin_lint(const char *path, struct err *e) {
  struct buf bytes = {0};
  const bool fine = file_read(path, &bytes, PLUGIN_FILE_MOST, e) && lint_bytes(path, buf_view(&bytes), e);
  buf_free(&bytes);
  return fine;
}
