/* import: what the readers of XGBoost's and LightGBM's files share. */
#ifndef KAIROS_GBM_IMPORT_H
#define KAIROS_GBM_IMPORT_H
#include "gbm.h"

struct import_map { /* feature of the file → input of the model */
  const struct shape *shape;
  const char *what;
  uint32_t named;
  bool own, counted; /* names that are the model's; names that only count */
  uint16_t input[SHAPE_INPUTS_MOST];
};
/* By place, until names are given; the file must have as many features as the model inputs. [build] */
kairos_status import_map_count(struct import_map *m, const kairos_model *model, const char *what, uint32_t features, kairos_error *error);
kairos_status import_map_name(struct import_map *m, const char *name, size_t length, kairos_error *error); /* the next feature's */
kairos_status import_map_end(const struct import_map *m, kairos_error *error);

struct import_room { /* one tree's nodes; grows with the largest */
  struct loose_node *nodes;
  uint32_t count;
};
struct loose_node *import_room(struct import_room *room, const kairos_host *host, uint32_t count); /* zeroed; NULL: no memory */
void import_room_free(struct import_room *room, const kairos_host *host);

#endif
