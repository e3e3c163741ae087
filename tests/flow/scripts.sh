#!/bin/sh
# The scripts of the first two commands, where a machine is not as they would like it: whatever a stranger's shell exports, wherever the clone
# lies and lay before, they do what they say or say in a sentence what is in the way. Tools that would build or install are stood in for.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
tools=$work/tools
mkdir "$tools"
for name in awk cat dirname env head mkdir mktemp rm sed sh; do ln -s "$(command -v $name)" "$tools/$name"; done
tool() { # NAME, what it does on standard input
  { echo '#!/bin/sh'; cat; } >"$tools/$1"
  chmod +x "$tools/$1"
}
tool cmake <<END
echo "\$PWD|\$*" >>"$work/cmake"
END
tool ninja </dev/null
tool nproc <<'END'
echo 1
END
clone() { # DIRECTORY
  mkdir -p "$1"
  cp -r "$KAIROS_SOURCE/scripts" "$1"
}
builds() { # DIRECTORY: what cmake was asked to do, and where, lies in $work/cmake
  : >"$work/cmake"
  run "${2:-0}" env -i PATH="$tools" sh -c 'cd "$1" && scripts/build release engine' sh "$1"
}

# ---- where it lies ----
clone "$work/here/a clone's"
builds "$work/here/a clone's"
equal "what cmake configures" "$(head -n 1 "$work/cmake")" "$work/here/a clone's|--preset release"
for sign in '#' ';' '$' '"' ',' ':' '[' ']' '\'; do
  clone "$work/here/a${sign}b"
  builds "$work/here/a${sign}b" 1
  has 'in the path'
  [ ! -s "$work/cmake" ] || say "cmake was asked to build in a${sign}b"
done

# ---- what the shell exports ----
clone "$work/other/project"
clone "$work/here/project"
: >"$work/cmake"
run 0 env -i PATH="$tools" CDPATH="$work/other" sh -c 'cd "$1" && project/scripts/build' sh "$work/here"
equal "where cmake is" "$(sed -n '1s/|.*//p' "$work/cmake")" "$work/here/project"
[ ! -s "$work/out" ] || say "a directory is printed that nobody asked for"

# ---- where it lay before: a copy brings along what was built, for other paths ----
mkdir -p "$work/here/project/build/release"
echo "CMAKE_HOME_DIRECTORY:INTERNAL=$work/elsewhere" >"$work/here/project/build/release/CMakeCache.txt"
builds "$work/here/project"
equal "a copy" "$(head -n 1 "$work/cmake")" "$work/here/project|--preset release --fresh"
echo "CMAKE_HOME_DIRECTORY:INTERNAL=$work/here/project" >"$work/here/project/build/release/CMakeCache.txt"
builds "$work/here/project"
equal "no copy" "$(head -n 1 "$work/cmake")" "$work/here/project|--preset release"

# ---- where nothing can be written ----
clone "$work/here/full"
: >"$work/here/full/build"
builds "$work/here/full" 1
has "$work/here/full/build cannot be written"

# ---- what is missing ----
tool dpkg-query </dev/null
tool id <<'END'
echo 1000
END
cp "$KAIROS_SOURCE/scripts/packages.txt" "$work/here/project/scripts"
run 1 env -i PATH="$tools" "$work/here/project/scripts/install" build
has 'neither root nor sudo is at hand to install them: gcc '
tool apt-get <<END
echo "\${DEBIAN_FRONTEND:-asks} \$*" >>"$work/apt"
END
tool sudo <<'END'
exec env -i PATH="$PATH" "$@"
END
run 0 env -i PATH="$tools" "$work/here/project/scripts/install" build
equal "apt-get first" "$(sed -n 1p "$work/apt")" 'noninteractive update'
sed -n 2p "$work/apt" | grep -q '^noninteractive install -y --no-install-recommends gcc ' || say "apt-get was asked otherwise: $(sed -n 2p "$work/apt")"
tool sudo <<'END'
echo "sudo: a password is required" >&2
exit 1
END
run 1 env -i PATH="$tools" "$work/here/project/scripts/install" build
has 'could not install: gcc .*may you use sudo'
tool id <<'END'
echo 0
END
tool apt-get </dev/null
run 0 env -i PATH="$tools" "$work/here/project/scripts/install" build
