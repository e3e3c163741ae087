# The list of shipped plugins. Included by plugins/CMakeLists.txt it makes the library kairos_shipped, whose one source is generated from the
# built .so files, and links core/host to it; so whatever links host is built after the plugins. Run as a script (cmake -P) it writes that
# source: OUTPUT, and PLUGINS separated by |.
if(CMAKE_SCRIPT_MODE_FILE)
  string(REPLACE "|" ";" PLUGINS "${PLUGINS}")
  set(rows "")
  set(count 0)
  foreach(plugin ${PLUGINS})
    file(SHA256 ${plugin} digest)
    get_filename_component(name ${plugin} NAME)
    string(REGEX REPLACE "(..)" "0x\\1, " bytes ${digest})
    string(APPEND rows "    {${bytes}}, /* ${name} */\n")
    math(EXPR count "${count} + 1")
  endforeach()
  file(WRITE ${OUTPUT} "/* Generated from the built plugins by plugins/shipped.cmake. */
#include <stddef.h>
extern const unsigned char kairos_shipped_sha256[][32];
extern const size_t kairos_shipped_count;
const unsigned char kairos_shipped_sha256[][32] = {
${rows}    {0},
};
const size_t kairos_shipped_count = ${count};
")
  return()
endif()

set(shipped_targets "")
foreach(file ${folders})
  get_filename_component(folder ${file} DIRECTORY)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(kind ${target} TYPE)
    if(kind STREQUAL "MODULE_LIBRARY")
      list(APPEND shipped_targets ${target})
    endif()
  endforeach()
endforeach()
list(TRANSFORM shipped_targets REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE shipped_files)
string(REPLACE ";" "|" shipped_files "${shipped_files}")

set(shipped_source ${CMAKE_CURRENT_BINARY_DIR}/shipped.c)
add_custom_command(OUTPUT ${shipped_source}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${shipped_source} -DPLUGINS=${shipped_files} -P ${CMAKE_CURRENT_SOURCE_DIR}/shipped.cmake
  DEPENDS ${shipped_targets} ${CMAKE_CURRENT_SOURCE_DIR}/shipped.cmake
  COMMENT "the list of shipped plugins" VERBATIM)
add_library(kairos_shipped STATIC ${shipped_source})
target_link_libraries(kairos_shipped PRIVATE kairos_warnings)
get_target_property(host_kind kairos_host TYPE)
if(NOT host_kind STREQUAL "INTERFACE_LIBRARY")
  target_link_libraries(kairos_host PUBLIC kairos_shipped)
endif()
