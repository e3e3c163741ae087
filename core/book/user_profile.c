/* Merging a JSON object into a user's profile. Promises that either all of it is merged or nothing, that keys keep the order in which they
 * first came (so that the same rows make the same bytes), and that a caller without the right to identify moves neither zone, age nor
 * consent, lifts no health flag, nor grows a profile beyond a bound. Does not decide what a profile means. Called by flow on the lane. */
#include "book/user.h"
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/json.h"
#include "user_text.h"
#include <string.h>

/* What identifies or protects a person: a public write key never moves it. */
static const char *const identifying[] = {"timezone", "age", "demographics", "guardianConsent", "consent"};

static bool identifies(struct str key) {
  for (size_t i = 0; i < sizeof identifying / sizeof *identifying; i++)
    if (str_is(key, identifying[i])) return true;
  return false;
}

const char *const health_flags[HEALTH_FLAGS] = {"ill", "injured", "pregnant"};

static bool is_health(struct str key) {
  for (size_t i = 0; i < HEALTH_FLAGS; i++)
    if (str_is(key, health_flags[i])) return true;
  return false;
}

/* What the patch may say of a key, or JSON_NONE. Anybody may say that somebody is to be spared; only who may identify takes it back. */
static uint32_t patch_of(const struct json *patch, struct str key, bool may_identify) {
  const uint32_t at = json_get_str(patch, 0, key);
  if (may_identify || at == JSON_NONE) return at;
  bool said = false;
  if (is_health(key)) return json_bool(patch, at, &said) && said ? at : JSON_NONE;
  return identifies(key) ? JSON_NONE : at;
}

const char *profile_left_out(const struct json *j, uint32_t patch) {
  for (size_t i = 0; i < sizeof identifying / sizeof *identifying; i++)
    if (json_get(j, patch, identifying[i]) != JSON_NONE) return identifying[i];
  for (size_t i = 0; i < HEALTH_FLAGS; i++) {
    const uint32_t at = json_get(j, patch, health_flags[i]);
    bool said = false;
    if (at != JSON_NONE && !(json_bool(j, at, &said) && said)) return health_flags[i];
  }
  return NULL;
}

/* Only absent, null and false say no: a flag in another form was meant to protect. */
uint32_t user_health(const struct user *u, struct arena *a) {
  struct json j;
  uint32_t flags = 0;
  if (!json_parse(&j, a, u->profile, &json_limits_default, NULL)) return (1u << HEALTH_FLAGS) - 1;
  for (uint32_t i = 0; i < HEALTH_FLAGS; i++) {
    const uint32_t at = json_get(&j, 0, health_flags[i]);
    bool said = true;
    if (at == JSON_NONE || json_type(&j, at) == JSON_NULL || (json_bool(&j, at, &said) && !said)) continue;
    flags |= 1u << i;
  }
  return flags;
}

/* What the patch says about identity, read and checked before anything is changed. */
struct identity {
  bool zone_said, age_said, minor_said, minor;
  struct str zone_name;
  const struct tz *zone;
  int32_t age;
};

bool profile_zone_fine(const struct json *j, uint32_t profile, const char *pointer, struct arena *a, struct err *e) {
  const uint32_t at = json_get(j, profile, "timezone");
  if (json_type(j, at) != JSON_STRING) return true; /* null takes it away; what is no text is refused by its kind */
  const struct str name = json_text(j, at, a);
  if (name.len && memchr(name.at, 0, name.len)) return true; /* a NUL has a sentence of its own */
  struct err why = {0};
  if (tz_is_place(name)) /* a file that cannot be read is nobody's fault: the merge says so */
    return tz_named(name, &why) || why.kind != ERR_MISSING || err_set(e, ERR_INPUT, "%s: %s", pointer, why.text);
  const struct str raw = json_raw(j, at);
  return err_set(e, ERR_INPUT, "%s: expected the time zone of a place, such as Europe/Berlin, or null, got %.*s", pointer,
                 raw.len < 40 ? (int)raw.len : 40, raw.at);
}

static bool read_zone(const struct json *patch, uint32_t at, struct identity *out, struct arena *a, struct err *e) {
  if (at == JSON_NONE) return true;
  out->zone_said = true;
  if (json_type(patch, at) == JSON_NULL) return true;
  if (json_type(patch, at) != JSON_STRING)
    return err_set(e, ERR_INPUT, "timezone: expected the name of a time zone such as \"Europe/Berlin\", got %.40s",
                   arena_text(a, json_raw(patch, at).at, json_raw(patch, at).len));
  out->zone_name = json_text(patch, at, a);
  if (!out->zone_name.len) return true;
  if (memchr(out->zone_name.at, 0, out->zone_name.len))
    return err_set(e, ERR_INPUT, "timezone: expected the name of a time zone such as \"Europe/Berlin\", got a text that holds a NUL");
  out->zone = tz_named(out->zone_name, e);
  if (out->zone) return true;
  if (e && e->kind == ERR_MISSING) e->kind = ERR_INPUT; /* the request is wrong, not its address */
  return err_wrap(e, "timezone");
}

static bool read_age(const struct json *patch, uint32_t at, const char *path, struct identity *out, struct err *e) {
  if (at == JSON_NONE) return true;
  if (!out->age_said) out->age = -1;
  out->age_said = true;
  if (json_type(patch, at) == JSON_NULL) return true;
  double years;
  if (!json_double(patch, at, &years) || !(years >= 0 && years <= 130)) {
    const struct str raw = json_raw(patch, at);
    return err_set(e, ERR_INPUT, "%s: expected years from 0 to 130, got " STR_FORMAT, path, (int)(raw.len < 40 ? raw.len : 40), raw.at);
  }
  if (out->age < 0 || years < out->age) out->age = (int32_t)years; /* of two that contradict the lower one protects */
  return true;
}

/* The lower one of the two places, whichever patch it came with. */
static int32_t lower_age(struct str profile, int32_t age, struct arena *a) {
  static const char *const places[] = {"age", "demographics.age"};
  struct json kept;
  double years;
  if (age < 0 || !json_parse(&kept, a, profile, &json_limits_default, NULL)) return age;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (json_double(&kept, json_path(&kept, 0, places[i]), &years) && years >= 0 && years < age) age = (int32_t)years;
  return age;
}

static bool read_minor(const struct json *patch, struct identity *out, struct err *e) {
  const uint32_t minor = json_get(patch, 0, "guardianConsent");
  if (minor == JSON_NONE) return true;
  out->minor_said = true;
  if (json_type(patch, minor) == JSON_NULL || json_bool(patch, minor, &out->minor)) return true;
  return err_set(e, ERR_INPUT, "guardianConsent: expected true or false");
}

/* Everything that is wrong is said, not only what comes first. */
static bool read_identity(const struct json *patch, struct identity *out, struct arena *a, struct err *e) {
  struct err one = {0}, all = {0};
  const uint32_t demographics = json_get(patch, 0, "demographics");
  bool ok = read_zone(patch, json_get(patch, 0, "timezone"), out, a, &one) || err_also(&all, &one);
  ok = (read_age(patch, json_get(patch, 0, "age"), "age", out, &one) || err_also(&all, &one)) && ok;
  ok = (read_age(patch, json_path(patch, 0, "demographics.age"), "demographics.age", out, &one) || err_also(&all, &one)) && ok;
  ok = (read_minor(patch, out, &one) || err_also(&all, &one)) && ok;
  if (demographics != JSON_NONE && json_type(patch, demographics) == JSON_NULL && !out->age_said) {
    out->age_said = true; /* what it was read from is gone */
    out->age = -1;
  }
  if (!ok && e) *e = all;
  return ok;
}

/* Old keys in their order with the patch's values where it has one, then the patch's new keys. */
static void write_merged(const struct json *old, const struct json *patch, bool may_identify, struct arena *a, struct buf *out) {
  struct json_writer w = json_to(out);
  json_open_object(&w);
  for (uint32_t i = 0, at = 1; i < old->tokens[0].count; i++, at = old->tokens[at + 1].next) {
    const struct str key = json_text(old, at, a);
    const uint32_t theirs = patch_of(patch, key, may_identify);
    if (theirs != JSON_NONE && json_type(patch, theirs) == JSON_NULL) continue;
    json_key_str(&w, key);
    json_put_raw(&w, theirs == JSON_NONE ? json_raw(old, at + 1) : json_raw(patch, theirs));
  }
  for (uint32_t i = 0, at = 1; i < patch->tokens[0].count; i++, at = patch->tokens[at + 1].next) {
    const struct str key = json_text(patch, at, a);
    if (json_type(patch, at + 1) == JSON_NULL || json_get_str(old, 0, key) != JSON_NONE) continue;
    if (patch_of(patch, key, may_identify) == JSON_NONE) continue;
    json_key_str(&w, key);
    json_put_raw(&w, json_raw(patch, at + 1));
  }
  json_close_object(&w);
}

static bool merge(struct user *u, struct str json_object, bool may_identify, size_t most, struct arena *a, struct err *e) {
  struct json old, patch;
  if (!json_parse(&patch, a, json_object, &json_limits_default, e)) return err_wrap(e, "profile");
  if (json_type(&patch, 0) != JSON_OBJECT) return err_set(e, ERR_INPUT, "profile: expected an object of traits");
  if (!json_parse(&old, a, u->profile.len ? u->profile : STR("{}"), &json_limits_default, e)) return err_wrap(e, "the stored profile");
  struct identity said = {0};
  if (may_identify && !read_identity(&patch, &said, a, e)) return false;
  struct buf merged = {0};
  write_merged(&old, &patch, may_identify, a, &merged);
  struct str zone_name = {0};
  if (merged.len > most && merged.len > u->profile.len) { /* what is too long already may stay as long, or become shorter */
    const size_t length = merged.len;
    buf_free(&merged);
    return err_set(e, ERR_INPUT, "profile: it would be %zu bytes long; at most %zu are kept of a user", length, most);
  }
  if (said.age_said && !merged.failed) said.age = lower_age(buf_view(&merged), said.age, a);
  bool done = !merged.failed && (!said.zone_said || user_text_copy(said.zone_name, &zone_name));
  if (done && !str_eq(buf_view(&merged), u->profile)) done = user_set_profile(u, buf_view(&merged));
  buf_free(&merged);
  if (!done) {
    user_text_free(&zone_name);
    return err_set(e, ERR_STORAGE, "profile: memory for merging it is missing");
  }
  if (said.zone_said) {
    user_text_free(&u->zone_name);
    u->zone_name = zone_name;
    u->zone = said.zone;
  }
  if (said.age_said) u->age = said.age;
  if (said.minor_said) u->minor_consent = said.minor;
  return true;
}

static bool merge_within(struct user *u, struct str json_object, bool may_identify, size_t most, struct err *e) {
  struct arena a = {0};
  const bool done = merge(u, json_object, may_identify, most, &a, e);
  arena_free(&a);
  return done;
}

bool user_merge_profile(struct user *u, struct str json_object, bool may_identify, struct err *e) {
  return merge_within(u, json_object, may_identify, PROFILE_MOST, e);
}

bool user_merge_own(struct user *u, struct str json_object, struct err *e) {
  return merge_within(u, json_object, true, SIZE_MAX, e);
}
