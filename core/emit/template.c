/* Messages: compiled once per program, filled per decision in the user's language with the user's own numbers. A template is text with
 * "{name}" for a value and "{{" and "}}" for braces; what a name means is an expression of the condition language. Promises that nothing
 * half-filled leaves: a value that is missing, or so long that it is no message, is named in `missing`, and then nothing may be sent. What
 * it finds wrong in a program is a finding with the intervention's file and line. It escapes nothing but JSON and translates nothing; a
 * number looks the same in every language. Building on the builder's thread, rendering in a lane; the templates are immutable. */
#include "emit.h"
#include "kit/json.h"
#include "language/expression.h"
#include "language/nouns.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MOST   1024 /* bytes of one value in a message; longer is no message */
#define WORD_MOST    256
#define MESSAGE_MOST 8192 /* bytes of a message and of its values, each as JSON: keeps the body under 20 KB (Standard Webhooks) */

struct piece {
  struct str text; /* literal, or empty */
  uint32_t value;  /* number of the value, or NONE */
};
#define NONE UINT32_MAX
struct wording { /* one language of one intervention */
  struct str language;
  struct piece *pieces;
  size_t piece_count;
};
struct template_value {
  struct str name;
  const struct expression *expression; /* NULL: it had a finding */
  bool used;
};
struct template {
  struct wording *wordings; /* sorted by language */
  size_t wording_count;
  struct template_value *values; /* sorted by name */
  size_t value_count;
  uint32_t *slots; /* that the values read, ascending */
  size_t slot_count;
};
struct templates {
  struct template *at;
  size_t count;
};

/* ---- building ---- */

struct building {
  struct arena *arena;
  struct symbols *symbols;
  struct findings *findings;
  const struct noun_intervention *noun;
  struct template *template;
  bool failed; /* memory */
};

#define FINDING(b, level, format, ...)                                                                                                     \
  findings_add((b)->findings, level, (b)->noun->at.file, (b)->noun->at.line, "intervention \"" STR_FORMAT "\": " format,                   \
               STR_ARG((b)->noun->at.name), __VA_ARGS__)

/* A letter, then letters, digits and underscores. */
static bool name_good(struct str name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
  }
  return name.len > 0;
}

/* BCP 47 as far as it is needed: 2–3 letters, then subtags of 2–8 letters or digits. */
static bool language_good(struct str tag) {
  struct str rest = tag, part;
  for (size_t i = 0; str_split(&rest, '-', &part); i++) {
    if (part.len < 2 || part.len > (i == 0 ? 3 : 8)) return false;
    for (size_t k = 0; k < part.len; k++) {
      char c = part.at[k];
      bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
    }
  }
  return true;
}

static uint32_t value_find(const struct template *t, struct str name) {
  for (uint32_t i = 0; i < t->value_count; i++)
    if (str_eq(t->values[i].name, name)) return i;
  return NONE;
}

static void value_unknown(struct building *b, struct str language, struct str name) {
  const char **names = ARENA_ARRAY(b->arena, const char *, b->template->value_count + 1);
  bool listed = names != NULL;
  for (size_t i = 0; listed && i < b->template->value_count; i++)
    listed = (names[i] = arena_text(b->arena, b->template->values[i].name.at, b->template->values[i].name.len)) != NULL;
  const char *near = listed ? str_nearest(name, names, b->template->value_count) : NULL;
  FINDING(b, FINDING_ERROR, "message." STR_FORMAT " uses {" STR_FORMAT "}, which `values` does not give%s%s%s", STR_ARG(language),
          STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static void piece_add(struct wording *w, struct piece piece) {
  if (piece.value == NONE && piece.text.len == 0) return;
  w->pieces[w->piece_count++] = piece;
}

/* Cuts the text at its braces. There are at most twice as many pieces as braces, and one. */
static void wording_cut(struct building *b, struct wording *w, struct str text) {
  size_t braces = 0;
  for (size_t i = 0; i < text.len; i++) braces += text.at[i] == '{' || text.at[i] == '}';
  w->pieces = ARENA_ARRAY(b->arena, struct piece, 2 * braces + 1);
  b->failed |= !w->pieces;
  if (b->failed) return;
  size_t from = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    if (c != '{' && c != '}') continue;
    if (i + 1 < text.len && text.at[i + 1] == c) { /* {{ or }}: the first stays, the second goes */
      piece_add(w, (struct piece){{text.at + from, i + 1 - from}, NONE});
      from = ++i + 1;
      continue;
    }
    const char *close = c == '{' ? memchr(text.at + i, '}', text.len - i) : NULL;
    struct str name = {text.at + i + 1, close ? (size_t)(close - text.at) - i - 1 : 0};
    if (!close || !name_good(name)) {
      FINDING(b, FINDING_ERROR, "message." STR_FORMAT ": a lone \"%c\" at byte %zu; expected {name}, or \"%c%c\" for the brace itself",
              STR_ARG(w->language), c, i + 1, c, c);
      return;
    }
    piece_add(w, (struct piece){{text.at + from, i - from}, NONE});
    uint32_t value = value_find(b->template, name);
    if (value == NONE) value_unknown(b, w->language, name);
    else b->template->values[value].used = true, piece_add(w, (struct piece){{NULL, 0}, value});
    i = (size_t)(close - text.at);
    from = i + 1;
  }
  piece_add(w, (struct piece){{text.at + from, text.len - from}, NONE});
}

static void values_build(struct building *b) {
  const struct noun_intervention *n = b->noun;
  struct template *t = b->template;
  t->values = ARENA_ARRAY(b->arena, struct template_value, n->value_count + 1);
  b->failed |= !t->values;
  if (b->failed) return;
  t->value_count = n->value_count;
  for (size_t i = 0; i < n->value_count; i++) {
    struct err e;
    struct template_value value = {.name = n->values[i].key};
    if (!name_good(value.name))
      FINDING(b, FINDING_ERROR, "values." STR_FORMAT ": a name must be letters, digits and underscores", STR_ARG(value.name));
    value.expression = expression_compile(b->symbols, n->values[i].text, WANT_ANY, &e);
    if (!value.expression) FINDING(b, FINDING_ERROR, "values." STR_FORMAT ": %s", STR_ARG(value.name), e.text);
    size_t at = i; /* insertion keeps them sorted; there are few */
    for (; at > 0 && str_compare(t->values[at - 1].name, value.name) > 0; at--) t->values[at] = t->values[at - 1];
    t->values[at] = value;
  }
}

static void word_check(struct building *b, const char *field, struct str word) {
  if (word.len > WORD_MOST) FINDING(b, FINDING_ERROR, "%s: longer than %d bytes, which no webhook carries", field, WORD_MOST);
}

static void template_build(struct building *b) {
  const struct noun_intervention *n = b->noun;
  struct template *t = b->template;
  word_check(b, "type", n->type);
  word_check(b, "channel", n->channel);
  word_check(b, "action", n->action);
  values_build(b);
  t->wordings = ARENA_ARRAY(b->arena, struct wording, n->message_count + 1);
  b->failed |= !t->wordings;
  if (b->failed) return;
  t->wording_count = n->message_count;
  if (n->message_count == 0) FINDING(b, FINDING_ERROR, "%s", "it has no message; expected message = { en = \"…\" }");
  for (size_t i = 0; i < n->message_count; i++) {
    struct wording w = {.language = n->message[i].key};
    if (!language_good(w.language))
      FINDING(b, FINDING_ERROR, "message." STR_FORMAT " is no language tag; expected one like \"en\" or \"pt-BR\"", STR_ARG(w.language));
    if (str_trim(n->message[i].text).len == 0) FINDING(b, FINDING_ERROR, "message." STR_FORMAT " is empty", STR_ARG(w.language));
    wording_cut(b, &w, n->message[i].text);
    size_t at = i;
    for (; at > 0 && str_compare(t->wordings[at - 1].language, w.language) > 0; at--) t->wordings[at] = t->wordings[at - 1];
    t->wordings[at] = w;
  }
  for (size_t i = 0; i < t->value_count; i++)
    if (!t->values[i].used) FINDING(b, FINDING_WARNING, "values." STR_FORMAT " is used in no language", STR_ARG(t->values[i].name));
}

/* The union of the values' slots, ascending: merged by hand, since there are few. */
static void slots_collect(struct building *b) {
  struct template *t = b->template;
  t->slots = ARENA_ARRAY(b->arena, uint32_t, b->symbols->count + 1);
  b->failed |= !t->slots;
  if (b->failed) return;
  for (uint32_t slot = 0; slot < b->symbols->count; slot++) {
    bool read = false;
    for (size_t i = 0; i < t->value_count && !read; i++) {
      const uint32_t *slots = NULL;
      uint32_t count = t->values[i].expression ? expression_slots(t->values[i].expression, &slots) : 0;
      for (uint32_t k = 0; k < count; k++) read |= slots[k] == slot;
    }
    if (read) t->slots[t->slot_count++] = slot;
  }
}

struct templates *templates_build(struct arena *a, const struct noun_intervention *interventions, size_t count, struct symbols *symbols,
                                  struct findings *f) {
  struct templates *all = ARENA_NEW(a, struct templates);
  struct template *at = ARENA_ARRAY(a, struct template, count + 1);
  if (!all || !at) return NULL;
  *all = (struct templates){at, count};
  for (size_t i = 0; i < count; i++) {
    struct building b = {a, symbols, f, &interventions[i], &at[i], false};
    template_build(&b);
    if (!b.failed) slots_collect(&b);
    if (b.failed) return NULL;
  }
  return all;
}

size_t template_slots(const struct templates *t, uint32_t option, const uint32_t **slots) {
  *slots = t->at[option].slots;
  return t->at[option].slot_count;
}

/* ---- rendering ---- */

static const struct wording *wording_named(const struct template *t, struct str language) {
  for (size_t i = 0; i < t->wording_count; i++) {
    const struct wording *w = &t->wordings[i];
    bool same = w->language.len == language.len;
    for (size_t k = 0; same && k < language.len; k++) { /* tags do not know case; "_" is what some phones say for "-" */
      char x = w->language.at[k], y = language.at[k];
      if (x >= 'A' && x <= 'Z') x = (char)(x + 32);
      if (y >= 'A' && y <= 'Z') y = (char)(y + 32);
      same = x == (y == '_' ? '-' : y);
    }
    if (same) return w;
  }
  return NULL;
}

static const struct wording *wording_for(const struct template *t, struct str language) {
  while (language.len > 0) { /* "zh-Hant-TW", "zh-Hant", "zh" */
    const struct wording *w = wording_named(t, language);
    if (w) return w;
    do language.len--;
    while (language.len > 0 && language.at[language.len] != '-' && language.at[language.len] != '_');
  }
  const struct wording *english = wording_named(t, STR("en"));
  return english ? english : t->wording_count ? &t->wordings[0] : NULL;
}

/* At most two decimals, half away from zero, no trailing zeros, no "-0". */
static void number_write(struct buf *out, double v) {
  char text[32];
  if (!(v > -1e13 && v < 1e13)) { /* beyond a million million cents do not matter */
    buf_put(out, text, json_number(v, text));
    return;
  }
  double scaled = (v < 0 ? -v : v) * 100;
  int64_t hundredths = (int64_t)(scaled + 0.5);
  /* 1.005 is stored a little below itself and 100 times it is not: the product decides, and six decimals of a belief never lie between. */
  if (v < 0 && hundredths != 0) buf_char(out, '-');
  buf_printf(out, "%lld", (long long)(hundredths / 100));
  if (hundredths % 100 == 0) return;
  int length = snprintf(text, sizeof text, ".%02d", (int)(hundredths % 100));
  if (text[length - 1] == '0') length--;
  buf_put(out, text, (size_t)length);
}

static void value_write(struct buf *out, const struct value *v) {
  switch ((enum value_kind)v->kind) {
  case VALUE_NUMBER: number_write(out, v->number); break;
  case VALUE_BOOL: buf_text(out, v->number != 0 ? "true" : "false"); break;
  case VALUE_TEXT: buf_str(out, value_str(*v)); break;
  case VALUE_LIST:
    for (uint32_t i = 0; i < v->count; i++) {
      if (i) buf_text(out, ", ");
      value_write(out, &v->items[i]);
    }
    break;
  case VALUE_MISSING: break;
  }
}

static bool value_has_text(const struct value *v) {
  if (v->kind == VALUE_MISSING) return false;
  if (v->kind == VALUE_TEXT) return str_trim(value_str(*v)).len > 0;
  if (v->kind == VALUE_NUMBER) return v->number - v->number == 0; /* finite */
  return v->kind != VALUE_LIST || v->count > 0;
}

struct filling {
  const struct template *template;
  const struct value *slots;
  struct value *values; /* by number; computed when first used */
  bool *known;
  struct buf message, json;
};

/* false: the value has no text that could stand in a message. */
static bool piece_fill(struct filling *f, const struct piece *p) {
  if (p->value == NONE) {
    buf_str(&f->message, p->text);
    return true;
  }
  if (!f->known[p->value]) {
    const struct expression *x = f->template->values[p->value].expression;
    f->values[p->value] = x ? expression_value(x, f->slots) : value_missing(MISSING_ABSENT);
    f->known[p->value] = true;
  }
  if (!value_has_text(&f->values[p->value])) return false;
  size_t before = f->message.len;
  value_write(&f->message, &f->values[p->value]);
  return f->message.len > before && f->message.len - before <= VALUE_MOST && f->message.len <= MESSAGE_MOST;
}

static void values_write(struct filling *f) {
  struct json_writer w = json_to(&f->json);
  json_open_object(&w);
  for (size_t i = 0; i < f->template->value_count; i++) {
    if (!f->known[i]) continue;
    json_key_str(&w, f->template->values[i].name);
    value_to_json(&w, &f->values[i]);
  }
  json_close_object(&w);
}

static size_t size_as_json(struct str s) {
  struct buf b = {0};
  struct json_writer w = json_to(&b);
  json_put_str(&w, s);
  size_t size = b.failed ? SIZE_MAX : b.len;
  buf_free(&b);
  return size;
}

static void filling_finish(struct filling *f, struct arena *a, struct rendered *out) {
  values_write(f);
  if (f->message.failed || f->json.failed || f->json.len > MESSAGE_MOST || size_as_json(buf_view(&f->message)) > MESSAGE_MOST) {
    out->missing = STR("message: longer than 8 KiB with its values");
    return;
  }
  const char *message = arena_text(a, f->message.at, f->message.len), *values = arena_text(a, f->json.at, f->json.len);
  if (message && values) {
    out->message = (struct str){message, f->message.len};
    out->values = (struct str){values, f->json.len};
  } else {
    out->missing = STR("message: out of memory");
  }
}

void template_render(const struct templates *t, uint32_t option, struct str language, const struct value *slots, struct arena *a,
                     struct rendered *out) {
  must(option < t->count);
  const struct template *template = &t->at[option];
  const struct wording *w = wording_for(template, language);
  *out = (struct rendered){.missing = w ? (struct str){NULL, 0} : STR("message")};
  if (!w) return;
  out->language = w->language;
  struct filling f = {.template = template,
                      .slots = slots,
                      .values = ARENA_ARRAY(a, struct value, template->value_count + 1),
                      .known = ARENA_ARRAY(a, bool, template->value_count + 1)};
  if (!f.values || !f.known) out->missing = STR("message: out of memory");
  for (size_t i = 0; i < w->piece_count && out->missing.len == 0; i++)
    if (!piece_fill(&f, &w->pieces[i])) out->missing = template->values[w->pieces[i].value].name;
  if (out->missing.len == 0) filling_finish(&f, a, out);
  buf_free(&f.message);
  buf_free(&f.json);
}
