# The libraries of Debian 12 that Kairos stands on; docs/DECISIONS.md says why each.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(entry sodium:libsodium xxhash:libxxhash uv:libuv lua:lua5.4 sqlite:sqlite3 zlib:zlib zstd:libzstd curl:libcurl seccomp:libseccomp)
  string(REPLACE ":" ";" pair ${entry})
  list(GET pair 0 short)
  list(GET pair 1 module)
  pkg_check_modules(${short} REQUIRED IMPORTED_TARGET ${module})
  add_library(lib_${short} INTERFACE)
  target_link_libraries(lib_${short} INTERFACE PkgConfig::${short})
endforeach()
# The static library: before 1.10 LZ4_attach_dictionary, which lets every row share one dictionary's table, is in no other.
find_library(LZ4_LIBRARY NAMES liblz4.a lz4 REQUIRED)
find_path(LZ4_INCLUDE lz4.h REQUIRED)
add_library(lib_lz4 INTERFACE)
target_link_libraries(lib_lz4 INTERFACE ${LZ4_LIBRARY})
target_include_directories(lib_lz4 SYSTEM INTERFACE ${LZ4_INCLUDE})

pkg_check_modules(jansson IMPORTED_TARGET jansson) # tests only
pkg_check_modules(cmocka IMPORTED_TARGET cmocka)   # tests only

# llhttp comes as C sources in Debian (node-llhttp); compiled from where the package put them, with its own warnings off.
find_path(LLHTTP_SOURCE llhttp.c PATHS /usr/share/llhttp REQUIRED)
find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
add_library(lib_llhttp STATIC ${LLHTTP_SOURCE}/api.c ${LLHTTP_SOURCE}/http.c ${LLHTTP_SOURCE}/llhttp.c)
target_include_directories(lib_llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
target_compile_options(lib_llhttp PRIVATE -w -O2)
