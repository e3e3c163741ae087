# A test is one file. Its first line says what it is linked against:
#
#   /* rooms: kit language */                        one executable, one ctest `<folder>/<stem>`
#   /* rooms: kit book; inside: book */              also sees the private headers of core/book
#   /* rooms: kit; libraries: lib_curl z */          also linked against CMake targets or libraries
#   /* helper: kit; libraries: … */                  an executable that scripts use: built, not run as a test
#
# An executable script (*.sh, *.lua) in one of the folders is one ctest as well. It gets KAIROS (the built program), KAIROS_BUILD
# (the build directory, where plugins/ and tests/<helper> lie), KAIROS_SOURCE; exit code 77 means skipped.

set(KAIROS_TEST_ENVIRONMENT
  "KAIROS=${CMAKE_BINARY_DIR}/kairos"
  "KAIROS_BUILD=${CMAKE_BINARY_DIR}"
  "KAIROS_SOURCE=${PROJECT_SOURCE_DIR}"
  "ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:handle_abort=0"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
  "TSAN_OPTIONS=halt_on_error=1:die_after_fork=0:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")

# Two builds' tests can stand in one list (scripts/test): a sanitized build's names carry a prefix.
set(KAIROS_TEST_PREFIX "")
if(KAIROS_SANITIZE STREQUAL "address")
  set(KAIROS_TEST_PREFIX "asan/")
elseif(KAIROS_SANITIZE STREQUAL "thread")
  set(KAIROS_TEST_PREFIX "tsan/")
endif()
if(KAIROS_SANITIZE)
  list(APPEND KAIROS_TEST_ENVIRONMENT "KAIROS_SANITIZE=${KAIROS_SANITIZE}")
endif()

# Reads the first line of FILE into <PREFIX>_KIND (rooms, helper, or empty), _ROOMS, _INSIDE, _LIBRARIES.
function(kairos_read_first_line FILE PREFIX)
  file(STRINGS ${FILE} first LIMIT_COUNT 1)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
  set(kind "")
  foreach(word ROOMS INSIDE LIBRARIES)
    set(${word} "")
  endforeach()
  if(first MATCHES "^/\\* (rooms|helper): *([^*]*)\\*/")
    set(kind ${CMAKE_MATCH_1})
    string(REPLACE ";" "|" rest "${CMAKE_MATCH_2}")
    if(rest MATCHES "^([^|]*)")
      separate_arguments(ROOMS UNIX_COMMAND "${CMAKE_MATCH_1}")
    endif()
    if(rest MATCHES "inside:([^|]*)")
      separate_arguments(INSIDE UNIX_COMMAND "${CMAKE_MATCH_1}")
    endif()
    if(rest MATCHES "libraries:([^|]*)")
      separate_arguments(LIBRARIES UNIX_COMMAND "${CMAKE_MATCH_1}")
    endif()
  endif()
  set(${PREFIX}_KIND "${kind}" PARENT_SCOPE)
  set(${PREFIX}_ROOMS "${ROOMS}" PARENT_SCOPE)
  set(${PREFIX}_INSIDE "${INSIDE}" PARENT_SCOPE)
  set(${PREFIX}_LIBRARIES "${LIBRARIES}" PARENT_SCOPE)
endfunction()

# Links TARGET against what the first line named.
function(kairos_link_first_line TARGET PREFIX)
  target_compile_definitions(${TARGET} PRIVATE KAIROS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KAIROS_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_include_directories(${TARGET} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${TARGET} PRIVATE kairos_warnings)
  foreach(room ${${PREFIX}_ROOMS})
    target_link_libraries(${TARGET} PRIVATE kairos_${room})
  endforeach()
  foreach(room ${${PREFIX}_INSIDE})
    # -iquote, so that kit's math.h never answers for <math.h>
    target_compile_options(${TARGET} PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}/core/${room}")
  endforeach()
  target_link_libraries(${TARGET} PRIVATE ${${PREFIX}_LIBRARIES})
endfunction()

function(kairos_test_settings NAME FOLDER SECONDS)
  set_tests_properties(${NAME} PROPERTIES LABELS ${FOLDER} TIMEOUT ${SECONDS} SKIP_RETURN_CODE 77
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} ENVIRONMENT "${KAIROS_TEST_ENVIRONMENT}")
endfunction()

function(kairos_c_tests FOLDER SECONDS)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.c)
  foreach(file ${files})
    get_filename_component(target ${file} NAME_WE)
    set(name ${KAIROS_TEST_PREFIX}${FOLDER}/${target})
    if(TARGET ${target})
      set(target ${FOLDER}_${target})
    endif()
    kairos_read_first_line(${file} test)
    if(NOT test_KIND)
      message(WARNING "${file}: its first line must be `/* rooms: … */` or `/* helper: … */`; it is left out")
      continue()
    endif()
    add_executable(${target} ${file})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    kairos_link_first_line(${target} test)
    if(test_KIND STREQUAL "rooms")
      target_link_libraries(${target} PRIVATE PkgConfig::cmocka PkgConfig::jansson)
      add_test(NAME ${name} COMMAND ${target})
      kairos_test_settings(${name} ${FOLDER} ${SECONDS})
    endif()
  endforeach()
endfunction()

function(kairos_script_tests FOLDER SECONDS)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.sh ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.lua)
  foreach(file ${files})
    execute_process(COMMAND test -x ${file} RESULT_VARIABLE missing)
    if(missing) # a file that scripts read or source, not a test
      continue()
    endif()
    get_filename_component(stem ${file} NAME_WE)
    set(name ${KAIROS_TEST_PREFIX}${FOLDER}/${stem})
    add_test(NAME ${name} COMMAND ${file})
    kairos_test_settings(${name} ${FOLDER} ${SECONDS})
  endforeach()
endfunction()

# tests/fuzz/fuzz_<target>.c: with KAIROS_FUZZ a libFuzzer executable, otherwise linked with a main that replays files. Either way the
# ctest replays the seeds in tests/fuzz/corpus/<target>/; with libFuzzer it then runs on from them, deterministically, for a while.
# scripts/fuzz runs longer.
function(kairos_fuzz_targets FOLDER)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/fuzz_*.c)
  foreach(file ${files})
    get_filename_component(target ${file} NAME_WE)
    string(REPLACE fuzz_ "" short ${target})
    set(name ${KAIROS_TEST_PREFIX}${FOLDER}/${short})
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/corpus/${short})
    kairos_read_first_line(${file} fuzz)
    add_executable(${target} ${file} ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/counted_time.c)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    kairos_link_first_line(${target} fuzz)
    if(KAIROS_FUZZ)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/short.sh $<TARGET_FILE:${target}> ${corpus})
    else()
      target_sources(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/replay.c)
      add_test(NAME ${name} COMMAND ${target} ${corpus})
    endif()
    kairos_test_settings(${name} ${FOLDER} 600)
  endforeach()
endfunction()
