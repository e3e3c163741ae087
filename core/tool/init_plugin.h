/* init --plugin: the template of a model plugin under a name of its own. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

/* Writes `directory` with the template's files, "my_model" replaced by `name`, and the contract beside them. Nothing is written over. */
bool init_plugin(const char *directory, const char *name, struct err *e);
