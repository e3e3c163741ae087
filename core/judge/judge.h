/* judge: outcomes become knowledge. In this version: responses and proximal outcomes are joined to the decision they belong to, by its id.
 * Pure over the user's state; called by flow in a lane after the features have moved, live and in replay alike. */
#pragma once
#include "book/book.h"
#include "language/language.h"

/* Joins an `intervention_response` (data.decisionId, data.response) to the user's own send. True in `*learned` when something was learned.
 * An unknown or somebody else's decision id teaches nothing and is no error: foreign ids are kept in the journal. [lane] */
void reward_join(struct user *u, const struct event *e, struct arena *scratch, bool *learned);
