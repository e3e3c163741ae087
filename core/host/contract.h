/* contract: does what a plugin says of itself hold together? And the digest of a schema. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include "kit/err.h"
#include "kit/str.h"

/* `who` begins the sentences. Reads every string and field that the table names: in a child first. */
bool contract_check(const char *who, const kairos_plugin *t, struct err *e);
bool contract_schema(const char *who, const char *side, const kairos_schema *s, struct err *e);
bool contract_policy(const char *who, const kairos_plugin *t, const kairos_schema *outputs, struct err *e);
/* A model's own schemas: the table's, or what kairos.schema/1 says. */
bool contract_of_model(const char *who, const kairos_plugin *t, const kairos_model *model, const kairos_schema **inputs,
                       const kairos_schema **outputs, struct err *e);
/* Name, type, width and unit of every field in order, inputs then outputs: what is stored with a state. Its SHA-256 is the digest. */
void contract_pack(const kairos_schema *inputs, const kairos_schema *outputs, struct buf *out);
/* Two packed lists that differ: the sentence names the first field that does. Always false. `state` is what the state was made with. */
bool contract_differ(const char *who, struct str state, struct str model, struct err *e);
/* A status other than KAIROS_OK as an error; the message is closed and cleaned. Always false. */
bool contract_status(const char *who, const char *doing, kairos_status status, kairos_error *said, struct err *e);
kairos_error contract_error(void);
