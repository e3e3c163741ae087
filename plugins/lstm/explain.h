/* Inside lstm: explanations of its answers. */
#ifndef KAIROS_LSTM_EXPLAIN_H
#define KAIROS_LSTM_EXPLAIN_H
#include "lstm.h"

#define EXPLAIN_STEPS 50 /* METHODS 3.4 */

/* kairos_explain's function. */
kairos_status lstm_explain(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                           double *contributions, double *base, kairos_error *error);
/* The same without its checks; `left` (NULL: not wanted) is what the steps of the path left over before it was shared out. */
kairos_status explain_rows(const kairos_model *model, const kairos_batch *in, double *contributions, double *base, double *left,
                           kairos_error *error);
#endif
