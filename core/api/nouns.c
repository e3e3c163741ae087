/* nouns: the language as data: every noun with its fields, from the tables that the checker itself uses. For editors and the console. Main
 * thread. */
#include "inside.h"

void api_nouns(struct request *r, void *context) {
  (void)context;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  language_describe(&w);
  request_answer_take(r, 200, "application/json", &out);
}
