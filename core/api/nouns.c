/* nouns: the language as data: every noun with its fields, from the tables that the checker itself uses. For editors and the console. Main
 * thread. */
#include "inside.h"

void api_nouns(struct request *r, void *context) {
  (void)context;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  language_describe(&w);
  if (out.failed) request_problem(r, 503, "busy", NULL, "no memory for the answer");
  else request_answer(r, 200, "application/json", buf_view(&out));
  buf_free(&out);
}
