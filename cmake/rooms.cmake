# A room is a folder of core/ with one static library. Others see only its public headers, through forwarding headers in the build
# directory (rooms/<room>/<room>/<header>), so an include that the arrows forbid does not resolve and the build fails.

add_library(kairos_warnings INTERFACE)
target_compile_options(kairos_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -ffp-contract=off -fno-math-errno
  -fstack-protector-strong -fvisibility=hidden
  "$<$<C_COMPILER_ID:GNU>:-Wno-format-truncation;-Wno-stringop-truncation>" # cutting is what snprintf is asked to do
  "$<$<C_COMPILER_ID:Clang>:-Wno-string-concatenation;-Wno-format-zero-length;-Wno-string-plus-int>") # matters of taste
target_compile_definitions(kairos_warnings INTERFACE _GNU_SOURCE KAIROS_VERSION="${PROJECT_VERSION}")
if(KAIROS_SANITIZE STREQUAL "address")
  target_compile_options(kairos_warnings INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kairos_warnings INTERFACE -fsanitize=address,undefined)
elseif(KAIROS_SANITIZE STREQUAL "thread")
  target_compile_options(kairos_warnings INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(kairos_warnings INTERFACE -fsanitize=thread)
else()
  target_compile_definitions(kairos_warnings INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()

# Rooms, not plugins or tests, are instrumented for libFuzzer, which only clang has.
add_library(kairos_coverage INTERFACE)
if(KAIROS_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "KAIROS_FUZZ needs clang (libFuzzer); the compiler is ${CMAKE_C_COMPILER_ID}")
  endif()
  target_compile_options(kairos_coverage INTERFACE -fsanitize=fuzzer-no-link)
endif()

# kairos_room(NAME USES room… LIBRARIES lib… PUBLIC header… [FILES file…] [FOLDER dir] [ALSO include dir])
# A room without sources yet is a name with its headers (INTERFACE); it becomes a library when its first .c appears.
function(kairos_room NAME)
  cmake_parse_arguments(ROOM "" "FOLDER;ALSO" "USES;LIBRARIES;PUBLIC;FILES" ${ARGN})
  if(NOT ROOM_FOLDER)
    set(ROOM_FOLDER ${CMAKE_CURRENT_SOURCE_DIR}/${NAME})
  endif()
  if(ROOM_FILES)
    list(TRANSFORM ROOM_FILES PREPEND ${ROOM_FOLDER}/)
    file(GLOB ROOM_FILES CONFIGURE_DEPENDS ${ROOM_FILES})
  else()
    file(GLOB ROOM_FILES CONFIGURE_DEPENDS ${ROOM_FOLDER}/*.c)
  endif()
  set(gate ${CMAKE_BINARY_DIR}/rooms/${NAME})
  foreach(header ${ROOM_PUBLIC})
    file(CONFIGURE OUTPUT ${gate}/${NAME}/${header} CONTENT "#include \"${ROOM_FOLDER}/${header}\"\n" @ONLY)
  endforeach()
  if(ROOM_FILES)
    add_library(kairos_${NAME} STATIC ${ROOM_FILES})
    set(kind PUBLIC)
    target_link_libraries(kairos_${NAME} PRIVATE kairos_warnings kairos_coverage)
  else()
    add_library(kairos_${NAME} INTERFACE)
    set(kind INTERFACE)
  endif()
  target_include_directories(kairos_${NAME} ${kind} ${gate} ${ROOM_ALSO})
  foreach(used ${ROOM_USES})
    target_link_libraries(kairos_${NAME} ${kind} kairos_${used})
  endforeach()
  foreach(library ${ROOM_LIBRARIES})
    target_link_libraries(kairos_${NAME} ${kind} ${library})
  endforeach()
  # what the room's compiler is given, for tests/arch/forbidden_include.lua
  if(kind STREQUAL "PUBLIC")
    set(property INCLUDE_DIRECTORIES)
  else()
    set(property INTERFACE_INCLUDE_DIRECTORIES)
  endif()
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/rooms/${NAME}.includes
    CONTENT "${CMAKE_C_COMPILER}\n$<JOIN:$<TARGET_PROPERTY:kairos_${NAME},${property}>,\n>\n")
endfunction()
