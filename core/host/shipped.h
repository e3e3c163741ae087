/* shipped: the SHA-256 of every plugin that was built with this engine. Generated at build time (plugins/CMakeLists.txt). Private to host.
 */
#pragma once
#include <stddef.h>

extern const unsigned char kairos_shipped_sha256[][32];
extern const size_t kairos_shipped_count;
