#!/bin/sh
# The sources keep the laws of docs/ARCHITECTURE.md that files can show: arrows, cycles, sizes, words (house.lua).
set -eu
exec lua5.4 "$KAIROS_SOURCE/tests/arch/house.lua" "$KAIROS_SOURCE"
