/* The one way in which shipped plugins report a failure. Promises that the message is closed by a NUL and never longer than its room.
 * Called by every function of a plugin that can fail, on whichever thread that runs. */
#include "common/refuse.h"
#include <stdarg.h>
#include <stdio.h>

kairos_status refuse(kairos_error *error, kairos_status status, const char *format, ...) {
  if (!error) return status;
  error->status = status;
  va_list list;
  va_start(list, format);
  vsnprintf(error->message, sizeof error->message, format, list);
  va_end(list);
  return status;
}
