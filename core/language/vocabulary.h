/* Shared by event.c and vocabulary.c, private to language/: how a name behind `event.` is read. */
#pragma once
#include "kit/str.h"

enum event_envelope { ENVELOPE_TYPE, ENVELOPE_ID, ENVELOPE_SOURCE };
bool event_envelope_name(struct str name, enum event_envelope *which);

enum event_scope { SCOPE_BOTH, SCOPE_DATA, SCOPE_CONTEXT };
enum event_scope event_scope(struct str *name); /* cuts "data." or "context." off the name */
