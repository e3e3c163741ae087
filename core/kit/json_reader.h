/* The JSON tokenizer's state and its way to refuse, private to kit. */
#pragma once
#include "kit/json.h"
#include <stddef.h>

#define POINTER_LONGEST 160

struct json_reader {
  const unsigned char *start, *end;
  struct json_token *tokens;
  uint32_t count, cap;
  uint32_t depth, depth_most, tokens_most;
  struct arena *a;
  struct err *e;
  char pointer[POINTER_LONGEST]; /* filled from its end while a refusal climbs out */
  size_t pointer_at;
};

/* Writes the sentence: what was expected, what stands at `at`. Always NULL. */
const unsigned char *json_refuse(struct json_reader *r, const unsigned char *at, const char *what);
/* While the refusal climbs out: put the member or element it came from in front of the pointer. Always NULL. */
const unsigned char *json_pointer_key(struct json_reader *r, uint32_t key);
const unsigned char *json_pointer_index(struct json_reader *r, uint32_t index);
/* At the top: adds the pointer to the sentence. */
void json_pointer_say(struct json_reader *r);
