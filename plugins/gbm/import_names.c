/* Which of the model's inputs a file's features are. Promises a mapping that is by name when the file has names of its own, and by place
 * when it has none or only those that XGBoost and LightGBM make up (f0, Column_0): the wrong columns under the right count are what nobody
 * sees later. Called while a model is built. */
#include "common/memory.h"
#include "common/refuse.h"
#include "import.h"
#include <string.h>

/* "f12" or "Column_12" for feature 12. */
static bool made_up(const char *name, size_t length, uint32_t feature) {
  const char *const prefixes[] = {"f", "Column_"};
  for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
    const size_t skip = strlen(prefixes[p]);
    uint32_t number = 0;
    if (length <= skip || length > skip + 5 || memcmp(name, prefixes[p], skip) != 0) continue;
    size_t i = skip;
    for (; i < length && name[i] >= '0' && name[i] <= '9'; i++) number = number * 10 + (uint32_t)(name[i] - '0');
    if (i == length && number == feature) return true;
  }
  return false;
}

kairos_status import_map_count(struct import_map *m, const kairos_model *model, const char *what, uint32_t features, kairos_error *error) {
  const struct shape *shape = &model->settings.shape;
  *m = (struct import_map){.shape = shape, .what = what};
  if (features != shape->input_count)
    return refuse(error, KAIROS_BAD_STATE, "%s: it was trained on %u features, the model's configuration names %u inputs", what, features,
                  shape->input_count);
  for (uint32_t i = 0; i < features; i++) m->input[i] = (uint16_t)i;
  return KAIROS_OK;
}

kairos_status import_map_name(struct import_map *m, const char *name, size_t length, kairos_error *error) {
  const uint32_t feature = m->named++;
  if (feature >= m->shape->input_count)
    return refuse(error, KAIROS_BAD_STATE, "%s: it names more than its %u features", m->what, m->shape->input_count);
  const uint32_t input = shape_find(m->shape, name, length);
  if (input < m->shape->input_count) {
    for (uint32_t i = 0; i < feature; i++)
      if (m->own && m->input[i] == input)
        return refuse(error, KAIROS_BAD_STATE, "%s: feature '%.*s' stands twice", m->what, (int)length, name);
    m->own = true;
    m->input[feature] = (uint16_t)input;
  } else if (made_up(name, length, feature) && !m->own) {
    m->counted = true;
  } else {
    return refuse(error, KAIROS_BAD_STATE, "%s: feature %u is '%.*s', which is none of the model's inputs", m->what, feature,
                  (int)(length < 60 ? length : 60), name);
  }
  if (m->own && m->counted)
    return refuse(error, KAIROS_BAD_STATE, "%s: feature %u is '%.*s', those before it have no names of their own", m->what, feature,
                  (int)(length < 60 ? length : 60), name);
  return KAIROS_OK;
}

kairos_status import_map_end(const struct import_map *m, kairos_error *error) {
  if (m->named == 0 || m->named == m->shape->input_count) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_STATE, "%s: it names %u of its %u features", m->what, m->named, m->shape->input_count);
}

struct loose_node *import_room(struct import_room *room, const kairos_host *host, uint32_t count) {
  if (count > room->count) {
    memory_give(host, room->nodes, room->count, sizeof *room->nodes);
    room->nodes = memory_take(host, count, sizeof *room->nodes);
    room->count = room->nodes ? count : 0;
  } else {
    memset(room->nodes, 0, count * sizeof *room->nodes);
  }
  return room->nodes;
}

void import_room_free(struct import_room *room, const kairos_host *host) {
  memory_give(host, room->nodes, room->count, sizeof *room->nodes);
}
