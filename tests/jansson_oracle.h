/* jansson beside kit/json.h in one file: both name their types JSON_…, so jansson's are renamed while its header is read. Include this
 * before kit/json.h. jansson's own macros that compare types (json_is_object …) must not be used after it; json_typeof with JANSSON_… may.
 */
#pragma once
#define json_type   jansson_type
#define JSON_NULL   JANSSON_NULL
#define JSON_FALSE  JANSSON_FALSE
#define JSON_TRUE   JANSSON_TRUE
#define JSON_STRING JANSSON_STRING
#define JSON_ARRAY  JANSSON_ARRAY
#define JSON_OBJECT JANSSON_OBJECT
#include <jansson.h>
#undef json_type
#undef JSON_NULL
#undef JSON_FALSE
#undef JSON_TRUE
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT
