/* The contract of kairos_plugin.h, held against what a plugin says of itself. Promises that the rest of host never meets a table that is
 * too short, a missing function, an unnamed or doubled field, or a capability it does not know, and that a state's fields are compared one
 * by one, so that a refusal names the first that differs. It has to follow the plugin's pointers: the probe does so in a child before the
 * engine does. Builder, tool and child. */
#include "contract.h"
#include "kit/hash.h"
#include <stdio.h>
#include <string.h>

#define KNOWN_CAPS  (KAIROS_CAP_EXACT | KAIROS_CAP_POLICY)
#define HIGH_CAPS   (~UINT64_C(0) << 32)
#define FIELDS_MOST 4096
#define WIDTH_MOST  65536
#define NAME_MOST   128

static bool text_fits(const char *text, size_t least, size_t most) {
  const size_t length = text ? strnlen(text, most + 1) : 0;
  return text && length >= least && length <= most && str_utf8((struct str){text, length});
}

static bool name_fits(const char *name, bool lower) {
  if (!text_fits(name, 1, NAME_MOST)) return false;
  for (; *name; name++) {
    const bool letter = (*name >= 'a' && *name <= 'z') || (!lower && *name >= 'A' && *name <= 'Z') || (!lower && *name == '.');
    if (!letter && !(*name >= '0' && *name <= '9') && *name != '_') return false;
  }
  return true;
}

static bool check_field(const char *who, const char *side, const kairos_schema *s, uint32_t index, struct err *e) {
  const kairos_field *f = s->fields[index];
  const unsigned number = index + 1;
  if (!f || !KAIROS_HAS(kairos_field, f, hi)) return err_set(e, ERR_INPUT, "%s: %s %u is described too shortly", who, side, number);
  if (!name_fits(f->name, false) || !text_fits(f->unit, 0, NAME_MOST) || !text_fits(f->doc, 0, 1000))
    return err_set(e, ERR_INPUT, "%s: %s %u: expected a name of letters, digits, '_' and '.', a unit and a doc", who, side, number);
  if (f->type != KAIROS_F64)
    return err_set(e, ERR_INPUT, "%s: %s '%s' is of type %u, this engine knows doubles (1)", who, side, f->name, f->type);
  if (f->width == 0 || f->width > WIDTH_MOST || f->flags != 0)
    return err_set(e, ERR_INPUT, "%s: %s '%s': expected a width of 1 to %d and flags 0, got %u and %u", who, side, f->name, WIDTH_MOST,
                   f->width, f->flags);
  if (!(f->lo < f->hi)) return err_set(e, ERR_INPUT, "%s: %s '%s': its low %g is not below its high %g", who, side, f->name, f->lo, f->hi);
  for (uint32_t i = 0; i < index; i++)
    if (strcmp(s->fields[i]->name, f->name) == 0) return err_set(e, ERR_INPUT, "%s: two of its %ss are called '%s'", who, side, f->name);
  return true;
}

bool contract_schema(const char *who, const char *side, const kairos_schema *s, struct err *e) {
  if (!s || !KAIROS_HAS(kairos_schema, s, fields) || s->count == 0 || s->count > FIELDS_MOST || !s->fields)
    return err_set(e, ERR_INPUT, "%s: expected 1 to %d %ss, it describes none or too many", who, FIELDS_MOST, side);
  for (uint32_t i = 0; i < s->count; i++)
    if (!check_field(who, side, s, i, e)) return false;
  return true;
}

static bool has_field(const kairos_schema *s, const char *name) {
  for (uint32_t i = 0; i < s->count; i++)
    if (strcmp(s->fields[i]->name, name) == 0) return true;
  return false;
}

bool contract_policy(const char *who, const kairos_plugin *t, const kairos_schema *outputs, struct err *e) {
  if (!(t->caps & KAIROS_CAP_POLICY) || (has_field(outputs, "action") && has_field(outputs, "propensity"))) return true;
  return err_set(e, ERR_INPUT, "%s: it says that it is a policy; expected the outputs 'action' and 'propensity'", who);
}

static bool check_numbers(const char *who, const kairos_plugin *t, struct err *e) {
  if (t->size < sizeof(kairos_plugin) || t->size > 65536)
    return err_set(e, ERR_INPUT,
                   "%s: it describes itself in %u bytes, version %d.0 of the contract has %zu: it was built for another header", who,
                   t->size, KAIROS_ABI_MAJOR, sizeof(kairos_plugin));
  if (t->abi_minor > KAIROS_ABI_MINOR && t->size == sizeof(kairos_plugin))
    return err_set(e, ERR_INPUT, "%s: it says minor version %u of the contract, but its size is that of %d", who, t->abi_minor,
                   KAIROS_ABI_MINOR);
  const uint64_t unknown = t->caps & HIGH_CAPS & ~KNOWN_CAPS;
  if (unknown || t->flags != 0)
    return err_set(e, ERR_INPUT, "%s: it needs capabilities that this engine does not know (caps %#llx, flags %u)", who,
                   (unsigned long long)t->caps, t->flags);
  return true;
}

static bool check_functions(const char *who, const kairos_plugin *t, struct err *e) {
  const struct {
    const char *name;
    bool there;
  } needed[] = {{"create", t->create != NULL}, {"destroy", t->destroy != NULL}, {"predict", t->predict != NULL}};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (!needed[i].there) return err_set(e, ERR_INPUT, "%s: its function %s is missing", who, needed[i].name);
  if (!t->load != !t->save) return err_set(e, ERR_INPUT, "%s: expected both load and save or neither, it has one", who);
  if (!t->open != !t->close) return err_set(e, ERR_INPUT, "%s: expected both open and close or neither, it has one", who);
  if (t->train && !t->save) return err_set(e, ERR_INPUT, "%s: it trains, but could not save what it learnt", who);
  return true;
}

bool contract_check(const char *who, const kairos_plugin *t, struct err *e) {
  if (!t) return err_set(e, ERR_INPUT, "%s: it refuses this engine (kairos_plugin_v1 returned NULL)", who);
  if (!check_numbers(who, t, e)) return false;
  if (!name_fits(t->id, true) || !text_fits(t->version, 1, 64) || !text_fits(t->summary, 1, 1000) || !text_fits(t->licence, 1, 200))
    return err_set(e, ERR_INPUT, "%s: expected an id of a–z, 0–9 and '_', a version, a summary and a licence", who);
  if (!check_functions(who, t, e)) return false;
  if (t->extension && t->extension("kairos.never/0")) return err_set(e, ERR_INPUT, "%s: it claims an extension that does not exist", who);
  if ((!t->inputs || !t->outputs) && !(t->extension && t->extension(KAIROS_EXTENSION_SCHEMA)))
    return err_set(e, ERR_INPUT, "%s: it declares no inputs or outputs and has no " KAIROS_EXTENSION_SCHEMA " to tell them", who);
  return (!t->inputs || contract_schema(who, "input", t->inputs, e)) &&
         (!t->outputs || (contract_schema(who, "output", t->outputs, e) && contract_policy(who, t, t->outputs, e)));
}

bool contract_of_model(const char *who, const kairos_plugin *t, const kairos_model *model, const kairos_schema **inputs,
                       const kairos_schema **outputs, struct err *e) {
  *inputs = t->inputs;
  *outputs = t->outputs;
  if (!t->inputs || !t->outputs) {
    const kairos_schema_of *of = t->extension(KAIROS_EXTENSION_SCHEMA);
    if (!KAIROS_HAS(kairos_schema_of, of, outputs)) return err_set(e, ERR_INPUT, "%s: its " KAIROS_EXTENSION_SCHEMA " is too short", who);
    if (!t->inputs) *inputs = of->inputs(model);
    if (!t->outputs) *outputs = of->outputs(model);
  }
  return contract_schema(who, "input", *inputs, e) && contract_schema(who, "output", *outputs, e) && contract_policy(who, t, *outputs, e);
}

static void pack_side(const kairos_schema *s, struct buf *out) {
  pack_u64(out, s->count);
  for (uint32_t i = 0; i < s->count; i++) {
    pack_str(out, str_from(s->fields[i]->name));
    pack_u64(out, s->fields[i]->type);
    pack_u64(out, s->fields[i]->width);
    pack_str(out, str_from(s->fields[i]->unit));
  }
}

void contract_pack(const kairos_schema *inputs, const kairos_schema *outputs, struct buf *out) {
  pack_side(inputs, out);
  pack_side(outputs, out);
}

struct packed_field {
  struct str name, unit;
  uint64_t type, width;
};

static struct packed_field unpack_field(struct unpack *u) {
  struct packed_field f;
  f.name = unpack_str(u);
  f.type = unpack_u64(u);
  f.width = unpack_u64(u);
  f.unit = unpack_str(u);
  return f;
}

static void tell_field(const struct packed_field *f, char *text, size_t size) {
  snprintf(text, size, "'%.*s' (width %llu%s%.*s)", (int)(f->name.len < 60 ? f->name.len : 60), f->name.at, (unsigned long long)f->width,
           f->unit.len ? ", " : "", (int)(f->unit.len < 30 ? f->unit.len : 30), f->unit.at);
}

bool contract_differ(const char *who, struct str state, struct str model, struct err *e) {
  struct unpack s = unpack_from(state), m = unpack_from(model);
  const char *const sides[] = {"input", "output"};
  for (int side = 0; side < 2; side++) {
    const uint64_t in_state = unpack_u64(&s), in_model = unpack_u64(&m);
    for (uint64_t i = 0; i < in_state && i < in_model && !s.failed && !m.failed; i++) {
      const struct packed_field a = unpack_field(&s), b = unpack_field(&m);
      if (str_eq(a.name, b.name) && str_eq(a.unit, b.unit) && a.type == b.type && a.width == b.width) continue;
      char was[160], is[160];
      tell_field(&a, was, sizeof was);
      tell_field(&b, is, sizeof is);
      return err_set(e, ERR_CONFLICT, "%s: %s %llu was %s when the state was made and is %s now: train it again", who, sides[side],
                     (unsigned long long)i + 1, was, is);
    }
    if (in_state != in_model || s.failed || m.failed)
      return err_set(e, ERR_CONFLICT, "%s: the state was made with %llu %ss, the model has %llu: train it again", who,
                     (unsigned long long)in_state, sides[side], (unsigned long long)in_model);
  }
  return err_set(e, ERR_CONFLICT, "%s: the state was made with other inputs or outputs than the model has", who);
}

kairos_error contract_error(void) {
  return (kairos_error){.size = sizeof(kairos_error)};
}

bool contract_status(const char *who, const char *doing, kairos_status status, kairos_error *said, struct err *e) {
  const enum err_kind kind = status == KAIROS_CANCELLED                                            ? ERR_CONFLICT
                             : status == KAIROS_NO_MEMORY                                          ? ERR_BUSY
                             : status == KAIROS_FAILED || status == KAIROS_BAD_INPUT || status < 0 ? ERR_INTERNAL
                                                                                                   : ERR_INPUT;
  said->message[sizeof said->message - 1] = 0;
  for (char *c = said->message; *c; c++)
    if ((unsigned char)*c < ' ') *c = ' ';
  if (!said->message[0]) return err_set(e, kind, "%s: %s failed with status %d and without a word", who, doing, status);
  return err_set(e, kind, "%s: %s", who, said->message);
}
