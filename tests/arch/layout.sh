#!/bin/sh
# Every C file is laid out as .clang-format says (scripts/format does it).
set -eu
exec "$KAIROS_SOURCE/scripts/format" --check
