#!/bin/sh
# Every Lua file is clean under .luacheckrc: rules know the words of the language and nothing else.
set -eu
command -v luacheck >/dev/null 2>&1 || { echo "luacheck is missing; scripts/install test brings it"; exit 77; }
cd "$KAIROS_SOURCE"
exec luacheck --no-cache --quiet --codes rules interventions models tests
