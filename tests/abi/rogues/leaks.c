/* Forgets memory when a model is destroyed. */
#include "rogue.h"
static void destroy(kairos_model *model) {
  model->offset = 0;
}
PLUGIN(.destroy = destroy)
